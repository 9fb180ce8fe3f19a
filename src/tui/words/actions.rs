//! What each action does: the languages of the action table. English is in the table itself; a row here is the
//! action, its word for the hint bar (empty where the table's is) and its line of documentation.

use crate::config::Language;
use crate::tui::action::Action::{self, *};
use crate::tui::action::Context;

const CHINESE: &[(Action, &str, &str)] = &[
    (Start, "启动", "显示队列的计划，确认后启动"),
    (AddReference, "新增", "输入镜像引用并加入队列"),
    (Import, "", "读取列出镜像的文件：images.json、同步文件、导出请求、列表"),
    (SetTarget, "目标", "设置复制的目标：HOST[/PREFIX]、镜像仓库名、store: 或 oci:DIR"),
    (Login, "登录", "登录拒绝访问的镜像仓库，或光标所在的镜像仓库"),
    (Logout, "", "忘记光标所在镜像仓库已保存的登录"),
    (FocusRegistries, "", "转到镜像仓库面板"),
    (FocusBrowse, "", "转到浏览面板"),
    (FocusQueue, "", "转到队列面板"),
    (FocusJobs, "", "转到任务面板"),
    (FocusLogs, "", "转到日志面板"),
    (FocusDetails, "", "转到详情面板"),
    (NextPane, "", "转到下一个面板"),
    (PreviousPane, "", "转到上一个面板"),
    (Zoom, "放大", "让当前面板占满屏幕，或恢复原状"),
    (Palette, "命令", "按名称查找操作"),
    (Help, "", "显示全部按键"),
    (Redraw, "", "重绘整个屏幕"),
    (Suspend, "", "挂起 wharf，用 `fg` 恢复"),
    (Back, "", "退回一层：范围选择、筛选、放大、浏览层级"),
    (Quit, "", "退出；有未完成的事会先询问"),
    (Down, "", "下移一行"),
    (Up, "", "上移一行"),
    (HalfPageDown, "", "下移半页"),
    (HalfPageUp, "", "上移半页"),
    (PageDown, "", "下移一页"),
    (PageUp, "", "上移一页"),
    (Top, "", "到第一行"),
    (Bottom, "", "到最后一行"),
    (OpenRegistry, "浏览", "浏览其中的内容"),
    (UseAsTarget, "复制到此", "把副本发往此处（目录则为导出）"),
    (Mark, "标记", "标记该行或取消标记，并下移；文件即其全部镜像"),
    (MarkRange, "范围", "开始选择范围；再按一次标记整个范围"),
    (Add, "加入", "把已标记的（没有则当前行）作为复制加入队列"),
    (AddWithOptions, "", "把已标记的（没有则当前行）加入队列，并设定平台、标签、目标等选项"),
    (Export, "导出", "把已标记的（没有则当前行）作为导出加入队列"),
    (Filter, "筛选", "筛选列表（模糊匹配）"),
    (Inspect, "查看", "显示镜像的全部信息"),
    (Tag, "打标签", "在原处给镜像添加标签；若会移走其他镜像的标签则先询问"),
    (Delete, "删除", "删除已标记的（没有则当前行）：先显示会一并删除什么，再询问"),
    (Diff, "比较", "显示与目标中镜像的差异"),
    (Descend, "打开", "打开：仓库或文件、标签或镜像、平台"),
    (Ascend, "上级", "返回上一级"),
    (UnmarkRange, "", "取消范围内（没有则当前行）的标记"),
    (InvertMarks, "", "反选所显示的行"),
    (ClearMarks, "", "清除全部标记，包括别处的"),
    (Sort, "排序", "改变顺序：版本、名称、镜像仓库给出的顺序"),
    (Refresh, "刷新", "重新查询"),
    (OpenRepository, "", "按名称打开仓库"),
    (EditDraft, "选项", "更改已标记的（没有则当前草稿）的选项"),
    (MarkDraft, "标记", "标记草稿或取消标记，并下移"),
    (MarkDraftRange, "", "开始选择草稿范围；再按一次标记整个范围"),
    (RemoveDraft, "移除", "把已标记的（没有则当前草稿）移出队列"),
    (DraftDown, "推后", "把已标记的（没有则当前草稿）下移"),
    (DraftUp, "提前", "把已标记的（没有则当前草稿）上移"),
    (RaiseDraft, "", "优先处理已标记的（没有则当前草稿）：优先级加一"),
    (LowerDraft, "", "推后处理已标记的（没有则当前草稿）：优先级减一"),
    (Undo, "撤销", "撤销对队列的上一次改动"),
    (Redo, "重做", "重做被撤销的改动"),
    (EditQueue, "编辑", "在 $VISUAL 或 $EDITOR 中以文本编辑队列"),
    (SaveQueue, "保存", "将队列保存为同步文件，供 `wharf sync` 使用"),
    (JobDetails, "打开", "显示整个任务：各层、日志、失败原因与 HTTP 交换；失败组则展开"),
    (CancelJob, "取消", "取消任务"),
    (RetryJob, "重试", "重新排队失败的任务：整组，或全部已标记的"),
    (PauseJob, "暂停", "暂停任务，或让它继续"),
    (RaisePriority, "", "让任务先执行：优先级加一"),
    (LowerPriority, "", "让任务后执行：优先级减一"),
    (FewerWorkers, "", "同时传输的数据块减一"),
    (MoreWorkers, "", "同时传输的数据块加一"),
    (SetBandwidth, "", "限制每秒传输的字节数"),
    (Follow, "跟随", "跟随最新的一行，或停止跟随"),
    (LogLevel, "级别", "改变所显示日志的最低级别"),
    (FilterDone, "保留", "保留筛选并回到列表"),
    (FilterClear, "清除", "取消筛选"),
    (FilterDown, "", "下移一行"),
    (FilterUp, "", "上移一行"),
    (PromptAccept, "确定", "采用输入的内容"),
    (PromptClose, "返回", "放弃输入"),
    (PromptDown, "", "下一个候选，或表单的下一行"),
    (PromptUp, "", "上一个候选，或表单的上一行"),
    (NextField, "", "表单的下一行；补全路径；空格与方向键更改选择"),
    (PreviousField, "", "表单的上一行"),
    (PopupAccept, "", "继续：启动计划、加入粘贴的内容"),
    (PopupClose, "返回", "关闭弹窗"),
    (PopupLogin, "登录", "登录拒绝访问所示内容的镜像仓库"),
    (LeaveOut, "", "略过计划或预览中的该行，或重新选中；从标记列表中去掉"),
    (PopupFold, "", "显示或隐藏计划中规则的镜像"),
    (PopupExport, "", "把粘贴或读取的内容改为导出文件，或改回复制"),
    (PopupHelp, "", "关闭帮助"),
    (DialogAccept, "选择", "采用所选项"),
    (DialogNext, "下一项", "下一个选项"),
    (DialogPrevious, "", "上一个选项"),
    (DialogClose, "不变", "一切保持原样"),
    (DialogAbort, "", "询问是否退出时：停止一切并立即退出"),
    (ResumeLeft, "", "继续已退出的 wharf 所留下的中断任务"),
    (Search, "搜索", "按词语在镜像仓库中搜索仓库"),
    (CollectGarbage, "", "清理 wharf 自有存储中不再需要的内容；先显示大小再询问"),
    (Theme, "", "选择主题；光标所到即时预览"),
    (Welcome, "", "显示欢迎页：这里找到了什么，如何开始"),
    (History, "", "显示已结束的任务及其结果，包括以前的"),
    (ToggleMouse, "", "启用鼠标，或把鼠标留给终端以选择文字"),
    (YankReference, "", "复制名称：所选各行，否则光标所在行"),
    (YankDigest, "", "连同摘要复制：REPOSITORY@sha256:…；未知时先查询"),
    (YankCommand, "", "复制与所选各行、当前行或弹窗等效的命令"),
    (YankCommands, "", "复制整个列表的命令：一个脚本"),
    (YankText, "", "复制错误，或屏幕上的日志行"),
    (AddRegistry, "添加", "在列表中添加镜像仓库；可写入 config.yaml"),
    (AskRegistries, "检查", "检查列表中各处是否可用"),
    (MarkPattern, "模式", "标记与模式匹配的行，或将其作为规则加入队列"),
    (ShowMarks, "", "显示各处的标记，并可在其中取消"),
    (JobLayers, "各层", "在任务下方显示各层，或收起"),
    (RetryAll, "全部重试", "重新排队所有失败的任务"),
    (CancelAll, "", "取消所有未结束的任务；会先询问"),
    (ClearFinished, "清理", "隐藏已成功或已取消的任务，或重新显示"),
    (MarkJob, "标记", "标记任务或取消标记，并下移；按键作用于所有已标记的任务"),
    (MarkJobs, "", "开始选择任务范围；再按一次标记整个范围"),
    (FilterJobs, "筛选", "只显示名称、状态或失败原因含有这些词的任务"),
    (WhichJobs, "切换", "切换显示全部、未结束、失败、已结束的任务"),
    (JobOrder, "排序", "改变顺序：状态、先后、最新、名称"),
    (QueueAgain, "再次入队", "把任务的镜像再次放入队列"),
    (UndoTags, "", "把任务移动的标签恢复原状；会先询问"),
    (LogSearch, "搜索", "搜索显示的日志行"),
    (LogNext, "下一处", "到下一个匹配行"),
    (LogPrevious, "上一处", "到上一个匹配行"),
    (SaveLog, "保存", "把全部日志行保存到文件"),
    (LogLeft, "", "把长行滚回行首"),
    (LogRight, "", "向右滚动长行"),
];

