//! The one table of actions: name, documentation, context and default keys. The keymap, the hint bar, the help
//! overlay, the palette and the README's key table all come from it. The other languages of its
//! texts are in [`super::words`].

use crate::config::Language;

/// Where a key means something. The innermost context is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// Wherever no popup is open.
    Everywhere,
    /// Every list, and popups that scroll.
    List,
    /// The registries' pane.
    Registries,
    /// The browser.
    Browse,
    /// The queue of drafts.
    Queue,
    /// The jobs.
    Jobs,
    /// The log.
    Logs,
    /// A filter that is being typed.
    Filter,
    /// A popup with a line of text.
    Prompt,
    /// A popup that shows something.
    Popup,
    /// A popup that offers choices.
    Dialog,
}

impl Context {
    /// Every context, in the order of the help.
    pub const ALL: [Context; 11] = [
        Context::Everywhere,
        Context::List,
        Context::Registries,
        Context::Browse,
        Context::Queue,
        Context::Jobs,
        Context::Logs,
        Context::Filter,
        Context::Prompt,
        Context::Popup,
        Context::Dialog,
    ];

    /// The heading in the README.
    pub fn title(self) -> &'static str {
        Language::English.context_title(self)
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What happens.
    pub action: Action,
    /// Its name, as the palette and the configuration call it.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// A word for the hint bar; empty where the bar leaves it out.
    pub hint: &'static str,
    /// Where it applies.
    pub context: Context,
    /// Default keys; a sequence has its keys apart by a blank. An action without one is found in the palette.
    pub keys: &'static [&'static str],
    /// It changes a registry, an engine, a store, a file, a login or a job: not with `--read-only`. Written `writes`
    /// after the action.
    pub writes: bool,
}

macro_rules! actions {
    ($($context:ident { $($action:ident $($flag:ident)? $name:literal [$($key:literal),*] $hint:literal $doc:literal)* })*) => {
        /// Everything a key can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $doc] $action,)*)*
        }

        /// The table. Within a context, the order is that of the hint bar.
        pub const TABLE: &[Entry] = &[
            $($(Entry {
                action: Action::$action,
                name: $name,
                doc: $doc,
                hint: $hint,
                context: Context::$context,
                keys: &[$($key),*],
                writes: matches!(stringify!($($flag)?).as_bytes(), b"writes"),
            },)*)*
        ];
    };
}

