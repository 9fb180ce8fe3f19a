//! The header, the bottom line, the help and the palette.

use crate::config::Language;

texts! {
    // The header.
    no_room "wharf: no room" "wharf：屏幕太小"
    no_room_counts(running, failed) "{running} running, {failed} failed" "{running} 个运行中，{failed} 个失败"
    help_word "help" "帮助"
    no_target(key) "no target ({key})" "未设目标（{key}）"
    engine_starting "starting" "正在启动"
    no_engine "no engine" "引擎不可用"
    leaving_when_done "quits when the jobs are done" "任务完成后退出"
    leaving_stopping "stopping" "正在停止"
    header_queue(n) "Q {n}" "队列 {n}"
    header_eta(time) "ETA {time}" "剩余 {time}"
    header_limit(rate) "max {rate}/s" "限速 {rate}/s"

    // The bottom line.
    and_then " and then?" " 然后？"
    hint_export_to "export to it" "导出到此"
    hint_start_some(able, all) "start {able} of {all}" "启动 {able}/{all}"
    hint_start "start" "启动"
    hint_add "add" "加入"
    engine_did_not_start(reason) "the engine did not start: {reason}" "引擎未能启动：{reason}"
    job_refused(job, reason) "job {job}: {reason}" "任务 {job}：{reason}"

    // Popups' titles and their lower borders.
    title_keys "Keys" "按键"
    title_pasted "Pasted" "粘贴的内容"
    title_plan "Plan" "计划"
    title_image "Image" "镜像"
    title_diff "With the target's" "与目标的比较"
    title_command "Command" "命令"
    below_login "login" "登录"
    below_back "back" "返回"
    below_ok "ok" "确定"
    below_do_it "do it" "执行"
    below_choose "choose" "选择"
    below_stay "stay" "不变"

    // Lines of text.
    ask_reference "Add a reference" "新增镜像引用"
    ask_reference_how "nginx:1.27, ghcr.io/owner/name:tag, docker-archive:FILE, oci:DIR:NAME; several with blanks between; or paste a list" "nginx:1.27、ghcr.io/owner/name:tag、docker-archive:FILE、oci:DIR:NAME；多个以空格分隔；也可粘贴列表"
    ask_target "Copy to" "复制到"
    ask_target_how "HOST[/PREFIX], a registry's name, store: or oci:DIR" "HOST[/PREFIX]、镜像仓库名、store: 或 oci:DIR"
    ask_tags "New tags" "新标签"
    ask_tags_how(more) "stable 1.27 {more}: the image stays where it is; or a whole name in the same place" "stable 1.27 {more}：镜像留在原处；或写出同一位置的完整名称"
    ask_repository "Open a repository" "打开仓库"
    ask_repository_how "its path in the registry: team/app" "它在镜像仓库中的路径：team/app"
    open_registry_first "open a registry first" "请先打开一个镜像仓库"
    no_reference_pasted "nothing was pasted that could be a reference" "粘贴的内容中没有镜像引用"
    no_image_chosen "no image was chosen" "没有选择镜像"
    reference_how "a reference is written nginx:1.27 or ghcr.io/owner/name:tag" "镜像引用写作 nginx:1.27 或 ghcr.io/owner/name:tag"
    nothing_can_start "nothing here can start: the errors say why" "没有可以启动的：原因见各行错误"

    // Questions.
    quit_title "Quit?" "退出？"
    quit_one_runs "1 job is running. " "1 个任务正在运行。"
    quit_running(n) "{n} jobs are running. " "{n} 个任务正在运行。"
    quit_one_runs_others_wait(waiting) "1 job is running, {waiting} waiting. " "1 个任务正在运行，{waiting} 个等待中。"
    quit_running_and_waiting(n, waiting) "{n} jobs are running, {waiting} waiting. " "{n} 个任务正在运行，{waiting} 个等待中。"
    quit_draft "The image in the queue was not started and is forgotten." "队列中的镜像尚未启动，退出后不保留。"
    quit_drafts(n) "The {n} images in the queue were not started and are forgotten." "队列中的 {n} 个镜像尚未启动，退出后不保留。"
    choice_stay "stay" "不退出"
    choice_finish "wait for the jobs, then quit" "等任务完成后退出"
    choice_stop "stop the jobs and quit" "停止任务并退出"
    choice_quit "quit" "退出"
    overwrite_title "Overwrite?" "覆盖？"
    overwrite_one(location, old, new) "{location} is another image: {old}, not {new}." "{location} 是另一个镜像：{old}，不是 {new}。"
    logout_title "Log out?" "退出登录？"
    logout_means(registry) "wharf will ask {registry} as nobody, unless config.yaml says who" "wharf 将匿名访问 {registry}，除非 config.yaml 写明了用户"
}
