//! Where wharf's own files are on this platform, and what a path in a file means.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

/// `config.yaml` in the platform's configuration directory (`~/.config/wharf/config.yaml` on Linux, where
/// `XDG_CONFIG_HOME` is obeyed). `None` for a user without a home.
pub fn default_file() -> Option<PathBuf> {
    Some(ProjectDirs::from("", "", "wharf")?.config_dir().join("config.yaml"))
}

/// The platform's directory for wharf's data: the ledger and the local image store.
pub fn data_directory() -> Option<PathBuf> {
    Some(ProjectDirs::from("", "", "wharf")?.data_dir().to_owned())
}

/// Where the themes of a user are, whose configuration is in `directory`.
pub fn themes_directory(directory: &Path) -> PathBuf {
    directory.join("themes")
}

/// The file of a user's theme; `None` where the name could lead elsewhere.
pub fn theme_file(directory: &Path, name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    plain.then(|| themes_directory(directory).join(format!("{name}.yaml")))
}

/// The names of the user's themes, sorted.
pub fn themes_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(themes_directory(directory)) else { return Vec::new() };
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let name = name.strip_suffix(".yaml")?.to_owned();
        let printable = crate::oci::printable(&name, 100) == name;
        (printable && theme_file(directory, &name)?.is_file()).then_some(name)
    };
    let mut names: Vec<String> = entries.flatten().take(1000).filter_map(name).collect();
    names.sort();
    names
}

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    Some(BaseDirs::new()?.home_dir().to_owned())
}

/// A path that a file in `directory` names: `~/` is the home, what is relative is relative to the file.
pub fn resolve(text: &str, directory: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => directory.join(text.strip_prefix("./").unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file() {
        let at = |text| resolve(text, Path::new("/etc/wharf"), Some(Path::new("/home/u")));
        for (text, want) in [
            ("downloads", "/etc/wharf/downloads"),
            ("./a/b", "/etc/wharf/a/b"),
            ("../a", "/etc/wharf/../a"),
            ("/abs", "/abs"),
            ("~/a", "/home/u/a"),
            ("~", "/home/u"),
            ("~a", "/etc/wharf/~a"),
        ] {
            assert_eq!(at(text), Path::new(want), "{text}");
        }
    }
}
