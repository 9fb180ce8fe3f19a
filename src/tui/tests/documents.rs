//! The queue as a document: edited, saved, and what is told of it.

use super::*;
use crate::config::{Fault, Position, Wanted, WantedGoal};
use crate::tui::completion::Completed;
use crate::tui::state::document::{Document, Edited, Outcome, Save, SaveFailure, Saved};
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::DraftId;

/// Three drafts, and the focus on them.
pub(super) fn with_drafts(app: &mut App) {
    if app.state.queue.drafts().is_empty() {
        app.keys("1 g g");
        app.at_tags().keys("g g space space space a 3");
    }
    app.take_effects();
}

fn sources(app: &App) -> Vec<String> {
    app.state.queue.drafts().iter().map(|draft| draft.source.to_string()).collect()
}

/// What the editor is given.
fn opened(app: &mut App) -> Document {
    let document = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Edit(document) => Some(*document),
        _ => None,
    });
    document.unwrap()
}

fn answer(app: &mut App, before: Vec<(DraftId, Wanted)>, outcome: Outcome) {
    let text = Some("as typed".to_owned());
    app.tell(Msg::Edited(Box::new(Edited { before, left_out: Vec::new(), text, outcome })));
}

fn message(app: &App) -> &str {
    app.state.message.as_ref().map_or("", |(_, text)| text)
}

pub(super) fn make_faults(app: &mut App) {
    with_drafts(app);
    app.keys("E");
    let before = opened(app).wanted;
    let fault = |line, field: &str, reason: &str| Fault {
        file: PathBuf::new(),
        at: Some(Position { line, column: 5 }),
        field: field.to_owned(),
        reason: reason.to_owned(),
    };
    let faults = vec![
        fault(9, "sources[2]", "\"UP\" is no reference: a repository's name is of lower-case letters"),
        fault(112, "sources[40].tgas", "unknown key \"tgas\"; the nearest valid key is \"tags\""),
    ];
    answer(app, before, Outcome::Faults(faults));
}

pub(super) fn make_replace(app: &mut App) {
    with_drafts(app);
    app.keys("W enter");
    let save = saving(app);
    let path = save.path.clone();
    app.tell(Msg::Saved(Box::new(save), Err(SaveFailure::Exists(path))));
}

fn saving(app: &mut App) -> Save {
    let save = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Save(save) => Some(*save),
        _ => None,
    });
    save.unwrap()
}

#[test]
fn an_edited_queue_is_one_change() {
    let mut app = App::new();
    with_drafts(&mut app);
    let was = sources(&app);
    let ids: Vec<DraftId> = app.state.queue.drafts().iter().map(|draft| draft.id).collect();
    app.keys("E");
    let document = opened(&mut app);
    assert_eq!(document.wanted.len(), 3);
    assert_eq!(document.text, None);
    // The last one first, the first one gone, one new without a destination.
    let mut wanted: Vec<Wanted> = document.wanted.iter().rev().map(|(_, one)| one.clone()).collect();
    wanted.pop();
    wanted.push(Wanted::new("quay.io/a/new:1".parse().unwrap(), WantedGoal::Copy(Vec::new())));
    answer(&mut app, document.wanted, Outcome::Wanted(wanted, false));
    assert_eq!(sources(&app), [was[2].as_str(), was[1].as_str(), "quay.io/a/new:1"]);
    let drafts = app.state.queue.drafts();
    assert_eq!((drafts[0].id, drafts[1].id), (ids[2], ids[1]), "what is the same is the same draft");
    let to = drafts[2].spec().unwrap().to_string();
    assert_eq!(to, "quay.io/a/new:1 → dr-b.example/mirror/a/new:1", "the target takes what has no place");
    assert_eq!(message(&app), "edited: 1 added, 1 removed; u undoes it");
    app.keys("u");
    assert_eq!(sources(&app), was);
}

#[test]
fn what_comes_of_an_editor_is_said() {
    let mut app = App::new();
    with_drafts(&mut app);
    let was = sources(&app);
    app.keys("E");
    let before = opened(&mut app).wanted;
    let all: Vec<Wanted> = before.iter().map(|(_, one)| one.clone()).collect();
    let reversed: Vec<Wanted> = all.iter().rev().cloned().collect();
    for (outcome, want) in [
        (Outcome::Unchanged { at_once: false }, "nothing changed"),
        (Outcome::Unchanged { at_once: true }, "code --wait"),
        (Outcome::Wanted(all, false), "nothing changed"),
        (Outcome::Wanted(reversed, true), "credentials"),
        (Outcome::Failed("vi: not found".to_owned()), "the editor: vi: not found; the queue is as it was"),
    ] {
        answer(&mut app, before.clone(), outcome);
        assert!(message(&app).contains(want), "{want}: {}", message(&app));
    }
    app.keys("u");
    assert_eq!(sources(&app), was);
    answer(&mut app, before, Outcome::Wanted(Vec::new(), false));
    assert_eq!((sources(&app).len(), message(&app)), (0, "the queue is empty now; u brings it back"));
    app.keys("u");
    assert_eq!(sources(&app), was);
}

