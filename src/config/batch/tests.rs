//! The four kinds of batch files: what good ones come to, and what is told of bad ones.

use std::collections::BTreeSet;
use std::path::Path;

use secrecy::ExposeSecret;

use super::super::Config;
use super::*;
use crate::job::JobSpec;

fn env(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "from-env".to_owned())
}

fn batch(text: &str) -> Batch {
    Batch::parse(Path::new("/etc/b"), text.as_bytes(), true, &env)
}

/// The jobs as text, `SOURCE → DESTINATIONS`, and the notes.
fn jobs(text: &str, to: &str, lists: &[(&str, &[&str])]) -> Result<Vec<String>, Vec<String>> {
    let config = Config::default();
    let to = (!to.is_empty()).then(|| config.prefix(to).unwrap());
    let list = |(repository, tags): &(&str, &[&str])| {
        (repository.parse().unwrap(), tags.iter().map(|tag| tag.parse().unwrap()).collect())
    };
    let lists: TagLists = lists.iter().map(list).collect();
    let batch = batch(text);
    let looked_over = batch.jobs(&Terms { to: to.as_ref(), ..Terms::of(&config) });
    let jobs = looked_over
        .and_then(|_| batch.jobs(&Terms { to: to.as_ref(), tags: Some(&lists), ..Terms::of(&config) }))
        .map_err(|e| e.to_string().lines().map(|line| line.replace("/etc/b:", "")).collect::<Vec<_>>())?;
    Ok(jobs.specs.iter().map(ToString::to_string).chain(jobs.notes).collect())
}

fn faults(text: &str) -> Vec<String> {
    jobs(text, "h.io", &[]).unwrap_err()
}

#[test]
fn what_a_file_is_is_seen_in_it() {
    for (text, kind) in [
        ("nginx\n", Kind::List),
        ("# a list\n[::1]:5000/a:1\n", Kind::List),
        ("localhost:5000/a\n", Kind::List),
        ("-bad\n", Kind::List),
        ("\u{feff}\n# json\n [\"nginx\"]", Kind::Images),
        ("- nginx\n- source: redis\n", Kind::Images),
        ("---\n- nginx\n", Kind::Images),
        ("{\"images\": [\"nginx\"]}", Kind::Request),
        ("target_registry: h.io\nimages: [nginx]\n", Kind::Request),
        ("sources: [nginx]\n", Kind::Sync),
        ("\"sources\": [nginx]\n", Kind::Sync),
        ("defaults:\n  to: h.io\nsources: [nginx]\n", Kind::Sync),
        ("{\"sources\":\t[\n\t\"nginx\"\n\t]\n}\n", Kind::Sync),
    ] {
        let batch = batch(text);
        assert_eq!(batch.kind, kind, "{text:?}");
        let sound = text != "-bad\n";
        assert_eq!(
            (batch.faults.is_empty(), !batch.entries.is_empty()),
            (sound, sound),
            "{text:?}: {:?}",
            batch.faults
        );
    }
    for (text, want) in [
        ("[]", "1:1: it names no image"),
        ("{\"images\": []}", "1:12: images: it names no image"),
        ("{}", "1:1: sources: a sync file needs its sources"),
        ("# nothing\n---\n", "it names no image"),
        ("[\"nginx\"\n", "this is no YAML"),
        ("source: nginx\n", "1:1: source: unknown key \"source\"; the nearest valid key is \"sources\""),
    ] {
        let told = faults(text);
        assert!(told.iter().any(|fault| fault.contains(want)), "{text:?}: {told:?}");
    }
    let utf8 = Batch::parse(Path::new("b"), b"- nginx\n- \xff\n", false, &env);
    assert_eq!(utf8.faults[0].to_string(), "b:2:3: it is not UTF-8 text from here on");
    assert!(Batch::parse(Path::new("b"), b"\xff\xfe[\0", false, &env).faults[0].reason.contains("UTF-16"));
    let deep = format!("{}nginx{}", "[".repeat(100), "]".repeat(100));
    assert!(faults(&deep)[0].contains("deeper than 64"));
}

