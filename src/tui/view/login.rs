//! The login's form. A password is shown as so many signs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::text::{Pen, wrap};
use super::{popup, spinner};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::login::{Field, LoginForm};

/// Columns of the lines' names.
const NAMES: usize = 10;

pub(super) fn draw(state: &State, layout: &Layout, form: &LoginForm, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (text, style) = match (&form.checking, &form.error) {
        (Some(_), _) => {
            (format!("{} {}{}", spinner(state), words.login_asking(), glyphs.ellipsis), theme.dim)
        }
        (None, Some(error)) => (format!("{} {error}", glyphs.failed), theme.error),
        (None, None) => (words.login_promise().to_owned(), theme.dim),
    };
    let lines = wrap(&text, popup::columns(layout));
    let area = popup::area(layout, false, 4 + lines.len());
    let (enter, esc) = (state.key(Action::PromptAccept), state.key(Action::PromptClose));
    let below = words.login_below(next_line(state), enter, esc);
    let inner = popup::open(state, area, words.login_title(), &below, buffer);
    // With little room the line that is being typed comes first.
    let fields = [
        (Field::Registry, words.login_registry()),
        (Field::User, words.login_user()),
        (Field::Password, words.login_password()),
    ];
    let mut row = 0;
    for (field, name) in fields {
        if row >= inner.height || (inner.height < 4 && field != form.field) {
            continue;
        }
        let here = field == form.field;
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        pen.skip(1).column(name, NAMES, if here { theme.accent } else { theme.dim });
        line(state, form, field, here, &mut pen);
        row += 1;
    }
    row = (row + 1).min(inner.height.saturating_sub(lines.len() as u16).max(row));
    for (row, line) in (row..inner.height).zip(&lines) {
        let line_area = Rect { height: 1, y: inner.y + row, ..inner };
        Pen::new(buffer, line_area, 0, glyphs.ellipsis).skip(1).put(line, style);
    }
}

/// The key that goes to the form's next line: `tab`, as everywhere, unless somebody has given it away.
fn next_line(state: &State) -> &str {
    let tab = state.keymap.keys(Action::PromptDown).iter().find(|key| *key == "tab");
    tab.map_or(state.key(Action::PromptDown), |tab| tab)
}

fn line(state: &State, form: &LoginForm, field: Field, here: bool, pen: &mut Pen) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let input = match field {
        Field::Registry => &form.registry,
        Field::User => &form.user,
        Field::Password => {
            let room = pen.room().saturating_sub(2);
            pen.put(&glyphs.hidden.repeat(form.password.len().min(room)), theme.input);
            if here {
                pen.put(glyphs.caret, theme.input);
            }
            return;
        }
    };
    match here {
        true => popup::typed(pen, input, theme.input, glyphs.caret),
        false => pen.write(input.value(), theme.text),
    }
}
