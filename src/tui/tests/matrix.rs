//! Every view, at every size, in both languages and symbol sets.
//!
//! **A new view** is one line in [`VIEWS`]: a name, and what leads to it. `INSTA_UPDATE=always cargo test --lib matrix`
//! writes its snapshots; look at them (`git diff`) before they are committed.
//!
//! One file a view and size, in `snapshots/matrix/`: the text in English and in Chinese, each with Unicode and with
//! ASCII symbols, and then which role of the theme each cell has, row by row (`h12 t108`: twelve cells of `h`, then …; `_` is none;
//! [`ROLES`] says which letter is which). A theme is what its roles look like, and nothing else of a frame depends on
//! it: that is asserted here for every view, so one map of roles is the frame in dark and in mono alike. What the roles
//! look like in each theme is in `roles.snap`.

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

use super::*;
use crate::config::Language;
use crate::tui::state::EngineState;
use crate::tui::view::text::width;

/// What a view is called, and what leads to it.
type View = (&'static str, fn(&mut App));

/// Every view.
const VIEWS: &[View] = &[
    ("first", |app| app.state.engine = EngineState::Starting),
    ("no_engine", |app| {
        app.tell(Msg::NotReady("the ledger is locked".to_owned()));
    }),
    ("empty", |_| ()),
    ("busy", screens::make_busy),
    ("registries", |app| {
        let refused = failure(ErrorClass::Auth, "list repositories: 401 UNAUTHORIZED", None);
        app.keys("enter").answer_list(&[], Some(refused)).keys("1 j enter");
        let gone = failure(ErrorClass::Network, "connect to localhost:5001: connection refused", None);
        app.answer_list(&[], Some(gone)).keys("1");
    }),
    ("repositories", |app| {
        app.at_tags().keys("h");
    }),
    ("tags", |app| {
        app.at_tags().answer_lookups().keys("j space space");
        app.answer_lookups();
    }),
    ("loading", |app| {
        app.keys("enter");
    }),
    ("edit_faults", documents::make_faults),
    ("save", |app| {
        documents::with_drafts(app);
        app.keys("W");
    }),
    ("save_replace", documents::make_replace),
    ("filter", |app| {
        app.at_tags().keys("/").write("1.9");
    }),
    ("list_refused", |app| {
        let refused = failure(ErrorClass::Auth, "list tags harbor.prod/team-a/api: 401", None);
        app.keys("enter").answer_list(&["team-a/api"], None);
        app.keys("enter").answer_list(&[], Some(refused));
    }),
    ("files", |app| {
        app.at_files().keys("space");
    }),
    ("images", |app| {
        app.at_images().answer_lookups().keys("j space");
        app.answer_lookups();
    }),
    ("platforms", |app| {
        app.at_tags().answer_lookups().keys("enter");
        app.answer_lookups();
    }),
    ("image", |app| {
        app.at_tags().answer_lookups().keys("i");
    }),
    ("queue", |app| {
        screens::make_busy(app);
        app.keys("3");
    }),
    ("jobs", |app| {
        screens::make_busy(app);
        app.keys("4");
    }),
    ("logs", |app| {
        screens::make_busy(app);
        app.keys("5");
    }),
    ("details", |app| {
        screens::make_busy(app);
        app.keys("0");
    }),
    ("why", |app| {
        screens::make_busy(app);
        app.keys("4 g g j j enter");
    }),
    ("cancel", |app| {
        screens::make_busy(app);
        app.keys("4 g g x");
    }),
    ("quit", |app| {
        screens::make_busy(app);
        app.keys("q");
    }),
    ("plan", screens::make_plan),
    ("paste", |app| {
        app.tell(Msg::Paste("nginx:1\nNot A Ref!\nnginx:1, ghcr.io/o/r:2".to_owned()));
    }),
    ("reference", |app| {
        app.keys("n").write("Bad").keys("enter");
    }),
    ("target", |app| {
        app.keys("T");
    }),
    ("target_rule", queue::make_target),
    ("options", queue::make_options),
    ("options_many", |app| {
        screens::make_busy(app);
        app.keys("n").write("nginx:1 redis:7 node:20").keys("enter 3 g g v j enter");
    }),
    ("queue_marked", queue::make_marked),
    ("plan_asks", queue::make_question),
    ("plan_rule", queue::make_rule),
    ("import", |app| {
        app.keys("I").write("images").keys("enter");
    }),
    ("import_faults", queue::make_faults),
    ("import_read", queue::make_import),
    ("repository", |app| {
        app.at_tags().keys("N");
    }),
    ("bandwidth", |app| {
        app.keys("4 b").write("fast").keys("enter");
    }),
    ("tag", |app| {
        app.at_tags().keys("t");
    }),
    ("delete", upkeep::make_deletion),
    ("login", |app| {
        screens::make_busy(app);
        app.keys("4 g g j j L").write("镜像机器人").keys("tab").write("hunter2");
    }),
    ("login_empty", |app| {
        app.keys("L enter");
    }),
    ("logout", |app| {
        app.keys(":").write("logout").keys("enter");
    }),
    ("welcome", welcome::make_newcomer),
    ("welcome_found", welcome::make_found),
    ("offer", |app| {
        welcome::make_found(app);
        app.keys("k enter");
    }),
    ("add_registry", |app| {
        app.keys("A").write("reg.example:5000");
    }),
    ("theme", |app| {
        app.keys("ctrl-t j");
    }),
    ("palette", |app| {
        app.keys(":").write("mar");
    }),
    ("groups", jobs::make_evening),
    ("group_open", |app| {
        jobs::make_evening(app);
        app.keys("j j enter j");
    }),
    ("job_page", jobs::make_page),
    ("jobs_filter", |app| {
        jobs::make_evening(app);
        app.keys("/").write("team-c");
    }),
    ("cancel_all", |app| {
        screens::make_busy(app);
        app.keys("4 X");
    }),
    ("history", jobs::make_history),
    ("log_search", |app| {
        jobs::make_log(app);
        app.keys("5 /").write("blob 1").keys("enter");
    }),
    ("log_save", |app| {
        jobs::make_log(app);
        app.keys("5 s");
    }),
    ("others", |app| {
        others::mixed(app).keys("4");
    }),
    ("left_behind", others::make_left_behind),
    ("leave", others::make_leaving),
    ("by_hand", yank::make_by_hand),
    ("marked", |app| {
        app.at_tags().keys("space space m");
    }),
    ("pattern", |app| {
        app.at_tags().keys("*").write("v1.9.*");
    }),
    ("search", |app| {
        app.at_tags();
        browse::make_search(app);
    }),
    ("garbage", browse::make_garbage),
    ("protected", upkeep::make_protected),
    ("overwrite", upkeep::make_overwriting),
    ("diff", upkeep::make_diff),
    ("login_refused", |app| {
        login::make_refused(app);
    }),
    ("which", |app| {
        app.at_tags().keys("y");
    }),
    ("read_only", |app| {
        app.state.read_only = true;
        screens::make_busy(app);
        app.keys("2 a");
    }),
    ("help", |app| {
        app.keys("2 ?");
    }),
];

/// The sizes that are shown: every pane, an accordion, the smallest one.
const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (60, 16)];

