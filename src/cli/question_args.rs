//! Arguments of the commands that ask: inspect, tags, repos, search, history, jobs; and of login and logout.

use clap::Subcommand;
use clap::builder::BoolishValueParser;

use super::args::Access;
use super::limits::TransferLimits;

/// `wharf inspect`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Of an archive or a layout with several images, all of them.

Examples:
  wharf inspect nginx:1.27
  wharf inspect nginx:1.27 --raw | sha256sum
  wharf inspect docker-archive:nginx.tar
  wharf inspect --registry ghcr.io")]
pub struct InspectArgs {
    /// The image.
    #[arg(value_name = "IMAGE", required_unless_present = "registry")]
    pub image: Option<String>,
    /// Ping this registry instead, and show what is known of it: how it is spoken to, whether the credential is
    /// accepted, what was learned of its ways, its rate limit.
    #[arg(long, value_name = "HOST", conflicts_with_all = ["image", "raw"])]
    pub registry: Option<String>,
    /// The manifest's exact bytes and nothing else.
    #[arg(long)]
    pub raw: bool,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}

/// `wharf tags`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  wharf tags nginx
  wharf tags store:nginx --output json")]
pub struct TagsArgs {
    /// The repository: nginx, ghcr.io/o/r, store:REPO, docker-daemon:NAME.
    #[arg(value_name = "REPO")]
    pub repository: String,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}

/// `wharf repos`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  wharf repos harbor.example.com
  wharf repos harbor --filter 'team-*/api'
  wharf repos docker-daemon:")]
pub struct ReposArgs {
    /// The registry: its host, the name of an entry of the configuration, store: for wharf's own store, or
    /// docker-daemon: for a container engine.
    #[arg(value_name = "REGISTRY")]
    pub registry: String,
    /// Only names that fit: with * and ? wildcards for the whole name, else letters in their order.
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}

/// `wharf search`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Docker Hub is searched as `docker search` does. Another registry's list of repositories is looked
through, or its own search is asked where it has no list.

Examples:
  wharf search nginx
  wharf search team api --registry harbor.example.com
  wharf search redis --registry store:")]
pub struct SearchArgs {
    /// Words that the names are to hold.
    #[arg(value_name = "TERM", required = true)]
    pub words: Vec<String>,
    /// The registry: its host, the name of an entry of the configuration, or store: for wharf's own store.
    #[arg(long, value_name = "REGISTRY", default_value = "docker.io")]
    pub registry: String,
    /// How many, at most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 25,
        value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,
    /// Access to the registry.
    #[command(flatten)]
    pub access: Access,
}

/// `wharf login`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The registry is asked with the password before anything is kept; a wrong one changes nothing.
It is kept where docker login keeps it: by the helper that Docker's config.json names, else in
that file, else in the file of --authfile or REGISTRY_AUTH_FILE. HOST/PATH keeps a login for
what is below that path alone; the longest path that fits is used.

Examples:
  wharf login
  wharf login ghcr.io -u me
  printf %s \"$TOKEN\" | wharf login harbor.example.com/team -u robot --password-stdin
  wharf login registry.example.com --authfile ci-auth.json")]
pub struct LoginArgs {
    /// The registry: `HOST[:PORT][/PATH]`, or the name of an entry of the configuration; Docker Hub if none is named.
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// The user name; asked for without this.
    #[arg(short = 'u', long, value_name = "USER")]
    pub username: Option<String>,
    /// Read the password from standard input; without this it is asked for, and not shown.
    #[arg(long)]
    pub password_stdin: bool,
    /// Whether the registry's certificate is looked at.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub tls_verify: Option<bool>,
}

/// `wharf logout`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Erased is what wharf would find: in Docker's config.json and its helpers and in podman's
auth.json; with --authfile in that file alone. What is for a path of the registry stays, unless
it is named as HOST/PATH.

Examples:
  wharf logout
  wharf logout harbor.example.com/team")]
pub struct LogoutArgs {
    /// The registry: `HOST[:PORT][/PATH]`, or the name of an entry of the configuration; Docker Hub if none is named.
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<String>,
}

/// `wharf history`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  wharf history -n 5
  wharf history 42")]
pub struct HistoryArgs {
    /// Show this job whole: its attempts, what it said, the tags it overwrote, the files it wrote.
    #[arg(value_name = "ID", conflicts_with = "limit")]
    pub id: Option<i64>,
    /// How many jobs, the newest first.
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// `wharf jobs`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A process that is killed leaves its jobs interrupted, or queued if they had not begun. `wharf jobs
resume` finishes them, and so does the command that began them, run again: what the destination
has is not sent again. Passwords that were given as options are not kept: resuming takes them from
the configuration or from where wharf login puts them.

Of a job that another wharf has (a terminal UI, a command, one whose terminal hung up) that
process is asked: it pauses, goes on, or cancels within a second, or says why not.

Examples:
  wharf jobs
  wharf jobs --watch
  wharf jobs pause 12
  wharf jobs resume
  wharf jobs resume 12 15
  wharf jobs priority 5 15
  wharf jobs cancel 13")]
pub struct JobsArgs {
    /// Show how they go until all of them are over, as the commands that began them would.
    #[arg(long)]
    pub watch: bool,
    /// What to do with them; nothing lists them.
    #[command(subcommand)]
    pub command: Option<JobsCommand>,
}

impl JobsArgs {
    /// The jobs that this process is to run in the background, if it was started for that.
    pub fn detached(&self) -> Option<Vec<crate::job::JobId>> {
        match &self.command {
            Some(JobsCommand::Resume { ids, detached: true, .. }) => {
                Some(ids.iter().copied().map(crate::job::JobId).collect())
            }
            _ => None,
        }
    }
}

/// `wharf jobs`
#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
    /// Let paused jobs go on; run jobs to their end here that were interrupted, that failed, or that a process that is
    /// gone left queued.
    Resume {
        /// The jobs' numbers; none for all that were interrupted or left queued.
        #[arg(value_name = "ID")]
        ids: Vec<i64>,
        /// Run them in the background, in a session of their own: how the terminal UI leaves them running.
        #[arg(long, hide = true)]
        detached: bool,
        /// How much they may take.
        #[command(flatten)]
        limits: TransferLimits,
    },
    /// Pause running jobs: no new blob starts, running ones finish.
    Pause {
        /// The jobs' numbers.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Cancel jobs, whichever process has them.
    Cancel {
        /// The jobs' numbers.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Run failed jobs again, here.
    Retry {
        /// The jobs' numbers.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Have jobs served before others, or after them.
    Priority {
        /// Higher goes first; 0 is the usual one, and it may be below.
        #[arg(value_name = "N", allow_negative_numbers = true)]
        priority: i32,
        /// The jobs' numbers.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
}
