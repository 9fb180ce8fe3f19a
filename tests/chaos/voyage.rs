//! One voyage: what moves where, through which weather, and what has to be so when it is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use wharf::engine::Engine;
use wharf::job::{Job, JobSpec, JobState, Target};
use wharf::ledger::Ledger;
use wharf::oci::{Digest, Platforms};
use wharf::transport::registry::ClientOptions;

use super::harbour::{Cargo, Harbour, engine};
use super::landfall;
use crate::support::fault::{Chaos, Dice, Fault, Kind, Proxy, Weather, any, on};
use crate::support::wharf::Registry;

/// The longest that a voyage may take. A registry that wants fewer requests a dozen times is left alone for 40 seconds
/// in all.
const LIMIT: Duration = Duration::from_secs(120);

/// One job, and what it may change.
pub struct Leg {
    pub spec: JobSpec,
    /// What is to be there in the end.
    pub arrives: Digest,
    /// Where it can be seen: names as [`Port::names`] gives them.
    pub names: Vec<String>,
    /// What was there before, under those names.
    pub was: Option<Digest>,
    /// What is to be there besides, if all went well.
    pub also: Vec<(String, Digest)>,
}

/// A registry that things go to, behind its proxy.
struct Port {
    host: String,
    proxy: Proxy,
    _registry: Option<Registry>,
}

/// What somebody does in the middle.
#[derive(Debug, Clone, Copy)]
enum Whim {
    Nothing,
    Cancel(Duration),
    /// Only the first of several jobs: another one may be waiting for its blobs.
    CancelFirst(Duration),
    Shutdown(Duration),
    Pause(Duration),
}

impl Whim {
    fn interrupts(self) -> bool {
        matches!(self, Whim::Cancel(_) | Whim::CancelFirst(_) | Whim::Shutdown(_))
    }
}

/// What became of a voyage.
pub struct Outcome {
    pub jobs: Vec<Job>,
    pub took: Duration,
    /// Faults on the way, a line each.
    pub happened: Vec<String>,
}

/// See the module's page.
pub struct Voyage<'a> {
    harbour: &'a Harbour,
    seed: u64,
    dice: Dice,
    directory: tempfile::TempDir,
    /// Where the proxies live: their connections end with it.
    proxies: Runtime,
    source: Proxy,
    ports: Vec<Port>,
    chaos: Vec<Arc<Chaos>>,
}

fn runtime(name: String, workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).thread_name(name).enable_all().build().unwrap()
}

