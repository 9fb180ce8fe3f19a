//! `--referrers`, `--digest-tags`, `--format`, `--foreign-layers`: what travels beside an image, and what is made of it.

use super::error::Faults;
use crate::job::Extras;
use crate::oci::{ErrorClass, Format};

/// What travels beside an image, and what is made of it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ExtraArgs {
    /// The referrers travel, too: signatures, SBOMs and the like, and what refers to those.
    #[arg(long)]
    pub referrers: bool,
    /// cosign's tags of everything that travels are copied, too: sha256-….sig, .att, .sbom.
    #[arg(long)]
    pub digest_tags: bool,
    /// Manifests arrive as oci or docker (v2s2). Their digests change then; layers and configurations stay as they are.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Layers that lie outside the registry (of Windows images) are copied, too, instead of staying at their URLs.
    #[arg(long, alias = "allow-nondistributable-artifacts")]
    pub foreign_layers: bool,
}

impl ExtraArgs {
    /// What was asked for.
    pub(super) fn read(&self, faults: &mut Faults) -> Extras {
        let format = self.format.as_deref().map(str::parse::<Format>);
        Extras {
            referrers: self.referrers,
            digest_tags: self.digest_tags,
            format: format.and_then(|format| faults.take(ErrorClass::Config, format)),
            foreign_layers: self.foreign_layers,
        }
    }
}
