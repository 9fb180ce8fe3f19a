//! The top popup: a frame over the panes, and what is in it.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use tui_input::Input;

use super::layout::Layout;
use super::text::{Pen, width, wrap};
use super::{details, paste, plan};
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::popup::{Ask, Dialog, Palette, Popup, Prompt, Question};

/// The popup's area for content of so many rows, the frame included.
pub(super) fn area(layout: &Layout, wide: bool, rows: usize) -> Rect {
    let columns = if wide { layout.header.width.saturating_sub(8).min(110) } else { 66 };
    layout.popup(columns, rows.saturating_add(2).min(1000) as u16)
}

/// Columns for text in a narrow popup.
pub(super) fn columns(layout: &Layout) -> usize {
    usize::from(area(layout, false, 0).width).saturating_sub(4)
}

/// The rows to scroll through and the rows that are seen, for a popup that scrolls.
pub fn extent(state: &State, layout: &Layout) -> Option<(usize, usize)> {
    let popup = state.popups.last()?;
    if let Popup::ByHand(clip, _) = popup {
        return Some(super::by_hand::extent(layout, clip));
    }
    if let Popup::Removal(removal) = popup {
        return Some(super::removal::extent(state, layout, removal));
    }
    match popup {
        Popup::Marked(marked) => return Some(super::choosing::extent(layout, marked)),
        Popup::History(history) => return Some((history.rows().len(), super::history::height(layout))),
        Popup::Paste(preview) => return Some((preview.len(), paste::window(state, layout, preview))),
        Popup::Plan(plan) => return Some((plan.entries().len(), plan::window(state, layout, plan))),
        _ => {}
    }
    let lines = scrolled(state, popup, layout)?.1;
    let height = place(popup, layout, lines.len()).height.saturating_sub(2);
    Some((lines.len(), height.into()))
}

/// The area of a popup that scrolls: a job has the whole screen.
fn place(popup: &Popup, layout: &Layout, rows: usize) -> Rect {
    match popup {
        Popup::Why(..) => layout.body,
        _ => area(layout, true, rows),
    }
}

pub(super) fn draw(state: &State, layout: &Layout, buffer: &mut Buffer) {
    let Some(popup) = state.popups.last() else { return };
    match popup {
        Popup::Prompt(prompt) => draw_prompt(state, layout, prompt, buffer),
        Popup::Palette(palette) => draw_palette(state, layout, palette, buffer),
        Popup::Dialog(dialog) => draw_dialog(state, layout, dialog, buffer),
        Popup::Removal(removal) => super::removal::draw(state, layout, removal, buffer),
        Popup::ByHand(clip, scroll) => super::by_hand::draw(state, layout, (clip, scroll.top), buffer),
        Popup::Diff(comparison) => draw_scrolled(state, layout, popup, comparison.scroll.top, buffer),
        Popup::Choosing(choosing) => super::choosing::draw(state, layout, choosing, buffer),
        Popup::Marked(marked) => super::choosing::draw_marked(state, layout, marked, buffer),
        Popup::Faults(faults) => draw_scrolled(state, layout, popup, faults.scroll.top, buffer),
        Popup::Login(form) => super::login::draw(state, layout, form, buffer),
        Popup::Themes(choice) => super::themes::draw(state, layout, choice, buffer),
        Popup::Welcome(welcome) => super::welcome::draw(state, layout, welcome, buffer),
        Popup::Offer(offer) => super::welcome::draw_offer(state, layout, offer, buffer),
        Popup::History(history) => super::history::draw(state, layout, history, buffer),
        Popup::Target(form) => super::target::draw(state, layout, form, buffer),
        Popup::Options(form) => super::options::draw(state, layout, form, buffer),
        Popup::Paste(preview) => paste::draw(state, layout, preview, buffer),
        Popup::Plan(preview) => plan::draw(state, layout, preview, buffer),
        Popup::Help(scroll) | Popup::Inspect(scroll) | Popup::Why(_, scroll) => {
            draw_scrolled(state, layout, popup, scroll.top, buffer);
        }
    }
}