/// The app in a language, where a view's keys lead.
fn shown(language: Language, lead: fn(&mut App)) -> App {
    let mut app = App::with(Config { language: Some(language), ..config() });
    lead(&mut app);
    app
}

fn frame(app: &App) -> Buffer {
    let (width, height) = app.state.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view(&app.state, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// A frame's text, each row without blanks at its end. No sign may be halved, none is a control character.
fn text(frame: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..frame.area.height {
        let mut row = String::new();
        let mut x = 0;
        while x < frame.area.width {
            let symbol = frame[(x, y)].symbol();
            assert!(!symbol.chars().any(char::is_control), "{symbol:?} at {x},{y}");
            let columns = width(symbol).max(1) as u16;
            let hidden = |x: u16| x < frame.area.width && matches!(frame[(x, y)].symbol(), " " | "");
            assert!((x + 1..x + columns).all(hidden), "{symbol:?} is halved at {x},{y}:\n{row}");
            row += symbol;
            x += columns;
        }
        out += row.trim_end();
        out.push('\n');
    }
    out
}

/// A theme by which every cell tells its role: each role has a colour of its own, before and behind.
fn telltale() -> Theme {
    let mut theme = Theme::mono();
    for (n, (_, style)) in theme.roles_mut().into_iter().enumerate() {
        let colour = Color::Indexed(16 + n as u8);
        *style = Style::new().fg(colour).bg(colour);
    }
    theme
}

/// The letters of the roles, in the theme's order.
const ROLES: &str = ".dtTbBCcm+!xa#-rkhpPis";

/// Which role each cell has, row by row.
fn roles(frame: &Buffer) -> String {
    let letter = |colour: Color| match colour {
        Color::Indexed(n) => ROLES.chars().nth(usize::from(n) - 16).unwrap(),
        Color::Reset => '_',
        other => panic!("{other:?} is none of the theme's"),
    };
    let mut out = String::new();
    for y in 0..frame.area.height {
        let mut runs: Vec<(String, usize)> = Vec::new();
        let mut hidden = 0;
        for x in 0..frame.area.width {
            let cell = &frame[(x, y)];
            if hidden > 0 {
                // The second half of a wide sign looks as the first one does.
                hidden -= 1;
                runs.last_mut().unwrap().1 += 1;
                continue;
            }
            hidden = width(cell.symbol()).saturating_sub(1);
            let (before, behind) = (letter(cell.fg), letter(cell.bg));
            let role = if before == behind { before.to_string() } else { format!("{before}{behind}") };
            match runs.last_mut() {
                Some((last, n)) if *last == role => *n += 1,
                _ => runs.push((role, 1)),
            }
        }
        let runs: Vec<String> = runs.iter().map(|(role, n)| format!("{role}{n}")).collect();
        writeln!(out, "{}", runs.join(" ")).unwrap();
    }
    out
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/matrix");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn check(&(name, lead): &View) {
    let mut apps = [shown(Language::English, lead), shown(Language::Chinese, lead)];
    for size in SIZES {
        let mut out = String::new();
        for app in &mut apps {
            for symbols in [Symbols::Unicode, Symbols::Ascii] {
                app.state.glyphs = Glyphs::of(symbols);
                app.tell(Msg::Resize(size.0, size.1));
                let screen = text(&frame(app));
                // Once a language: what is asked of a theme does not depend on the symbols.
                let themes = [Theme::mono(), telltale()];
                for theme in themes.into_iter().filter(|_| symbols == Symbols::Unicode) {
                    let theme = Theme { name: app.state.theme.name.clone(), ..theme };
                    let dark = std::mem::replace(&mut app.state.theme, theme);
                    let again = text(&frame(app));
                    app.state.theme = dark;
                    assert_eq!(again, screen, "{name}: something is told by colour alone");
                }
                // Wide signs are names and Chinese; an ellipsis is what `printable` cut at the edge.
                let foreign = |c: &char| !c.is_ascii() && *c != '…' && width(&c.to_string()) < 2;
                let found: String = screen.chars().filter(foreign).collect();
                assert!(
                    symbols == Symbols::Unicode || found.is_empty(),
                    "{name}: {found} with ASCII symbols\n{screen}"
                );
                writeln!(out, "== {} {symbols:?}\n{screen}", app.state.words.as_str()).unwrap();
            }
        }
        let [app, _] = &mut apps;
        app.state.glyphs = Glyphs::of(Symbols::Unicode);
        app.tell(Msg::Resize(size.0, size.1));
        app.state.theme = telltale();
        write!(out, "== roles\n{}", roles(&frame(app))).unwrap();
        app.state.theme = Theme::named("dark", ColourDepth::True).unwrap();
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), out);
    }
}