impl Language {
    /// One line of documentation.
    pub fn doc_of(self, action: Action) -> &'static str {
        let english = || action.entry().map_or("", |entry| entry.doc);
        self.row(action).map_or_else(english, |row| row.2)
    }

    /// An action's word for the hint bar; empty where the bar leaves it out.
    pub fn hint_of(self, action: Action) -> &'static str {
        let english = action.entry().map_or("", |entry| entry.hint);
        self.row(action).filter(|_| !english.is_empty()).map_or(english, |row| row.1)
    }

    fn row(self, action: Action) -> Option<&'static (Action, &'static str, &'static str)> {
        match self {
            Language::English => None,
            Language::Chinese => CHINESE.iter().find(|row| row.0 == action),
        }
    }

    /// A context's heading in the help.
    pub fn context_title(self, context: Context) -> &'static str {
        match context {
            Context::Everywhere => self.context_everywhere(),
            Context::List => self.context_lists(),
            Context::Registries => self.pane_registries(),
            Context::Browse => self.pane_browse(),
            Context::Queue => self.pane_queue(),
            Context::Jobs => self.pane_jobs(),
            Context::Logs => self.pane_logs(),
            Context::Filter => self.context_filter(),
            Context::Prompt => self.context_prompts(),
            Context::Popup => self.context_popups(),
            Context::Dialog => self.context_questions(),
        }
    }
}

