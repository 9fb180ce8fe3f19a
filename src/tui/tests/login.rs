//! The login's popup: what it asks, what it never shows, and what goes on once it worked.

use secrecy::ExposeSecret;

use super::*;
use crate::config::credentials::LoginTarget;
use crate::tui::state::login::Field;
use crate::tui::state::popup::Popup;

fn target(text: &str) -> LoginTarget {
    text.parse().unwrap()
}

fn form(app: &App) -> &crate::tui::state::login::LoginForm {
    match app.state.popups.last() {
        Some(Popup::Login(form)) => form,
        _ => panic!("no form is open"),
    }
}

/// The last login that was asked for: its request, and its password.
fn asked(app: &App) -> (u64, LoginTarget, String, String) {
    let login = app.effects.iter().rev().find_map(|effect| match effect {
        Effect::Login { request, target, user, password } => {
            Some((*request, target.clone(), user.clone(), password.0.expose_secret().to_owned()))
        }
        _ => None,
    });
    login.expect("a login was asked for")
}

fn refused(app: &mut App, message: &str) {
    let (request, target, ..) = asked(app);
    let answer = Err(failure(ErrorClass::Auth, message, None));
    app.tell(Msg::LoggedIn { request, target, answer });
}

fn accepted(app: &mut App) {
    let (request, target, ..) = asked(app);
    let answer = Ok(format!("logged in to {target}, kept in ~/.docker/config.json"));
    app.tell(Msg::LoggedIn { request, target, answer });
}

pub(super) fn make_refused(app: &mut App) {
    app.keys("L").write("jo").keys("tab").write("hunter2").keys("enter");
    refused(app, "log in to harbor.prod: 401 UNAUTHORIZED: authentication required");
}

#[test]
fn a_password_is_typed_checked_and_never_shown() {
    let mut app = App::new();
    app.keys("L");
    assert_eq!((form(&app).registry.value(), form(&app).field), ("harbor.prod", Field::User));
    app.keys("enter");
    assert!(app.screen().contains("a user name is needed"));
    app.write("jo").keys("enter").write("hunter2L?q").keys("backspace");
    let screen = app.screen();
    assert!(screen.contains("•••••••••") && !screen.contains("••••••••••"), "{screen}");
    app.keys("enter enter");
    let (_, to, user, password) = asked(&app);
    assert_eq!((to, user.as_str(), password.as_str()), (target("harbor.prod"), "jo", "hunter2L?"));
    assert_eq!(
        app.effects.iter().filter(|e| matches!(e, Effect::Login { .. })).count(),
        1,
        "it is asked once"
    );
    let told = format!("{:?} {:?}", app.effects, form(&app));
    assert!(app.state.spinning() && app.screen().contains("asking the registry"));
    refused(&mut app, "log in to harbor.prod: 401 UNAUTHORIZED");
    assert!(form(&app).password.is_empty() && form(&app).field == Field::Password);
    assert!(app.screen().contains("401 UNAUTHORIZED"));
    for seen in [told, screen, app.screen(), app.styled()] {
        assert!(!seen.contains("hunter"), "{seen}");
    }
    app.write("again").keys("enter");
    accepted(&mut app);
    assert!(app.state.popups.is_empty() && app.screen().contains("kept in ~/.docker"), "{}", app.screen());
}

#[test]
fn the_form_is_filled_by_tabs_and_pastes() {
    let mut app = App::with(Config { registries: Vec::new(), ..config() });
    app.keys("L");
    assert_eq!(form(&app).field, Field::Registry);
    app.write("no host!")
        .keys("tab")
        .write("jo")
        .keys("tab")
        .tell(Msg::Paste("s3cret pass\r\n".to_owned()))
        .keys("enter");
    assert!(form(&app).error.is_some() && form(&app).field == Field::Registry);
    app.keys("ctrl-u")
        .write("ghcr.io/team")
        .keys("S-tab")
        .write("x")
        .keys("ctrl-u")
        .tell(Msg::Paste("s3cret\n".to_owned()));
    app.keys("enter");
    let (request, to, user, password) = asked(&app);
    assert_eq!((to.to_string().as_str(), user.as_str(), password.as_str()), ("ghcr.io/team", "jo", "s3cret"));
    // An answer that comes when nobody looks any more is told all the same.
    app.keys("esc");
    assert!(app.state.popups.is_empty());
    app.tell(Msg::LoggedIn {
        request,
        target: to,
        answer: Err(failure(ErrorClass::Auth, "ghcr.io: 401", None)),
    });
    assert!(app.state.popups.is_empty() && app.screen().contains("ghcr.io: 401"));
}

#[test]
fn a_users_name_of_the_configuration_is_there_already() {
    let mut config = config();
    config.registries[0].username = "robot$team".to_owned();
    let mut app = App::with(config);
    app.keys("L");
    assert_eq!((form(&app).user.value(), form(&app).field), ("robot$team", Field::Password));
}

