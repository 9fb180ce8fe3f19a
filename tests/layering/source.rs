//! As much of Rust's grammar as it takes to find every path in a source file: tokens without comments and literals,
//! `use` trees, inline modules, and what belongs to tests.

/// A path as it is written, groups taken apart: `a::{b, c::d}` gives `a::b` and `a::c::d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub line: usize,
    pub segments: Vec<String>,
    /// Whether a `!` follows: a macro's name.
    pub is_macro: bool,
    /// The inline modules around it.
    pub inside: Vec<String>,
    /// Whether it is in something that is compiled for tests only.
    pub is_test: bool,
}

/// A file's paths, and the modules `mod x;` of it that are compiled for tests only.
pub struct Source {
    pub paths: Vec<Path>,
    pub test_modules: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

impl Source {
    pub fn parse(text: &str) -> Source {
        let tokens = tokens(text);
        let test = test_ranges(&tokens);
        let test_modules = test.iter().filter_map(|range| match &tokens[range.clone()] {
            [.., key, name, end] if key.text == "mod" && end.text == ";" => Some(name.text.clone()),
            _ => None,
        });
        let test_modules = test_modules.collect();
        let mut paths = Vec::new();
        // The inline modules that are open, each with the depth of braces it closes at.
        let (mut depth, mut modules) = (0, Vec::<(usize, String)>::new());
        let mut at = 0;
        while at < tokens.len() {
            match tokens[at].text.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    modules.retain(|(closes, _)| *closes < depth + 1);
                }
                "mod" if tokens.get(at + 2).is_some_and(|t| t.text == "{") => {
                    modules.push((depth + 1, tokens[at + 1].text.clone()));
                }
                _ if tokens[at].is_name() && !follows_colons(&tokens, at) => {
                    let mut found = Vec::new();
                    let end = tree(&tokens, at, &[], &mut found);
                    let next = tokens.get(end).map_or("", |t| t.text.as_str());
                    let is_macro = next == "!";
                    // `use crate as c` makes another name for everything.
                    let is_root = |name: &String| matches!(name.as_str(), "crate" | "super" | "self");
                    for (segments, _) in
                        found.iter_mut().filter(|(s, _)| next == "as" && s.iter().all(is_root))
                    {
                        segments.push("*".to_owned());
                    }
                    let inside: Vec<_> = modules.iter().map(|(_, name)| name.clone()).collect();
                    let is_test = test.iter().any(|range| range.contains(&at));
                    paths.extend(found.into_iter().map(|(segments, line)| Path {
                        line,
                        segments,
                        is_macro,
                        inside: inside.clone(),
                        is_test,
                    }));
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        Source { paths, test_modules }
    }
}

/// Whether `::` stands before: then the path began earlier, or (`::std::env`) at the colons.
fn follows_colons(tokens: &[Token], at: usize) -> bool {
    let continues = |before: &Token| before.is_name() || matches!(before.text.as_str(), ">" | "{" | ",");
    at >= 2 && tokens[at - 1].text == "::" && continues(&tokens[at - 2]) && tokens[at - 2].text != "use"
}

/// Reads a path or `use` tree from `at` on into `found`; gives the token behind it.
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<(Vec<String>, usize)>) -> usize {
    let mut path = prefix.to_vec();
    let mut line = tokens.get(at).map_or(0, |t| t.line);
    let text = |at: usize| tokens.get(at).map_or("", |t: &Token| t.text.as_str());
    loop {
        match text(at) {
            "{" => {
                at += 1;
                while !matches!(text(at), "}" | "") {
                    let end = tree(tokens, at, &path, found);
                    // Whatever this is, it is no tree; go on behind it.
                    at = if end == at { at + 1 } else { end };
                    if text(at) == "as" {
                        at += 2;
                    }
                    if text(at) == "," {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "*" if path.len() > prefix.len() || !prefix.is_empty() => {
                path.push("*".to_owned());
                at += 1;
                break;
            }
            _ if tokens.get(at).is_some_and(Token::is_name) => {
                line = tokens[at].line;
                path.push(tokens[at].text.clone());
                at += 1;
            }
            _ => break,
        }
        let goes_on = tokens.get(at + 1).is_some_and(|t| t.is_name() || matches!(t.text.as_str(), "{" | "*"));
        if text(at) != "::" || !goes_on {
            break;
        }
        at += 1;
    }
    if path.len() > prefix.len() {
        found.push((path, line));
    }
    at
}

/// The items behind a `#[cfg(test)]` (or `any`/`all` with it), from the attribute to the item's end.
fn test_ranges(tokens: &[Token]) -> Vec<std::ops::Range<usize>> {
    let text = |at: usize| tokens.get(at).map_or("", |t: &Token| t.text.as_str());
    let closing = |open: usize, pair: [&str; 2]| {
        let mut depth = 0;
        (open..tokens.len()).find(|&at| {
            depth += isize::from(text(at) == pair[0]) - isize::from(text(at) == pair[1]);
            depth == 0
        })
    };
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_cfg = text(at) == "#" && text(at + 1) == "[" && text(at + 2) == "cfg";
        let Some(end) = is_cfg.then(|| closing(at + 1, ["[", "]"])).flatten() else {
            at += 1;
            continue;
        };
        let names = |name: &str| tokens[at..end].iter().any(|t| t.text == name);
        if !names("test") || names("not") {
            at = end;
            continue;
        }
        let mut item = end + 1;
        while text(item) == "#" {
            item = closing(item + 1, ["[", "]"]).unwrap_or(tokens.len()) + 1;
        }
        let stop = (item..tokens.len()).find(|&i| matches!(text(i), "{" | ";")).unwrap_or(tokens.len());
        let stop = if text(stop) == "{" { closing(stop, ["{", "}"]).unwrap_or(tokens.len()) } else { stop };
        ranges.push(at..(stop + 1).min(tokens.len()));
        at = stop + 1;
    }
    ranges
}

/// Names, `::` and single signs. Comments vanish; a literal becomes `"`, a lifetime vanishes.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line) = (0, 1);
    let mut out = Vec::new();
    while at < chars.len() {
        let start = at;
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        let name = |c: &char| c.is_alphanumeric() || *c == '_';
        let mut token = None;
        match chars[at] {
            '/' if next == '/' => at = (at..chars.len()).find(|&i| chars[i] == '\n').unwrap_or(chars.len()),
            '/' if next == '*' => at = comment_end(&chars, at),
            '\'' => {
                let is_char = next == '\\' || chars.get(at + 2) == Some(&'\'');
                at = if is_char {
                    quoted_end(&chars, at)
                } else {
                    at + 1 + chars[at + 1..].iter().take_while(|c| name(c)).count()
                };
            }
            '"' => {
                at = quoted_end(&chars, at);
                token = Some("\"".to_owned());
            }
            c if name(&c) => match raw_string_end(&chars, at) {
                Some(end) => {
                    at = end;
                    token = Some("\"".to_owned());
                }
                None => {
                    // `r#type` is the name `type`.
                    let from = if c == 'r' && next == '#' { at + 2 } else { at };
                    at = from + chars[from..].iter().take_while(|c| name(c)).count();
                    let word: String = chars[from..at].iter().collect();
                    // The letter before a string (`b"…"`, `c"…"`) is no name.
                    let is_prefix =
                        matches!(chars.get(at), Some('"' | '\'')) && matches!(word.as_str(), "b" | "c");
                    token = (!is_prefix).then_some(word);
                }
            },
            ':' if next == ':' => {
                at += 2;
                token = Some("::".to_owned());
            }
            c => {
                at += 1;
                token = (!c.is_whitespace()).then(|| c.to_string());
            }
        }
        at = at.clamp(start + 1, chars.len().max(start + 1));
        out.extend(token.map(|text| Token { text, line }));
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// Block comments nest.
fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != chars[start] {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`, if one begins here.
fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let prefix = usize::from(matches!(chars[start], 'b' | 'c'));
    if chars.get(start + prefix) != Some(&'r') {
        return None;
    }
    let from = start + prefix + 1;
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    if chars.get(from + hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.resize(hashes + 1, '#');
    let inside = from + hashes + 1;
    let length = chars[inside..].windows(end.len()).position(|w| w == end);
    Some(length.map_or(chars.len(), |n| inside + n + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Source::parse(text).paths.iter().map(|p| format!("{}:{}", p.line, p.segments.join("::"))).collect()
    }

    fn crate_paths(text: &str) -> Vec<String> {
        paths(text).into_iter().filter(|p| p.contains("crate")).collect()
    }

    #[test]
    fn groups_are_taken_apart_with_their_lines() {
        let text = "use crate::{\n    cli,\n    oci::{Digest, tag as t},\n    job::*,\n};\nfn f() -> crate::tui::X { crate::app::<u8>::run() }";
        let want = [
            "2:crate::cli",
            "3:crate::oci::Digest",
            "3:crate::oci::tag",
            "4:crate::job::*",
            "6:crate::tui::X",
            "6:crate::app",
        ];
        assert_eq!(crate_paths(text), want);
    }

    #[test]
    fn comments_strings_and_doc_links_are_nothing() {
        let text = r####"
            //! [`crate::a`]
            /// crate::b
            /* crate::c /* crate::d */ crate::e */
            const A: &str = "crate::f \" crate::g";
            const B: &str = r#"crate::h " crate::i"#;
            const C: &[u8] = b"crate::j"; const D: &[u8] = br"crate::k\";
            fn f<'a>(x: &'a str) { let q = '"'; let r = '\''; let s = b'"'; crate::real::x(q) }
        "####;
        assert_eq!(crate_paths(text), ["8:crate::real::x"]);
    }

    #[test]
    fn spaces_lines_and_macros_do_not_hide_a_path() {
        assert_eq!(
            crate_paths("crate\n  ::\n cli :: x; vec![crate::a]; $crate::b!()"),
            ["3:crate::cli::x", "3:crate::a", "3:crate::b"]
        );
        assert_eq!(crate_paths("pub(crate) fn f(); pub(in crate::a) fn g();"), ["1:crate", "1:crate::a"]);
        assert!(paths("let x = ::std::env::var(a);").contains(&"1:std::env::var".to_owned()));
    }

    #[test]
    fn inline_modules_and_tests_are_known() {
        let text = "mod a { fn f() { super::super::x() } } #[cfg(test)] #[allow(y)] mod tests { use b::c; } \
            #[cfg(test)] mod more; #[cfg(not(test))] mod real;";
        let source = Source::parse(text);
        let of = |name: &str| source.paths.iter().find(|p| p.segments.iter().any(|s| s == name)).unwrap();
        assert_eq!((of("x").inside.clone(), of("x").is_test), (vec!["a".to_owned()], false));
        assert_eq!((of("c").inside.clone(), of("c").is_test), (vec!["tests".to_owned()], true));
        assert_eq!((source.test_modules.clone(), of("real").is_test), (vec!["more".to_owned()], false));
    }
}
