//! How an exported file is named: `NAME_TAG_YYYYMMDD_HHMMSS.tar`.

use jiff::civil::DateTime;

use crate::oci::{Digest, Platform, Reference};

/// The longest file name that is written, in bytes; the `-2` of a name that is taken comes on top.
pub const FILE_NAME_LIMIT: usize = 200;

/// The parts of an exported file's name.
#[derive(Debug, Clone, Copy)]
pub struct ExportName<'a> {
    /// The image that was asked for.
    pub reference: &'a Reference,
    /// The digest of what it is, for names that are too long.
    pub digest: &'a Digest,
    /// The platform, where several of them give a file each.
    pub platform: Option<&'a Platform>,
    /// Local time.
    pub time: DateTime,
}

impl ExportName<'_> {
    /// The file's name; `copy` 1 is the plain one, 2 the first that avoids a name that is taken.
    pub fn file_name(&self, copy: u32) -> String {
        let reference = self.reference;
        let path = reference.repository.as_str();
        let name = match reference.registry.is_docker_hub() {
            true => path.strip_prefix("library/").unwrap_or(path),
            false => path,
        };
        let tag = match (&reference.tag, &reference.digest) {
            (Some(tag), _) => tag.as_str().to_owned(),
            (None, Some(digest)) => format!("{}-{}", digest.algorithm(), digest.short(12)),
            (None, None) => "latest".to_owned(),
        };
        let stem = format!("{}_{tag}", name.replace('/', "_"));
        let platform = self.platform.map(|p| format!("_{}", p.dashed())).unwrap_or_default();
        let time = self.time.strftime("%Y%m%d_%H%M%S");
        let again = if copy > 1 { format!("-{copy}") } else { String::new() };
        let tail = format!("{platform}_{time}");
        match stem.len() + tail.len() + ".tar".len() > FILE_NAME_LIMIT {
            false => format!("{stem}{tail}{again}.tar"),
            true => {
                let mark = format!("_{}", self.digest.short(8));
                let room = FILE_NAME_LIMIT - mark.len() - tail.len() - ".tar".len();
                // Names and tags are ASCII by their grammar, so any cut is between characters.
                format!("{}{mark}{tail}{again}.tar", stem.get(..room).unwrap_or(&stem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, platform: Option<&str>, copy: u32) -> String {
        let platform = platform.map(|p| p.parse::<Platform>().unwrap());
        let time = jiff::civil::date(2026, 11, 21).at(4, 5, 6, 0);
        let (reference, digest) = (text.parse().unwrap(), Digest::of(b""));
        ExportName { reference: &reference, digest: &digest, platform: platform.as_ref(), time }
            .file_name(copy)
    }

    #[test]
    fn names_follow_the_rule() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (text, platform, copy, want) in [
            ("nginx:1.27", None, 1, "nginx_1.27_20261121_040506.tar"),
            ("user/app", None, 1, "user_app_latest_20261121_040506.tar"),
            ("ghcr.io/o/r:t", Some("linux/arm64"), 1, "o_r_t_linux-arm64_20261121_040506.tar"),
            ("ghcr.io/library/r:t", Some("arm/v7"), 2, "library_r_t_linux-arm-v7_20261121_040506-2.tar"),
            (&format!("r@sha256:{hex}"), None, 1, "r_sha256-e3b0c44298fc_20261121_040506.tar"),
        ] {
            assert_eq!(name(text, platform, copy), want);
        }
    }

    #[test]
    fn a_long_name_is_shortened_and_marked_with_the_digest() {
        let long = name(&format!("ghcr.io/{}:{}", "a".repeat(150), "t".repeat(100)), Some("amd64"), 1);
        assert_eq!(long.len(), FILE_NAME_LIMIT);
        assert!(long.ends_with("_e3b0c442_linux-amd64_20261121_040506.tar"), "{long}");
    }
}
