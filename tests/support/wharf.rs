//! The built binary with a home of its own, and registries in this process for it to talk to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_util::sync::{CancellationToken, DropGuard};
use wharf::serve::{ServeOptions, Server};
use wharf::transport::local::Store;

/// Longer than any story takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A user's home: configuration, ledger and store are in there, and nothing of this machine's user is seen.
pub struct Home {
    directory: TempDir,
}

impl Home {
    /// An empty one.
    pub fn new() -> Home {
        Home { directory: tempfile::tempdir().unwrap() }
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A directory in it, made.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes the platform's `config.yaml`.
    pub fn config(&self, text: &str) {
        let directory = self.directory(".config/wharf");
        std::fs::write(directory.join("config.yaml"), text).unwrap();
    }

    /// `wharf` in this home, not started yet. A test that fails does not leave it running.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(args).current_dir(self.directory.path()).env_clear().kill_on_drop(true);
        command.env("HOME", self.directory.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TMPDIR", self.directory("tmp")).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub async fn run(&self, args: &[&str]) -> Run {
        Run::of(args, self.command(args).spawn().unwrap()).await
    }

    /// Runs it to its end, which must be a good one.
    #[track_caller]
    pub fn ok<'a>(&'a self, args: &'a [&str]) -> impl Future<Output = Run> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let run = self.run(args).await;
            assert!(run.code == Some(0), "at {caller}: {run}");
            run
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    line: String,
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "wharf {}: {:?}\n{}{}", self.line, self.code, self.stdout, self.stderr)
    }
}

impl Run {
    /// Waits for the end of one that was started.
    pub async fn of(args: &[&str], child: Child) -> Run {
        let line = args.join(" ");
        let ended = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
        let output = ended.unwrap_or_else(|_| panic!("wharf {line} does not end")).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { line, code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    fn lines(&self, start: &str) -> Vec<&str> {
        self.stderr.lines().filter_map(|line| line.strip_prefix(start)).collect()
    }

    /// Checks that it failed with this code and told so in one line and one hint, and gives both.
    #[track_caller]
    pub fn failed(&self, code: i32) -> (&str, &str) {
        assert_eq!(self.code, Some(code), "{self}");
        match (&self.lines("error: ")[..], &self.lines("hint: ")[..]) {
            ([error], [hint]) => (error, hint),
            ([error], []) => (error, ""),
            _ => panic!("not one error and at most one hint: {self}"),
        }
    }

    /// Every error line, where there are several.
    pub fn errors(&self) -> Vec<&str> {
        self.lines("error: ")
    }
}

/// A registry of wharf's own kind in this process, on a free loopback port. It ends when it is dropped.
pub struct Registry {
    address: SocketAddr,
    directory: TempDir,
    _stop: DropGuard,
}

impl Registry {
    /// An empty one that everybody may use.
    pub async fn start() -> Registry {
        Registry::with(ServeOptions::default()).await
    }

    /// An empty one that behaves so.
    pub async fn with(options: ServeOptions) -> Registry {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        Registry::of(store, directory, options).await
    }

    /// One more registry over a store.
    pub async fn at(store: &Path) -> Registry {
        Registry::of(store.to_owned(), tempfile::tempdir().unwrap(), ServeOptions::default()).await
    }

    /// The same that behaves so.
    pub async fn at_with(store: &Path, options: ServeOptions) -> Registry {
        Registry::of(store.to_owned(), tempfile::tempdir().unwrap(), options).await
    }

    async fn of(store: PathBuf, directory: TempDir, options: ServeOptions) -> Registry {
        let store = Store::open(store);
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(anywhere, store, options).await.unwrap();
        let (address, stop) = (server.addr(), CancellationToken::new());
        tokio::spawn(server.run(stop.clone()));
        Registry { address, directory, _stop: stop.drop_guard() }
    }

    /// Its address, as it stands in a reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where its images are, as a store of wharf's.
    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// Its tags of a repository, sorted; none if the repository is not there.
    pub async fn tags(&self, repository: &str) -> Vec<String> {
        let url = format!("http://{}/v2/{repository}/tags/list", self.host());
        let answer = super::image::client().get(url).send().await.unwrap();
        let value: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let tags = value["tags"].as_array().cloned().unwrap_or_default();
        let mut tags: Vec<String> = tags.iter().filter_map(|t| t.as_str().map(str::to_owned)).collect();
        tags.sort();
        tags
    }
}

/// The names in a directory, sorted; none if it is not there.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
