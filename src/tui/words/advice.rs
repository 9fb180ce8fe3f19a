//! Advice on failures, their classes, and the states of jobs. What the command line advises is said here for the
//! screen: with the key that mends, where there is one.

use crate::config::Language;
use crate::job::{Hint, JobState};
use crate::oci::ErrorClass;
use crate::tui::action::Action;
use crate::tui::keymap::Keymap;

texts! {
    class_of(class) "class: {class}" "类别：{class}"
    advice_line(hint) "hint: {hint}" "建议：{hint}"
    logs_in(key, registry) "{key} logs in to {registry}" "按 {key} 登录 {registry}"
}

impl Language {
    /// A class by its name.
    pub fn class(self, class: ErrorClass) -> &'static str {
        if self == Language::English {
            return class.as_str();
        }
        match class {
            ErrorClass::Auth => "认证",
            ErrorClass::NotFound => "不存在",
            ErrorClass::RateLimit => "限流",
            ErrorClass::Network => "网络",
            ErrorClass::Tls => "TLS",
            ErrorClass::Digest => "摘要不符",
            ErrorClass::Disk => "磁盘",
            ErrorClass::Platform => "平台",
            ErrorClass::Reference => "名称",
            ErrorClass::Config => "配置",
            ErrorClass::Daemon => "容器引擎",
            ErrorClass::Conflict => "冲突",
            ErrorClass::Cancelled => "已取消",
            ErrorClass::Internal => "内部错误",
        }
    }

    /// A job's state by its name.
    pub fn job_state(self, state: JobState) -> &'static str {
        if self == Language::English {
            return state.as_str();
        }
        match state {
            JobState::Draft => "草稿",
            JobState::Queued => "排队中",
            JobState::Planning => "规划中",
            JobState::Running => "运行中",
            JobState::Paused => "已暂停",
            JobState::Interrupted => "已中断",
            JobState::Succeeded => "已完成",
            JobState::Failed => "失败",
            JobState::Cancelled => "已取消",
        }
    }

    /// Advice, one line for each piece of it. Keys are those of the keymap.
    pub fn advice(self, hint: &Hint, keymap: &Keymap) -> Vec<String> {
        match (self, hint) {
            (_, Hint::Then(one, two)) => [self.advice(one, keymap), self.advice(two, keymap)].concat(),
            (Language::English, hint) => vec![english(hint, keymap)],
            (Language::Chinese, hint) => vec![chinese(hint, keymap)],
        }
    }
}

/// The key of an action, or its name in the palette.
fn key(keymap: &Keymap, action: Action) -> String {
    match (keymap.key(action), action.entry()) {
        ("", Some(entry)) => format!(":{}", entry.name),
        (key, _) => key.to_owned(),
    }
}

/// The command line's words, but where the screen has a key for it, or no such option.
fn english(hint: &Hint, keymap: &Keymap) -> String {
    let key = |action| key(keymap, action);
    match hint {
        Hint::LogIn { host } => format!("{} logs in to {host}", key(Action::Login)),
        Hint::Wait { host } => format!(
            "wait, or log in to {host} with {}: registries allow more to those they know",
            key(Action::Login)
        ),
        Hint::Tls { host } => {
            format!("set `tls:` for {host} in config.yaml (ca_file, cert_file, insecure or plain)")
        }
        Hint::Tags { repository } => format!(
            "in Browse ({}), {} opens {repository}: its tags are there",
            key(Action::FocusBrowse),
            key(Action::OpenRepository)
        ),
        Hint::Repositories { host } => {
            format!("check the name; the browser shows what is at {host}, if the registry tells")
        }
        Hint::StoreImages => "the browser shows what is in the store".to_owned(),
        Hint::EngineImages { .. } => "the browser shows what the engine has".to_owned(),
        Hint::NoCatalog { .. } => {
            format!("{} opens a repository by its name", key(Action::OpenRepository))
        }
        Hint::SearchHub => format!(
            "{} opens a repository by its name; `wharf search WORD` finds some",
            key(Action::OpenRepository)
        ),
        Hint::Platforms => "choose of those platforms, or none for all".to_owned(),
        Hint::Exists => "choose another name, or move the file out of the way".to_owned(),
        _ => hint.to_string(),
    }
}