#[test]
fn images_json_is_sources_with_targets() {
    let text = r#"[
        {"source": "nginx", "target": "harbor.example.com/mirror/web", "tags": ["1.27", "1.26"], "architectures": ["amd64", "arm64/v8"]},
        {"source": "docker.io/library/redis:7", "target": "cache/redis"},
        {"source": "quay.io/a/b", "target": "harbor.example.com/all/", "tags": []},
        {"source": "quay.io/a/c", "tags": "*", "architectures": []},
        {"image": "ghcr.io/o/r:t", "target": "store:kept:x", "platforms": "all"},
        "store:mine/d"
    ]"#;
    let lists: &[(&str, &[&str])] = &[("quay.io/a/b", &["1", "2"]), ("quay.io/a/c", &["x"])];
    let want = [
        "docker.io/library/nginx:1.27 → harbor.example.com/mirror/web:1.27",
        "docker.io/library/nginx:1.26 → harbor.example.com/mirror/web:1.26",
        "docker.io/library/redis:7 → h.io/m/cache/redis:7",
        "quay.io/a/b:1 → harbor.example.com/all/a/b:1",
        "quay.io/a/b:2 → harbor.example.com/all/a/b:2",
        "quay.io/a/c:x → h.io/m/a/c:x",
        "ghcr.io/o/r:t → store:kept:x",
        "store:mine/d:latest → h.io/m/mine/d:latest",
    ];
    assert_eq!(jobs(text, "h.io/m", lists).unwrap(), want);
    let config = Config::default();
    let specs = batch(text)
        .jobs(&Terms { to: Some(&config.prefix("h.io").unwrap()), ..Terms::of(&config) })
        .unwrap()
        .specs;
    let only = Platforms::Only(vec!["amd64".parse().unwrap(), "arm64".parse().unwrap()]);
    assert_eq!((&specs[0].platforms, &specs[2].platforms), (&only, &Platforms::All));
    // What the command line says is above the file.
    let arm = Platforms::Only(vec!["arm/v7".parse().unwrap()]);
    let terms =
        Terms { to: Some(&config.prefix("h.io").unwrap()), platforms: Some(&arm), ..Terms::of(&config) };
    assert!(batch(text).jobs(&terms).unwrap().specs.iter().all(|spec| spec.platforms == arm));
}

#[test]
fn every_fault_of_images_json_is_told_at_once() {
    let text = r#"[
  {"sorce": "nginx", "target": "a"},
  {"source": "UP", "tags": ["ok", "no/tag"], "architectures": ["amd46", "arm/v7"]},
  {"source": "nginx:1", "tags": ["2"]},
  {"source": "redis", "tags": ["1", "2"], "target": "x/y:z"},
  {"source": "q.io/a", "target": "harbor.example.com"},
  {"source": "q.io/b", "target": "h.io/UP"},
  {"source": "oci:dir"},
  {"source": "q.io/c", "image": "q.io/d", "target": "b"},
  {"source": "q.io/e:1", "target": "same"}, {"source": "q.io/f:1", "target": "same"},
  3, [], null,
  {"source": "q.io/g", "tags": {"newest": "5"}},
  {"source": "h.io/same:1", "target": "h.io/same"}
]
"#;
    let want = [
        "2:3: [0].source: an image needs its source",
        "2:4: [0].sorce: unknown key \"sorce\"; the nearest valid key is \"source\"",
        "3:14: [1].source: \"UP\" is no image reference: the repository's name must be lower case; \"UP\" has 'U'",
        "3:35: [1].tags[1]: ",
        "3:64: [1].architectures[0]: \"amd46\" is no platform",
        "4:33: [2].tags: docker.io/library/nginx:1 names one image already, on line 4",
        "5:53: [3].target: it names one tag, and several of the source may go there",
        "6:34: [4].target: \"harbor.example.com\": if it is a host, write harbor.example.com/",
        "7:34: [5].target: \"h.io/UP\": the repository's name must be lower case",
        "8:14: [6].source: \"oci:dir\": only images of registries and of store: can stand in a batch file",
        "9:33: [7].image: it is another name of source; give one of them",
        "10:45: [9]: q.io/f:1 would land on h.io/same:1, and so does q.io/e:1 of line 10",
        "11:6: [11]: text is needed, not a list",
        "11:10: [12]: text is needed, not nothing",
        "12:43: [13].tags.newest: a whole number from 1 to 10000 is needed, not text in quotes",
        "13:3: [14]: h.io/same:1 would land on h.io/same:1, and so does q.io/e:1 of line 10",
        "13:3: [14]: h.io/same:1 is source and destination",
    ];
    let found = faults(text);
    let shown = found.join("\n");
    let without: Vec<&str> =
        want.into_iter().filter(|want| !found.iter().any(|f| f.starts_with(want))).collect();
    assert!(without.is_empty() && found.len() == want.len(), "{without:#?}\nnot in\n{shown}");
}

