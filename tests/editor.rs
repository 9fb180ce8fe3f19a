//! The queue as a document, in a real terminal: edited by a person's editor, which gets every key, and saved as a file
//! that the headless command takes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::image::Recipe;
use crate::support::pair::Pair;
use crate::support::pty::{Pty, Spawn};

const SOON: Duration = Duration::from_secs(30);

/// wharf with a target, an editor that is this script, and two images in its queue.
struct Desk {
    pty: Pty,
    host: String,
}

impl Desk {
    async fn open(pair: &Pair, script: &str) -> Desk {
        let recipe = Recipe::layers(&[4_000]);
        pair.image(&recipe, "team/api", &["1", "2", "3"]).await;
        let spawn = Spawn::wharf();
        let config = spawn.home().join("config/wharf");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("config.yaml"), format!("target: {}/mirror\n", pair.target.host()))
            .unwrap();
        let editor = script_at(&spawn.home().join("my editor"), script);
        // With an argument, and a blank in its name: a shell's words.
        let words = format!("'{}' --wait", editor.display());
        let pty = spawn.env("EDITOR", words).start();
        pty.wait_for("Registries", SOON);
        let mut desk = Desk { pty, host: pair.source.host() };
        let host = desk.host.clone();
        desk.pty.paste(&format!("{host}/team/api:1\n{host}/team/api:2\n"));
        desk.pty.wait_for("2 references", SOON);
        desk.pty.keys("<enter>3");
        desk.pty.wait_for("api:2", SOON);
        desk
    }

    /// What the editor's script wrote.
    fn told(&self, name: &str) -> String {
        std::fs::read_to_string(self.pty.home().join(name)).unwrap_or_default()
    }

    fn wharf(&self, args: &[&str]) -> Output {
        let home = self.pty.home();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(args).current_dir(home).env("HOME", home);
        for (name, below) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data")] {
            command.env(name, home.join(below));
        }
        command.output().unwrap()
    }

    fn quit(mut self) {
        self.pty.signal(Signal::TERM);
        self.pty.wait_exit(SOON);
        assert!(self.pty.wait_output_end(SOON).is_restored());
    }
}

