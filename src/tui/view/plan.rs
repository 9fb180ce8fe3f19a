//! The plan's preview: what all of it comes to, for each draft where it goes, what travels and which tags it overwrites,
//! and the question before that. Only the window is built.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::Layout;
use super::text::{Pen, bytes, cut, cut_front, width, wrap};
use super::{advice, popup, spinner};
use crate::job::{Plan, PlannedDestination, Presence};
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::login::refusing;
use crate::tui::state::plan::{PlanChoice, PlanEntry, PlanPreview, PlanRow, PlanRule, PlanStage};

/// The popup's area, its head, and the rows of its window and of the question below.
struct Frame {
    area: Rect,
    head: Vec<Line<'static>>,
    window: usize,
    question: Vec<Line<'static>>,
}

fn frame(state: &State, layout: &Layout, preview: &PlanPreview) -> Frame {
    let width = usize::from(popup::area(layout, true, 0).width.saturating_sub(2));
    let mut head = head(state, preview, width);
    let mut question = question(state, preview, width);
    let choices = if preview.types() { 1 } else { preview.choices().len() };
    let footer = if preview.stage == PlanStage::Asking { question.len() + choices } else { 0 };
    // Never more than there is anyway: an entry takes a few lines at most until it has the cursor.
    let entries = preview.entries();
    let lines: usize = entries
        .iter()
        .enumerate()
        .take(200)
        .map(|(at, entry)| entry_lines(state, preview, *entry, at == preview.cursor, width).len())
        .sum();
    let area = popup::area(layout, true, head.len() + lines + footer);
    let inner = usize::from(area.height).saturating_sub(2);
    // With little room the question and the cursor's row stay.
    if inner < head.len() + footer + 3 {
        head.truncate(1);
        question.drain(..question.len().saturating_sub(1));
    }
    let footer = if preview.stage == PlanStage::Asking { question.len() + choices } else { 0 };
    let window = inner.saturating_sub(head.len() + footer);
    Frame { area, head, window, question }
}

/// Lines of the window, and what an entry takes in it.
pub fn window(state: &State, layout: &Layout, preview: &PlanPreview) -> usize {
    frame(state, layout, preview).window
}

/// Lines that an entry takes.
pub fn height(state: &State, layout: &Layout, preview: &PlanPreview, entry: PlanEntry, here: bool) -> usize {
    let width = usize::from(popup::area(layout, true, 0).width.saturating_sub(2));
    entry_lines(state, preview, entry, here, width).len()
}

pub(super) fn draw(state: &State, layout: &Layout, preview: &PlanPreview, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let Frame { area, head, window, question } = frame(state, layout, preview);
    let entries = preview.entries();
    let title = match entries.len() > 1 {
        true => format!("{} {}/{}", words.title_plan(), preview.cursor + 1, entries.len()),
        false => words.title_plan().to_owned(),
    };
    let inner = popup::open(state, area, &title, &below(state, preview), buffer);
    let width = usize::from(inner.width);
    let mut y = 0;
    for line in &head {
        if y < inner.height {
            buffer.set_line(inner.x, inner.y + y, line, inner.width);
            y += 1;
        }
    }
    let end = (y + window as u16).min(inner.height);
    for (at, entry) in entries.iter().enumerate().skip(preview.offset) {
        let here = at == preview.cursor;
        for line in entry_lines(state, preview, *entry, here, width) {
            if y >= end {
                break;
            }
            buffer.set_line(inner.x, inner.y + y, &line, inner.width);
            if here {
                let row = Rect { y: inner.y + y, height: 1, ..inner };
                buffer.set_style(
                    row,
                    if preview.stage == PlanStage::Looking { theme.cursor } else { theme.cursor_blurred },
                );
            }
            y += 1;
        }
        if y >= end {
            break;
        }
    }
    if preview.stage != PlanStage::Asking {
        return;
    }
    let choices = if preview.types() { 1 } else { preview.choices().len() };
    let mut y = inner.height.saturating_sub((question.len() + choices) as u16);
    for line in &question {
        if y < inner.height {
            buffer.set_line(inner.x, inner.y + y, line, inner.width);
            y += 1;
        }
    }
    if preview.types() {
        if y < inner.height {
            let mut pen = Pen::new(buffer, inner, y, glyphs.ellipsis);
            pen.skip(1);
            if preview.mistyped {
                pen.put(words.mistyped(), theme.error).skip(1);
            }
            popup::typed(&mut pen, &preview.typed, theme.input, glyphs.caret);
        }
        return;
    }
    let harmless = preview.jobs(PlanChoice::Harmless).len();
    for (n, choice) in preview.choices().iter().enumerate() {
        let text = match choice {
            PlanChoice::Back => words.plan_choice_back().to_owned(),
            PlanChoice::Harmless => words.plan_choice_harmless(harmless),
            PlanChoice::All => words.plan_choice_all(preview.startable().count()),
        };
        if y < inner.height {
            popup::choice(state, (buffer, inner), y, (&text, n == preview.chosen, true));
            y += 1;
        }
    }
}

