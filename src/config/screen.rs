//! The keys of `config.yaml` that are about the terminal UI: how it looks and what it answers to.

use super::reader::{Fields, Reader};
use super::{Config, Language, Symbols, THEMES};

pub(super) fn read(reader: &mut Reader, fields: &mut Fields<'_>, config: &mut Config) {
    let themes = THEMES.map(|name| (name, name));
    if let Some(theme) = fields.take(reader, "theme").and_then(|field| reader.choice(&field, &themes)) {
        config.theme = theme.to_owned();
    }
    let symbols = [("unicode", Symbols::Unicode), ("ascii", Symbols::Ascii)];
    if let Some(symbols) = fields.take(reader, "symbols").and_then(|field| reader.choice(&field, &symbols)) {
        config.symbols = symbols;
    }
    config.language =
        fields.take(reader, "language").and_then(|field| reader.choice(&field, &Language::NAMES));
    super::keys::read(reader, fields, config);
}