actions! {
    Everywhere {
        Start "start" ["S"] "start" "Show the plan of the queue, then start it"
        AddReference "add-reference" ["n"] "new" "Add a reference by typing it"
        Import "import" ["I"] "" "Read a file that names images: images.json, a sync file, an export request, a list"
        SetTarget "set-target" ["T"] "target" "Say where copies go: HOST[/PREFIX], a registry's name, store: or oci:DIR"
        ResumeLeft writes "resume-interrupted" ["C"] "" "Go on with the jobs that a wharf which is gone left interrupted"
        Login writes "login" ["L"] "login" "Log in to the registry that refused, or to the one under the cursor"
        Search "search" ["s"] "search" "Search a registry for repositories, by words"
        CollectGarbage writes "collect-garbage" ["ctrl-g"] "" "Remove from wharf's own store what no image there needs; shows how much, and asks"
        Logout writes "logout" ["ctrl-x"] "" "Forget the stored login of the registry under the cursor"
        FocusRegistries "focus-registries" ["1"] "" "Go to the registries"
        FocusBrowse "focus-browse" ["2"] "" "Go to the browser"
        FocusQueue "focus-queue" ["3"] "" "Go to the queue"
        FocusJobs "focus-jobs" ["4"] "" "Go to the jobs"
        FocusLogs "focus-logs" ["5"] "" "Go to the log"
        FocusDetails "focus-details" ["0"] "" "Go to the details"
        NextPane "next-pane" ["tab"] "" "Go to the next pane"
        PreviousPane "previous-pane" ["S-tab"] "" "Go to the pane before"
        Zoom "zoom" ["+"] "zoom" "Give the focused pane the whole screen, or take it back"
        Palette "palette" [":"] "command" "Find an action by its name"
        Theme "theme" ["ctrl-t"] "" "Choose a theme; the screen shows each one as the cursor comes to it"
        Welcome "welcome" ["f2"] "" "Show the welcome: what was found here, and how to begin"
        Help "help" ["?"] "" "Show every key"
        History "history" ["H"] "" "Show the jobs that are over, also of earlier days, and what became of them"
        ToggleMouse "mouse" ["f3"] "" "Listen to the mouse, or leave it to the terminal for selecting text"
        Redraw "redraw" ["ctrl-l"] "" "Draw the whole screen again"
        Suspend "suspend" ["ctrl-z"] "" "Suspend wharf; `fg` brings it back"
        Back "back" ["esc"] "" "Undo one layer: a range, a filter, the zoom, a level of the browser"
        Quit "quit" ["q", "ctrl-c"] "" "Quit; asks if there is something to lose"
    }
    List {
        Down "down" ["j", "down"] "" "One row down"
        Up "up" ["k", "up"] "" "One row up"
        HalfPageDown "half-page-down" ["ctrl-d"] "" "Half a page down"
        HalfPageUp "half-page-up" ["ctrl-u"] "" "Half a page up"
        PageDown "page-down" ["pgdn", "ctrl-f"] "" "A page down"
        PageUp "page-up" ["pgup", "ctrl-b"] "" "A page up"
        Top "top" ["g g", "home"] "" "To the first row"
        Bottom "bottom" ["G", "end"] "" "To the last row"
        YankReference "yank-reference" ["y r"] "" "Copy names: of the chosen rows, else of the one under the cursor"
        YankDigest "yank-digest" ["y d"] "" "Copy it with its digest, REPOSITORY@sha256:…; asks where it is not known"
        YankCommand "yank-command" ["y c"] "" "Copy the command that does the same as the chosen rows, the row or the popup"
        YankCommands "yank-commands" ["y C"] "" "Copy the commands of the whole list: a script"
        YankText "yank-text" ["y e"] "" "Copy the error, or the log's lines on the screen"
    }
    Registries {
        OpenRegistry "open-registry" ["enter", "l", "right"] "browse" "Browse what it holds"
        UseAsTarget "use-as-target" ["t"] "copy to it" "Send copies there (a directory: exports)"
        AddRegistry "add-registry" ["A"] "add" "Add a registry to the list; config.yaml can keep it"
        AskRegistries "ask-registries" ["r"] "ask" "Ask every place in the list whether it is there"
    }
    Browse {
        Mark "mark" ["space"] "mark" "Mark the row, or take its mark away, and move down; a file is all its images, a repository all its tags"
        MarkRange "mark-range" ["v"] "range" "Begin a range; again: mark all of it"
        Add "add" ["a"] "add" "Add what is marked, else the row, to the queue as copies"
        AddWithOptions "add-with-options" ["A"] "" "Add what is marked, else the row, with platforms, tags, a destination and other options"
        Export "export" ["e"] "export" "Add what is marked, else the row, to the queue as exports"
        Filter "filter" ["/"] "filter" "Filter the list (fuzzy)"
        Inspect "inspect" ["i"] "inspect" "Show everything about the image"
        Tag writes "tag" ["t"] "tag" "Give the image new tags where it is; asks before another image loses one"
        Delete writes "delete" ["d"] "delete" "Delete what is marked, else the row: shows what goes with it, and asks"
        Diff "diff" ["D"] "diff" "Show what differs from the target's image"
        Descend "descend" ["enter", "l", "right"] "open" "Open: repository or file, tag or image, platforms"
        Ascend "ascend" ["h", "left", "backspace"] "up" "One level up"
        MarkPattern "mark-pattern" ["*"] "pattern" "Mark the rows that match a pattern, or make a rule of it for the queue"
        UnmarkRange "unmark-range" ["V"] "" "Take the marks of the range, else of the row, away"
        InvertMarks "invert-marks" ["ctrl-r"] "" "Invert the marks of the rows shown"
        ShowMarks "show-marks" ["m"] "" "Show what is marked, everywhere, and take marks away there"
        ClearMarks "clear-marks" ["M"] "" "Take all marks away, also those elsewhere"
        Sort "sort" ["o"] "sort" "Change the order: versions, names, as the registry lists"
        Refresh "refresh" ["r"] "refresh" "Ask again"
        OpenRepository "open-repository" ["N"] "" "Open a repository by its name, or search for it"
    }
    Queue {
        EditDraft "edit-draft" ["enter"] "options" "Change the options of what is marked, else of the draft"
        MarkDraft "mark-draft" ["space"] "mark" "Mark the draft, or take its mark away, and move down"
        MarkDraftRange "mark-draft-range" ["v"] "" "Begin a range of drafts; again: mark all of it"
        RemoveDraft "remove-draft" ["x"] "remove" "Take what is marked, else the draft, out of the queue"
        DraftDown "draft-down" ["J"] "later" "Move what is marked, else the draft, down"
        DraftUp "draft-up" ["K"] "earlier" "Move what is marked, else the draft, up"
        RaiseDraft "raise-draft" [">"] "" "Serve what is marked, else the draft, before others: its priority goes up by one"
        LowerDraft "lower-draft" ["<"] "" "Serve what is marked, else the draft, after others: its priority goes down by one"
        Undo "undo" ["u"] "undo" "Undo the last change of the queue"
        Redo "redo" ["U"] "redo" "Do it again"
        EditQueue "edit-queue" ["E"] "edit" "Edit the queue as a text in $VISUAL or $EDITOR"
        SaveQueue writes "save-queue" ["W"] "save" "Save the queue as a sync file, which `wharf sync` takes"
    }
    Jobs {
        JobDetails "job-details" ["enter"] "open" "Show the job whole: layers, log, why it failed and the HTTP exchange; of a group its jobs"
        JobLayers "job-layers" ["l", "right", "h", "left"] "layers" "Show the job's layers below it, or no longer"
        CancelJob writes "cancel-job" ["x"] "cancel" "Cancel the job"
        RetryJob writes "retry-job" ["R"] "retry" "Queue the failed job again: all of the group, all that is marked"
        PauseJob writes "pause-job" ["p"] "pause" "Pause the job, or let it go on"
        RaisePriority writes "raise-priority" ["K"] "" "Serve the job before others: its priority goes up by one"
        LowerPriority writes "lower-priority" ["J"] "" "Serve the job after others: its priority goes down by one"
        FewerWorkers "fewer-workers" ["<"] "" "One blob fewer at the same time"
        MoreWorkers "more-workers" [">"] "" "One blob more at the same time"
        SetBandwidth "set-bandwidth" ["b"] "" "Limit the bytes a second"
        RetryAll writes "retry-all" ["ctrl-r"] "retry all" "Queue every failed job again"
        CancelAll writes "cancel-all" ["X"] "" "Cancel every job that is not over; asks"
        ClearFinished "clear-finished" ["c"] "clear" "Hide the jobs that succeeded or were cancelled, or show them again"
        MarkJob "mark-job" ["space"] "mark" "Mark the job, or take its mark away, and move down: keys are for all that is marked"
        MarkJobs "mark-jobs" ["v"] "" "Begin a range of jobs; again: mark all of it"
        FilterJobs "filter-jobs" ["/"] "filter" "Show the jobs with these words in their names, states or failures"
        WhichJobs "which-jobs" ["f"] "which" "Show all jobs, those that are not over, the failed ones, those that are over"
        JobOrder "job-order" ["o"] "sort" "Change the order: by state, age, newest, name"
        QueueAgain "queue-again" ["a"] "again" "Put the job's image into the queue once more"
        UndoTags writes "undo-tags" ["u"] "" "Give the tags that the job moved back to what they stood for; asks"
    }
    Logs {
        Follow "follow" ["f"] "follow" "Follow the newest line, or stop following"
        LogLevel "log-level" ["F"] "level" "Change the level from which lines are shown"
        LogSearch "log-search" ["/"] "search" "Search the lines shown"
        LogNext "log-next" ["n"] "next" "To the next line that has what is searched for"
        LogPrevious "log-previous" ["N"] "before" "To the line before that has it"
        SaveLog writes "save-log" ["s"] "save" "Save all lines to a file"
        LogLeft "log-left" ["h", "left"] "" "Scroll long lines back to their begin"
        LogRight "log-right" ["l", "right"] "" "Scroll long lines to their end"
    }
    Filter {
        FilterDone "filter-done" ["enter"] "keep" "Keep the filter and go back to the list"
        FilterClear "filter-clear" ["esc", "ctrl-c"] "clear" "Drop the filter"
        FilterDown "filter-down" ["down", "ctrl-n"] "" "One row down"
        FilterUp "filter-up" ["up", "ctrl-p"] "" "One row up"
    }
    Prompt {
        PromptAccept "prompt-accept" ["enter"] "ok" "Take what was typed"
        PromptClose "prompt-close" ["esc", "ctrl-c"] "back" "Forget it"
        PromptDown "prompt-down" ["down", "ctrl-n"] "" "The next proposal, or the next line of a form"
        PromptUp "prompt-up" ["up", "ctrl-p"] "" "The proposal or the line before"
        NextField "next-field" ["tab"] "" "The next line of a form; completes a path; blank and arrows change a choice"
        PreviousField "previous-field" ["S-tab"] "" "The line before"
    }
    Popup {
        PopupAccept "popup-accept" ["enter"] "" "Go on: start the plan, add what was pasted"
        PopupClose "popup-close" ["esc", "q", "ctrl-c"] "back" "Close the popup"
        PopupLogin writes "popup-login" ["L"] "login" "Log in to the registry that refused what is shown"
        LeaveOut "leave-out" ["space", "x"] "" "Leave the row out of the plan or the preview, or take it in again; out of the list of marks"
        PopupFold "popup-fold" ["tab"] "" "Show the images of the plan's rule, or hide them"
        PopupExport "popup-export" ["e"] "" "Make files of what was pasted or read, or copies again"
        PopupHelp "popup-help" ["?"] "" "Close the help again"
    }
    Dialog {
        DialogAccept "dialog-accept" ["enter", "space"] "choose" "Take the choice"
        DialogNext "dialog-next" ["j", "down", "l", "right", "tab"] "next" "The next choice"
        DialogPrevious "dialog-previous" ["k", "up", "h", "left", "S-tab"] "" "The choice before"
        DialogClose "dialog-close" ["esc", "q"] "stay" "Leave everything as it is"
        DialogAbort "dialog-abort" ["ctrl-c"] "" "When asked about quitting: stop everything and quit at once"
    }
}

