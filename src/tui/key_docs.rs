//! The action table as documentation outside the program: `config.example.yaml`'s list of keys. The README's table is
//! [`super::action::key_table_markdown`].

use super::action::{Context, TABLE};

/// Every action with its default keys, commented out, as `config.yaml` would have it.
pub fn key_list_yaml() -> String {
    let mut out = "#keys:\n".to_owned();
    for context in Context::ALL {
        out += &format!("#  # {}\n", context.title());
        for entry in TABLE.iter().filter(|entry| entry.context == context) {
            let keys: Vec<String> = entry.keys.iter().map(|keys| scalar(keys)).collect();
            let value = match &keys[..] {
                [one] => one.clone(),
                many => format!("[{}]", many.join(", ")),
            };
            out += &format!("#  {}: {value}\n", entry.name);
        }
    }
    out
}

/// A key as YAML: in quotes where it would mean something there.
fn scalar(keys: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ' ');
    match keys.chars().all(plain) && keys.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => keys.to_owned(),
        false => format!("{keys:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::action::key_table_markdown;
    use super::*;
    use crate::config::{Config, EXAMPLE};

    /// `WRITE_DOCS=1 cargo test --lib written_elsewhere` brings both files up to date.
    #[test]
    fn the_tables_written_elsewhere_are_those_of_the_program() {
        let (table, list) = (key_table_markdown(), key_list_yaml());
        if std::env::var_os("WRITE_DOCS").is_some() {
            write("README.md", "**Everywhere**\n\n| key |", "**Questions**", table.trim_end());
            write("config.example.yaml", "#keys:\n", "#  # Questions", list.trim_end());
            return;
        }
        let how = "`WRITE_DOCS=1 cargo test --lib written_elsewhere` writes it";
        assert!(EXAMPLE.contains(&list), "config.example.yaml's keys ({how}) must be:\n\n{list}");
        let readme = include_str!("../../README.md");
        assert!(readme.contains(table.trim_end()), "README.md's keys ({how}) must be:\n\n{table}");
    }

    /// Puts `text` where the file has its older self: from `begin` to the end of the block that `last` begins.
    fn write(file: &str, begin: &str, last: &str, text: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let whole = std::fs::read_to_string(&file).unwrap();
        let from = whole.find(begin).unwrap();
        let last = from + whole[from..].find(last).unwrap();
        // The heading of a Markdown table and the table are two blocks.
        let table = if begin.starts_with('*') { last + whole[last..].find("\n|").unwrap() } else { last };
        let to = table + whole[table..].find("\n\n").unwrap();
        std::fs::write(&file, format!("{}{text}{}", &whole[..from], &whole[to..])).unwrap();
    }

    #[test]
    fn the_list_is_read_as_the_defaults() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        let uncommented = key_list_yaml().replace("\n#", "\n").trim_start_matches('#').to_owned();
        std::fs::write(&file, uncommented).unwrap();
        let bindings = Config::load(Some(&file), None).unwrap().config.keys;
        for entry in TABLE {
            let binding = bindings.iter().find(|binding| binding.action == entry.name).unwrap();
            let keys: Vec<&str> = binding.keys.iter().map(|(keys, _)| keys.as_str()).collect();
            assert_eq!(keys, entry.keys, "{}", entry.name);
        }
    }
}
