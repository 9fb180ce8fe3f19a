//! What is set where, for `wharf config check`. Secrets are shown by their origin only.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::Config;
use super::entry::{Proxy, RegistryEntry, Symbols, Tls};
use super::url::redacted;
use crate::oci::printable;

/// One value of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The field's path.
    pub field: String,
    /// The value, printable; a secret's origin instead of the secret.
    pub value: String,
    /// The line of the file that sets it; `None` for a default.
    pub line: Option<usize>,
}

impl Config {
    /// The line that binds an action's keys.
    fn key_line(&self, field: &str) -> Option<usize> {
        let action = field.strip_prefix("keys.")?;
        self.keys.iter().find(|binding| binding.action == action).map(|binding| binding.at.line)
    }

    /// Every value, in the order of `config.example.yaml`; of entries what is set or matters.
    pub fn explain(&self) -> Vec<Setting> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let symbols = match self.symbols {
            Symbols::Unicode => "unicode",
            Symbols::Ascii => "ascii",
        };
        let mut all = vec![
            ("target".to_owned(), self.target.clone().unwrap_or_else(|| "(none)".to_owned())),
            ("downloads".to_owned(), path(&self.downloads)),
            (
                "store".to_owned(),
                self.store.as_deref().map_or_else(|| "(the data directory)".to_owned(), path),
            ),
            ("workers".to_owned(), self.workers.to_string()),
            ("workers_per_host".to_owned(), self.workers_per_host.to_string()),
            (
                "bandwidth".to_owned(),
                self.bandwidth.map_or_else(|| "(no limit)".to_owned(), |r| r.to_string()),
            ),
            ("attempts".to_owned(), self.attempts.to_string()),
            ("retries_per_job".to_owned(), self.retries_per_job.to_string()),
            ("rate_limit_reserve".to_owned(), self.rate_limit_reserve.to_string()),
            ("stall_timeout".to_owned(), format!("{} s", self.stall_timeout)),
            ("read_only".to_owned(), self.read_only.to_string()),
            ("theme".to_owned(), self.theme.clone()),
            ("symbols".to_owned(), symbols.to_owned()),
            (
                "language".to_owned(),
                self.language.map_or_else(|| "(the environment's)".to_owned(), |l| l.as_str().to_owned()),
            ),
            ("mouse".to_owned(), self.mouse.to_string()),
            ("notify".to_owned(), self.notify.as_str().to_owned()),
        ];
        for binding in &self.keys {
            all.push((format!("keys.{}", binding.action), binding.explain()));
        }
        for (n, entry) in self.registries.iter().enumerate() {
            for (key, value) in entry_values(entry) {
                all.push((format!("registries[{n}].{key}"), value));
            }
        }
        all.into_iter()
            .map(|(field, value)| Setting {
                line: self.set_at.get(&field).copied().or_else(|| self.key_line(&field)),
                value: printable(&value, 500),
                field,
            })
            .collect()
    }
}

fn entry_values(entry: &RegistryEntry) -> Vec<(&'static str, String)> {
    let mut values = vec![
        ("name", entry.name.clone()),
        ("type", entry.kind.as_str().to_owned()),
        ("url", if entry.url.is_empty() { "(default)".to_owned() } else { entry.url.clone() }),
    ];
    let mut add = |key, value: String| values.push((key, value));
    if !entry.username.is_empty() {
        add("username", entry.username.clone());
    }
    if let Some(password) = &entry.password {
        add("password", password.explain());
    }
    if !entry.description.is_empty() {
        add("description", entry.description.clone());
    }
    if let Some(tls) = &entry.tls {
        add("tls", tls_text(tls));
    }
    if let Some(proxy) = &entry.proxy {
        add("proxy", proxy_text(proxy));
    }
    if !entry.mirrors.is_empty() {
        let mirrors: Vec<String> = entry.mirrors.iter().map(ToString::to_string).collect();
        add("mirrors", mirrors.join(", "));
    }
    if let Some(location) = &entry.location {
        add("location", location.to_string());
    }
    if let Some(n) = entry.concurrency {
        add("concurrency", n.to_string());
    }
    if let Some(rate) = entry.bandwidth {
        add("bandwidth", rate.to_string());
    }
    if let Some(n) = entry.rate_limit_reserve {
        add("rate_limit_reserve", n.to_string());
    }
    if entry.protected {
        add("protected", "true".to_owned());
    }
    if entry.read_only {
        add("read_only", "true".to_owned());
    }
    values
}

fn tls_text(tls: &Tls) -> String {
    let mode = match (tls.plain, tls.insecure) {
        (true, _) => "plain",
        (false, true) => "insecure",
        (false, false) => "verify",
    };
    let files = [("ca_file", &tls.ca_file), ("cert_file", &tls.cert_file), ("key_file", &tls.key_file)];
    let files = files.iter().filter_map(|(key, file)| Some(format!(", {key} {}", file.as_ref()?.display())));
    format!("{mode}{}", files.collect::<String>())
}

fn proxy_text(proxy: &Proxy) -> String {
    let url = |key: &str, url: &Option<SecretString>| {
        Some(format!("{key} {}", redacted(url.as_ref()?.expose_secret())))
    };
    let no_proxy = (!proxy.no_proxy.is_empty()).then(|| format!("no_proxy {}", proxy.no_proxy));
    let parts = [url("http_proxy", &proxy.http_proxy), url("https_proxy", &proxy.https_proxy), no_proxy];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
