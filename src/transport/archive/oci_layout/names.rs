//! Which names a layout's images get: the one that was asked for, and tags of it.

use std::collections::HashSet;

use crate::oci::{Descriptor, Digest, Document, ManifestError, RawManifest, Reference, Tag};

/// The names of the images that are put into one layout.
#[derive(Debug, Default)]
pub(in crate::transport::archive) struct Names {
    /// The image's name in the layout, if one was asked for.
    reference: Option<String>,
    /// Manifests put at a digest, in order: parts of an index, or images without a tag.
    by_digest: Vec<Descriptor>,
    /// Digests that an index names, or that have a name.
    reachable: HashSet<Digest>,
    /// Names that were given.
    names: Vec<String>,
    /// The image that was named last.
    last: Option<Descriptor>,
}

impl Names {
    /// `reference` is the name that the image gets; without it, the tag it is put at.
    pub(in crate::transport::archive) fn new(reference: Option<&str>) -> Names {
        Names { reference: reference.map(str::to_owned), ..Names::default() }
    }

    /// The name in the layout for a tag: a full name keeps its repository, and a plain one speaks of itself only.
    pub(in crate::transport::archive) fn of(&self, tag: &Tag) -> String {
        let Some(reference) = &self.reference else { return tag.to_string() };
        match reference.parse::<Reference>().ok().filter(|_| reference.contains(['/', ':'])) {
            Some(full) if full.target().as_str() == tag.as_str() => reference.clone(),
            Some(full) => full.with_tag(tag.clone()).to_string(),
            None => tag.to_string(),
        }
    }

    /// Notes what a manifest makes reachable; the answer is its entry.
    pub(in crate::transport::archive) fn note(
        &mut self,
        manifest: &RawManifest,
        name: Option<&str>,
    ) -> Result<Descriptor, ManifestError> {
        let mut entry = manifest.descriptor();
        // What stands beside an image must not be taken for one.
        entry.artifact_type = manifest.referrer().and_then(|referrer| referrer.descriptor.artifact_type);
        match manifest.parse()? {
            Document::Index(index) => self.reachable.extend(index.manifests.into_iter().map(|m| m.digest)),
            Document::Image(image) => entry.artifact_type = image.artifact_type.or(entry.artifact_type),
        }
        match name {
            Some(name) => {
                self.reachable.insert(entry.digest.clone());
                self.names.push(name.to_owned());
                self.last = Some(entry.clone());
            }
            None => self.by_digest.push(entry.clone()),
        }
        Ok(entry)
    }

    /// What is still to be listed: images without a name, and the name that was asked for if no tag gave it.
    pub(in crate::transport::archive) fn unlisted(&self) -> Vec<(Descriptor, Option<String>)> {
        let Names { reference, by_digest, reachable, names, last } = self;
        let mut images: Vec<(Descriptor, Option<String>)> = by_digest
            .iter()
            .filter(|entry| !reachable.contains(&entry.digest))
            .map(|entry| (entry.clone(), None))
            .collect();
        if let Some(reference) = reference.as_ref().filter(|reference| !names.contains(reference)) {
            match last {
                Some(last) => images.push((last.clone(), Some(reference.clone()))),
                None => {
                    let image = images.iter_mut().rev().find(|(entry, _)| entry.artifact_type.is_none());
                    if let Some((_, name)) = image {
                        *name = Some(reference.clone());
                    }
                }
            }
        }
        images
    }
}
