//! What will move: the same data for the dry run, the preview and the runner.

use serde::{Deserialize, Serialize};

use crate::oci::{Descriptor, Digest, Platform, Repository, Tag};

/// A job's plan. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The source, as it is written on the command line.
    pub source: String,
    /// The manifest or index that was found at the source.
    pub found: Descriptor,
    /// The one that arrives: another only where the job asks for a change (a platform subset).
    pub arrives: Descriptor,
    /// The platforms that travel.
    pub platforms: Vec<Platform>,
    /// Every manifest in the order of pushing: images first, the index last.
    pub manifests: Vec<PlannedManifest>,
    /// Every blob once, in the manifests' order.
    pub blobs: Vec<PlannedBlob>,
    /// What travels beside the image, in the order of pushing. Its blobs are among the blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<PlannedReferrer>,
    /// One for each destination.
    pub destinations: Vec<PlannedDestination>,
    /// Things the person should know: a platform chosen by default, a digest that changes on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Each image, where several go into one archive; `found` and `arrives` speak of the first then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PlannedImage>,
}

/// One of several images that go into one archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedImage {
    /// Where it is, as it is written on the command line.
    pub source: String,
    /// The manifest or index that was found there.
    pub found: Descriptor,
    /// The image that arrives.
    pub arrives: Descriptor,
}

/// A manifest of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedManifest {
    /// Type, digest and size.
    pub descriptor: Descriptor,
    /// The platform it is for, where the index says so.
    pub platform: Option<Platform>,
}

/// A manifest of a plan that refers to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedReferrer {
    /// Type, digest and size, with artifact type and annotations.
    pub descriptor: Descriptor,
    /// What it refers to.
    pub subject: Digest,
    /// The tag `sha256-….sig` or the like that says so; none where the manifest itself does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

/// A blob of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBlob {
    /// Type, digest and size.
    pub descriptor: Descriptor,
    /// Whether it is a configuration rather than a layer.
    pub is_config: bool,
}

/// What a plan means at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDestination {
    /// The destination, as it is written on the command line.
    pub location: String,
    /// For each of the plan's blobs, in their order.
    pub presence: Vec<Presence>,
    /// Tags that will be set.
    pub tags: Vec<TagChange>,
    /// Whether the image itself is there, tags and all.
    #[serde(default)]
    pub image_there: bool,
    /// For each of the plan's referrers, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Presence>,
    /// Everything is there already, tags and all: nothing will be sent.
    pub up_to_date: bool,
}

/// Whether a destination has a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is there.
    Present,
    /// It is in this other repository of the same registry, and can be mounted.
    Mount(Repository),
    /// It is not there.
    Absent,
    /// Nobody asked: the upload will.
    Unasked,
}

/// A tag that a job sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagChange {
    /// The tag.
    pub tag: Tag,
    /// What it points at now, if it exists.
    pub old: Option<Digest>,
    /// What it will point at.
    pub new: Digest,
}

impl TagChange {
    /// Whether the tag exists and points elsewhere.
    pub fn overwrites(&self) -> bool {
        self.old.as_ref().is_some_and(|old| *old != self.new)
    }
}

impl Plan {
    /// Bytes of all blobs, each once.
    pub fn total_bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.descriptor.size).sum()
    }

    /// Bytes that will travel to the destinations, as far as is known: blobs nobody asked about count.
    pub fn bytes_to_send(&self) -> u64 {
        self.destinations.iter().map(|d| self.sent_to(d)).sum()
    }

    /// Bytes that will travel to one destination.
    pub fn sent_to(&self, destination: &PlannedDestination) -> u64 {
        if destination.up_to_date {
            return 0;
        }
        let travels = |p: &Presence| matches!(p, Presence::Absent | Presence::Unasked);
        let blobs = self.blobs.iter().zip(&destination.presence);
        blobs.filter(|(_, presence)| travels(presence)).map(|(blob, _)| blob.descriptor.size).sum()
    }

    /// Whether no destination needs anything.
    pub fn is_up_to_date(&self) -> bool {
        self.destinations.iter().all(|d| d.up_to_date)
    }
}
