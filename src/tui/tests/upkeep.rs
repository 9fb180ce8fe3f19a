//! Tags, deletions and comparisons, asked for in the browser.

use insta::assert_snapshot;

use super::*;
use crate::engine::{
    Change, Deleted, Deletion, ImageDiff, LayerDiff, LayerLine, PlatformDiff, PlatformLine, TagMove,
};
use crate::job::Target;
use crate::tui::state::popup::Popup;
use crate::tui::upkeep::{Answer, Upkeep};

fn asked(app: &mut App) -> Vec<Upkeep> {
    let of = |effect| match effect {
        Effect::Upkeep(work) => Some(work),
        _ => None,
    };
    app.take_effects().into_iter().filter_map(of).collect()
}

fn found(at: &str, by_digest: bool, tags: &[&str]) -> (Location, Result<Deletion, Failure>) {
    let location: Location = at.parse().unwrap();
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    (location.clone(), Ok(Deletion { location, digest: Digest::of(b"image"), by_digest, tags }))
}

/// Answers what was to be found.
fn answer_find(app: &mut App, found: Vec<(Location, Result<Deletion, Failure>)>) -> Vec<Location> {
    let Some(Upkeep::Find { request, images, .. }) = asked(app).pop() else { panic!() };
    app.tell(Msg::Upkeep(Answer::Found { request, found }));
    images
}

/// A deletion that takes another tag along, asked about.
pub(super) fn make_deletion(app: &mut App) {
    app.at_tags().answer_lookups().keys("j d");
    let both = found("harbor.prod/team-a/api:v1.10.0-rc1", true, &["latest", "v1.10.0-rc1"]);
    answer_find(app, vec![both]);
}

/// The name of a protected place is asked for, and another was typed.
pub(super) fn make_protected(app: &mut App) {
    app.state.registries.rows[0].protected = true;
    app.state.registries.entries[0].protected = true;
    app.at_tags().keys("d");
    answer_find(app, vec![found("harbor.prod/team-a/api:latest", false, &[])]);
    app.write("harbor").keys("enter");
}

/// A new tag is another image's.
pub(super) fn make_overwriting(app: &mut App) {
    app.at_tags().keys("t").write("stable 2").keys("enter");
    let Some(Upkeep::Look(specs)) = asked(app).pop() else { panic!("{}", app.screen()) };
    let moved = TagMove {
        location: "harbor.prod/team-a/api:stable".to_owned(),
        old: Digest::of(b"old"),
        new: Digest::of(b"new"),
    };
    app.tell(Msg::Upkeep(Answer::Moves(specs, Ok(vec![moved]))));
}

pub(super) fn make_diff(app: &mut App) {
    app.at_tags().answer_lookups().keys("D");
    let Some(Upkeep::Compare { request, .. }) = asked(app).pop() else { panic!("{}", app.screen()) };
    app.tell(Msg::Upkeep(Answer::Compared { request, answer: Ok(Box::new(diff())) }));
}

#[test]
fn a_deletion_is_asked_about_and_the_way_back_comes_first() {
    let mut app = App::new();
    app.at_tags().answer_lookups().keys("j d");
    assert!(app.state.spinning());
    let images = answer_find(&mut app, vec![found("harbor.prod/team-a/api:v1.10.0-rc1", false, &[])]);
    assert_eq!(images, ["harbor.prod/team-a/api:v1.10.0-rc1".parse().unwrap()]);
    assert!(app.screen().contains("the tag alone"), "{}", app.screen());
    app.keys("enter");
    assert!(app.state.popups.is_empty() && asked(&mut app).is_empty(), "the way back is the first choice");
    app.keys("d");
    let one = found("harbor.prod/team-a/api:v1.10.0-rc1", false, &[]);
    answer_find(&mut app, vec![one.clone()]);
    app.keys("j enter");
    let deletion = one.1.unwrap();
    assert_eq!(asked(&mut app), [Upkeep::Delete(vec![deletion.clone()])]);
    // It deletes no tag alone: what goes with the manifest is found, and asked about.
    app.tell(Msg::Upkeep(Answer::Deleted(vec![(deletion, Ok(None))])));
    let both = found("harbor.prod/team-a/api:v1.10.0-rc1", true, &["latest", "v1.10.0-rc1"]);
    answer_find(&mut app, vec![both.clone()]);
    assert_snapshot!("delete_by_digest_120x36", app.screen());
    assert_snapshot!("delete_by_digest_60x16", app.screen_at(60, 16));
    app.keys("tab enter");
    let deletion = both.1.unwrap();
    assert_eq!(asked(&mut app), [Upkeep::Delete(vec![deletion.clone()])]);
    let deleted = Deleted { deletion: deletion.clone(), freed: None, notes: Vec::new() };
    app.tell(Msg::Upkeep(Answer::Deleted(vec![(deletion, Ok(Some(deleted)))])));
    assert!(app.state.popups.is_empty() && app.screen().contains("1 deleted"), "{}", app.screen());
    assert!(matches!(app.last_list().1, ListRequest::Tags(..)), "the list is asked for again");
    assert_eq!(app.state.browse.list().current(), Some("v1.9.2"), "the cursor is on a row that stays");
}

