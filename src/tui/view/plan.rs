//! The plan's preview: for each draft where it goes, what travels, and which tags it overwrites.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{bytes, wrap};
use super::{advice, spinner};
use crate::job::{Plan, PlannedDestination, Presence};
use crate::oci::printable;
use crate::tui::state::State;
use crate::tui::state::login::refusing;
use crate::tui::state::popup::{PlanPreview, PlanRow, PlanRule};

/// The rows of the preview.
pub(super) fn lines(state: &State, preview: &PlanPreview, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![summary(state, preview), Line::default()];
    for rule in &preview.rules {
        lines.extend(rule_lines(state, rule, width));
    }
    for row in &preview.rows {
        lines.extend(row_lines(state, row, width));
    }
    lines
}

fn summary(state: &State, preview: &PlanPreview) -> Line<'static> {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let plans = || preview.rows.iter().filter_map(|row| row.outcome.as_ref()?.as_ref().ok());
    let (send, reuse) = (preview.totals.send, preview.totals.reuse);
    let overwritten = plans()
        .flat_map(|p| &p.destinations)
        .filter(|d| !d.up_to_date)
        .flat_map(|d| &d.tags)
        .filter(|tag| tag.overwrites())
        .count();
    let failed = preview.rows.iter().filter(|row| matches!(row.outcome, Some(Err(_)))).count();
    let open = preview.rows.iter().filter(|row| row.outcome.is_none()).count();
    let dot = format!(" {} ", glyphs.dot);
    let images =
        if preview.rows.len() == 1 { "1 image".to_owned() } else { format!("{} images", preview.rows.len()) };
    let mut spans = vec![
        Span::styled(format!(" {images}"), theme.text),
        Span::styled(format!("{dot}send {}", bytes(send)), theme.accent),
        Span::styled(format!("{dot}reuse {}", bytes(reuse)), theme.reused),
    ];
    let mut more = |n: usize, text: String, style: Style| {
        if n > 0 {
            spans.push(Span::styled(format!("{dot}{text}"), style));
        }
    };
    let shared = preview.totals.shared;
    more(shared as usize, format!("{} of it is shared and travels once", bytes(shared)), theme.reused);
    more(overwritten, format!("{overwritten} tags overwritten"), theme.warn);
    let clashes = preview.rows.iter().filter(|row| row.clashes).count();
    more(clashes, format!("{clashes} clash"), theme.warn);
    more(failed, format!("{failed} cannot start"), theme.error);
    more(open, format!("{} {open} being asked", spinner(state)), theme.dim);
    Line::from(spans)
}

/// A rule: how many images it comes to, or why that is not known.
fn rule_lines(state: &State, rule: &PlanRule, width: usize) -> Vec<Line<'static>> {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let name = &rule.draft.source;
    let filter = rule.draft.tags.as_ref().map(ToString::to_string).unwrap_or_default();
    let (sign, text, style) = match &rule.images {
        None => (spinner(state), state.words.rule_asks(name, filter), theme.dim),
        Some(Ok(images)) if images.is_empty() => {
            (glyphs.warning, state.words.rule_empty(name, filter), theme.warn)
        }
        Some(Ok(images)) => (glyphs.dot, state.words.rule_images(name, filter, images.len()), theme.mark),
        Some(Err(failure)) => (glyphs.failed, failure.message.clone(), theme.error),
    };
    let wrapped = wrap(&printable(&text, 1000), width.saturating_sub(4)).into_iter().enumerate();
    let lead = |n: usize| if n == 0 { sign } else { " " };
    wrapped.map(|(n, line)| Line::from(Span::styled(format!(" {} {line}", lead(n)), style))).collect()
}

fn row_lines(state: &State, row: &PlanRow, width: usize) -> Vec<Line<'static>> {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let (sign, style) = match &row.outcome {
        None => (spinner(state), theme.dim),
        Some(Ok(plan)) if plan.is_up_to_date() => (glyphs.same, theme.dim),
        Some(Ok(_)) => (glyphs.done, theme.ok),
        Some(Err(_)) => (glyphs.failed, theme.error),
    };
    let mut lines = Vec::new();
    let mut push = |indent: usize, text: &str, style: Style| {
        for line in wrap(&printable(text, 1000), width.saturating_sub(indent + 1)) {
            lines.push(Line::from(Span::styled(format!("{}{line}", " ".repeat(indent)), style)));
        }
    };
    let to: Vec<String> = row.spec.destinations.iter().map(ToString::to_string).collect();
    push(3, &format!("{} {} {}", row.spec.source, glyphs.arrow, to.join(", ")), theme.text);
    if row.clashes {
        let text = format!(
            "{} another image of this plan goes to the same place: one of them stays",
            glyphs.warning
        );
        push(5, &text, theme.warn);
    }
    match &row.outcome {
        None => {}
        Some(Err(failure)) => {
            push(5, &failure.message, theme.error);
            for hint in advice::hints(state, failure) {
                push(5, &hint, theme.warn);
            }
            if let Some(registry) = refusing(failure, row.spec.locations())
                && let Some(text) = advice::login(state, failure, &registry)
            {
                push(5, &text, theme.key);
            }
        }
        Some(Ok(plan)) => {
            push(5, &platforms(plan), theme.dim);
            for destination in &plan.destinations {
                push(5, &travel(plan, destination), theme.accent);
                let changes =
                    destination.tags.iter().filter(|tag| tag.overwrites() && !destination.up_to_date);
                for tag in changes {
                    let old = tag.old.as_ref().map(|old| old.short(12).to_owned()).unwrap_or_default();
                    let text = format!(
                        "{} tag {} is overwritten: {old} {} {}",
                        glyphs.warning,
                        tag.tag,
                        glyphs.arrow,
                        tag.new.short(12)
                    );
                    push(5, &text, theme.warn);
                }
            }
            for note in &plan.notes {
                push(5, note, theme.dim);
            }
        }
    }
    if let Some(first) = lines.first_mut() {
        let text: String = first.spans.iter().map(|span| span.content.as_ref()).collect();
        *first = Line::from(vec![
            Span::styled(format!(" {sign} "), style),
            Span::styled(text.trim_start().to_owned(), theme.text),
        ]);
    }
    lines
}

fn platforms(plan: &Plan) -> String {
    match plan.platforms.is_empty() {
        true => "one image".to_owned(),
        false => plan.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

fn travel(plan: &Plan, destination: &PlannedDestination) -> String {
    if destination.up_to_date {
        return "everything is there already".to_owned();
    }
    let send = plan.sent_to(destination);
    let reuse = plan.total_bytes().saturating_sub(send);
    let unasked = destination.presence.contains(&Presence::Unasked);
    format!("send {}{}, reuse {}", if unasked { "at most " } else { "" }, bytes(send), bytes(reuse))
}
