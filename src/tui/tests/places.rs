//! Files, layouts and the images in them: browsed, marked, queued.

use super::flows::queue;
use super::*;
use crate::engine::Place;
use crate::oci::Platforms;
use crate::tui::state::Pane;
use crate::tui::state::browse::Level;
use crate::tui::state::registries::Health;

fn archive(name: &str) -> Place {
    Place::Archive(PathBuf::from("downloads").join(name))
}

#[test]
fn a_file_opens_into_its_images_and_an_image_into_its_platforms() {
    let mut app = App::new();
    app.at_files().keys("enter");
    assert_eq!(app.last_list().1, ListRequest::Images(archive("all.tar")));
    let generation = app.last_list().0;
    app.tell(Msg::Images { generation, images: listed().into() })
        .tell(Msg::ListEnd { generation, failure: None });
    assert_eq!(
        (app.state.browse.level, app.state.browse.path().as_str()),
        (Level::Images, "本地文件/all.tar")
    );
    assert!(
        app.state.browse.list().text(2).unwrap().starts_with("sha256:"),
        "without a name it is its digest"
    );
    app.keys("j enter");
    let Some(Effect::Inspect(at)) = app.effects.last().cloned() else { panic!("{:?}", app.effects) };
    assert_eq!(at.to_string(), "docker-archive:downloads/all.tar:docker.io/library/nginx:1.27");
    app.tell(Msg::Inspected(at.clone(), Ok(Arc::new(image(&at)))));
    assert_eq!(app.state.browse.level, Level::Platforms);
    app.keys("j space a");
    assert_eq!(
        app.state.queue.drafts()[0].options.platforms,
        Platforms::from_list(vec!["linux/arm64".parse().unwrap()])
    );
    let to = "dr-b.example/mirror/library/nginx:1.27";
    assert_eq!(queue(&app), [format!("{at} → {to}")]);
    app.keys("h");
    assert_eq!(app.state.browse.level, Level::Images);
    let asked = app.effects.len();
    app.keys("h j k enter");
    assert_eq!(
        (app.effects.len(), app.state.browse.level),
        (asked, Level::Images),
        "its images are here already"
    );
    app.keys("h h");
    assert_eq!(app.state.focus, Pane::Registries);
}

#[test]
fn a_files_images_are_compared_with_the_target_without_reading_it_again() {
    let mut app = App::new();
    app.at_images().take_effects();
    app.pass(DEBOUNCE);
    let resolved: Vec<String> = app
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Resolve(at) => Some(at.to_string()),
            _ => None,
        })
        .collect();
    assert!(
        resolved.len() == 3 && resolved.iter().all(|at| at.starts_with("dr-b.example/mirror/")),
        "{resolved:?}"
    );
    app.answer_lookups();
    assert!(app.screen().contains("= dst"), "{}", app.screen());
}

#[test]
fn a_marked_file_is_all_its_images() {
    for (key, want) in [
        (
            "a",
            "docker-archive:downloads/all.tar:harbor.prod/team-a/api:v1.9.2 → dr-b.example/mirror/team-a/api:v1.9.2",
        ),
        ("e", "docker-archive:downloads/all.tar:harbor.prod/team-a/api:v1.9.2 → downloads/"),
    ] {
        let mut app = App::new();
        app.at_files().keys("space G space");
        assert_eq!(app.state.marks.len(), 2);
        app.take_effects();
        app.keys(key);
        let export = key == "e";
        let layout = Place::Layout(PathBuf::from("downloads/layout"));
        let gather = |place| Effect::Gather { place, export };
        assert_eq!(app.take_effects(), [gather(archive("all.tar")), gather(layout.clone())]);
        assert!(app.state.spinning() && app.state.marks.is_empty());
        app.tell(Msg::Gathered { place: archive("all.tar"), export, answer: Ok(listed().into()) });
        assert_eq!((queue(&app).len(), queue(&app)[0].as_str()), (3, want));
        let answer = Err(failure(ErrorClass::Disk, "read index.json: permission denied", None));
        app.tell(Msg::Gathered { place: layout, export, answer });
        assert!(!app.state.spinning() && app.screen().contains("permission denied"), "{}", app.screen());
        app.keys("3 u");
        assert!(queue(&app).is_empty(), "all of a file is one change");
    }
}

