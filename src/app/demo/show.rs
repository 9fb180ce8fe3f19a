//! What the headless demo does: copies every image, copies it again, exports one, and verifies all of it by reading
//! it back.

use std::time::Instant;

use futures_util::TryStreamExt;
use serde::Serialize;

use super::{Demo, Error, Harbour};
use crate::cli::{Args, OutputFormat};
use crate::config::Config;
use crate::engine::{Engine, Place};
use crate::job::{Job, JobSpec, JobState};
use crate::oci::{Digest, Location, Platforms, Reference, Registry, Repository, TagOrDigest};
use crate::transport::archive::TarArchive;
use crate::transport::registry::{Client, ClientOptions};
use crate::transport::{Source, verified};

/// What was done, as `--output json` prints it.
#[derive(Serialize)]
struct Summary {
    repositories: usize,
    tags: usize,
    copied: usize,
    bytes_sent: u64,
    bytes_reused: u64,
    again_up_to_date: usize,
    exported: Vec<String>,
    blobs_verified: usize,
    bytes_verified: u64,
    millis: u128,
}

/// Does it all; the answer is the exit code.
pub(super) async fn run(demo: &Demo, args: &Args) -> Result<u8, Error> {
    let say = |line: String| {
        if args.global.output == OutputFormat::Text && !args.global.quiet {
            print_line(&line);
        }
    };
    let harbour = demo.open(demo.bind(None).await?).await?;
    let config = Config { downloads: demo.downloads(), ..Config::default() };
    let engine = demo.engine(&config).await?;
    let began = Instant::now();
    let images = images(&engine, &harbour).await?;
    let mut repositories: Vec<String> = images.iter().map(Reference::name).collect();
    repositories.dedup();
    say(format!("registry {}: {} repositories, {} tags", harbour.filled, repositories.len(), images.len()));
    say(format!("registry {}: empty", harbour.empty));

    let copies = copy_all(&engine, &images, &harbour).await?;
    for job in &copies {
        let report = job.report.clone().unwrap_or_default();
        say(format!("copied   {}  sent {}, reused {}", job.spec.source, report.wire, report.reused));
    }
    let again = copy_all(&engine, &images, &harbour).await?;
    let up_to_date = again.iter().filter(|job| is_up_to_date(job)).count();
    say(format!("again    {up_to_date} of {} images needed nothing", again.len()));

    let mut exported = Vec::new();
    if let Some(image) = images.first() {
        let specs = JobSpec::exports(&Location::Registry(image.clone()), &demo.downloads(), &Platforms::All);
        for job in run_all(&engine, specs).await? {
            for output in job.report.unwrap_or_default().outputs {
                check_file(&output.location, &output.digest).await?;
                say(format!("exported {}", output.location));
                exported.push(output.location);
            }
        }
    }
    let (blobs, bytes) = verify(&engine, &images, &harbour).await?;
    say(format!("verified {blobs} blobs, {bytes} bytes, and every manifest: the same on both sides"));
    let total =
        |of: fn(&crate::job::Report) -> u64| copies.iter().filter_map(|j| j.report.as_ref()).map(of).sum();
    let summary = Summary {
        repositories: repositories.len(),
        tags: images.len(),
        copied: copies.len(),
        bytes_sent: total(|report| report.wire),
        bytes_reused: total(|report| report.reused),
        again_up_to_date: up_to_date,
        exported,
        blobs_verified: blobs,
        bytes_verified: bytes,
        millis: began.elapsed().as_millis(),
    };
    match args.global.output {
        OutputFormat::Json => print_line(&serde_json::to_string_pretty(&summary).unwrap_or_default()),
        OutputFormat::Text => say(format!(
            "done     {} images copied, {} exported, {} ms",
            summary.copied,
            summary.exported.len(),
            summary.millis
        )),
    }
    Ok(if up_to_date == images.len() { 0 } else { 1 })
}

/// A reader that went away is no fault of the demo, which goes on to its end and clears up.
fn print_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn is_up_to_date(job: &Job) -> bool {
    job.report.as_ref().is_some_and(|report| report.outputs.iter().all(|output| output.up_to_date))
}

