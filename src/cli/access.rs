//! What a command line says of access to registries: credentials and TLS. `app` needs it before the engine is
//! built.

use std::collections::BTreeSet;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::args::{Args, Command, ExportArgs, SyncArgs, TypedBatch, TypedCredentials};
use super::error::Faults;
use super::limits::LimitOverrides;
use super::{Error, everything, import, login, repos, sync};
use crate::config::credentials::ExplicitCredential;
use crate::config::{Batch, Config, Prefix, Proxy};
use crate::engine::Place;
use crate::oci::{ErrorClass, Location, Registry, Repository};

/// What the command line sets for this run alone.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Credentials, each for one repository (or registry).
    pub credentials: Vec<ExplicitCredential>,
    /// Registries whose certificates are to be looked at, or not: `--src-tls-verify=false` is skopeo's, so it
    /// allows plain HTTP as well.
    pub tls_verify: Vec<(Registry, bool)>,
    /// `--workers` and `--bandwidth`
    pub limits: LimitOverrides,
    /// `--authfile`
    pub authfile: Option<PathBuf>,
    /// The proxies that a batch file asks for, instead of the environment's.
    pub proxy: Option<Proxy>,
}

/// One side of a command: what was typed for it, and by which options.
struct Side<'a> {
    places: Vec<(Registry, Option<Repository>)>,
    creds: &'a Option<TypedCredentials>,
    creds_option: &'static str,
    tls_verify: Option<bool>,
    /// A password for one registry must not be shown to several.
    several: bool,
}

impl Args {
    /// What this command line sets for registries. Names that do not parse are left to the command, which tells of
    /// all of them.
    pub fn overrides(&self, config: &Config) -> Result<Overrides, Error> {
        let mut overrides = Overrides { authfile: self.global.authfile.clone(), ..Overrides::default() };
        let mut faults = Faults::default();
        overrides.limits = LimitOverrides::of(self, &mut faults);
        let limits_fit = faults.is_empty();
        for side in self.command.iter().flat_map(|command| sides(command, config)) {
            if let Some(verify) = side.tls_verify {
                overrides
                    .tls_verify
                    .extend(side.places.iter().map(|(registry, _)| (registry.clone(), verify)));
            }
            let Some(typed) = side.creds else { continue };
            if side.several {
                let reason = "is for one registry, and the file has images of several; use `wharf login`, the configuration or the file itself";
                faults.add(ErrorClass::Config, format!("{} {reason}", side.creds_option));
            }
            match split(&typed.0) {
                None => {
                    faults.add(ErrorClass::Config, format!("{} is written USER:PASSWORD", side.creds_option))
                }
                Some((user, password)) => {
                    overrides.credentials.extend(side.places.iter().map(|(registry, repository)| {
                        ExplicitCredential {
                            registry: registry.clone(),
                            repository: repository.clone(),
                            user: user.clone(),
                            password: password.clone(),
                            option: side.creds_option,
                        }
                    }));
                }
            }
        }
        // What is typed is above what the file says. Faults of the file are told by the command, all of them.
        if let Some((batch, to)) = self.command.as_ref().and_then(|command| batch_of(command, config)) {
            overrides.credentials.extend(batch.credentials(config, to.as_ref()).unwrap_or_default());
            overrides.proxy = batch.proxy().cloned();
        }
        faults.finish(match limits_fit {
            true => "a password may also come from the configuration, as ${NAME}, or from a credential file",
            false => "a plain number is bytes a second; without --bandwidth the configuration's limit holds",
        })?;
        Ok(overrides)
    }
}