/// What the keys do, for the lower border.
fn below(state: &State, preview: &PlanPreview) -> String {
    let words = state.words;
    let keys: Vec<(Action, String)> = match preview.stage {
        _ if preview.types() => vec![
            (Action::PromptAccept, words.hint_start().to_owned()),
            (Action::PromptClose, words.below_back().to_owned()),
        ],
        PlanStage::Asking => vec![
            (Action::DialogAccept, words.below_choose().to_owned()),
            (Action::DialogClose, words.below_back().to_owned()),
        ],
        PlanStage::Looking => {
            let (able, all) = (preview.startable().count(), preview.rows.len());
            let mut keys = Vec::new();
            if able > 0 {
                let text =
                    if able < all { words.hint_start_some(able, all) } else { words.hint_start().to_owned() };
                keys.push((Action::PopupAccept, text));
            }
            keys.push((Action::LeaveOut, words.below_leave_out().to_owned()));
            if !preview.rules.is_empty() {
                keys.push((Action::PopupFold, words.below_fold().to_owned()));
            }
            if crate::tui::update::login::wanted(state).is_some() {
                keys.push((Action::PopupLogin, words.below_login().to_owned()));
            }
            keys.push((Action::PopupClose, words.below_back().to_owned()));
            keys
        }
    };
    let shown: String = keys.iter().map(|(action, what)| format!("{} {what} ", state.key(*action))).collect();
    format!(" {shown}")
}

/// What all of it comes to, and a blank line.
fn head(state: &State, preview: &PlanPreview, width: usize) -> Vec<Line<'static>> {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let taken = || preview.rows.iter().filter(|row| !row.left_out);
    let totals = &preview.totals;
    let count = taken().count();
    let images = if count == 1 { words.one_image().to_owned() } else { words.so_many_images(count) };
    let mut parts = vec![
        (images, theme.text),
        (words.plan_send(bytes(totals.send)), theme.accent),
        (words.plan_reuse(bytes(totals.reuse)), theme.reused),
    ];
    let mut more = |n: usize, text: String, style: Style| {
        if n > 0 {
            parts.push((text, style));
        }
    };
    more(totals.shared as usize, words.plan_shared(bytes(totals.shared)), theme.reused);
    let there = taken().filter(|row| row.plan().is_some_and(Plan::is_up_to_date)).count();
    more(there, words.plan_up_to_date(there), theme.dim);
    let files = taken().filter(|row| row.directory().is_some()).count();
    more(files, words.plan_files(files), theme.text);
    let overwritten: usize = taken().map(|row| row.overwritten().count()).sum();
    more(overwritten, words.plan_overwritten(overwritten), theme.warn);
    let clashes = taken().filter(|row| row.clashes).count();
    more(clashes, words.plan_clashes(clashes), theme.warn);
    let failed = taken().filter(|row| matches!(row.outcome, Some(Err(_)))).count();
    more(failed, words.plan_failed(failed), theme.error);
    let left_out = preview.rows.len() - count;
    more(left_out, words.rows_left_out(left_out), theme.dim);
    let open = preview.rows.iter().filter(|row| row.outcome.is_none()).count();
    let asked = preview.rows.len() - open;
    more(open, format!("{} {}", spinner(state), words.plan_asking(asked, preview.rows.len())), theme.dim);
    for (directory, free) in &preview.room {
        let needed = preview.needed(directory);
        let text = words.plan_room(bytes(needed), bytes(*free), printable(&directory.to_string_lossy(), 60));
        parts.push((text, if needed > *free { theme.error } else { theme.dim }));
    }
    let mut lines = flow(parts, &format!(" {} ", glyphs.dot), width);
    lines.push(Line::default());
    lines
}

