//! The tables are whole, in use, and the only place where the UI has words.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::*;
use crate::config::Language;

/// Every table: a new file's goes here, too.
const TABLES: [&[(&str, &str, &str)]; 13] = [
    actions::ROWS,
    advice::ROWS,
    browse::ROWS,
    chrome::ROWS,
    clipboard::ROWS,
    documents::ROWS,
    jobs::ROWS,
    logs::ROWS,
    panes::ROWS,
    processes::ROWS,
    queue::ROWS,
    upkeep::ROWS,
    welcome::ROWS,
];

#[test]
fn every_text_is_in_both_languages_and_fills_in_the_same() {
    for (name, en, zh) in TABLES.iter().copied().flatten() {
        let slots = |text: &str| {
            let mut slots: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
            slots.sort();
            slots
        };
        assert_eq!(slots(en), slots(zh), "{name}");
        // A language is named in itself, for those who need it.
        assert!(en.replace("简体中文", "").is_ascii(), "{name}: symbols come from symbols.rs: {en}");
        assert!(zh.chars().any(|c| c >= '\u{4e00}') || en == zh, "{name} is not translated: {zh}");
    }
}

#[test]
fn a_text_is_filled_in() {
    let nothing = Language::English.nothing_started("S");
    assert_eq!(nothing, "nothing was started yet: S starts the queue");
    assert_eq!(Language::Chinese.nothing_started("S"), "尚未启动任何任务：按 S 启动队列");
}

/// What two rows may both say: the same English for two things, which another language tells apart or may have to.
const TWO_THINGS: &[&str] = &[
    // A form's line, a heading, a column; and what rows are ordered by, or made of.
    "from",
    "name",
    "names",
    "platforms",
    // The border of a question and its answer; a job's state and what a colour stands for.
    "stay",
    "done",
];

/// Files in which English is no text of the UI: what is made there is an error (what was attempted, on what, what came
/// back), a report for those who make wharf, or the action table, of which `actions.rs` has the Chinese.
const ERRORS: &[&str] = &[
    "action.rs",
    "editor.rs",
    "effect.rs",
    "effect/",
    "import.rs",
    "keymap.rs",
    "keymap/",
    "outside.rs",
    "past.rs",
    "setup.rs",
    "terminal/",
    "theme/",
    "themes.rs",
    // Why a pasted word is no reference.
    "state/paste.rs",
];

/// Literals that are names of something, for all that they look like words.
const NAMES: &[&str] = &["history steps"];

/// A literal of a source file.
struct Literal {
    line: usize,
    text: String,
    /// What stands before it in its line.
    before: String,
}

/// What the program is made of, without comments and tests: its code with every literal's text taken out, and those.
fn read(source: &str) -> (String, Vec<Literal>) {
    let source = source.split_once("#[cfg(test)]\nmod tests").map_or(source, |(program, _)| program);
    let (mut code, mut literals) = (String::new(), Vec::new());
    let mut chars = source.chars().peekable();
    let mut line = 1;
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match (c, chars.peek()) {
            ('/', Some('/')) => while chars.next_if(|c| *c != '\n').is_some() {},
            ('\'', Some('"')) => drop(chars.next()),
            ('\'', Some('\\')) => drop((chars.next(), chars.next())),
            ('"', _) => {
                let before = code.rsplit('\n').next().unwrap_or_default().to_owned();
                let (begin, mut text) = (line, String::new());
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    line += usize::from(c == '\n');
                    text.push(c);
                    if c == '\\'
                        && let Some(next) = chars.next()
                    {
                        line += usize::from(next == '\n');
                        text.push(next);
                    }
                }
                literals.push(Literal { line: begin, text, before });
            }
            _ => code.push(c),
        }
    }
    (code, literals)
}

