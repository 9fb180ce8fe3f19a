//! Pane 4: the jobs, their bars, layers and failures.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::spinner;
use super::text::{Pen, bytes, cut_front, duration, width};
use crate::job::{BlobProgress, BlobStage, Failure, Job, JobState, Progress};
use crate::oci::ErrorClass;
use crate::tui::action::Action;
use crate::tui::state::failures::Brief;
use crate::tui::state::jobs::{Group, Order, Row, Which};
use crate::tui::state::{Pane, State};

/// Columns that one layer takes.
const LAYER: u16 = 36;

/// Layers side by side in an area of this width.
pub fn columns(width: u16) -> usize {
    usize::from((width.saturating_sub(2) / LAYER).max(1))
}

/// The part of the pane that has rows: where no box shows the rates, its last line does.
pub fn list_area(state: &State, area: Rect) -> Rect {
    let boxed = state.layout().rates.is_some();
    let line = state.focus == Pane::Jobs && !boxed && area.height >= 6 && !state.jobs.rows().is_empty();
    Rect { height: area.height - u16::from(line), ..area }
}

/// What the pane's title says beyond its name.
pub(super) fn title(state: &State) -> String {
    let (jobs, words) = (&state.jobs, state.words);
    let all = jobs.rows().len();
    if all == 0 {
        return String::new();
    }
    let rows = jobs.shown().iter().map(|row| match row {
        Row::Group(at) => {
            jobs.group_at(*at).filter(|group| !jobs.is_open(group)).map_or(0, |g| g.members.len())
        }
        Row::Job(_) | Row::Member(_) => 1,
    });
    let shown: usize = rows.sum();
    let mut parts = vec![if shown == all { format!("({all})") } else { words.jobs_of(shown, all) }];
    match jobs.which {
        Which::All => {}
        which => parts.push(which_name(state, which).to_owned()),
    }
    if !jobs.text.is_empty() {
        parts.push(format!("/{}", jobs.text));
    }
    match jobs.order {
        Order::State => {}
        order => parts.push(words.jobs_by(order_name(state, order))),
    }
    if !jobs.marks.is_empty() {
        parts.push(words.marked_rows(jobs.marks.len()));
    }
    parts.join(" ")
}

/// Which jobs are shown, in a word.
pub fn which_name(state: &State, which: Which) -> &'static str {
    match which {
        Which::All => state.words.jobs_all(),
        Which::Unfinished => state.words.jobs_unfinished(),
        Which::Failed => state.words.job_state(JobState::Failed),
        Which::Finished => state.words.jobs_finished(),
    }
}

/// An order, in a word.
pub fn order_name(state: &State, order: Order) -> &'static str {
    match order {
        Order::State => state.words.order_state(),
        Order::Added => state.words.order_added(),
        Order::Newest => state.words.order_newest(),
        Order::Name => state.words.order_name(),
    }
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let jobs = &state.jobs;
    let whole = area;
    let area = list_area(state, area);
    if area.height < whole.height {
        let line = Rect { y: area.bottom(), height: 1, ..whole };
        super::logs::rates_line(state, line, buffer);
    }
    if jobs.shown().is_empty() {
        let text = match jobs.rows().is_empty() {
            true => state.words.nothing_started(state.key(Action::Start)),
            false => state.words.no_such_jobs(state.key(Action::WhichJobs), state.key(Action::FilterJobs)),
        };
        Pen::new(buffer, area, 0, state.glyphs.ellipsis).skip(1).put(&text, state.theme.dim);
        return;
    }
    // The strip of an accordion: what runs, one row each.
    let strip = state.focus != Pane::Jobs && area.height <= 3;
    let range = jobs.in_range();
    let mut row = 0;
    for (position, shown) in jobs.shown().iter().enumerate().skip(if strip { 0 } else { jobs.offset }) {
        if row >= area.height {
            break;
        }
        let Some(job) = jobs.job_of(*shown) else { continue };
        let line = Rect { y: area.y + row, height: 1, ..area };
        let marked = !strip && (jobs.marks.contains(&job.id) || range.contains(&job.id));
        let mark = if marked { state.glyphs.mark } else { " " };
        Pen::new(buffer, line, 0, "").put(mark, state.theme.accent);
        let body = Rect { x: line.x + 1, width: line.width.saturating_sub(1), ..line };
        match shown {
            Row::Group(at) => {
                if let Some(group) = jobs.group_at(*at) {
                    draw_group(state, group, job, body, buffer);
                }
            }
            Row::Job(_) => draw_job(state, job, body, buffer),
            Row::Member(_) => {
                let body = Rect { x: body.x + 2, width: body.width.saturating_sub(2), ..body };
                draw_job(state, job, body, buffer);
            }
        }
        if position == jobs.cursor() && !strip {
            buffer.set_style(line, super::cursor_style(state, Pane::Jobs));
        }
        row += 1;
        if jobs.expanded.contains(&job.id) && !strip && !matches!(shown, Row::Group(_)) {
            let below = Rect { y: area.y + row, height: area.height - row, ..area };
            row += draw_layers(state, &job.progress, below, buffer);
        }
    }
}

