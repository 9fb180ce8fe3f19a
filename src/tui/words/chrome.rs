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
    header_read_only "read-only" "只读"
    read_only_refuses(what) "read-only: {what} would change something" "只读模式：{what} 会造成改动，已拒绝"
    header_queue(n) "Q {n}" "队列 {n}"
    header_eta(time) "ETA {time}" "剩余 {time}"
    header_limit(rate) "max {rate}/s" "限速 {rate}/s"

    // The bottom line.
    and_then " and then?" " 然后？"
    no_sequence(first, second, known) "nothing is bound to {first} {second}; after {first} comes one of: {known}" "{first} {second} 没有绑定；{first} 之后可按：{known}"
    unbound(key) "nothing is bound to {key} here" "{key} 在此没有绑定"
    unbound_see_help(key, help) "nothing is bound to {key}; {help} shows every key" "{key} 没有绑定；按 {help} 查看全部按键"
    unbound_here(key, context, name) "nothing is bound to {key} here; in {context} it is {name}" "{key} 在此没有绑定；在“{context}”中是 {name}"
    nothing_to_do(name) "{name} has nothing to do here" "{name} 在此不起作用"
    already_there(pane) "this is {pane} already" "已经在“{pane}”中"
    one_pane_anyway "so small a terminal shows one pane anyway" "终端太小，始终只显示一个面板"
    nothing_to_go_back_from(quit) "there is nothing to go back from; {quit} quits" "没有可退回的了；按 {quit} 退出"
    at_the_first "this is the first row" "已是第一行"
    at_the_last "this is the last row" "已是最后一行"
    nothing_to_choose "there is nothing to choose from" "没有可选的"
    no_such_action "no action is called that" "没有这样的操作"
    hint_export_to "export to it" "导出到此"
    hint_start_some(able, all) "start {able} of {all}" "启动 {able}/{all}"
    hint_start "start" "启动"
    hint_add "add" "加入"
    engine_did_not_start(reason) "the engine did not start: {reason}" "引擎未能启动：{reason}"
    job_refused(job, reason) "job {job}: {reason}" "任务 {job}：{reason}"

    // Popups' titles and their lower borders.
    help_rebound "as config.yaml says" "由 config.yaml 设定"
    scrolls "scroll" "滚动"
    title_keys "Keys" "按键"
    title_pasted "Pasted" "粘贴的内容"
    title_plan "Plan" "计划"
    title_image "Image" "镜像"
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
    ask_tags "New tags" "新标签"
    ask_tags_how(more) "stable 1.27 {more}: the image stays where it is; or a whole name in the same place" "stable 1.27 {more}：镜像留在原处；或写出同一位置的完整名称"
    no_image_chosen "no image was chosen" "没有选择镜像"
    reference_how "a reference is written nginx:1.27 or ghcr.io/owner/name:tag" "镜像引用写作 nginx:1.27 或 ghcr.io/owner/name:tag"
    nothing_can_start "nothing here can start: the errors say why" "没有可以启动的：原因见各行错误"

    // Questions.
    quit_title "Quit?" "退出？"
    overwrite_title "Overwrite?" "覆盖？"
    overwrite_one(location, old, new) "{location} is another image: {old}, not {new}." "{location} 是另一个镜像：{old}，不是 {new}。"
    logout_title "Log out?" "退出登录？"
    logout_means(registry) "wharf will ask {registry} as nobody, unless config.yaml says who" "wharf 将匿名访问 {registry}，除非 config.yaml 写明了用户"
}
