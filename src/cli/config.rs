//! `wharf config check|path|example`: works without an engine, and with a configuration that does not load.

use std::path::Path;

use serde_json::json;

use super::args::ConfigCommand;
use super::output;
use super::{Error, Outcome, OutputFormat};
use crate::config::{Config, EXAMPLE, KeyRules, Loaded, SYNC_EXAMPLE, Setting};

/// Runs the command. `named` is the file that somebody named, `default` the platform's; `keys`
/// are the terminal UI's rules for its keys.
pub fn run(
    command: ConfigCommand,
    named: Option<&Path>,
    default: Option<&Path>,
    format: OutputFormat,
    keys: KeyRules<'_>,
) -> Result<Outcome, Error> {
    match command {
        ConfigCommand::Example { sync } => output::text(if sync { SYNC_EXAMPLE } else { EXAMPLE }),
        ConfigCommand::Path => {
            let missing = || Error::usage("there is no home directory to look in; name a file with --config");
            let path = named.or(default).ok_or_else(missing)?;
            let shown = path.to_string_lossy();
            match format {
                OutputFormat::Json => output::json(&json!({ "path": shown, "exists": path.exists() })),
                OutputFormat::Text => {
                    if !path.exists() {
                        output::complain("note: there is no such file; all is default\n");
                    }
                    output::text(&format!("{shown}\n"))
                }
            }
        }
        ConfigCommand::Check => {
            let loaded = Config::load_checked(named, default, keys)?;
            match format {
                OutputFormat::Json => output::json(&as_json(&loaded)),
                OutputFormat::Text => {
                    for warning in &loaded.warnings {
                        output::complain(&format!("warning: {warning}\n"));
                    }
                    output::text(&text(&loaded))
                }
            }
        }
    }
    .map(output::done)
}

fn as_json(loaded: &Loaded) -> serde_json::Value {
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    json!({ "path": loaded.path, "settings": loaded.config.explain(), "warnings": warnings })
}

fn text(loaded: &Loaded) -> String {
    let row = |setting: &Setting| {
        let origin = setting.line.map_or_else(|| "default".to_owned(), |line| format!("line {line}"));
        vec![setting.field.clone(), origin, setting.value.clone()]
    };
    let rows: Vec<_> = loaded.config.explain().iter().map(row).collect();
    let head = match &loaded.path {
        Some(path) => format!("{}: no fault\n", path.display()),
        None => "no configuration file; all is default\n".to_owned(),
    };
    format!("{head}\n{}", output::table(&["field", "set at", "value"], &rows, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_what_is_set_where() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        std::fs::write(
            &file,
            "# x\ntheme: light\nregistries: [{name: 本地, url: h.io, username: u, password: hunter2}]\n",
        )
        .unwrap();
        let loaded = Config::load(Some(&file), None).unwrap();
        let shown = text(&loaded);
        assert!(shown.contains("theme                   line 2   light\n"), "{shown}");
        assert!(
            shown.contains("workers                 default  16\n")
                && shown.contains("(set, written in the file)"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2") && !as_json(&loaded).to_string().contains("hunter2"));
    }
}
