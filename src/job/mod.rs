//! What is to be done, as data: a job's specification, its states and their legal moves, its plan,
//! its progress, and the events that tell of all that. Pure and serialisable; nothing here does I/O.

mod command;
mod event;
mod export_name;
mod extras;
mod hint;
mod plan;
mod progress;
mod rate;
mod record;
mod rename;
mod snapshot;
mod spec;
mod state;
mod wish;

pub use command::{CommandLine, commands_of, extra_words, image_word, platform_words, quoted, sync_command};
pub use event::{JobEvent, Level};
pub use export_name::{ExportName, FILE_NAME_LIMIT};
pub use extras::Extras;
pub use hint::Hint;
pub use plan::{
    Plan, PlannedBlob, PlannedDestination, PlannedImage, PlannedManifest, PlannedReferrer, Presence,
    TagChange,
};
pub use progress::{Aside, AsideKind, BlobCounts, BlobProgress, BlobStage, Progress};
pub use rate::Rate;
pub use record::{Attempt, Owner};
pub use snapshot::{Failure, Job, Output, Report};
pub use spec::{JobId, JobSpec, Target};
pub use state::{IllegalMove, JobState};
pub use wish::Wish;
