//! The help: every key, the focused pane's first. One column: a line says what its key does, whole.

use ratatui::text::{Line, Span};

use super::text::{cut, width, wrap};
use crate::tui::action::{Context, TABLE};
use crate::tui::state::State;

/// Behind keys that `config.yaml` says.
const REBOUND: &str = "*";

pub(super) fn lines(state: &State, columns: usize) -> Vec<Line<'static>> {
    let (theme, words) = (&state.theme, state.words);
    let here = state.focus.contexts();
    let mut contexts: Vec<Context> = here.to_vec();
    contexts.extend(Context::ALL.into_iter().filter(|context| !here.contains(context)));
    let room = if columns >= 80 { 24 } else { 15 };
    let mut lines = Vec::new();
    if TABLE.iter().any(|entry| state.keymap.is_rebound(entry.action)) {
        let note = cut(&format!(" {REBOUND} {}", words.help_rebound()), columns, state.glyphs.ellipsis);
        lines.push(Line::from(Span::styled(note, theme.dim)));
    }
    for context in contexts {
        lines.push(Line::from(Span::styled(format!(" {}", words.context_title(context)), theme.title_focus)));
        for entry in TABLE.iter().filter(|entry| entry.context == context) {
            let mut keys = match state.keymap.keys(entry.action) {
                [] => format!(":{}", entry.name),
                keys => keys.join(", "),
            };
            if state.keymap.is_rebound(entry.action) {
                keys += REBOUND;
            }
            // Whichever is longer goes on below.
            let keys = wrap(&keys, room);
            let docs = wrap(words.doc_of(entry.action), columns.saturating_sub(room + 6));
            for n in 0..keys.len().max(docs.len()) {
                let key = keys.get(n).map_or("", String::as_str);
                let fill = " ".repeat(room.saturating_sub(width(key)) + 2);
                lines.push(Line::from(vec![
                    Span::styled(format!("   {key}{fill}"), theme.key),
                    Span::styled(docs.get(n).cloned().unwrap_or_default(), theme.text),
                ]));
            }
        }
        lines.push(Line::default());
    }
    lines.pop();
    lines
}
