//! The terminal UI. Key → [`keymap`] → [`action`] → [`mod@update`] → [`state`] → [`view`]; what has to be done outside goes
//! through [`effect`] to the engine and comes back as a message ([`event`]). This file is the loop around that.
//!
//! | module | what it is |
//! |---|---|
//! | [`state`] | everything that is known, one file a pane or popup; [`mod@update`] alone changes it, [`view`] alone draws it |
//! | [`action`], [`keymap`], [`key_docs`] | the one table of actions, their keys, and the table as documentation |
//! | [`words`], [`symbols`], [`theme`] | every text, every symbol and every style: no other file has any |
//! | [`event`], [`effect`] | what `update` hears of, and what it wants done |
//! | [`import`], [`past`], [`setup`], [`upkeep`], [`logins`], [`themes`], [`completion`], `editor` | the kinds of work outside the state, each with its answers |
//! | [`command`] | what a screen is as a headless command |
//! | [`terminal`], `outside` | the terminal taken over and given back; the window's title, a panic's report |
//! | `lending`, `leaving` | the terminal lent to an editor; the ways out that nobody chose |

pub mod action;
pub mod command;
pub mod completion;
mod editor;
pub mod effect;
pub mod event;
pub mod import;
pub mod key_docs;
pub mod keymap;
mod leaving;
mod lending;
pub mod logins;
mod outside;
pub mod past;
pub mod setup;
pub mod state;
pub mod symbols;
pub mod terminal;
pub mod theme;
pub mod themes;
pub mod update;
pub mod upkeep;
pub mod view;
pub mod words;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until};

pub use self::action::key_table_markdown;
pub use self::effect::{Background, Exit};
use self::effect::{Effect, Runner};
use self::event::{Msg, Recording};
use self::keymap::{Keymap, KeymapError};
use self::leaving::{End, Ends};
use self::lending::{Lent, edited};
use self::logins::Logins;
use self::outside::Title;
use self::state::document::{Document, Edited};
use self::state::popup::Popup;
use self::state::welcome::Setup;
use self::state::{State, Tone};
use self::terminal::{Continued, HangUp, Input, Screen, TerminalKind};
use self::theme::Theme;
use self::themes::{ThemeFiles, ThemeWork};
use self::update::{deadline, update};
use crate::config::credentials::LoginStore;
use crate::config::{Config, Symbols};
use crate::engine::{Engine, Remotes};
use crate::job::{JobEvent, Level};

