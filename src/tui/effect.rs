//! Effects: what `update` wants done, and the one place where it is done, against the engine. Every request ends with
//! an answer or a timeout, is bounded in number, and comes back as a message.

mod questions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

pub(super) use self::questions::within;
use self::questions::{list, plans, too_late};
use super::completion;
use super::editor;
use super::event::Msg;
use super::import::Import;
use super::logins::Logins;
use super::past::Past;
use super::setup::SetupWork;
use super::state::clipboard::Clip;
use super::state::document::{Document, Save, SaveFailure};
use super::state::limits::Workers;
use super::state::login::Password;
use super::state::queue::DraftId;
use super::themes::{ThemeFiles, ThemeWork};
use super::upkeep::Upkeep;
use crate::config::Config;
use crate::config::credentials::LoginTarget;
use crate::engine::{Engine, Place};
use crate::job::{Failure, JobId, JobSpec, JobState, Rate};
use crate::oci::{ErrorClass, Location, Repository};

/// How the UI ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// A person quit; no job is under way.
    Quit,
    /// A person stopped the jobs and quit.
    Stopped,
    /// The terminal went away; the jobs were seen to their end.
    HungUp,
    /// SIGTERM: the jobs were stopped.
    Terminated,
    /// A person left the jobs running in the background.
    Left {
        /// The process that has them.
        pid: u32,
        /// How many.
        jobs: usize,
    },
    /// The jobs could not be left running, and were stopped; this is why.
    NotLeft(String),
}

/// Jobs were given to a process in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The process.
    pub pid: u32,
    /// How many it has.
    pub jobs: usize,
    /// Why it has none.
    pub error: Option<String>,
}

/// Has jobs taken over by a process in the background, which moves so many blobs at once and so many bytes a second; its
/// number, or why there is none.
pub type Background =
    Arc<dyn Fn(Vec<JobId>, usize, Option<Rate>) -> BoxFuture<'static, Result<u32, String>> + Send + Sync>;

/// A list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListRequest {
    /// A place's repositories.
    Repositories(Place),
    /// A repository's tags.
    Tags(Place, Repository),
    /// A place's repositories that are found by words.
    Search(Place, String),
    /// A directory's image files.
    Files(PathBuf),
    /// An archive's or a layout's images.
    Images(Place),
}

/// What is to be done outside the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask for a list; an older request of its kind is dropped.
    List {
        /// What the answers are marked with.
        generation: u64,
        /// Which list.
        request: ListRequest,
    },
    /// Ask for all images of a file, for the queue.
    Gather {
        /// Which file.
        place: Place,
        /// Whether they are to be exported.
        export: bool,
    },
    /// Check a login against its registry, and store it.
    Login {
        /// What the answer is marked with.
        request: u64,
        /// For what.
        target: LoginTarget,
        /// The user's name.
        user: String,
        /// The password.
        password: Password,
    },
    /// Forget a stored login.
    Logout(LoginTarget),
    /// Ask what an image is made of.
    Inspect(Location),
    /// Ask what is at a location.
    Resolve(Location),
    /// Ask for plans.
    Plan {
        /// What the answers are marked with.
        generation: u64,
        /// The drafts' jobs.
        drafts: Vec<(DraftId, JobSpec)>,
    },
    /// Read a file or a paste that names images.
    Import(Import),
    /// Ask how much room there is in directories that a plan writes into.
    Room {
        /// What the answer is marked with.
        generation: u64,
        /// Which.
        directories: Vec<PathBuf>,
    },
    /// Nobody waits for plans any more.
    DropPlans,
    /// Give drafts to the engine.
    Submit(Vec<(DraftId, JobSpec)>),
    /// Change or compare images where they are.
    Upkeep(Upkeep),
    /// Ask what was done before.
    Past(Past),
    /// Cancel a job.
    Cancel(JobId),
    /// Queue a failed job again.
    Retry(JobId),
    /// Pause a job.
    Pause(JobId),
    /// Let a paused job go on.
    Resume(JobId),
    /// Change a job's priority.
    Prioritise(JobId, i32),
    /// Change how many blobs move at the same time.
    SetWorkers(Workers),
    /// Limit the bytes a second that are moved in all, or not.
    SetBandwidth(Option<Rate>),
    /// The first run, and whether places answer.
    Setup(SetupWork),
    /// Themes and their files.
    Theme(ThemeWork),
    /// Go on with jobs that nobody has.
    TakeUp(Vec<JobId>),
    /// Stop everything; what is not over can go on later.
    Shutdown,
    /// Stop everything here, and have it go on in the background, with these limits.
    Leave(Workers, Option<Rate>),
    /// Let a person edit the queue.
    Edit(Box<Document>),
    /// Find out how a path goes on that is being typed.
    Complete(String),
    /// Save the queue as a file.
    Save(Box<Save>),
    /// Draw the whole screen again.
    Redraw,
    /// Suspend the process.
    Suspend,
    /// Write a sequence to the terminal: the clipboard's, a bell.
    Send(Vec<u8>),
    /// Give a text to tmux.
    GiveToTmux(Clip),
    /// End the UI.
    Exit(Exit),
}

