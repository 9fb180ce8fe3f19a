//! A job whole, over the whole screen: what it does, how far it is, its layers, what arrived, why it failed with the HTTP
//! exchange that failed, and what it said.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::advice;
use super::jobs::{bar_parts, pace, sign, stage, took};
use super::text::{bytes, width, wrap};
use crate::config::Language;
use crate::engine::JobRecord;
use crate::job::{Failure, Job, JobId, JobSpec, JobState, Level, Progress};
use crate::oci::{Exchange, Platforms, printable};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::popup::Popup;

/// Lines of the log that are shown, the newest; the whole of it is in the ledger (`wharf history ID`).
const LOG: usize = 300;
/// Layers that are shown.
const LAYERS: usize = 300;

/// The job that a page is about: one of this process, or one that the history or the record knows.
pub fn job_of(state: &State, id: JobId) -> Option<&Job> {
    let history = || {
        state.popups.iter().find_map(|popup| match popup {
            Popup::History(history) => history.get(id),
            _ => None,
        })
    };
    let record = || state.record.of(id).map(|record| &record.job);
    state.jobs.get(id).or_else(record).or_else(history)
}

/// The page's title: the job and how it stands.
pub(super) fn title(state: &State, id: JobId) -> String {
    let words = state.words;
    match job_of(state, id) {
        Some(job) => {
            format!("{} {} {}", words.job_title(id), sign(state, job.state).0, words.job_state(job.state))
        }
        None => words.job_title(id),
    }
}

/// The rows of the page.
struct Page<'a> {
    state: &'a State,
    columns: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    /// A text, wrapped where it is too long.
    fn put(&mut self, text: &str, style: Style) {
        let wrapped = wrap(&printable(text, 4000), self.columns.saturating_sub(2));
        self.lines
            .extend(wrapped.into_iter().map(|line| Line::from(Span::styled(format!(" {line}"), style))));
    }

    /// A name and its value; further lines stand below the value.
    fn field(&mut self, name: &str, value: &str, style: Style) {
        let theme = &self.state.theme;
        let indent = self.state.words.job_fields_width();
        let room = self.columns.saturating_sub(indent + 3);
        for (n, line) in wrap(&printable(value, 4000), room).into_iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            let gap = " ".repeat((indent + 1).saturating_sub(width(name)).max(1));
            self.lines.push(Line::from(vec![
                Span::styled(format!(" {name}{gap}"), theme.dim),
                Span::styled(line, style),
            ]));
        }
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(Line::default());
        self.lines.push(Line::from(Span::styled(format!(" {text}"), self.state.theme.title)));
    }
}

/// Everything about a job.
pub(super) fn lines(state: &State, id: JobId, columns: usize) -> Vec<Line<'static>> {
    let mut page = Page { state, columns, lines: Vec::new() };
    let (theme, words) = (&state.theme, state.words);
    let Some(job) = job_of(state, id) else {
        page.put(words.job_gone(), theme.dim);
        return page.lines;
    };
    let record = state.record.of(id);
    head(&mut page, job, record);
    // What needs a person comes before what is only to be known.
    if let Some(failure) = &job.failure {
        failed(&mut page, job, failure);
    }
    layers(&mut page, &job.progress);
    arrived(&mut page, job, record);
    log(&mut page, id, record);
    page.lines
}

