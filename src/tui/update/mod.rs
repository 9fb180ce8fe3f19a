//! `update`: the only place where the state changes. It never waits; what has to be done outside is its answer.

mod answers;
mod asking;
mod browse;
mod choosing;
mod clipboard;
mod documents;
mod jobs;
pub mod login;
mod logs;
mod mouse;
mod moves;
mod notices;
pub(crate) mod options;
mod others;
mod past;
mod paste;
mod plan;
mod popups;
mod press;
mod queue;
mod rules;
mod target;
pub(crate) mod themes;
mod upkeep;
pub(crate) mod welcome;

use crossterm::event::{Event, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::action::Action;
use super::effect::{Effect, Exit};
use super::event::Msg;
use super::state::popup::{Palette, Popup, Scroll};
use super::state::{DEBOUNCE, EngineState, Leaving, Pane, State, Tone};
use super::view::details::kept as details;
use super::view::{jobs as jobs_view, popup as popup_view};

/// Takes a message; the answer is what is to be done outside.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    // Keys ask how long a page is: it is built before them, where time alone has changed it.
    details::refresh(state);
    match msg {
        Msg::Key(key) => press::press(state, key, &mut effects),
        Msg::Mouse(event) => mouse::event(state, event, &mut effects),
        Msg::Copied(clip, answer) => clipboard::delivered(state, clip, answer, &mut effects),
        Msg::Paste(text) => paste::paste(state, &text, &mut effects),
        Msg::Resize(width, height) => state.size = (width, height),
        Msg::Tick => {}
        Msg::Work => work(state),
        Msg::Ready => state.engine = EngineState::Ready,
        Msg::NotReady(reason) => {
            state.say(Tone::Bad, state.words.engine_did_not_start(&reason));
            state.engine = EngineState::Failed(crate::oci::printable(&reason, 300));
        }
        Msg::Jobs(jobs) => {
            answers::sampled(state, jobs, &mut effects);
            notices::watch(state, &mut effects);
        }
        Msg::Event(at, event) => answers::event(state, at, &event),
        Msg::Page { generation, names } => answers::page(state, generation, names),
        Msg::Found { generation, found } => answers::found(state, generation, found),
        Msg::Files { generation, files } => answers::files(state, generation, files),
        Msg::Images { generation, images } => answers::images(state, generation, images),
        Msg::Gathered { place, export, answer } => {
            queue::gathered(state, &place, export, answer, &mut effects);
        }
        Msg::Imported(answer) => paste::imported(state, answer),
        Msg::Room { generation, room } => plan::room(state, generation, room),
        Msg::LoggedIn { request, target, answer } => {
            login::answered(state, request, &target, answer, &mut effects);
        }
        Msg::Setup(answer) => welcome::answered(state, answer, &mut effects),
        Msg::Theme(answer) => themes::answered(state, *answer),
        Msg::Upkeep(answer) => upkeep::answered(state, answer, &mut effects),
        Msg::Past(answer) => past::answered(state, answer),
        Msg::LoggedOut(target, answer) => login::logged_out(state, &target, answer),
        Msg::ListEnd { generation, failure } => answers::list_end(state, generation, failure),
        Msg::Inspected(location, answer) => {
            answers::inspected(state, &location, answer);
            options::learned(state);
        }
        Msg::Resolved(location, answer) => answers::resolved(state, &location, answer),
        Msg::Planned { generation, draft, outcome } => answers::planned(state, generation, draft, outcome),
        Msg::Submitted(draft, answer) => answers::submitted(state, draft, answer, &mut effects),
        // The engine names the job itself where it is the job that will not.
        Msg::Refused(job, failure) if failure.message.starts_with(&format!("job {job}")) => {
            state.say(Tone::Bad, failure.message);
        }
        Msg::Refused(job, failure) => state.say(Tone::Bad, state.words.job_refused(job, failure.message)),
        Msg::Others(remotes) => others::learned(state, &remotes),
        Msg::Recording(recording) => others::recording(state, recording),
        Msg::Left(answer) => others::left(state, answer, &mut effects),
        Msg::Edited(answer) => documents::edited(state, *answer),
        Msg::Completed(found) => documents::completed(state, found),
        Msg::Saved(save, answer) => documents::saved(state, *save, answer),
        Msg::Stopped => effects.push(Effect::Exit(Exit::Stopped)),
    }
    if state.queue.drafts().is_empty() && !state.jobs.busy() {
        state.kept.clear();
    }
    clipboard::settle(state, &mut effects);
    details::refresh(state);
    settle(state);
    asking::ask(state, &mut effects);
    past::ask(state, &mut effects);
    // The cursor's image, if it is another one by now, or what was just asked for.
    details::refresh(state);
    effects
}

