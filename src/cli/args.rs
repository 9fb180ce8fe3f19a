//! The command line, as clap derives it. What a value means is found out by the command that takes it, so that
//! all faults of a command line are told at once; clap stops at the first.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::OnceLock;

use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use super::extras::ExtraArgs;
use super::limits::TransferLimits;
use super::question_args::{
    HistoryArgs, InspectArgs, JobsArgs, LoginArgs, LogoutArgs, ReposArgs, SearchArgs, TagsArgs,
};
use super::upkeep_args::{DeleteArgs, DiffArgs, FilesArgs, ServeArgs, StoreArgs, TagArgs};
use crate::config::Batch;
use crate::config::credentials::Environment;

const EXAMPLES: &str = "\
Names:
  nginx, nginx:1.27, ghcr.io/o/r:t, r@sha256:…   in a registry; docker:// may stand before it
  oci:DIR[:REF], oci-archive:FILE[:REF]          an OCI layout, as a directory or a tar
  docker-archive:FILE[:REF]                      a tar that docker load takes
  docker-daemon:REF, docker-daemon://HOST/REF    an image of a Docker or podman engine
  store:REPO[:TAG]                               wharf's own image store
Archives are read plain, gzip or zstd; one that is written is compressed whole if its name ends
with .gz, .tgz, .zst or .tzst; - in place of FILE is standard input or output.

Examples:
  wharf                                          open the terminal UI
  wharf demo                                     the same, on two registries of its own
  wharf copy nginx:1.27 harbor.example.com/lib/nginx
  wharf sync images.txt --to harbor.example.com/mirror
  wharf export nginx:1.27 --platform arm64 -o downloads/
  wharf export nginx:1.27 redis:7 --single -o all.tar.gz
  wharf import downloads/nginx.tar harbor.example.com/lib
  wharf tags ghcr.io/o/r
  wharf login ghcr.io
  wharf diff nginx:1.26 nginx:1.27
  wharf delete harbor.example.com/lib/nginx:1.25
  wharf serve --read-only

Exit codes:
  0    all done
  1    a job failed; diff: the images differ; files --verify: a file is not what its sum says
  2    usage or configuration
  3    every failure was authentication
  130  interrupted";

/// Move container images between registries, engines, stores and files. Without a command it opens the terminal UI.
#[derive(Debug, Clone, Parser)]
#[command(name = "wharf", version, max_term_width = 98, after_help = EXAMPLES)]
pub struct Args {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// The command; none opens the terminal UI.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Read this configuration instead of the platform's (see `wharf config path`).
    // An empty WHARF_CONFIG is none; clap's own parser for paths would refuse it.
    #[arg(long, global = true, value_name = "FILE", env = "WHARF_CONFIG",
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub config: Option<PathBuf>,
    /// How results are written to standard output.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: OutputFormat,
    /// No progress, no notes, and of a transfer no result: errors only.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More of the log on standard error; -vv for all of it.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// How progress is shown on standard error. auto: bars on a terminal, else plain lines.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub progress: ProgressMode,
    /// The same as --progress none.
    #[arg(long, global = true, conflicts_with = "progress")]
    pub no_progress: bool,
    /// Ask this file for credentials before Docker's and podman's.
    #[arg(long, global = true, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
    /// Keep jobs and history in this database instead of the platform's.
    #[arg(long, global = true, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Change nothing: no registry, engine, store, file or login. Whatever would is refused; --dry-run works.
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Keep no record of jobs.
    #[arg(long, global = true, conflicts_with = "ledger")]
    pub no_ledger: bool,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, else plain lines.
    #[default]
    Auto,
    /// One moving line a job.
    Bars,
    /// Lines as things happen.
    Plain,
    /// JSON, an object a line.
    Json,
    /// Nothing.
    None,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Copy an image to one or more places.
    Copy(CopyArgs),
    /// Copy every image of a list, an images.json or a sync file.
    Sync(SyncArgs),
    /// Write images as tar files that `docker load` takes.
    Export(ExportArgs),
    /// Push images of archives: docker save's, OCI archives, OCI layouts.
    Import(ImportArgs),
    /// List a registry's repositories.
    Repos(ReposArgs),
    /// Find repositories by words.
    Search(SearchArgs),
    /// List a repository's tags.
    Tags(TagsArgs),
    /// Show what an image is made of.
    Inspect(InspectArgs),
    /// Show what two images differ in.
    Diff(DiffArgs),
    /// Give an image new names where it is.
    Tag(TagArgs),
    /// Delete tags or manifests.
    Delete(DeleteArgs),
    /// List exported files and the images in them.
    Files(FilesArgs),
    /// Show wharf's own image store, or collect its garbage.
    Store(StoreArgs),
    /// Serve a store as a registry.
    Serve(ServeArgs),
    /// Check a user name and a password, and keep them where `docker login` does.
    Login(LoginArgs),
    /// Erase what is kept for a registry.
    Logout(LogoutArgs),
    /// Check, find or print the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show the jobs that are not over, whoever has them; pause, resume, cancel, retry them.
    Jobs(JobsArgs),
    /// Show earlier jobs.
    History(HistoryArgs),
    /// Try wharf on two registries of its own; needs no network.
    Demo(DemoArgs),
    /// Print a shell's completion script.
    Completions(CompletionsArgs),
}