#[test]
fn faults_keep_what_was_typed() {
    let mut app = App::new();
    make_faults(&mut app);
    app.keys("enter");
    assert_eq!(opened(&mut app).text.as_deref(), Some("as typed"));
    assert!(app.state.popups.is_empty());
    make_faults(&mut app);
    app.keys("esc");
    assert!(app.state.popups.is_empty() && message(&app).contains("dropped"));
    assert_eq!(app.state.queue.drafts().len(), 3);
}

#[test]
fn what_the_engine_takes_meanwhile_is_no_draft_again() {
    let mut app = App::new();
    with_drafts(&mut app);
    app.keys("E");
    let before = opened(&mut app).wanted;
    let (first, second) = (before[0].0, before[1].0);
    let all: Vec<Wanted> = before.iter().map(|(_, one)| one.clone()).collect();
    app.state.queue.starting.extend([first, second]);
    app.tell(Msg::Submitted(first, Ok(JobId(7))));
    answer(&mut app, before, Outcome::Wanted(all[..1].to_vec(), false));
    let ids: Vec<DraftId> = app.state.queue.drafts().iter().map(|draft| draft.id).collect();
    assert_eq!(ids, [second], "the first is a job, the second is on its way, the third was taken out");
    app.keys("E");
    assert!(opened(&mut app).wanted.is_empty(), "what is on its way is not edited");
}

#[test]
fn a_queue_is_saved_where_it_is_asked_to() {
    let mut app = App::new();
    app.keys("3 W");
    assert!(app.state.popups.is_empty() && message(&app).contains("the queue is empty"));
    with_drafts(&mut app);
    app.keys("W");
    for _ in 0..20 {
        app.keys("backspace");
    }
    app.keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Prompt(prompt)) if prompt.error.is_some()));
    app.write("out/my").keys("tab");
    assert_eq!(app.take_effects(), [Effect::Complete("out/my".to_owned())]);
    let found = |typed: &str| Completed {
        typed: typed.to_owned(),
        text: "out/my queue".to_owned(),
        names: vec!["my queue.yaml".to_owned(), "my queue.json".to_owned()],
    };
    app.tell(Msg::Completed(found("out/m")));
    app.tell(Msg::Completed(found("out/my")));
    assert_eq!(message(&app), "my queue.yaml my queue.json");
    app.write(".yaml").keys("enter");
    let save = saving(&mut app);
    assert_eq!((save.path.clone(), save.wanted.len()), (PathBuf::from("out/my queue.yaml"), 3));
    let saved = |path| Ok(Saved { path, count: 3, left_out: Vec::new() });
    app.tell(Msg::Saved(Box::new(save.clone()), saved(save.path.clone())));
    assert_eq!(message(&app), "3 saved to out/my queue.yaml: wharf sync 'out/my queue.yaml'");
    let left_out = vec![(1, "no UTF-8".to_owned())];
    let homeless = Wanted::new("a:1".parse().unwrap(), WantedGoal::Copy(Vec::new()));
    let save = Save { wanted: vec![homeless], ..save };
    app.tell(Msg::Saved(Box::new(save), Ok(Saved { path: "q.yaml".into(), count: 2, left_out })));
    assert_eq!(
        message(&app),
        "2 saved to q.yaml: wharf sync q.yaml --to PREFIX; 1 no file can say: no UTF-8"
    );
}

#[test]
fn a_file_that_is_there_is_asked_about_and_kept_unless_told() {
    let mut app = App::new();
    make_replace(&mut app);
    app.keys("enter");
    assert!(app.state.popups.is_empty() && app.take_effects().is_empty(), "keeping it comes first");
    make_replace(&mut app);
    app.keys("j enter");
    let save = saving(&mut app);
    assert!(save.overwrite && save.path.as_os_str() == "wharf.yaml");
    app.tell(Msg::Saved(Box::new(save), Err(SaveFailure::Other("write x: no room".to_owned()))));
    assert_eq!(message(&app), "not saved: write x: no room");
}