/// A key for the line that is being typed.
fn text(state: &mut State, key: KeyEvent) {
    let event = Event::Key(key);
    match state.popups.last_mut() {
        Some(Popup::Prompt(prompt)) => {
            prompt.input.handle_event(&event);
            prompt.error = None;
        }
        Some(Popup::Palette(palette)) => {
            palette.input.handle_event(&event);
            popups::search(state);
        }
        Some(Popup::Choosing(choosing)) => {
            choosing.input.handle_event(&event);
            choosing::typed(state);
        }
        Some(Popup::Login(form)) => login::text(form, key),
        Some(Popup::History(history)) => past::text(history, key),
        Some(Popup::Target(form)) => {
            form.form.key(key);
            target::search(state);
        }
        Some(Popup::Options(form)) => {
            if let Some(field) = form.form.key(key) {
                form.changed(field);
            }
        }
        Some(Popup::Plan(plan)) => {
            plan.typed.handle_event(&event);
            plan.mistyped = false;
        }
        Some(Popup::Removal(removal)) => {
            removal.typed.handle_event(&event);
            removal.mistyped = false;
        }
        Some(_) => {}
        None => {
            state.browse.input.handle_event(&event);
            browse::filter_changed(state);
        }
    }
}

/// Does an action.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    use Action::*;
    if state.read_only && action.writes() {
        return popups::refuse(state, action.entry().map_or("", |entry| entry.name));
    }
    match action {
        FocusRegistries => moves::focus(state, Pane::Registries),
        FocusBrowse => moves::focus(state, Pane::Browse),
        FocusQueue => moves::focus(state, Pane::Queue),
        FocusJobs => moves::focus(state, Pane::Jobs),
        FocusLogs => moves::focus(state, Pane::Logs),
        FocusDetails => moves::focus(state, Pane::Details),
        NextPane => moves::cycle(state, true),
        PreviousPane => moves::cycle(state, false),
        Zoom => moves::zoom(state),
        Help => state.popups.push(Popup::Help(Scroll::default())),
        Palette => {
            state.popups.push(Popup::Palette(self::Palette::default()));
            popups::search(state);
        }
        Theme => themes::open(state, effects),
        ToggleMouse => mouse::toggle(state),
        YankReference | YankDigest | YankCommand | YankCommands | YankText => {
            clipboard::yank(state, action, effects);
        }
        Welcome => welcome::open(state, effects),
        AddRegistry => welcome::ask_registry(state),
        AskRegistries => welcome::refresh(state, effects),
        Redraw => effects.push(Effect::Redraw),
        Suspend => effects.push(Effect::Suspend),
        Back => moves::back(state),
        Quit => others::quit(state, effects),
        ResumeLeft => others::resume_left(state, effects),
        Down | Up | HalfPageDown | HalfPageUp | PageDown | PageUp | Top | Bottom => {
            moves::travel(state, action)
        }
        Start => queue::start(state, effects),
        AddReference => popups::ask_reference(state),
        Import => paste::ask_file(state),
        SetTarget => target::open(state, false),
        Login | PopupLogin => login::open(state),
        Logout => login::ask_logout(state),
        OpenRegistry => browse::open_registry(state, effects),
        UseAsTarget => queue::use_as_target(state),
        Mark | MarkRange | UnmarkRange | InvertMarks | ClearMarks => browse::mark(state, action),
        Add => queue::add(state, false, effects),
        AddWithOptions => options::add(state, effects),
        Export => queue::add(state, true, effects),
        Filter => browse::begin_filter(state),
        Tag => upkeep::ask_tags(state),
        Delete => upkeep::delete(state, effects),
        Diff => upkeep::compare(state, effects),
        Inspect => state.popups.push(Popup::Inspect(Scroll::default())),
        Descend => browse::descend(state, effects),
        Ascend => browse::ascend(state),
        Sort => {
            state.browse.list_mut().next_sort();
            let order = state.browse.list().sort().label(state.words);
            state.say(Tone::Plain, state.words.order_is(order));
        }
        Refresh => browse::refresh(state, effects),
        OpenRepository => choosing::ask_repository(state, false),
        Search => choosing::ask_repository(state, true),
        MarkPattern => choosing::ask_pattern(state),
        ShowMarks => choosing::show_marks(state),
        CollectGarbage => upkeep::ask_garbage(state, effects),
        EditDraft => options::open_queued(state, effects),
        MarkDraft | MarkDraftRange => options::mark(state, action),
        RaiseDraft => options::prioritise(state, 1),
        LowerDraft => options::prioritise(state, -1),
        RemoveDraft | DraftDown | DraftUp | Undo | Redo => queue::change(state, action),
        EditQueue => documents::edit(state, None, effects),
        SaveQueue => documents::ask_save(state),
        JobDetails => jobs::details(state),
        JobLayers => jobs::layers(state),
        RetryAll => jobs::retry_all(state, effects),
        CancelAll => jobs::cancel_all(state),
        ClearFinished => jobs::clear_finished(state),
        MarkJob => jobs::mark(state, false),
        MarkJobs => jobs::mark(state, true),
        WhichJobs => jobs::next_which(state),
        JobOrder => jobs::next_order(state),
        FilterJobs => jobs::filter(state),
        QueueAgain => past::queue_again(state),
        UndoTags => past::undo_tags(state, effects),
        History => past::open(state),
        LogSearch => logs::ask_search(state),
        LogNext => logs::seek(state, true),
        LogPrevious => logs::seek(state, false),
        SaveLog => logs::ask_save(state),
        LogLeft => logs::shift(state, false),
        LogRight => logs::shift(state, true),
        CancelJob => jobs::cancel(state, effects),
        RetryJob => jobs::retry(state, effects),
        PauseJob => jobs::pause(state, effects),
        RaisePriority => jobs::prioritise(state, 1, effects),
        LowerPriority => jobs::prioritise(state, -1, effects),
        FewerWorkers => jobs::workers(state, false, effects),
        MoreWorkers => jobs::workers(state, true, effects),
        SetBandwidth => popups::ask_bandwidth(state),
        Follow => state.logs.toggle_follow(),
        LogLevel => state.logs.next_level(),
        FilterDone => state.browse.typing = false,
        FilterClear => browse::clear_filter(state),
        FilterDown => state.browse.list_mut().move_by(1),
        FilterUp => state.browse.list_mut().move_by(-1),
        PromptAccept => popups::accept_prompt(state, effects),
        PopupAccept => popups::accept(state, effects),
        PromptClose | PopupClose | DialogClose => popups::close(state, effects),
        PopupHelp => popups::toggle_help(state),
        NextField | PreviousField => popups::field(state, action == NextField, effects),
        LeaveOut if matches!(state.popups.last(), Some(Popup::Marked(_))) => choosing::unmark(state),
        LeaveOut | PopupExport => paste::change(state, action),
        PopupFold => plan::fold(state),
        PromptDown => popups::propose(state, 1),
        PromptUp => popups::propose(state, -1),
        DialogAccept => popups::answer(state, effects),
        DialogNext => popups::choose(state, 1, effects),
        DialogPrevious => popups::choose(state, -1, effects),
        DialogAbort => popups::abort(state, effects),
    }
}

