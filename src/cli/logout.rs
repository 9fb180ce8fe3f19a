//! `wharf logout [REGISTRY]`

use serde_json::json;

use super::login::{shadowed, target};
use super::question_args::LogoutArgs;
use super::{Context, Error, Outcome, OutputFormat, output};
use crate::oci::printable;

/// Erases what is kept for a registry, wherever wharf would find it.
pub async fn run(args: &LogoutArgs, context: &Context) -> Result<Outcome, Error> {
    let target = target(args.registry.as_deref(), &context.config)?;
    let erased = context.logins.erase(&target).await;
    context.engine.forget_login(&target.registry).await;
    let places: Vec<String> = erased.places.iter().map(ToString::to_string).collect();
    match context.output {
        OutputFormat::Json => {
            output::json(&json!({ "registry": target.to_string(), "erased_in": places }))?;
        }
        OutputFormat::Text => {
            let lines = places
                .iter()
                .map(|place| format!("logged out of {target}: erased in {}\n", printable(place, 500)));
            let none = || format!("not logged in to {target}\n");
            let text = if places.is_empty() && erased.failures.is_empty() { none() } else { lines.collect() };
            output::text(&text)?;
        }
    }
    shadowed(&target, context);
    // The first says enough: each of them names its file or helper.
    erased.failures.into_iter().next().map_or(Ok(Outcome::Done), |failure| Err(failure.into()))
}
