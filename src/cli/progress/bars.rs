//! Progress as bars: a line for each running job that is drawn over, and a line that stays when it ends.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use tokio::time::Instant;
use unicode_width::UnicodeWidthStr;

use super::plain::end_text;
use super::rate::Rate;
use super::screen::Screen;
use crate::cli::output::{duration, fit, size};
use crate::config::Symbols;
use crate::job::{Job, JobId, JobState};
use crate::oci::printable;

/// The narrowest column of names.
const NAME_MIN: usize = 12;

/// Progress as bars.
pub(in crate::cli) struct Bars {
    screen: Screen,
    symbols: Symbols,
    rates: HashMap<JobId, Rate>,
    ended: HashSet<JobId>,
}

impl Bars {
    pub(super) fn new(screen: Screen, symbols: Symbols) -> Bars {
        Bars { screen, symbols, rates: HashMap::new(), ended: HashSet::new() }
    }

    pub(super) fn line(&self, text: &str) {
        self.screen.line(text);
    }

    pub(super) fn sample<J: Borrow<Job>>(&mut self, jobs: &[J], now: Instant) {
        let width = self.screen.width().saturating_sub(1);
        let mut live = Vec::new();
        let mut waiting = 0;
        for job in jobs.iter().map(J::borrow) {
            let wire = job.progress.wire;
            self.rates.entry(job.id).or_insert_with(|| Rate::new(now, wire)).add(now, wire);
            if job.state.is_final() || job.state == JobState::Paused {
                if self.ended.insert(job.id) {
                    let what = printable(&job.spec.to_string(), 500);
                    self.screen.line(&format!("{} {what}  {}", self.mark(job.state), end_text(job)));
                }
            } else if job.state.is_active() {
                live.push(self.bar(job, now, width));
            } else {
                waiting += 1;
            }
        }
        if waiting > 0 {
            live.push(format!("{waiting} waiting"));
        }
        self.screen.live(live);
    }

    pub(super) fn end(&self) {
        self.screen.live(Vec::new());
    }

    fn mark(&self, state: JobState) -> &'static str {
        let (unicode, ascii) = match state {
            JobState::Succeeded => ("✓", "ok"),
            JobState::Failed => ("✗", "FAILED"),
            _ => ("■", "--"),
        };
        if self.symbols == Symbols::Unicode { unicode } else { ascii }
    }

    /// `NAME  ████░░░░  64%   45.0 MB/71.2 MB  31.0 MB/s  0m12s`; a narrow terminal loses the bar first, then the
    /// numbers from the right.
    fn bar(&self, job: &Job, now: Instant, width: usize) -> String {
        let name = printable(&job.spec.sources_text(), 500);
        if let Some(aside) = &job.progress.aside {
            let text = super::aside_text(aside);
            return format!("{}  {text}", fit(&name, width.saturating_sub(text.width() + 2).max(NAME_MIN)));
        }
        if job.state == JobState::Planning {
            return format!(
                "{}  looking what there is to do",
                fit(&name, width.saturating_sub(30).max(NAME_MIN))
            );
        }
        let progress = &job.progress;
        let done = progress.wire + progress.reused;
        let percent = format!("{:>3}%", (progress.fraction() * 100.0).floor());
        let bytes = format!("{:>17}", format!("{}/{}", size(done), size(progress.total)));
        let mut numbers = vec![percent, bytes];
        numbers.extend(
            self.rates.get(&job.id).map(|rate| speed(rate, now, progress.total.saturating_sub(done))),
        );
        let taken = |numbers: &[String]| numbers.iter().map(|n| n.width() + 2).sum::<usize>();
        while numbers.len() > 1 && width < NAME_MIN + taken(&numbers) {
            numbers.pop();
        }
        let room = width.saturating_sub(taken(&numbers));
        // The bar gets what the name leaves, between ten and thirty columns, and nothing where both are too much.
        let bar = match room >= NAME_MIN + 12 {
            true => {
                let columns = room.saturating_sub(name.width() + 2).clamp(10, 30);
                format!("  {}", self.meter(progress.fraction(), columns))
            }
            false => String::new(),
        };
        let name_width = room.saturating_sub(bar.width());
        let name = fit(&name, name_width);
        let pad = " ".repeat(name_width.saturating_sub(name.width()));
        format!("{name}{pad}{bar}  {}", numbers.join("  "))
    }

    fn meter(&self, fraction: f64, width: usize) -> String {
        let full = ((fraction * width as f64).floor() as usize).min(width);
        let (on, off) = if self.symbols == Symbols::Unicode { ("█", "░") } else { ("#", ".") };
        format!("{}{}", on.repeat(full), off.repeat(width - full))
    }
}

