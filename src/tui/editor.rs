//! The queue as a document outside wharf: written for a person's editor and read back, and saved as a file. What has
//! to be known of the terminal is the loop's; here are the files and the editor's process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::state::document::{Document, Edited, Outcome, Save, SaveFailure, Saved};
use crate::config::{Batch, Config, Fault, Terms, Wanted, write_sync_file};

/// The largest file that is taken back, in bytes: more is no sync file either.
const LIMIT: u64 = 4 << 20;
/// An editor that ends so soon without a change has handed the file to a window and not waited for it.
const AT_ONCE: Duration = Duration::from_millis(700);
/// Editors that are looked for where nobody names one.
const USUAL: [&str; 3] = ["editor", "vi", "nano"];

/// Lets a person edit the document. The terminal is the editor's until this returns; `process` is that of the editor.
pub(super) async fn edit(document: Document, config: Config, process: Arc<AtomicU32>) -> Edited {
    let directory = current_directory();
    let before: Vec<_> = document.wanted.iter().map(|(id, one)| (*id, one.absolute(&directory))).collect();
    let answer = |outcome, text: Option<String>| Edited {
        before: before.clone(),
        left_out: Vec::new(),
        text,
        outcome,
    };
    let wanted: Vec<Wanted> = before.iter().map(|(_, wanted)| wanted.clone()).collect();
    let fresh = match write_sync_file(&wanted, &document.heading, &directory, &config.registries) {
        Ok(written) => written,
        Err(reason) => return answer(Outcome::Failed(reason), None),
    };
    let left_out = fresh.left_out.iter().filter_map(|(n, _)| Some(before.get(*n)?.0)).collect();
    let mut fresh = fresh.text;
    if wanted.is_empty() {
        fresh = fresh.replace("sources: []\n", &format!("sources:\n{}", document.example));
    }
    let text = document.text.unwrap_or_else(|| fresh.clone());
    let (outcome, text) = match with_editor(&text, &process).await {
        Err(reason) => (Outcome::Failed(reason), None),
        Ok(Typed { status, text: typed, took }) => {
            let outcome = match (status.success(), typed == fresh) {
                (true, true) => Outcome::Unchanged { at_once: took < AT_ONCE },
                (false, _) if typed == text => Outcome::Failed(status.to_string()),
                (false, _) => Outcome::Broken(status.to_string()),
                (true, false) => {
                    let text = typed.clone();
                    let read = tokio::task::spawn_blocking(move || read(&text, &config));
                    read.await.unwrap_or_else(|error| Outcome::Failed(error.to_string()))
                }
            };
            (outcome, Some(typed))
        }
    };
    Edited { before, left_out, text, outcome }
}

/// What a text comes to.
fn read(text: &str, config: &Config) -> Outcome {
    // Relative paths are relative to where wharf was started, as everywhere in it.
    let file = current_directory().join("queue.yaml");
    let batch = Batch::parse(&file, text.as_bytes(), false, &|_| None);
    if batch.is_empty() {
        return Outcome::Wanted(Vec::new(), false);
    }
    match batch.wanted(&Terms::of(config)) {
        Ok(wanted) => Outcome::Wanted(wanted, batch.has_access()),
        Err(faults) => Outcome::Faults(faults.faults().iter().cloned().map(without_file).collect()),
    }
}

/// Its name is none that a person gave.
fn without_file(fault: Fault) -> Fault {
    Fault { file: PathBuf::new(), ..fault }
}

/// What came out of an editor.
struct Typed {
    status: ExitStatus,
    text: String,
    took: Duration,
}

async fn with_editor(text: &str, process: &AtomicU32) -> Result<Typed, String> {
    let editor = editor(&|name| std::env::var(name).ok())?;
    let file = Private::new(text).map_err(|e| format!("a file for the editor: {e}"))?;
    let started = Instant::now();
    // As git does: with arguments, and whatever else a shell understands.
    let script = format!("{editor} \"$@\"");
    let child = tokio::process::Command::new("sh").arg("-c").arg(script).arg(&editor).arg(&file.path).spawn();
    let status = match child {
        Ok(mut child) => {
            process.store(child.id().unwrap_or_default(), Ordering::Release);
            let status = child.wait().await;
            process.store(0, Ordering::Release);
            status
        }
        Err(error) => Err(error),
    };
    let took = started.elapsed();
    let text = file.take();
    let status = status.map_err(|e| format!("{editor}: {e}"))?;
    if let Some(reason @ (126 | 127)) = status.code() {
        return Err(match reason {
            127 => format!("{editor}: not found"),
            _ => format!("{editor}: cannot be run"),
        });
    }
    let text = text.map_err(|(e, path)| format!("what it left cannot be read: {e} ({})", path.display()))?;
    Ok(Typed { status, text, took })
}

/// The editor, as a shell's words: what the person set, else one that is usual and there.
fn editor(variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(variable).find(|name| !name.trim().is_empty());
    if let Some(named) = named {
        return Ok(named);
    }
    let path = variable("PATH").unwrap_or_default();
    let there = |name: &&str| std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    let found = USUAL.into_iter().find(there).map(str::to_owned);
    found.ok_or_else(|| format!("no editor: set EDITOR (looked for {})", USUAL.join(", ")))
}

/// A file that only its owner can read, in a directory of its own. Both go once what was typed is taken; without that,
/// as after a hang-up, they stay for the person to find.
struct Private {
    directory: PathBuf,
    path: PathBuf,
    taken: bool,
}