/// `USER:PASSWORD` as it was typed. Its `Debug` shows nothing, and clap never gets to print it.
#[derive(Debug, Clone)]
pub struct TypedCredentials(pub(super) SecretString);

impl FromStr for TypedCredentials {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<TypedCredentials, Infallible> {
        Ok(TypedCredentials(SecretString::from(text.to_owned())))
    }
}

/// `wharf copy`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
All platforms of the image travel, byte for byte; what the destination has already is not sent.
A destination without a tag takes the source's, else latest. With --all-tags both are
repositories, with --all-repos places: every repository goes to its own name below DST. Tags
sha256-…, which speak of other images, are left out then, but for --digest-tags.

Examples:
  wharf copy nginx:1.27 harbor.example.com/lib/nginx
  wharf copy ghcr.io/o/r:t harbor.example.com/o/r --referrers --digest-tags
  wharf copy --all-tags ghcr.io/o/r harbor.example.com/o/r --dry-run
  wharf copy --all-repos old.example.com/team harbor.example.com/mirror
  wharf copy nginx:1.27 harbor.example.com/lib/nginx --tag stable --tag 1
  wharf copy ghcr.io/o/r:t store:o/r oci:layout:t --platform linux/amd64 --platform arm/v7
  wharf copy ghcr.io/o/r:t oci-archive:r.tar.zst
  wharf copy ghcr.io/o/r:t oci-archive:- | ssh host 'cat > r.tar'
  wharf copy docker-daemon:api:1 harbor.example.com/team/api:1
  wharf copy 127.0.0.1:5001/a:1 127.0.0.1:5002/a:1 --dry-run")]
pub struct CopyArgs {
    /// The image.
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Where it goes.
    #[arg(value_name = "DST", required = true)]
    pub destinations: Vec<String>,
    /// Only this platform, as in linux/amd64, arm64, arm/v7; may be given several times.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// One more tag at every destination; may be given several times.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Replace an archive's file if it exists.
    #[arg(long)]
    pub overwrite: bool,
    /// All tags: SRC and DST are repositories.
    #[arg(long, conflicts_with = "all_repos")]
    pub all_tags: bool,
    /// All tags of all repositories: SRC is `HOST[/PATH]`, the name of an entry of the configuration or `store:[PATH]`, and DST what
    /// takes the place of its host.
    #[arg(long)]
    pub all_repos: bool,
    /// What travels along.
    #[command(flatten)]
    pub extras: ExtraArgs,
    /// Show what would travel, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How much it may take.
    #[command(flatten)]
    pub limits: TransferLimits,
    /// Access to the source.
    #[command(flatten)]
    pub source_access: SourceAccess,
    /// Access to the destinations.
    #[command(flatten)]
    pub destination_access: DestinationAccess,
}

/// A batch file as it was named. It is read once, whoever asks first: standard input cannot be read again.
#[derive(Debug, Clone)]
pub struct TypedBatch {
    file: PathBuf,
    batch: OnceLock<Batch>,
}

