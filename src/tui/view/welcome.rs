//! The welcome of a first run, and a file that is shown before it is written.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use super::layout::Layout;
use super::text::{Pen, cut, wrap};
use super::{popup, spinner};
use crate::engine::Place;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::welcome::{Offer, Offered, Welcome};

/// Columns of what a line is about.
const NAMES: usize = 12;

/// A line of the welcome.
enum Row {
    /// What was found: a sign, what it is about, what there is.
    Found(&'static str, Style, &'static str, String),
    Text(String, Style),
    Blank,
    Choice(usize, String),
}

pub(super) fn draw(state: &State, layout: &Layout, welcome: &Welcome, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let mut rows = vec![Row::Text(words.welcome_found().to_owned(), theme.dim)];
    rows.extend(found(state));
    rows.push(Row::Blank);
    let key = |action| state.key(action);
    for text in [
        words.welcome_browse(key(Action::OpenRegistry)),
        words.welcome_mark(key(Action::Mark), key(Action::Add), key(Action::SetTarget)),
        words.welcome_start(key(Action::Start), key(Action::Help)),
    ] {
        rows.push(Row::Text(text, theme.text));
    }
    rows.push(Row::Blank);
    let choices = Welcome::choices(&state.setup);
    rows.extend(choices.iter().enumerate().map(|(n, choice)| Row::Choice(n, label(state, *choice))));
    let area = popup::area(layout, false, rows.len());
    // With little room the blank lines go first, then what was found, from the end.
    let room = usize::from(area.height.saturating_sub(2));
    while rows.len() > room {
        let blank = rows.iter().position(|row| matches!(row, Row::Blank));
        let found = || rows.iter().rposition(|row| matches!(row, Row::Found(..)));
        let text = || rows.iter().position(|row| matches!(row, Row::Text(..)));
        let Some(at) = blank.or_else(found).or_else(text) else { break };
        rows.remove(at);
    }
    let below = words.welcome_below(key(Action::DialogAccept), key(Action::DialogClose));
    let inner = popup::open(state, area, words.welcome_title(), &below, buffer);
    for (row, line) in (0..inner.height).zip(&rows) {
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        pen.skip(1);
        match line {
            Row::Found(sign, style, name, text) => {
                pen.put(sign, *style).skip(1).column(name, NAMES, theme.text).skip(1).put(text, theme.text);
            }
            Row::Text(text, style) => pen.write(text, *style),
            Row::Blank => {}
            Row::Choice(n, text) => {
                popup::choice(state, (buffer, inner), row, (text, *n == welcome.cursor, true));
            }
        }
    }
}

fn label(state: &State, choice: Offered) -> String {
    let words = state.words;
    match choice {
        Offered::Look => words.welcome_look().to_owned(),
        Offered::Language => words.welcome_language().to_owned(),
        Offered::Theme => words.welcome_theme(&state.theme.name),
        Offered::Write => words.welcome_write().to_owned(),
    }
}

fn found(state: &State) -> Vec<Row> {
    let (theme, glyphs, words, setup) = (&state.theme, &state.glyphs, state.words, &state.setup);
    let looking = || (spinner(state), theme.dim, glyphs.ellipsis.to_owned());
    let (sign, style, text) = match &setup.engine {
        None => looking(),
        Some(Ok(version)) => (glyphs.reached, theme.ok, words.welcome_answers(version)),
        Some(Err(reason)) => (glyphs.dash, theme.dim, words.welcome_no_engine(reason)),
    };
    let engine = Row::Found(sign, style, words.kind_engine(), text);
    let (sign, style, text) = match &setup.logins {
        None => looking(),
        Some(known) if known.is_empty() => (glyphs.dash, theme.dim, words.welcome_no_logins().to_owned()),
        Some(known) => {
            let names: Vec<String> = known.iter().map(ToString::to_string).collect();
            (glyphs.done, theme.ok, names.join(", "))
        }
    };
    let logins = Row::Found(sign, style, words.welcome_logins(), text);
    let (sign, style, text) = match setup.store {
        None => looking(),
        Some(n) => (glyphs.store, theme.text, words.count_images(n)),
    };
    let store = Row::Found(sign, style, words.kind_store(), text);
    let (sign, style, text) = match setup.downloads {
        None => looking(),
        Some(n) => (glyphs.directory, theme.text, words.welcome_files(n, state.downloads.display())),
    };
    let downloads = Row::Found(sign, style, words.welcome_downloads(), text);
    let mut public = String::new();
    for row in state.registries.rows.iter().filter(|row| matches!(row.place, Ok(Place::Registry(_)))) {
        public += &format!("{} {}  ", super::registries::sign(state, row).0, row.name);
    }
    let registries =
        Row::Found(glyphs.arrow, theme.text, words.pane_registries(), public.trim_end().to_owned());
    vec![engine, logins, store, downloads, registries]
}

/// A file that is to be written.
pub(super) fn draw_offer(state: &State, layout: &Layout, offer: &Offer, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let file = offer.file.display();
    let (head, style) = match (&offer.error, &offer.before) {
        (Some(error), _) => (format!("{} {file}: {error}", glyphs.failed), theme.error),
        (None, None) => (words.offer_new(file), theme.dim),
        (None, Some(_)) => (words.offer_more(file), theme.dim),
    };
    let head = wrap(&head, popup::columns(layout));
    let lines = offer.lines();
    let area = popup::area(layout, false, head.len() + lines.len() + 4);
    let below = words.welcome_below(state.key(Action::DialogAccept), state.key(Action::DialogClose));
    let inner = popup::open(state, area, words.offer_title(), &below, buffer);
    let mut row = 0;
    let put = |row: u16, text: &str, style: Style, buffer: &mut Buffer| {
        if row < inner.height {
            Pen::new(buffer, inner, row, glyphs.ellipsis).skip(1).put(text, style);
        }
    };
    for line in &head {
        put(row, line, style, buffer);
        row += 1;
    }
    // The choices are seen whatever the size.
    let end = inner.height.saturating_sub(3);
    let room = usize::from(end.saturating_sub(row));
    let shown = if lines.len() > room { room.saturating_sub(1) } else { room };
    for line in lines.iter().take(shown) {
        put(row, &cut(&format!("  {line}"), popup::columns(layout), glyphs.ellipsis), theme.text, buffer);
        row += 1;
    }
    if lines.len() > shown {
        put(
            row,
            &format!("  {} {}", glyphs.ellipsis, words.offer_lines(lines.len() - shown)),
            theme.dim,
            buffer,
        );
    }
    let write = match offer.writing {
        true => format!("{} {}", spinner(state), words.offer_write()),
        false => words.offer_write().to_owned(),
    };
    let choices = [(words.offer_leave().to_owned(), false), (write, true)];
    for (row, (text, is_write)) in (inner.height.saturating_sub(2)..inner.height).zip(choices) {
        popup::choice(state, (buffer, inner), row, (&text, offer.chosen == is_write, true));
    }
}
