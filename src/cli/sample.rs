//! Jobs and plans for the tests.

use jiff::Timestamp;

use crate::job::*;
use crate::oci::{Descriptor, Digest, media_type};

/// A copy of `library/nginx:1.27` in some state.
pub(super) fn job(id: i64, state: JobState) -> Job {
    let spec = JobSpec::copy("nginx:1.27".parse().unwrap(), "127.0.0.1:5002/nginx:1.27".parse().unwrap());
    Job {
        id: JobId(id),
        spec,
        state,
        progress: Progress::default(),
        priority: 0,
        created: "2026-11-21T04:05:06Z".parse::<Timestamp>().unwrap(),
        started: None,
        finished: None,
        failure: None,
        report: None,
    }
}

/// A running job with some bytes done.
pub(super) fn running(id: i64, wire: u64, reused: u64, total: u64) -> Job {
    let mut job = job(id, JobState::Running);
    job.progress = Progress { total, wire, reused, ..Progress::default() };
    job
}

/// Three blobs to two destinations: one has some, one has all.
pub(super) fn plan() -> Plan {
    let blob = |n: u8, size| PlannedBlob {
        descriptor: Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(&[n]), size),
        is_config: n == 0,
    };
    let found = Descriptor::new(media_type::OCI_INDEX, Digest::of(b"index"), 900);
    let blobs = vec![blob(0, 1_500), blob(1, 70_000_000), blob(2, 30_000_000)];
    let change = |tag: &str, old: Option<&[u8]>| TagChange {
        tag: tag.parse().unwrap(),
        old: old.map(Digest::of),
        new: found.digest.clone(),
    };
    Plan {
        source: "docker.io/library/nginx:1.27".to_owned(),
        found: found.clone(),
        arrives: found.clone(),
        platforms: vec!["amd64".parse().unwrap(), "arm/v7".parse().unwrap()],
        manifests: Vec::new(),
        referrers: Vec::new(),
        destinations: vec![
            PlannedDestination {
                location: "127.0.0.1:5002/nginx:1.27".to_owned(),
                presence: vec![Presence::Present, Presence::Mount("base".parse().unwrap()), Presence::Absent],
                tags: vec![
                    change("1.27", Some(b"old")),
                    change("stable", None),
                    change("same", Some(b"index")),
                ],
                image_there: false,
                referrers: Vec::new(),
                up_to_date: false,
            },
            PlannedDestination {
                location: "h.io/nginx:1.27".to_owned(),
                presence: vec![Presence::Present; 3],
                tags: vec![change("1.27", Some(b"index"))],
                image_there: true,
                referrers: Vec::new(),
                up_to_date: true,
            },
        ],
        blobs,
        notes: vec!["something to know".to_owned()],
        images: Vec::new(),
    }
}