fn head(page: &mut Page<'_>, job: &Job, record: Option<&JobRecord>) {
    let (state, words) = (page.state, page.state.words);
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    page.field(words.field_from(), &job.spec.sources_text(), theme.text);
    for target in &job.spec.destinations {
        page.field(words.field_to(), &target.to_string(), theme.text);
    }
    if let Some(options) = options(words, &job.spec) {
        page.field(words.field_options(), &options, theme.text);
    }
    if job.state.is_active() || job.state == JobState::Paused {
        let [sent, reused, rest] = bar_parts(&job.progress, (page.columns / 3).clamp(6, 40));
        let percent = (job.progress.fraction() * 100.0).floor();
        let mut spans = vec![
            Span::styled(format!(" {}", glyphs.bar.repeat(sent)), theme.bar),
            Span::styled(glyphs.bar.repeat(reused), theme.reused),
            Span::styled(glyphs.bar_rest.repeat(rest), theme.bar_rest),
            Span::styled(format!(" {percent:>3.0}%  "), theme.text),
        ];
        match job.state {
            JobState::Running => {
                let (pace, style) = pace(state, job);
                spans.push(Span::styled(pace.trim_start().to_owned(), style));
            }
            other => spans.push(Span::styled(words.job_state(other), theme.warn)),
        }
        page.lines.push(Line::from(spans));
    }
    let (wire, reused) = match &job.report {
        Some(report) => (report.wire, report.reused),
        None => (job.progress.wire, job.progress.reused),
    };
    let mut moved = vec![words.rates_wire(bytes(wire)), words.rates_reused(bytes(reused))];
    if job.progress.total > wire + reused {
        moved.push(words.moved_of(bytes(job.progress.total)));
    }
    let (settled, all) = job.progress.settled_blobs();
    if all > 0 {
        moved.push(words.layers_done(settled, all));
    }
    if let Some(report) = job.report.as_ref().filter(|report| report.retries > 0) {
        moved.push(words.retried(report.retries));
    }
    page.field(words.field_moved(), &moved.join(&format!(" {} ", glyphs.dot)), theme.text);
    let mut times = vec![words.created_at(state.record.time(job.created))];
    times.extend(job.started.map(|at| words.started_at(state.record.time_of_day(at))));
    times.extend(job.finished.map(|at| words.finished_at(state.record.time_of_day(at))));
    let lasted = job.report.as_ref().map(|report| took(report.millis)).or_else(|| {
        let end = job.finished.or(job.state.is_active().then_some(state.clock))?;
        let millis = end.as_millisecond() - job.started?.as_millisecond();
        u64::try_from(millis).ok().map(took)
    });
    times.extend(lasted.map(|time| words.lasted(time)));
    page.field(words.field_times(), &times.join(&format!(" {} ", glyphs.dot)), theme.text);
    if job.priority != 0 {
        page.field(words.field_priority(), &format!("{:+}", job.priority), theme.accent);
    }
    let Some(record) = record else { return };
    if let Some(owner) = &record.owner {
        page.field(words.field_process(), &format!("{} @ {}", owner.pid, owner.host), theme.text);
    }
    if record.attempts.len() > 1 {
        for attempt in &record.attempts {
            let outcome =
                attempt.outcome.map_or(words.job_state(JobState::Running), |state| words.job_state(state));
            let text = format!("{}  {outcome}", state.record.time(attempt.began));
            page.field(&words.field_attempt(attempt.number), &text, theme.text);
        }
    }
}

/// What was asked for beyond a plain copy.
fn options(words: Language, spec: &JobSpec) -> Option<String> {
    let mut options = Vec::new();
    if let Platforms::Only(platforms) = &spec.platforms {
        let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        options.push(words.job_option_platforms(platforms.join(", ")));
    }
    if !spec.tags.is_empty() {
        let tags: Vec<&str> = spec.tags.iter().map(|tag| tag.as_str()).collect();
        options.push(words.job_option_tags(tags.join(", ")));
    }
    let extras = &spec.extras;
    let flags = [
        (spec.overwrite, words.job_option_overwrite()),
        (spec.keep_tags, words.job_option_keep_tags()),
        (extras.referrers, words.job_option_referrers()),
        (extras.digest_tags, words.job_option_digest_tags()),
        (extras.foreign_layers, words.job_option_foreign_layers()),
    ];
    options.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned()));
    options.extend(extras.format.map(|format| words.job_option_format(format)));
    (!options.is_empty()).then(|| options.join("; "))
}

fn layers(page: &mut Page<'_>, progress: &Progress) {
    let (state, words) = (page.state, page.state.words);
    if progress.blobs.is_empty() {
        return;
    }
    page.heading(words.heading_layers());
    let glyphs = &state.glyphs;
    for blob in progress.blobs.iter().take(LAYERS) {
        let (text, style) = stage(state, blob);
        let part = Progress { total: blob.size, wire: blob.done, ..Progress::default() };
        let [sent, _, rest] = match blob.stage.is_settled() {
            true => [0, 0, 0],
            false => bar_parts(&part, 16.min(page.columns / 4)),
        };
        let digest = format!(" {}:{} ", blob.digest.algorithm(), blob.digest.short(12));
        page.lines.push(Line::from(vec![
            Span::styled(digest, state.theme.dim),
            Span::styled(glyphs.bar.repeat(sent), state.theme.bar),
            Span::styled(glyphs.bar_rest.repeat(rest), state.theme.bar_rest),
            Span::styled(if sent + rest > 0 { " " } else { "" }, style),
            Span::styled(text, style),
        ]));
    }
    let more = progress.blobs.len().saturating_sub(LAYERS);
    if more > 0 {
        page.put(&words.more_layers(more), state.theme.dim);
    }
}