/// How long a question may take.
const QUESTION: Duration = Duration::from_secs(60);
/// How long it may take until a file's images are known: a compressed one is unpacked for that.
const FILE: Duration = Duration::from_secs(30 * 60);
/// How long a plan may take: it asks for every blob.
const PLAN: Duration = Duration::from_secs(300);
/// Repositories that a search lists.
const FOUND: usize = 100;
/// Pages that come within this time travel together.
const GATHER: Duration = Duration::from_millis(80);

/// Runs effects. Before the engine is there they wait.
pub struct Runner {
    engine: Option<Engine>,
    waiting: Vec<Effect>,
    /// Why there will be no engine.
    refused: Option<Failure>,
    messages: mpsc::Sender<Msg>,
    logins: Logins,
    /// The user's themes.
    pub themes: ThemeFiles,
    /// Who takes jobs over when a person leaves.
    pub background: Option<Background>,
    lookups: Arc<Semaphore>,
    planners: Arc<Semaphore>,
    /// What is on its way to the jobs.
    orders: TaskTracker,
    /// Requests for places' lists, tags, plans: a new one ends the one before.
    lists: [Option<JoinHandle<()>>; 3],
}

impl Runner {
    /// Answers go to `messages`; `logins` are kept there.
    pub fn new(messages: mpsc::Sender<Msg>, logins: Logins) -> Runner {
        Runner {
            engine: None,
            waiting: Vec::new(),
            refused: None,
            messages,
            logins,
            themes: ThemeFiles::default(),
            background: None,
            lookups: Arc::new(Semaphore::new(6)),
            planners: Arc::new(Semaphore::new(4)),
            orders: TaskTracker::new(),
            lists: [None, None, None],
        }
    }

    /// The engine is there: what waited begins.
    pub fn start(&mut self, engine: Engine) {
        self.engine = Some(engine);
        for effect in std::mem::take(&mut self.waiting) {
            self.run(effect);
        }
    }

    /// The engine.
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Whether something is to be done for jobs once there is an engine.
    pub fn awaits_engine(&self) -> bool {
        self.engine.is_none() && self.waiting.iter().any(|effect| matches!(effect, Effect::Submit(_)))
    }

    /// Waits until what was ordered for jobs has reached the engine.
    pub async fn ordered(&self) {
        self.orders.close();
        self.orders.wait().await;
    }

    /// There will be no engine: whatever is asked is answered so.
    pub fn give_up(&mut self, reason: &str) {
        self.refused = Some(Failure {
            message: reason.to_owned(),
            class: ErrorClass::Internal,
            hint: None,
            exchange: None,
        });
        for effect in std::mem::take(&mut self.waiting) {
            self.run(effect);
        }
    }

    /// Without an engine an effect waits for it, or is refused.
    fn put_off(&mut self, effect: Effect) {
        let Some(failure) = &self.refused else { return self.waiting.push(effect) };
        let (answers, messages) = (refusals(effect, failure), self.messages.clone());
        spawn(async move {
            for answer in answers {
                let _ = messages.send(answer).await;
            }
        });
    }

