//! The terminal UI, started: theme, log file, and an engine that is made after the first frame.

use std::path::{Path, PathBuf};

use futures_util::FutureExt;

use super::demo::{self, Demo};
use super::environment::variable;
use super::headless::open_ledger_at;
use super::{detached, logging, options};
use crate::cli::Args;
use crate::config::credentials::{Environment, LoginStore};
use crate::config::{Config, Language, Loaded, RegistryEntry, RegistryType, Symbols, paths};
use crate::engine::Engine;
use crate::tui::state::welcome::{Setup, USUAL_ENGINE};
use crate::tui::terminal::{TerminalKind, Told};
use crate::tui::theme::{ColourDepth, Theme};
use crate::tui::themes::ThemeFiles;
use crate::tui::{self, Exit, TuiOptions, terminal};

/// Opens the terminal UI on the configuration's registries.
pub(super) async fn run(args: &Args, loaded: Loaded) -> u8 {
    let data = paths::data_directory().unwrap_or_else(|| PathBuf::from(".wharf"));
    let heard = logging::to_file(&data.join("wharf.log"), args.global.verbose);
    let mut config = loaded.config;
    let looks = config.registries.is_empty();
    if looks {
        config.registries = well_known(&config);
    }
    config.registries.extend(own_store(&config));
    // A copy from a file is recorded, and may be finished by a process that was started elsewhere.
    for entry in config.registries.iter_mut().filter(|entry| entry.kind == RegistryType::LocalFile) {
        if let Ok(path) = std::path::absolute(&entry.url) {
            entry.url = path.to_string_lossy().into_owned();
        }
    }
    let overrides = match args.overrides(&config) {
        Ok(overrides) => overrides,
        Err(error) => return super::outcome(Err(error), args.global.output),
    };
    let logins = LoginStore::new(overrides.authfile.clone(), Environment::of_process());
    let path = match args.global.no_ledger {
        true => None,
        false => Some(args.global.ledger.clone().unwrap_or_else(|| data.join("ledger.db"))),
    };
    // Who has neither a configuration nor ever recorded anything is new here.
    let ledger = path.clone().unwrap_or_else(|| data.join("ledger.db"));
    let welcome = loaded.path.is_none() && !ledger.exists();
    let mut for_engine = config.clone();
    if looks {
        // On the screen once it answers.
        for_engine.registries.push(entry(USUAL_ENGINE, RegistryType::Docker, "", ""));
    }
    let (made, mut engines) = tokio::sync::oneshot::channel();
    let engine = async move {
        let (ledger, fault) = match path {
            Some(path) => match open_ledger_at(&path).await {
                Ok(ledger) => (ledger, None),
                Err(fault) => (None, Some(fault)),
            },
            None => (None, None),
        };
        let engine = Engine::new(options::engine_options(&for_engine, overrides, ledger));
        if let Some(fault) = fault {
            tracing::warn!("{fault}; nothing is recorded");
            engine.set_unrecorded(fault);
        }
        if for_engine.read_only {
            engine.refuse_changes();
        }
        // The receiver lives as long as the screen.
        let _ = made.send(engine.clone());
        Ok(engine)
    };
    report_panics(&config, &data.join("wharf.log"));
    let notice = loaded.warnings.first().map(ToString::to_string);
    let setup = Setup {
        configured: loaded.path.is_some(),
        file: loaded.path.clone().or_else(paths::default_file),
        ..Setup::default()
    };
    let options = tui_options(config, configured_in(loaded.path), engine.boxed(), logins, notice, heard);
    // Without a command, what was typed are options of every command.
    let background = Some(detached::background(std::env::args_os().skip(1).collect()));
    let options = TuiOptions { setup, looks, welcome, background, program: program(args), ..options };
    let words = options.config.language.unwrap_or_default();
    let (code, exit) = show(options).await;
    let engine = engines.try_recv().ok();
    match exit {
        Some(Exit::Left { jobs: 0, .. }) => {}
        Some(Exit::Left { pid, jobs: 1 }) => println!("{}", words.one_left_running(pid)),
        Some(Exit::Left { pid, jobs }) => println!("{}", words.left_running(jobs, pid)),
        Some(Exit::NotLeft(reason)) => eprintln!("{}", words.not_left_running(reason)),
        // The jobs may still be at work: the second ctrl-c did not wait.
        Some(Exit::Stopped) => {
            let given = match &engine {
                Some(engine) => engine.hand_over().await.unwrap_or_default(),
                None => Vec::new(),
            };
            match given.len() {
                0 => {}
                1 => println!("{}", words.one_stopped()),
                n => println!("{}", words.stopped_jobs(n)),
            }
        }
        _ => {}
    }
    if let Some(engine) = engine {
        engine.shutdown().await;
    }
    code
}