/// What is at the destinations now that was not there before.
fn arrived(page: &mut Page<'_>, job: &Job, record: Option<&JobRecord>) {
    let (state, words) = (page.state, page.state.words);
    let (theme, arrow) = (&state.theme, state.glyphs.arrow);
    let outputs = job.report.as_ref().map(|report| report.outputs.as_slice()).unwrap_or_default();
    let moved = record.map(|record| record.overwritten.as_slice()).unwrap_or_default();
    let files = record.map(|record| record.files.as_slice()).unwrap_or_default();
    if outputs.is_empty() && moved.is_empty() && files.is_empty() {
        return;
    }
    page.heading(words.heading_arrived());
    for output in outputs {
        let there =
            if output.up_to_date { format!(" ({})", words.was_there_already()) } else { String::new() };
        let text =
            format!("{} {}:{}{there}", output.location, output.digest.algorithm(), output.digest.short(12));
        page.put(&text, theme.ok);
        if let Some(was) = &output.was {
            page.put(&words.was_digest(was.short(12), output.digest.short(12)), theme.dim);
        }
        if record.is_none() {
            for (tag, old) in &output.overwritten {
                page.put(
                    &format!("{tag}: {} {arrow} {}", old.short(12), output.digest.short(12)),
                    theme.warn,
                );
            }
        }
    }
    for tag in moved {
        let name = format!("{}/{}:{}", tag.registry, tag.repository, tag.tag);
        let text = words.tag_moved(name, format!("{} {arrow} {}", tag.old.short(12), tag.new.short(12)));
        page.put(&text, theme.warn);
    }
    if !moved.is_empty() {
        page.put(&words.key_undo(state.key(Action::UndoTags)), theme.key);
    }
    for file in files {
        page.put(&format!("{}  {}", file.path.to_string_lossy(), bytes(file.size)), theme.ok);
    }
    for note in job.report.iter().flat_map(|report| &report.notes) {
        page.put(note, theme.dim);
    }
}

fn failed(page: &mut Page<'_>, job: &Job, failure: &Failure) {
    let (state, words) = (page.state, page.state.words);
    let theme = &state.theme;
    page.heading(words.heading_failure());
    page.put(&failure.message, theme.error);
    page.put(&advice::class(state, failure), theme.dim);
    advice::hints(state, failure).iter().for_each(|hint| page.put(hint, theme.warn));
    if job.state == JobState::Failed {
        if let Some(text) = advice::mends(state, failure) {
            page.put(&text, theme.key);
        }
        page.put(&words.retry_tries_again(state.key(Action::RetryJob)), theme.key);
    }
    if let Some(exchange) = &failure.exchange {
        exchanged(page, exchange);
    }
}

/// The request and the answer, as they went over the wire.
fn exchanged(page: &mut Page<'_>, exchange: &Exchange) {
    let (state, words) = (page.state, page.state.words);
    let theme = &state.theme;
    page.heading(words.heading_exchange());
    page.put(&format!("{} {}", exchange.method, exchange.url), theme.text);
    let times = match exchange.attempts {
        0 | 1 => String::new(),
        n => words.sent_times(n),
    };
    page.put(&format!("{} {}{times}", state.glyphs.arrow, exchange.status), theme.error);
    for (name, value) in &exchange.headers {
        page.put(&format!("{name}: {value}"), theme.dim);
    }
    if !exchange.body.is_empty() {
        page.lines.push(Line::default());
    }
    for line in &exchange.body {
        // How deep a line stands is part of it.
        let text = super::text::cut(line, page.columns.saturating_sub(3), state.glyphs.ellipsis);
        page.lines.push(Line::from(Span::styled(format!("  {text}"), theme.text)));
    }
}

/// What the job said: as the ledger has it, else as this process heard it.
fn log(page: &mut Page<'_>, id: JobId, record: Option<&JobRecord>) {
    let (state, words) = (page.state, page.state.words);
    let heard = state.logs.of_job(id);
    let lines: Vec<(String, Level, String)> = match record {
        Some(record) => {
            let lines = record.log.iter().rev().take(LOG);
            lines.map(|line| (state.record.time_of_day(line.at), line.level, line.text.clone())).collect()
        }
        None => {
            let time = |at: jiff::civil::Time| at.strftime("%H:%M:%S").to_string();
            heard.rev().take(LOG).map(|line| (time(line.at), line.level, line.text.clone())).collect()
        }
    };
    if let Some(failure) = state.record.failure(id).filter(|_| lines.is_empty() && id.0 > 0) {
        page.heading(words.heading_log());
        return page.put(&failure.message, state.theme.dim);
    }
    if lines.is_empty() {
        return;
    }
    page.heading(words.heading_log());
    let earlier = record.map_or(0, |record| record.log.len().saturating_sub(LOG));
    if earlier > 0 {
        page.put(&words.earlier_lines(earlier), state.theme.dim);
    }
    for (at, level, text) in lines.into_iter().rev() {
        page.put(
            &format!("{at} {} {text}", words.log_level(level).to_uppercase()),
            super::logs::style(state, level),
        );
    }
}
