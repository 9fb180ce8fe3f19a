//! The first run, themes, and logins.

use crate::config::Language;

texts! {
    login_title "Log in" "登录"
    login_registry "registry" "镜像仓库"
    login_user "user" "用户名"
    login_password "password" "密码"
    login_below(next, enter, esc) " {next} next {enter} log in {esc} back " " {next} 下一项 {enter} 登录 {esc} 返回 "
    login_asking "asking the registry" "正在询问镜像仓库"
    login_promise "it is checked first, and then kept where docker login would keep it" "先向镜像仓库验证，再保存到 docker login 会使用的位置"
    login_needs_user "a user name is needed" "需要用户名"
    login_needs_password "a password is needed" "需要密码"
    login_mends(key, registry) "{key} logs in to {registry}" "按 {key} 登录 {registry}"
    login_done(target, place) "logged in to {target}, kept in {place}" "已登录 {target}，保存在 {place}"
    login_not_encrypted " (not encrypted)" "（未加密）"
    login_unasked(target, place) "{target} asks for no login, so nothing was checked; kept in {place}" "{target} 不要求登录，因此未经验证；保存在 {place}"
    login_hidden_by(entry) "; but the password of the entry {entry} in config.yaml is used before it" "；但 config.yaml 中条目 {entry} 的密码优先于它"
    login_retries_one "; the job that it refused is tried again" "；被它拒绝的任务将重试"
    login_retries(n) "; the {n} jobs that it refused are tried again" "；被它拒绝的 {n} 个任务将重试"
    logout_where "put the cursor on a registry first" "请先把光标移到一个镜像仓库上"
    logout_stay "stay logged in" "保持登录"
    logout_do(registry) "log out of {registry}: its stored password is removed" "退出 {registry}：删除已保存的密码"
    logout_failed(target, reason) "log out of {target}: {reason}" "退出 {target}：{reason}"
    logout_nothing(target) "nothing was kept for {target}" "没有为 {target} 保存过登录信息"
    logout_done(target, places) "logged out of {target}: erased from {places}" "已退出 {target}：已从 {places} 中删除"
    logout_entry_stays(entry) "; the entry {entry} in config.yaml still has a password for it" "；config.yaml 中的条目 {entry} 仍有它的密码"

    registries_starting "starting" "正在启动"
    registries_none(new) "no registries yet: name them in config.yaml, or add images by typing ({new}) and pasting" "还没有镜像仓库：请写入 config.yaml，或直接输入（{new}）或粘贴镜像"
    registry_asks(key) "asks for a login: {key}" "要求登录：{key}"
}