/// The program's files below `src` with a name that begins so, but the words themselves.
fn program(begins: &str) -> BTreeMap<String, (String, Vec<Literal>)> {
    fn files(directory: &Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => files(&path, into),
                false => into.push(path),
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let shipped = |name: &str| {
        let no_program = ["/words/", "/tests/", "/tests.rs"].iter().any(|part| name.contains(part));
        name.starts_with(begins) && name.ends_with(".rs") && !no_program
    };
    let found = found.iter().map(|path| (name(path), path)).filter(|(name, _)| shipped(name));
    found.map(|(name, path)| (name, read(&std::fs::read_to_string(path).unwrap()))).collect()
}

/// Whether a text is a person's: two words of small letters with a blank between them.
fn is_prose(text: &str) -> bool {
    // A command is the same in every language.
    if text.starts_with("wharf ") || NAMES.contains(&text) {
        return false;
    }
    let word = |word: &str| {
        word.len() > 1 && word.trim_end_matches([',', ':', ';']).chars().all(|c| c.is_ascii_lowercase())
    };
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(2).any(|two| two.iter().all(|one| word(one)))
}

#[test]
fn every_text_is_used() {
    // Words have names of their own: `.name(` is a use, in the tables' own methods, too.
    let own = ["actions", "jobs", "logs"].map(|file| format!("src/tui/words/{file}.rs"));
    let own = own.map(|file| {
        read(&std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).0
    });
    let code: String = program("src/").into_values().map(|(code, _)| code).chain(own).collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name_of = |text: &'_ str| text.find(|c| !is_name(c)).unwrap_or(text.len());
    // `.name(`, and `Language::name`.
    let calls =
        code.split('.').map(|call| (call, name_of(call))).filter(|(call, end)| call[*end..].starts_with('('));
    let named = code.split("Language::").map(|name| (name, name_of(name)));
    let used: HashSet<&str> = calls.chain(named).map(|(text, end)| &text[..end]).collect();
    let rows = TABLES.iter().copied().flatten();
    let unused: Vec<&str> = rows.map(|(name, ..)| *name).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "no one says these: {unused:#?}");
}

#[test]
fn no_two_texts_say_the_same() {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, en, _) in TABLES.iter().copied().flatten() {
        // What is filled in has a name of its own in each row.
        let mut shape = String::new();
        for part in en.split_inclusive(['{', '}']) {
            shape += if part.ends_with('}') { "}" } else { part };
        }
        said.entry(shape.trim().to_owned()).or_default().push(name);
    }
    let mut twice: Vec<(&str, Vec<&str>)> = Vec::new();
    for (text, names) in &said {
        if names.len() > 1 {
            twice.push((text, names.clone()));
        }
    }
    let told: Vec<_> = twice.iter().filter(|(text, _)| !TWO_THINGS.contains(text)).collect();
    assert!(told.is_empty(), "one row is enough, or TWO_THINGS says why not: {told:#?}");
    for known in TWO_THINGS {
        assert!(twice.iter().any(|(text, _)| text == known), "{known} is said once");
    }
}

#[test]
fn no_other_file_of_the_ui_has_words() {
    let mut found = Vec::new();
    for (file, (_, literals)) in program("src/tui/") {
        if ERRORS.iter().any(|known| file.starts_with(&format!("src/tui/{known}"))) {
            continue;
        }
        for Literal { line, text, before } in literals {
            let no_text = ["#[error(", "tracing::", "#[expect("].iter().any(|lead| before.contains(lead));
            if is_prose(&text) && !no_text {
                found.push(format!("{file}:{line}: {text}"));
            }
        }
    }
    assert!(found.is_empty(), "these belong into words/:\n{}", found.join("\n"));
}

#[test]
fn prose_is_told_from_names() {
    for prose in ["nothing to move", "{n} deleted, all of it", " back to the list "] {
        assert!(is_prose(prose), "{prose}");
    }
    for name in
        ["docker://", "{a} and {b}", "sha256:1 x", "wharf sync {}", "nginx:1.27", "EDITOR='code --wait'"]
    {
        assert!(!is_prose(name), "{name}");
    }
    let (code, literals) = read("let a = \"x \\\" y\"; // \"no\"\nlet b = '\"'; f(\"z\");");
    let texts: Vec<_> = literals.iter().map(|literal| (literal.line, literal.text.as_str())).collect();
    assert_eq!(texts, [(1, "x \\\" y"), (2, "z")]);
    assert!(!code.contains("no"), "{code}");
}
