//! `wharf inspect --registry HOST`

use serde_json::json;

use super::output;
use super::{Context, Error, Outcome, OutputFormat, repos};
use crate::config::RegistryEntry;
use crate::engine::{Place, RegistryInfo};
use crate::oci::printable;

/// Shows how a registry is spoken to and what was learned of it.
pub(super) async fn run(text: &str, context: &Context) -> Result<Outcome, Error> {
    let Place::Registry(registry) = repos::place(text, &context.config)? else {
        return Err(Error::usage(format!("{}: only a registry can be pinged", printable(text, 120))));
    };
    let info = context.engine.registry_info(&registry).await?;
    let entry = context.config.entry_for(&registry);
    match context.output {
        OutputFormat::Json => {
            let mut object = json!(info);
            object["concurrency"] = json!(entry.and_then(|entry| entry.concurrency));
            output::json(&object)?
        }
        OutputFormat::Text => output::text(&self::text(&info, entry))?,
    };
    Ok(Outcome::Done)
}

fn text(info: &RegistryInfo, entry: Option<&RegistryEntry>) -> String {
    let known = |value: Option<bool>| match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known yet",
    };
    let asks = match (info.asks, &info.realm) {
        ("bearer", Some(realm)) => format!("a token of {}", printable(realm, 200)),
        ("basic", _) => "user name and password".to_owned(),
        ("nothing", _) => "nothing".to_owned(),
        _ => "something that wharf does not know".to_owned(),
    };
    let credential = match (&info.refused, info.has_credential) {
        (Some(failure), true) => format!("refused: {}", printable(&failure.message, 500)),
        (Some(failure), false) => format!("none: {}", printable(&failure.message, 500)),
        (None, true) if info.asks == "nothing" => "there is one, and it is not asked for".to_owned(),
        (None, true) => "accepted".to_owned(),
        (None, false) => "none, and it lets in who has none".to_owned(),
    };
    let upload = match serde_json::to_value(info.learned.upload) {
        Ok(serde_json::Value::String(rung)) => rung,
        _ => String::new(),
    };
    let since =
        info.upload_since.map(|at| format!(", since {}", at.strftime("%Y-%m-%d"))).unwrap_or_default();
    let mut rows = vec![
        ("registry", info.registry.clone()),
        ("url", printable(&info.url, 500)),
        ("latency", format!("{} ms", info.latency)),
        ("asks for", asks),
        ("credential", credential),
        ("self-mount", known(info.learned.honours_self_mount).to_owned()),
        ("uploads", format!("{upload}{since}")),
    ];
    if let Some(chunk) = info.learned.chunk {
        rows.push(("chunk", output::size(chunk)));
    }
    rows.push(("catalog", known(info.learned.catalog).to_owned()));
    rows.push(("referrers", known(info.learned.referrers).to_owned()));
    if let Some(limit) = &info.rate_limit {
        let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
        let at = info.rate_limit_at.map(|at| at.strftime(", at %Y-%m-%d %H:%M UTC").to_string());
        let window = limit.window.map(|s| format!(" in {s} s")).unwrap_or_default();
        let (left, all) = (number(limit.remaining), number(limit.limit));
        rows.push(("rate limit", format!("{left} of {all} left{window}{}", at.unwrap_or_default())));
    }
    if let Some(concurrency) = entry.and_then(|entry| entry.concurrency) {
        rows.push(("concurrency", concurrency.to_string()));
    }
    rows.iter().map(|(name, value)| format!("{name:<11} {value}\n")).collect()
}