texts! {
    context_everywhere "Everywhere" "全局"
    context_lists "Lists" "列表"
    context_filter "While filtering" "筛选时"
    context_prompts "Text prompts" "输入框"
    context_popups "Popups" "弹窗"
    context_questions "Questions" "询问"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::action::TABLE;

    #[test]
    fn every_action_has_one_row_in_every_language() {
        let lacking: Vec<String> = TABLE
            .iter()
            .filter(|entry| CHINESE.iter().filter(|row| row.0 == entry.action).count() != 1)
            .map(|entry| format!("    ({:?}, \"…\", \"{}\"),", entry.action, entry.doc))
            .collect();
        assert!(
            lacking.is_empty(),
            "words/actions.rs: one row in Chinese for each of\n{}",
            lacking.join("\n")
        );
        for (entry, row) in
            TABLE.iter().filter_map(|entry| Some((entry, Language::Chinese.row(entry.action)?)))
        {
            let chinese = |text: &str| text.chars().any(|c| c >= '\u{4e00}') && !text.contains('\n');
            assert!(chinese(row.2), "{}: {}", entry.name, row.2);
            assert_eq!(
                entry.hint.is_empty(),
                row.1.is_empty(),
                "{}: a word for the bar in both, or none",
                entry.name
            );
            assert!(row.1.is_empty() || chinese(row.1), "{}: {}", entry.name, row.1);
        }
    }
}
