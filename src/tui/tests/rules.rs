//! Rules of the queue: with options, at their own place, beside other additions.

use super::*;
use crate::config::TagFilter;
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::{Draft, Goal, Options};
use crate::tui::upkeep::{Answer, Upkeep};

fn tags(app: &mut App, all: &[&[&str]]) {
    let asked = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Upkeep(Upkeep::Tags { request, rules }) => Some((request, rules)),
        _ => None,
    });
    let (request, rules) = asked.unwrap_or_else(|| panic!("{}", app.screen()));
    let of = |tags: &&[&str]| Ok(tags.iter().map(|tag| tag.parse().unwrap()).collect());
    let found = rules.iter().map(|(id, _)| *id).zip(all.iter().map(of)).collect();
    app.tell(Msg::Upkeep(Answer::Tags { request, found }));
}

#[test]
fn options_are_entered_for_rules_too() {
    let mut app = App::new();
    app.keys("enter").answer_list(&["team-a/api", "team-a/web"], None);
    app.keys("space space A");
    let Some(Popup::Options(form)) = app.state.popups.last() else { panic!("{}", app.screen()) };
    assert!(form.sources.is_empty(), "a repository has no platforms of its own");
    assert!(app.state.queue.drafts().is_empty(), "nothing is added before enter");
    app.keys("esc A").write("amd64").keys("enter");
    let drafts = app.state.queue.drafts().to_vec();
    assert_eq!(drafts.len(), 2, "{}", app.screen());
    for draft in &drafts {
        assert!(
            draft.tags.is_some() && format!("{:?}", draft.options.platforms).contains("amd64"),
            "{draft:?}"
        );
    }
    assert!(app.state.marks.is_empty() && app.screen().contains("2 rules added"), "{}", app.screen());
}

#[test]
fn a_rule_does_not_aim_at_itself() {
    let mut app = App::new();
    app.state.target = None;
    app.keys("enter").answer_list(&["team-a/api"], None);
    app.keys("a");
    assert_eq!(app.state.queue.drafts().len(), 1);
    app.keys("T").write("harbor.prod").keys("enter");
    assert!(app.state.queue.drafts()[0].lacks_target(), "{:?}", app.state.queue.drafts());
    app.keys("2 a");
    assert!(app.screen().contains("at the target already"), "{}", app.screen());
}

#[test]
fn a_rule_that_chooses_nothing_stays_in_the_queue() {
    let mut app = App::new();
    for (repository, filter) in [("harbor.prod/team-a/api", "v1.*"), ("harbor.prod/team-a/web", "*")] {
        let repository: Location = repository.parse().unwrap();
        let goal = app.state.goal(&repository).unwrap();
        let filter: TagFilter = filter.parse().unwrap();
        app.state.queue.add(vec![Draft::rule(repository, filter, goal, Options::default())]);
    }
    app.keys("S");
    tags(&mut app, &[&["v2.0"], &["1"]]);
    app.keys("enter j enter");
    let rules: Vec<bool> = app.state.queue.drafts().iter().map(|draft| draft.tags.is_some()).collect();
    assert_eq!(rules, [true, false], "{}", app.screen());
}

#[test]
fn one_file_is_no_name_for_several_tags() {
    let options = Options { file: Some("a.tar".to_owned()), ..Options::default() };
    let draft = Draft::rule("a.io/x".parse().unwrap(), TagFilter::all(), Goal::Export("d".into()), options);
    let all: Vec<_> = ["1", "2"].iter().map(|tag| tag.parse().unwrap()).collect();
    let number = || crate::tui::state::queue::DraftId(1);
    assert!(draft.images(&all, number).iter().all(|image| image.options.file.is_none()));
    assert_eq!(draft.images(&all[..1], number)[0].options.file.as_deref(), Some("a.tar"));
}

#[test]
fn what_is_added_meanwhile_takes_nothing_away() {
    let mut app = App::new();
    let many: String = (0..1200).map(|n| format!("ghcr.io/team/app-{n}:1\n")).collect();
    app.tell(Msg::Paste(many));
    // The steps of the addition are still to come when the next key is there.
    app.effects.extend(update(&mut app.state, Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE))));
    assert!(app.state.adding.is_some());
    app.effects
        .extend(update(&mut app.state, Msg::Key(KeyEvent::new(KeyCode::Char('n'), KeyModifiers::NONE))));
    for key in "nginx:1".chars() {
        app.effects
            .extend(update(&mut app.state, Msg::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE))));
    }
    app.keys("enter");
    assert_eq!(app.state.queue.drafts().len(), 1201);
}
