//! Basic authentication, where the options ask for it.

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::call::Call;
use super::refusal::{Code, Refusal};
use crate::oci::Digest;

/// Whether the request may go on.
pub(super) fn check(call: &Call) -> Result<(), Refusal> {
    let Some(wanted) = &call.options().basic_auth else { return Ok(()) };
    if call.header(header::AUTHORIZATION).is_some_and(|given| is_right(given, wanted)) {
        return Ok(());
    }
    Err(Refusal::new(Code::Unauthorized, "authentication required")
        .with_header(header::WWW_AUTHENTICATE, "Basic realm=\"wharf\""))
}

fn is_right(given: &str, (user, password): &(String, SecretString)) -> bool {
    let Some((scheme, value)) = given.split_once(' ') else { return false };
    let Ok(given) = STANDARD.decode(value.trim()) else { return false };
    let wanted = SecretString::from(format!("{user}:{}", password.expose_secret()));
    // Digests are compared, so that the time it takes tells nothing of how much was right.
    scheme.eq_ignore_ascii_case("basic")
        && Digest::of(&given) == Digest::of(wanted.expose_secret().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_name_and_password_pass() {
        let wanted = ("user".to_owned(), SecretString::from("pa:ss"));
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(is_right(&header("user:pa:ss"), &wanted));
        assert!(is_right(&header("user:pa:ss").replace("Basic", "basic"), &wanted));
        for wrong in [
            header("user:pass"),
            header("user"),
            header(""),
            "Basic".to_owned(),
            "Basic !".to_owned(),
            header("user:pa:ss").replace("Basic", "Bearer"),
        ] {
            assert!(!is_right(&wrong, &wanted), "{wrong}");
        }
    }
}
