//! Real peers, started privately: Debian's docker-registry and dockerd. Each has a directory and an address of its
//! own, and is stopped when dropped, by its own process id.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::pty::signal_process;
use super::token::{SERVICE, pem};

/// How long a peer may take to answer after its start: the machine may be busy with other tests.
const START: Duration = Duration::from_secs(60);

/// Whether a program can be found.
pub fn has(tool: &str) -> bool {
    which(tool).is_some()
}

/// Where a program is; `sbin` is searched too, which not everybody's `PATH` has.
pub fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(tool)).find(|file| file.is_file())
}

#[track_caller]
fn must_have(tool: &str) -> PathBuf {
    which(tool).unwrap_or_else(|| panic!("{tool} is not installed: tests/run installs it"))
}

/// Runs a program to its end and gives its standard output; panics with what it said if it fails.
#[track_caller]
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(must_have(program)).args(args).stdin(Stdio::null()).output().unwrap();
    succeeded(&format!("{program} {}", args.join(" ")), output)
}

#[track_caller]
fn succeeded(what: &str, output: Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// A TCP port on loopback that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A child process that ends with this value.
struct Process {
    child: Child,
    log: PathBuf,
    what: &'static str,
}

impl Process {
    fn start(what: &'static str, command: &mut Command, log: PathBuf) -> Process {
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
        Process { child, log, what }
    }

    /// Waits until `is` says so; panics with the log if that does not come to pass.
    #[track_caller]
    fn wait_until(&mut self, is: impl Fn() -> bool) {
        let deadline = Instant::now() + START;
        while !is() {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                panic!("{} does not answer ({ended:?}); its log:\n{log}", self.what);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end, and ends it if it does not within ten seconds.
    fn stop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        signal_process(self.child.id(), Signal::TERM);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian's `docker-registry` on a free loopback port, with everything in a temporary directory.
pub struct DockerRegistry {
    process: Process,
    address: SocketAddr,
    directory: TempDir,
}

/// How a [`DockerRegistry`] is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// It wants [`USER`] and [`PASSWORD`] (basic authentication).
    pub password: bool,
    /// It wants tokens of the server at this URL.
    pub realm: Option<String>,
    /// It speaks TLS with a certificate of the tests' own authority…
    pub tls: bool,
    /// … and wants a certificate of it from clients.
    pub client_certificate: bool,
    /// It deletes nothing.
    pub keeps_all: bool,
}

impl Setup {
    fn tls(&self) -> String {
        let clients = match self.client_certificate {
            true => format!(", clientcas: [{:?}]", pem("ca.pem")),
            false => String::new(),
        };
        match self.tls || self.client_certificate {
            true => {
                format!(
                    ", tls: {{certificate: {:?}, key: {:?}{clients}}}",
                    pem("server.pem"),
                    pem("server.key")
                )
            }
            false => String::new(),
        }
    }
}

/// What [`DockerRegistry::start_with_password`] lets in.
pub const USER: &str = "tester";
/// See [`USER`].
pub const PASSWORD: &str = "secret";
/// bcrypt of [`PASSWORD`].
const HTPASSWD: &str = "tester:$2b$04$fDBKgJ9pS9JDqwEXbVZIeuz.IwzDE1OD0BJJjFOagzzti4okfB23q\n";

impl DockerRegistry {
    /// One that everybody may use; deletes are allowed.
    #[track_caller]
    pub fn start() -> DockerRegistry {
        DockerRegistry::with(Setup::default())
    }

    /// One that deletes nothing, which is how docker-registry comes.
    #[track_caller]
    pub fn start_without_deletes() -> DockerRegistry {
        DockerRegistry::with(Setup { keeps_all: true, ..Setup::default() })
    }

    /// One that wants [`USER`] and [`PASSWORD`] (basic authentication).
    #[track_caller]
    pub fn start_with_password() -> DockerRegistry {
        DockerRegistry::with(Setup { password: true, ..Setup::default() })
    }

    /// One that is set up so.
    #[track_caller]
    pub fn with(setup: Setup) -> DockerRegistry {
        let program = must_have("docker-registry");
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("data");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let deletes = !setup.keeps_all;
        let mut config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: false}}, level: warn}}\n\
             storage: {{filesystem: {{rootdirectory: {root:?}}}, delete: {{enabled: {deletes}}}}}\n\
             http: {{addr: \"{address}\", secret: tests{}}}\n",
            setup.tls()
        );
        if let Some(realm) = &setup.realm {
            let bundle = pem("token.pem");
            config += &format!(
                "auth: {{token: {{realm: {realm:?}, service: {SERVICE}, issuer: {SERVICE}, rootcertbundle: {bundle:?}}}}}\n"
            );
        }
        if setup.password {
            let file = directory.path().join("htpasswd");
            std::fs::write(&file, HTPASSWD).unwrap();
            config += &format!("auth: {{htpasswd: {{realm: tests, path: {file:?}}}}}\n");
        }
        let file = directory.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none");
        let mut process = Process::start("docker-registry", &mut command, directory.path().join("log"));
        process.wait_until(|| TcpStream::connect(address).is_ok());
        DockerRegistry { process, address, directory }
    }

    /// Its address, as it stands in a reference: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The requests it has answered so far. Its log comes a moment after its answers.
    pub fn requests(&self) -> Vec<Request> {
        let log = std::fs::read_to_string(&self.process.log).unwrap_or_default();
        log.lines().filter_map(Request::parse).collect()
    }

    /// Requests answered while `work` ran. Waits until the log is quiet.
    pub fn requests_during<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Request>) {
        let before = self.settled_requests().len();
        let result = work();
        (result, self.settled_requests().split_off(before))
    }

    /// The requests so far, once no more come for a while.
    pub fn settled_requests(&self) -> Vec<Request> {
        let mut seen = self.requests();
        loop {
            std::thread::sleep(Duration::from_millis(60));
            let now = self.requests();
            if now.len() == seen.len() {
                return now;
            }
            seen = now;
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It has nothing to finish.
        let _ = self.process.child.kill();
        let _ = self.process.child.wait();
    }
}