/// Rate and time left, or since when nothing moves; as wide whatever it says, so that nothing jumps.
fn speed(rate: &Rate, now: Instant, left: u64) -> String {
    if let Some(silence) = rate.stalled(now) {
        return format!("{:>18}", format!("stalled {} s", silence.as_secs()));
    }
    let per_second = rate.per_second(now).map_or_else(|| "—".to_owned(), |r| format!("{}/s", size(r as u64)));
    let eta = rate.eta(now, left).map_or_else(|| "—".to_owned(), |seconds| duration(seconds.max(10) * 1000));
    format!("{per_second:>10}  {eta:>6}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::screen::tests::Written;
    use super::*;
    use crate::cli::sample;
    use crate::job::Report;

    fn run(size: fn() -> (u16, u16), symbols: Symbols) -> (Bars, Written, Instant) {
        let out = Written::default();
        let mut bars = Bars::new(Screen::new(Box::new(out.clone()), size), symbols);
        let start = Instant::now();
        for tick in 0..=40_u64 {
            let job = sample::running(1, tick * 1_000_000, 20_000_000, 400_000_000);
            bars.sample(&[job, sample::job(2, JobState::Queued)], start + Duration::from_millis(tick * 100));
        }
        (bars, out, start)
    }

    #[test]
    fn a_bar_fills_and_leaves_a_line() {
        let (mut bars, out, start) = run(|| (100, 24), Symbols::Unicode);
        let meter = format!("{}{}", "█".repeat(3), "░".repeat(21));
        let want = format!(
            "docker.io/library/nginx:1.27  {meter}   15%     60.0 MB/400 MB   10.0 MB/s    34 s\n1 waiting"
        );
        assert_eq!(out.shown(24, 120).trim_end(), want);
        let mut done = sample::job(1, JobState::Succeeded);
        done.report =
            Some(Report { wire: 380_000_000, reused: 20_000_000, millis: 38_000, ..Report::default() });
        for _ in 0..3 {
            bars.sample(&[done.clone()], start + Duration::from_secs(40));
        }
        bars.end();
        let want = "✓ docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27  done, 380 MB sent, 20.0 MB reused, 38 s";
        assert_eq!(out.shown(24, 120).trim_end(), want);
    }

    #[test]
    fn every_width_is_kept() {
        for width in 1..200_usize {
            let (mut bars, ..) = run(|| (100, 24), Symbols::Ascii);
            let now = Instant::now() + Duration::from_secs(3);
            let mut job = sample::running(1, 40_000_000, 0, 400_000_000);
            job.spec.source =
                "oci:/镜像/仓库/目录/很长的名字/一二三四五六七".parse().unwrap_or(job.spec.source);
            bars.rates.clear();
            bars.sample(&[job.clone()], now);
            let line = bars.bar(&job, now, width);
            // Below this there is no room for a name and a percentage; the screen cuts what remains.
            assert!(line.width() <= width.max(NAME_MIN + 6), "{width}: {line}");
        }
    }

    #[test]
    fn stillness_is_said_and_an_unchanged_bar_is_not_drawn() {
        let (mut bars, out, start) = run(|| (100, 24), Symbols::Ascii);
        let job = sample::running(1, 40_000_000, 20_000_000, 400_000_000);
        bars.sample(std::slice::from_ref(&job), start + Duration::from_millis(16_000));
        assert!(out.shown(24, 120).contains("stalled 12 s"), "{}", out.shown(24, 120));
        let before = out.len();
        bars.sample(&[job], start + Duration::from_millis(16_100));
        assert_eq!(out.len(), before);
    }
}