#[test]
fn marked_rows_go_together_and_what_failed_stays_told() {
    let mut app = App::new();
    app.at_tags().keys("space space d");
    let names = ["harbor.prod/team-a/api:latest", "harbor.prod/team-a/api:v1.10.0-rc1"];
    let refused = failure(ErrorClass::Auth, "head manifest harbor.prod/team-a/api:latest: 401", None);
    let list = vec![(names[0].parse().unwrap(), Err(refused)), found(names[1], false, &[])];
    assert_eq!(answer_find(&mut app, list).len(), 2);
    let screen = app.screen();
    assert!(screen.contains("api:latest: 401") && screen.contains("delete it"), "{screen}");
    app.keys("j enter");
    let Some(Upkeep::Delete(deletions)) = asked(&mut app).pop() else { panic!() };
    let deleted = Deleted { deletion: deletions[0].clone(), freed: None, notes: Vec::new() };
    app.tell(Msg::Upkeep(Answer::Deleted(vec![(deletions[0].clone(), Ok(Some(deleted)))])));
    assert_eq!(app.state.marks.len(), 1, "what is gone is not marked");
}

#[test]
fn a_protected_entry_needs_its_name_and_a_read_only_one_refuses() {
    let mut config = config();
    config.registries[0].protected = true;
    let mut app = App::with(config);
    app.at_tags().keys("d");
    answer_find(&mut app, vec![found("harbor.prod/team-a/api:latest", false, &[])]);
    app.write("harbor").keys("enter");
    assert!(
        asked(&mut app).is_empty() && app.screen().contains("another name was typed"),
        "{}",
        app.screen()
    );
    assert_snapshot!("delete_protected_80x24", app.screen_at(80, 24));
    app.write("harbor.prod").keys("enter");
    assert!(matches!(asked(&mut app)[..], [Upkeep::Delete(_)]));

    let mut config = self::config();
    config.registries[0].read_only = true;
    let mut app = App::with(config);
    for key in ["d", "t"] {
        app.at_tags().keys(key);
        assert!(app.state.popups.is_empty() && app.screen().contains("harbor.prod is read-only"), "{key}");
        app.keys("esc esc");
    }
}

#[test]
fn a_place_where_it_cannot_be_says_why() {
    for (at, keys, want) in [
        (App::at_images as fn(&mut App) -> &mut App, "t", "an archive is not changed"),
        (App::at_images, "d", "an archive is not changed"),
        (App::at_files, "d", "remove it with rm"),
        (App::at_files, "t", "open the file first"),
        (App::at_files, "D", "open the file first"),
        (App::at_tags, "h d", "open the repository first"),
    ] {
        let mut app = App::new();
        at(&mut app).keys(keys);
        assert!(app.state.popups.is_empty() && app.screen().contains(want), "{keys}: {}", app.screen());
    }
    let mut app = App::with(Config { target: None, ..config() });
    app.at_tags().keys("D");
    assert!(app.screen().contains("T says where copies go"));
}

