//! Pane 4: the jobs, their bars, layers and failures.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::spinner;
use super::text::{Pen, bytes, cut, cut_front, duration};
use crate::job::{BlobProgress, BlobStage, Job, JobState, Progress};
use crate::oci::ErrorClass;
use crate::tui::action::Action;
use crate::tui::state::{Pane, State};

/// Columns that one layer takes.
const LAYER: u16 = 34;

/// Layers side by side in an area of this width.
pub fn columns(width: u16) -> usize {
    usize::from((width.saturating_sub(2) / LAYER).max(1))
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let jobs = &state.jobs;
    if jobs.rows().is_empty() {
        let text = state.words.nothing_started(state.key(Action::Start));
        Pen::new(buffer, area, 0, state.glyphs.ellipsis).skip(1).put(&text, state.theme.dim);
        return;
    }
    // The strip of an accordion: what runs, one row each.
    let strip = state.focus != Pane::Jobs && area.height <= 3;
    let mut row = 0;
    for (position, job) in jobs.rows().iter().enumerate().skip(if strip { 0 } else { jobs.offset }) {
        if row >= area.height {
            break;
        }
        let line = Rect { y: area.y + row, height: 1, ..area };
        draw_job(state, job, line, buffer);
        if position == jobs.cursor() && !strip {
            buffer.set_style(line, super::cursor_style(state, Pane::Jobs));
        }
        row += 1;
        if jobs.expanded.contains(&job.id) && !strip {
            row += draw_layers(
                state,
                &job.progress,
                Rect { y: area.y + row, height: area.height - row, ..area },
                buffer,
            );
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
    let width = usize::from(line.width);
    let name = name(state, job);
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    let name_width = (width * 3 / 10).clamp(12, 44);
    pen.skip(1)
        .put(sign, style)
        .skip(1)
        .column(&cut_front(&name, name_width, glyphs.ellipsis), name_width, theme.text)
        .skip(1);
    if job.priority != 0 && !job.state.is_final() {
        pen.put(&format!("{:+}", job.priority), theme.accent);
    }
    pen.skip(1);
    match job.state {
        JobState::Running | JobState::Paused => progress(state, job, &mut pen, width),
        JobState::Failed => failure(state, job, &mut pen),
        JobState::Succeeded => success(state, job, &mut pen),
        JobState::Planning if job.progress.aside.is_some() => {
            let done = job.progress.aside.map_or(0, |aside| aside.done);
            pen.write(&state.words.engine_saves(bytes(done)), theme.dim);
        }
        other => pen.write(state.words.job_state(other), theme.dim),
    }
}

/// What a job is called: its source without the host, and whether it makes a file.
pub(super) fn name(state: &State, job: &Job) -> String {
    let source = super::queue::short(&job.spec.source);
    if job.spec.is_export() { format!("{source} {} tar", state.glyphs.arrow) } else { source }
}

fn progress(state: &State, job: &Job, pen: &mut Pen, width: usize) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    // What stands behind the bar takes 41 columns.
    let bar = pen.room().saturating_sub(41).clamp(if width < 60 { 6 } else { 10 }, 30);
    draw_bar(state, pen, bar, &job.progress);
    pen.put(&format!(" {:>3.0}%", (job.progress.fraction() * 100.0).floor()), theme.text).skip(2);
    if job.state == JobState::Paused {
        pen.put(state.words.job_state(JobState::Paused), theme.warn);
        return;
    }
    let now = state.now;
    let rest = job.progress.total.saturating_sub(job.progress.wire + job.progress.reused);
    let meter = state.jobs.meter(job.id);
    let flows = job.progress.blobs.iter().any(|blob| blob.stage == BlobStage::Running);
    match meter.and_then(|meter| meter.stalled(now)) {
        // Its turn has not come, or another job is sending what it needs.
        _ if rest > 0 && !flows => drop(pen.column(state.words.waits(), 18, theme.dim)),
        Some(silence) if rest > 0 => pen.write(&state.words.stalled(silence.as_secs()), theme.warn),
        _ => {
            let rate = meter.map_or(0, |meter| meter.rate(now));
            pen.column(&format!("{:>8}/s", bytes(rate)), 10, theme.text).skip(2);
            let eta =
                meter.and_then(|meter| meter.eta(now, rest)).map_or_else(|| glyphs.dash.to_owned(), clock);
            pen.column(&eta, 6, theme.text);
        }
    }
    if let Some(aside) = &job.progress.aside {
        let done = bytes(aside.done);
        let text = match aside.total {
            0 => state.words.engine_at(done),
            total => state.words.engine_at_of(done, bytes(total)),
        };
        pen.skip(2).put(&text, theme.dim);
        return;
    }
    let (settled, all) = job.progress.settled_blobs();
    pen.skip(2).put(&state.words.blobs_done(settled, all), theme.dim);
}

/// `00:12`, or `1h05m` when it takes longer.
fn clock(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..3600 => format!("{:02}:{:02}", s / 60, s % 60),
        _ => duration(time),
    }
}