#[test]
fn a_request_puts_a_prefix_in_the_place_of_parts() {
    let text = |level: &str| {
        format!(
            r#"{{"images": ["docker.io/library/nginx", {{"source": "quay.io/a/b/c:1", "architectures": "arm64"}}],
            "target_registry": "harbor.example.com/mirror", "replace_level": {level}}}"#
        )
    };
    for (level, one, two) in [
        ("\"1\"", "library/nginx", "a/b/c"),
        ("2", "nginx", "b/c"),
        ("0", "docker.io/library/nginx", "quay.io/a/b/c"),
    ] {
        let want = [
            format!("docker.io/library/nginx:latest → harbor.example.com/mirror/{one}:latest"),
            format!("quay.io/a/b/c:1 → harbor.example.com/mirror/{two}:1"),
        ];
        assert_eq!(jobs(&text(level), "", &[]).unwrap(), want);
    }
    let deep = faults(&text("3"));
    assert_eq!(deep, ["2:32: target_registry: replace_level 3 leaves nothing of its 3 parts"]);
    assert!(faults(&text("\"two\""))[0].contains("replace_level: how many parts"));
    // Without a registry it goes where the command line says.
    let open = r#"{"images": ["nginx"], "target_registry": "", "replace_level": "2"}"#;
    assert_eq!(jobs(open, "h.io/x", &[]).unwrap(), ["docker.io/library/nginx:latest → h.io/x/nginx:latest"]);
    assert!(batch(open).needs_destination() && !batch(&text("1")).needs_destination());
}

#[test]
fn credentials_are_for_the_repositories_they_are_given_for() {
    let text = r#"{"images": ["q.io/a:1", {"source": "q.io/b", "source_auth": {"username": "own", "password": "hunter2"}}, "q.io/a:2"],
        "target_registry": "h.io/m", "source_auth": {"username": "u", "password": "${TOKEN}"},
        "target_auth": {"username": "", "password": ""},
        "proxy_config": {"http_proxy": "http://me:hunter3@proxy:1", "no_proxy": "x"}}"#;
    let (batch, config) = (batch(text), Config::default());
    assert_eq!(batch.faults, []);
    let found = batch.credentials(&config, None).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|c| {
            format!(
                "{}/{} {} {} {}",
                c.registry,
                c.repository.as_ref().unwrap(),
                c.user,
                c.password.expose_secret(),
                c.option
            )
        })
        .collect();
    assert_eq!(shown, ["q.io/a u from-env source_auth", "q.io/b own hunter2 source_auth"]);
    let proxy = batch.proxy().unwrap();
    assert_eq!((proxy.http_proxy.is_some(), proxy.no_proxy.as_str()), (true, "x"));
    let empty = "{images: [q.io/a], proxy_config: {http_proxy: '', https_proxy: '', no_proxy: ''}}";
    assert!(super::Batch::parse(Path::new("b"), empty.as_bytes(), false, &env).proxy().is_none());
    // The one that is written there is warned of, since others can read the file.
    let warnings: Vec<_> = batch.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("/etc/b:1:") && warnings[0].contains("images[1].source_auth.password: "));
    let jobs = batch.jobs(&Terms::of(&config)).unwrap();
    let all = format!("{batch:?} {warnings:?} {jobs:?} {}", serde_json::to_string(&jobs.specs).unwrap());
    assert!(!all.contains("hunter") && !all.contains("from-env"), "{all}");
    assert!(!format!("{found:?}").contains("hunter"));
}

