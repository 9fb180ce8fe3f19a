//! The queue as a document: in an editor, saved, loaded.

use crate::config::Language;

texts! {
    // Above the text that an editor shows, and above a saved file.
    document_heading(n) "The queue of wharf in the order in which it begins, {n} in all." "wharf 的队列，按开始的顺序排列，共 {n} 项。"
    document_how "Save and leave the editor to take it over; left as it is, nothing changes. Images can be added, moved, changed and" "保存并退出编辑器即可生效；未改动则不变。可以添加、移动、修改和"
    document_how_more "taken out; without any the queue is emptied. `wharf config example --sync` shows every key." "删除镜像；全部删除则清空队列。`wharf config example --sync` 列出所有键。"
    saved_heading(n, when) "The queue of wharf, {when}: {n} in all." "wharf 的队列，{when}：共 {n} 项。"
    saved_how "`wharf sync FILE` does the same without the screen, `--dry-run` shows what would travel;" "`wharf sync FILE` 无需界面即可执行同样的操作，`--dry-run` 显示将传输的内容；"
    saved_how_more "`wharf config example --sync` shows every key." "`wharf config example --sync` 列出所有键。"
    document_example "an image a line" "每行一个镜像"
    // What came of editing.
    edit_nothing_changed "nothing changed" "没有改动"
    edit_did_not_wait(variable) "nothing changed: the editor did not wait; one with a window needs its option for that, as in {variable}" "没有改动：编辑器没有等待；带窗口的编辑器需要等待选项，例如 {variable}"
    edit_failed(reason) "the editor: {reason}; the queue is as it was" "编辑器：{reason}；队列保持不变"
    edited(added, removed, undo) "edited: {added} added, {removed} removed; {undo} undoes it" "已编辑：添加 {added} 项，移除 {removed} 项；按 {undo} 撤销"
    edited_order(undo) "edited: another order; {undo} undoes it" "已编辑：顺序已改变；按 {undo} 撤销"
    edited_empty(undo) "the queue is empty now; {undo} brings it back" "队列已清空；按 {undo} 恢复"
    edited_access(text) "{text}; credentials and proxies of a file count for wharf sync alone" "{text}；文件中的凭据和代理仅用于 wharf sync"
    faults_title "Not taken over" "未生效"
    faults_one "1 thing is wrong; the text is kept as it was typed" "有 1 处错误；已保留输入的文本"
    faults_many(n) "{n} things are wrong; the text is kept as it was typed" "有 {n} 处错误；已保留输入的文本"
    faults_status(status) "the editor ended with {status}; the text is kept as it was typed" "编辑器以 {status} 结束；已保留输入的文本"
    fault_line(line) "line {line}" "第 {line} 行"
    fault_whole "the file" "文件"
    below_edit_again "edit again" "重新编辑"
    below_drop "drop it" "放弃"
    edit_dropped "the edited text is dropped; the queue is as it was" "已放弃编辑的文本；队列保持不变"
    // Saving.
    ask_save "Save the queue as" "将队列保存为"
    ask_save_how(command) "a sync file: {command} does the same without the screen" "同步文件：{command} 无需界面即可执行同样的操作"
    no_name_begins_so "nothing there begins so" "没有以此开头的名称"
    save_path_needed "a file's path is needed" "需要文件路径"
    saved(n, path, command) "{n} saved to {path}: {command}" "已保存 {n} 项到 {path}：{command}"
    saved_but(saved, n, reason) "{saved}; {n} no file can say: {reason}" "{saved}；{n} 项无法写入文件：{reason}"
    save_failed(reason) "not saved: {reason}" "未保存：{reason}"
    replace_title "Replace the file?" "替换文件？"
    replace_means(path) "{path} is there already." "{path} 已存在。"
    choice_keep "keep it" "保留原文件"
    choice_replace "replace it" "替换"
}