#[test]
fn new_tags_are_typed_and_what_is_another_images_is_asked_about() {
    let mut app = App::new();
    app.at_tags().keys("t").write("stable, not!").keys("enter");
    assert!(!app.state.popups.is_empty(), "{}", app.screen());
    app.keys("ctrl-u").write("stable 2").keys("enter");
    let Some(Upkeep::Look(specs)) = asked(&mut app).pop() else { panic!("{}", app.screen()) };
    let image = |tag: &str| Target::Image(format!("harbor.prod/team-a/api:{tag}").parse().unwrap());
    assert_eq!(specs[0].destinations, [image("stable"), image("2")]);
    let moved = TagMove {
        location: "harbor.prod/team-a/api:stable".to_owned(),
        old: Digest::of(b"old"),
        new: Digest::of(b"new"),
    };
    app.tell(Msg::Upkeep(Answer::Moves(specs.clone(), Ok(vec![moved.clone()]))));
    assert_snapshot!("overwrite_tag_80x24", app.screen_at(80, 24));
    app.keys("enter");
    assert!(asked(&mut app).is_empty() && app.state.popups.is_empty());
    app.tell(Msg::Upkeep(Answer::Moves(specs.clone(), Ok(vec![moved])))).keys("j enter");
    assert_eq!(asked(&mut app), [Upkeep::Tag(specs.clone())]);
    app.tell(Msg::Upkeep(Answer::Moves(specs.clone(), Ok(Vec::new()))));
    assert_eq!(asked(&mut app), [Upkeep::Tag(specs)]);
    app.tell(Msg::Upkeep(Answer::Tagged(Ok(vec!["harbor.prod/team-a/api:stable".to_owned()]))));
    assert!(app.screen().contains("tagged harbor.prod/team-a/api:stable"));
    assert!(matches!(app.last_list().1, ListRequest::Tags(..)));
}

fn diff() -> ImageDiff {
    let line = |name: &str, size| LayerLine { digest: Digest::of(name.as_bytes()), size };
    let change = |key: &str, a: Option<&str>, b: Option<&str>| Change {
        key: key.to_owned(),
        a: a.map(str::to_owned),
        b: b.map(str::to_owned),
    };
    let descriptor = |name: &str| Descriptor::new(media_type::OCI_INDEX, Digest::of(name.as_bytes()), 5);
    let platform = |name: &str, same| PlatformDiff {
        platform: name.to_owned(),
        same,
        digest_a: Digest::of(b"x"),
        digest_b: Digest::of(b"y"),
        size_a: 71_000_000,
        size_b: 72_000_000,
        layers: LayerDiff {
            common: vec![line("c", 31_000_000), line("d", 500)],
            only_a: vec![line("e", 7_000_000)],
            only_b: vec![line("f", 8_000_000)],
            recompressed: Vec::new(),
        },
        config: vec![
            change("env VERSION", Some("1.9.1"), Some("1.9.2")),
            change("label 描述", None, Some("示例")),
        ],
        annotations: Vec::new(),
    };
    ImageDiff {
        a: "dr-b.example/mirror/team-a/api:latest".to_owned(),
        b: "harbor.prod/team-a/api:latest".to_owned(),
        same: false,
        descriptor_a: descriptor("a"),
        descriptor_b: descriptor("b"),
        size_a: 109_000_000,
        size_b: 110_000_000,
        annotations: Vec::new(),
        only_a: Vec::new(),
        only_b: vec![PlatformLine {
            platform: "linux/s390x".to_owned(),
            digest: Digest::of(b"z"),
            size: 68_000_000,
        }],
        platforms: vec![platform("linux/amd64", false), platform("linux/arm64", true)],
    }
}

#[test]
fn the_difference_from_the_targets_image_scrolls() {
    let mut app = App::new();
    app.at_tags().answer_lookups().keys("D");
    let Some(Upkeep::Compare { request, a, b }) = asked(&mut app).pop() else { panic!("{}", app.screen()) };
    assert_eq!(
        (a.to_string().as_str(), b.to_string().as_str()),
        ("dr-b.example/mirror/team-a/api:latest", "harbor.prod/team-a/api:latest")
    );
    assert!(app.state.spinning() && app.screen().contains("reading both"));
    let refused = failure(ErrorClass::Auth, "get manifest dr-b.example/mirror/team-a/api:latest: 401", None);
    app.tell(Msg::Upkeep(Answer::Compared { request: request + 1, answer: Err(refused.clone()) }));
    assert!(app.state.spinning(), "that was no answer to this");
    app.tell(Msg::Upkeep(Answer::Compared { request, answer: Ok(Box::new(diff())) }));
    assert_snapshot!("diff_120x36", app.screen());
    assert_snapshot!("diff_60x16", app.screen_at(60, 16));
    app.keys("G");
    assert!(app.screen().contains("linux/arm64"), "{}", app.screen());
    app.keys("esc");
    assert!(app.state.popups.is_empty());
    // Who was refused can log in from there.
    app.keys("D");
    let Some(Upkeep::Compare { request, .. }) = asked(&mut app).pop() else { panic!() };
    app.tell(Msg::Upkeep(Answer::Compared { request, answer: Err(refused) }));
    app.keys("L");
    assert!(matches!(app.state.popups.last(), Some(Popup::Login(_))));
}
