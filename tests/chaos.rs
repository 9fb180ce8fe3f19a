//! Whatever goes wrong on the way, whenever: a job ends with every byte in its place, or with a clear error and nothing
//! half-visible, soon, and holds nothing open afterwards.
//!
//! A seed decides what moves where, which faults befall it and whether somebody interrupts it. The same seed makes the
//! same choices; which request meets which fault also depends on which of two comes first.
//!
//! - `WHARF_SEED=17 cargo test --test wharf chaos -- --nocapture` sails one voyage and tells of it.
//! - `WHARF_SEEDS=2000` sails so many instead of 200, `WHARF_SEEDS=401-800` a part of them.

mod harbour;
mod landfall;
mod voyage;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use wharf::job::JobState;

use crate::support::peers::DockerRegistry;
use harbour::Harbour;
pub use harbour::engine;
use voyage::{Outcome, Voyage};

/// Voyages at the same time: they wait more than they work.
const LANES: usize = 8;

#[test]
fn whatever_goes_wrong_nothing_is_half_there() {
    sail_all(&Harbour::open(None), seeds(200));
}

#[test]
#[ignore = "needs docker-registry"]
fn nor_is_it_at_docker_registry() {
    let registry = DockerRegistry::start();
    sail_all(&Harbour::open(Some(registry.host())), seeds(24));
}

/// The seeds to try, from the environment if it names some.
fn seeds(usual: u64) -> std::ops::RangeInclusive<u64> {
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|_| panic!("{text:?} is no seed"));
    if let Ok(one) = std::env::var("WHARF_SEED") {
        return number(&one)..=number(&one);
    }
    match std::env::var("WHARF_SEEDS") {
        Ok(range) => match range.split_once('-') {
            Some((first, last)) => number(first)..=number(last),
            None => 1..=number(&range),
        },
        Err(_) => 1..=usual,
    }
}

fn sail_all(harbour: &Harbour, seeds: std::ops::RangeInclusive<u64>) {
    listen_for_panics();
    let (next, tally) = (AtomicU64::new(*seeds.start()), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let sailed =
                        std::panic::catch_unwind(AssertUnwindSafe(|| Voyage::new(harbour, seed).sail()));
                    let sailed = sailed.unwrap_or_else(|_| Err("the test panicked, see above".to_owned()));
                    tally.lock().unwrap_or_else(PoisonError::into_inner).add(seed, sailed);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{tally:#?}");
    tally.judge(seeds.count());
}

/// What came of all voyages.
#[derive(Debug, Default)]
struct Tally {
    wrong: Vec<String>,
    /// How the jobs ended.
    ends: BTreeMap<String, usize>,
    /// Errors, with what differs between voyages left out.
    errors: BTreeMap<String, usize>,
    faults: BTreeMap<String, usize>,
    longest: (Duration, u64),
    altogether: Duration,
}

impl Tally {
    fn add(&mut self, seed: u64, sailed: Result<Outcome, String>) {
        let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
        for panic in panics {
            self.wrong.push(format!("panicked: {panic}"));
        }
        let Outcome { jobs, took, happened } = match sailed {
            Ok(outcome) => outcome,
            Err(what) => {
                println!("seed {seed}: {what}");
                let again = format!("WHARF_SEED={seed} cargo test --test wharf chaos -- --nocapture");
                return self.wrong.push(format!("seed {seed} (again: {again}): {what}"));
            }
        };
        if std::env::var_os("WHARF_SEED").is_some() {
            println!("{happened:#?}\n{jobs:#?}");
        }
        for job in jobs {
            *self.ends.entry(job.state.to_string()).or_default() += 1;
            if let Some(failure) = job.failure.filter(|_| job.state == JobState::Failed) {
                *self
                    .errors
                    .entry(format!("{}: {}", failure.class, without_numbers(&failure.message)))
                    .or_default() += 1;
            }
        }
        for line in happened {
            let fault = line.rsplit("): ").next().unwrap_or_default();
            let name = fault.split('(').next().unwrap_or_default();
            *self.faults.entry(name.to_owned()).or_default() += 1;
        }
        self.longest = self.longest.max((took, seed));
        self.altogether += took;
    }

    /// Nothing may be wrong, and what was tried has to be worth the trying.
    fn judge(&self, voyages: usize) {
        assert!(
            self.wrong.is_empty(),
            "{} of {voyages} voyages:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
        if voyages < 100 {
            return;
        }
        let ended = |state: JobState| self.ends.get(&state.to_string()).copied().unwrap_or(0);
        assert!(ended(JobState::Succeeded) > voyages / 2, "most arrive: {:?}", self.ends);
        assert!(ended(JobState::Failed) > voyages / 50, "some do not: {:?}", self.ends);
        assert!(ended(JobState::Cancelled) > voyages / 50, "some are interrupted: {:?}", self.ends);
        assert!(self.faults.len() >= 25, "everything happens: {:?}", self.faults);
    }
}

/// Digests, ports, seeds and counts replaced, so that what is the same reads the same.
fn without_numbers(text: &str) -> String {
    let word = |word: &str| -> String {
        match word.split_once("sha256:") {
            Some((before, _)) => format!("{before}sha256:…"),
            None if word.contains("/tmp/") => "FILE".to_owned(),
            None => word
                .split(|c: char| c.is_ascii_digit())
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("#"),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Panics in engines' threads.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How the threads of a voyage's engine are called.
fn engine_thread(seed: u64) -> String {
    format!("engine-{seed}")
}

/// A panic of a task that nobody waits for would go unseen.
fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            if thread.name().is_some_and(|name| name.starts_with("engine-")) {
                let text = format!("{}: {panic}", thread.name().unwrap_or_default());
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
            before(panic);
        }));
    });
}
