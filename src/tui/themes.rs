//! Themes outside the state: a user's theme files, listed, read, and looked at once a second while one is in use. Nothing
//! of this happens with a theme that wharf brings along, and a look that finds no change says nothing.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::event::Msg;
use super::theme::{ColourDepth, Theme};
use crate::config::{THEME_LIMIT, paths};

/// How often a theme's file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is wanted of the theme files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThemeWork {
    /// Which themes of the user there are.
    List,
    /// This one, to be looked at.
    Read(String),
    /// This one is in use: tell when it is saved. One that wharf brings along needs no looking after.
    Use(String),
}

/// What came of it.
#[derive(Debug)]
pub enum ThemeAnswer {
    /// The user's themes, sorted.
    Listed(Vec<String>),
    /// The theme, or what is wrong with its file.
    Read(String, Result<Theme, String>),
    /// The file of the theme in use was saved: what it is now.
    Saved(String, Result<Theme, String>),
}

/// The user's theme files.
#[derive(Debug, Default)]
pub struct ThemeFiles {
    /// The configuration's directory.
    directory: Option<PathBuf>,
    depth: Option<ColourDepth>,
    watch: Option<JoinHandle<()>>,
}

/// What tells one version of a file from the next.
type Stamp = Option<(SystemTime, u64)>;

impl ThemeFiles {
    /// The themes beside a configuration, for a terminal of that depth.
    pub fn new(directory: Option<PathBuf>, depth: ColourDepth) -> ThemeFiles {
        ThemeFiles { directory, depth: Some(depth), watch: None }
    }

    /// The theme of that name, wharf's or the user's; the error says what is wrong with its file.
    pub fn read(&self, name: &str) -> Result<Theme, String> {
        let depth = self.depth();
        match Theme::named(name, depth) {
            Some(theme) => Ok(theme),
            None => read(self.directory.as_deref(), name, depth),
        }
    }

    /// The terminal's colours.
    pub fn depth(&self) -> ColourDepth {
        self.depth.unwrap_or(ColourDepth::None)
    }

    /// Does a piece of work; answers come as messages.
    pub(super) fn run(&mut self, work: ThemeWork, messages: &mpsc::Sender<Msg>) {
        let (directory, depth, messages) = (self.directory.clone(), self.depth(), messages.clone());
        match work {
            ThemeWork::List => answer(messages, move || {
                ThemeAnswer::Listed(
                    directory.map(|directory| paths::themes_in(&directory)).unwrap_or_default(),
                )
            }),
            ThemeWork::Read(name) => answer(messages, move || {
                let theme = read(directory.as_deref(), &name, depth);
                ThemeAnswer::Read(name, theme)
            }),
            ThemeWork::Use(name) => {
                if let Some(before) = self.watch.take() {
                    before.abort();
                }
                if Theme::named(&name, depth).is_none() {
                    self.watch = Some(tokio::spawn(watch(directory, name, depth, messages)));
                }
            }
        }
    }
}

impl Drop for ThemeFiles {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

fn answer(messages: mpsc::Sender<Msg>, work: impl FnOnce() -> ThemeAnswer + Send + 'static) {
    tokio::spawn(async move {
        if let Ok(answer) = tokio::task::spawn_blocking(work).await {
            let _ = messages.send(Msg::Theme(Box::new(answer))).await;
        }
    });
}

fn read(directory: Option<&Path>, name: &str, depth: ColourDepth) -> Result<Theme, String> {
    let file = directory.and_then(|directory| paths::theme_file(directory, name));
    let file = file.ok_or_else(|| format!("there is no theme {name:?}"))?;
    let mut content = Vec::new();
    std::fs::File::open(&file)
        .and_then(|opened| opened.take(THEME_LIMIT + 1).read_to_end(&mut content))
        .map_err(|error| format!("read {}: {error}", file.display()))?;
    // A line has room for what is wrong, not for the whole way to it.
    let shown = Path::new("themes").join(file.file_name().unwrap_or_default());
    Theme::user(name, &shown, &content, depth).map_err(|faults| faults.to_string())
}

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Looks at a theme's file, and tells of it whenever it is another one.
async fn watch(directory: Option<PathBuf>, name: String, depth: ColourDepth, messages: mpsc::Sender<Msg>) {
    let file = directory.as_deref().and_then(|directory| paths::theme_file(directory, &name));
    let Some(file) = file else { return };
    let look = || {
        let file = file.clone();
        tokio::task::spawn_blocking(move || stamp(&file))
    };
    let Ok(mut known) = look().await else { return };
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(now) = look().await else { return };
        // While an editor puts a new file into the old one's place there is none.
        if now == known || now.is_none() {
            continue;
        }
        known = now;
        let (directory, of) = (directory.clone(), name.clone());
        let theme = tokio::task::spawn_blocking(move || read(directory.as_deref(), &of, depth));
        let Ok(theme) = theme.await else { return };
        let saved = Box::new(ThemeAnswer::Saved(name.clone(), theme));
        if messages.send(Msg::Theme(saved)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_saved_theme_is_told_of_within_a_second_or_so_and_nothing_else_is() {
        let home = tempfile::tempdir().unwrap();
        let file = paths::theme_file(home.path(), "night").unwrap();
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "ok: '#112233'\n").unwrap();
        let (sender, mut messages) = mpsc::channel(4);
        let mut files = ThemeFiles::new(Some(home.path().to_owned()), ColourDepth::True);
        files.run(ThemeWork::List, &sender);
        match messages.recv().await {
            Some(Msg::Theme(answer)) => {
                assert!(matches!(*answer, ThemeAnswer::Listed(ref names) if names == &["night"]));
            }
            other => panic!("{other:?}"),
        }
        files.run(ThemeWork::Use("night".to_owned()), &sender);
        tokio::time::sleep(LOOK * 3 / 2).await;
        assert!(messages.try_recv().is_err(), "nothing was saved");
        let mut saved = async |content: &str| {
            // Put into its place, as editors do.
            let new = file.with_extension("new");
            std::fs::write(&new, content).unwrap();
            std::fs::rename(new, &file).unwrap();
            match tokio::time::timeout(LOOK * 3, messages.recv()).await.unwrap() {
                Some(Msg::Theme(answer)) => match *answer {
                    ThemeAnswer::Saved(name, theme) if name == "night" => theme,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(saved("ok: '#445566'\n").await.unwrap(), files.read("night").unwrap());
        let error = saved("\nok: gren # a slip\n").await.unwrap_err();
        assert!(
            error.ends_with("night.yaml:2:5: ok: \"gren\" is neither a colour nor a modifier"),
            "{error}"
        );
        assert_eq!(saved("ok: green\n").await.unwrap(), files.read("night").unwrap());
        // One of wharf's own is not looked after.
        files.run(ThemeWork::Use("light".to_owned()), &sender);
        assert!(files.watch.is_none());
        assert!(files.read("../night").is_err() && files.read("gone").unwrap_err().contains("gone.yaml"));
    }
}