fn chinese(hint: &Hint, keymap: &Keymap) -> String {
    let key = |action| key(keymap, action);
    match hint {
        Hint::LogIn { host } => format!("按 {} 登录 {host}", key(Action::Login)),
        Hint::Wait { host } => {
            format!("请稍候，或按 {} 登录 {host}：登录用户的限额更高", key(Action::Login))
        }
        Hint::CheckPassword => "请检查用户名和密码（或令牌）；未保存任何内容".to_owned(),
        Hint::NoRegistry { host } => format!("{host} 不是镜像仓库的地址；未保存任何内容"),
        Hint::CredentialFile => "请修正该文件，或用 --authfile 指定另一个文件".to_owned(),
        Hint::CredentialHelper => {
            "Docker 的 config.json 中 `credsStore` 和 `credHelpers` 指定了凭据助手；用 --authfile 可不经过它"
                .to_owned()
        }
        Hint::Reach { host } => format!("请检查名称，以及从本机能否连接 {host}"),
        Hint::ServerTrouble { host } => format!("{host} 自身出现故障：请稍后再试，或联系其管理员"),
        Hint::Refuses { host } => format!("{host} 的管理员知道为何拒绝"),
        Hint::Tls { host } => {
            format!("请在 config.yaml 中为 {host} 设置 `tls:`（ca_file、cert_file、insecure 或 plain）")
        }
        Hint::Proxy { host } => format!(
            "请检查 config.yaml 中 {host} 条目的 `proxy:`，或环境变量 HTTP_PROXY、HTTPS_PROXY 和 NO_PROXY（用户名和密码写在代理 URL 中）"
        ),
        Hint::Settings { host } => format!("请修正 config.yaml 中 {host} 的条目，或环境中的代理变量"),
        Hint::Retries => "config.yaml 中的 `retries_per_job` 可允许更多次重试；已到达的内容不会重新发送".to_owned(),
        Hint::Tags { repository } => format!(
            "在“浏览”（{}）中按 {} 打开 {repository}，可查看其标签",
            key(Action::FocusBrowse),
            key(Action::OpenRepository)
        ),
        Hint::Repositories { host } => format!("请检查名称；浏览 {host} 可查看其中的仓库（若该镜像仓库允许列出）"),
        Hint::StoreImages => "浏览本地存储可查看其中的镜像".to_owned(),
        Hint::EngineImages { engine } if engine.is_empty() => "浏览容器引擎可查看其中的镜像".to_owned(),
        Hint::EngineImages { engine } => {
            format!("浏览容器引擎 {} 可查看其中的镜像", engine.trim_start_matches('/'))
        }
        Hint::NoCatalog { registry } => {
            format!("{registry} 不提供目录：按 {} 输入仓库名称直接打开", key(Action::OpenRepository))
        }
        Hint::SearchHub => format!(
            "按 {} 输入仓库名称直接打开；`wharf search 关键词` 可搜索仓库",
            key(Action::OpenRepository)
        ),
        Hint::Lacking { host } => format!(
            "缺少的内容已重新发送，但 {host} 仍称缺失：其管理员可检查存储（是否正在运行垃圾回收？）"
        ),
        Hint::InTheWay { host } => format!("{host} 的管理员知道冲突的原因：例如不允许移动的标签"),
        Hint::NoSuchName { host } => format!("{host} 不接受这样的名称：请检查仓库路径和标签"),
        Hint::NoDeletion { host } => format!(
            "{host} 的管理员可以允许删除（docker-registry：REGISTRY_STORAGE_DELETE_ENABLED=true），或在那里直接删除"
        ),
        Hint::NoLocation { host } => {
            format!("{host} 前面是否有设备去掉了响应中的 Location 头？其管理员可以查明")
        }
        Hint::Platforms => "请从其中选择平台，或不选以取全部".to_owned(),
        Hint::Damaged => "内容在原处或传输途中损坏；请重试，或从别处获取该镜像".to_owned(),
        Hint::Schema1 => {
            "请先用 `skopeo copy --format v2s2` 转换，或用 Docker（26 之前的版本）拉取后重新推送；再复制转换后的镜像"
                .to_owned()
        }
        Hint::Format => "请去掉 --format：镜像将原样传送".to_owned(),
        Hint::Path { path } => format!("请检查路径 {path}"),
        Hint::Directory => "请检查目录的所有者、权限和剩余空间".to_owned(),
        Hint::Staging => "请检查目录的权限和剩余空间，或指定另一个目录：TMPDIR=目录 wharf …".to_owned(),
        Hint::Exists => "请换一个名称，或先移走该文件".to_owned(),
        Hint::BrokenPipe => "读取数据的程序提前结束：原因见其输出".to_owned(),
        Hint::EngineNotRunning => {
            "那里的容器引擎是否在运行？其位置由 DOCKER_HOST、Docker 上下文或 config.yaml 中类型为 docker 的条目指定".to_owned()
        }
        Hint::EngineForbidden => {
            "当前用户是否在 docker 组中（`sudo usermod -aG docker $USER`，然后重新登录系统）？rootless 引擎需要 DOCKER_HOST"
                .to_owned()
        }
        Hint::EngineSsh { host } => {
            format!("`ssh {host} docker version` 必须无需询问即可运行：密钥、已知主机、对方装有 docker")
        }
        Hint::EngineTls => {
            "请检查 DOCKER_CERT_PATH 和 DOCKER_TLS_VERIFY、上下文的证书，或 config.yaml 中该条目的 `tls:`".to_owned()
        }
        Hint::EngineUnknown => {
            "`docker context ls` 列出上下文；config.yaml 中类型为 docker 的条目可为容器引擎命名".to_owned()
        }
        Hint::EngineBroken => "请重试；若再次出现，容器引擎自己的日志有更多说明".to_owned(),
        Hint::EngineFull => "容器引擎的磁盘已满：`docker system df` 显示占用情况".to_owned(),
        Hint::EngineLog => "容器引擎自己的日志有更多说明".to_owned(),
        Hint::NotReadOnly => "启动 wharf 时去掉 --read-only，且 config.yaml 中不要有 read_only: true".to_owned(),
        Hint::ForbiddenBy => "`wharf config path` 显示是哪个文件禁止的".to_owned(),
        Hint::ConfigPath => "`wharf config path` 显示是哪个文件".to_owned(),
        Hint::NewerLedger => "请使用较新的 wharf，或为此版本指定另一个数据目录".to_owned(),
        Hint::Resume => "可继续该任务：将从中断处接着进行".to_owned(),
        Hint::OtherWharf => "请等待另一个 wharf 结束（或将其结束），然后重新启动".to_owned(),
        Hint::ForeignLedger { path } => format!("请将 {path} 移走"),
        Hint::LedgerBusy => "另一个进程正占用账本；请重试".to_owned(),
        Hint::LedgerFull => "请在账本所在的磁盘上腾出空间".to_owned(),
        // Another version's, or a command's own: there are no other words for it.
        Hint::Other(text) => text.clone(),
        Hint::Then(one, two) => format!("{}；{}", chinese(one, keymap), chinese(two, keymap)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_advice_is_in_both_languages_and_names_what_it_is_about() {
        let keymap = Keymap::defaults().unwrap();
        for hint in Hint::samples("h.io:5000") {
            let [english, chinese] =
                Language::NAMES.map(|(_, language)| language.advice(&hint, &keymap).concat());
            assert!(chinese.chars().any(|c| c >= '\u{4e00}'), "{hint:?} is not translated: {chinese}");
            assert!(!english.is_empty() && english != chinese, "{hint:?}: {english}");
            assert!(!hint.to_string().contains("h.io:5000") || chinese.contains("h.io:5000"), "{chinese}");
        }
    }

    #[test]
    fn advice_says_the_key_that_mends_whatever_it_is() {
        let keymap = Keymap::defaults().unwrap();
        let hint = Hint::from(
            "log in with `wharf login h.io`, or give --creds (for a copy --src-creds or --dest-creds)\nanything",
        );
        assert_eq!(Language::English.advice(&hint, &keymap), ["L logs in to h.io", "anything"]);
        assert_eq!(Language::Chinese.advice(&hint, &keymap), ["按 L 登录 h.io", "anything"]);
    }

    #[test]
    fn classes_and_states_have_names_of_their_own() {
        let names: std::collections::HashSet<_> =
            JobState::ALL.map(|state| Language::Chinese.job_state(state)).into();
        assert_eq!(names.len(), JobState::ALL.len());
        assert_eq!(Language::English.class(ErrorClass::NotFound), "not-found");
    }
}
