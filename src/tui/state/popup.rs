//! The popups: a stack, of which the top one has the keys.

use tui_input::Input;

use super::choosing::Choosing;
use super::clipboard::Clip;
use super::document::{Faults, Save};
use super::history::History;
use super::login::LoginForm;
use super::marks::MarkKey;
use super::options::OptionsForm;
pub use super::plan::{PlanPreview, PlanRow, PlanStage};
use super::preview::Preview;
use super::removal::{Comparison, Removal, Stage};
use super::target::TargetForm;
use super::themes::ThemeChoice;
use super::welcome::{Offer, Welcome};
use crate::engine::{Garbage, TagMove};
use crate::job::{JobId, JobSpec};
use crate::oci::{Location, Registry};
use crate::tui::action::{Action, Context};

/// One popup.
pub enum Popup {
    /// Every key.
    Help(Scroll),
    /// Actions by name.
    Palette(Palette),
    /// A line of text.
    Prompt(Prompt),
    /// What was pasted, or read from a file.
    Paste(Box<Preview>),
    /// What a start would do.
    Plan(PlanPreview),
    /// Where copies go.
    Target(Box<TargetForm>),
    /// How drafts are done.
    Options(Box<OptionsForm>),
    /// Everything about the cursor's image.
    Inspect(Scroll),
    /// A job whole, and why it failed.
    Why(JobId, Scroll),
    /// The jobs that are over.
    History(Box<History>),
    /// A question.
    Dialog(Dialog),
    /// A user name and a password.
    Login(Box<LoginForm>),
    /// What a deletion would take.
    Removal(Box<Removal>),
    /// What two images differ in.
    Diff(Box<Comparison>),
    /// A text to be copied by hand.
    ByHand(Clip, Scroll),
    /// What is wrong with an edited queue.
    Faults(Box<Faults>),
    /// Which theme.
    Themes(Box<ThemeChoice>),
    /// The first run.
    Welcome(Welcome),
    /// A file that is to be written.
    Offer(Box<Offer>),
    /// A line of text with two ways to take it.
    Choosing(Box<Choosing>),
    /// What is marked.
    Marked(Marked),
}

/// The list of what is marked, as it was when it was opened.
pub struct Marked {
    /// The marks that are left.
    pub keys: Vec<MarkKey>,
    /// The cursor's row.
    pub cursor: usize,
}

/// How far a popup is scrolled, in rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scroll {
    /// Rows above the window.
    pub top: usize,
}

/// What a line of text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// References for the queue.
    Reference,
    /// A file with images.
    Import,
    /// Bytes a second; nothing for no limit.
    Bandwidth,
    /// New names for an image.
    Tags,
    /// Words of the jobs that are shown.
    Jobs,
    /// What is searched for in the log.
    SearchLog,
    /// The file that the log goes to.
    SaveLog,
    /// The file for the queue.
    SaveQueue,
    /// A registry for the list.
    Registry,
}

impl Ask {
    /// Whether a file's path is typed.
    pub fn is_path(self) -> bool {
        matches!(self, Ask::Import | Ask::SaveQueue | Ask::SaveLog)
    }
}

/// A line of text.
pub struct Prompt {
    /// What for.
    pub ask: Ask,
    /// Which image, where it is about one.
    pub about: Option<Location>,
    /// The text.
    pub input: Input,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Show the plan once it is answered: the start was waiting for it.
    pub then_start: bool,
}

/// Actions by name.
#[derive(Default)]
pub struct Palette {
    /// The text.
    pub input: Input,
    /// What matches, the best first.
    pub hits: Vec<Action>,
    /// The choice.
    pub cursor: usize,
}

/// A question's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Leave wharf?
    Quit,
    /// Cancel this running job?
    Cancel(JobId),
    /// Cancel these jobs?
    CancelJobs(Vec<JobId>),
    /// Forget the stored login of this registry?
    Logout(Registry),
    /// Take these names from other images?
    Overwrite(Vec<JobSpec>, Vec<TagMove>),
    /// Remove this from the store, which nothing there needs?
    Garbage(Garbage),
    /// Replace the file that is there?
    Replace(Box<Save>),
}

/// A question.
pub struct Dialog {
    /// About what.
    pub question: Question,
    /// What can be answered; the first is the safe one.
    pub choices: Vec<(Choice, String)>,
    /// The choice that enter takes.
    pub cursor: usize,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Leave everything as it is.
    Stay,
    /// Wait for the jobs, then quit.
    Finish,
    /// Leave the jobs running in the background, and quit.
    Leave,
    /// Stop the jobs and quit.
    Stop,
    /// Quit: nothing runs.
    Quit,
    /// Cancel the job.
    CancelJob,
    /// Forget the stored login.
    Logout,
    /// Take the names.
    Overwrite,
    /// Remove the garbage.
    Collect,
    /// Replace the file.
    Replace,
}

impl Popup {
    /// The popup's contexts for keys, the innermost first.
    pub fn contexts(&self) -> &'static [Context] {
        match self {
            Popup::Palette(_) | Popup::Prompt(_) | Popup::Login(_) | Popup::Choosing(_) => &[Context::Prompt],
            Popup::Target(_) | Popup::Options(_) => &[Context::Prompt],
            Popup::Plan(plan) if plan.types() => &[Context::Prompt],
            Popup::Plan(plan) if plan.stage == PlanStage::Asking => &[Context::Dialog, Context::List],
            // Its command can be copied instead.
            Popup::Dialog(Dialog { question: Question::Overwrite(..), .. }) => {
                &[Context::Dialog, Context::List]
            }
            Popup::Dialog(_) | Popup::Themes(_) | Popup::Welcome(_) | Popup::Offer(_) => &[Context::Dialog],
            Popup::Removal(removal) if removal.types() => &[Context::Prompt],
            Popup::Removal(removal) if removal.stage == Stage::Asking => &[Context::Dialog, Context::List],
            Popup::Removal(_) | Popup::Diff(_) | Popup::Marked(_) | Popup::Faults(_) | Popup::ByHand(..) => {
                &[Context::Popup, Context::List]
            }
            Popup::History(history) if history.typing => &[Context::Prompt],
            Popup::History(_) | Popup::Why(..) => &[Context::Popup, Context::Jobs, Context::List],
            Popup::Help(_) | Popup::Paste(..) | Popup::Plan(_) | Popup::Inspect(_) => {
                &[Context::Popup, Context::List]
            }
        }
    }

    /// How far it is scrolled, if it scrolls.
    pub fn scroll_mut(&mut self) -> Option<&mut Scroll> {
        match self {
            Popup::Help(scroll)
            | Popup::Inspect(scroll)
            | Popup::ByHand(_, scroll)
            | Popup::Why(_, scroll) => Some(scroll),
            Popup::Removal(removal) => Some(&mut removal.scroll),
            Popup::Diff(comparison) => Some(&mut comparison.scroll),
            Popup::Faults(faults) => Some(&mut faults.scroll),
            // These have a cursor.
            Popup::Paste(_) | Popup::Plan(_) | Popup::History(_) | Popup::Marked(_) => None,
            Popup::Palette(_) | Popup::Prompt(_) | Popup::Dialog(_) | Popup::Login(_) => None,
            Popup::Target(_) | Popup::Options(_) | Popup::Themes(_) | Popup::Choosing(_) => None,
            Popup::Welcome(_) | Popup::Offer(_) => None,
        }
    }
}
