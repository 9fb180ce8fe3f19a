//! The commands that the terminal UI shows for its jobs, read back by the command line: they are the same jobs.

use clap::Parser;

use super::args::{Args, Command};
use super::{copy, export, sync, tag};
use crate::config::Config;
use crate::job::{CommandLine, Extras, JobSpec, Target, commands_of, sync_command};
use crate::oci::{Format, Location, Platforms};

/// The jobs that a command line asks for.
fn jobs_of(command: &CommandLine) -> Vec<JobSpec> {
    let words = std::iter::once("wharf").chain(command.words.iter().map(String::as_str));
    let args = Args::try_parse_from(words).unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let config = Config::default();
    match args.command {
        Some(Command::Copy(args)) => vec![copy::spec(&args, &config).unwrap()],
        Some(Command::Export(args)) => export::specs(&args, &config).unwrap().1,
        Some(Command::Tag(args)) => tag::specs(&args, &config).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// What a shell makes of a line; only what stands in single quotes and outside of quotes is written there.
fn words_of(line: &str) -> Vec<String> {
    let output =
        std::process::Command::new("sh").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// A name is part of a file's name only; for anything else it makes no difference.
fn comparable(spec: JobSpec) -> JobSpec {
    let exports = spec.destinations.iter().any(|target| matches!(target, Target::ExportInto(_)));
    JobSpec { platform_in_name: spec.platform_in_name && exports, ..spec }
}

fn check(spec: JobSpec) {
    let commands = spec.commands().unwrap_or_else(|reason| panic!("{spec}: {reason}"));
    for command in &commands {
        let line = command.shell(&["wharf".to_owned()]);
        assert_eq!(words_of(&line)[1..], command.words, "{line}");
    }
    let [command] = &commands[..] else { panic!("{commands:?}") };
    let read: Vec<JobSpec> = jobs_of(command).into_iter().map(comparable).collect();
    assert_eq!(read, [comparable(spec)], "{}", command.shell(&["wharf".to_owned()]));
}

fn at(text: &str) -> Location {
    text.parse().unwrap()
}

fn only(list: &[&str]) -> Platforms {
    Platforms::Only(list.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn a_copy_is_the_same_copy() {
    let digest = crate::oci::Digest::of(b"x");
    let sources = [
        "nginx:1.27".to_owned(),
        "nginx".to_owned(),
        format!("ghcr.io/o/r@{digest}"),
        format!("ghcr.io/o/r:t@{digest}"),
        "localhost:5000/A_b/c:1".to_lowercase(),
        "[::1]:5000/a/b:1".to_owned(),
        "h.io/team/a.tar:1".to_owned(),
        "docker.io/user/x.tgz".to_owned(),
        "store:team/a:1".to_owned(),
        format!("store:team/a@{digest}"),
        "docker-daemon:nginx:1".to_owned(),
        "docker-daemon://build/o/r:t".to_owned(),
        r"docker-archive:/d ir/it's\:a.tar:nginx:1".to_owned(),
        "oci-archive:镜像.tar:v1".to_owned(),
        "oci:$HOME/`lay`;out*:ghcr.io/o/r:t".to_owned(),
        "oci:-x:v1".to_owned(),
    ];
    let targets = ["h.io/mirror/a", "h.io/b:2", "store:c", "oci:d e:v1", "docker-daemon://build/x:1"];
    for source in &sources {
        for target in targets {
            check(JobSpec::copy(at(source), at(target)));
        }
    }
}

#[test]
fn every_part_of_a_job_is_said() {
    let base = JobSpec::copy(at("nginx:1"), at("h.io/a:1"));
    check(JobSpec { platforms: only(&["arm64", "linux/arm/v7"]), ..base.clone() });
    check(JobSpec { platforms: only(&["windows/amd64:10.0.20348"]), platform_in_name: true, ..base.clone() });
    check(JobSpec { tags: vec!["x".parse().unwrap(), "y".parse().unwrap()], ..base.clone() });
    check(JobSpec { tags: vec!["x".parse().unwrap()], ..JobSpec::copy(at("h.io/a:1"), at("h.io/a:1")) });
    let several = ["h.io/a:1", "store:a", "oci-archive:a.tar:v1"].map(|text| Target::Image(at(text)));
    check(JobSpec { destinations: several.to_vec(), overwrite: true, ..base.clone() });
    for extras in [
        Extras { referrers: true, ..Extras::default() },
        Extras { digest_tags: true, foreign_layers: true, ..Extras::default() },
        Extras { format: Some(Format::Oci), ..Extras::default() },
        Extras { format: Some(Format::Docker), referrers: true, ..Extras::default() },
    ] {
        check(JobSpec { extras, ..base.clone() });
    }
    check(JobSpec::copy(at("h.io/a:1"), at("h.io/a:1")));
    for rename in JobSpec::renames(&at("h.io/a:1"), [at("h.io/a:2"), at("h.io/b:1"), at("h.io/a:3")]) {
        check(rename);
    }
}

#[test]
fn an_export_is_the_same_export() {
    let source = at("nginx:1");
    for directory in ["downloads", "/d/镜像 files", "new.d", "./x", "/d/"] {
        for platforms in [Platforms::All, only(&["arm64"])] {
            for spec in JobSpec::exports(&source, directory.as_ref(), &platforms) {
                check(spec.clone());
                check(JobSpec { overwrite: true, platform_in_name: platforms != Platforms::All, ..spec });
            }
        }
    }
    let foreign = Extras { foreign_layers: true, ..Extras::default() };
    let spec = JobSpec::exports(&source, "d".as_ref(), &Platforms::All).remove(0);
    check(JobSpec { extras: foreign, ..spec.clone() });
    assert!(
        JobSpec { extras: Extras { referrers: true, ..foreign }, ..spec }.commands().is_err(),
        "no flag says it"
    );
    let file = |reference| Location::DockerArchive { path: "/n/all.tar".into(), reference };
    let more = vec![at("redis:7"), at("store:a:1")];
    check(JobSpec { more, platforms: only(&["arm64"]), ..JobSpec::copy(source.clone(), file(None)) });
    check(JobSpec::copy(source.clone(), file(source.as_registry().cloned())));
}

#[test]
fn what_goes_to_places_and_files_is_two_commands() {
    let mut spec = JobSpec::copy(at("nginx:1"), at("h.io/a:1"));
    spec.destinations.push(Target::ExportInto("d".into()));
    let commands = spec.commands().unwrap();
    let read: Vec<JobSpec> = commands.iter().flat_map(jobs_of).collect();
    let each = spec.destinations.iter().map(|target| {
        let destinations = vec![target.clone()];
        JobSpec { destinations, ..spec.clone() }
    });
    assert_eq!(read, each.collect::<Vec<_>>());
}

#[test]
fn many_exports_in_few_commands_are_the_same_jobs() {
    let export = |image: &str, platforms: &[&str]| {
        let spec = JobSpec::exports(&at(image), "/d".as_ref(), &Platforms::All).remove(0);
        match platforms {
            [] => spec,
            list => JobSpec { platforms: only(list), platform_in_name: true, ..spec },
        }
    };
    let specs = [
        export("a:1", &[]),
        export("b:1", &[]),
        export("c:1", &["arm64"]),
        export("d:1", &["arm64"]),
        export("a:1", &["amd64"]),
    ];
    let (commands, reasons) = commands_of(&specs);
    assert_eq!((commands.len(), reasons.len()), (3, 0), "{commands:?}");
    assert_eq!(commands.iter().flat_map(jobs_of).collect::<Vec<_>>(), specs);
}

#[test]
fn many_copies_in_one_sync_are_the_same_jobs() {
    let config = Config::default();
    let home = tempfile::tempdir().unwrap();
    for (to, platforms) in [("h.io:5000/mirror", only(&["arm64", "amd64"])), ("store:", Platforms::All)] {
        let prefix = config.prefix(to).unwrap();
        let sources =
            ["nginx:1", "ghcr.io/o/r:t", "store:a/b:2", "localhost:5000/x:latest", "h.io/a.tar:1"].map(at);
        let specs: Vec<JobSpec> = sources
            .iter()
            .map(|source| JobSpec {
                platforms: platforms.clone(),
                extras: Extras { referrers: true, ..Extras::default() },
                ..JobSpec::copy(source.clone(), prefix.destination(source).unwrap())
            })
            .filter(|spec| spec.destinations != [Target::Image(spec.source.clone())])
            .collect();
        let command = sync_command(&specs.iter().collect::<Vec<_>>(), to).unwrap();
        let line = command.shell(&["wharf".to_owned()]);
        let script = format!("wharf() {{ cat; }}\n{line}");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), command.input.join("\n") + "\n", "{line}");
        let list = home.path().join("list");
        std::fs::write(&list, command.input.join("\n")).unwrap();
        let words = command.words.iter().map(|word| if word == "-" { list.to_str().unwrap() } else { word });
        let args = Args::try_parse_from(std::iter::once("wharf").chain(words)).unwrap();
        let Some(Command::Sync(args)) = args.command else { panic!("{line}") };
        let read = sync::specs(&args, &config).unwrap();
        assert_eq!(read.into_iter().map(comparable).collect::<Vec<_>>(), specs, "{line}");
    }
}