#[test]
fn credentials_that_cannot_be_are_told() {
    for (text, want) in [
        (
            "{images: [q.io/a, {source: q.io/a:2, source_auth: {username: v, password: hunter2}}], source_auth: {username: u, password: hunter3}}",
            "1:51: images[1].source_auth: q.io/a has another credential, on line 1",
        ),
        (
            "{images: [q.io/a, r.io/b], source_auth: {username: u, password: hunter2}}",
            "1:41: source_auth: one password is for one registry, and these images are of several (q.io, r.io)",
        ),
        (
            "{sources: [q.io/a], defaults: {to: [x.io, y.io], target_auth: {username: u, password: hunter2}}}",
            "1:63: defaults.target_auth: one password is for one registry, and these images are of several (x.io, y.io)",
        ),
        ("{images: [q.io/a], source_auth: {username: u}}", "source_auth: a username needs a password"),
        (
            "{images: [q.io/a], source_auth: {password: hunter2}}",
            "source_auth.password: a password needs a username",
        ),
        (
            "{images: [q.io/a], source_auth: {username: u, password: '${NOPE}'}}",
            "source_auth: the environment variable NOPE is not set",
        ),
        (
            "{images: [q.io/a], source_auth: {username: u, password: 'file:/no/such'}}",
            "source_auth: cannot read",
        ),
        ("{images: [q.io/a], source_auth: {user: u}}", "the nearest valid key is \"username\""),
        (
            "{images: [q.io/a], proxy_config: {https_proxy: 'ftp://u:hunter2@p'}}",
            "proxy_config.https_proxy: a proxy's URL begins",
        ),
        (
            "{images: [q.io/a], source_auth: {username: u, password: p, registry: 'a b'}}",
            "source_auth.registry:",
        ),
    ] {
        let told = faults(text);
        assert!(told.iter().any(|fault| fault.contains(want)), "{text}: {told:#?}");
        assert!(!format!("{told:?}").contains("hunter"), "{told:?}");
    }
    // The same credential twice is no conflict, and one that names its registry is for that alone.
    let sound = "{images: [q.io/a, r.io/b, {source: q.io/a:2, source_auth: {username: u, password: p}}], \
        source_auth: {username: u, password: p, registry: q.io}}";
    let found = batch(sound).credentials(&Config::default(), None).unwrap();
    assert_eq!(found.iter().map(|c| c.registry.as_str()).collect::<Vec<_>>(), ["q.io"]);
}

const SYNC: &str = "\
defaults:
  to: [h.io/m, 'store:kept']
  rename:
    - {from: 'library/(.*)', to: base/$1}
sources:
  - redis:7
  - source: nginx
    tags: [1.20, 1.27.*]
    platforms: [amd64]
  - source: q.io/o/api
    tags: {semver: '>=1, <3', newest: 2}
    to: other.io
    rename: apis/main
    export: out
  - source: q.io/o/web:v1
    export: out
";

