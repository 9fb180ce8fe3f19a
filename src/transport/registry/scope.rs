//! What a token lacks: the scopes that were asked for, against what a token says of itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::challenge::covers;
use crate::oci::printable;

/// What is read of a token's claims (distribution's token specification).
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    access: Vec<Access>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    actions: Vec<String>,
}

/// `push to team/a`: what of `wanted` a bearer token does not allow, as far as the token can be read; `None` if it allows
/// all of it. A token that cannot be read is taken to allow nothing.
pub(super) fn missing(wanted: &[String], authorization: &str) -> Option<String> {
    let granted = granted(authorization).unwrap_or_default();
    let mut lacks = Vec::new();
    for scope in wanted {
        let Some((resource, actions)) = scope.rsplit_once(':') else { continue };
        let refused = |action: &&str| !covers(&granted, &format!("{resource}:{action}"));
        let refused: Vec<&str> = actions.split(',').filter(refused).collect();
        let name = resource.split_once(':').map_or(resource, |(_, name)| name);
        if !refused.is_empty() {
            lacks.push(match (resource, refused.join(" and ")) {
                ("registry:catalog", _) => "listing the repositories".to_owned(),
                (_, actions) if actions == "push" => format!("push to {name}"),
                (_, actions) => format!("{actions} of {name}"),
            });
        }
    }
    (!lacks.is_empty()).then(|| printable(&lacks.join(", "), 300))
}

/// The scopes that a JWT says it allows. Nothing is verified: the registry does that.
fn granted(authorization: &str) -> Option<Vec<String>> {
    let claims = authorization.strip_prefix("Bearer ")?.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let scope = |access: &Access| format!("{}:{}:{}", access.kind, access.name, access.actions.join(","));
    Some(claims.access.iter().map(scope).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_a_name() {
        let token = |access: &str| {
            let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iss":"x","access":[{access}]}}"#));
            format!("Bearer e30.{claims}.c2ln")
        };
        let pull = token(r#"{"type":"repository","name":"team/a","actions":["pull"]}"#);
        let scopes = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        for (wanted, token, want) in [
            (&["repository:team/a:pull,push"][..], &pull, Some("push to team/a")),
            (&["repository:team/a:pull"], &pull, None),
            (&["repository:b:pull,push", "repository:team/a:pull"], &pull, Some("pull and push of b")),
            (&["repository:b:pull"], &token(""), Some("pull of b")),
            (&["registry:catalog:*"], &pull, Some("listing the repositories")),
            (
                &["repository:a:pull,push,delete"],
                &"Bearer opaque".to_owned(),
                Some("pull and push and delete of a"),
            ),
        ] {
            assert_eq!(missing(&scopes(wanted), token).as_deref(), want, "{wanted:?}");
        }
    }
}