impl Private {
    fn new(text: &str) -> io::Result<Private> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let directory = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let directory = std::env::temp_dir().join(format!("wharf-edit-{}-{count}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&directory) {
                // Left by an earlier process of that number.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && count < 1000 => {}
                made => break made.map(|()| directory)?,
            }
        };
        // Named so that editors know what it is.
        let file = Private { path: directory.join("queue.yaml"), directory, taken: false };
        let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file.path)?;
        opened.write_all(text.as_bytes())?;
        Ok(file)
    }

    /// The text as it is now. What cannot be read stays where it is.
    fn take(mut self) -> Result<String, (io::Error, PathBuf)> {
        let text = self.read().map_err(|e| (e, self.path.clone()))?;
        self.taken = true;
        Ok(text)
    }

    fn read(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LIMIT {
            return Err(io::Error::other(format!("it is larger than {} MiB", LIMIT >> 20)));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        match self.taken {
            // With what an editor leaves beside it.
            true => drop(fs::remove_dir_all(&self.directory)),
            false => tracing::warn!("the queue as it was being edited is in {}", self.path.display()),
        }
    }
}

/// Saves the queue as a file: whole or not at all.
pub(super) fn save(save: &Save, config: &Config) -> Result<Saved, SaveFailure> {
    let path = match save.path.is_dir() {
        true => save.path.join("wharf.yaml"),
        false => save.path.clone(),
    };
    if !save.overwrite && path.symlink_metadata().is_ok() {
        return Err(SaveFailure::Exists(path));
    }
    let written = write_sync_file(&save.wanted, &save.heading, &current_directory(), &config.registries);
    let written = written.map_err(SaveFailure::Other)?;
    let told = |error: io::Error| SaveFailure::Other(format!("write {}: {error}", path.display()));
    write_whole(&path, written.text.as_bytes()).map_err(told)?;
    Ok(Saved { path, count: save.wanted.len() - written.left_out.len(), left_out: written.left_out })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link's file is what is meant, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if let Ok(before) = fs::metadata(&path) {
            fs::set_permissions(&partial, before.permissions())?;
        }
        fs::rename(&partial, &path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&partial)))
}

fn current_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_editor_is_the_persons_own_or_a_usual_one() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("vi"), "").unwrap();
        let path = home.path().display().to_string();
        let of = |visual: &str, named: &str| {
            editor(&|name| match name {
                "VISUAL" => Some(visual.to_owned()),
                "EDITOR" => Some(named.to_owned()),
                _ => Some(path.clone()),
            })
        };
        assert_eq!(of("code -w", "vim").as_deref(), Ok("code -w"));
        assert_eq!(of(" ", "vim").as_deref(), Ok("vim"));
        assert_eq!(of("", "").as_deref(), Ok("vi"));
        assert!(editor(&|_| None).unwrap_err().contains("set EDITOR"));
    }

    #[test]
    fn a_private_file_is_nobody_elses_and_goes() {
        let file = Private::new("a: b\n").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file.directory), mode(&file.path)), (0o700, 0o600));
        fs::write(file.directory.join("queue.yaml~"), "").unwrap();
        let directory = file.directory.clone();
        assert_eq!(file.take().unwrap(), "a: b\n");
        assert!(!directory.exists());
        let file = Private::new("a").unwrap();
        fs::write(&file.path, b"\xff").unwrap();
        let (error, path) = file.take().unwrap_err();
        assert!(error.to_string().contains("UTF-8") && path.exists(), "nothing that was typed is lost");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_saved_queue_is_whole_and_replaces_nothing_unasked() {
        let home = tempfile::tempdir().unwrap();
        let wanted = vec![Wanted::new(
            "nginx:1".parse().unwrap(),
            crate::config::WantedGoal::Copy(vec!["h.io/library/nginx:1".parse().unwrap()]),
        )];
        let ask =
            |path: PathBuf, overwrite| Save { path, wanted: wanted.clone(), heading: Vec::new(), overwrite };
        let config = Config::default();
        let saved = save(&ask(home.path().to_owned(), false), &config).unwrap();
        assert_eq!((saved.path.clone(), saved.count), (home.path().join("wharf.yaml"), 1));
        let again = save(&ask(saved.path.clone(), false), &config).unwrap_err();
        assert!(matches!(again, SaveFailure::Exists(path) if path == saved.path));
        fs::set_permissions(&saved.path, fs::Permissions::from_mode(0o600)).unwrap();
        save(&ask(saved.path.clone(), true), &config).unwrap();
        assert_eq!(fs::metadata(&saved.path).unwrap().permissions().mode() & 0o777, 0o600);
        let nowhere = save(&ask(home.path().join("none/x.yaml"), false), &config).unwrap_err();
        assert!(matches!(nowhere, SaveFailure::Other(reason) if reason.contains("none/x.yaml")));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing partial is left");
        let batch = Batch::read(&saved.path, &|_| None);
        assert_eq!(batch.wanted(&Terms::of(&config)).unwrap(), wanted);
    }

    #[test]
    fn what_was_typed_is_read_or_told() {
        let config = Config::default();
        assert!(matches!(read("# nothing\n", &config), Outcome::Wanted(found, _) if found.is_empty()));
        let Outcome::Faults(faults) = read("sources:\n  - UP\n  - source: nginx\n    tgas: 1\n", &config)
        else {
            unreachable!()
        };
        let lines: Vec<_> = faults.iter().map(|fault| fault.at.unwrap().line).collect();
        assert_eq!(lines, [2, 4]);
    }
}