#[test]
fn a_sync_file_chooses_tags_renames_and_has_many_destinations() {
    let lists: &[(&str, &[&str])] = &[
        ("nginx", &["1.20", "1.27.1", "1.27.2", "latest"]),
        ("q.io/o/api", &["v1.0", "v2.1", "v2.0", "v3.0", "v2.2-rc1"]),
    ];
    let want = [
        "docker.io/library/redis:7 → h.io/m/base/redis:7, store:kept/base/redis:7",
        "docker.io/library/nginx:1.20 → h.io/m/base/nginx:1.20, store:kept/base/nginx:1.20",
        "docker.io/library/nginx:1.27.1 → h.io/m/base/nginx:1.27.1, store:kept/base/nginx:1.27.1",
        "docker.io/library/nginx:1.27.2 → h.io/m/base/nginx:1.27.2, store:kept/base/nginx:1.27.2",
        "q.io/o/api:v2.1 → other.io/apis/main:v2.1",
        "q.io/o/api:v2.1 → /etc/out/",
        "q.io/o/api:v2.0 → other.io/apis/main:v2.0",
        "q.io/o/api:v2.0 → /etc/out/",
        "q.io/o/web:v1 → /etc/out/",
    ];
    assert_eq!(jobs(SYNC, "", lists).unwrap(), want);
    let asked: Vec<String> = batch(SYNC).repositories().iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["docker.io/library/nginx", "q.io/o/api"]);
    let (sources, destinations) = batch(SYNC).places(&Config::default(), None);
    assert_eq!((sources.len(), destinations.len()), (4, 3));
}

#[test]
fn overlaps_are_copied_once_and_conflicts_are_faults() {
    let lists: &[(&str, &[&str])] = &[("q.io/a", &["1", "2", "3"])];
    let twice = "sources:\n- {source: q.io/a, tags: [1, 2]}\n- {source: q.io/a, tags: {newest: 2}}\n";
    let want = [
        "q.io/a:1 → h.io/a:1",
        "q.io/a:2 → h.io/a:2",
        "q.io/a:3 → h.io/a:3",
        "/etc/b: line 3 repeats an image that stands above, which is copied once",
    ];
    assert_eq!(jobs(twice, "h.io", lists).unwrap(), want);
    let other = "sources:\n- {source: q.io/a, tags: [1]}\n- {source: q.io/a, tags: '*', platforms: arm64}\n";
    let told = jobs(other, "h.io", lists).unwrap_err();
    assert_eq!(told, ["3:3: sources[1]: q.io/a:1 goes to h.io/a:1 with other platforms on line 2"]);
    let names = "sources:\n- {source: q.io/a, tags: '*'}\n- {source: r.io/a, tags: '*'}\n";
    let told = jobs(names, "h.io", &[lists[0], ("r.io/a", &["2"])]).unwrap_err();
    assert_eq!(told, ["3:3: sources[1]: r.io/a:2 would land on h.io/a:2, and so does q.io/a:2 of line 2"]);
    // What chooses nothing is said; if nothing is chosen at all it is a fault.
    let some = "sources:\n- {source: q.io/a, tags: {glob: 'v*'}}\n- q.io/a:1\n";
    let want = ["q.io/a:1 → h.io/a:1", "/etc/b:2:3: sources[0]: none of the 3 tags of q.io/a fits"];
    assert_eq!(jobs(some, "h.io", lists).unwrap(), want);
    let none = "sources:\n- {source: q.io/a, tags: {glob: 'v*'}}\n- {source: q.io/z, tags: []}\n";
    let want = ["2:3: sources[0]: none of the 3 tags of q.io/a fits", "3:3: sources[1]: q.io/z has no tags"];
    assert_eq!(jobs(none, "h.io", lists).unwrap_err(), want);
}

#[test]
fn every_fault_of_a_sync_file_is_told_at_once() {
    let text = "\
defalts: {}
defaults:
  to: [habor, '']
  platforms: x/y/z/w
  rename: [{from: 'a('}]
  export: ''
sources:
  - source: nginx
    tags: {semvr: '1', newest: many}
    too: h.io
  - tagret: x
  - q.io/x:1
proxy: {http_proxy: 'p p'}
";
    let want = [
        "1:1: defalts: unknown key \"defalts\"; the nearest valid key is \"defaults\"",
        "3:8: defaults.to[0]: \"habor\" is neither a registries entry's name nor HOST[:PORT][/PATH]",
        "3:15: defaults.to[1]: a destination is",
        "4:14: defaults.platforms: ",
        "5:12: defaults.rename[0]: a rule has both from and to",
        "6:11: defaults.export: a directory's path is needed",
        "9:12: sources[0].tags.semvr: unknown key \"semvr\"; the nearest valid key is \"semver\"",
        "9:32: sources[0].tags.newest: a whole number from 1 to 10000 is needed, not text",
        "10:5: sources[0].too: unknown key \"too\"; the nearest valid key is \"to\"",
        "11:5: sources[1].source: a source needs its name",
        "11:5: sources[1].tagret: unknown key \"tagret\"; the nearest valid key is \"target\"",
        "13:21: proxy.http_proxy: ",
    ];
    let found = faults(text);
    let without: Vec<&str> =
        want.into_iter().filter(|want| !found.iter().any(|f| f.starts_with(want))).collect();
    assert!(without.is_empty() && found.len() == want.len(), "{without:#?}\nnot in\n{}", found.join("\n"));
    let hint = batch(text).jobs(&Terms::of(&Config::default())).unwrap_err().hint();
    assert!(hint.contains("wharf config example --sync"), "{hint}");
}

