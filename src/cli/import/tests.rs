//! From a command line and an archive's images to the jobs.

use clap::Parser;

use super::super::args::{Args, Command};
use super::*;
use crate::engine::ListedImage;
use crate::oci::Descriptor;

fn archive(images: &[&[&str]]) -> ListedImages {
    let images = images.iter().enumerate().flat_map(|(n, names)| {
        let digest = Digest::of(&[n as u8]);
        let row = |name: Option<&str>| {
            let location = match name.filter(|name| name.contains('/')) {
                Some(name) => format!("docker-archive:a.tar:{name}"),
                None => format!("oci-archive:a.tar:{}", name.unwrap_or(digest.as_str())),
            };
            ListedImage {
                location: location.parse().unwrap(),
                name: name.map(str::to_owned),
                descriptor: Descriptor::new("", digest.clone(), 1),
            }
        };
        match names.is_empty() {
            true => vec![row(None)],
            false => names.iter().map(|name| row(Some(name))).collect(),
        }
    });
    images.collect::<Vec<_>>().into()
}

fn jobs(line: &str, images: &[&[&str]]) -> Result<Vec<String>, Error> {
    let args = Args::try_parse_from(format!("wharf import {line}").split_whitespace()).unwrap();
    let Some(Command::Import(args)) = args.command else { unreachable!() };
    let config = Config::default();
    let specs =
        Asked::of(&args, &config)?.jobs(&[Opened { images: archive(images), only: None }], &config)?;
    assert!(specs.iter().all(|spec| spec.keep_tags != args.force));
    let tags = |spec: &JobSpec| spec.tags.iter().map(|tag| format!(" +{tag}")).collect::<String>();
    let spec = |spec: &JobSpec| format!("{}{}", spec.destinations[0], tags(spec));
    Ok(specs.iter().map(spec).collect())
}

const TWO: &[&[&str]] =
    &[&["docker.io/library/a:1", "docker.io/library/a:2", "ghcr.io/o/a:3"], &["docker.io/team/b:1"]];

#[test]
fn images_go_below_the_prefix_by_their_names() {
    for (line, images, want) in [
        ("a.tar h.io/m", TWO, &["h.io/m/library/a:1 +2", "h.io/m/o/a:3", "h.io/m/team/b:1"][..]),
        ("a.tar store:", TWO, &["store:library/a:1 +2", "store:o/a:3", "store:team/b:1"]),
        ("a.tar h.io --image a:2", TWO, &["h.io/library/a:2"]),
        ("a.tar h.io --image team/*", TWO, &["h.io/team/b:1"]),
        ("a.tar h.io --image @1 --force", TWO, &["h.io/team/b:1"]),
        ("a.tar h.io --image team/b:1 --tag 9", TWO, &["h.io/team/b:9"]),
        ("a.tar h.io/x/y:9 --image team/b:1", TWO, &["h.io/x/y:9"]),
        ("a.tar localhost:5000/x:9", &[&[]], &["localhost:5000/x:9"]),
        ("a.tar store:x:9", &[&[]], &["store:x:9"]),
        (
            "a.tar h.io --rename a=web/a --rename team/b:1=b:2",
            TWO,
            &["h.io/web/a:1 +2", "h.io/o/a:3", "h.io/b:2"],
        ),
        ("a.tar h.io/x/y --tag 1", &[&[]], &["h.io/x/y:1"]),
        ("a.tar h.io --rename @0=n", &[&[]], &["h.io/n:latest"]),
        ("a.tar h.io/x", &[&["v1"], &["v2"]], &["h.io/x:v1", "h.io/x:v2"]),
        ("a.tar h.io --rename v1=x", &[&["v1"]], &["h.io/x:v1"]),
    ] {
        assert_eq!(jobs(line, images).unwrap(), want, "{line}");
    }
}

#[test]
fn what_cannot_be_meant_is_told() {
    for (line, images, want) in [
        (
            "a.tar h.io --image c",
            TWO,
            "--image c: there is none; there is docker.io/library/a:1, docker.io/team/b:1",
        ),
        ("a.tar h.io --tag x", TWO, "--tag is for one image, and 2 are chosen"),
        ("a.tar h.io/x:1", TWO, "h.io/x:1 is one image's name, and 2 are chosen"),
        ("a.tar h.io --rename c=d", TWO, "--rename c=d: there is no such image"),
        (
            "a.tar h.io --rename a=b --rename team/b=b",
            &[&["docker.io/library/a:1"], &["docker.io/team/b:1"]],
            "two images would become h.io/b:1",
        ),
        ("a.tar h.io", &[&[]], "has no name; give --rename @0=NAME:TAG"),
        ("a.tar h.io", &[&["v1"]], "has the tag v1 and no name"),
        ("a.tar h.io", &[], "no image in it"),
        ("a.tar nowhere", TWO, "neither a registries entry's name"),
        ("a.tar oci:dir", TWO, "`wharf copy` writes to engines, layouts and archives"),
        ("- - h.io", TWO, "standard input is given twice"),
        ("a.tar h.io --rename x --tag .", TWO, "OLD=NEW"),
    ] {
        let error = jobs(line, images).unwrap_err();
        assert!(error.to_string().contains(want), "{line}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}
