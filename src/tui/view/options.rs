//! The options' form.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::form::{self, Shown};
use super::layout::Layout;
use super::text::{Pen, bytes};
use super::{popup, spinner};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::options::{OptionField, OptionsForm, Subject};

pub(super) fn draw(state: &State, layout: &Layout, options: &OptionsForm, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let columns = usize::from(popup::area(layout, true, 0).width).saturating_sub(2);
    let lines = form::rows(&options.form, columns);
    let area = popup::area(layout, true, lines + 2);
    let (next, enter, esc) =
        (state.key(Action::NextField), state.key(Action::PromptAccept), state.key(Action::PromptClose));
    let below = words.form_below(next, enter, esc);
    let title = match options.subject {
        Subject::New(_) => words.options_title_new(),
        Subject::Queued(_) => words.options_title(),
    };
    let inner = popup::open(state, area, title, &below, buffer);
    if inner.height == 0 {
        return;
    }
    let about = match &options.only {
        Some(source) => source.to_string(),
        None => words.so_many_images(options.count),
    };
    let mut pen = Pen::new(buffer, inner, 0, glyphs.ellipsis);
    pen.skip(1).put(&about, theme.text);
    if crate::tui::update::options::asking(state, options) {
        pen.skip(2).put(&format!("{} {}", spinner(state), words.options_asking()), theme.dim);
    }
    let head = if inner.height > 6 { 2 } else { 1 };
    let part = Rect { y: inner.y + head, height: inner.height.saturating_sub(head), ..inner };
    form::draw(state, (buffer, part), &options.form, |item| shown(state, options, item.field));
}

fn shown(state: &State, options: &OptionsForm, field: OptionField) -> Shown {
    use OptionField::*;
    let words = state.words;
    let chosen = options.form.choice(field);
    let empty = options.form.text(field).is_empty();
    let (label, value, note) = match field {
        Kind => (words.option_kind(), [words.kind_copy(), words.kind_export()][chosen.min(1)], ""),
        To => (words.field_to(), "", if empty { words.option_to_note() } else { "" }),
        Platforms => (words.option_platforms(), "", if empty { words.option_platforms_note() } else { "" }),
        Platform(n) => {
            let (label, size) = options
                .available
                .get(n)
                .map_or((String::new(), 0), |(platform, size)| (format!("  {platform}"), *size));
            return Shown { label, value: String::new(), note: bytes(size) };
        }
        Tags => (words.option_tags(), "", if empty { words.option_tags_note() } else { "" }),
        Referrers => (words.key_referrers(), "", words.option_referrers_note()),
        DigestTags => (words.option_digest_tags(), "", words.option_digest_tags_note()),
        ForeignLayers => (words.option_foreign(), "", words.option_foreign_note()),
        Format => {
            let value = [words.format_as_is(), "oci", "docker"][chosen.min(2)];
            (words.option_format(), value, "")
        }
        KeepTags => (words.option_keep_tags(), "", words.option_keep_tags_note()),
        File => (words.option_file(), "", if empty { words.option_file_note() } else { "" }),
        Overwrite => (words.option_overwrite(), "", words.option_overwrite_note()),
        Priority => (words.field_priority(), "", words.option_priority_note()),
    };
    Shown { label: label.to_owned(), value: value.to_owned(), note: note.to_owned() }
}
