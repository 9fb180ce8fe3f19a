//! The one rule of the house (DESIGN section 1, `src/lib.rs`): who may name whom, checked on every path in `src`.
//! And what the layers leave to others: the engine and all below it read no environment, no home directory and no
//! terminal; only the ledger speaks SQL; no front end touches the network by itself.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// Whom a module may name besides itself.
type Rule = BTreeMap<String, BTreeSet<String>>;

/// The rule as the design has it. `src/lib.rs` must say the same.
const DESIGN: &str = "`job → oci`; `transport → oci`; `config → oci, job`; `ledger → oci, job`; \
    `engine → oci, job, transport, ledger`; `serve → oci, transport`; `cli → oci, job, config, engine`; \
    `tui → oci, job, config, engine`; `app → all`; `main → app`.";

/// Reads `` `a → b, c` `` out of prose.
fn rule(prose: &str) -> Rule {
    let pairs = prose.split('`').filter_map(|span| span.split_once(" → "));
    pairs
        .filter(|(who, _)| who.chars().all(|c| c.is_ascii_lowercase()))
        .map(|(who, whom)| (who.to_owned(), whom.split(", ").map(|w| w.trim().to_owned()).collect()))
        .collect()
}

/// The section "The one rule" of the library's page.
fn written_rule(lib: &str) -> Rule {
    let page = lib.lines().filter_map(|line| line.strip_prefix("//!"));
    let section = page.skip_while(|line| line.trim() != "# The one rule").skip(1);
    rule(&section.take_while(|line| !line.starts_with(" # ")).collect::<Vec<_>>().join(" "))
}

/// One file of `src`.
struct File {
    name: String,
    /// `["engine", "error"]` for `src/engine/error.rs`; `["main"]`, `["lib"]`.
    module: Vec<String>,
    source: Source,
    is_test: bool,
}

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        File {
            name: name.to_owned(),
            module: path.split('/').map(str::to_owned).collect(),
            source: Source::parse(text),
            is_test: false,
        }
    }

    fn layer(&self) -> &str {
        &self.module[0]
    }
}

/// What a path names in this crate, as a top-level module; `None` for a path to elsewhere or within the module.
fn named<'a>(file: &File, path: &'a source::Path) -> Option<&'a str> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["crate", rest @ ..] => match rest {
            [first, ..] => Some(first),
            // `pub(crate)`.
            [] => None,
        },
        ["wharf", first, ..] if file.layer() == "main" => Some(first),
        ["self" | "super", ..] => {
            let supers = segments.iter().skip_while(|s| **s == "self").take_while(|s| **s == "super").count();
            let depth = file.module.len() + path.inside.len();
            let first = segments.iter().find(|s| !matches!(**s, "self" | "super"));
            first.filter(|_| supers > 0 && supers >= depth).copied()
        }
        _ => None,
    }
}

/// Layers that are told everything by their callers.
const TOLD: [&str; 6] = ["oci", "job", "transport", "ledger", "engine", "serve"];

/// What a layer may not name outside the crate, and why; `None` if it may.
fn forbidden(layer: &str, path: &source::Path) -> Option<&'static str> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let told = TOLD.contains(&layer);
    match segments.as_slice() {
        ["std", "env", "consts", ..] if layer == "oci" => None,
        ["std", "env", ..] if told => Some("the environment is read by app alone, and handed down"),
        ["directories", _, ..] if told => Some("home directories are found by app, and handed down"),
        ["crossterm" | "ratatui" | "crokey" | "tui_input", _, ..] if told => Some("it has no terminal"),
        ["rustix", "termios", ..] if told => Some("it has no terminal"),
        [.., "IsTerminal" | "is_terminal"] if told => Some("it has no terminal"),
        ["println" | "print" | "eprintln" | "eprint" | "dbg"] if told && path.is_macro => {
            Some("what it wants to say is an event, a result or a log line")
        }
        // Transports read and write `-`.
        [.., "io", "stdin" | "stdout" | "stderr"] if told && layer != "transport" => {
            Some("it has no terminal")
        }
        ["sqlx", _, ..] if layer != "ledger" => Some("only the ledger speaks SQL"),
        ["reqwest" | "axum" | "oci_client", _, ..] if matches!(layer, "cli" | "tui") => {
            Some("front ends ask the engine")
        }
        _ => None,
    }
}