/// Columns of a page in a wide popup.
pub(super) fn page_columns(layout: &Layout) -> u16 {
    area(layout, true, 0).width.saturating_sub(2)
}

/// Title and rows of a popup that scrolls.
fn scrolled<'a>(
    state: &'a State,
    popup: &Popup,
    layout: &Layout,
) -> Option<(String, Cow<'a, [Line<'static>]>)> {
    let columns = usize::from(place(popup, layout, 0).width.saturating_sub(2));
    let words = state.words;
    Some(match popup {
        Popup::Help(_) => (words.title_keys().to_owned(), super::help::lines(state, columns).into()),
        Popup::Inspect(_) => (words.title_image().to_owned(), details::lines(state, columns as u16, true)),
        Popup::Why(job, _) => {
            (super::why::title(state, *job), super::why::lines(state, *job, columns).into())
        }
        Popup::Diff(comparison) => {
            (state.words.diff_title().to_owned(), super::diff::lines(state, comparison, columns).into())
        }
        Popup::Faults(faults) => {
            (state.words.faults_title().to_owned(), super::documents::lines(state, faults, columns).into())
        }
        Popup::Palette(_)
        | Popup::Prompt(_)
        | Popup::Dialog(_)
        | Popup::Login(_)
        | Popup::Removal(_)
        | Popup::Themes(_)
        | Popup::Welcome(_)
        | Popup::Offer(_)
        | Popup::Choosing(_)
        | Popup::Marked(_)
        | Popup::History(_)
        | Popup::Paste(_)
        | Popup::Plan(_)
        | Popup::Target(_)
        | Popup::Options(_)
        | Popup::ByHand(..) => return None,
    })
}

/// What the keys do in a popup, for its lower border.
fn below(state: &State, popup: &Popup) -> String {
    let (enter, esc) = (state.key(Action::PopupAccept), state.key(Action::PopupClose));
    let accept =
        super::hints::accept(state, popup).map(|what| format!("{enter} {what} ")).unwrap_or_default();
    let login = crate::tui::update::login::wanted(state)
        .map(|_| format!("{} {} ", state.key(Action::PopupLogin), state.words.below_login()));
    let back = match popup {
        Popup::Faults(_) => state.words.below_drop(),
        _ => state.words.below_back(),
    };
    format!(" {accept}{}{esc} {back} ", login.unwrap_or_default())
}

/// How a popup scrolls.
pub(super) fn scroll_keys(state: &State) -> String {
    format!("{}/{} {}", state.key(Action::Down), state.key(Action::Up), state.words.scrolls())
}

/// Keys and what they do, for a lower border.
fn keys_below(state: &State, keys: &[(Action, &str)]) -> String {
    let shown: String = keys.iter().map(|(action, what)| format!("{} {what} ", state.key(*action))).collect();
    format!(" {shown}")
}