#[test]
fn what_was_refused_is_done_again_after_a_login() {
    let mut app = App::new();
    let unauthorized = |at: &str| failure(ErrorClass::Auth, &format!("list {at}: 401 UNAUTHORIZED"), None);
    app.keys("enter").answer_list(&[], Some(unauthorized("harbor.prod")));
    let screen = app.screen();
    assert!(app.state.popups.is_empty() && screen.contains("L logs in to harbor.prod"), "{screen}");
    assert!(screen.contains("L login"), "the bar has it too: {screen}");
    assert!(screen.contains("harbor.prod       !") && screen.contains("asks for a login: L"), "{screen}");
    app.keys("L").write("jo").keys("tab").write("pw").keys("enter").take_effects_but_login();
    accepted(&mut app);
    assert!(app.effects.iter().any(|e| matches!(e, Effect::List { .. })), "{:?}", app.effects);

    // Jobs: only those that this registry refused.
    let mut app = App::new();
    let mut other = job(3, "c:1", JobState::Failed);
    other.failure = Some(failure(ErrorClass::Auth, "get manifest docker.io/library/c:1: 401", None));
    let mut slow = job(4, "d:1", JobState::Failed);
    slow.failure = Some(failure(ErrorClass::Network, "push dr-b.example/x: no route", None));
    app.tell(sampled(vec![job(1, "a:1", JobState::Failed), job(2, "b:1", JobState::Failed), other, slow]));
    app.keys("4 g g j j");
    assert!(app.screen().contains("L login  R retry"), "{}", app.screen());
    let at = app.state.jobs.current().unwrap().id;
    app.keys("enter L");
    assert_eq!((at, form(&app).registry.value()), (JobId(2), "dr-b.example"));
    app.write("jo").keys("tab").write("pw").keys("enter");
    accepted(&mut app);
    let retried: Vec<_> = app.effects.iter().filter(|e| matches!(e, Effect::Retry(_))).cloned().collect();
    assert_eq!(retried, [Effect::Retry(JobId(2)), Effect::Retry(JobId(1))]);
    assert!(app.state.message.as_ref().unwrap().1.ends_with("the 2 jobs that it refused are tried again"));
}

#[test]
fn a_plan_that_was_refused_is_made_again() {
    let mut app = App::new();
    app.keys("n").write("nginx:1").keys("enter S");
    let Some(Popup::Plan(plan)) = app.state.popups.last() else { panic!() };
    let (generation, draft) = (plan.generation, plan.rows[0].draft);
    let outcome =
        Err(failure(ErrorClass::Auth, "get manifest dr-b.example/mirror/library/nginx:1: 401", None));
    app.tell(Msg::Planned { generation, draft, outcome });
    assert!(app.screen().contains("L logs in"), "{}", app.screen());
    app.keys("L").write("jo").keys("tab").write("pw").keys("enter");
    assert_eq!(asked(&app).1, target("dr-b.example"));
    accepted(&mut app);
    let Some(Popup::Plan(plan)) = app.state.popups.last() else { panic!() };
    assert!(app.state.popups.len() == 1 && plan.waiting() && plan.generation != generation);
}

#[test]
fn logging_out_is_asked_about_and_starts_with_staying() {
    let mut app = App::new();
    app.keys(":").write("logout").keys("enter enter");
    assert!(app.state.popups.is_empty() && app.take_effects().is_empty());
    app.keys(":").write("logout").keys("enter j enter");
    assert_eq!(app.take_effects(), [Effect::Logout(target("harbor.prod"))]);
    app.tell(Msg::LoggedOut(target("harbor.prod"), Ok("logged out of harbor.prod".to_owned())));
    assert!(app.screen().contains("logged out of harbor.prod"));
    app.keys("j j").keys(":").write("logout").keys("enter");
    assert!(app.state.popups.is_empty() && app.screen().contains("put the cursor on a registry"));
}

impl App {
    /// Forgets the effects so far but the login's.
    fn take_effects_but_login(&mut self) {
        self.effects.retain(|effect| matches!(effect, Effect::Login { .. }));
    }
}

#[test]
fn a_rule_that_was_refused_says_so_and_is_looked_up_again_after_the_login() {
    use crate::tui::state::queue::{Draft, Options};
    use crate::tui::upkeep::{Answer, Upkeep};
    let asked_tags = |app: &mut App| {
        app.take_effects().into_iter().find_map(|effect| match effect {
            Effect::Upkeep(Upkeep::Tags { request, rules }) => Some((request, rules)),
            _ => None,
        })
    };
    let mut app = App::new();
    for repository in ["ghcr.io/team/api", "quay.io/team/web"] {
        let repository: Location = repository.parse().unwrap();
        let goal = app.state.goal(&repository).unwrap();
        let all = crate::config::TagFilter::all();
        app.state.queue.add(vec![Draft::rule(repository, all, goal, Options::default())]);
    }
    app.keys("1 S");
    let (request, rules) = asked_tags(&mut app).unwrap();
    let refused =
        |at: &Location| Err(failure(ErrorClass::Auth, &format!("list tags {at}: 401 UNAUTHORIZED"), None));
    let found = rules.iter().map(|(id, at)| (*id, refused(at))).collect();
    app.tell(Msg::Upkeep(Answer::Tags { request, found }));
    let screen = app.screen();
    assert!(screen.contains("L logs in to quay.io"), "{screen}");
    app.keys("L");
    assert_eq!((form(&app).registry.value(), form(&app).field), ("ghcr.io", Field::User));
    app.keys("esc L S-tab ctrl-u")
        .write("quay.io")
        .keys("tab")
        .write("jo")
        .keys("enter")
        .write("pw")
        .keys("enter");
    // Also of the second that refused.
    accepted(&mut app);
    assert!(asked_tags(&mut app).is_some(), "{}", app.screen());
}
