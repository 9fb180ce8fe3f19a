//! The HTTP exchange that ended a job: kept in the ledger, shown by `history`, and nothing secret in it.

use secrecy::SecretString;
use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::Recipe;
use crate::support::wharf::{Home, Registry};

const USER: &str = "robot";
const PASSWORD: &str = "hunter2-pushes";

#[tokio::test]
async fn what_was_asked_and_answered_is_remembered_without_secrets() {
    let home = Home::new();
    let from = Registry::start().await;
    let basic_auth = Some((USER.to_owned(), SecretString::from(PASSWORD)));
    let to = Registry::with(ServeOptions { basic_auth, ..ServeOptions::default() }).await;
    let image = Recipe::layers(&[30_000]).write(&home.path("made"), "1").unwrap();
    image.push(&from.host(), "team/api", &["1"]).await;
    let proxy = Proxy::start(&to.host()).await;
    proxy.add(on("PUT", Kind::Manifest).then(Fault::Status(403)));
    let (source, target) = (format!("{}/team/api:1", from.host()), format!("{}/mirror/api:1", proxy.host()));
    let credentials = format!("{USER}:{PASSWORD}");
    let run = home.run(&["copy", &source, &target, "--dest-creds", &credentials]).await;
    assert_eq!(run.code, Some(3), "{run}");

    let told = home.ok(&["history", "--output", "json"]).await.json();
    let exchange = &told["jobs"][0]["failure"]["exchange"];
    let url = format!("http://{}/v2/mirror/api/manifests/1", proxy.host());
    assert_eq!(
        (exchange["method"].as_str(), exchange["url"].as_str()),
        (Some("PUT"), Some(url.as_str())),
        "{told}"
    );
    assert_eq!((&exchange["status"], &exchange["attempts"]), (&403.into(), &1.into()), "{exchange}");
    assert!(exchange["body"].to_string().contains("DENIED"), "{exchange}");
    let text = home.ok(&["history", "1"]).await.stdout;
    assert!(text.contains(&format!("asked       PUT {url}\n  answered    403\n")), "{text}");

    // An upload's location is signed: its query is nobody's business.
    proxy.mend();
    proxy.add(on("PUT", Kind::Upload).then(Fault::LocationQuery));
    proxy.add(on("POST", Kind::Upload).then(Fault::LocationQuery));
    proxy.add(on("PUT", Kind::Upload).then(Fault::Status(400)));
    proxy.add(on("PATCH", Kind::Upload).then(Fault::Status(400)));
    let other = Recipe::layers(&[40_000]).write(&home.path("other"), "2").unwrap();
    other.push(&from.host(), "team/web", &["2"]).await;
    let (source, target) = (format!("{}/team/web:2", from.host()), format!("{}/mirror/web:2", proxy.host()));
    let run = home.run(&["copy", &source, &target, "--dest-creds", &credentials]).await;
    assert_eq!(run.code, Some(1), "{run}");
    let told = home.ok(&["history", "--output", "json"]).await.json();
    let url = told["jobs"][0]["failure"]["exchange"]["url"].as_str().unwrap_or_default().to_owned();
    assert!(url.contains("/blobs/uploads/") && url.contains("_fault=…"), "{told}");

    // Neither in what was said nor in any file, the ledger among them.
    let mut directories = vec![home.path("")];
    let mut files = 0;
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
                continue;
            }
            files += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            for secret in [PASSWORD, "Authorization", "authorization"] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is in {}", entry.path().display());
            }
        }
    }
    assert!(files > 0 && !run.stderr.contains(PASSWORD) && !text.contains(PASSWORD));
}
