//! `--read-only` and `read_only: true`: a command that would change something does not, and what only looks works.
//! And keys of the configuration that cannot be are told by every command, with their lines.

use crate::support::image::Recipe;
use crate::support::wharf::{Home, Registry, names};

#[tokio::test(flavor = "multi_thread")]
async fn what_would_change_something_is_refused_and_the_rest_works() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let made = Recipe::layers(&[30_000]).write(&home.path("made"), "1").unwrap();
    let host = registry.host();
    made.push(&host, "app", &["1"]).await;
    let (from, to) = (format!("{host}/app:1"), format!("{host}/copy:1"));
    home.ok(&["copy", &from, "store:app:1"]).await;
    let writing: [&[&str]; 9] = [
        &["copy", &from, &to],
        &["export", &from, "-o", "a.tar"],
        &["import", "made", &to],
        &["tag", &from, "2"],
        &["delete", &from, "--yes"],
        &["delete", "store:app:1", "--yes"],
        &["login", &host, "-u", "me"],
        &["store", "gc"],
        &["jobs", "resume"],
    ];
    for args in writing {
        for by_option in [true, false] {
            home.config(&format!("read_only: {}\n", !by_option));
            let option: &[&str] = if by_option { &["--read-only"] } else { &[] };
            let refused = home.run(&[args, option].concat()).await;
            let (error, hint) = refused.failed(2);
            assert!(error.contains("read-only: `wharf "), "{refused}");
            assert!(hint.contains("read_only: true"), "{refused}");
        }
    }
    assert_eq!((registry.tags("app").await, registry.tags("copy").await), (vec!["1".to_owned()], vec![]));
    assert!(!names(&home.path("")).contains(&"a.tar".to_owned()));
    // The configuration still says so.
    let reading: [&[&str]; 5] = [
        &["tags", &format!("{host}/app")],
        &["inspect", &from],
        &["copy", &from, &to, "--dry-run"],
        &["delete", &from, "--dry-run"],
        &["store", "gc", "--dry-run"],
    ];
    for args in reading {
        home.config("read_only: true\n");
        home.ok(args).await;
    }
    home.ok(&["inspect", "store:app:1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_are_told_at_once_with_their_lines() {
    let home = Home::new();
    home.config("wokers: 3\nkeys:\n  ad: a\n  diff: a\n  sort: [hello, f5]\n  quit: []\n");
    for args in [&["config", "check"][..], &["tags", "h.io/x"], &[]] {
        let run = home.run(args).await;
        assert_eq!(run.code, Some(2), "{run}");
        for line in [
            "config.yaml:1:1: wokers: unknown key",
            "config.yaml:3:3: keys.ad: there is no action \"ad\"; the nearest is \"add\"",
            "config.yaml:4:9: keys.diff: a is add's by default",
            "config.yaml:5:10: keys.sort: \"hello\" is no key",
            "config.yaml:6:3: keys.quit: quit needs a key",
        ] {
            assert!(run.stderr.contains(line), "{line}\n{run}");
        }
    }
    home.config("keys: {diff: a, add: [insert, g a], start: []}\n");
    let run = home.ok(&["config", "check"]).await;
    assert!(run.stdout.contains("keys.add") && run.stdout.contains("insert, g a"), "{run}");
}
