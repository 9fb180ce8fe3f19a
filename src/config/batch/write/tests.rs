//! What is written is read as the same, whatever it is.

use std::path::Path;

use proptest::prelude::*;

use super::super::super::Config;
use super::super::{Batch, Terms};
use super::*;
use crate::job::{Extras, JobSpec, Target};
use crate::oci::Format;

const FILE: &str = "/home/u/wharf.yaml";

fn written(wanted: &[Wanted]) -> String {
    let written = write_sync_file(wanted, &["A heading.".to_owned()], Path::new("/home/u"), &[]).unwrap();
    assert_eq!(written.left_out, []);
    written.text
}

fn read(text: &str) -> Batch {
    Batch::parse(Path::new(FILE), text.as_bytes(), false, &|_| None)
}

fn back(text: &str) -> Vec<Wanted> {
    read(text).wanted(&Terms::of(&Config::default())).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

fn copy(source: &str, to: &[&str]) -> Wanted {
    let to = to.iter().map(|to| to.parse().unwrap()).collect();
    Wanted::new(source.parse().unwrap(), WantedGoal::Copy(to))
}

fn export(source: &str, directory: &str, file: Option<&str>) -> Wanted {
    let goal = WantedGoal::Export { directory: directory.into(), file: file.map(str::to_owned) };
    Wanted::new(source.parse().unwrap(), goal)
}

fn platforms(names: &[&str]) -> Platforms {
    Platforms::from_list(names.iter().map(|name| name.parse().unwrap()).collect())
}

/// The job that is meant: the queue's.
fn job(wanted: &Wanted) -> Option<JobSpec> {
    let of = |destinations: Vec<Target>| {
        let copies = !matches!(wanted.goal, WantedGoal::Export { .. });
        let Extras { foreign_layers, .. } = wanted.extras;
        JobSpec {
            destinations,
            platforms: wanted.platforms.clone(),
            tags: if copies { wanted.tags.clone() } else { Vec::new() },
            overwrite: wanted.overwrite,
            keep_tags: wanted.keep_tags && copies,
            platform_in_name: !copies && wanted.platforms != Platforms::All,
            extras: if copies { wanted.extras } else { Extras { foreign_layers, ..Extras::default() } },
            ..JobSpec::copy(wanted.source.clone(), wanted.source.clone())
        }
    };
    // Nobody knows its tags here.
    if wanted.choice.is_some() {
        return None;
    }
    Some(of(match &wanted.goal {
        WantedGoal::Copy(places) if places.is_empty() => return None,
        WantedGoal::Copy(places) => places.iter().cloned().map(Target::Image).collect(),
        WantedGoal::Export { directory, file: None } => vec![Target::ExportInto(directory.clone())],
        WantedGoal::Export { directory, file: Some(file) } => {
            let reference = wanted.source.as_registry().cloned();
            vec![Target::Image(Location::DockerArchive { path: directory.join(file), reference })]
        }
    }))
}

#[test]
fn what_is_shared_stands_once_and_what_is_plain_is_a_line() {
    let amd64 = platforms(&["amd64"]);
    let wanted = [
        copy("nginx:1.27", &["h.io/mirror/library/nginx:1.27"]),
        copy("ghcr.io/o/api:1.20", &["h.io/mirror/o/api:1.20"]),
        Wanted {
            platforms: platforms(&["linux/amd64", "arm64"]),
            tags: vec!["stable".parse().unwrap(), "1.2".parse().unwrap()],
            extras: Extras { referrers: true, format: Some(Format::Oci), ..Extras::default() },
            ..copy("ghcr.io/o/web:v1", &["h.io/mirror/o/web:v1"])
        },
        copy("quay.io/a/b:1", &["other.io/x/y:1"]),
        copy("quay.io/a/b:2", &["other.io/x/y:2"]),
        copy("quay.io/a/b:3", &["other.io/x/y:latest"]),
        copy("quay.io/a/c:1", &["h.io/mirror/a/c:1", "store:a/c:1"]),
        Wanted { platforms: amd64, overwrite: true, ..export("redis:7", "downloads", Some("my redis.tar")) },
        copy("oci:layout:v1", &["h.io/x/layout:v1"]),
        copy("docker-daemon:a:1", &[]),
        Wanted {
            choice: Some("v1.* newest 2".parse().unwrap()),
            ..copy("ghcr.io/o/r", &["h.io/mirror/o/r:latest"])
        },
    ];
    let want = r#"# A heading.
defaults:
  to: h.io/mirror

sources:
  - docker.io/library/nginx:1.27
  - ghcr.io/o/api:1.20
  - source: ghcr.io/o/web:v1
    platforms: [linux/amd64, linux/arm64]
    add_tags: [stable, 1.2]
    referrers: true
    format: oci
  - source: quay.io/a/b
    tags: [1, 2]
    target: other.io/x/y
  - source: quay.io/a/b:3
    target: other.io/x/y:latest
  - source: quay.io/a/c:1
    to: [h.io/mirror, "store:"]
  - source: docker.io/library/redis:7
    export: /home/u/downloads
    file: "my redis.tar"
    platforms: [linux/amd64]
    platform_in_name: true
    overwrite: true
  - source: oci:/home/u/layout:v1
    target: h.io/x/layout:v1
  - source: docker-daemon:a:1
    to: []
  - source: ghcr.io/o/r
    tags: {glob: ["v1.*"], newest: 2}
"#;
    let text = written(&wanted);
    assert_eq!(text, want);
    let absolute: Vec<Wanted> = wanted.iter().map(|one| one.absolute(Path::new("/home/u"))).collect();
    assert_eq!(back(&text), absolute);
}

#[test]
fn what_cannot_be_said_is_told_and_nothing_is_written_as_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"/x/\xff");
    let source: Location = "nginx:1".parse().unwrap();
    let odd = Wanted::new(source, WantedGoal::Export { directory: odd.into(), file: None });
    let found = write_sync_file(&[odd, copy("redis:7", &["h.io/library/redis:7"])], &[], Path::new("/"), &[])
        .unwrap();
    assert_eq!(found.left_out, [(0, "the directory's name is no UTF-8".to_owned())]);
    assert!(found.text.starts_with("# - docker.io/library/nginx:1: the directory's name"), "{}", found.text);
    assert_eq!(back(&found.text).len(), 1);
    let nothing = written(&[]);
    assert!(read(&nothing).is_empty(), "{nothing}");
    for text in ["", "# nothing\n", "defaults:\n  to: h.io\nsources:\n", "sources: []\n"] {
        assert!(read(text).is_empty(), "{text}");
    }
    for text in
        ["sourcse: [nginx]\n", "sources: [UP]\n", "sources: [nginx]\n", "defaults: {too: x}\nsources: []"]
    {
        assert!(!read(text).is_empty(), "{text}");
    }
}