/// Parts one behind the other, with signs between them, in as many lines as they need.
fn flow(parts: Vec<(String, Style)>, between: &str, columns: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Vec<Span<'static>>> = Vec::new();
    let mut used = 0;
    for (text, style) in parts {
        let w = width(&text) + width(between);
        if lines.is_empty() || used + w + 1 > columns {
            lines.push(vec![Span::styled(format!(" {text}"), style)]);
            used = width(&text) + 1;
        } else if let Some(line) = lines.last_mut() {
            line.push(Span::styled(format!("{between}{text}"), style));
            used += w;
        }
    }
    lines.into_iter().map(Line::from).collect()
}

/// What is asked before something is overwritten.
fn question(state: &State, preview: &PlanPreview, columns: usize) -> Vec<Line<'static>> {
    let (theme, words) = (&state.theme, state.words);
    if preview.stage != PlanStage::Asking {
        return Vec::new();
    }
    let (overwritten, unknown) = preview.risks();
    let mut asked = Vec::new();
    if overwritten > 0 {
        asked.push(words.plan_asks_overwrite(overwritten));
    }
    if unknown > 0 {
        asked.push(words.plan_asks_unknown(unknown));
    }
    asked.extend(preview.guards.first().map(|name| words.plan_asks_name(printable(name, 60))));
    let lines = asked.iter().flat_map(|text| wrap(text, columns.saturating_sub(2)));
    lines.map(|line| Line::from(Span::styled(format!(" {line}"), theme.warn))).collect()
}

/// The lines of an entry; the cursor's says everything.
fn entry_lines(
    state: &State,
    preview: &PlanPreview,
    entry: PlanEntry,
    here: bool,
    width: usize,
) -> Vec<Line<'static>> {
    match entry {
        PlanEntry::Rule(n) => match preview.rules.get(n) {
            Some(rule) => rule_lines(state, rule, width),
            None => Vec::new(),
        },
        PlanEntry::Row(n) => match preview.rows.get(n) {
            Some(row) => row_lines(state, row, here, width),
            None => Vec::new(),
        },
    }
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
        Some(Ok(images)) => {
            let sign = if rule.is_open { "-" } else { "+" };
            (sign, state.words.rule_images(name, filter, images.len()), theme.mark)
        }
        Some(Err(failure)) => (glyphs.failed, failure.message.clone(), theme.error),
    };
    let wrapped = wrap(&printable(&text, 1000), width.saturating_sub(4)).into_iter().enumerate();
    let lead = |n: usize| if n == 0 { sign } else { " " };
    let mut lines: Vec<Line<'static>> =
        wrapped.map(|(n, line)| Line::from(Span::styled(format!(" {} {line}", lead(n)), style))).collect();
    if let Some(Err(failure)) = &rule.images {
        let below =
            |text: &str, style| Line::from(Span::styled(format!("     {}", printable(text, 300)), style));
        lines.extend(advice::hints(state, failure).iter().map(|hint| below(hint, theme.warn)));
        let registry = refusing(failure, [name]);
        let login = registry.and_then(|registry| advice::login(state, failure, &registry));
        lines.extend(login.map(|text| below(&text, theme.key)));
    }
    lines
}

/// Lines of one kind that a row shows without the cursor.
const FEW: usize = 2;

