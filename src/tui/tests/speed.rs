//! How long keys and frames take with 50,000 tags, a thousand jobs and a full log. Only a release build says anything:
//! `cargo test --release --lib tui::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;
use crate::job::{JobEvent, Level};

/// Prints the median of `n` times and the longest one, in milliseconds; the longest.
fn measured(what: &str, n: usize, mut act: impl FnMut(usize)) -> f64 {
    let mut times: Vec<f64> = (0..n)
        .map(|n| {
            let begun = Instant::now();
            act(n);
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let longest = times.last().copied().unwrap_or_default();
    println!("{what}: median {:.3} ms, longest {longest:.3} ms", times[n / 2]);
    longest
}

/// In a repository of 50,000 tags.
fn at_many_tags() -> App {
    let mut app = App::new();
    app.keys("enter").answer_list(&["team-a/api"], None).keys("enter");
    let generation = app.last_list().0;
    for page in 0..50 {
        let names = (0..1000).map(|n| format!("v{}.{}.{}", n % 7, page * 1000 + n, n % 13)).collect();
        app.tell(Msg::Page { generation, names });
    }
    app.tell(Msg::ListEnd { generation, failure: None });
    app
}

#[test]
fn a_frame_builds_no_more_rows_than_are_seen() {
    use crate::tui::view::rows::BUILT;
    let mut app = at_many_tags();
    let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
    for keys in ["", "G", "ctrl-u", "/", "9", "9", "enter", "space", "v", "ctrl-d", "V", "esc", "o"] {
        app.keys(keys);
        BUILT.set(0);
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
        let built = BUILT.get();
        // Each row is looked at once for the columns' widths, and written once.
        assert!((10..=2 * 36).contains(&built), "{built} rows after {keys:?}");
    }
    assert!(app.state.browse.list().total() == 50_000);
}

#[test]
#[ignore = "needs a release build, to measure"]
fn marks_and_patterns_of_many_rows_are_quick() {
    let mut app = at_many_tags();
    let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
    let mut draw = |app: &App| {
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
    };
    let mut took = Vec::new();
    took.push(measured("a frame of the browser", 200, |_| draw(&app)));
    app.keys("+");
    took.push(measured("a frame of the browser alone", 200, |_| draw(&app)));
    app.keys("/").write("1.4").keys("enter");
    took.push(measured("a frame of a filtered list", 200, |_| draw(&app)));
    app.keys("esc *");
    took.push(measured("a key of a pattern, and its frame", 5, |n| {
        app.write(&"v1.4*"[n..=n]);
        draw(&app);
    }));
    took.push(measured("marking what matches", 1, |_| {
        app.keys("enter");
    }));
    took.push(measured("inverting 50,000 marks", 1, |_| {
        app.keys("ctrl-r");
    }));
    took.push(measured("a frame with 50,000 marks", 100, |_| draw(&app)));
    app.keys("m");
    took.push(measured("a frame of the marks", 100, |_| draw(&app)));
    assert!(took.iter().all(|took| *took < 200.0) || cfg!(debug_assertions), "{took:?}");
}

/// A thousand jobs: sixteen run with all their layers, five hundred have failed in four ways, the rest is over or waits.
fn thousand() -> Vec<Arc<Job>> {
    let state = |n: i64| match n {
        0..16 => JobState::Running,
        16..516 => JobState::Failed,
        516..800 => JobState::Succeeded,
        _ => JobState::Queued,
    };
    let jobs = (0..1000).map(|n| {
        let mut job = job(n, &format!("harbor.prod/team/app{n}:1"), state(n));
        if let Some(failure) = &mut job.failure {
            failure.message = format!("push manifest dr-{}.example/mirror/app{n}:1: 401 UNAUTHORIZED", n % 4);
        }
        if job.state == JobState::Running {
            let blob = job.progress.blobs[1].clone();
            job.progress.blobs.extend((0..60).map(|layer| BlobProgress {
                digest: Digest::of(format!("{n} {layer}").as_bytes()),
                ..blob.clone()
            }));
        }
        Arc::new(job)
    });
    jobs.collect()
}

#[test]
#[ignore = "needs a release build, to measure"]
fn a_thousand_jobs_cost_little() {
    let mut app = App::new();
    let jobs = thousand();
    for n in 0..10_000 {
        let text = format!("line {n} of a log that is full");
        let event = JobEvent::Note { job: Some(JobId(n % 1000)), level: Level::Info, text };
        app.tell(Msg::Event(jiff::civil::Time::midnight(), event));
    }
    let mut now = Duration::ZERO;
    let mut sampled = |app: &mut App| {
        now += Duration::from_millis(100);
        app.state.now = now;
        app.tell(Msg::Jobs(jobs.clone()));
    };
    sampled(&mut app);
    let sample = measured("a sample of 1000 jobs with groups", 50, |_| sampled(&mut app));
    let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
    let mut draw = |app: &App| {
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
    };
    app.keys("4 g g l");
    let frame = measured("a frame of the jobs", 100, |_| draw(&app));
    let down = measured("ctrl-d in the jobs and its frame", 20, |_| {
        app.keys("ctrl-d");
        draw(&app);
    });
    app.keys("/").write("app7 failed").keys("enter");
    let filtered = measured("a sample of filtered jobs", 20, |_| sampled(&mut app));
    app.keys("esc g g enter");
    let page = measured("a frame of a job's page", 50, |_| draw(&app));
    app.keys("esc 5 /").write("line 99").keys("enter");
    let search = measured("n in a full log and its frame", 20, |_| {
        app.keys("n");
        draw(&app);
    });
    for (what, took, limit) in [
        ("sample", sample, 10.0),
        ("frame", frame, 5.0),
        ("down", down, 10.0),
        ("filtered", filtered, 20.0),
        ("page", page, 10.0),
        ("search", search, 20.0),
    ] {
        assert!(took < limit || cfg!(debug_assertions), "{what}: {took} ms");
    }
}

#[test]
#[ignore = "needs a release build, to measure"]
fn keys_and_frames_are_quick() {
    let mut app = App::new();
    app.keys("enter").answer_list(&["team-a/api"], None).keys("enter");
    let generation = app.last_list().0;
    let pages: Vec<Vec<String>> = (0..50)
        .map(|page| (0..1000).map(|n| format!("v{}.{}.{}", n % 7, page * 1000 + n, n % 13)).collect())
        .collect();
    let page = measured("a page of 1000 tags", 50, |n| {
        app.tell(Msg::Page { generation, names: pages[n].clone() });
    });
    app.tell(Msg::ListEnd { generation, failure: None });
    let mut jobs: Vec<Job> =
        (0..1000).map(|n| job(n, &format!("harbor.prod/team/app{n}:1"), JobState::Succeeded)).collect();
    jobs[0].state = JobState::Running;
    jobs[1].state = JobState::Running;
    let jobs: Vec<_> = jobs.into_iter().map(Arc::new).collect();
    let sample = measured("a sample of 1000 jobs", 20, |_| {
        app.tell(Msg::Jobs(jobs.clone()));
    });
    for n in 0..10_000 {
        let text = format!("line {n} of a log that is full");
        let event = JobEvent::Note { job: None, level: Level::Info, text };
        app.tell(Msg::Event(jiff::civil::Time::midnight(), event));
    }
    let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
    let mut draw = |app: &App| {
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
    };
    let frame = measured("a frame", 100, |_| draw(&app));
    let scroll = measured("ctrl-d and its frame", 100, |_| {
        app.keys("ctrl-d");
        draw(&app);
    });
    let sort = measured("another order", 6, |_| {
        app.keys("o");
    });
    app.keys("/");
    let mut press = |key: KeyCode| {
        let effects = update(&mut app.state, Msg::Key(KeyEvent::new(key, KeyModifiers::NONE)));
        app.effects.extend(effects);
        draw(&app);
        let mut steps = 0.0_f64;
        while app.state.has_work() {
            let begun = Instant::now();
            update(&mut app.state, Msg::Work);
            steps = steps.max(begun.elapsed().as_secs_f64() * 1000.0);
        }
        steps
    };
    let mut step = 0.0_f64;
    let filter = measured("a key of the filter, all its steps, and a frame", 5, |n| {
        step = step.max(press(KeyCode::Char("49.99".chars().nth(n).unwrap())));
    });
    println!("a step of the filter: longest {step:.3} ms");
    let clear = measured("the filter dropped", 1, |_| {
        press(KeyCode::Esc);
    });
    for (what, took, limit) in [
        ("page", page, 50.0),
        ("sample", sample, 10.0),
        ("frame", frame, 5.0),
        ("scroll", scroll, 20.0),
        ("sort", sort, 50.0),
        ("filter", filter, 50.0),
        ("clear", clear, 50.0),
    ] {
        assert!(took < limit || cfg!(debug_assertions), "{what}: {took} ms");
    }
}

/// An image that means ill: three hundred labels of ten thousand signs.
fn at_a_hostile_image() -> App {
    let mut app = App::new();
    app.at_tags().keys("g g").pass(DEBOUNCE);
    let at = app.state.browse.location().unwrap();
    let mut image = image(&at);
    for platform in &mut image.platforms {
        let pairs: Vec<_> = (0..300).map(|n| (format!("label{n}"), "长 x".repeat(3_300))).collect();
        (platform.labels, platform.settings) = (pairs.clone(), pairs);
    }
    app.tell(Msg::Inspected(at, Ok(Arc::new(image))));
    app
}

#[test]
fn an_images_page_is_built_once_and_no_frame_builds_one() {
    use crate::tui::view::details::BUILT;
    let mut app = at_a_hostile_image();
    let mut terminal = Terminal::new(TestBackend::new(120, 36)).unwrap();
    let mut built = |app: &mut App, keys: &str| {
        BUILT.set(0);
        app.keys(keys);
        let by_keys = BUILT.replace(0);
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
        assert_eq!(BUILT.get(), 0, "pages that the frame after {keys:?} built");
        by_keys
    };
    assert_eq!(built(&mut app, "space space"), 0, "another row, whose image is not known");
    assert_eq!(built(&mut app, "g g"), 1);
    assert_eq!(built(&mut app, "i"), 1, "the popup's");
    assert_eq!(built(&mut app, "ctrl-d ctrl-d G g g j"), 0);
    app.state.clock += jiff::Span::new().seconds(1);
    assert_eq!(built(&mut app, "j"), 2, "ages are older: the pane's and the popup's");
    assert_eq!(built(&mut app, "esc 0 j G ctrl-u"), 0);
    app.state.theme = Theme::named("light", ColourDepth::True).unwrap();
    assert_eq!(built(&mut app, "g g"), 1);
}
