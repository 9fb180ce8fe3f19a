//! A newcomer's first minutes in a real terminal: the welcome, a first `config.yaml`, a theme that is saved while it is
//! on the screen; and a first frame that waits for nobody.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crate::support::pty::{Pty, Spawn};

const SOON: Duration = Duration::from_secs(30);

fn quit(pty: &mut Pty) {
    pty.keys("<esc>");
    std::thread::sleep(Duration::from_millis(200));
    pty.keys("q");
    pty.wait_exit(SOON);
}

#[test]
fn a_newcomer_is_welcomed_once_and_may_keep_a_configuration() {
    let spawn = Spawn::newcomer();
    let home = spawn.home().to_owned();
    std::fs::create_dir(home.join(".docker")).unwrap();
    let logins =
        r#"{"auths": {"reg.example.test": {"auth": "dTpodW50ZXIy"}, "https://index.docker.io/v1/": {}}}"#;
    std::fs::write(home.join(".docker/config.json"), logins).unwrap();
    let mut pty = spawn.start();
    pty.wait_for("Welcome to wharf", SOON);
    pty.wait_for("docker.io, reg.example.test", SOON);
    // The registry of the login is in the list, and will be in the file.
    pty.wait_for("images: 0", SOON);
    pty.keys("k<enter>");
    pty.wait_for("name: reg.example.test", SOON);
    let file = home.join("config/wharf/config.yaml");
    pty.keys("<enter>");
    pty.wait_gone("name: reg.example.test", SOON);
    assert!(!file.exists(), "the way back is the first choice");
    pty.keys("<enter>");
    pty.wait_for("name: reg.example.test", SOON);
    pty.keys("j<enter>");
    pty.wait_for("written:", SOON);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("url: reg.example.test") && !text.contains("hunter") && !text.contains("dTpod"),
        "{text}"
    );
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    assert!(!String::from_utf8_lossy(&pty.raw()).contains("hunter"));
    quit(&mut pty);
    // What was written is what wharf reads.
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args(["config", "check", "--config"])
        .arg(&file)
        .env("HOME", &home)
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn the_welcome_does_not_come_again() {
    let spawn = Spawn::newcomer().env("LANG", "zh_CN.UTF-8");
    let home = spawn.home().to_owned();
    let mut pty = spawn.start();
    pty.wait_for("欢迎使用 wharf", SOON);
    pty.wait_for("镜像：0", SOON);
    pty.keys("<enter>");
    pty.wait_gone("欢迎使用 wharf", SOON);
    quit(&mut pty);
    let mut again = Spawn::newcomer();
    for (name, below) in
        [("HOME", ""), ("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state")]
    {
        again = again.env(name, home.join(below));
    }
    let mut pty = again.start();
    let screen = pty.wait_for("Registries", SOON);
    assert!(!screen.contains("Welcome to wharf"), "{}", screen.text());
    quit(&mut pty);
}

#[test]
fn the_first_frame_waits_for_no_registry_and_no_engine() {
    // They are there, and never say a word.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let spawn = Spawn::newcomer();
    let socket = spawn.home().join("docker.sock");
    let engine = UnixListener::bind(&socket).unwrap();
    let at = registry.local_addr().unwrap();
    let logins = format!(r#"{{"auths": {{"{at}": {{}}}}}}"#);
    std::fs::create_dir(spawn.home().join(".docker")).unwrap();
    std::fs::write(spawn.home().join(".docker/config.json"), logins).unwrap();
    let mut pty = spawn.env("DOCKER_HOST", format!("unix://{}", socket.display())).start();
    let first = pty.wait_for("Welcome to wharf", SOON);
    assert!(!first.contains("answers"), "{}", first.text());
    // Keys are answered while both are waited for.
    pty.keys("<enter>");
    pty.wait_gone("Welcome to wharf", SOON);
    let name = at.to_string();
    pty.wait_for(&name, SOON);
    pty.keys("r?");
    pty.wait_for("Keys", SOON);
    pty.keys("<esc>q");
    pty.wait_exit(SOON);
    drop((registry, engine));
}

#[test]
fn a_saved_theme_is_on_the_screen_within_a_second_or_so() {
    let spawn = Spawn::wharf().env("COLORTERM", "truecolor");
    let config = spawn.home().join("config/wharf");
    std::fs::create_dir(config.join("themes")).unwrap();
    std::fs::write(config.join("config.yaml"), "theme: night\n").unwrap();
    let theme = config.join("themes/night.yaml");
    std::fs::write(&theme, "base: dark\nborder_focus: '#010203'\n").unwrap();
    let mut pty = spawn.start();
    pty.wait_for("Registries", SOON);
    pty.wait_raw(b"38;2;1;2;3", 0, SOON);
    std::thread::sleep(Duration::from_millis(1200));
    let before = pty.raw().len();
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(pty.raw().len(), before, "a look that finds no change draws nothing");
    std::fs::write(&theme, "base: dark\nborder_focus: '#040506'\n# longer\n").unwrap();
    pty.wait_raw(b"38;2;4;5;6", before, Duration::from_secs(5));
    std::fs::write(&theme, "base: dark\nborder_focus: '#04050'\n").unwrap();
    let screen = pty.wait_for("the theme stays as it was", SOON);
    assert!(screen.contains("themes/night.yaml:2:15: border_focus"), "{}", screen.text());
    quit(&mut pty);
}
