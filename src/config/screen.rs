//! The keys of `config.yaml` that are about the terminal UI: how it looks and what it answers to.

use super::load::Surroundings;
use super::paths::{theme_file, themes_in};
use super::reader::{Field, Fields, Reader};
use super::{Config, Language, Notify, Symbols, THEMES};

pub(super) fn read(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    surroundings: &Surroundings,
    config: &mut Config,
) {
    if let Some(theme) = fields.take(reader, "theme").and_then(|field| theme(reader, &field, surroundings)) {
        config.theme = theme;
    }
    let symbols = [("unicode", Symbols::Unicode), ("ascii", Symbols::Ascii)];
    if let Some(symbols) = fields.take(reader, "symbols").and_then(|field| reader.choice(&field, &symbols)) {
        config.symbols = symbols;
    }
    if let Some(mouse) = fields.take(reader, "mouse").and_then(|field| reader.boolean(&field)) {
        config.mouse = mouse;
    }
    if let Some(how) = fields.take(reader, "notify").and_then(|field| reader.choice(&field, &Notify::NAMES)) {
        config.notify = how;
    }
    config.language =
        fields.take(reader, "language").and_then(|field| reader.choice(&field, &Language::NAMES));
    super::keys::read(reader, fields, config);
}

/// A theme's name: one of wharf's own, or one that has a file beside the configuration. What is in that file is read when
/// it is used.
fn theme(reader: &mut Reader, field: &Field<'_>, surroundings: &Surroundings) -> Option<String> {
    let name = reader.text(field)?;
    if THEMES.contains(&name.as_str())
        || theme_file(&surroundings.directory, &name).is_some_and(|file| file.is_file())
    {
        return Some(name);
    }
    let own = themes_in(&surroundings.directory);
    let names = THEMES.into_iter().chain(own.iter().map(String::as_str));
    let names: Vec<(&str, ())> = names.map(|name| (name, ())).collect();
    reader.choice(field, &names)?;
    None
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_theme_is_one_of_wharfs_or_a_file_beside_the_configuration() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        std::fs::create_dir(home.path().join("themes")).unwrap();
        for name in ["night.yaml", "镜.yaml", "readme.txt", ".hidden.yaml"] {
            std::fs::write(home.path().join("themes").join(name), "").unwrap();
        }
        let load = |theme: &str| {
            std::fs::write(&file, format!("theme: {theme}\n")).unwrap();
            Config::load(Some(&file), None).map(|loaded| loaded.config.theme).map_err(|e| e.to_string())
        };
        for name in ["high-contrast", "deuteranopia", "night", "镜"] {
            assert_eq!(load(name).unwrap(), name);
        }
        let fault = load("nigth").unwrap_err();
        let want = "1:8: theme: \"nigth\" is none of dark, light, mono, high-contrast, deuteranopia, night, 镜; did you mean \"night\"?";
        assert!(fault.ends_with(want), "{fault}");
        for name in ["../config", ".hidden", "themes/night", "''", "elephant"] {
            assert!(load(name).unwrap_err().contains("is none of"), "{name}");
        }
    }
}