#[test]
fn every_view_at_every_size_in_both_languages_and_symbol_sets() {
    snapshots().bind(|| VIEWS.iter().for_each(check));
}

#[test]
fn what_the_roles_look_like() {
    let mut out = String::new();
    for name in Theme::names() {
        let theme = Theme::named(name, ColourDepth::True).unwrap();
        writeln!(out, "== {name}").unwrap();
        for ((role, style), letter) in theme.roles().into_iter().zip(ROLES.chars()) {
            let colour = |colour: Option<Color>| colour.map_or("-".to_owned(), |c| c.to_string());
            writeln!(
                out,
                "{letter} {role}: {} on {} {:?}",
                colour(style.fg),
                colour(style.bg),
                style.add_modifier
            )
            .unwrap();
        }
    }
    snapshots().bind(|| insta::assert_snapshot!("roles", out));
}

#[test]
fn a_letter_a_role_and_a_file_a_view() {
    let theme = Theme::mono();
    assert_eq!(ROLES.chars().count(), theme.roles().len());
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tui/tests/snapshots/matrix");
    for file in std::fs::read_dir(directory).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let known = VIEWS.iter().any(|(view, _)| {
            SIZES.iter().any(|(width, height)| name.starts_with(&format!("{view}_{width}x{height}.snap")))
        });
        assert!(known || name == "roles.snap", "{name} belongs to no view: remove it");
    }
}