impl TypedBatch {
    fn new(file: impl Into<PathBuf>) -> TypedBatch {
        TypedBatch { file: file.into(), batch: OnceLock::new() }
    }

    /// The batch, with what is wrong with it.
    pub(super) fn read(&self) -> &Batch {
        let environment = Environment::of_process();
        self.batch.get_or_init(|| Batch::read(&self.file, &|name| environment.variable(name)))
    }
}

/// `wharf sync`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
FILE is one of four kinds, told apart by what is in it:
  a list        one reference a line; blank lines and what follows a # are skipped
  images.json   [{\"source\": \"nginx\", \"target\": \"h.io/web\", \"tags\": [\"1.27\"]}], and architectures
  a sync file   wharf.yaml: sources with tag filters, destinations, rules for names
                (`wharf config example --sync` prints one with every key)
  a request     {\"images\": [\"nginx:1.27\"], \"target_registry\": \"h.io/x\", \"replace_level\": 1}

Where the file gives no destination the host of each image is replaced: docker.io/library/nginx:1
goes to PREFIX/library/nginx:1. Nothing moves until the whole file is right. An image that fails
does not stop the others, and what the destination has is not sent again: the same command
finishes what failed or was interrupted.

Examples:
  wharf sync images.txt --to harbor.example.com/mirror
  wharf sync images.txt --to harbor --platform linux/amd64 --dry-run
  wharf sync wharf.yaml
  grep -v windows images.txt | wharf sync - --to 127.0.0.1:5000")]
pub struct SyncArgs {
    /// The list, images.json, sync file or export request; - reads it from standard input.
    #[arg(value_name = "FILE", value_parser = OsStringValueParser::new().map(TypedBatch::new))]
    pub file: TypedBatch,
    /// Where images go that the file gives no destination: `HOST[:PORT][/PATH]`, the name of an entry of the configuration, or
    /// `store:[PATH]`. Without it: the configuration's `target`.
    #[arg(long, value_name = "PREFIX")]
    pub to: Option<String>,
    /// Only this platform, as in linux/amd64, arm64, arm/v7; may be given several times.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// What travels along.
    #[command(flatten)]
    pub extras: ExtraArgs,
    /// Show what would travel, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How much it may take.
    #[command(flatten)]
    pub limits: TransferLimits,
    /// Access to the sources.
    #[command(flatten)]
    pub source_access: SourceAccess,
    /// Access to the destinations.
    #[command(flatten)]
    pub destination_access: DestinationAccess,
}

/// How a source's registry is spoken to.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SourceAccess {
    /// Credentials for the source's registry.
    #[arg(long, value_name = "USER:PASSWORD")]
    pub src_creds: Option<TypedCredentials>,
    /// Whether the source's certificate is looked at.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub src_tls_verify: Option<bool>,
}

/// How the destinations' registries are spoken to.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DestinationAccess {
    /// Credentials for the destinations' registries.
    #[arg(long, value_name = "USER:PASSWORD")]
    pub dest_creds: Option<TypedCredentials>,
    /// Whether the destinations' certificates are looked at.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub dest_tls_verify: Option<bool>,
}

/// How a registry that is only asked is spoken to.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Access {
    /// Credentials for the registry.
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<TypedCredentials>,
    /// Whether the registry's certificate is looked at.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub tls_verify: Option<bool>,
}

/// `wharf export`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A file holds one platform; without --platform it is Linux on this machine's CPU. In a directory
a file is named NAME_TAG_YYYYMMDD_HHMMSS.tar; several platforms give a file each. NAME.tar.gz and
NAME.tar.zst are compressed (docker load before Docker 23 takes .gz only).

With --single all images go into one file, under their names, and a layer that several have is in
it once. If one of them cannot be had, there is no file.

Examples:
  wharf export nginx:1.27 -o downloads/
  wharf export nginx:1.27 redis:7 --platform linux/amd64 --platform linux/arm64 -o downloads/
  wharf export nginx:1.27 -o nginx.tar && docker load -i nginx.tar
  wharf export nginx:1.27 redis:7 --single -o all.tar.gz
  wharf export nginx:1.27 -o - | docker load
  wharf export nginx:1.27 redis:7 --single -o - | ssh host docker load
  wharf export --from request.json -o downloads/ --script && sh downloads/load.sh")]