fn sides<'a>(command: &'a Command, config: &Config) -> Vec<Side<'a>> {
    let places = |texts: &[String]| {
        let images = texts.iter().filter_map(|text| text.parse::<Location>().ok());
        let references = images.filter_map(|location| location.as_registry().cloned());
        references.map(|r| (r.registry, Some(r.repository))).collect::<Vec<_>>()
    };
    let source = |texts: &[String], access: &'a super::args::SourceAccess| Side {
        places: places(texts),
        creds: &access.src_creds,
        creds_option: "--src-creds",
        tls_verify: access.src_tls_verify,
        several: false,
    };
    let asked = |places, access: &'a super::args::Access| Side {
        places,
        creds: &access.creds,
        creds_option: "--creds",
        tls_verify: access.tls_verify,
        several: false,
    };
    let listed_side = |places: Vec<(Registry, Option<Repository>)>, access| {
        let registries: BTreeSet<&Registry> = places.iter().map(|(registry, _)| registry).collect();
        let several = registries.len() > 1;
        Side { several, ..asked(places, access) }
    };
    let one = std::slice::from_ref::<String>;
    let whole = |text: &str| match repos::place(text, config) {
        Ok(Place::Registry(registry)) => vec![(registry, None)],
        _ => Vec::new(),
    };
    match command {
        Command::Copy(args) => vec![
            match args.all_repos {
                true => Side {
                    places: everything::registries(one(&args.source), config),
                    ..source(&[], &args.source_access)
                },
                false => source(one(&args.source), &args.source_access),
            },
            Side {
                places: match args.all_repos {
                    true => everything::registries(&args.destinations, config),
                    false => places(&args.destinations),
                },
                creds: &args.destination_access.dest_creds,
                creds_option: "--dest-creds",
                tls_verify: args.destination_access.dest_tls_verify,
                several: false,
            },
        ],
        Command::Sync(args) => batch(args, config),
        Command::Export(args) => match &args.from {
            Some(from) => vec![sources_of(from, args, config)],
            None => vec![source(&args.images, &args.source_access)],
        },
        Command::Import(args) => vec![Side {
            places: import::registry(args, config).map(|registry| (registry, None)).into_iter().collect(),
            creds: &args.destination_access.dest_creds,
            creds_option: "--dest-creds",
            tls_verify: args.destination_access.dest_tls_verify,
            several: false,
        }],
        Command::Inspect(args) => match (&args.registry, &args.image) {
            (Some(registry), _) => vec![asked(whole(registry), &args.access)],
            (None, Some(image)) => vec![asked(places(one(image)), &args.access)],
            (None, None) => Vec::new(),
        },
        Command::Tags(args) => vec![asked(places(one(&args.repository)), &args.access)],
        Command::Repos(args) => vec![asked(whole(&args.registry), &args.access)],
        Command::Login(args) => {
            let named = login::target(args.registry.as_deref(), config).ok();
            let places = named.map(|target| (target.registry, None)).into_iter().collect();
            vec![Side { places, creds: &None, creds_option: "", tls_verify: args.tls_verify, several: false }]
        }
        Command::Search(args) => vec![asked(whole(&args.registry), &args.access)],
        Command::Diff(args) => vec![listed_side(places(&[args.a.clone(), args.b.clone()]), &args.access)],
        Command::Delete(args) => vec![listed_side(places(&args.images), &args.access)],
        Command::Tag(args) => vec![asked(places(&args.whole_names()), &args.access)],
        Command::Logout(_)
        | Command::Files(_)
        | Command::Store(_)
        | Command::Serve(_)
        | Command::History(_)
        | Command::Jobs(_)
        | Command::Config(_)
        | Command::Demo(_)
        | Command::Completions(_) => Vec::new(),
    }
}

/// The batch file that a command reads, and where its images go that have no destination in it.
fn batch_of<'a>(command: &'a Command, config: &Config) -> Option<(&'a Batch, Option<Prefix>)> {
    match command {
        Command::Sync(args) => Some((args.file.read(), sync::prefix(args, config).ok())),
        Command::Export(args) => Some((args.from.as_ref()?.read(), None)),
        _ => None,
    }
}

/// The two sides of a batch.
fn batch<'a>(args: &'a SyncArgs, config: &Config) -> Vec<Side<'a>> {
    let (from, to) = (&args.source_access, &args.destination_access);
    let prefix = sync::prefix(args, config).ok();
    let (sources, destinations) = args.file.read().places(config, prefix.as_ref());
    vec![
        Side {
            several: registries(&sources) > 1,
            places: whole_names(sources),
            creds: &from.src_creds,
            creds_option: "--src-creds",
            tls_verify: from.src_tls_verify,
        },
        Side {
            several: registries(&destinations) > 1,
            places: whole_names(destinations),
            creds: &to.dest_creds,
            creds_option: "--dest-creds",
            tls_verify: to.dest_tls_verify,
        },
    ]
}

/// What an export reads that takes its images from a file.
fn sources_of<'a>(from: &TypedBatch, args: &'a ExportArgs, config: &Config) -> Side<'a> {
    let (sources, _) = from.read().places(config, None);
    Side {
        several: registries(&sources) > 1,
        places: whole_names(sources),
        creds: &args.source_access.src_creds,
        creds_option: "--src-creds",
        tls_verify: args.source_access.src_tls_verify,
    }
}

fn registries(places: &BTreeSet<(Registry, Repository)>) -> usize {
    places.iter().map(|(registry, _)| registry).collect::<BTreeSet<_>>().len()
}

fn whole_names(places: BTreeSet<(Registry, Repository)>) -> Vec<(Registry, Option<Repository>)> {
    places.into_iter().map(|(registry, repository)| (registry, Some(repository))).collect()
}