/// Opens the terminal UI on two registries of its own.
pub(super) async fn demo(args: &Args, config: Config) -> u8 {
    let demo = match Demo::create() {
        Ok(demo) => demo,
        Err(error) => {
            eprintln!("error: {error}");
            return 1;
        }
    };
    let heard = logging::to_file(&demo.path().join("wharf.log"), args.global.verbose);
    let bound = match demo.bind(Some(demo::PACE)).await {
        Ok(bound) => bound,
        Err(error) => {
            demo.remove().await;
            eprintln!("error: {error}");
            return 1;
        }
    };
    let harbour = bound.harbour();
    let mut config = Config {
        downloads: demo.downloads(),
        store: Some(demo.path().join("store")),
        registries: demo.registries(harbour),
        target: Some(harbour.empty.to_string()),
        ..config
    };
    config.registries.extend(own_store(&config));
    report_panics(&config, &demo.path().join("wharf.log"));
    let notice = "a demo: everything in it is removed when you leave".to_owned();
    let starting = demo.clone();
    let for_engine = config.clone();
    let engine = async move {
        let engine = starting.ready(bound, &for_engine).await.map_err(|error| error.to_string())?;
        if for_engine.read_only {
            engine.refuse_changes();
        }
        Ok(engine)
    };
    // Nothing of the user's is touched: what is kept goes with the rest.
    let logins = LoginStore::new(Some(demo.path().join("auth.json")), Environment::of_process());
    let (code, _) =
        show(tui_options(config, configured_in(None), engine.boxed(), logins, Some(notice), heard)).await;
    demo.remove().await;
    code
}

/// The directory that the configuration is in, or would be.
fn configured_in(file: Option<PathBuf>) -> Option<PathBuf> {
    file.or_else(paths::default_file)?.parent().map(Path::to_owned)
}

fn tui_options(
    mut config: Config,
    directory: Option<PathBuf>,
    engine: futures_util::future::BoxFuture<'static, Result<Engine, String>>,
    logins: LoginStore,
    notice: Option<String>,
    heard: tokio::sync::mpsc::Receiver<(crate::job::Level, String)>,
) -> TuiOptions {
    let words = config.language.unwrap_or_else(|| language(&variable));
    config.language = Some(words);
    let depth = ColourDepth::detect(&variable);
    let themes = ThemeFiles::new(directory, depth);
    // A theme whose file has a fault is no reason not to work: it is told, and taken once it is mended.
    let (theme, fault) = match themes.read(&config.theme) {
        Ok(theme) => (theme, None),
        Err(fault) => {
            (Theme::named("dark", depth).unwrap_or_else(Theme::mono), Some(words.theme_unread(fault)))
        }
    };
    let terminal = TerminalKind::detect(&variable);
    let here = std::env::current_dir().unwrap_or_default();
    // The file's word counts, where it has one.
    let symbols = match config.set_at.contains_key("symbols") {
        true => config.symbols,
        false => terminal.symbols(),
    };
    let little = || terminal_notice(&terminal, config.set_at.contains_key("symbols"), words);
    let notice = fault.or(notice).or_else(little);
    TuiOptions {
        config,
        engine,
        theme,
        themes,
        symbols,
        logins,
        notice,
        background: None,
        heard,
        setup: Setup::default(),
        looks: false,
        welcome: false,
        terminal,
        program: Vec::new(),
        here,
    }
}

/// What a person should know of a terminal that can do little; `chosen` if the configuration says which symbols.
fn terminal_notice(terminal: &TerminalKind, chosen: bool, words: Language) -> Option<String> {
    let term = if terminal.term.is_empty() { "?" } else { terminal.term.as_str() };
    match () {
        () if terminal.is_dumb() => Some(words.terminal_is_dumb(term)),
        () if chosen || terminal.symbols() == Symbols::Unicode => None,
        () if terminal.utf8 => Some(words.plain_terminal(term)),
        () => Some(words.plain_locale().to_owned()),
    }
}

