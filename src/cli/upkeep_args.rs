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

/// `wharf delete`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A tag goes alone where the registry can do that. Where it cannot (docker-registry), and with
--by-digest or a digest, the manifest goes with every tag of it: the others are listed first and
asked about, or --yes is needed. Registries free the space later, by their own garbage
collection; store: and oci: give it back at once.

Examples:
  wharf delete harbor.example.com/lib/nginx:1.26
  wharf delete harbor.example.com/lib/nginx:1.25 harbor.example.com/lib/redis:6 --dry-run
  wharf delete harbor.example.com/lib/nginx@sha256:9f2c… --yes
  wharf delete prod.example.com/app:3 --confirm prod      # an entry with protected: true
  wharf delete store:o/r:1 oci:layout:v1")]
pub struct DeleteArgs {
    /// Tags or digests in registries, in store:, or in oci: directories.
    #[arg(value_name = "REF", required = true)]
    pub images: Vec<String>,
    /// Delete the tags' manifests, with every tag of theirs.
    #[arg(long)]
    pub by_digest: bool,
    /// Do not ask about the other tags that go with a manifest.
    #[arg(short, long)]
    pub yes: bool,
    /// The typed name of a configuration's entry that is protected; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
    /// Show what would go, and delete nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}

/// `wharf diff`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Images are the same when their digests are. Else: which platforms only one of them has, and of
those that both have the layers, and what configuration and annotations say differently.

Exit codes: 0 the same, 1 they differ (or one could not be read), 2 usage, 3 authentication.

Examples:
  wharf diff nginx:1.26 nginx:1.27
  wharf diff nginx:1.27 harbor.example.com/mirror/nginx:1.27
  wharf diff nginx:1.27 docker-archive:nginx.tar --platform linux/amd64")]
pub struct DiffArgs {
    /// The first image.
    #[arg(value_name = "A")]
    pub a: String,
    /// The second image.
    #[arg(value_name = "B")]
    pub b: String,
    /// Only this platform, as in linux/amd64, arm64, arm/v7; may be given several times.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}