#[test]
fn a_destination_that_reads_as_an_entry_is_written_in_full() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.yaml");
    std::fs::write(&file, "registries: [{name: h.io, url: elsewhere.io/x}]").unwrap();
    let entries = Config::load(Some(&file), None).unwrap().config.registries;
    let wanted = [copy("nginx:1", &["h.io/library/nginx:1"])];
    let found = write_sync_file(&wanted, &[], Path::new("/"), &entries).unwrap();
    assert!(found.text.contains("target: h.io/library/nginx\n"), "{}", found.text);
    assert_eq!(back(&found.text), wanted);
}

#[test]
fn texts_are_quoted_where_yaml_would_read_something_else() {
    for (text, want) in [
        ("h.io:5000/a", "h.io:5000/a"),
        ("1.20", "1.20"),
        ("null", "\"null\""),
        ("a b", "\"a b\""),
        ("a:", "\"a:\""),
        ("~/x", "\"~/x\""),
        ("- a", "\"- a\""),
        ("a\"\\\n\u{85}\u{202e}", "\"a\\\"\\\\\\U0000000A\\U00000085\\U0000202E\""),
        ("镜像", "\"镜像\""),
    ] {
        assert_eq!(scalar(text), want, "{text}");
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "docker.io/library/nginx",
        "ghcr.io/o/api",
        "ghcr.io/o/api/v2",
        "localhost:5000/a",
        "[::1]:5000/a/b",
        "store:a/b",
        "store:mirror/library/nginx",
    ])
    .prop_map(str::to_owned)
}

