//! Arguments of the commands that look after what is there: tag, delete, diff, search, files, store, serve.

use super::args::Access;

/// `wharf tag`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A new tag is put in the image's own repository; a whole name may be another repository of the
same registry, whose blobs are mounted. A tag that is another image's already is left alone
without --force; with it, `wharf history` remembers what it was.

Examples:
  wharf tag harbor.example.com/lib/nginx:1.27 stable 1
  wharf tag harbor.example.com/lib/nginx:1.27 harbor.example.com/prod/nginx:1.27
  wharf tag store:o/r:2 latest --force
  wharf tag oci:layout:v1 v2")]
pub struct TagArgs {
    /// The image: in a registry, in store:, or in an oci: directory.
    #[arg(value_name = "SRC")]
    pub source: String,
    /// New tags, or whole names in the same registry or store.
    #[arg(value_name = "NEW", required = true)]
    pub new: Vec<String>,
    /// Move tags that are another image's.
    #[arg(long)]
    pub force: bool,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}

impl TagArgs {
    /// The image, and the new names that are more than a tag.
    pub(super) fn whole_names(&self) -> Vec<String> {
        let whole = self.new.iter().filter(|name| name.contains(['/', ':']));
        std::iter::once(&self.source).chain(whole).cloned().collect()
    }
}
