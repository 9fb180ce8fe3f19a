//! What is yanked, the mouse, notices outside the screen, and reports of a panic.

use crate::config::Language;

texts! {
    copied_by_tmux(what) "copied by tmux: {what}" "已通过 tmux 复制：{what}"
    copied_into_tmux(what) "copied into tmux's buffer, which this tmux keeps to itself: {what}" "已复制到 tmux 缓冲区（此版本 tmux 不会转发到剪贴板）：{what}"
    sent_to_terminal(what) "sent to the terminal (OSC 52): {what}; the same again shows it" "已发送给终端（OSC 52）：{what}；再按一次可显示文本"
    shown_by_hand(what) "to be copied by hand: {what}" "请手动复制：{what}"
    tmux_refused(reason) "tmux did not take it: {reason}" "tmux 未接受：{reason}"
    n_references(n) "{n} references" "{n} 个镜像名"
    n_digests(n) "{n} names with digests" "{n} 个带摘要的镜像名"
    n_commands(n) "{n} commands" "{n} 条命令"
    n_lines(n) "{n} lines" "{n} 行"
    one_sync(n) "one wharf sync for {n} images" "一条 wharf sync 命令（{n} 个镜像）"
    asking_digests(n) "asking for digests: {n}" "正在查询摘要：{n}"
    no_digest(at) "{at} has no digest that is known" "{at} 没有已知的摘要"
    digest_not_there(at) "{at} is not there" "{at} 不存在"
    nothing_to_copy "there is nothing here to copy" "这里没有可复制的内容"
    no_name_to_copy "nothing here has a name to copy" "这里没有可复制的名称"
    no_digest_here "nothing here has a digest" "这里没有摘要"
    no_command_here "no command does what is here" "这里没有对应的命令"
    no_error_here "there is no error here, and no log on the screen" "这里没有错误，屏幕上也没有日志"
    rule_without_command(save) "a rule is no command: {save} saves it in a file for wharf sync" "规则没有对应的命令：按 {save} 保存为 wharf sync 的文件"
    no_target_for_command(key) "no target yet, so no command: {key} says where to" "尚未设置目标，无法生成命令：按 {key} 设置"
    some_without_command(n, reason) "{n} left out: {reason}" "略过 {n} 项：{reason}"
    by_hand_title(what) "Copy by hand: {what}" "手动复制：{what}"
    by_hand_below(key) "select it with the mouse; {key} closes" "用鼠标选中即可复制；按 {key} 关闭"
    mouse_on "the mouse is listened to; text is selected with shift held" "已启用鼠标；按住 shift 可选择文本"
    mouse_off "the mouse is left to the terminal" "鼠标已交还终端"
    notice_done(done) "wharf: done, {done} copied" "wharf：任务完成，成功 {done}"
    notice_done_failed(done, failed) "wharf: done, {done} copied, {failed} failed" "wharf：任务完成，成功 {done}，失败 {failed}"
    notice_failed(what) "wharf: failed: {what}" "wharf：任务失败：{what}"
}