#[test]
fn the_example_is_sound_and_has_every_key() {
    let home = tempfile::tempdir().unwrap();
    for name in ["source.token", "target.token"] {
        std::fs::write(home.path().join(name), "t\n").unwrap();
    }
    let places = load::Surroundings { directory: home.path().to_owned(), home: None, exposed: true };
    let env = |name: &str| (name == "OTHER_PASSWORD").then(|| "o".to_owned());
    let mut warnings = Vec::new();
    let mut reader = Reader::new(Path::new("example"));
    let root = document::read(SYNC_EXAMPLE).unwrap().unwrap();
    let mut around = Surroundings { places: &places, env: &env, warnings: &mut warnings };
    let (entries, proxy) = sync_file::read(&mut reader, &root, &mut around);
    assert!(proxy.is_some() && warnings.is_empty() && entries.len() == 4);
    let plain = |path: &String| path.replace(|c: char| c == '[' || c == ']' || c.is_ascii_digit(), "");
    let set: BTreeSet<String> = reader.set_at.keys().map(plain).collect();
    let asked = std::mem::take(&mut reader.asked);
    assert_eq!(reader.into_faults(), []);
    // A source may have what the defaults have, and the defaults filters; the example need not say it twice.
    let known = |path: &&String| {
        let other = match path.split_once('.') {
            Some(("defaults", rest)) => format!("sources.{rest}"),
            Some(("sources", rest)) => format!("defaults.{rest}"),
            _ => String::new(),
        };
        set.contains(*path) || set.contains(&other)
    };
    assert_eq!(asked.iter().filter(|path| !known(path)).collect::<Vec<_>>(), Vec::<&String>::new());
    let batch = Batch { kind: Kind::Sync, entries, faults: Vec::new(), ..batch("a") };
    let config = Config::default();
    assert!(batch.jobs(&Terms::of(&config)).is_ok());
    assert_eq!(batch.credentials(&config, None).unwrap().len(), 5);
}