/// Why the UI could not be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal does not do what it is asked.
    #[error("terminal: {0}")]
    Terminal(#[from] io::Error),
    /// What the configuration says of keys cannot be.
    #[error("keys: {0}")]
    Keys(#[from] KeymapError),
}

/// What the UI starts with.
pub struct TuiOptions {
    /// The configuration.
    pub config: Config,
    /// The engine. It is awaited after the first frame; the error is shown.
    pub engine: BoxFuture<'static, Result<Engine, String>>,
    /// Colours.
    pub theme: Theme,
    /// Where other themes are.
    pub themes: ThemeFiles,
    /// Symbols.
    pub symbols: Symbols,
    /// Where logins are kept.
    pub logins: LoginStore,
    /// Where `config.yaml` is, or would be.
    pub setup: Setup,
    /// Whether the configuration names no registries: what there is besides is looked for.
    pub looks: bool,
    /// Whether a newcomer is to be welcomed.
    pub welcome: bool,
    /// Something to say in the first frame.
    pub notice: Option<String>,
    /// Who takes the jobs over when a person leaves them running; `None` where nothing outlives the process.
    pub background: Option<Background>,
    /// What wharf warns of, for the log.
    pub heard: mpsc::Receiver<(Level, String)>,
    /// What kind of terminal it is.
    pub terminal: TerminalKind,
    /// The words before every command that is shown: `wharf`, and the options it was started with.
    pub program: Vec<String>,
    /// The directory that it was started in.
    pub here: PathBuf,
}

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(100);
/// The same in a storm of sizes or of the mouse's moves.
const STORM: Duration = Duration::from_millis(25);

/// How often rates and silences of other processes' jobs are drawn anew.
const THEIRS: Duration = Duration::from_secs(1);

/// Runs the UI until a person leaves, the terminal goes away or the process is told to end.
pub async fn run(options: TuiOptions) -> Result<Exit, Error> {
    let TuiOptions { config, engine, theme, themes, symbols, logins, notice, background, heard, .. } =
        options;
    let TuiOptions { terminal, program, here, setup, looks, welcome, .. } = options;
    let mut state = State::new(&config, theme, Keymap::new(&config.keys)?);
    state.glyphs = symbols::Glyphs::of(symbols);
    (state.clipboard.terminal, state.clipboard.program, state.clipboard.here) = (terminal, program, here);
    state.depth = themes.depth();
    state.setup = setup;
    let begin = if looks { update::welcome::begin(&mut state, welcome) } else { Vec::new() };
    let in_use = ThemeWork::Use(config.theme.clone());
    if let Some(notice) = notice {
        state.say(Tone::Plain, notice);
    }
    // Before the screen is touched: a signal that comes with the first frame must find it restored, too.
    let signals = (HangUp::listen()?, Ends::listen()?, Continued::listen()?);
    let mut screen = Screen::open()?;
    // The first frame waits for nothing: no engine, no ledger, no registry.
    screen.draw(|frame| {
        state.size = (frame.area().width, frame.area().height);
        view::view(&state, frame);
    })?;
    screen.set_mouse(state.mouse.on)?;
    let (sender, messages) = mpsc::channel(256);
    let mut runner = Runner::new(sender, Logins { store: logins, config });
    runner.themes = themes;
    runner.run(Effect::Theme(in_use));
    runner.background = background;
    begin.into_iter().for_each(|effect| runner.run(effect));
    let app = App {
        state,
        screen,
        runner,
        messages,
        heard,
        events: None,
        others: None,
        started: Instant::now(),
        drawn: Instant::now(),
        draw_at: None,
        sample_at: None,
        resumed: None,
        to_edit: None,
        editor: None,
        taken_back: None,
        title: Title::default(),
    };
    Box::pin(app.run(engine, signals)).await
}

struct App {
    state: State,
    screen: Screen,
    runner: Runner,
    messages: mpsc::Receiver<Msg>,
    /// What wharf warns of.
    heard: mpsc::Receiver<(Level, String)>,
    /// What the engine says.
    events: Option<broadcast::Receiver<JobEvent>>,
    /// How other processes' jobs stand.
    others: Option<watch::Receiver<Remotes>>,
    started: Instant,
    drawn: Instant,
    /// When something that changed is to be drawn.
    draw_at: Option<Instant>,
    /// When the jobs are to be looked at.
    sample_at: Option<Instant>,
    /// The window's title.
    title: Title,
    /// When the screen was last taken over again by itself.
    resumed: Option<Instant>,
    /// What is to be edited next.
    to_edit: Option<Box<Document>>,
    /// The editor that has the terminal.
    editor: Option<Lent>,
    /// When it had it last.
    taken_back: Option<Instant>,
}

/// What woke the loop.
enum Woken {
    HungUp,
    Told(End),
    Continued,
    Terminal(Option<io::Result<crossterm::event::Event>>),
    Engine(Result<Engine, String>),
    Message(Msg),
    Heard(Level, String),
    Job(Result<JobEvent, broadcast::error::RecvError>),
    Others,
    Time,
    Work,
    Edited(Edited),
}

impl App {
    async fn run(
        mut self,
        mut engine: BoxFuture<'static, Result<Engine, String>>,
        (mut hang_up, mut ends, mut continued): (HangUp, Ends, Continued),
    ) -> Result<Exit, Error> {
        let mut keys = Input::open();
        let mut starting = true;
        loop {
            let due = self.due();
            let working = self.state.has_work();
            let woken = tokio::select! {
                biased;
                () = hang_up.recv() => Woken::HungUp,
                end = ends.told() => Woken::Told(end),
                () = continued.recv() => Woken::Continued,
                event = keys.next() => Woken::Terminal(event),
                ready = &mut engine, if starting => Woken::Engine(ready),
                Some(message) = self.messages.recv() => Woken::Message(message),
                Some((level, text)) = self.heard.recv() => Woken::Heard(level, text),
                event = next_event(&mut self.events) => Woken::Job(event),
                () = next_change(&mut self.others) => Woken::Others,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Woken::Time,
                () = std::future::ready(()), if working => Woken::Work,
                edited = edited(&mut self.editor) => Woken::Edited(edited),
            };
            let effects = match woken {
                // A terminal that has no more events is gone, whether it said so or not.
                Woken::HungUp | Woken::Terminal(None) => {
                    drop(keys);
                    return Ok(Box::pin(self.hung_up(starting.then_some(engine))).await);
                }
                Woken::Told(End::Interrupt) if self.is_the_editors() => Vec::new(),
                Woken::Told(_) => return Box::pin(self.terminated()).await,
                Woken::Terminal(Some(Err(error))) => {
                    drop(keys);
                    return Box::pin(self.failed(error, starting.then_some(engine))).await;
                }
                Woken::Terminal(Some(Ok(event))) => {
                    Msg::of(event).map(|msg| self.take(msg)).unwrap_or_default()
                }
                Woken::Engine(ready) => {
                    starting = false;
                    self.engine(ready)
                }
                Woken::Message(message) => self.take(message),
                Woken::Others => self.others_changed(),
                Woken::Continued => match self.continued() {
                    Ok(()) => Vec::new(),
                    Err(error) => {
                        drop(keys);
                        return Box::pin(self.failed(error, starting.then_some(engine))).await;
                    }
                },
                Woken::Heard(level, text) => {
                    let note = JobEvent::Note { job: None, level, text };
                    self.take(Msg::Event(jiff::Zoned::now().time(), note))
                }
                Woken::Job(event) => self.job(event),
                Woken::Time => self.time(),
                Woken::Work => self.take(Msg::Work),
                Woken::Edited(edited) => match self.take_back(&mut keys).await {
                    Ok(()) => self.take(Msg::Edited(Box::new(edited))),
                    Err(error) => {
                        drop(keys);
                        return Box::pin(self.failed(error, starting.then_some(engine))).await;
                    }
                },
            };
            let done = self.perform(effects).and_then(|exit| match exit {
                None => self.draw_if_due().map(|()| None),
                exit => Ok(exit),
            });
            let done = match (done, self.to_edit.take()) {
                (Ok(None), Some(document)) => self.lend(*document, &mut keys).await.map(|()| None),
                (done, _) => done,
            };
            match done {
                Ok(None) => {}
                Ok(Some(exit)) => {
                    drop(keys);
                    self.screen.close()?;
                    return Ok(exit);
                }
                Err(error) => {
                    drop(keys);
                    return Box::pin(self.failed(error, starting.then_some(engine))).await;
                }
            }
        }
    }

    /// Gives a message to `update`, and notes when its result is to be seen.
    fn take(&mut self, msg: Msg) -> Vec<Effect> {
        let now = Instant::now();
        let drawn_at = match (msg.comes_in_storms(), msg.is_urgent()) {
            (true, _) => now.max(self.drawn + STORM),
            (false, true) => now,
            (false, false) => now.max(self.drawn + FRAME),
        };
        self.draw_at = Some(self.draw_at.map_or(drawn_at, |before| before.min(drawn_at)));
        self.state.now = now - self.started;
        self.state.clock = jiff::Timestamp::now();
        let sampled = matches!(msg, Msg::Submitted(..) | Msg::Refused(..));
        let filtering = matches!(msg, Msg::Work);
        let effects = update(&mut self.state, msg);
        if filtering && !self.state.has_work() {
            // The answer to the key that changed the filter.
            self.draw_at = Some(now);
        }
        if sampled {
            self.sample_soon();
        }
        effects
    }

    fn sample_soon(&mut self) {
        let soon = Instant::now() + FRAME / 2;
        self.sample_at = Some(self.sample_at.map_or(soon, |before| before.min(soon)));
    }

    /// When the loop must wake by itself; `None` if nothing changes with time: then it costs nothing.
    fn due(&self) -> Option<Instant> {
        let deadline = deadline(&self.state).map(|at| self.started + at);
        let own = self.editor.is_none();
        let (draw_at, title) = (self.draw_at.filter(|_| own), self.title.due.filter(|_| own));
        [draw_at, self.sample_at, deadline, title].into_iter().flatten().min()
    }

    fn engine(&mut self, ready: Result<Engine, String>) -> Vec<Effect> {
        match ready {
            Ok(engine) => {
                self.events = Some(engine.subscribe());
                self.others = engine.others();
                let on = engine.is_recorded();
                let leaves = on && self.runner.background.is_some();
                let fault = engine.unrecorded().map(str::to_owned);
                self.runner.start(engine);
                self.sample_soon();
                let mut effects = self.take(Msg::Ready);
                effects.extend(self.take(Msg::Recording(Recording { on, fault, leaves })));
                effects
            }
            Err(reason) => {
                self.runner.give_up(&reason);
                self.take(Msg::NotReady(reason))
            }
        }
    }

    fn job(&mut self, event: Result<JobEvent, broadcast::error::RecvError>) -> Vec<Effect> {
        self.sample_soon();
        match event {
            Ok(event) => {
                // The log wants the job's name; a new one is looked at with its first move, not with a thousand `Added`.
                let unknown =
                    |job| !matches!(event, JobEvent::Added { .. }) && self.state.jobs.get(job).is_none();
                let mut effects = Vec::new();
                if event.job().is_some_and(unknown) {
                    effects = self.sample();
                }
                effects.extend(self.take(Msg::Event(jiff::Zoned::now().time(), event)));
                effects
            }
            // Some were missed; the sample shows how things stand.
            Err(broadcast::error::RecvError::Lagged(_)) => Vec::new(),
            Err(broadcast::error::RecvError::Closed) => {
                self.events = None;
                Vec::new()
            }
        }
    }

    /// Looks at all jobs.
    fn sample(&mut self) -> Vec<Effect> {
        self.sample_at = None;
        let Some(mut jobs) = self.runner.engine().map(Engine::samples) else { return Vec::new() };
        if let Some(others) = &self.others {
            // One that has just been taken up here is still among them.
            let own: std::collections::HashSet<_> = jobs.iter().map(|job| job.id).collect();
            let others = others.borrow();
            jobs.extend(
                others.iter().map(|remote| &remote.job).filter(|job| !own.contains(&job.id)).cloned(),
            );
        }
        self.take(Msg::Jobs(jobs))
    }

    /// Other processes' jobs changed.
    fn others_changed(&mut self) -> Vec<Effect> {
        let Some(remotes) = self.others.as_mut().map(|others| others.borrow_and_update().clone()) else {
            return Vec::new();
        };
        let mut effects = self.take(Msg::Others(remotes));
        effects.extend(self.sample());
        effects
    }

    /// Time has come for something: a sample, a deadline of the state, a frame.
    fn time(&mut self) -> Vec<Effect> {
        let now = Instant::now();
        let mut effects = Vec::new();
        if self.sample_at.is_some_and(|at| at <= now) {
            effects.extend(self.sample());
        }
        if deadline(&self.state).is_some_and(|at| self.started + at <= now) {
            effects.extend(self.take(Msg::Tick));
        }
        effects
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.editor.is_some() {
            return Ok(());
        }
        self.title.show(&self.state, now, &mut self.screen);
        if self.draw_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.state.now = now - self.started;
        let state = &self.state;
        terminal::note_state(outside::summary(state));
        self.screen.draw(|frame| view::view(state, frame))?;
        let long = view::by_hand::long_lines(state);
        if !long.is_empty() {
            self.screen.write_lines(long.iter().map(|(row, line)| (*row, line.as_str())))?;
        }
        // What is to be copied by hand is selected with the mouse: then it is the terminal's.
        let by_hand = matches!(state.popups.last(), Some(Popup::ByHand(..)));
        self.screen.set_mouse(state.mouse.on && !by_hand)?;
        (self.drawn, self.draw_at) = (now, None);
        if self.state.jobs.runs_here() {
            self.sample_at.get_or_insert(now + FRAME);
        } else if self.state.jobs.counts.running > 0 {
            // Others tell what is new about once a second; in between only their silence grows.
            self.sample_at.get_or_insert(now + THEIRS);
        } else if self.state.spinning() {
            self.draw_at = Some(now + FRAME);
        }
        if self.state.jobs.history.lacks() {
            // The last second's bytes are a rate once it is over.
            self.sample_at.get_or_insert(now + Duration::from_secs(1));
        }
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect>) -> io::Result<Option<Exit>> {
        for effect in effects {
            match effect {
                Effect::Redraw => self.screen.redraw_all()?,
                Effect::Suspend => {
                    self.screen.suspend()?;
                    self.resumed = Some(Instant::now());
                    self.seen_again()?;
                }
                Effect::Edit(document) => self.to_edit = Some(document),
                Effect::Send(sequence) => self.screen.send(&sequence)?,
                Effect::Exit(exit) => return Ok(Some(exit)),
                effect => self.runner.run(effect),
            }
        }
        Ok(None)
    }
}

async fn next_change(others: &mut Option<watch::Receiver<Remotes>>) {
    let changed = match others {
        Some(others) => others.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        // Nobody looks any more: there is nothing to wait for.
        std::future::pending::<()>().await;
    }
}

async fn next_event(
    events: &mut Option<broadcast::Receiver<JobEvent>>,
) -> Result<JobEvent, broadcast::error::RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}