/// A line of docker-registry's access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    pub status: u16,
}

impl Request {
    /// Reads the combined log format: `127.0.0.1 - - [time] "GET /v2/ HTTP/1.1" 200 2 "" "agent"`.
    fn parse(line: &str) -> Option<Request> {
        let (_, rest) = line.split_once("] \"")?;
        let (request, rest) = rest.split_once("\" ")?;
        let mut parts = request.split(' ');
        let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Request { method, path, status: rest.split(' ').next()?.parse().ok()? })
    }
}

/// A private Docker engine: own data, own socket, no network. Needs root.
pub struct Dockerd {
    process: Process,
    directory: TempDir,
}

impl Dockerd {
    /// Starts it and waits until it answers.
    #[track_caller]
    pub fn start() -> Dockerd {
        Dockerd::start_with(&[])
    }

    /// The same, told something more.
    #[track_caller]
    pub fn start_with(more: &[&str]) -> Dockerd {
        let (program, docker) = (must_have("dockerd"), must_have("docker"));
        // A socket's path has 107 bytes at most: not below a deep TMPDIR.
        let directory = tempfile::Builder::new().prefix("wd").tempdir_in("/tmp").unwrap();
        let at = |name: &str| directory.path().join(name);
        let socket = format!("unix://{}", at("s").display());
        let mut command = Command::new(program);
        command.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]);
        command.arg("--data-root").arg(at("data")).arg("--exec-root").arg(at("exec"));
        command.arg("--pidfile").arg(at("pid")).arg("--config-file").arg(at("daemon.json"));
        std::fs::write(at("daemon.json"), "{}").unwrap();
        command.args(["-H", &socket]).args(more);
        let mut process = Process::start("dockerd", &mut command, at("log"));
        process.wait_until(|| {
            let version = Command::new(&docker).args(["-H", &socket, "version"]).output();
            version.is_ok_and(|output| output.status.success())
        });
        Dockerd { process, directory }
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.process.child.kill().unwrap();
        self.process.child.wait().unwrap();
    }

    /// Where it listens: `unix:///…`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.directory.path().join("s").display())
    }

    /// Runs the `docker` command against it; panics with what it said if it fails.
    #[track_caller]
    pub fn docker(&self, args: &[&str]) -> String {
        run("docker", &[&["-H", &self.host()], args].concat())
    }

    /// Loads an archive and gives the engine's images, `REPOSITORY:TAG` each, sorted.
    #[track_caller]
    pub fn load(&self, archive: &Path) -> Vec<String> {
        self.docker(&["load", "-i", &archive.display().to_string()]);
        let images = self.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
        let mut images: Vec<String> = images.lines().map(str::to_owned).collect();
        images.sort();
        images
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        self.process.stop();
        // What it had mounted (network namespaces, layers) keeps its directory from being removed.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let below = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let mut below: Vec<&str> =
            below.filter(|at| Path::new(at).starts_with(self.directory.path())).collect();
        below.sort_by_key(|at| std::cmp::Reverse(at.len()));
        for at in below {
            let _ = Command::new("umount").args(["-l", at]).stderr(Stdio::null()).status();
        }
    }
}