fn script_at(path: &Path, script: &str) -> PathBuf {
    std::fs::write(path, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_editor_changes_is_one_change_of_the_queue() {
    let pair = Pair::new().await;
    let script = "cp \"$2\" ~/seen; ls -l \"$2\" >~/mode; echo \"$1 $2\" >~/args; sed -i -e 's/api:2$/api:3/' \"$2\"\n";
    let mut desk = Desk::open(&pair, script).await;
    desk.pty.keys("E");
    desk.pty.wait_for("edited: 1 added, 1 removed", SOON);
    let shown = desk.pty.wait_for("api:3", SOON);
    assert!(!shown.contains("api:2") && shown.terminal().alternate_screen(), "{}", shown.text());
    assert!(shown.terminal().bracketed_paste());
    let (seen, host) = (desk.told("seen"), desk.host.clone());
    let target = pair.target.host();
    assert!(seen.contains(&format!("defaults:\n  to: {target}/mirror\n")), "{seen}");
    assert!(seen.contains(&format!("sources:\n  - {host}/team/api:1\n  - {host}/team/api:2\n")), "{seen}");
    assert!(desk.told("mode").starts_with("-rw-------"), "{}", desk.told("mode"));
    let args = desk.told("args");
    assert!(args.starts_with("--wait ") && args.trim_end().ends_with(".yaml"), "{args}");
    let file = PathBuf::from(args.trim_end().strip_prefix("--wait ").unwrap());
    assert!(!file.exists() && !file.parent().unwrap().exists(), "nothing is left of it");
    desk.pty.keys("u");
    let shown = desk.pty.wait_for("api:2", SOON);
    assert!(!shown.contains("api:3"), "{}", shown.text());
    desk.quit();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_gets_every_key_and_leaves_none_behind() {
    let pair = Pair::new().await;
    // In raw mode, as editors read, and it goes without setting anything right again.
    let script = "printf '\\033[?1049hREADY'; stty raw -echo\n\
        got=$(dd bs=1 count=41 2>/dev/null)\n\
        printf '%s' \"$got\" >~/got; stty size >~/size\n\
        printf '  - %s\\n' \"$got\" >>\"$2\"\n";
    let mut desk = Desk::open(&pair, script).await;
    desk.pty.keys("E");
    desk.pty.wait_for("READY", SOON);
    desk.pty.resize(80, 24);
    let typed = format!("{}xqQUdSEWctrlpausejjkkxxQQ", "quay.io/a:9");
    let typed = format!("{typed:a<41}");
    let typed = typed.replace(|c: char| c.is_ascii_uppercase(), "z");
    for key in typed.chars() {
        desk.pty.send(key.to_string().as_bytes());
        std::thread::sleep(Duration::from_millis(3));
    }
    let shown = desk.pty.wait_for("edited: 1 added, 0 removed", SOON);
    assert_eq!(desk.told("got"), typed);
    assert_eq!(desk.told("size"), "24 80\n");
    // It is drawn at the size that the terminal has now, and keys are wharf's again.
    assert!(shown.rows().iter().all(|row| row.chars().count() <= 80), "{}", shown.text());
    desk.pty.keys("u");
    desk.pty.wait_for("undone", SOON);
    desk.quit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_for_the_editor_is_not_wharfs() {
    let pair = Pair::new().await;
    // The main screen shows what the editor before has left.
    let script = "echo x >>~/n; stty sane; echo READY $(wc -l <~/n); cat >/dev/null\n";
    let mut desk = Desk::open(&pair, script).await;
    for (n, key) in ["\u{3}", "\u{1c}"].into_iter().enumerate() {
        desk.pty.keys("E");
        desk.pty.wait_for(&format!("READY {}", n + 1), SOON);
        desk.pty.send(key.as_bytes());
        desk.pty.wait_for("the queue is as it was", SOON);
    }
    desk.pty.keys("u");
    desk.pty.wait_for("undone", SOON);
    desk.quit();
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_shown_by_their_lines_and_edited_again() {
    let pair = Pair::new().await;
    let script = "if [ -e ~/again ]; then cp \"$2\" ~/kept; sed -i -e '/WRONG/d' -e '/tgas/d' \"$2\"; exit; fi\n\
        touch ~/again; printf '  - WRONG\\n  - source: quay.io/b:1\\n    tgas: x\\n' >>\"$2\"\n";
    let mut desk = Desk::open(&pair, script).await;
    desk.pty.keys("E");
    let shown = desk.pty.wait_for("2 things are wrong", SOON);
    assert!(
        shown.contains("line 1") && shown.contains("tgas") && shown.contains("edit again"),
        "{}",
        shown.text()
    );
    desk.pty.keys("<enter>");
    desk.pty.wait_for("edited: 1 added, 0 removed", SOON);
    assert!(desk.told("kept").contains("  - WRONG\n"), "what was typed is kept");
    desk.pty.wait_for(" b:1", SOON);
    desk.quit();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_that_is_not_there_says_so() {
    let mut pty = Spawn::wharf().env("VISUAL", "no-such-editor --x").start();
    pty.wait_for("Registries", SOON);
    pty.keys("3E");
    let shown = pty.wait_for("no-such-editor --x: not found", SOON);
    assert!(shown.contains("Registries"), "{}", shown.text());
    pty.signal(Signal::TERM);
    pty.wait_exit(SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_queue_is_what_the_headless_command_does() {
    let pair = Pair::new().await;
    let mut desk = Desk::open(&pair, "exit 1\n").await;
    desk.pty.keys("W");
    desk.pty.wait_for("wharf.yaml", SOON);
    desk.pty.keys("<enter>");
    desk.pty.wait_for("2 saved to wharf.yaml: wharf sync wharf.yaml", SOON);
    let run = desk.wharf(&["sync", "wharf.yaml", "--dry-run", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let (host, target) = (&desk.host, pair.target.host());
    for (n, tag) in ["1", "2"].into_iter().enumerate() {
        let one = &plan["plans"][n];
        assert_eq!(one["source"], format!("{host}/team/api:{tag}"), "{plan}");
        assert_eq!(one["destinations"][0]["location"], format!("{target}/mirror/team/api:{tag}"), "{plan}");
    }
    assert_eq!(plan["plans"].as_array().map(Vec::len), Some(2));
    assert!(desk.wharf(&["sync", "wharf.yaml"]).status.success());
    let tags = desk.wharf(&["tags", &format!("{target}/mirror/team/api")]);
    assert_eq!(String::from_utf8_lossy(&tags.stdout).split_whitespace().count(), 2, "{tags:?}");
    // Again: it asks, and keeps the file unless told otherwise.
    desk.pty.keys("W");
    desk.pty.wait_for("without the screen", SOON);
    desk.pty.keys("<enter>");
    desk.pty.wait_for("is there already", SOON);
    desk.pty.keys("<enter>");
    desk.pty.wait_gone("is there already", SOON);
    desk.quit();
}
