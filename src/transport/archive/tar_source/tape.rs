//! Tars for the tests, put together entry by entry.

use std::io::Write;

use serde_json::{Value, json};
use tar::EntryType;

use super::super::tar_entry::padded;
use crate::oci::Digest;

/// A tar that is being put together, entry by entry, with any name.
#[derive(Default)]
pub(in super::super) struct Tape(pub(in super::super) Vec<u8>);

impl Tape {
    pub(in super::super) fn entry(
        mut self,
        kind: EntryType,
        name: &str,
        target: &str,
        content: &[u8],
    ) -> Tape {
        let mut header = tar::Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        let end = padded(self.0.len() as u64);
        self.0.resize(end as usize, 0);
        self
    }

    pub(in super::super) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Tape {
        self.entry(EntryType::Regular, name, "", content.as_ref())
    }

    pub(in super::super) fn symlink(self, name: &str, target: &str) -> Tape {
        self.entry(EntryType::Symlink, name, target, b"")
    }

    pub(in super::super) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// Something that is different for each name.
pub(in super::super) fn layer(name: &str) -> Vec<u8> {
    Tape::default().file(name, name.repeat(500)).end()
}

pub(in super::super) fn config(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}});
    config.to_string().into_bytes()
}

pub(in super::super) fn list(config: &str, tags: Value, layers: &[&str]) -> String {
    json!([{"Config": config, "RepoTags": tags, "Layers": layers}]).to_string()
}

pub(in super::super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
