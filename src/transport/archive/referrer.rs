//! Referrers in a layout: manifests with a subject that its `index.json` lists, or that an index under the name
//! `sha256-…` does (the tag schema, as other tools write it into layouts too).

use std::collections::HashSet;

use super::oci_layout::index;
use crate::oci::{Descriptor, Digest, Document, RawManifest, Reference, Tag, referrers_tag};
use crate::transport::{Error, Result};

/// Entries that are looked at: each is a file to read.
const LIMIT: usize = 10_000;

/// The referrers of `subject` among a layout's entries; `read` gets an entry's manifest. One that is not there, or is
/// no manifest, hides only itself. Blocking, as `read` is.
pub(super) fn listed(
    entries: &[Descriptor],
    subject: &Digest,
    read: impl Fn(&Descriptor) -> Result<RawManifest>,
) -> Result<Vec<Descriptor>> {
    let read = |entry: &Descriptor| match read(entry) {
        Ok(raw) => Ok(Some(raw)),
        Err(error) if error.is_not_found() || matches!(error, Error::Format { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let tag = referrers_tag(subject);
    let (mut found, mut seen): (Vec<Descriptor>, HashSet<Digest>) = Default::default();
    for entry in entries.iter().take(LIMIT) {
        let Some(raw) = read(entry)? else { continue };
        let is_list = tag.as_ref().is_some_and(|tag| tags(entry).any(|own| own == *tag));
        if let (true, Ok(Document::Index(list))) = (is_list, raw.parse()) {
            found.extend(list.manifests.into_iter().filter(|listed| seen.insert(listed.digest.clone())));
        } else if let Some(referrer) = raw.referrer().filter(|referrer| referrer.subject == *subject)
            && seen.insert(referrer.descriptor.digest.clone())
        {
            found.push(referrer.descriptor);
        }
    }
    Ok(found)
}

/// The tags that an entry's names come to.
pub(super) fn tags(entry: &Descriptor) -> impl Iterator<Item = Tag> {
    index::names(entry).filter_map(|name| {
        name.parse::<Tag>().ok().or_else(|| name.parse::<Reference>().ok().and_then(|full| full.tag))
    })
}

/// Whether an entry stands beside an image rather than for one: an artifact, or what a tag `sha256-…` names.
pub(super) fn stands_beside(entry: &Descriptor) -> bool {
    entry.artifact_type.is_some() || tags(entry).any(|tag| tag.speaks_of().is_some())
}

/// The tags of all entries, each once.
pub(super) fn all_tags(entries: &[Descriptor]) -> Vec<Tag> {
    let mut seen = HashSet::new();
    entries.iter().flat_map(tags).filter(|tag| seen.insert(tag.clone())).collect()
}