/// A job's sign and its style.
pub(super) fn sign(state: &State, job: JobState) -> (&'static str, Style) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    match job {
        JobState::Draft | JobState::Queued => (glyphs.waiting, theme.dim),
        JobState::Planning => (spinner(state), theme.accent),
        JobState::Running => (glyphs.running, theme.accent),
        JobState::Paused | JobState::Interrupted => (glyphs.paused, theme.warn),
        JobState::Succeeded => (glyphs.done, theme.ok),
        JobState::Failed => (glyphs.failed, theme.error),
        JobState::Cancelled => (glyphs.cancelled, theme.dim),
    }
}

fn draw_job(state: &State, job: &Job, line: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let (sign, style) = sign(state, job.state);
    let width = usize::from(line.width) + 1;
    let name = name(state, job);
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    let name_width = (width * 3 / 10).clamp(12, 44);
    pen.put(sign, style)
        .skip(1)
        .column(&cut_front(&name, name_width, glyphs.ellipsis), name_width, theme.text)
        .skip(1);
    if job.priority != 0 && !job.state.is_final() {
        pen.put(&format!("{:+}", job.priority), theme.accent);
    }
    pen.skip(1);
    super::others::mark(state, job, &mut pen);
    match job.state {
        JobState::Interrupted => super::others::interrupted(state, job, &mut pen),
        JobState::Running | JobState::Paused => progress(state, job, &mut pen, width),
        JobState::Failed => failure(state, job, &mut pen),
        JobState::Succeeded => success(state, job, &mut pen),
        JobState::Planning if job.progress.aside.is_some() => {
            let done = job.progress.aside.map_or(0, |aside| aside.done);
            pen.write(&state.words.engine_saves(bytes(done)), theme.dim);
        }
        other => {
            let retry = retries(state, job).map(|text| format!("  {text}")).unwrap_or_default();
            pen.put(state.words.job_state(other), theme.dim).put(&retry, theme.warn);
        }
    }
}

/// What a job is called: its source without the host, and whether it makes a file.
pub(super) fn name(state: &State, job: &Job) -> String {
    let source = super::queue::short(&job.spec.source);
    if job.spec.is_export() { format!("{source} {} tar", state.glyphs.arrow) } else { source }
}

/// A request that is tried again: `retry 2/5 in 4 s`.
fn retries(state: &State, job: &Job) -> Option<String> {
    let retry = state.jobs.retry(job.id)?;
    let left = retry.at.saturating_sub(state.now);
    Some(match left.is_zero() {
        true => state.words.retry_now(retry.attempt, retry.of),
        false => state.words.retry_in(
            retry.attempt,
            retry.of,
            left.as_secs() + u64::from(left.subsec_millis() > 0),
        ),
    })
}

/// How a running job goes: its rate and when it will be done, or what keeps it.
pub(super) fn pace(state: &State, job: &Job) -> (String, Style) {
    let (theme, glyphs, words, now) = (&state.theme, &state.glyphs, state.words, state.now);
    let progress = &job.progress;
    if let Some(text) = retries(state, job) {
        return (text, theme.warn);
    }
    let rest = progress.total.saturating_sub(progress.wire + progress.reused);
    let meter = state.jobs.meter(job.id);
    let flowing = progress.blobs.iter().find(|blob| blob.stage == BlobStage::Running);
    // Of another process's job the counts are all that is known.
    let untold = progress.blobs.is_empty();
    match (flowing, meter.and_then(|meter| meter.stalled(now))) {
        (None, Some(silence)) if untold && rest > 0 => (words.stalled(silence.as_secs()), theme.warn),
        // Another job is sending what it needs, or its turn has not come.
        (None, _) if !untold && rest > 0 => (
            state
                .jobs
                .sender(job.id)
                .map_or_else(|| words.waits_for_turn().to_owned(), |job| words.waits_for_job(job)),
            theme.dim,
        ),
        (None, _) if !untold && progress.aside.is_none() => (words.puts_manifests().to_owned(), theme.dim),
        (Some(blob), Some(silence)) if rest > 0 => {
            (words.stalled_on(silence.as_secs(), blob.digest.short(8)), theme.warn)
        }
        _ => {
            let rate = meter.map_or(0, |meter| meter.rate(now));
            let eta =
                meter.and_then(|meter| meter.eta(now, rest)).map_or_else(|| glyphs.dash.to_owned(), clock);
            (format!("{:>8}/s  {eta}", bytes(rate)), theme.text)
        }
    }
}

