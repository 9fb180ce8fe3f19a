//! `--format`: an image's manifests, from the images up to the index, made OCI's or Docker's. What arrives has other
//! digests then, and the plan says which.

use std::collections::{BTreeSet, HashSet};

use super::Result;
use super::arrival::Arrival;
use super::door::{SourceDoor, written};
use super::tree::Tree;
use crate::oci::{Converted, Digest, Document, Format, RawManifest, attestations, media_type};
use crate::transport;

/// Notes on single manifests: an index may have hundreds.
const NOTED: usize = 20;

/// What became of an image.
pub(super) struct Reformed {
    /// The manifests below the root, as they arrive.
    pub(super) tree: Tree,
    /// Digests that were there before and do not arrive: what refers to them stays behind.
    pub(super) gone: Vec<Digest>,
}

/// Converts all of an image. The arrival's root and notes become the new ones.
pub(super) fn to_format(
    format: Format,
    arrival: &mut Arrival,
    tree: Tree,
    source: &SourceDoor,
) -> Result<Reformed> {
    let wrong = |source_error| transport::Error::Manifest {
        at: written(&source.name, &source.at),
        source: source_error,
    };
    let left_out = match format {
        Format::Docker => without_place(&arrival.root, &tree),
        Format::Oci => HashSet::new(),
    };
    let (mut made, mut lost, mut changes) = (Converted::new(), BTreeSet::new(), Vec::new());
    let (mut manifests, mut gone) = (Vec::with_capacity(tree.manifests.len()), Vec::new());
    for (raw, platform) in tree.manifests {
        if left_out.contains(&raw.digest) {
            gone.push(raw.digest.clone());
            made.insert(raw.digest, None);
            continue;
        }
        let new = raw.to_format(format, &made, &mut lost).map_err(wrong)?;
        if new.digest != raw.digest {
            gone.push(raw.digest.clone());
            let name = platform.as_ref().map_or_else(|| "manifest".to_owned(), ToString::to_string);
            changes.push(format!("{name}: {} → {}", raw.digest, new.digest));
        }
        made.insert(raw.digest, Some(new.clone()));
        manifests.push((new, platform));
    }
    let root = arrival.root.to_format(format, &made, &mut lost).map_err(wrong)?;
    if root.digest != arrival.root.digest {
        arrival.notes.push(format!(
            "in {format} format it arrives as {}, and was {}",
            root.digest, arrival.root.digest
        ));
        gone.push(arrival.root.digest.clone());
    }
    let more = changes.len().saturating_sub(NOTED);
    arrival.notes.extend(changes.into_iter().take(NOTED));
    if more > 0 {
        arrival.notes.push(format!("and {more} more manifests"));
    }
    if !left_out.is_empty() {
        let count = left_out.len();
        let noun = if count == 1 { "attestation is" } else { "attestations are" };
        arrival.notes.push(format!("{count} {noun} left out: Docker's format has none"));
    }
    arrival.notes.extend(lost);
    arrival.root = root;
    Ok(Reformed { tree: Tree { manifests, blobs: tree.blobs }, gone })
}

/// The attestations of OCI indexes. Where one stands in a Docker list already, it stays there.
fn without_place(root: &RawManifest, tree: &Tree) -> HashSet<Digest> {
    let indexes = std::iter::once(root).chain(tree.manifests.iter().map(|(raw, _)| raw));
    let mut found = HashSet::new();
    for raw in indexes.filter(|raw| raw.media_type == media_type::OCI_INDEX) {
        if let Ok(Document::Index(index)) = raw.parse() {
            found.extend(attestations(&index.manifests).cloned());
        }
    }
    found
}