fn at() -> impl Strategy<Value = String> {
    let digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    prop_oneof![
        3 => "[a-z0-9_][a-z0-9_.-]{0,4}".prop_map(|tag| format!(":{tag}")),
        1 => Just(":null".to_owned()),
        1 => Just(":1.20".to_owned()),
        1 => Just(digest.to_owned()),
        1 => Just(String::new()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("downloads".to_owned()),
        Just("./a/b".to_owned()),
        "/[ -~镜]{1,8}".prop_map(|p| p.replace('\\', "_"))
    ]
}

fn source() -> impl Strategy<Value = Location> {
    let written = |path: String| path.replace(':', r"\:");
    let text = prop_oneof![
        5 => (name(), at()).prop_map(|(name, at)| name + &at),
        1 => path().prop_map(move |path| format!("oci:{}:v1", written(path))),
        1 => path().prop_map(move |path| format!("docker-archive:{}:a/b:1", written(path))),
        1 => Just("docker-daemon:a:1".to_owned()),
        1 => Just("docker-daemon://build/sha256:ab".to_owned()),
    ];
    text.prop_filter_map("a location", |text| text.parse().ok())
}

/// A place that no other image of the test goes to.
fn place(n: usize, source: &Location, kind: u8) -> Option<Location> {
    let prefix = |text: String| Prefix::parse(&text, &[]).ok()?.destination(source).ok();
    match kind {
        0 => prefix(format!("h.io/p{n}")),
        1 => prefix(format!("store:p{n}")),
        2 => format!("h.io/x/y{n}:latest").parse().ok(),
        3 => format!("oci:lay out{n}:a:1").parse().ok(),
        4 => format!("docker-archive:/d/{n}.tar:a:1").parse().ok(),
        5 => format!("docker-daemon://build/a{n}:1").parse().ok(),
        _ => format!("[::1]:5000/a/b{n}").parse().ok(),
    }
}

fn wanted() -> impl Strategy<Value = Vec<Wanted>> {
    let goal = prop_oneof![
        1 => Just((Vec::new(), None)),
        4 => prop::collection::vec(0_u8..7, 1..3).prop_map(|kinds| (kinds, None)),
        2 => (path(), prop::option::of("[ -~]{1,6}")).prop_map(|export| (Vec::new(), Some(export))),
    ];
    let list =
        prop::sample::select(vec![vec![], vec!["amd64"], vec!["arm/v7"], vec!["windows/amd64:10.0.20348"]]);
    let flags = prop::collection::vec(prop::bool::weighted(0.3), 5);
    let format = prop::sample::select(vec![None, Some(Format::Oci), Some(Format::Docker)]);
    let tags = prop::sample::subsequence(vec!["stable", "1.20", "null"], 0..3);
    let filters =
        vec![None, None, None, Some("*"), Some("v1.* !*-rc"), Some("re:a\\.b >=1, <2"), Some("newest 3")];
    let goal = (goal, prop::sample::select(filters));
    let one = (source(), goal, list, flags, format, tags, prop::sample::select(vec![0, 0, 0, 5, -3]));
    prop::collection::vec(one, 1..8).prop_map(|all| {
        type Places<'a> = ((Vec<u8>, Option<(String, Option<String>)>), Option<&'a str>);
        type One<'a> = (Location, Places<'a>, Vec<&'a str>, Vec<bool>, Option<Format>, Vec<&'a str>, i32);
        let one = |(n, (source, ((kinds, export), filter), list, flags, format, tags, priority)): (
            usize,
            One<'_>,
        )| {
            let choice = filter.filter(|_| item::has_tags(&source)).map(|filter| filter.parse().unwrap());
            let bare = |source: Location| match source {
                Location::Registry(at) => Location::Registry(Reference { tag: None, digest: None, ..at }),
                Location::Store { repository, .. } => Location::Store { repository, target: None },
                other => other,
            };
            let source = if choice.is_some() { bare(source) } else { source };
            let kinds = kinds
                .into_iter()
                .map(|kind| if choice.is_some() && (3..6).contains(&kind) { 2 } else { kind });
            let mut places: Vec<Location> = kinds.filter_map(|kind| place(n, &source, kind)).collect();
            places.dedup();
            let goal = match export {
                Some((directory, file)) => {
                    let file = file
                        .map(|file: String| file.replace('/', "_"))
                        .filter(|file| file != "." && file != "..");
                    let file = file.filter(|_| choice.is_none());
                    WantedGoal::Export { directory: PathBuf::from(directory), file }
                }
                None => WantedGoal::Copy(places),
            };
            Wanted {
                platforms: if list.is_empty() { Platforms::All } else { platforms(&list) },
                tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
                extras: Extras {
                    referrers: flags[0],
                    digest_tags: flags[1],
                    format,
                    foreign_layers: flags[2],
                },
                overwrite: flags[3],
                keep_tags: flags[4],
                priority,
                choice,
                ..Wanted::new(source, goal)
            }
        };
        all.into_iter().enumerate().map(one).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_written_is_read_as_the_same_jobs(wanted in wanted()) {
        let text = written(&wanted);
        let absolute: Vec<Wanted> = wanted.iter().map(|one| one.absolute(Path::new("/home/u"))).collect();
        prop_assert_eq!(&back(&text), &absolute, "{}", text);
        prop_assert_eq!(&written(&absolute), &text, "written again it is the same");
        // As `wharf sync` does it: images without a destination are for --to, which is not given here. Each job comes
        // once, and those of a higher priority first.
        let mut jobs: Vec<(i32, JobSpec)> = Vec::new();
        for one in &absolute {
            let same = |a: &JobSpec, b: &JobSpec| {
                (&a.source, &a.destinations, &a.platforms) == (&b.source, &b.destinations, &b.platforms)
            };
            jobs.extend(job(one).filter(|job| !jobs.iter().any(|(_, there)| same(there, job))).map(|job| (one.priority, job)));
        }
        jobs.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        let jobs: Vec<JobSpec> = jobs.into_iter().map(|(_, job)| job).collect();
        match read(&text).jobs(&Terms::of(&Config::default())) {
            Ok(found) => prop_assert_eq!(found.specs, jobs, "{}", text),
            Err(faults) => prop_assert!(false, "{faults}\n{text}"),
        }
    }
}
