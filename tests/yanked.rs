//! A screen becomes a script: what `y C` copies, run by a shell, does what the screen's jobs do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;

use crate::support::image::Recipe;
use crate::support::pair::Pair;
use crate::support::pty::{Pty, Spawn};

const SOON: Duration = Duration::from_secs(30);
const WORK: Duration = Duration::from_secs(90);

/// What was sent to the terminal's clipboard last.
fn clipboard(pty: &Pty, from: usize) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        let raw = String::from_utf8_lossy(&pty.raw()[from..]).into_owned();
        let sent = raw.rsplit_once("\x1b]52;c;").and_then(|(_, rest)| rest.split_once('\x07'));
        if let Some((text, _)) = sent {
            return String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        }
        assert!(Instant::now() < deadline, "nothing was sent:\n{}", pty.screen().text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs it as a person does who pastes it somewhere else, with a ledger that is not the screen's.
fn shell(home: &Path, script: &str) {
    let bin = Path::new(env!("CARGO_BIN_EXE_wharf")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(elsewhere.path()).env("HOME", home).env("PATH", path);
    for (name, below) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "elsewhere")] {
        command.env(name, home.join(below));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}\n{said}");
}

/// Every tag of these repositories with its digest.
async fn landed(host: &str, repositories: &[&str]) -> BTreeMap<String, String> {
    let client = crate::support::image::client();
    let mut found = BTreeMap::new();
    for repository in repositories {
        let tags = client.get(format!("http://{host}/v2/{repository}/tags/list")).send().await.unwrap();
        let tags: serde_json::Value = serde_json::from_slice(&tags.bytes().await.unwrap()).unwrap();
        for tag in tags["tags"].as_array().into_iter().flatten() {
            let tag = tag.as_str().unwrap();
            let url = format!("http://{host}/v2/{repository}/manifests/{tag}");
            let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                application/vnd.docker.distribution.manifest.list.v2+json, \
                application/vnd.docker.distribution.manifest.v2+json";
            let answer = client.head(url).header("Accept", accept).send().await.unwrap();
            let digest = answer.headers()["docker-content-digest"].to_str().unwrap().to_owned();
            found.insert(format!("{repository}:{tag}"), digest);
        }
    }
    found
}

/// The archives of a directory, with what is in them; a script beside them that loads them is the command's own.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let file = |entry: std::fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap())
    };
    let archives = entries.map(file).filter(|(name, _)| name.ends_with(".tar"));
    // A name that was found ends in the time.
    let timeless = |name: String| name.trim_end_matches(|c: char| ".tar_0123456789".contains(c)).to_owned();
    archives.map(|(name, bytes)| (if name.contains('$') { name } else { timeless(name) }, bytes)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_yanked_does_in_a_shell_what_the_queue_does() {
    const REPOSITORIES: [&str; 4] = ["mirror/team/api", "a/b", "c/d", "mirror/team/web"];
    let pair = Pair::new().await;
    let (host, target) = (pair.source.host(), pair.target.host());
    let recipe = Recipe::layers(&[4_000]).platforms(&["linux/amd64", "linux/arm64"]);
    pair.image(&recipe, "team/api", &["1", "2"]).await;
    pair.image(&recipe.clone().seed(7), "team/web", &["1"]).await;
    let spawn = Spawn::wharf().env("TERM", "xterm");
    let home = spawn.home().to_owned();
    std::fs::create_dir_all(home.join("config/wharf")).unwrap();
    std::fs::write(home.join("config/wharf/config.yaml"), format!("target: {target}/mirror\n")).unwrap();
    let queue = format!(
        "sources:\n\
         - {{source: {host}/team/api, tags: [1, 2], to: {target}/mirror}}\n\
         - {{source: {host}/team/api:1, target: [{target}/a/b:x, {target}/c/d], add_tags: [stable], \
            platforms: [linux/arm64]}}\n\
         - {{source: {host}/team/web:1, to: [{target}/mirror, 'store:kept'], referrers: true, format: oci}}\n\
         - {{source: {host}/team/web:1, export: \"d ir/it's\", platforms: [linux/amd64]}}\n\
         - {{source: {host}/team/web:1, export: 'my dir', platforms: [linux/amd64], file: 'my $web.tar'}}\n"
    );
    std::fs::write(home.join("queue"), queue).unwrap();
    let editor = home.join("editor");
    std::fs::write(&editor, "#!/bin/sh\ncp ~/queue \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut pty = spawn.env("EDITOR", &editor).start();
    pty.wait_for("Registries", SOON);
    pty.keys("3E");
    pty.wait_for("6 added", SOON);
    let from = pty.raw().len();
    pty.keys("yC");
    let script = clipboard(&pty, from);
    assert!(script.starts_with("wharf "), "{script}");
    let directories = ["d ir/it's", "my dir"].map(|name| home.join(name));
    shell(&home, &script);
    let by_hand = landed(&pair.to.host(), &REPOSITORIES).await;
    let written: Vec<_> = directories.iter().map(|directory| files(directory)).collect();
    assert_eq!(by_hand.len(), 7, "{by_hand:?}\n{script}");
    let names: Vec<Vec<&String>> = written.iter().map(|files| files.keys().collect()).collect();
    assert!(names.iter().all(|names| names.len() == 1), "{names:?}\n{script}");
    assert!(written[1].contains_key("my $web.tar"), "{script}");
    // The same on the screen.
    directories.iter().for_each(|directory| std::fs::remove_dir_all(directory).unwrap());
    pty.keys("S");
    pty.wait_for("Plan", SOON);
    let begun = Instant::now();
    while !pty.screen().text().contains("✓6") {
        assert!(begun.elapsed() < WORK, "{}", pty.screen().text());
        std::thread::sleep(Duration::from_millis(500));
        if pty.screen().contains("Plan") {
            pty.keys("<enter>");
        }
    }
    assert_eq!(landed(&pair.to.host(), &REPOSITORIES).await, by_hand);
    let again: Vec<_> = directories.iter().map(|directory| files(directory)).collect();
    for (again, written) in again.iter().zip(&written) {
        assert_eq!(
            again.keys().collect::<Vec<_>>(),
            written.keys().collect::<Vec<_>>(),
            "{}",
            pty.screen().text()
        );
        assert!(again == written, "the files differ");
    }
    pty.signal(Signal::TERM);
    pty.wait_exit(SOON);
}