fn progress(state: &State, job: &Job, pen: &mut Pen, width: usize) {
    let (theme, words) = (&state.theme, state.words);
    // What stands behind the bar takes 41 columns.
    let bar = pen.room().saturating_sub(41).clamp(if width < 60 { 6 } else { 10 }, 30);
    draw_bar(state, pen, bar, &job.progress);
    pen.put(&format!(" {:>3.0}%", (job.progress.fraction() * 100.0).floor()), theme.text).skip(2);
    if job.state == JobState::Paused {
        pen.put(state.words.job_state(JobState::Paused), theme.warn);
        return;
    }
    let (pace, style) = pace(state, job);
    pen.column(&pace, 18.max(super::text::width(&pace)), style);
    if let Some(aside) = &job.progress.aside {
        let done = bytes(aside.done);
        let text = match aside.total {
            0 => words.engine_at(done),
            total => words.engine_at_of(done, bytes(total)),
        };
        pen.skip(2).put(&text, theme.dim);
        return;
    }
    let (settled, all) = job.progress.settled_blobs();
    let layers = words.layers_done(settled, all);
    if all > 0 && pen.room() >= 2 + super::text::width(&layers) {
        pen.skip(2).put(&layers, theme.dim);
    }
    let apart = [words.job_sent(bytes(job.progress.wire)), words.rates_reused(bytes(job.progress.reused))];
    let apart = apart.join(words.comma());
    if pen.room() >= 2 + super::text::width(&apart) {
        pen.skip(2).put(&apart, theme.dim);
    }
}

/// `00:12`, or `1h05m` when it takes longer.
fn clock(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..3600 => format!("{:02}:{:02}", s / 60, s % 60),
        _ => duration(time),
    }
}

/// How many columns of a bar were sent, needed no sending, and are to come.
pub(super) fn bar_parts(progress: &Progress, columns: usize) -> [usize; 3] {
    let part = |bytes: u64| match progress.total {
        0 => 0,
        total => (bytes.min(total) as u128 * columns as u128 / u128::from(total)) as usize,
    };
    let both = if progress.total == 0 { columns } else { part(progress.wire + progress.reused) };
    let sent = part(progress.wire).min(both);
    [sent, both - sent, columns - both]
}

/// A bar whose first part was sent, whose second part needed no sending, and whose rest is to come.
fn draw_bar(state: &State, pen: &mut Pen, columns: usize, progress: &Progress) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let [sent, reused, rest] = bar_parts(progress, columns);
    pen.put(&glyphs.bar.repeat(sent), theme.bar);
    pen.put(&glyphs.bar.repeat(reused), theme.reused);
    pen.put(&glyphs.bar_rest.repeat(rest), theme.bar_rest);
}

/// The key that mends a failure, with the arrow before it; empty where only another try can.
fn mends(state: &State, failure: &Failure) -> String {
    match failure.class {
        ErrorClass::Auth => {
            format!("{} {}", state.glyphs.arrow, state.words.key_login(state.key(Action::Login)))
        }
        _ => String::new(),
    }
}

/// The keys of a failure's row: all of them, or where there is little room the one that mends it.
fn put_keys(pen: &mut Pen, mends: &str, others: &str, style: Style) {
    let all = format!("  {mends}{}{others}", if mends.is_empty() { "" } else { "  " });
    if pen.room() > 14 + width(&all) {
        pen.right(&all, 0, style);
    } else if !mends.is_empty() && pen.room() > 14 + width(mends) {
        pen.right(&format!("  {mends}"), 0, style);
    }
}

fn put_reason(state: &State, failure: &Failure, pen: &mut Pen) {
    let theme = &state.theme;
    if pen.room() > 22 {
        pen.put(&format!("[{}] ", state.words.class(failure.class)), theme.warn);
    }
    pen.put(&Brief::of(&failure.message).line(), theme.error);
}

fn failure(state: &State, job: &Job, pen: &mut Pen) {
    let words = state.words;
    let Some(failure) = &job.failure else { return };
    let others = format!(
        "{}  {}",
        words.key_retry(state.key(Action::RetryJob)),
        words.key_why(state.key(Action::JobDetails))
    );
    put_keys(pen, &mends(state, failure), &others, state.theme.key);
    put_reason(state, failure, pen);
}