pub struct ExportArgs {
    /// The images.
    #[arg(value_name = "REF", required_unless_present = "from")]
    pub images: Vec<String>,
    /// Take the images from this file, of any kind that `wharf sync` takes; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "images",
        value_parser = OsStringValueParser::new().map(TypedBatch::new))]
    pub from: Option<TypedBatch>,
    /// Write DIR/load.sh as well, which loads the files into Docker, tags the images as the file of --from names their
    /// targets, and pushes them.
    #[arg(long, requires = "from", conflicts_with = "images")]
    pub script: bool,
    /// A directory (made if need be), or one file, NAME.tar, NAME.tar.gz or NAME.tar.zst; - is standard output.
    /// Without it: the configuration's `downloads`.
    #[arg(short = 'o', value_name = "DIR|FILE")]
    pub into: Option<PathBuf>,
    /// All images into one file.
    #[arg(long, conflicts_with = "script")]
    pub single: bool,
    /// This platform, as in linux/amd64, arm64, arm/v7; several give a file each.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// The platform is part of the file's name where only one is asked for, too.
    #[arg(long, requires = "platform")]
    pub platform_in_name: bool,
    /// Layers that lie outside the registry (of Windows images) are written, too.
    #[arg(long, alias = "allow-nondistributable-artifacts")]
    pub foreign_layers: bool,
    /// Replace the file if it exists.
    #[arg(long)]
    pub overwrite: bool,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How much it may take.
    #[command(flatten)]
    pub limits: TransferLimits,
    /// Access to the source.
    #[command(flatten)]
    pub source_access: SourceAccess,
}

/// `wharf import`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A FILE is a docker save tar, an OCI archive (both may be gzip or zstd), an OCI layout's directory,
or - for standard input; which of them is found out. Every image of it goes below DST by its own
name: docker.io/library/nginx:1 goes to DST/library/nginx:1. An image that has a tag but no name,
or one that --tag gives its only tag, goes to the repository that DST is.

Examples:
  wharf import images.tar harbor.example.com/mirror
  docker save app:1 db:2 | wharf import - harbor.example.com/team
  wharf import all.tar.gz harbor --image 'team/*' --rename team/api=prod/api --dry-run
  wharf import app.tar harbor.example.com/team/app:1.2 --force")]
pub struct ImportArgs {
    /// The archives.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Where the images go: `HOST[:PORT][/PATH]`, the name of an entry of the configuration, or `store:[PATH]`; for one image also
    /// its full name, `HOST/REPO:TAG`.
    #[arg(value_name = "DST", required = true)]
    pub destination: String,
    /// Only this image, as in nginx:1, 'team/*', sha256:…, @0 (the first); may be given several times.
    #[arg(long, value_name = "NAME")]
    pub image: Vec<String>,
    /// Give an image another name below DST, as in nginx:1=web/nginx:1; without tags all of a repository.
    #[arg(long, value_name = "OLD=NEW")]
    pub rename: Vec<String>,
    /// Give the one image this tag instead of its own.
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Overwrite tags that point at other images.
    #[arg(long)]
    pub force: bool,
    /// Only this platform, as in linux/amd64, arm64, arm/v7; may be given several times.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// Show what would travel, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How much it may take.
    #[command(flatten)]
    pub limits: TransferLimits,
    /// Access to the destination.
    #[command(flatten)]
    pub destination_access: DestinationAccess,
}

/// `wharf config`
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Read the configuration: every fault at once, else every value and where it is set.
    Check,
    /// Print where the configuration is read from.
    Path,
    /// Print a configuration with every key and its meaning.
    Example {
        /// A sync file instead, for `wharf sync`.
        #[arg(long)]
        sync: bool,
    },
}

/// `wharf demo`
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Do the main job there, print what was done, and end.
    #[arg(long)]
    pub headless: bool,
}

/// `wharf completions`
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

impl Global {
    /// The configuration's file that somebody named.
    pub fn config_file(&self) -> Option<&std::path::Path> {
        self.config.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}