/// Every tag of the filled registry.
async fn images(engine: &Engine, harbour: &Harbour) -> Result<Vec<Reference>, Error> {
    let registry = registry(harbour.filled)?;
    let place = Place::Registry(registry.clone());
    let mut images = Vec::new();
    let names: Vec<Vec<String>> = engine.repositories(&place).try_collect().await?;
    for name in names.into_iter().flatten() {
        let repository = name.parse::<Repository>().map_err(|e| Error::Wrong(e.to_string()))?;
        let tags: Vec<Vec<String>> = engine.tags(&place, &repository).try_collect().await?;
        for tag in tags.into_iter().flatten() {
            let tag = tag.parse().map_err(|e| Error::Wrong(format!("{name}: {e}")))?;
            images.push(Reference::tagged(registry.clone(), repository.clone(), tag));
        }
    }
    Ok(images)
}

fn registry(addr: std::net::SocketAddr) -> Result<Registry, Error> {
    addr.to_string().parse().map_err(|e| Error::Wrong(format!("{addr}: {e}")))
}

async fn copy_all(engine: &Engine, images: &[Reference], harbour: &Harbour) -> Result<Vec<Job>, Error> {
    let registry = registry(harbour.empty)?;
    let copy = |image: &Reference| {
        let destination = Reference { registry: registry.clone(), ..image.clone() };
        JobSpec::copy(Location::Registry(image.clone()), Location::Registry(destination))
    };
    run_all(engine, images.iter().map(copy).collect()).await
}

/// Runs jobs side by side; a failed one is the demo's failure.
async fn run_all(engine: &Engine, specs: Vec<JobSpec>) -> Result<Vec<Job>, Error> {
    let mut ids = Vec::new();
    for spec in specs {
        ids.push(engine.submit(spec).await?);
    }
    let mut jobs = Vec::new();
    for id in ids {
        let job = engine.wait(id).await.ok_or_else(|| Error::Wrong(format!("job {id} went away")))?;
        if job.state != JobState::Succeeded {
            let reason = job.failure.map_or_else(|| job.state.to_string(), |failure| failure.message);
            return Err(Error::Wrong(format!("{}: {reason}", job.spec)));
        }
        jobs.push(job);
    }
    Ok(jobs)
}

/// Reads every manifest from both sides and every blob from the mirror, and compares.
async fn verify(engine: &Engine, images: &[Reference], harbour: &Harbour) -> Result<(usize, u64), Error> {
    let (client, registry) = (Client::new(ClientOptions::default()), registry(harbour.empty)?);
    let mut seen = std::collections::HashSet::new();
    let (mut blobs, mut bytes) = (0, 0);
    for image in images {
        let mirrored = Reference { registry: registry.clone(), ..image.clone() };
        let at_source = Location::Registry(image.clone());
        let at_mirror = Location::Registry(mirrored.clone());
        if engine.raw_manifest(&at_source).await? != engine.raw_manifest(&at_mirror).await? {
            return Err(Error::Wrong(format!("{mirrored}: its manifest is not the source's")));
        }
        let source = client.repository(&mirrored.registry, &mirrored.repository);
        for platform in engine.inspect(&at_mirror).await?.platforms {
            for layer in platform.layers {
                if seen.insert(layer.digest.clone()) {
                    let (_, stream) = source.blob(&layer, 0).await?;
                    let mut stream = verified(&layer, mirrored.name(), stream);
                    while stream.try_next().await?.is_some() {}
                    (blobs, bytes) = (blobs + 1, bytes + layer.size);
                }
            }
        }
    }
    Ok((blobs, bytes))
}

/// An exported file holds the manifest that it is said to hold.
async fn check_file(path: &str, digest: &Digest) -> Result<(), Error> {
    let archive = TarArchive::open(std::path::Path::new(path), None).await?;
    archive.manifest(&TagOrDigest::Digest(digest.clone())).await?;
    Ok(())
}
