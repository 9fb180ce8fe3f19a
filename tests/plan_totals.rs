//! What a plan says will move is what then moves: the totals of the preview are those of the jobs' reports.

use wharf::job::{JobSpec, JobState, Target};
use wharf::oci::Location;
use wharf::transport::registry::ClientOptions;
use wharf::tui::state::plan::PlanPreview;
use wharf::tui::state::queue::DraftId;

use crate::chaos::engine;
use crate::support::image::Recipe;
use crate::support::pair::Pair;

fn at(text: String) -> Location {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_says_is_what_moves() {
    let pair = Pair::new().await;
    // Two that share layers, one with several platforms, one that is there, one whose tag is another image's.
    let shared = |seed: u64| Recipe::layers(&[40_000 + seed]).shared(&[300_001, 50_002]).seed(seed);
    pair.image(&shared(1), "team/a", &["1"]).await;
    pair.image(&shared(2), "team/b", &["1"]).await;
    let platforms = Recipe::layers(&[70_003]).platforms(&["linux/amd64", "linux/arm64"]).seed(3);
    pair.image(&platforms, "team/many", &["1"]).await;
    let there = pair.image(&Recipe::layers(&[80_004]).seed(4), "team/there", &["1"]).await;
    there.push(&pair.to.host(), "m/team/there", &["1"]).await;
    pair.image(&Recipe::layers(&[90_005]).seed(5), "team/moved", &["1"]).await;
    let other = Recipe::layers(&[10_006]).seed(6).write(&pair.home.path("other"), "1").unwrap();
    other.push(&pair.to.host(), "m/team/moved", &["1"]).await;

    let copy = |name: &str| {
        JobSpec::copy(at(pair.source(&format!("{name}:1"))), at(pair.target(&format!("m/{name}:1"))))
    };
    let names = ["team/a", "team/b", "team/many", "team/there", "team/moved"];
    let mut specs: Vec<JobSpec> = names.into_iter().map(copy).collect();
    // The first goes to a second place of the same registry, too.
    specs[0].destinations.push(Target::Image(at(pair.target("second/a:1"))));
    let specs: Vec<(DraftId, JobSpec)> =
        specs.into_iter().enumerate().map(|(n, spec)| (DraftId(n as u64), spec)).collect();

    let engine = engine(&pair.home.path("engine"), ClientOptions::default(), None);
    let mut preview = PlanPreview::new(1, Vec::new(), &specs);
    for (draft, spec) in &specs {
        let plan = engine.plan(spec).await.unwrap();
        assert!(preview.answer(*draft, Ok(Box::new(plan))));
    }
    assert_eq!(preview.risks(), (1, 0), "the tag that is another image's");
    assert!(preview.totals.shared >= 2 * 350_003, "{:?}", preview.totals);
    let ids = engine.submit_all(specs.iter().map(|(_, spec)| spec.clone()).collect()).await.unwrap();
    let (mut wire, mut reused) = (0, 0);
    for id in ids {
        let job = engine.wait(id).await.unwrap();
        assert_eq!(job.state, JobState::Succeeded, "{:?}", job.failure);
        let report = job.report.unwrap();
        wire += report.wire;
        reused += report.reused;
    }
    assert_eq!((wire, reused), (preview.totals.send, preview.totals.reuse), "{:?}", preview.totals);
    // Once more: everything is there, and nothing moves.
    let mut again = PlanPreview::new(2, Vec::new(), &specs);
    for (draft, spec) in &specs {
        again.answer(*draft, Ok(Box::new(engine.plan(spec).await.unwrap())));
    }
    assert_eq!((again.totals.send, again.risks()), (0, (0, 0)));
}