    /// Begins one effect. Those of the screen are the loop's.
    pub fn run(&mut self, effect: Effect) {
        // Looks wait for no engine.
        match effect {
            Effect::Theme(work) => return self.themes.run(work, &self.messages),
            Effect::Save(save) => return self.save(save),
            Effect::Complete(typed) => return self.complete(typed),
            _ => {}
        }
        let messages = self.messages.clone();
        // No engine is needed for it.
        if let Effect::GiveToTmux(clip) = effect {
            return spawn(async move {
                let answer = super::terminal::give_to_tmux(clip.text.as_bytes()).await;
                let _ = messages.send(Msg::Copied(clip, answer)).await;
            });
        }
        if let Effect::Setup(work) = &effect
            && work.is_local()
        {
            let (work, store, messages) = (work.clone(), self.logins.store.clone(), self.messages.clone());
            return spawn(async move {
                if let Ok(answer) = tokio::task::spawn_blocking(move || work.run_here(&store)).await {
                    let _ = messages.send(Msg::Setup(answer)).await;
                }
            });
        }
        let Some(engine) = self.engine.clone() else { return self.put_off(effect) };
        match effect {
            Effect::List { generation, request } => {
                let slot = usize::from(matches!(request, ListRequest::Tags(..) | ListRequest::Images(_)));
                self.replace(slot, Box::pin(list(engine, generation, request, messages)));
            }
            Effect::Gather { place, export } => self.look(async move {
                let answer = within(FILE, &place, async { engine.images(&place).await }).await;
                Msg::Gathered { place, export, answer }
            }),
            Effect::Login { request, target, user, password } => {
                let logins = self.logins.clone();
                spawn(async move {
                    let work = logins.log_in(&engine, &target, &user, password);
                    let answer = timeout(QUESTION, work).await;
                    let answer = answer.unwrap_or_else(|_| Err(too_late(&target.to_string(), QUESTION)));
                    let _ = messages.send(Msg::LoggedIn { request, target, answer }).await;
                });
            }
            Effect::Logout(target) => {
                let logins = self.logins.clone();
                spawn(async move {
                    let answer = logins.log_out(&engine, &target).await;
                    let _ = messages.send(Msg::LoggedOut(target, answer)).await;
                });
            }
            Effect::Setup(work) => {
                let store = self.logins.store.clone();
                spawn(async move {
                    let _ = messages.send(Msg::Setup(work.run(engine, store).await)).await;
                });
            }
            Effect::Inspect(location) => self.look(async move {
                let answer = within(QUESTION, &location, async { engine.inspect(&location).await }).await;
                Msg::Inspected(location, answer.map(Arc::new))
            }),
            Effect::Resolve(location) => self.look(async move {
                let answer = within(QUESTION, &location, async { engine.resolve(&location).await }).await;
                Msg::Resolved(location, answer.map(|found| found.map(|descriptor| descriptor.digest)))
            }),
            Effect::Plan { generation, drafts } => {
                self.replace(2, Box::pin(plans(engine, generation, drafts, messages, self.planners.clone())));
            }
            Effect::Import(work) => {
                let Logins { store, config } = &self.logins;
                spawn(work.run(config.clone(), store.environment().clone(), messages));
            }
            Effect::Room { generation, directories } => spawn(async move {
                let mut room = Vec::new();
                for directory in directories {
                    let free = engine.room_at(&directory).await;
                    room.extend(free.map(|free| (directory, free)));
                }
                let _ = messages.send(Msg::Room { generation, room }).await;
            }),
            Effect::DropPlans => {
                if let Some(task) = self.lists[2].take() {
                    task.abort();
                }
            }
            Effect::Submit(drafts) => drop(self.orders.spawn(async move {
                for (draft, spec) in drafts {
                    let answer = engine.submit(spec).await.map_err(|e| e.failure());
                    let _ = messages.send(Msg::Submitted(draft, answer)).await;
                }
            })),
            Effect::Upkeep(work) => spawn(async move {
                let _ = messages.send(Msg::Upkeep(work.run(engine).await)).await;
            }),
            Effect::Past(past) => spawn(async move {
                let _ = messages.send(Msg::Past(past.run(engine).await)).await;
            }),
            Effect::Cancel(job) => self.order(job, async move { engine.cancel(job).await }),
            Effect::Retry(job) => self.order(job, async move { engine.retry(job).await }),
            Effect::Pause(job) => self.order(job, async move { engine.pause(job).await }),
            Effect::Resume(job) => self.order(job, async move { engine.resume(job).await }),
            Effect::Prioritise(job, priority) => {
                self.order(job, async move { engine.set_priority(job, priority).await });
            }
            Effect::SetWorkers(workers) => {
                engine.set_workers(workers.in_all);
                engine.set_workers_per_host(workers.per_host);
            }
            Effect::SetBandwidth(rate) => engine.set_bandwidth(rate.map(Into::into)),
            Effect::TakeUp(jobs) => drop(self.orders.spawn(async move {
                if engine.take_up(&jobs).await.is_ok() {
                    return;
                }
                // Somebody else was faster with some of them: that is news only if nothing is left.
                let (mut taken, mut refused) = (false, None);
                for job in jobs {
                    match engine.take_up(&[job]).await {
                        Ok(()) => taken = true,
                        Err(error) => refused = Some((job, error)),
                    }
                }
                if let Some((job, error)) = refused.filter(|_| !taken) {
                    let _ = messages.send(Msg::Refused(job, error.failure())).await;
                }
            })),
            Effect::Shutdown => spawn(async move {
                if let Err(error) = engine.hand_over().await {
                    tracing::warn!("the jobs end with this process: {error}");
                }
                let _ = messages.send(Msg::Stopped).await;
            }),
            Effect::Leave(workers, bandwidth) => {
                let background = self.background.clone();
                spawn(async move {
                    let _ =
                        messages.send(Msg::Left(leave(&engine, background, workers, bandwidth).await)).await;
                });
            }
            Effect::Redraw | Effect::Suspend | Effect::Send(_) | Effect::GiveToTmux(_) | Effect::Exit(_) => {}
            Effect::Theme(_) | Effect::Save(_) | Effect::Complete(_) | Effect::Edit(_) => {}
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.logins.config
    }

    /// Needs no engine.
    fn save(&self, save: Box<Save>) {
        let (messages, config) = (self.messages.clone(), self.config().clone());
        spawn(async move {
            let asked = save.clone();
            let saved = tokio::task::spawn_blocking(move || editor::save(&save, &config)).await;
            let saved = saved.unwrap_or_else(|error| Err(SaveFailure::Other(error.to_string())));
            let _ = messages.send(Msg::Saved(asked, saved)).await;
        });
    }

    fn complete(&self, typed: String) {
        let messages = self.messages.clone();
        spawn(async move {
            if let Ok(found) = tokio::task::spawn_blocking(move || completion::complete(typed)).await {
                let _ = messages.send(Msg::Completed(found)).await;
            }
        });
    }

    fn replace(&mut self, slot: usize, work: BoxFuture<'static, ()>) {
        if let Some(before) = self.lists[slot].replace(tokio::spawn(work)) {
            before.abort();
        }
    }

    /// A question, of which only some are asked at the same time.
    fn look(&self, question: impl Future<Output = Msg> + Send + 'static) {
        let (lookups, messages) = (self.lookups.clone(), self.messages.clone());
        spawn(async move {
            let Ok(_permit) = lookups.acquire().await else { return };
            let answer = question.await;
            let _ = messages.send(answer).await;
        });
    }

    /// Something for a job, of which only a refusal is news: the rest is seen in its state.
    fn order(&self, job: JobId, work: impl Future<Output = crate::engine::Result<()>> + Send + 'static) {
        let messages = self.messages.clone();
        self.orders.spawn(async move {
            if let Err(error) = work.await {
                let _ = messages.send(Msg::Refused(job, error.failure())).await;
            }
        });
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.lists.iter_mut().flatten().for_each(|task| task.abort());
    }
}

fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

/// Gives the jobs to a process in the background. An error means that everything is as it was.
async fn leave(
    engine: &Engine,
    background: Option<Background>,
    workers: Workers,
    bandwidth: Option<Rate>,
) -> Result<Left, String> {
    let begin = background.ok_or_else(|| "nothing runs in the background here".to_owned())?;
    let given = engine.hand_over().await.map_err(|error| error.to_string())?;
    // Who paused a job did not mean it to go on now.
    let jobs: Vec<JobId> =
        given.into_iter().filter(|(_, was)| *was != JobState::Paused).map(|(id, _)| id).collect();
    let count = jobs.len();
    if count == 0 {
        return Ok(Left { pid: 0, jobs: 0, error: None });
    }
    Ok(match begin(jobs, workers.in_all, bandwidth).await {
        Ok(pid) => Left { pid, jobs: count, error: None },
        Err(reason) => Left { pid: 0, jobs: 0, error: Some(reason) },
    })
}

/// The answers of an effect that nobody will run.
fn refusals(effect: Effect, failure: &Failure) -> Vec<Msg> {
    match effect {
        Effect::List { generation, .. } => vec![Msg::ListEnd { generation, failure: Some(failure.clone()) }],
        Effect::Gather { place, export } => {
            vec![Msg::Gathered { place, export, answer: Err(failure.clone()) }]
        }
        Effect::Login { request, target, .. } => {
            vec![Msg::LoggedIn { request, target, answer: Err(failure.clone()) }]
        }
        Effect::Logout(target) => vec![Msg::LoggedOut(target, Err(failure.clone()))],
        Effect::Setup(work) => work.refused(failure).map(Msg::Setup).into_iter().collect(),
        Effect::Inspect(location) => vec![Msg::Inspected(location, Err(failure.clone()))],
        Effect::Resolve(location) => vec![Msg::Resolved(location, Err(failure.clone()))],
        Effect::Plan { generation, drafts } => {
            let refused = |(draft, _)| Msg::Planned { generation, draft, outcome: Err(failure.clone()) };
            drafts.into_iter().map(refused).collect()
        }
        Effect::Submit(drafts) => {
            drafts.into_iter().map(|(draft, _)| Msg::Submitted(draft, Err(failure.clone()))).collect()
        }
        Effect::Upkeep(work) => vec![Msg::Upkeep(work.refused(failure))],
        Effect::Past(past) => vec![Msg::Past(past.refused(failure))],
        Effect::Import(work) => work.refused(failure).map(Msg::Imported).into_iter().collect(),
        Effect::Cancel(job)
        | Effect::Retry(job)
        | Effect::Pause(job)
        | Effect::Resume(job)
        | Effect::Prioritise(job, _) => {
            vec![Msg::Refused(job, failure.clone())]
        }
        Effect::TakeUp(jobs) => jobs.into_iter().map(|job| Msg::Refused(job, failure.clone())).collect(),
        Effect::Leave(..) => vec![Msg::Left(Err(failure.message.clone()))],
        Effect::Shutdown => vec![Msg::Stopped],
        Effect::Room { .. }
        | Effect::SetWorkers(_)
        | Effect::SetBandwidth(_)
        | Effect::DropPlans
        | Effect::Theme(_)
        | Effect::Edit(_)
        | Effect::Save(_)
        | Effect::Complete(_)
        | Effect::Redraw
        | Effect::Suspend
        | Effect::Send(_)
        | Effect::GiveToTmux(_)
        | Effect::Exit(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::credentials::{Environment, LoginStore};

    #[tokio::test]
    async fn without_an_engine_every_question_is_answered_all_the_same() {
        let (sender, mut messages) = mpsc::channel(16);
        let store = LoginStore::new(None, Environment::new(None, |_| None));
        let mut runner = Runner::new(sender, Logins { store, config: Config::default() });
        let location: Location = "localhost:5000/a:1".parse().unwrap();
        let request = ListRequest::Repositories(Place::Store);
        runner.run(Effect::List { generation: 7, request });
        runner.run(Effect::Inspect(location.clone()));
        assert!(messages.try_recv().is_err(), "what is asked before the engine is there waits");
        runner.give_up("the ledger is locked");
        runner.run(Effect::Submit(vec![(DraftId(3), JobSpec::copy(location.clone(), location.clone()))]));
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(match messages.recv().await.unwrap() {
                Msg::ListEnd { generation: 7, failure: Some(failure) } => failure.message,
                Msg::Inspected(at, Err(failure)) if at == location => failure.message,
                Msg::Submitted(DraftId(3), Err(failure)) => failure.message,
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(seen, ["the ledger is locked"; 3]);
    }
}