fn row_lines(state: &State, row: &PlanRow, here: bool, columns: usize) -> Vec<Line<'static>> {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let mut lines = vec![first_line(state, row, columns)];
    if row.left_out {
        return lines;
    }
    let mut push = |text: &str, style: Style| {
        let text = printable(text, 1000);
        let room = columns.saturating_sub(6);
        let wrapped = if here { wrap(&text, room) } else { vec![cut(&text, room, glyphs.ellipsis)] };
        lines.extend(wrapped.into_iter().map(|line| Line::from(Span::styled(format!("     {line}"), style))));
    };
    if here {
        let to: Vec<String> = row.spec.destinations.iter().map(ToString::to_string).collect();
        push(&format!("{} {}", glyphs.arrow, to.join(", ")), theme.dim);
    }
    if row.clashes {
        push(&format!("{} {}", glyphs.warning, words.plan_clash()), theme.warn);
    }
    match &row.outcome {
        None => {}
        Some(Err(failure)) => {
            push(&failure.message, theme.error);
            if here {
                push(&advice::class(state, failure), theme.dim);
            }
            for hint in advice::hints(state, failure).iter().take(if here { usize::MAX } else { 1 }) {
                push(hint, theme.warn);
            }
            if let Some(registry) = refusing(failure, row.spec.locations())
                && let Some(text) = advice::login(state, failure, &registry)
            {
                push(&text, theme.key);
            }
        }
        Some(Ok(plan)) => {
            if here {
                push(&platforms(state, plan), theme.dim);
                for destination in &plan.destinations {
                    let text = match plan.destinations.len() {
                        1 => travel(state, plan, destination),
                        _ => format!("{}: {}", destination.location, travel(state, plan, destination)),
                    };
                    push(&text, theme.accent);
                }
            }
            let changes: Vec<_> = row.overwritten().collect();
            let shown = if here { changes.len() } else { FEW };
            for tag in changes.iter().take(shown) {
                let old = tag.old.as_ref().map(|old| old.short(12).to_owned()).unwrap_or_default();
                let moved = format!("{old} {} {}", glyphs.arrow, tag.new.short(12));
                push(&format!("{} {}", glyphs.warning, words.plan_tag(&tag.tag, moved)), theme.warn);
            }
            if changes.len() > shown {
                push(&words.n_more(changes.len() - shown), theme.warn);
            }
            if here {
                for note in &plan.notes {
                    push(note, theme.dim);
                }
            }
        }
    }
    lines
}

/// A row in one line: what, where, and how much of it travels, in columns.
fn first_line(state: &State, row: &PlanRow, columns: usize) -> Line<'static> {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (sign, style) = match &row.outcome {
        _ if row.left_out => (glyphs.dash, theme.dim),
        None => (spinner(state), theme.dim),
        Some(Ok(plan)) if plan.is_up_to_date() => (glyphs.same, theme.dim),
        Some(Ok(_)) => (glyphs.done, theme.ok),
        Some(Err(_)) => (glyphs.failed, theme.error),
    };
    let (amount, kind) = match &row.outcome {
        _ if row.left_out => (words.plan_stays().to_owned(), theme.dim),
        None => (String::new(), theme.dim),
        Some(Ok(plan)) if plan.is_up_to_date() => (words.up_to_date().to_owned(), theme.dim),
        Some(Ok(plan)) => {
            let send: u64 = plan.bytes_to_send();
            let all = plan.total_bytes() * plan.destinations.len().max(1) as u64;
            let unasked = plan.destinations.iter().any(|at| at.presence.contains(&Presence::Unasked));
            let most = if unasked { "<= " } else { "" };
            let text = format!("{most}{} + {}", bytes(send), bytes(all.saturating_sub(send)));
            (text, theme.accent)
        }
        Some(Err(failure)) => (words.class(failure.class).to_owned(), theme.error),
    };
    let to: Vec<String> = row.spec.destinations.iter().map(ToString::to_string).collect();
    let room = columns.saturating_sub(5 + width(&amount).max(AMOUNT));
    let half = room.saturating_sub(width(glyphs.arrow) + 2) / 2;
    let source = cut_front(&printable(&row.spec.source.to_string(), 600), half, glyphs.ellipsis);
    let target = cut_front(&printable(&to.join(", "), 600), half, glyphs.ellipsis);
    let text = if row.left_out { theme.dim } else { theme.text };
    let way = format!("{} {} {}", pad(&source, half), glyphs.arrow, pad(&target, half));
    Line::from(vec![
        Span::styled(format!(" {sign} "), style),
        Span::styled(pad(&way, room), text),
        Span::styled(format!(" {}", lead(&amount, AMOUNT)), kind),
    ])
}

/// Columns for what travels.
const AMOUNT: usize = 16;

fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

fn lead(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

fn platforms(state: &State, plan: &Plan) -> String {
    match plan.platforms.is_empty() {
        true => state.words.one_image().to_owned(),
        false => plan.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

fn travel(state: &State, plan: &Plan, destination: &PlannedDestination) -> String {
    let words = state.words;
    if destination.up_to_date {
        return words.everything_is_there().to_owned();
    }
    let send = plan.sent_to(destination);
    let reuse = plan.total_bytes().saturating_sub(send);
    match destination.presence.contains(&Presence::Unasked) {
        true => words.sends_at_most(bytes(send), bytes(reuse)),
        false => words.sends(bytes(send), bytes(reuse)),
    }
}