fn work(state: &mut State) {
    if state.adding.is_some() {
        queue::add_some(state);
        return;
    }
    let State { browse, matcher, .. } = state;
    browse.list_mut().work(matcher);
}

/// Brings every window to its cursor.
fn settle(state: &mut State) {
    use super::state::listing::settled;
    let layout = state.layout();
    let rows = |pane| layout.inner(pane).height as usize;
    let registries = &mut state.registries;
    registries.offset =
        settled(registries.offset, registries.cursor, registries.rows.len(), rows(Pane::Registries));
    let queue = &mut state.queue;
    queue.offset = settled(queue.offset, queue.cursor, queue.drafts().len(), rows(Pane::Queue));
    let browse_rows = super::view::browse::window(state, layout.inner(Pane::Browse)).height as usize;
    state.browse.list_mut().settle(browse_rows);
    let jobs = jobs_view::list_area(state, layout.inner(Pane::Jobs));
    state.jobs.settle(jobs.height as usize, jobs_view::columns(jobs.width));
    let details = super::view::details::rows(state, layout.inner(Pane::Details).width);
    state.details.top = state.details.top.min(details.saturating_sub(rows(Pane::Details)));
    popups::settle(state, &layout);
    if let Some((rows, height)) = popup_view::extent(state, &layout)
        && let Some(scroll) = state.popups.last_mut().and_then(Popup::scroll_mut)
    {
        scroll.top = scroll.top.min(rows.saturating_sub(height));
    }
}

/// When time alone changes something, counted from the start.
pub fn deadline(state: &State) -> Option<std::time::Duration> {
    [state.unasked.then_some(state.rested + DEBOUNCE), state.record.deadline()].into_iter().flatten().min()
}

/// Whether the way out that was chosen is open.
fn may_leave(state: &State) -> bool {
    state.leaving == Leaving::WhenDone && !state.jobs.busy() && state.queue.starting.is_empty()
}