mod tests {
    use super::*;
    use crate::support::image::{Recipe, client};

    #[test]
    fn access_logs_are_read() {
        let line = "127.0.0.1 - - [21/Nov/2026:05:00:00 +0000] \"POST /v2/a/b/blobs/uploads/?mount=x HTTP/1.1\" 202 0 \"\" \"w\"";
        let request = Request::parse(line).unwrap();
        assert_eq!((request.method.as_str(), request.status), ("POST", 202));
        assert_eq!(request.path, "/v2/a/b/blobs/uploads/?mount=x");
        assert_eq!(Request::parse("time=\"…\" level=warning msg=x"), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs docker-registry"]
    async fn a_registry_takes_an_image_and_tells_of_requests() {
        let registry = DockerRegistry::start();
        let dir = tempfile::tempdir().unwrap();
        let image = Recipe::layers(&[200_000, 3])
            .platforms(&["linux/amd64", "linux/arm64"])
            .write(dir.path(), "1")
            .unwrap();
        image.push(&registry.host(), "team/api", &["1", "latest"]).await;
        image.assert_at(&registry.host(), "team/api", "latest").await;
        let puts = registry
            .settled_requests()
            .iter()
            .filter(|r| r.method == "PUT" && r.path.contains("/manifests/"))
            .count();
        assert_eq!(puts, 4);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs docker-registry"]
    async fn a_registry_with_a_password_wants_it() {
        let registry = DockerRegistry::start_with_password();
        let url = format!("http://{}/v2/", registry.host());
        assert_eq!(client().get(&url).send().await.unwrap().status(), 401);
        assert_eq!(client().get(&url).basic_auth(USER, Some("wrong")).send().await.unwrap().status(), 401);
        assert_eq!(client().get(&url).basic_auth(USER, Some(PASSWORD)).send().await.unwrap().status(), 200);
    }

    #[test]
    #[ignore = "needs dockerd and skopeo"]
    fn an_engine_loads_an_image_and_leaves_nothing_behind() {
        let engine = Dockerd::start();
        let dir = tempfile::tempdir().unwrap();
        Recipe::layers(&[1_000]).write(&dir.path().join("layout"), "1").unwrap();
        let archive = dir.path().join("image.tar");
        let from = format!("oci:{}:1", dir.path().join("layout").display());
        let to = format!("docker-archive:{}:example.org/team/api:1", archive.display());
        run("skopeo", &["--insecure-policy", "copy", &from, &to]);
        assert_eq!(engine.load(&archive), ["example.org/team/api:1"]);
        let at = engine.directory.path().to_owned();
        drop(engine);
        assert!(!at.exists(), "{} is left", at.display());
    }
}
