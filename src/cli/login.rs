//! `wharf login [REGISTRY]`

use std::io::{self, Read};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::prompt::{Answer, Terminal};
use super::question_args::LoginArgs;
use super::{Context, Error, Outcome, OutputFormat, output};
use crate::config::Config;
use crate::config::credentials::LoginTarget;
use crate::oci::{ErrorClass, printable};

/// Whom a login is for where nobody is named.
const DEFAULT: &str = "docker.io";
/// The longest password that is read from standard input, in bytes.
const LIMIT: u64 = 64 << 10;

/// Checks a user name and a password at the registry, and keeps them where `docker login` would.
pub async fn run(args: &LoginArgs, context: &Context) -> Result<Outcome, Error> {
    let target = target(args.registry.as_deref(), &context.config)?;
    // Nobody types a password for a file that cannot be written to.
    context.logins.place(&target)?;
    let Some((user, password)) = typed(args, &target).await? else { return Ok(Outcome::Interrupted) };
    let (registry, part) = (&target.registry, target.part.as_ref());
    let checked = context.engine.check_login(registry, part, &user, &password).await?;
    let place = context.logins.store(&target, &user, &password, checked.identity_token.as_ref()).await?;
    context.engine.forget_login(registry).await;
    if !checked.was_asked {
        context.note(&format!("{registry} lets in who shows nothing: the password was not checked"));
    }
    if place.is_unencrypted() {
        context.note(&format!(
            "it stands unencrypted in {place}; `credsStore` in Docker's config.json names a helper that keeps it better"
        ));
    }
    shadowed(&target, context);
    match context.output {
        OutputFormat::Json => output::json(&json!({
            "registry": target.to_string(),
            "user": user,
            "checked": checked.was_asked,
            "kept_in": place.to_string(),
            "encrypted": !place.is_unencrypted(),
        }))?,
        OutputFormat::Text => output::text(&format!(
            "logged in to {target} as {}; kept in {}\n",
            printable(&user, 100),
            printable(&place.to_string(), 500)
        ))?,
    };
    Ok(Outcome::Done)
}

/// Says so where the configuration's own password is what counts.
pub(super) fn shadowed(target: &LoginTarget, context: &Context) {
    if let Some(entry) = context.config.password_before(target) {
        context.note(&format!(
            "the configuration's entry {entry:?} has a password for {target}, which comes first"
        ));
    }
}

/// Whom a command line means.
pub(super) fn target(text: Option<&str>, config: &Config) -> Result<LoginTarget, Error> {
    config.login_target(text.unwrap_or(DEFAULT)).map_err(|reason| Error::Usage {
        class: ErrorClass::Reference,
        faults: vec![reason],
        hint: Some(
            "a registry is HOST[:PORT][/PATH], or the name of an entry in the configuration".to_owned(),
        ),
    })
}

/// User name and password, from the command line, standard input or the terminal; `None` after ctrl-c.
async fn typed(args: &LoginArgs, target: &LoginTarget) -> Result<Option<(String, SecretString)>, Error> {
    let given = args.username.clone().filter(|user| !user.is_empty());
    if args.password_stdin {
        let Some(user) = given else {
            return Err(faulty("--password-stdin needs --username: standard input is taken by the password"));
        };
        return Ok(Some((checked_user(user)?, checked_password(from_stdin().await?)?)));
    }
    let terminal = Terminal::open()
        .map_err(|_| faulty("there is no terminal to ask on: give --username and --password-stdin"))?;
    let user = match given {
        Some(user) => user,
        None => match asked(&terminal, &format!("User name for {target}: "), true).await? {
            Some(user) => user.expose_secret().trim().to_owned(),
            None => return Ok(None),
        },
    };
    let user = checked_user(user)?;
    let prompt = format!("Password or token of {} (not shown): ", printable(&user, 100));
    match asked(&terminal, &prompt, false).await? {
        Some(password) => Ok(Some((user, checked_password(password)?))),
        None => Ok(None),
    }
}

async fn asked(terminal: &Terminal, prompt: &str, shown: bool) -> Result<Option<SecretString>, Error> {
    let failed = |source| Error::Io { attempted: "ask on the terminal".to_owned(), source };
    match terminal.ask(prompt, shown).await.map_err(failed)? {
        Answer::Line(line) => Ok(Some(line)),
        Answer::Interrupted => Ok(None),
        Answer::Ended => Err(faulty("nothing was typed")),
    }
}

async fn from_stdin() -> Result<SecretString, Error> {
    let read = || {
        let mut bytes = Vec::new();
        io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let failed = |source| Error::Io { attempted: "read the password from standard input".to_owned(), source };
    let bytes =
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other).flatten().map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(faulty("the password on standard input is longer than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| faulty("the password on standard input is not UTF-8"))?;
    // As `docker login` reads it: the line's end does not belong to it.
    let password = text.strip_suffix('\n').unwrap_or(&text);
    Ok(SecretString::from(password.strip_suffix('\r').unwrap_or(password).to_owned()))
}

fn checked_user(user: String) -> Result<String, Error> {
    match user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
        true => Err(faulty("a user name is not empty, and has no colon and no control character in it")),
        false => Ok(user),
    }
}

fn checked_password(password: SecretString) -> Result<SecretString, Error> {
    match password.expose_secret().is_empty() {
        true => Err(faulty("the password is empty")),
        false => Ok(password),
    }
}

fn faulty(fault: &str) -> Error {
    Error::Usage {
        class: ErrorClass::Config,
        faults: vec![fault.to_owned()],
        hint: Some("`wharf login --help` shows both ways to give a password".to_owned()),
    }
}
