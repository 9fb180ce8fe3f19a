//! The hot inner parts, each by itself: `cargo bench --bench inner`. Best of five, so that what else the machine does
//! counts little.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use wharf::oci::{Descriptor, Digest, Document, Hasher, Platforms, RawManifest, Reference};
use wharf::transport::{ByteStream, verified};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    verified_stream()?;
    manifests()?;
    references()
}

/// How long `work` takes once: the best of five rounds of at least 0.1 s.
fn time(mut work: impl FnMut() -> Outcome) -> Outcome<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let (began, mut times) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_millis(100) {
            work()?;
            times += 1;
        }
        best = best.min(began.elapsed() / times);
    }
    Ok(best)
}

/// What every byte that is copied goes through: a stream of 64 KiB pieces, hashed as it passes.
fn verified_stream() -> Outcome {
    let piece = Bytes::from(vec![7; 64 << 10]);
    let pieces = 512;
    let mut hasher = Hasher::sha256();
    (0..pieces).for_each(|_| hasher.update(&piece));
    let blob = Descriptor::new(LAYER, hasher.finish(), (pieces * piece.len()) as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let took = time(|| {
        let all = stream::iter((0..pieces).map(|_| piece.clone()).collect::<Vec<_>>());
        let body: ByteStream = all.map(Ok).boxed();
        let mut stream = verified(&blob, "memory".to_owned(), body);
        runtime.block_on(async {
            while let Some(piece) = stream.next().await {
                black_box(piece?);
            }
            Ok(())
        })
    })?;
    println!("{:28} {:>8.0} MB/s", "verified stream", blob.size as f64 / 1e6 / took.as_secs_f64());
    Ok(())
}

/// An index of eight platforms and its images of twelve layers, as a planner reads them.
fn manifests() -> Outcome {
    let descriptor = |of: &str, media_type: &str| json!({"mediaType": media_type, "digest": Digest::of(of.as_bytes()).as_str(), "size": 1234});
    let mut images = Vec::new();
    let mut entries = Vec::new();
    for platform in ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le"] {
        let layers: Vec<_> = (0..12).map(|n| descriptor(&format!("{platform}{n}"), LAYER)).collect();
        let image = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
            "config": descriptor(platform, "application/vnd.oci.image.config.v1+json"),
        });
        let image = Bytes::from(image.to_string());
        entries.push(json!({
            "mediaType": MANIFEST, "digest": Digest::of(&image).as_str(), "size": image.len(),
            "platform": {"os": "linux", "architecture": platform},
        }));
        images.push(image);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let index = Bytes::from(index.to_string());
    let took = time(|| {
        let Document::Index(read) = RawManifest::new(index.clone(), INDEX).parse()? else {
            return Err("the index was read as an image".into());
        };
        black_box(read.select(&Platforms::All)?);
        for image in &images {
            let Document::Image(read) = RawManifest::new(image.clone(), MANIFEST).parse()? else {
                return Err("an image was read as an index".into());
            };
            black_box(read.blobs());
        }
        Ok(())
    })?;
    println!("{:28} {:>8.1} µs", "index and 8 manifests", took.as_secs_f64() * 1e6);
    Ok(())
}

fn references() -> Outcome {
    let digest = Digest::of(b"x");
    for text in ["nginx", "registry.example.com:5000/team-a/api:v1.9.2", &format!("ghcr.io/o/r@{digest}")] {
        let took = time(|| {
            black_box(black_box(text).parse::<Reference>()?);
            Ok(())
        })?;
        let label: String = text.chars().take(24).collect();
        println!("{:28} {:>8.0} ns", format!("\"{label}\""), took.as_secs_f64() * 1e9);
    }
    Ok(())
}
