//! The environment, read once: what the engine and the configuration are told of the world.

use std::path::PathBuf;

use crate::transport::registry::ProxySettings;

/// An environment variable's text, if it is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where large files may lie for a while: `TMPDIR`, else `/var/tmp`, which is a disk where `/tmp` often is memory.
pub(super) fn spool_directory(variable: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let usual = PathBuf::from("/var/tmp");
    variable("TMPDIR").map(PathBuf::from).unwrap_or_else(|| match usual.is_dir() {
        true => usual,
        false => std::env::temp_dir(),
    })
}

/// The environment's proxies. Lower-case names win, as curl has it; `HTTP_PROXY` is not read in a CGI script, where
/// it is a request's header.
pub(super) fn proxies(variable: &dyn Fn(&str) -> Option<String>) -> ProxySettings {
    let either = |name: &str| variable(&name.to_lowercase()).or_else(|| variable(name));
    let cgi = variable("REQUEST_METHOD").is_some();
    ProxySettings {
        http_proxy: if cgi { variable("http_proxy") } else { either("HTTP_PROXY") },
        https_proxy: either("HTTPS_PROXY"),
        all_proxy: either("ALL_PROXY"),
        no_proxy: either("NO_PROXY"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_wins_and_a_cgi_header_is_no_proxy() {
        let set = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let both = proxies(&set(&[("HTTPS_PROXY", "up"), ("https_proxy", "low"), ("HTTP_PROXY", "h")]));
        assert_eq!((both.https_proxy.as_deref(), both.http_proxy.as_deref()), (Some("low"), Some("h")));
        let cgi = proxies(&set(&[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET")]));
        assert_eq!(cgi.http_proxy, None);
    }
}