/// Every breach of the rule, as `file:line: …`.
fn breaches(files: &[File], rule: &Rule) -> Vec<String> {
    let mut out = Vec::new();
    for file in files {
        let layer = file.layer();
        let all = rule.get(layer).is_some_and(|whom| whom.contains("all"));
        let may = |whom: &str| all || whom == layer || rule.get(layer).is_some_and(|r| r.contains(whom));
        for path in &file.source.paths {
            let at = || format!("{}:{}: {}", file.name, path.line, path.segments.join("::"));
            if let Some(whom) = named(file, path).filter(|whom| layer != "lib" && !may(whom)) {
                out.push(format!("{}: {layer} may not name {whom}", at()));
            }
            if let Some(why) = forbidden(layer, path).filter(|_| !file.is_test && !path.is_test) {
                out.push(format!("{}: not in {layer}: {why}", at()));
            }
        }
    }
    out
}

fn rust_files(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn house() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    rust_files(&root.join("src"), &mut paths);
    paths.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let mut files: Vec<File> =
        paths.iter().map(|p| File::new(&name(p), &fs::read_to_string(p).unwrap())).collect();
    let tests: BTreeSet<Vec<String>> = files
        .iter()
        .flat_map(|f| {
            f.source.test_modules.iter().map(|m| [f.module.as_slice(), std::slice::from_ref(m)].concat())
        })
        .collect();
    for file in &mut files {
        file.is_test = (1..=file.module.len()).any(|n| tests.contains(&file.module[..n]));
    }
    files
}

#[test]
fn the_library_page_says_what_the_design_says() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    assert_eq!(written_rule(&lib), rule(DESIGN));
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules.filter(|m| *m != "oci") {
        assert!(
            rule(DESIGN).contains_key(module),
            "src/lib.rs: the one rule does not say whom {module} may name"
        );
    }
}

#[test]
fn every_path_keeps_the_one_rule() {
    let files = house();
    // Whoever finds nothing to look at has looked at nothing.
    assert!(
        files
            .iter()
            .any(|f| f.layer() == "engine" && f.source.paths.iter().any(|p| named(f, p) == Some("oci")))
    );
    let breaches = breaches(&files, &rule(DESIGN));
    assert!(breaches.is_empty(), "the one rule is broken:\n{}", breaches.join("\n"));
}

#[test]
fn breaches_are_found_and_the_rest_is_not() {
    let check = |name: &str, text: &str| breaches(&[File::new(name, text)], &rule(DESIGN));
    for (name, text, breach) in [
        ("src/oci/tag.rs", "use crate::job::Job;", "src/oci/tag.rs:1: crate::job::Job: oci may not name job"),
        (
            "src/cli/copy.rs",
            "\nuse crate::{job, ledger};",
            "src/cli/copy.rs:2: crate::ledger: cli may not name ledger",
        ),
        (
            "src/tui/view/mod.rs",
            "use super::super::transport;",
            "super::super::transport: tui may not name transport",
        ),
        ("src/job/mod.rs", "mod x { use super::super::engine; }", "job may not name engine"),
        ("src/engine/mod.rs", "use crate::*;", "engine may not name *"),
        ("src/engine/mod.rs", "use crate as c;\nuse c::tui;", "engine may not name *"),
        ("src/engine/mod.rs", "use crate::{self as c};", "engine may not name self"),
        ("src/main.rs", "use wharf::{app, engine};", "main may not name engine"),
        ("src/engine/mod.rs", "use std::{env, fs};", "src/engine/mod.rs:1: std::env: not in engine"),
        ("src/oci/platform.rs", "std::env::var(\"X\")", "std::env::var: not in oci"),
        ("src/transport/x.rs", "directories::BaseDirs::new()", "not in transport"),
        ("src/ledger/x.rs", "println!(\"x\")", "println: not in ledger"),
        ("src/engine/x.rs", "use std::io; fn f() { io::stdout(); }", "io::stdout: not in engine"),
        ("src/tui/x.rs", "use sqlx::Row;", "only the ledger speaks SQL"),
    ] {
        let found = check(name, text);
        assert!(found.len() == 1 && found[0].contains(breach), "{text}: {found:?}");
    }
    for (name, text) in [
        ("src/main.rs", "fn main() { wharf::app::run() }"),
        ("src/app/mod.rs", "use crate::{tui, ledger}; use std::env;"),
        (
            "src/engine/plan.rs",
            "use super::Error; use crate::engine::Engine; use crate::transport::{Source, registry};",
        ),
        ("src/oci/platform.rs", "std::env::consts::ARCH; // crate::tui"),
        ("src/ledger/x.rs", "#[cfg(test)] mod tests { use std::env; }"),
        (
            "src/serve/x.rs",
            "let directories = 1; let sqlx = directories; self.print(); pub(crate) fn eprint() {}",
        ),
    ] {
        assert_eq!(check(name, text), Vec::<String>::new(), "{text}");
    }
}
