//! `tab` in a path that is being typed: how it goes on, as far as the directory makes that clear.

use std::path::{Path, PathBuf};

use crate::config::paths;

/// A directory of a million files is no menu.
const LIMIT: usize = 20_000;

/// What a path could become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// As it was typed.
    pub typed: String,
    /// As far as it is clear how it goes on.
    pub text: String,
    /// Every name that it could become.
    pub names: Vec<String>,
}

/// Looks into the directory.
pub(super) fn complete(typed: String) -> Completed {
    let (directory, start) = typed.split_at(typed.rfind('/').map_or(0, |at| at + 1));
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(path_of(directory)).into_iter().flatten().take(LIMIT).flatten() {
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        if name.starts_with(start) && (start.starts_with('.') || !name.starts_with('.')) {
            if entry.path().is_dir() {
                name.push('/');
            }
            names.push(name);
        }
    }
    names.sort();
    let mut common = names.first().map_or(start, String::as_str);
    for name in &names {
        let same = common.char_indices().zip(name.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(common.len().min(name.len()), |((at, _), _)| at);
        common = common.get(..end).unwrap_or(start);
    }
    Completed { text: format!("{directory}{common}"), names, typed: typed.clone() }
}

/// A path as a person types it: relative to where wharf was started; `~/` is the home.
fn path_of(text: &str) -> PathBuf {
    let path = paths::resolve(text, Path::new(""), paths::home().as_deref());
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_on_as_far_as_it_is_clear() {
        let home = tempfile::tempdir().unwrap();
        for name in ["wharf.yaml", "wharf.yaml.old", "镜像一", "镜像二", ".hidden"] {
            std::fs::write(home.path().join(name), "").unwrap();
        }
        std::fs::create_dir(home.path().join("sub")).unwrap();
        let at = |name: &str| format!("{}/{name}", home.path().display());
        for (typed, text, names) in [
            ("w", "wharf.yaml", 2),
            ("wharf.yaml.", "wharf.yaml.old", 1),
            ("s", "sub/", 1),
            ("镜", "镜像", 2),
            (".", ".hidden", 1),
            ("x", "x", 0),
            ("", "", 5),
        ] {
            let found = complete(at(typed));
            assert_eq!((found.text, found.names.len()), (at(text), names), "{typed}");
        }
        assert_eq!(complete("/no/such/directory/x".to_owned()).text, "/no/such/directory/x");
    }
}
