//! Arguments of the commands that look after what is there: tag, delete, diff, files, store, serve.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

use super::args::Access;

/// `wharf tag`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A new tag is put in the image's own repository; a whole name may be another repository of the
same registry, whose blobs are mounted. A tag that is another image's already is left alone
without --force; with it, `wharf history` remembers what it was. In an engine any name will do.

Examples:
  wharf tag harbor.example.com/lib/nginx:1.27 stable 1
  wharf tag harbor.example.com/lib/nginx:1.27 harbor.example.com/prod/nginx:1.27
  wharf tag store:o/r:2 latest --force
  wharf tag oci:layout:v1 v2
  wharf tag docker-daemon:nginx:1.27 stable docker-daemon:harbor.example.com/lib/nginx:1.27")]
pub struct TagArgs {
    /// The image: in a registry, an engine, store:, or an oci: directory.
    #[arg(value_name = "SRC")]
    pub source: String,
    /// New tags, or whole names in the same registry, engine or store.
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
collection; store: and oci: give it back at once. An engine's image goes with its last name,
which is asked about, too.

Examples:
  wharf delete harbor.example.com/lib/nginx:1.26
  wharf delete harbor.example.com/lib/nginx:1.25 harbor.example.com/lib/redis:6 --dry-run
  wharf delete harbor.example.com/lib/nginx@sha256:9f2c… --yes
  wharf delete prod.example.com/app:3 --confirm prod      # an entry with protected: true
  wharf delete store:o/r:1 oci:layout:v1 docker-daemon:nginx:1.25")]
pub struct DeleteArgs {
    /// Tags or digests in registries, engines, store:, or oci: directories.
    #[arg(value_name = "REF", required = true)]
    pub images: Vec<String>,
    /// Delete the tags' manifests, with every tag of theirs.
    #[arg(long)]
    pub by_digest: bool,
    /// Do not ask about other tags that go with a manifest, or an image that goes with its last name.
    #[arg(short, long)]
    pub yes: bool,
    /// The typed name of an entry of the configuration that is protected; may be given several times.
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

/// `wharf files`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  wharf files
  wharf files /mnt/usb --verify        # exit code 1 if a file is not what its .sha256 says")]
pub struct FilesArgs {
    /// The directory. Without it: the configuration's `downloads`.
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Read every file, and compare it with the .sha256 beside it.
    #[arg(long)]
    pub verify: bool,
}

/// `wharf store`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The store keeps images on this machine: `wharf copy` moves them in and out as store:REPO:TAG, and
other tools read each repository as an OCI layout.

Examples:
  wharf store
  wharf copy nginx:1.27 store:nginx:1.27
  skopeo inspect oci:DIRECTORY/nginx/_image:1.27
  wharf store gc --dry-run")]
pub struct StoreArgs {
    /// What to do with it; nothing shows where it is and what it holds.
    #[command(subcommand)]
    pub command: Option<StoreCommand>,
}

/// `wharf store`
#[derive(Debug, Clone, Subcommand)]
pub enum StoreCommand {
    /// Remove what no image needs any more. Others may go on reading and writing.
    Gc(GarbageArgs),
}

/// `wharf store gc`
#[derive(Debug, Clone, clap::Args)]
pub struct GarbageArgs {
    /// Say what would be freed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove images that no tag leads to, too: what a tag was before it was moved, and copies by digest.
    #[arg(long)]
    pub untagged: bool,
    /// Leave alone what was written or asked about more recently: somebody may be at work with it.
    #[arg(long, value_name = "AGE", default_value = "24h")]
    pub age: String,
}

/// `wharf serve`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Everybody who can reach the address may read, and without --read-only write and delete: there is
neither TLS nor a password. So it listens on this machine alone unless --allow-remote is given.

Examples:
  wharf serve
  wharf serve --listen 127.0.0.1:0 --store /mnt/usb/images --read-only
  wharf serve --listen 0.0.0.0:5000 --allow-remote --read-only")]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000")]
    pub listen: SocketAddr,
    /// The directory of the images. Without it: wharf's own store.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Refuse everything that would change the store.
    #[arg(long)]
    pub read_only: bool,
    /// Listen where other machines can reach it.
    #[arg(long)]
    pub allow_remote: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::Args;

    #[test]
    fn command_lines_parse_or_are_refused() {
        for line in [
            "wharf tag h.io/a:1 2 3 --force",
            "wharf delete a:1 b:2 --by-digest -y --confirm prod --confirm test --dry-run",
            "wharf diff a b --platform arm64,amd64",
            "wharf search web server -n 100 --registry h.io --creds u:p",
            "wharf files",
            "wharf files d --verify",
            "wharf store",
            "wharf store gc --dry-run --untagged --age 0s",
            "wharf serve --listen [::1]:0 --store d --read-only",
            "wharf repos h.io --filter a*",
        ] {
            assert!(Args::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
        for line in [
            "wharf tag a",
            "wharf delete",
            "wharf diff a",
            "wharf diff a b c",
            "wharf search",
            "wharf search a -n 0",
            "wharf search a -n 101",
            "wharf store rm",
            "wharf serve --listen nowhere",
        ] {
            assert!(Args::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }
}
