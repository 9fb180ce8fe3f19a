//! The browser: rules, marks, patterns, searches, details.

use super::*;
use crate::config::TagFilter;
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::{Draft, Goal, Options};
use crate::tui::upkeep::{Answer, Upkeep};

/// What was asked of the images where they are.
fn asked(app: &mut App) -> Vec<Upkeep> {
    let of = |effect| match effect {
        Effect::Upkeep(work) => Some(work),
        _ => None,
    };
    app.take_effects().into_iter().filter_map(of).collect()
}

#[test]
fn a_rule_takes_the_tags_that_there_are_when_the_plan_is_made() {
    let mut app = App::new();
    let repository: Location = "harbor.prod/team-a/api".parse().unwrap();
    let to = app.state.destination(&repository);
    let filter: TagFilter = "v1.9.*".parse().unwrap();
    let goal = Goal::Copy(to.into_iter().collect());
    app.state.queue.add(vec![Draft::rule(repository.clone(), filter, goal, Options::default())]);
    app.keys("S");
    let Some(Upkeep::Tags { request, rules }) = asked(&mut app).pop() else { panic!("{}", app.screen()) };
    assert_eq!(rules[0].1, repository);
    assert!(app.state.spinning() && app.screen().contains("v1.9.*: asking which tags there are"));
    app.keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))), "it is not known yet what would start");
    let tags = ["v1.8.0", "v1.9.1", "v1.9.2"].iter().map(|tag| tag.parse().unwrap()).collect();
    app.tell(Msg::Upkeep(Answer::Tags { request, found: vec![(rules[0].0, Ok(tags))] }));
    let planned = app.take_effects();
    let [Effect::Plan { drafts, .. }] = &planned[..] else { panic!("{planned:?}") };
    let names: Vec<String> = drafts.iter().map(|(_, spec)| spec.to_string()).collect();
    let want = |tag| format!("harbor.prod/team-a/api:{tag} → dr-b.example/mirror/team-a/api:{tag}");
    assert_eq!(names, [want("v1.9.1"), want("v1.9.2")]);
    assert!(app.screen().contains("v1.9.*: 2 tags"), "{}", app.screen());
    app.keys("esc");
    assert_eq!(app.state.queue.drafts().len(), 1, "a plan that was only looked at changes nothing");
    app.keys("S");
    let Some(Upkeep::Tags { request, rules }) = asked(&mut app).pop() else { panic!() };
    let tags = vec!["v1.9.3".parse().unwrap()];
    app.tell(Msg::Upkeep(Answer::Tags { request, found: vec![(rules[0].0, Ok(tags))] })).keys("enter");
    let submitted = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Submit(jobs) => Some(jobs),
        _ => None,
    });
    assert_eq!(submitted.unwrap()[0].1.to_string(), want("v1.9.3"));
    assert!(app.state.queue.drafts().iter().all(|draft| draft.tags.is_none()));
}