fn split(typed: &SecretString) -> Option<(String, SecretString)> {
    let (user, password) = typed.expose_secret().split_once(':')?;
    (!user.is_empty()).then(|| (user.to_owned(), SecretString::from(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    fn overrides(line: &str) -> Result<Overrides, Error> {
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        assert!(!format!("{args:?}").contains("hunter2"));
        args.overrides(&Config::default())
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn each_side_has_its_own() {
        let line = "wharf copy a.io/a b.io/b oci:dir --src-creds u:hunter2:x --dest-creds v:y --src-tls-verify=false --dest-tls-verify";
        let found = overrides(line).unwrap();
        let shown: Vec<_> = found
            .credentials
            .iter()
            .map(|c| format!("{} {} {} {}", c.registry, c.user, c.password.expose_secret(), c.option))
            .collect();
        assert_eq!(shown, ["a.io u hunter2:x --src-creds", "b.io v y --dest-creds"]);
        assert_eq!(found.tls_verify, [("a.io".parse().unwrap(), false), ("b.io".parse().unwrap(), true)]);
        let asked = overrides("wharf repos a.io --creds u:p --authfile f").unwrap();
        assert!(asked.credentials[0].repository.is_none() && asked.authfile.is_some());
    }

    #[test]
    fn a_lists_registries_are_those_of_its_images() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("list");
        let line = |options: &str| format!("wharf sync {} --to h.io/m {options}", file.display());
        std::fs::write(&file, "a.io/a:1\na.io/b:1\na.io/a:2\n").unwrap();
        let found =
            overrides(&line("--src-creds u:hunter2 --dest-creds v:y --src-tls-verify=false")).unwrap();
        let shown: Vec<_> = found
            .credentials
            .iter()
            .map(|c| format!("{} {} {}", c.registry, c.repository.as_ref().unwrap(), c.user))
            .collect();
        assert_eq!(shown, ["a.io a u", "a.io b u", "h.io m/a v", "h.io m/b v"]);
        assert!(found.tls_verify.iter().all(|(r, verify)| r.as_str() == "a.io" && !verify));
        std::fs::write(&file, "a.io/a:1\nb.io/b:1\n").unwrap();
        let error = overrides(&line("--src-creds u:hunter2")).unwrap_err();
        assert!(error.to_string().contains("several") && !error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn a_files_credentials_and_proxies_are_for_this_run_and_below_what_is_typed() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("request.json");
        let text = r#"{"images": ["a.io/a:1"], "target_registry": "h.io", "proxy_config": {"https_proxy": "http://u:hunter2@p:1"},
            "source_auth": {"username": "f", "password": "hunter2"}, "target_auth": {"username": "g", "password": "hunter2"}}"#;
        std::fs::write(&file, text).unwrap();
        let shown = |line: &str| {
            let found = overrides(line).unwrap();
            assert!(found.proxy.is_some() && !format!("{found:?}").contains("hunter2"));
            let shown = |c: &ExplicitCredential| format!("{} {} {}", c.registry, c.user, c.option);
            found.credentials.iter().map(shown).collect::<Vec<_>>()
        };
        let line = format!("wharf sync {} --src-creds u:p", file.display());
        assert_eq!(shown(&line), ["a.io u --src-creds", "a.io f source_auth", "h.io g target_auth"]);
        let line = format!("wharf export --from {} -o d --src-creds u:p", file.display());
        assert_eq!(shown(&line)[..2], ["a.io u --src-creds", "a.io f source_auth"]);
    }

    #[test]
    fn a_fault_does_not_repeat_the_secret() {
        let error = overrides("wharf copy a b --src-creds hunter2 --dest-creds :x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "--src-creds is written USER:PASSWORD\n--dest-creds is written USER:PASSWORD"
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn help_fits_a_hundred_columns() {
        let mut command = Args::command().term_width(100);
        let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        assert!(command.render_long_help().to_string().lines().all(|line| line.chars().count() <= 100));
        for name in names {
            let sub = command.find_subcommand_mut(&name).unwrap();
            let typed: String = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(typed.lines().all(|line| line.chars().count() <= 98), "{name}");
        }
        let empty = Args::try_parse_from(["wharf", "--config", ""]).unwrap();
        assert!(empty.global.config_file().is_none());
    }

    #[test]
    fn command_lines_parse_or_are_refused() {
        for line in [
            "wharf",
            "wharf demo --headless",
            "wharf history -n 5",
            "wharf history 12",
            "wharf config check --config x",
            "wharf --output json tags a",
            "wharf inspect a --raw -q",
            "wharf inspect --registry a.io --creds u:p",
            "wharf completions bash",
            "wharf copy a b -vv --no-progress",
            "wharf sync - --to h.io",
            "wharf sync list --dry-run",
            "wharf config example --sync",
            "wharf export --from f -o d --script",
            "wharf jobs",
            "wharf jobs resume",
            "wharf jobs resume 3 4",
            "wharf jobs cancel 3",
            "wharf export a -o d",
            "wharf export a b --single -o -",
        ] {
            assert!(Args::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
        for line in [
            "wharf copy a",
            "wharf export",
            "wharf export a --from f",
            "wharf export a --script",
            "wharf history -n 0",
            "wharf sync",
            "wharf jobs cancel",
            "wharf jobs resume x",
            "wharf sync a b",
            "wharf copy a b --src-tls-verify=maybe",
            "wharf copy a b --no-progress --progress bars",
            "wharf tags",
            "wharf inspect",
            "wharf inspect a --registry b",
            "wharf config",
            "wharf --output yaml tags a",
        ] {
            assert!(Args::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }
}
