//! What a job does beyond moving an image as it is.

use serde::{Deserialize, Serialize};

use crate::oci::Format;

/// What travels beside an image, and what is made of it on the way. Nothing, unless asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// The referrers of everything that travels: signatures, SBOMs, and theirs.
    #[serde(skip_serializing_if = "is_false")]
    pub referrers: bool,
    /// cosign's tags of everything that travels: `sha256-….sig`, `.att`, `.sbom`.
    #[serde(skip_serializing_if = "is_false")]
    pub digest_tags: bool,
    /// Manifests arrive in this format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Foreign layers are copied, too, instead of staying where their URLs point.
    #[serde(skip_serializing_if = "is_false")]
    pub foreign_layers: bool,
}

// serde asks for a reference.
fn is_false(value: &bool) -> bool {
    !value
}

impl Extras {
    /// Whether nothing was asked for.
    // serde asks for a reference.
    pub fn is_none(&self) -> bool {
        *self == Extras::default()
    }

    /// What either asks for; a format is this one's where it names one.
    pub fn and(self, other: Extras) -> Extras {
        Extras {
            referrers: self.referrers || other.referrers,
            digest_tags: self.digest_tags || other.digest_tags,
            format: self.format.or(other.format),
            foreign_layers: self.foreign_layers || other.foreign_layers,
        }
    }

    /// Whether more than the image itself travels.
    pub fn finds_referrers(self) -> bool {
        self.referrers || self.digest_tags
    }
}

#[cfg(test)]
mod tests {
    use super::super::JobSpec;
    use super::*;

    #[test]
    fn a_specification_of_an_earlier_wharf_is_the_same_job() {
        let spec = JobSpec::copy("a.io/a:1".parse().unwrap(), "b.io/a:1".parse().unwrap());
        let text = serde_json::to_string(&spec).unwrap();
        assert!(!text.contains("extras"), "{text}");
        assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap(), spec);
        let extras = Extras { referrers: true, format: Some(Format::Docker), ..Extras::default() };
        let text = serde_json::to_string(&JobSpec { extras, ..spec }).unwrap();
        assert!(text.ends_with(r#""extras":{"referrers":true,"format":"docker"}}"#), "{text}");
        assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap().extras, extras);
    }
}
