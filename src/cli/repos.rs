//! `wharf repos REGISTRY`

use futures_util::{StreamExt, TryStreamExt};

use super::filter::NameFilter;
use super::question_args::ReposArgs;
use super::{Context, Error, Outcome, list};
use crate::config::{Config, RegistryType};
use crate::engine::Place;
use crate::oci::{ErrorClass, Registry, printable, printable_name};

/// Lists a place's repositories, one a line, as they come.
pub async fn run(args: &ReposArgs, context: &Context) -> Result<Outcome, Error> {
    let place = place(&args.registry, &context.config)?;
    let mut pages = context.engine.repositories(&place);
    if let Some(pattern) = &args.filter {
        let mut filter = NameFilter::new(pattern);
        pages = pages.map_ok(move |page| page.into_iter().filter(|name| filter.fits(name)).collect()).boxed();
    }
    list::print(pages, "repositories", context).await
}

/// What is meant by a text: an entry's name, `store:`, or a host.
pub(super) fn place(text: &str, config: &Config) -> Result<Place, Error> {
    let shown = printable_name(text, 120);
    let reference = |reason: String| Error::Usage {
        class: ErrorClass::Reference,
        faults: vec![format!("{shown:?} is no registry: {reason}")],
        hint: Some(
            "a registry is HOST[:PORT], the name of an entry in the configuration, store: or docker-daemon:"
                .to_owned(),
        ),
    };
    if let Some(entry) = config.entry(text) {
        return match (entry.kind, entry.registry()) {
            (RegistryType::Registry, Some(registry)) => Ok(Place::Registry(registry)),
            (RegistryType::Store, _) => Ok(Place::Store),
            (RegistryType::Docker, _) => Ok(Place::Engine(Some(entry.name.clone()))),
            _ => Err(reference(format!("the entry of that name is a {}", entry.kind.as_str()))),
        };
    }
    if matches!(text, "store" | "store:") {
        return Ok(Place::Store);
    }
    if let Some(engine) = text.strip_prefix("docker-daemon") {
        match engine.strip_prefix("://").map(|host| host.trim_end_matches('/')) {
            Some(host) if !host.is_empty() && !host.contains('/') => {
                return Ok(Place::Engine(Some(host.to_owned())));
            }
            None if matches!(engine, "" | ":") => return Ok(Place::Engine(None)),
            _ => {}
        }
    }
    let host = text.strip_prefix("docker://").unwrap_or(text).trim_end_matches('/');
    if let Some((_, path)) = host.split_once('/') {
        return Err(reference(format!(
            "it has a path; `wharf tags` lists the tags of {}",
            printable(path, 60)
        )));
    }
    host.parse::<Registry>().map(Place::Registry).map_err(|e| reference(e.reason().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_hosts() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        let text = "registries: [{name: prod, url: h.io:5000}, {name: dl, type: local_file, url: d}]";
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), None).unwrap().config;
        let registry = |text: &str| Place::Registry(text.parse().unwrap());
        assert_eq!(place("prod", &config).unwrap(), registry("h.io:5000"));
        assert_eq!(place("ghcr.io", &config).unwrap(), registry("ghcr.io"));
        assert_eq!(place("127.0.0.1:5000/", &config).unwrap(), registry("127.0.0.1:5000"));
        assert_eq!(place("store:", &config).unwrap(), Place::Store);
        for text in ["docker-daemon", "docker-daemon:"] {
            assert_eq!(place(text, &config).unwrap(), Place::Engine(None));
        }
        assert_eq!(place("docker-daemon://b/", &config).unwrap(), Place::Engine(Some("b".to_owned())));
        for text in ["dl", "ghcr.io/a", "", "a b", "http://a"] {
            let error = place(text, &config).unwrap_err();
            assert_eq!((error.exit_code(), error.class()), (2, ErrorClass::Reference), "{text}");
        }
    }
}
