//! What is wrong with an edited queue, line by line.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{width, wrap};
use crate::oci::printable;
use crate::tui::state::State;
use crate::tui::state::document::Faults;

pub(super) fn lines(state: &State, faults: &Faults, columns: usize) -> Vec<Line<'static>> {
    let (theme, words) = (&state.theme, state.words);
    let mut lines = Vec::new();
    let mut push = |indent: usize, lead: &str, text: &str, (first, style): (Style, Style)| {
        let room = columns.saturating_sub(indent + 1).max(10);
        for (n, line) in wrap(&printable(text, 2000), room).into_iter().enumerate() {
            let pad = match n {
                0 => format!(" {lead}{}", " ".repeat(indent.saturating_sub(width(lead) + 1))),
                _ => " ".repeat(indent),
            };
            lines.push(Line::from(vec![Span::styled(pad, first), Span::styled(line, style)]));
        }
    };
    let head = match (&faults.status, faults.faults.len()) {
        (Some(status), _) => words.faults_status(status),
        (None, 1) => words.faults_one().to_owned(),
        (None, n) => words.faults_many(n),
    };
    push(1, "", &head, (theme.warn, theme.warn));
    let places: Vec<String> = faults
        .faults
        .iter()
        .map(|fault| fault.at.map_or_else(|| words.fault_whole().to_owned(), |at| words.fault_line(at.line)))
        .collect();
    let indent = places.iter().map(|place| width(place)).max().unwrap_or_default() + 3;
    for (fault, place) in faults.faults.iter().zip(&places) {
        let text = match fault.field.is_empty() {
            true => fault.reason.clone(),
            false => format!("{}: {}", fault.field, fault.reason),
        };
        push(indent, place, &text, (theme.key, theme.error));
    }
    lines
}