/// The words before a command that does the same as the screen: what of the command line decides about that.
fn program(args: &Args) -> Vec<String> {
    let mut words = vec!["wharf".to_owned()];
    let global = &args.global;
    let files = [
        ("--config", global.config_file()),
        ("--authfile", global.authfile.as_deref()),
        ("--ledger", global.ledger.as_deref()),
    ];
    for (option, file) in files {
        if let Some(path) = file.and_then(|file| std::path::absolute(file).ok()) {
            words.extend([option.to_owned(), path.to_string_lossy().into_owned()]);
        }
    }
    if global.no_ledger {
        words.push("--no-ledger".to_owned());
    }
    words
}

/// A panic of the UI leaves a report where wharf keeps its data, the demo's too: what the demo has is removed.
fn report_panics(config: &Config, log: &Path) {
    let words = config.language.unwrap_or_else(|| language(&variable));
    let told = Told { written: words.panic_written().to_owned(), advice: words.panic_advice().to_owned() };
    let data = paths::data_directory().unwrap_or_else(|| PathBuf::from(".wharf"));
    terminal::report_panics(data.join("reports"), log.to_owned(), told);
}

/// The environment's language. Of the three variables the first that is set counts, as everywhere. Linux' own console
/// has no Chinese characters: every text would be boxes there.
fn language(variable: &dyn Fn(&str) -> Option<String>) -> Language {
    if variable("TERM").as_deref() == Some("linux") {
        return Language::English;
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable);
    locale.map_or(Language::English, |locale| Language::of_locale(&locale))
}

/// The exit code, and how it ended.
async fn show(options: TuiOptions) -> (u8, Option<Exit>) {
    match tui::run(options).await {
        Ok(Exit::Terminated) => (143, Some(Exit::Terminated)),
        Ok(Exit::NotLeft(reason)) => (1, Some(Exit::NotLeft(reason))),
        Ok(exit) => (0, Some(exit)),
        Err(error) => {
            eprintln!("error: {error}");
            eprintln!(
                "hint: the terminal UI needs a terminal; `wharf --help` lists the commands that do without"
            );
            (2, None)
        }
    }
}

/// What a person without a configuration sees: the registries that most images come from, and the downloads.
fn well_known(config: &Config) -> Vec<RegistryEntry> {
    let words = config.language.unwrap_or_else(|| language(&variable));
    let path = |path: &Path| path.display().to_string();
    vec![
        entry("docker.io", RegistryType::Registry, "docker.io", "Docker Hub"),
        entry("ghcr.io", RegistryType::Registry, "ghcr.io", "GitHub"),
        entry("quay.io", RegistryType::Registry, "quay.io", "Quay"),
        entry("downloads", RegistryType::LocalFile, &path(&config.downloads), words.downloads_are()),
    ]
}

/// wharf's own store, where the configuration has no entry for it: it is there all the same.
fn own_store(config: &Config) -> Option<RegistryEntry> {
    if config.registries.iter().any(|entry| entry.kind == RegistryType::Store) {
        return None;
    }
    let name = if config.entry("store").is_none() { "store" } else { "store:" };
    let directory = options::store_directory(config).display().to_string();
    let words = config.language.unwrap_or_else(|| language(&variable));
    Some(entry(name, RegistryType::Store, &directory, words.target_store()))
}

/// An entry as a line of the configuration would make it.
pub(super) fn entry(name: &str, kind: RegistryType, url: &str, description: &str) -> RegistryEntry {
    RegistryEntry::plain(name, kind, url, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_the_language_where_its_signs_can_be_shown() {
        let of = |term: &str| {
            let term = term.to_owned();
            language(&move |name| match name {
                "LANG" => Some("zh_CN.UTF-8".to_owned()),
                "TERM" => Some(term.clone()),
                _ => None,
            })
        };
        assert_eq!((of("xterm"), of("linux")), (Language::Chinese, Language::English));
        assert_eq!(language(&|_| None), Language::English);
    }
}
