//! A container engine made up: what an engine may answer that a real one does only now and then. It listens on a socket,
//! keeps what was loaded, and errs as it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use wharf::oci::Digest;

/// How the engine behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// Docker's own store: an image's ID is its configuration's digest.
    Classic,
    /// containerd's store: its manifest's digest.
    Containerd,
    /// podman: short names are put below localhost/.
    Podman,
    /// A load is answered with 200, and then an error.
    LateError,
    /// A load is answered with 200 and success, and nothing is there.
    Forgetful,
    /// A save begins and then says nothing more.
    Stalls,
    /// A save begins and then the connection ends.
    Breaks,
    /// A save begins and ends in the engine's own error.
    SavesBadly,
}

/// See the module. It ends when it is dropped.
pub struct FakeEngine {
    socket: PathBuf,
    state: Arc<State>,
    _directory: TempDir,
    _stop: DropGuard,
}

struct State {
    ways: Ways,
    /// Names with their tags → IDs.
    names: Mutex<BTreeMap<String, String>>,
    requests: Mutex<Vec<String>>,
    /// The last archive that was loaded.
    loaded: Mutex<Vec<u8>>,
    /// The body of a save was let go of before its end.
    dropped: Arc<AtomicBool>,
}

impl FakeEngine {
    pub async fn start(ways: Ways) -> FakeEngine {
        // A socket's path has 107 bytes at most.
        let directory = tempfile::Builder::new().prefix("we").tempdir_in("/tmp").unwrap();
        let socket = directory.path().join("s");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let state = Arc::new(State {
            ways,
            names: Mutex::default(),
            requests: Mutex::default(),
            loaded: Mutex::default(),
            dropped: Arc::default(),
        });
        let (stop, shared) = (CancellationToken::new(), Arc::clone(&state));
        let router = Router::new().fallback(move |request: Request| {
            let state = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(state.answer(request).await) }
        });
        let server = axum::serve(listener, router);
        let ended = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                served = async { server.await } => served.unwrap(),
                () = ended.cancelled() => {}
            }
        });
        FakeEngine { socket, state, _directory: directory, _stop: stop.drop_guard() }
    }

    /// `unix:///…`
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Gives an image a name.
    pub fn name(&self, name: &str, id: &str) {
        self.state.names.lock().unwrap().insert(name.to_owned(), id.to_owned());
    }

    /// Every name with its ID, sorted.
    pub fn names(&self) -> Vec<(String, String)> {
        self.state.names.lock().unwrap().clone().into_iter().collect()
    }

    /// Requests so far: `POST /images/load`.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Whether the reader of a save went away before its end; waits for it.
    pub async fn was_dropped(&self) -> bool {
        for _ in 0..500 {
            if self.state.dropped.load(SeqCst) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

/// Tells when it is dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn answer(status: u16, value: &Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(value.to_string().into())
        .unwrap()
}

impl State {
    async fn answer(&self, request: Request) -> Response {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        self.requests.lock().unwrap().push(format!("{method} {path}"));
        let query = request.uri().query().unwrap_or_default().to_owned();
        let within = |end: &str| path.strip_prefix("/images/")?.strip_suffix(end).map(str::to_owned);
        match (method.as_str(), path.as_str()) {
            ("GET", "/version") => {
                let engine = if self.ways == Ways::Podman { "Podman Engine" } else { "Engine" };
                answer(
                    200,
                    &json!({"Version": "1", "ApiVersion": "1.41", "Os": "linux", "Arch": "arm64",
                    "Components": [{"Name": engine, "Version": "1"}]}),
                )
            }
            ("GET", "/info") => {
                let store = if self.ways == Ways::Containerd { "io.containerd.snapshotter.v1" } else { "x" };
                answer(200, &json!({"DriverStatus": [["driver-type", store]]}))
            }
            ("GET", "/images/json") => self.list(),
            ("POST", "/images/load") => self.load(request).await,
            ("GET", _) if path.ends_with("/json") => self.inspect(&within("/json").unwrap()),
            ("GET", _) if path.ends_with("/get") => self.save(),
            ("POST", _) if path.ends_with("/tag") => {
                let id = within("/tag").unwrap();
                let part = |key: &str| {
                    let value = query.split('&').find_map(|part| part.strip_prefix(&format!("{key}=")));
                    value.unwrap_or_default().replace("%2F", "/").replace("%3A", ":")
                };
                let name = format!("{}:{}", part("repo"), part("tag"));
                self.names.lock().unwrap().insert(name, id);
                answer(201, &json!({}))
            }
            ("DELETE", _) => {
                let name = path.strip_prefix("/images/").unwrap().to_owned();
                let mut names = self.names.lock().unwrap();
                match names.remove(&name) {
                    Some(id) if names.values().all(|other| *other != id) => {
                        answer(200, &json!([{"Untagged": name}, {"Deleted": id}]))
                    }
                    Some(_) => answer(200, &json!([{"Untagged": name}])),
                    None => answer(404, &json!({"message": format!("No such image: {name}")})),
                }
            }
            _ => answer(404, &json!({"message": "page not found"})),
        }
    }

    fn list(&self) -> Response {
        let mut images: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, id) in self.names.lock().unwrap().iter() {
            images.entry(id.clone()).or_default().push(name.clone());
        }
        let dangling = Digest::of(b"dangling").to_string();
        images.insert(dangling, vec!["<none>:<none>".to_owned()]);
        let image = |(id, names): (&String, &Vec<String>)| {
            json!({"Id": id, "ParentId": "", "RepoTags": names, "RepoDigests": null, "Created": 1, "Size": 7,
                "SharedSize": 0, "Labels": null, "Containers": -1})
        };
        answer(200, &Value::Array(images.iter().map(image).collect()))
    }

    fn inspect(&self, image: &str) -> Response {
        let names = self.names.lock().unwrap();
        let id = names.get(image).or_else(|| names.values().find(|id| *id == image));
        let Some(id) = id else {
            return answer(404, &json!({"message": format!("No such image: {image}")}));
        };
        let named: Vec<&String> = names.iter().filter(|(_, of)| *of == id).map(|(name, _)| name).collect();
        let mut value = json!({"Id": id, "RepoTags": named, "Os": "linux", "Architecture": "arm64", "Size": 70_000,
            "Config": {"Cmd": ["/x"], "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}},
            "RootFS": {"Type": "layers", "Layers": [Digest::of(b"layer").to_string()]}});
        if self.ways == Ways::Containerd {
            value["Descriptor"] =
                json!({"digest": id, "size": 3, "mediaType": "application/vnd.oci.image.manifest.v1+json"});
        }
        answer(200, &value)
    }

    fn save(&self) -> Response {
        let told = Told(Arc::clone(&self.dropped));
        let first = || futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(beginning(40_000)))]);
        let body = match self.ways {
            Ways::Stalls => Body::from_stream(first().chain(futures_util::stream::once(async move {
                let _told = told;
                std::future::pending().await
            }))),
            Ways::Breaks => Body::from_stream(first().chain(futures_util::stream::once(async {
                // What was sent reaches the reader first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("it died"))
            }))),
            Ways::SavesBadly => {
                let error = "{\"errorDetail\":{\"message\":\"disk gone\"},\"error\":\"disk gone\"}\r\n";
                Body::from([&beginning(5000), error.as_bytes()].concat())
            }
            _ => Body::from(self.loaded.lock().unwrap().clone()),
        };
        Response::builder().header("content-type", "application/x-tar").body(body).unwrap()
    }

    async fn load(&self, request: Request) -> Response {
        let mut bytes = Vec::new();
        let mut body = request.into_body().into_data_stream();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => return answer(500, &json!({"message": "the body broke"})),
            }
        }
        if self.ways == Ways::LateError {
            let lines = "{\"status\":\"Loading layer\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"a\"}\r\n\
                {\"errorDetail\":{\"message\":\"write /x: no space left on device\"},\"error\":\"write /x: no space left on device\"}\r\n";
            return Response::builder().body(Body::from(lines)).unwrap();
        }
        let list: Value = serde_json::from_slice(&file_of(&bytes, "manifest.json")).unwrap();
        let index: Value = serde_json::from_slice(&file_of(&bytes, "index.json")).unwrap();
        for image in list.as_array().unwrap().iter().filter(|_| self.ways != Ways::Forgetful) {
            let config = image["Config"].as_str().unwrap();
            let id = match self.ways {
                Ways::Containerd => index["manifests"][0]["digest"].as_str().unwrap().to_owned(),
                _ => Digest::of(&file_of(&bytes, config)).to_string(),
            };
            for name in image["RepoTags"].as_array().into_iter().flatten() {
                let name = name.as_str().unwrap();
                let full = match name.contains('/') {
                    true => name.to_owned(),
                    false if self.ways == Ways::Podman => format!("localhost/{name}"),
                    false => format!("docker.io/library/{name}"),
                };
                self.names.lock().unwrap().insert(full, id.clone());
            }
        }
        *self.loaded.lock().unwrap() = bytes;
        answer(200, &json!({"stream": "Loaded image\n"}))
    }
}

/// The beginning of a tar whose first file is large: so many bytes of it.
fn beginning(length: usize) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("layer.tar").unwrap();
    header.set_size(10_000_000);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(length, 7);
    bytes
}

/// A file of a tar.
fn file_of(tar: &[u8], name: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap() == Path::new(name))
        .unwrap_or_else(|| panic!("no {name}"));
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}
