//! The report of a panic: what a person can send to those who mend wharf. Without secrets: what comes from elsewhere goes
//! through the credentials' own redaction, and of the state there are counts, names of panes and hosts.

use std::backtrace::Backtrace;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::config::credentials::redacted_line;
use crate::oci::printable;

/// Reports that are kept.
const KEPT: usize = 10;
/// The log's last lines in a report.
const LINES: usize = 200;
/// Bytes of the log that are looked at for them.
const TAIL: u64 = 64 * 1024;

/// Where reports go, and what is to be in them.
#[derive(Debug, Clone, Default)]
struct Place {
    directory: PathBuf,
    log: PathBuf,
    /// How the screen stood when it was last drawn.
    summary: String,
    /// What is told of a report, and of one that could not be written.
    told: Told,
}

/// The words for it, in the screen's language.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Before the report's path.
    pub written: String,
    /// What to do with it.
    pub advice: String,
}

static PLACE: Mutex<Option<Place>> = Mutex::new(None);

/// From now on a panic of the UI leaves a report in `directory`, with the end of the file `log`.
pub fn report_panics(directory: PathBuf, log: PathBuf, told: Told) {
    let place = Place { directory, log, summary: String::new(), told };
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
}

/// Notes how the screen stands, for a report.
pub fn note_state(summary: String) {
    if let Ok(mut place) = PLACE.try_lock()
        && let Some(place) = place.as_mut()
    {
        place.summary = summary;
    }
}

/// Writes the report of a panic, with the terminal given back already; the answer is what to tell, if reports are wanted.
pub(super) fn write(thread: &str, at: &str, message: &str) -> Option<String> {
    // A panic under the lock must not wait for it.
    let place = PLACE.try_lock().ok()?.clone()?;
    let now = jiff::Zoned::now();
    let name = format!("wharf-panic-{}.txt", now.strftime("%Y%m%d-%H%M%S%.3f"));
    let path = place.directory.join(name);
    let backtrace = Backtrace::force_capture().to_string();
    let text = text(&place, &now.to_string(), (thread, at, message), &backtrace);
    match store(&path, &text) {
        Ok(()) => {
            sweep(&place.directory);
            Some(format!("{} {}\n{}", place.told.written, path.display(), place.told.advice))
        }
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}

fn text(place: &Place, now: &str, (thread, at, message): (&str, &str, &str), backtrace: &str) -> String {
    let variable = |name: &str| printable(&std::env::var(name).unwrap_or_default(), 100);
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    let size = size.map_or_else(|_| "unknown".to_owned(), |size| format!("{}x{}", size.ws_col, size.ws_row));
    let mut out = format!(
        "wharf {} panicked\n\ntime      {now}\nthread    {thread}\nplace     {at}\nmessage   {}\n\
         system    {} {}\nterminal  TERM={} COLORTERM={} LANG={} tmux={} size={size}\n",
        env!("CARGO_PKG_VERSION"),
        redacted_line(message),
        std::env::consts::OS,
        std::env::consts::ARCH,
        variable("TERM"),
        variable("COLORTERM"),
        variable("LANG"),
        std::env::var_os("TMUX").is_some(),
    );
    out += &format!("\n== the screen ==\n{}\n\n== backtrace ==\n{backtrace}\n", place.summary);
    out += &format!("\n== the log's end ({}) ==\n", place.log.display());
    match tail(&place.log) {
        Ok(lines) => lines.iter().for_each(|line| out += &format!("{}\n", redacted_line(line))),
        Err(error) => out += &format!("not readable: {error}\n"),
    }
    out
}

/// The last lines of a file.
fn tail(path: &Path) -> io::Result<Vec<String>> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be cut.
    let lines: Vec<String> = text.lines().skip(usize::from(start > 0)).map(str::to_owned).collect();
    Ok(lines[lines.len().saturating_sub(LINES)..].to_vec())
}

/// For nobody else's eyes.
fn store(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Removes the oldest reports.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut reports: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("wharf-panic-"))
        })
        .collect();
    // Their names are their times.
    reports.sort();
    for path in reports.iter().take(reports.len().saturating_sub(KEPT)) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_report_has_everything_but_secrets_and_only_some_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log");
        let mut lines: Vec<String> = (0..500).map(|n| format!("line {n}")).collect();
        lines.push("GET https://me:hunter2@h.io/v2/ Authorization: Bearer abc.def".to_owned());
        fs::write(&log, lines.join("\n")).unwrap();
        let place = Place {
            directory: home.path().join("reports"),
            log,
            summary: "focus Browse".to_owned(),
            told: Told::default(),
        };
        let what = ("main", "src/x.rs:1:2", "password=hunter2 \x1b[31m");
        let text = text(&place, "2026-11-21T04:00:00Z", what, "0: wharf::main");
        for part in ["src/x.rs:1:2", "focus Browse", "0: wharf::main", "line 499", "https://…@h.io/v2/"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for part in ["hunter2", "abc.def", "line 300\n", "\x1b"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
        for n in 0..KEPT + 3 {
            store(&place.directory.join(format!("wharf-panic-{n:03}.txt")), &text).unwrap();
            sweep(&place.directory);
        }
        let left: Vec<_> = fs::read_dir(&place.directory).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), KEPT);
        assert!(!left.contains(&"wharf-panic-000.txt".into()));
        let newest = place.directory.join(format!("wharf-panic-{:03}.txt", KEPT + 2));
        assert_eq!(fs::metadata(&newest).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(store(&newest, "x").is_err(), "nothing is written over");
    }
}