impl<'a> Voyage<'a> {
    pub fn new(harbour: &'a Harbour, seed: u64) -> Voyage<'a> {
        let mut dice = Dice::new(seed);
        let weather = dice.weighed(vec![
            (2, Weather { rough: 0.04, fatal: 0.0 }),
            (5, Weather { rough: 0.12, fatal: 0.001 }),
            (2, Weather { rough: 0.30, fatal: 0.004 }),
            (1, Weather { rough: 0.05, fatal: 0.04 }),
            (1, Weather { rough: 0.50, fatal: 0.01 }),
        ]);
        let proxies = runtime(format!("proxies-{seed}"), 1);
        let mut chaos = Vec::new();
        let mut start = |upstream: &str, number: u64| {
            let proxy = proxies.block_on(Proxy::start(upstream));
            chaos.push(Arc::new(Chaos::new(Dice::of(seed, &[number]).next(), weather)));
            proxy.unleash(Arc::clone(&chaos[chaos.len() - 1]));
            proxy
        };
        let source = start(&harbour.registry.host(), 0);
        let ports = [1, 2].map(|number| {
            let shared = harbour.target.clone().filter(|_| number == 1);
            let registry = if shared.is_none() { Some(harbour.registry(dice.chance(0.3))) } else { None };
            let host = shared.unwrap_or_else(|| registry.as_ref().unwrap().host());
            Port { proxy: start(&host, number), host, _registry: registry }
        });
        let directory = tempfile::tempdir().unwrap();
        Voyage { harbour, seed, dice, directory, proxies, source, ports: ports.into(), chaos }
    }

    /// Sails it to its end. The error says what is not as it has to be.
    pub fn sail(mut self) -> Result<Outcome, String> {
        self.manners();
        let legs = self.legs();
        let whim = self.whim();
        let (recorded, again) = (self.dice.chance(0.25), self.dice.chance(0.5));
        let began = Instant::now();
        let crew = runtime(super::engine_thread(self.seed), 2);
        let (jobs, retried) = crew.block_on(async {
            let engine = self.engine(recorded).await;
            let ran = async {
                let jobs = run(&engine, &legs, whim).await;
                if !again || matches!(whim, Whim::Shutdown(_)) {
                    return (jobs, Vec::new());
                }
                self.mend();
                let retried = retry(&engine, &jobs).await;
                (jobs, retried)
            };
            let ran = tokio::time::timeout(LIMIT, ran).await;
            let ended = tokio::time::timeout(LIMIT, engine.shutdown()).await;
            ended.map_err(|_| "it does not shut down".to_owned())?;
            ran.map_err(|_| format!("it hangs after {whim:?}: {:#?}", engine.jobs()))
            // Here the engine goes: a client keeps a task that looks after idle connections.
        })?;
        let took = began.elapsed();
        let happened = self.chaos.iter().flat_map(|chaos| chaos.happened()).collect();
        let ports: Vec<u16> = self.hosts().iter().map(|host| port_of(host)).collect();
        let names = self.places();
        let (harbour, directory, seed) = (self.harbour, self.directory, self.seed);
        self.proxies.shutdown_timeout(LIMIT);
        landfall::settle(&crew, directory.path(), &ports)?;
        let hosts: Vec<String> = self.ports.iter().map(|port| port.host.clone()).collect();
        let seen = harbour.runtime.block_on(landfall::look(directory.path(), &hosts, seed))?;
        for (job, leg) in jobs.iter().zip(&legs) {
            landfall::check(job, leg, &seen, &names, whim.interrupts())
                .map_err(|e| format!("{}: {e}", job.spec))?;
        }
        if let Some(job) = retried.iter().find(|job| job.state != JobState::Succeeded) {
            return Err(format!("{}: not even when nothing is wrong any more: {:?}", job.spec, job.failure));
        }
        let is_expected = |name: &&String| {
            legs.iter().any(|leg| leg.names.contains(name) || leg.also.iter().any(|(also, _)| also == *name))
        };
        let strange: Vec<&String> = seen.keys().filter(|name| !is_expected(name)).collect();
        match &strange[..] {
            [] => Ok(Outcome { jobs, took, happened }),
            strange => Err(format!("nobody asked for {strange:?}")),
        }
    }

    async fn engine(&self, recorded: bool) -> Engine {
        let ledger = match recorded {
            true => Some(Ledger::open(&self.directory.path().join("ledger.db")).await.unwrap()),
            false => None,
        };
        let client = ClientOptions {
            attempts: 4,
            first_wait: Duration::from_millis(5),
            connect_timeout: Duration::from_secs(1),
            stall_timeout: Duration::from_millis(300),
            ..ClientOptions::default()
        };
        engine(self.directory.path(), client, ledger)
    }

    /// Fair weather from here on.
    fn mend(&self) {
        self.source.mend();
        self.ports.iter().for_each(|port| port.proxy.mend());
    }

    fn hosts(&self) -> Vec<String> {
        let ports = self.ports.iter().map(|port| port.proxy.host());
        ports.chain([self.source.host()]).collect()
    }

    /// Texts one of which every error has to name.
    fn places(&self) -> Vec<String> {
        let directory = self.directory.path().display().to_string();
        self.hosts().into_iter().chain([directory, "store:".to_owned()]).collect()
    }

    /// What the registries of this voyage always do.
    fn manners(&mut self) {
        let rule = self.dice.weighed(vec![
            (6, None),
            (1, Some(on("GET", Kind::Blob).then(Fault::IgnoreRange))),
            (1, Some(on("GET", Kind::Blob).then(Fault::Redirect))),
            (1, Some(on("GET", Kind::Blob).then(Fault::StripHeader("content-length")))),
        ]);
        rule.map(|rule| self.source.add(rule));
        for port in &self.ports {
            let rule = self.dice.weighed(vec![
                (6, None),
                (1, Some(any().then(Fault::TooLarge(300_000)))),
                (1, Some(on("POST", Kind::Upload).then(Fault::MinChunk(100_000)))),
                (1, Some(on("POST", Kind::Upload).then(Fault::RelativeLocation))),
                (1, Some(on("POST", Kind::Upload).then(Fault::LocationQuery))),
                (1, Some(on("POST", Kind::Upload).then(Fault::RefuseMount))),
                (1, Some(on("PUT", Kind::Manifest).then(Fault::StripDigest))),
            ]);
            rule.map(|rule| port.proxy.add(rule));
        }
    }

    fn whim(&mut self) -> Whim {
        let after = Duration::from_millis(self.dice.below(500));
        self.dice.weighed(vec![
            (14, Whim::Nothing),
            (2, Whim::Cancel(after)),
            (1, Whim::CancelFirst(after)),
            (2, Whim::Shutdown(after)),
            (2, Whim::Pause(after)),
        ])
    }

    /// What moves.
    fn legs(&mut self) -> Vec<Leg> {
        let harbour = self.harbour;
        let cargo = self.dice.pick(&harbour.cargo);
        let others: Vec<&Cargo> = harbour.cargo.iter().filter(|other| other.root() != cargo.root()).collect();
        let other = *self.dice.pick(&others);
        let [index, index_too] = [&harbour.cargo[0], &harbour.cargo[2]];
        let source = format!("{}/{}:1", self.source.host(), cargo.repository);
        let (a, b) = (self.at(0, "a", "1"), self.at(1, "b", "1"));
        match self.dice.below(24) {
            0 | 1 => vec![leg(&source, cargo.root(), &[&a])],
            2 => vec![leg(&source, cargo.root(), &[&a, &b])],
            3 => {
                let (store, layout) = (store(), self.layout());
                vec![leg(&source, cargo.root(), &[&a, &store, &b, &layout])]
            }
            4 => vec![self.overwriting(&source, cargo, other)],
            5 | 6 => {
                let from = *self.dice.pick(&[index, index_too]);
                let source = format!("{}/{}:1", self.source.host(), from.repository);
                let all = [&["linux/arm64"][..], &["linux/amd64", "linux/arm64"]];
                let platforms = self.dice.pick(&all);
                let mut leg = leg(&source, from.subset(platforms), &[&a]);
                leg.spec.platforms = Platforms::Only(platforms.iter().map(|p| p.parse().unwrap()).collect());
                vec![leg]
            }
            7 | 8 => vec![self.export(&source, cargo)],
            9 => vec![leg(&source, cargo.root(), &[&self.layout()])],
            10 => vec![leg(&source, cargo.root(), &[&store()])],
            11 | 16 => {
                let file = format!("docker-archive:{}", self.dice.pick(&cargo.archives).display());
                vec![leg(&file, cargo.subset(&["linux/amd64"]), &[&a])]
            }
            17 => {
                let file = format!("oci-archive:{}:1", cargo.oci.display());
                vec![leg(&file, cargo.root(), &[&a, &self.layout()])]
            }
            18 => vec![leg(&source, cargo.root(), &[&self.archive("oci-archive", ".tar"), &b])],
            19 => {
                let end = *self.dice.pick(&[".tar.gz", ".tar.zst"]);
                vec![leg(&source, cargo.subset(&["linux/amd64"]), &[&self.archive("docker-archive", end)])]
            }
            20 | 21 => {
                let mut leg = leg(&source, cargo.subset(&["linux/amd64"]), &[]);
                let more = format!("{}/{}:1", self.source.host(), other.repository);
                leg.spec.more = vec![more.parse().unwrap()];
                let end = *self.dice.pick(&[".tar", ".tar.gz"]);
                let (at, name) = self.archive("docker-archive", end);
                leg.spec.destinations = vec![Target::Image(at.parse().unwrap())];
                leg.also = vec![(format!("{name} 2"), other.subset(&["linux/amd64"]))];
                leg.names.push(name);
                vec![leg]
            }
            22 | 23 => vec![self.signed(&source, cargo)],
            12 => {
                let file = format!("oci:{}:1", cargo.image.directory.display());
                vec![leg(&file, cargo.root(), &[&a, &b])]
            }
            13 => vec![self.within(cargo)],
            // Two at once share a layer, and one's blobs can be mounted by the other.
            _ => {
                let [one, two] = [index, index_too].map(|cargo| {
                    let source = format!("{}/{}:1", self.source.host(), cargo.repository);
                    (source, cargo.root())
                });
                let again = self.at(0, "again", "1");
                vec![leg(&one.0, one.1, &[&a]), leg(&two.0, two.1, &[&again])]
            }
        }
    }

    /// A place in a registry: how the engine gets there, and what it is called there.
    fn at(&self, port: usize, repository: &str, tag: &str) -> (String, String) {
        let name = format!("s{}-{repository}:{tag}", self.seed);
        (format!("{}/{name}", self.ports[port].proxy.host()), format!("{}/{name}", self.ports[port].host))
    }

    fn layout(&self) -> (String, String) {
        (format!("oci:{}:1", self.directory.path().join("layout").display()), "oci:1".to_owned())
    }

    /// A file, which is seen by what is in it.
    fn archive(&self, kind: &str, end: &str) -> (String, String) {
        let path = self.directory.path().join(format!("out/all{end}"));
        (format!("{kind}:{}", path.display()), "file".to_owned())
    }

    /// With what refers to it. (A registry that does not list referrers gets a tag in their place.)
    fn signed(&self, source: &str, cargo: &Cargo) -> Leg {
        let (at, name) = self.at(1, "b", "1");
        let mut leg = leg(source, cargo.root(), &[&(at, name.clone())]);
        leg.spec.extras.referrers = true;
        leg.also = vec![(format!("{name} referrer"), cargo.signature.clone())];
        leg
    }

    /// Three tags, two of which stand for something else until then.
    fn overwriting(&self, source: &str, cargo: &Cargo, old: &Cargo) -> Leg {
        let port = &self.ports[0];
        let repository = format!("s{}-a", self.seed);
        self.harbour.runtime.block_on(old.image.push(&port.host, &repository, &["1", "2"]));
        let mut leg = leg(source, cargo.root(), &[&self.at(0, "a", "1")]);
        leg.spec.tags = vec!["2".parse().unwrap(), "3".parse().unwrap()];
        leg.names = ["1", "2", "3"].map(|tag| self.at(0, "a", tag).1).into();
        leg.was = Some(old.root());
        leg
    }

    /// From one repository of a registry to another, where everything can be mounted.
    fn within(&self, cargo: &Cargo) -> Leg {
        let origin = self.at(0, "origin", "1");
        let repository = format!("s{}-origin", self.seed);
        self.harbour.runtime.block_on(cargo.image.push(&self.ports[0].host, &repository, &["1"]));
        let mut leg = leg(&origin.0, cargo.root(), &[&self.at(0, "a", "1")]);
        leg.names.push(origin.1);
        leg
    }

    fn export(&self, source: &str, cargo: &Cargo) -> Leg {
        let mut leg = leg(source, cargo.subset(&["linux/amd64"]), &[]);
        leg.spec.destinations = vec![Target::ExportInto(self.directory.path().join("out"))];
        if cargo.is_index() {
            leg.spec.platforms = Platforms::Only(vec!["linux/amd64".parse().unwrap()]);
        }
        leg.names = vec!["file".to_owned()];
        leg
    }
}

fn store() -> (String, String) {
    ("store:kept:1".to_owned(), "store:kept:1".to_owned())
}

/// A job to destinations, each with the name that it is seen under.
fn leg(source: &str, arrives: Digest, to: &[&(String, String)]) -> Leg {
    let place = |place: &str| Target::Image(place.parse().unwrap());
    let spec = JobSpec {
        source: source.parse().unwrap(),
        more: Vec::new(),
        destinations: to.iter().map(|(at, _)| place(at)).collect(),
        platforms: Platforms::All,
        tags: Vec::new(),
        overwrite: false,
        keep_tags: false,
        platform_in_name: false,
        extras: Default::default(),
    };
    let names = to.iter().map(|(_, name)| name.clone()).collect();
    Leg { spec, arrives, names, was: None, also: Vec::new() }
}

fn port_of(host: &str) -> u16 {
    host.rsplit(':').next().unwrap().parse().unwrap()
}

/// Submits the jobs, does what somebody does in the middle, and waits for the end of them all.
async fn run(engine: &Engine, legs: &[Leg], whim: Whim) -> Vec<Job> {
    let mut ids = Vec::new();
    for leg in legs {
        ids.push(engine.submit(leg.spec.clone()).await.unwrap());
    }
    match whim {
        Whim::Nothing => {}
        Whim::Cancel(after) => {
            tokio::time::sleep(after).await;
            for id in &ids {
                let _ = engine.cancel(*id).await;
            }
        }
        Whim::CancelFirst(after) => {
            tokio::time::sleep(after).await;
            let _ = engine.cancel(ids[0]).await;
        }
        Whim::Shutdown(after) => {
            tokio::time::sleep(after).await;
            engine.shutdown().await;
        }
        Whim::Pause(after) => {
            tokio::time::sleep(after).await;
            for id in &ids {
                let _ = engine.pause(*id).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            for id in &ids {
                let _ = engine.resume(*id).await;
            }
        }
    }
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(engine.wait(id).await.unwrap());
    }
    jobs
}

/// Tries what did not arrive once more, and waits for the end of it.
async fn retry(engine: &Engine, jobs: &[Job]) -> Vec<Job> {
    let mut retried = Vec::new();
    for job in jobs {
        let id = match job.state {
            JobState::Failed => engine.retry(job.id).await.map(|()| job.id).unwrap(),
            JobState::Cancelled => engine.submit(job.spec.clone()).await.unwrap(),
            _ => continue,
        };
        retried.push(engine.wait(id).await.unwrap());
    }
    retried
}