impl Action {
    /// Whether it must have a key: without it there would be no way out, or none on.
    pub fn is_needed(self) -> bool {
        use Action::*;
        matches!(
            self,
            Quit | Back
                | PopupClose
                | PopupAccept
                | PromptClose
                | PromptAccept
                | DialogClose
                | DialogAccept
                | DialogNext
                | FilterClear
                | FilterDone
        )
    }

    /// Whether it changes something outside this process, see [`Entry::writes`].
    pub fn writes(self) -> bool {
        self.entry().is_some_and(|entry| entry.writes)
    }

    /// The action's row.
    pub fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.action == self)
    }
}

/// The table as Markdown: what the README shows.
pub fn key_table_markdown() -> String {
    let mut out = String::new();
    for context in Context::ALL {
        out += &format!("**{}**\n\n| key | action | what it does |\n|---|---|---|\n", context.title());
        for entry in TABLE.iter().filter(|entry| entry.context == context) {
            let mut keys: Vec<String> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
            if keys.is_empty() {
                keys.push(format!("`:{}`", entry.name));
            }
            out += &format!("| {} | {} | {} |\n", keys.join(" "), entry.name, entry.doc);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_action_has_one_row_a_name_of_its_own_and_a_line_of_documentation() {
        let mut names = HashSet::new();
        let mut actions = HashSet::new();
        for entry in TABLE {
            assert!(names.insert(entry.name) && actions.insert(entry.action), "{} twice", entry.name);
            assert!(!entry.doc.is_empty() && !entry.doc.contains('\n'), "{}", entry.name);
            // What has no key is found in the palette, which lists the actions of the panes.
            let found = !matches!(
                entry.context,
                Context::Filter | Context::Prompt | Context::Popup | Context::Dialog
            );
            assert!(!entry.keys.is_empty() || found, "{}", entry.name);
        }
    }

    #[test]
    fn the_markdown_has_every_action() {
        let table = key_table_markdown();
        assert!(TABLE.iter().all(|entry| table.contains(&format!("| {} | {} |", entry.name, entry.doc))));
    }
}