#[test]
fn images_are_named_for_an_export_without_a_destination() {
    let text =
        r#"{"images": ["nginx:1", "nginx:1", "redis:7"], "target_registry": "h.io", "replace_level": 2}"#;
    let config = Config::default();
    let found = batch(text).images(&Terms::of(&config)).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|i| {
            format!("{} {:?}", i.source, i.destinations.iter().map(ToString::to_string).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        shown,
        ["docker.io/library/nginx:1 [\"h.io/nginx:1\"]", "docker.io/library/redis:7 [\"h.io/redis:7\"]"]
    );
    let deep = r#"{"images": ["nginx:1"], "target_registry": "h.io", "replace_level": 3}"#;
    let told = batch(deep).images(&Terms::of(&config)).unwrap_err().to_string();
    assert!(told.contains("leaves nothing"), "{told}");
    let plain = batch("nginx:1\n").images(&Terms::of(&config)).unwrap();
    assert!(plain.len() == 1 && plain[0].destinations.is_empty());
    assert!(batch("nginx:1\nUP\n").images(&Terms::of(&config)).is_err());
}

#[test]
fn ten_thousand_images_are_quick() {
    let entry = |n: usize| {
        format!("{{\"source\": \"q.io/t{}/i{n}\", \"target\": \"h.io/i{n}\", \"tags\": [\"1\"]}}", n % 7)
    };
    let text = format!("[{}]", (0..7_000).map(entry).collect::<Vec<_>>().join(",\n"));
    let began = std::time::Instant::now();
    assert_eq!(jobs(&text, "", &[]).unwrap().len(), 7_000);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), knotty in "[a-c:\\-\\[\\]{}&*!|>'\"%@#,?<=/ \\n]{0,60}") {
        for text in [
            String::from_utf8_lossy(&bytes).into_owned(),
            knotty.clone(),
            format!("- {knotty}"),
            format!("sources:\n- {knotty}\n- tags: {knotty}\n  source: {knotty}\n"),
            format!("images: [{{source: {knotty}, target: {knotty}}}]\ntarget_registry: {knotty}\n"),
            format!("[{{\"source\": \"a\", \"target\": \"{knotty}\", \"tags\": [\"{knotty}\"]}}]"),
        ] {
            let _ = jobs(&text, "h.io", &[("a", &["1"])]);
        }
        let _ = Batch::parse(Path::new("b"), &bytes, true, &env);
    }

    #[test]
    fn each_image_lands_once(names in proptest::collection::vec("[ab]{1,2}", 1..8), tags in proptest::collection::vec("[12]", 1..3)) {
        let entries: Vec<String> = names.iter().map(|name| format!("{{source: q.io/{name}, tags: [{}]}}", tags.join(", "))).collect();
        let jobs = jobs(&format!("[{}]", entries.join(", ")), "h.io", &[]).unwrap();
        let specs: Vec<&String> = jobs.iter().filter(|line| line.contains('→')).collect();
        let unique: BTreeSet<_> = specs.iter().collect();
        let want = names.iter().collect::<BTreeSet<_>>().len() * tags.iter().collect::<BTreeSet<_>>().len();
        proptest::prop_assert_eq!((specs.len(), unique.len()), (want, want));
    }
}

/// A specification never has what a file says of credentials: it could not be told from the file without them.
#[test]
fn a_job_is_the_same_with_and_without_credentials() {
    let specs =
        |text: &str| -> Vec<JobSpec> { batch(text).jobs(&Terms::of(&Config::default())).unwrap().specs };
    let with = "{images: [q.io/a], target_registry: h.io, source_auth: {username: u, password: hunter2}}";
    assert_eq!(specs(with), specs("{images: [q.io/a], target_registry: h.io}"));
}

#[test]
fn a_batch_file_says_what_it_is_and_others_that_name_images_do_not() {
    for (text, want) in [
        ("sources: [nginx]\n", true),
        ("defaults: {to: h.io}\nsources:\n- nginx\n", true),
        ("[{\"source\": \"nginx\", \"target\": \"h.io/a\"}]", true),
        ("{\"images\": [\"nginx\"], \"replace_level\": \"1\"}", true),
        ("sources:\n- nginx\n  - x: [\n", true),
        ("nginx:1\nredis\n", false),
        ("- nginx:1\n- redis\n", false),
        ("[\"nginx:1\", \"redis\"]", false),
        ("services:\n  web:\n    image: nginx\n", false),
        ("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: nginx}]}\n", false),
        ("images:\n- name: nginx\n  newTag: '1'\n", false),
        ("", false),
        ("\u{1b}[31m", false),
    ] {
        assert_eq!(Batch::is_one(text.as_bytes()), want, "{text}");
    }
}

#[test]
fn jobs_say_whether_the_file_gave_them_a_place() {
    let config = Config::default();
    let text = "sources:\n- nginx\n- {source: redis, to: h.io, export: d}\n";
    let batch = Batch::parse(Path::new("f"), text.as_bytes(), false, &|_| None);
    let prefix = config.prefix("t.io").unwrap();
    let jobs = batch.jobs(&Terms { to: Some(&prefix), ..Terms::of(&config) }).unwrap();
    assert_eq!((jobs.specs.len(), jobs.placeless), (3, vec![true, false, false]));
}