pub(super) fn open(state: &State, area: Rect, title: &str, below: &str, buffer: &mut Buffer) -> Rect {
    // A wide character that the popup's edge cuts in half would push the row aside.
    for y in area.top()..area.bottom() {
        if area.x > 0
            && let Some(cell) = buffer.cell_mut((area.x - 1, y))
            && width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
    Clear.render(area, buffer);
    buffer.set_style(area, state.theme.popup);
    let title = Line::from(Span::styled(format!(" {title} "), state.theme.title_focus));
    let below = Line::from(Span::styled(below.to_owned(), state.theme.key)).right_aligned();
    let block = super::panes::block(state, state.theme.popup_border).title(title).title_bottom(below);
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

fn draw_scrolled(state: &State, layout: &Layout, popup: &Popup, top: usize, buffer: &mut Buffer) {
    let Some((title, lines)) = scrolled(state, popup, layout) else { return };
    let area = place(popup, layout, lines.len());
    let height = usize::from(area.height.saturating_sub(2));
    let title = match lines.len() > height {
        true => format!("{title} {}/{}", (top + height).min(lines.len()), lines.len()),
        false => title,
    };
    let mut keys = below(state, popup);
    let scrolls = format!(" {}", scroll_keys(state));
    if lines.len() > height && width(&scrolls) + width(&keys) + 2 <= usize::from(area.width) {
        keys.insert_str(0, &scrolls);
    }
    let inner = open(state, area, &title, &keys, buffer);
    for (row, line) in (0..inner.height).zip(lines.iter().skip(top)) {
        buffer.set_line(inner.x, inner.y + row, line, inner.width);
    }
}

/// A line that is being typed, its caret in place, scrolled so that the caret is seen.
pub(super) fn typed(pen: &mut Pen, input: &Input, style: Style, caret: &str) {
    let room = pen.room().saturating_sub(1).max(1);
    let scroll = input.visual_scroll(room);
    let (mut skipped, mut drawn) = (0, false);
    for (at, c) in input.value().chars().enumerate() {
        let w = width(c.encode_utf8(&mut [0; 4]));
        if at == input.cursor() && !drawn {
            pen.put(caret, style);
            drawn = true;
        }
        if skipped < scroll {
            skipped += w;
            continue;
        }
        pen.put(c.encode_utf8(&mut [0; 4]), style);
    }
    if !drawn {
        pen.put(caret, style);
    }
}

fn draw_prompt(state: &State, layout: &Layout, prompt: &Prompt, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (title, explain) = match prompt.ask {
        Ask::Reference => (words.ask_reference(), words.ask_reference_how().to_owned()),
        Ask::Import => (words.ask_import(), words.ask_import_how(state.key(Action::NextField))),
        Ask::Bandwidth => (words.bandwidth_title(), words.bandwidth_explained().to_owned()),
        Ask::Jobs => (words.jobs_filter_title(), words.jobs_filter_explained().to_owned()),
        Ask::SearchLog => (words.log_search_title(), words.log_search_explained().to_owned()),
        Ask::SaveLog => (words.log_save_title(), words.log_save_explained().to_owned()),
        Ask::Tags => (words.ask_tags(), words.ask_tags_how(glyphs.ellipsis)),
        Ask::SaveQueue => (words.ask_save(), words.ask_save_how("wharf sync FILE")),
        Ask::Registry => (words.add_registry_title(), words.add_registry_help().to_owned()),
    };
    let errors = prompt.error.as_ref().map(|error| wrap(error, columns(layout))).unwrap_or_default();
    let explained = wrap(&explain, columns(layout));
    let area = area(layout, false, 2 + explained.len() + errors.len());
    let below = keys_below(
        state,
        &[(Action::PromptAccept, words.below_ok()), (Action::PromptClose, words.below_back())],
    );
    let inner = open(state, area, title, &below, buffer);
    if inner.height == 0 {
        return;
    }
    let mut pen = Pen::new(buffer, inner, 0, glyphs.ellipsis);
    pen.skip(1);
    typed(&mut pen, &prompt.input, theme.input, glyphs.caret);
    let rows = errors.iter().map(|e| (e, theme.error)).chain(explained.iter().map(|e| (e, theme.dim)));
    for (row, (text, style)) in (2..inner.height).zip(rows) {
        Pen::new(buffer, inner, row, glyphs.ellipsis).skip(1).put(text, style);
    }
}

fn draw_palette(state: &State, layout: &Layout, palette: &Palette, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let area = layout.popup(layout.header.width.saturating_sub(8).clamp(66, 100), 16);
    let below = keys_below(
        state,
        &[(Action::PromptAccept, words.below_do_it()), (Action::PromptClose, words.below_back())],
    );
    let inner = open(state, area, words.title_command(), &below, buffer);
    if inner.height == 0 {
        return;
    }
    let mut pen = Pen::new(buffer, inner, 0, glyphs.ellipsis);
    pen.put(":", theme.key);
    typed(&mut pen, &palette.input, theme.input, glyphs.caret);
    let rows = usize::from(inner.height.saturating_sub(1));
    let first = (palette.cursor + 1).saturating_sub(rows);
    for (row, (position, action)) in (1..inner.height).zip(palette.hits.iter().enumerate().skip(first)) {
        let Some(entry) = action.entry() else { continue };
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        pen.right(" ", 1, theme.text).right(state.keymap.key(entry.action), 8, theme.key);
        pen.skip(1).column(entry.name, 18, theme.text).put(words.doc_of(entry.action), theme.dim);
        if position == palette.cursor {
            buffer.set_style(Rect { y: inner.y + row, height: 1, ..inner }, theme.cursor);
        }
    }
}

fn draw_dialog(state: &State, layout: &Layout, dialog: &Dialog, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (title, text) = match &dialog.question {
        Question::Quit => (words.quit_title().to_owned(), super::others::quit_text(state)),
        Question::Cancel(job) => {
            let name =
                state.jobs.get(*job).map(|job| super::queue::short(&job.spec.source)).unwrap_or_default();
            (state.words.cancel_title().to_owned(), state.words.job_is_running(job, name))
        }
        Question::CancelJobs(jobs) => {
            (state.words.cancel_title().to_owned(), state.words.cancel_them_title(jobs.len()))
        }
        Question::Overwrite(_, moves) => {
            let line = |m: &crate::engine::TagMove| {
                words.overwrite_one(&m.location, m.old.short(12), m.new.short(12))
            };
            (words.overwrite_title().to_owned(), moves.iter().take(8).map(line).collect::<Vec<_>>().join(" "))
        }
        Question::Garbage(garbage) => (words.gc_title().to_owned(), super::removal::garbage(state, garbage)),
        Question::Logout(registry) => (words.logout_title().to_owned(), words.logout_means(registry)),
        Question::Replace(save) => (
            words.replace_title().to_owned(),
            words.replace_means(crate::oci::printable(&save.path.to_string_lossy(), 300)),
        ),
    };
    let text = wrap(&printable(&text, 4000), columns(layout));
    let choices: Vec<Vec<String>> =
        dialog.choices.iter().map(|(_, choice)| wrap(choice, columns(layout).saturating_sub(4))).collect();
    let rows = text.len() + 1 + choices.iter().map(Vec::len).sum::<usize>();
    let area = area(layout, false, rows);
    let below = keys_below(
        state,
        &[(Action::DialogAccept, words.below_choose()), (Action::DialogClose, words.below_stay())],
    );
    let inner = open(state, area, &title, &below, buffer);
    let mut row = 0;
    for line in &text {
        if row < inner.height {
            Pen::new(buffer, inner, row, glyphs.ellipsis).skip(1).put(line, theme.text);
            row += 1;
        }
    }
    // With no room for everything, the choices come before the blank line, and the chosen one before the others.
    let lines: Vec<(usize, usize, &String)> = choices
        .iter()
        .enumerate()
        .flat_map(|(position, lines)| lines.iter().enumerate().map(move |(n, line)| (position, n, line)))
        .collect();
    row = (row + 1).min(inner.height.saturating_sub(lines.len() as u16));
    let last = lines.iter().rposition(|(position, ..)| *position == dialog.cursor).unwrap_or(0);
    let above = (last + 1).saturating_sub(usize::from(inner.height - row.min(inner.height)));
    for (row, (position, n, line)) in (row..inner.height).zip(lines.into_iter().skip(above)) {
        choice(state, (buffer, inner), row, (line, position == dialog.cursor, n == 0));
    }
}

/// A line of a choice; the chosen one's first has the cursor.
pub(super) fn choice(
    state: &State,
    (buffer, inner): (&mut Buffer, Rect),
    row: u16,
    (text, chosen, is_first): (&str, bool, bool),
) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let lead = if chosen && is_first { glyphs.cursor } else { " " };
    Pen::new(buffer, inner, row, glyphs.ellipsis)
        .skip(1)
        .put(lead, theme.accent)
        .skip(1)
        .put(text, theme.text);
    if chosen {
        buffer.set_style(Rect { y: inner.y + row, height: 1, ..inner }, theme.cursor);
    }
}
