//! An image put into the archive: everything of it is there and can be loaded, and its manifest says what became of
//! its layers.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::super::documents::Documents;
use super::super::pieces::{PIECE, Sink};
use super::super::recompress::{self, Recompress, SpooledLayer};
use super::super::shared::{Shared, State};
use super::image::{self, Image, Replacement};
use super::metadata;
use crate::oci::{Descriptor, Digest, Document, ImageManifest, MANIFEST_LIMIT, RawManifest, Reference};
use crate::transport::{Error, Result};

/// The images of an archive, in the order they were put.
#[derive(Default)]
pub(super) struct Images(Vec<Image>);

impl Documents for Images {
    const RECOMPRESSES: bool = true;

    fn check_blob(blob: &Descriptor) -> Result<(), String> {
        image::check_blob(blob)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn layers(&self) -> Vec<&Digest> {
        self.0.iter().flat_map(|image| &image.layers).collect()
    }

    fn entries(&self) -> Vec<(String, Vec<u8>)> {
        metadata::entries(&self.0)
    }

    fn changed(&self) -> Option<Digest> {
        let changed = self.0.iter().find(|image| image.original != image.manifest.digest);
        changed.map(|image| image.manifest.digest.clone())
    }
}

impl Shared<Images> {
    /// Takes an image's manifest; the answer is the digest it has in the archive.
    pub(super) fn put_manifest(&self, manifest: &RawManifest, name: Option<Reference>) -> Result<Digest> {
        let document = manifest.parse().map_err(|source| Error::Manifest { at: self.at(), source })?;
        let Document::Image(parsed) = document else {
            let reason =
                "a docker-archive holds one platform of an image, not a whole index; choose a platform";
            return Err(self.unsupported(reason.to_owned()));
        };
        let find = |state: &State<Images>| {
            state.documents.0.iter().position(|image| image.original == manifest.digest)
        };
        // Not in a match's head: the lock would be held through its arms.
        let known = find(&self.state()).is_some();
        let new = if known { None } else { Some(self.image(manifest, &parsed)?) };
        let mut state = self.state();
        let index = match (find(&state), new) {
            (None, Some((image, notes))) => {
                state.documents.0.push(image);
                state.notes.extend(notes);
                state.documents.0.len() - 1
            }
            (index, _) => index.unwrap_or_default(),
        };
        if let Some(name) = name {
            // A name is one image's: the last one that was given it.
            for image in &mut state.documents.0 {
                image.names.retain(|other| *other != name);
            }
            state.documents.0[index].names.push(name);
        }
        Ok(state.documents.0[index].manifest.digest.clone())
    }

    pub(super) fn image_at(&self, found: impl Fn(&Image) -> bool) -> Option<Descriptor> {
        self.state().documents.0.iter().find(|image| found(image)).map(|image| image.manifest.descriptor())
    }

    /// Looks whether everything of an image is there and loadable, and rewrites its manifest where layers changed;
    /// the notes say which.
    fn image(&self, manifest: &RawManifest, parsed: &ImageManifest) -> Result<(Image, Vec<String>)> {
        for layer in &parsed.layers {
            // What lies elsewhere by its manifest's word may have been brought here all the same.
            let is_here = self.slot(&layer.digest).is_some_and(|slot| slot.done);
            let layer = match is_here && !layer.urls.is_empty() {
                true => &Descriptor { urls: Vec::new(), ..layer.clone() },
                false => layer,
            };
            image::check_layer(layer).map_err(|reason| self.unsupported(reason))?;
        }
        for blob in parsed.blobs() {
            if !self.slot(&blob.digest).is_some_and(|slot| slot.done) {
                return Err(Error::NotFound { what: format!("blob {}", blob.digest), at: self.at() });
            }
        }
        let config = self.read_blob(&parsed.config)?;
        let diff_ids = image::check_config(&parsed.config.media_type, &config, parsed.layers.len())
            .map_err(|reason| self.unsupported(reason))?;
        let (mut replaced, mut layers, mut notes) = (HashMap::new(), Vec::new(), Vec::new());
        for (layer, diff_id) in parsed.layers.iter().zip(&diff_ids) {
            let Some(spool) = self.spool_of(layer)? else {
                layers.push(layer.digest.clone());
                continue;
            };
            layers.push(spool.digest.clone());
            if spool.digest == layer.digest {
                continue;
            }
            if let Some(found) = spool.diff_id.as_ref().filter(|found| *found != diff_id) {
                let at = format!("{} layer {}", self.at(), layer.digest);
                let (expected, found) = (diff_id.to_string(), found.to_string());
                return Err(Error::Content { attempted: "decompress", at, expected, found });
            }
            let new = Replacement { digest: spool.digest.clone(), size: spool.size };
            if replaced.insert(layer.digest.clone(), new).is_none() {
                notes.push(format!("zstd layer {} became gzip {}", layer.digest, spool.digest));
            }
        }
        let rewritten = match replaced.is_empty() {
            true => manifest.clone(),
            false => image::rewrite(manifest, &replaced)
                .map_err(|source| Error::Manifest { at: self.at(), source })?,
        };
        if rewritten.digest != manifest.digest {
            let changed = format!("manifest {} → {}", manifest.digest, rewritten.digest);
            notes.push(format!("{changed}: Docker before 23 cannot load zstd layers"));
        }
        let (original, config) = (manifest.digest.clone(), parsed.config.digest.clone());
        Ok((Image { manifest: rewritten, original, config, layers, names: Vec::new() }, notes))
    }

    /// The layer as it was compressed anew, if it was or must be: some layers are zstd whatever their type says.
    fn spool_of(&self, layer: &Descriptor) -> Result<Option<Arc<SpooledLayer>>> {
        if let Some(spool) = self.state().spools.get(&layer.digest) {
            return Ok(Some(spool.clone()));
        }
        let Some((file, path, base, size)) = self.placed(&layer.digest) else { return Ok(None) };
        let read = |at: u64, buffer: &mut [u8]| {
            file.read_exact_at(buffer, base + at).map_err(|e| Error::file("read", &path, e))
        };
        let mut piece = vec![0; (PIECE as u64).min(size) as usize];
        read(0, &mut piece)?;
        if !recompress::is_zstd(&piece) {
            return Ok(None);
        }
        let (mut work, mut at) = (Recompress::new(&layer.digest, &path), 0);
        while at < size {
            let length = (piece.len() as u64).min(size - at) as usize;
            read(at, &mut piece[..length])?;
            work.put(at, &piece[..length])?;
            at += length as u64;
        }
        let spool = Arc::new(work.finish()?);
        self.state().spools.insert(layer.digest.clone(), spool.clone());
        Ok(Some(spool))
    }

    fn read_blob(&self, blob: &Descriptor) -> Result<Vec<u8>> {
        let Some((file, path, base, size)) = self.placed(&blob.digest) else {
            return Err(Error::NotFound { what: format!("blob {}", blob.digest), at: self.at() });
        };
        if size > MANIFEST_LIMIT as u64 {
            return Err(self.unsupported(format!("the image's configuration has {size} bytes")));
        }
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, base).map_err(|e| Error::file("read", path, e))?;
        Ok(bytes)
    }
}