/// A bar whose first part was sent, whose second part needed no sending, and whose rest is to come.
fn draw_bar(state: &State, pen: &mut Pen, columns: usize, progress: &Progress) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let part = |bytes: u64| match progress.total {
        0 => 0,
        total => (bytes.min(total) as u128 * columns as u128 / u128::from(total)) as usize,
    };
    let both = if progress.total == 0 { columns } else { part(progress.wire + progress.reused) };
    let sent = part(progress.wire).min(both);
    pen.put(&glyphs.bar.repeat(sent), theme.bar);
    pen.put(&glyphs.bar.repeat(both - sent), theme.reused);
    pen.put(&glyphs.bar_rest.repeat(columns - both), theme.bar_rest);
}

fn failure(state: &State, job: &Job, pen: &mut Pen) {
    let theme = &state.theme;
    let auth = job.failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Auth);
    // The key that mends it stands first.
    let words = state.words;
    let login = if auth { format!("  {}", words.key_login(state.key(Action::Login))) } else { String::new() };
    let keys = format!(
        "{login}  {}  {}",
        words.key_retry(state.key(Action::RetryJob)),
        words.key_why(state.key(Action::JobDetails))
    );
    if pen.room() > 50 {
        pen.right(&keys, 0, theme.key);
    }
    if let Some(failure) = &job.failure {
        // What came back stands at the end; what it was about is the row's name.
        pen.put(&format!("[{}] ", state.words.class(failure.class)), theme.warn);
        let message = cut_front(&failure.message, pen.room(), state.glyphs.ellipsis);
        pen.put(&message, theme.error);
        for hint in super::advice::pieces(state, failure) {
            pen.put(&format!(" {} {hint}", state.glyphs.arrow), theme.warn);
        }
    }
}

fn success(state: &State, job: &Job, pen: &mut Pen) {
    let theme = &state.theme;
    let Some(report) = &job.report else { return pen.write(state.words.job_done(), theme.ok) };
    if !report.outputs.is_empty() && report.outputs.iter().all(|output| output.up_to_date) {
        pen.put(state.words.was_there_already(), theme.dim);
        return;
    }
    let took = match report.millis {
        ms @ 0..10_000 => format!("{:.1}s", ms as f64 / 1000.0),
        ms => duration(Duration::from_millis(ms)),
    };
    let file = report.outputs.iter().find_map(|output| output.path.as_ref()?.file_name());
    if let Some(file) = file {
        let file = crate::oci::printable(&file.to_string_lossy(), 200);
        pen.put(&format!("{took}  {}  ", bytes(report.wire + report.reused)), theme.text);
        let name = cut_front(&file, pen.room(), state.glyphs.ellipsis);
        return pen.write(&name, theme.ok);
    }
    let words = state.words;
    let done = format!(" {}  {}", words.job_done_in(took), words.job_sent(bytes(report.wire)));
    pen.put(words.job_done(), theme.ok).put(&done, theme.text);
    if report.reused > 0 {
        pen.put(&format!(", {}", words.job_reused(bytes(report.reused))), theme.reused);
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

fn draw_layer(state: &State, blob: &BlobProgress, cell: Rect, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let mut pen = Pen::new(buffer, cell, 0, glyphs.ellipsis);
    pen.put(&cut(blob.digest.short(8), 8, ""), theme.dim).skip(1);
    let size = bytes(blob.size);
    match blob.stage {
        BlobStage::Waiting => pen.write(&format!("{} {size}", glyphs.waiting), theme.dim),
        BlobStage::Running => {
            let done = Progress { total: blob.size, wire: blob.done, ..Progress::default() };
            draw_bar(state, &mut pen, 8, &done);
            pen.skip(1).put(&format!("{}/{size}", bytes(blob.done)), theme.text);
        }
        BlobStage::Done => pen.write(&format!("{} {}", glyphs.done, words.layer_done(size)), theme.ok),
        BlobStage::Present => {
            pen.write(&format!("{} {}", glyphs.done, words.layer_there(size)), theme.reused)
        }
        BlobStage::Mounted => {
            pen.write(&format!("{} {}", glyphs.done, words.layer_mounted(size)), theme.reused)
        }
        BlobStage::Failed => {
            pen.write(&format!("{} {}", glyphs.failed, words.layer_failed(size)), theme.error)
        }
    }
}