fn draw_group(state: &State, group: &Group, first: &Job, line: Rect, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let Some(failure) = &first.failure else { return };
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    let count = words.jobs_alike(group.members.len());
    pen.put(glyphs.failed, theme.error).skip(1).put(&count, theme.text).skip(2);
    let details = state.key(Action::JobDetails);
    let list = if state.jobs.is_open(group) { words.key_fold(details) } else { words.key_list(details) };
    let others = format!("{}  {list}", words.key_retry_all(state.key(Action::RetryJob)));
    put_keys(&mut pen, &mends(state, failure), &others, theme.key);
    put_reason(state, failure, &mut pen);
}

fn success(state: &State, job: &Job, pen: &mut Pen) {
    let (theme, words) = (&state.theme, state.words);
    let Some(report) = &job.report else { return pen.write(words.job_done(), theme.ok) };
    if !report.outputs.is_empty() && report.outputs.iter().all(|output| output.up_to_date) {
        pen.put(words.was_there_already(), theme.dim);
        return;
    }
    let took = took(report.millis);
    let file = report.outputs.iter().find_map(|output| output.path.as_ref()?.file_name());
    if let Some(file) = file {
        let file = crate::oci::printable(&file.to_string_lossy(), 200);
        pen.put(&format!("{took}  {}  ", bytes(report.wire + report.reused)), theme.text);
        let name = cut_front(&file, pen.room(), state.glyphs.ellipsis);
        return pen.write(&name, theme.ok);
    }
    let done = format!(" {}  {}", words.job_done_in(took), words.job_sent(bytes(report.wire)));
    pen.put(words.job_done(), theme.ok).put(&done, theme.text);
    if report.reused > 0 {
        pen.put(&(words.comma().to_owned() + &words.rates_reused(bytes(report.reused))), theme.reused);
    }
}

/// A time that has passed: `3.2s`, `3m12s`.
pub(super) fn took(millis: u64) -> String {
    match millis {
        ms @ 0..10_000 => format!("{:.1}s", ms as f64 / 1000.0),
        ms => duration(Duration::from_millis(ms)),
    }
}

/// The layers under a job, some side by side; the answer is how many rows they took.
fn draw_layers(state: &State, progress: &Progress, area: Rect, buffer: &mut Buffer) -> u16 {
    let across = columns(area.width);
    let rows = progress.blobs.len().div_ceil(across).min(area.height.into()) as u16;
    for row in 0..rows {
        for (n, blob) in progress.blobs.iter().skip(usize::from(row) * across).take(across).enumerate() {
            let x = area.x + 4 + n as u16 * LAYER;
            let width = LAYER.min(area.right().saturating_sub(x)).saturating_sub(1);
            draw_layer(state, blob, Rect { x, y: area.y + row, width, height: 1 }, buffer);
        }
    }
    rows
}

/// `22/71 MB`, or both with their units where these are two.
pub(super) fn bytes_of(done: u64, size: u64) -> String {
    let (done, size) = (bytes(done), bytes(size));
    match (done.split_once(' '), size.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number}/{size}"),
        _ => format!("{done}/{size}"),
    }
}

/// What is happening to a blob.
pub(super) fn stage(state: &State, blob: &BlobProgress) -> (String, Style) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let size = bytes(blob.size);
    match blob.stage {
        BlobStage::Waiting => (format!("{} {size}", glyphs.waiting), theme.dim),
        BlobStage::Running => (bytes_of(blob.done, blob.size), theme.text),
        BlobStage::Done => (format!("{} {}", glyphs.done, words.layer_done(size)), theme.ok),
        BlobStage::Present => (format!("{} {}", glyphs.done, words.layer_there(size)), theme.reused),
        BlobStage::Mounted => (format!("{} {}", glyphs.done, words.layer_mounted(size)), theme.reused),
        BlobStage::Failed => (format!("{} {}", glyphs.failed, words.layer_failed(size)), theme.error),
    }
}

fn draw_layer(state: &State, blob: &BlobProgress, cell: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, cell, 0, state.glyphs.ellipsis);
    pen.put(blob.digest.short(8), state.theme.dim).skip(1);
    if blob.stage == BlobStage::Running {
        let done = Progress { total: blob.size, wire: blob.done, ..Progress::default() };
        draw_bar(state, &mut pen, 8, &done);
        pen.skip(1);
    }
    let (text, style) = stage(state, blob);
    pen.put(&text, style);
}