#[test]
fn images_that_would_land_on_each_other_are_told_of() {
    let mut app = App::new();
    app.at_images().keys("j a n").write("nginx:1.27 nginx:1.28").keys("enter S");
    let screen = app.screen();
    assert!(screen.contains("3 images") && screen.contains("2 clash"), "{screen}");
    assert_eq!(screen.matches("goes to the same place").count(), 2, "{screen}");
}

#[test]
fn without_marks_the_cursors_file_is_added() {
    let mut app = App::new();
    app.at_files().take_effects();
    app.keys("j a a");
    let want = [Effect::Gather { place: archive("镜像 备份.tar.gz"), export: false }];
    assert_eq!(app.take_effects(), want, "it is asked for once");
}

#[test]
fn locations_of_files_are_typed_and_pasted() {
    let mut app = App::new();
    app.keys("n").write("oci:d/lay:v1 docker-archive:a.tar").keys("enter");
    assert_eq!(queue(&app), ["oci:d/lay:v1 → dr-b.example/mirror/lay:v1"]);
    assert!(app.effects.contains(&Effect::Gather { place: Place::Archive("a.tar".into()), export: false }));
    app.tell(Msg::Paste("- docker-archive:x.tar:nginx:1\n- oci:d\n- oci:\n".to_owned()));
    let screen = app.screen();
    assert!(
        screen.contains("x.tar:docker.io/library/nginx:1 → dr-b.example/mirror/library/nginx:1"),
        "{screen}"
    );
    assert!(
        screen.contains("oci:d ") && screen.contains("→ dr-b.example/mirror: all its images"),
        "{screen}"
    );
    assert!(screen.contains("line 3: oci:: "), "{screen}");
}

#[test]
fn copies_go_into_a_layout() {
    let mut app = App::new();
    app.keys("T ctrl-u").write("oci:keep").keys("enter").at_tags().keys("a");
    assert_eq!(queue(&app), ["harbor.prod/team-a/api:latest → oci:keep:harbor.prod/team-a/api:latest"]);
    assert!(app.screen().contains("harbor.prod → oci:keep"), "{}", app.screen());
}

#[test]
fn an_engine_lists_its_images_which_are_not_compared_by_their_ids() {
    let mut app = App::new();
    app.keys("G enter");
    let (generation, request) = app.last_list();
    assert_eq!(request, ListRequest::Images(Place::Engine(Some("docker".to_owned()))));
    let location: Location = "docker-daemon://docker/team/api:v1".parse().unwrap();
    let descriptor = Descriptor::new(media_type::OCI_CONFIG, Digest::of(b"id"), 9);
    let images = vec![ListedImage { location, name: Some("team/api:v1".to_owned()), descriptor }];
    app.tell(Msg::Images { generation, images: images.into() })
        .tell(Msg::ListEnd { generation, failure: None })
        .take_effects();
    app.pass(DEBOUNCE);
    assert!(app.effects.iter().all(|effect| matches!(effect, Effect::Inspect(_))), "{:?}", app.effects);
    app.keys("a");
    assert_eq!(queue(&app), ["docker-daemon://docker/team/api:v1 → dr-b.example/mirror/team/api:v1"]);
    // One that is not there says so in its row.
    app.keys("r");
    let refused = failure(ErrorClass::Daemon, "list docker-daemon://docker/: no such socket", None);
    app.answer_list(&[], Some(refused)).keys("1");
    let screen = app.screen();
    assert!(screen.contains("docker            ✗") && screen.contains("no such socket"), "{screen}");
}

#[test]
fn a_place_that_does_not_answer_says_why() {
    let mut app = App::new();
    let refused = "list repositories harbor.prod: connection refused";
    app.keys("enter").answer_list(&[], Some(failure(ErrorClass::Network, refused, None)));
    assert_eq!(app.state.registries.rows[0].health, Health::Failed(refused.to_owned()));
    app.keys("1");
    let screen = app.screen();
    assert!(screen.contains("harbor.prod       ✗") && screen.contains("list repositories"), "{screen}");
    // A file that cannot be read says nothing of its directory.
    let mut app = App::new();
    app.at_files().keys("enter").answer_list(&[], Some(failure(ErrorClass::Disk, "no tar", None)));
    assert_eq!(app.state.registries.rows[2].health, Health::Reached);
    assert!(app.screen().contains("no tar"));
}
