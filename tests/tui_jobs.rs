//! Jobs that fail alike, in a real terminal: they are one row, their page shows the exchange that failed, and what mends them
//! mends all of them.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::Recipe;
use crate::support::pty::{Pty, Spawn};
use crate::support::wharf::Registry;

const SOON: Duration = Duration::from_secs(20);
/// How long a few small images may take on a busy machine.
const WORK: Duration = Duration::from_secs(90);
const USER: &str = "robot";
const PASSWORD: &str = "hunter2-pushes";
/// Copies that are made.
const TAGS: [&str; 4] = ["1", "2", "3", "4"];

/// wharf with four copies in its queue, to a registry that lets nobody push; the proxy in front of that one.
async fn refused(dir: &std::path::Path) -> (Registry, Registry, Proxy, Spawn) {
    let from = Registry::start().await;
    let options = ServeOptions {
        basic_auth: Some((USER.to_owned(), SecretString::from(PASSWORD))),
        ..ServeOptions::default()
    };
    let to = Registry::with(options).await;
    let image = Recipe::layers(&[300_000, 20_000]).write(dir, "1").unwrap();
    image.push(&from.host(), "team/api", &TAGS).await;
    let proxy = Proxy::start(&to.host()).await;
    proxy.add(on("POST", Kind::Upload).then(Fault::Status(401)));
    proxy.add(on("PUT", Kind::Manifest).then(Fault::Status(401)));
    let spawn = Spawn::wharf();
    let file = spawn.home().join("config.yaml");
    let config = format!(
        "registries:\n  - {{name: far, type: registry, url: \"http://{}\", username: {USER}, password: {PASSWORD}}}\n",
        proxy.host()
    );
    std::fs::write(&file, config).unwrap();
    let spawn = spawn.env("WHARF_CONFIG", &file);
    (from, to, proxy, spawn)
}

/// Queues and starts the copies, and waits until all of them have failed.
#[track_caller]
fn fail(pty: &mut Pty, from: &Registry, proxy: &Proxy) {
    pty.wait_for("Registries", SOON);
    pty.keys("T");
    pty.keys(&format!("{}/mirror", proxy.host()));
    pty.keys("<enter>n");
    let all: Vec<String> = TAGS.iter().map(|tag| format!("{}/team/api:{tag}", from.host())).collect();
    pty.keys(&all.join(" "));
    pty.keys("<enter>");
    pty.wait_for("Q 4", SOON);
    pty.keys("S");
    let deadline = Instant::now() + WORK;
    while pty.screen().contains("Q 4") {
        assert!(Instant::now() < deadline, "the queue did not start:\n{}", pty.screen().text());
        std::thread::sleep(Duration::from_millis(300));
        if pty.screen().contains("start") {
            pty.keys("<enter>");
        }
    }
    pty.wait_for("✗4", WORK);
    pty.keys("4gg");
}

/// Leaves wharf: nothing runs any more.
#[track_caller]
fn leave(mut pty: Pty) {
    pty.keys("q");
    assert!(pty.wait_exit(SOON).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_failed_alike_are_one_row_and_a_login_mends_them_all() {
    let dir = tempfile::tempdir().unwrap();
    let (from, _to, proxy, spawn) = refused(dir.path()).await;
    let mut pty = spawn.start();
    fail(&mut pty, &from, &proxy);
    let screen = pty.wait_for("✗ 4 jobs", SOON);
    assert!(screen.contains("L login  R retry all  enter list"), "{}", screen.text());
    // One of them whole: the exchange that failed, without the password.
    pty.keys("<enter>j<enter>");
    let page = pty.wait_for("POST http://", SOON);
    assert!(page.contains("→ 401") && page.contains("UNAUTHORIZED"), "{}", page.text());
    pty.keys("<esc>k<enter>");
    pty.wait_for("enter list", SOON);
    proxy.mend();
    pty.keys("L");
    pty.wait_for("password", SOON);
    pty.keys(PASSWORD);
    pty.keys("<enter>");
    pty.wait_for("✓4", WORK);
    let screen = pty.screen();
    assert!(screen.contains("✗0"), "{}", screen.text());
    // The history of all that, found by words.
    pty.keys("H/succeeded<enter>");
    pty.wait_for("History (4)", SOON);
    pty.keys("<enter>");
    pty.wait_for("attempt 2", SOON);
    pty.keys("qqq");
    pty.wait_for("Registries", SOON);
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    assert!(!raw.contains(PASSWORD), "the password was on the screen");
    let ledger = std::fs::read(pty.home().join("data/wharf/ledger.db"));
    if let Ok(ledger) = ledger {
        assert!(
            !ledger.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()),
            "it is in the ledger"
        );
    }
    leave(pty);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_failed_is_tried_again_with_one_key_on_a_small_screen() {
    let dir = tempfile::tempdir().unwrap();
    let (from, _to, proxy, spawn) = refused(dir.path()).await;
    let mut pty = spawn.size(80, 24).start();
    fail(&mut pty, &from, &proxy);
    pty.wait_for("✗ 4 jobs", SOON);
    proxy.mend();
    pty.keys("<c-r>");
    pty.wait_for("✓4", WORK);
    // What is done is hidden, and comes back.
    pty.keys("c");
    pty.wait_for("4 finished jobs are hidden", SOON);
    pty.keys("c");
    pty.wait_for("done in", SOON);
    leave(pty);
}
