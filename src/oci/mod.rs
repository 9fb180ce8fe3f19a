//! The OCI nouns as pure types: names, digests, descriptors, platforms, manifests. No I/O here, and
//! nothing that knows where an image lives; parsing happens at the edge (`FromStr`) and the types are
//! passed inward.
//!
//! The grammar follows the distribution reference grammar, the documents follow the OCI image
//! specification 1.1 and Docker's schema 2.

mod descriptor;
mod digest;
mod error_class;
mod exchange;
mod format;
mod location;
mod manifest;
pub mod media_type;
mod name;
pub mod order;
mod platform;
mod reference;
mod referrer;
mod text;

pub use descriptor::Descriptor;
pub use digest::{Digest, DigestError, Hasher};
pub use error_class::ErrorClass;
pub use exchange::Exchange;
pub use format::{Converted, Format, FormatError, attestations};
pub use location::{Location, LocationError};
pub use manifest::{Document, ImageManifest, Index, MANIFEST_LIMIT, ManifestError, RawManifest};
pub use name::{Registry, Repository, Tag, TagOrDigest};
pub use platform::{Platform, PlatformError, Platforms};
pub use reference::{Reference, ReferenceError};
pub use referrer::{Referrer, referrers_tag, with_referrers};
pub use text::{printable, printable_name, shown};
