//! What was pasted, read for references: plain lists, lists with commas, YAML and compose files, shell lines and
//! Dockerfiles.

use std::collections::{HashMap, HashSet};

use crate::oci::{Location, Reference, printable};

/// Lines that are looked at; what is beyond is named as left out.
const LINES: usize = 10_000;

/// Something that is no reference, or wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The line's number, where there is one.
    pub line: Option<usize>,
    /// What stands there, or the field's name.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pasted {
    /// References in their order, each once.
    pub found: Vec<Location>,
    /// How many came again.
    pub duplicates: usize,
    /// What is no reference.
    pub bad: Vec<Bad>,
    /// Lines that were not looked at: there are more than wharf reads.
    pub left_out: usize,
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Words are references.
    Words,
    /// Only `image:` keys matter: compose files, Kubernetes' manifests, values.
    ImageKeys,
    /// Only what a build starts from, or copies from.
    Dockerfile,
    /// `docker images`: the name and the tag are columns.
    Table,
}

impl Dialect {
    fn of(text: &str) -> Dialect {
        let mut lines = text.lines().take(LINES).map(str::trim);
        if text.lines().take(LINES).any(|line| image_value(line).is_some()) {
            return Dialect::ImageKeys;
        }
        let first = lines.clone().find(|line| !line.is_empty()).unwrap_or_default();
        if first.starts_with("REPOSITORY") && first.contains(" TAG ") {
            return Dialect::Table;
        }
        let from = |line: &str| keyword(line, "FROM").is_some_and(|rest| !rest.is_empty());
        match lines.any(from) {
            true => Dialect::Dockerfile,
            false => Dialect::Words,
        }
    }
}

impl Pasted {
    /// Reads a pasted text.
    pub fn read(text: &str) -> Pasted {
        // Terminals send a pasted line's end as CR.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let dialect = Dialect::of(&text);
        let mut reader = Reader::default();
        let mut lines = text.lines();
        for (number, line) in lines.by_ref().take(LINES).enumerate() {
            reader.line(dialect, number + 1, line);
        }
        reader.pasted.left_out = lines.filter(|line| !line.trim().is_empty()).count();
        reader.pasted
    }
}

#[derive(Default)]
struct Reader {
    pasted: Pasted,
    seen: HashSet<Location>,
    /// A Dockerfile's stages so far, and the defaults of its arguments.
    stages: HashSet<String>,
    arguments: HashMap<String, String>,
}

impl Reader {
    fn line(&mut self, dialect: Dialect, number: usize, line: &str) {
        match dialect {
            Dialect::ImageKeys => {
                if let Some(value) = image_value(line) {
                    self.words(number, &substituted(value, &HashMap::new()));
                }
            }
            Dialect::Words => self.words(number, plain_part(line)),
            Dialect::Dockerfile => self.instruction(number, line),
            Dialect::Table => {
                let mut columns = line.split_whitespace();
                if let (Some(name), Some(tag)) = (columns.next(), columns.next())
                    && name != "REPOSITORY"
                    && !(name == "<none>" || tag == "<none>")
                {
                    self.word(number, &format!("{name}:{tag}"));
                }
            }
        }
    }

    /// A line of a Dockerfile. Stages of the same build and `scratch` are no images.
    fn instruction(&mut self, number: usize, line: &str) {
        let line = line.trim();
        if let Some(rest) = keyword(line, "ARG") {
            if let Some((name, value)) = rest.split_once('=') {
                self.arguments.insert(name.trim().to_owned(), unquote(value.trim()).to_owned());
            }
            return;
        }
        if let Some(rest) = keyword(line, "FROM") {
            let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
            let image = substituted(words.next().unwrap_or_default(), &self.arguments);
            if let (Some(by), Some(stage)) = (words.next(), words.next())
                && by.eq_ignore_ascii_case("as")
            {
                self.image(number, &image);
                self.stages.insert(stage.to_lowercase());
                return;
            }
            return self.image(number, &image);
        }
        // `COPY --from=nginx:1`, `RUN --mount=from=…`
        for word in line.split([' ', ',']).filter_map(|word| Some(word.split_once("from=")?.1)) {
            let image = substituted(word, &self.arguments);
            if image.contains(['/', ':', '.']) {
                self.image(number, &image);
            }
        }
    }

    fn image(&mut self, number: usize, image: &str) {
        if !(image == "scratch" || self.stages.contains(&image.to_lowercase())) {
            self.word(number, image);
        }
    }

    fn words(&mut self, number: usize, part: &str) {
        for word in part.split([' ', '\t', ',', ';']) {
            self.word(number, word);
        }
    }

    fn word(&mut self, number: usize, word: &str) {
        let word = unquote(word);
        if word.is_empty() {
            return;
        }
        let parsed = match word.contains("${") || word.contains("{{") {
            true => Err("it has a variable without a value".to_owned()),
            false => parse(word),
        };
        match parsed {
            Ok(location) if self.seen.insert(location.clone()) => self.pasted.found.push(location),
            Ok(_) => self.pasted.duplicates += 1,
            Err(reason) => {
                self.pasted.bad.push(Bad { line: Some(number), text: printable(word, 60), reason });
            }
        }
    }
}

/// What follows a Dockerfile's instruction.
fn keyword<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (first, rest) = line.split_once(char::is_whitespace)?;
    first.eq_ignore_ascii_case(name).then(|| rest.trim())
}

/// `$NAME`, `${NAME}` and `${NAME:-default}`, as far as their values are known here.
fn substituted(text: &str, known: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out += before;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (inner, after) = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(found) => found,
            None => behind.split_at(behind.find(|c| !is_name(c)).unwrap_or(behind.len())),
        };
        let (name, default) = match inner.split_once(":-").or_else(|| inner.split_once('-')) {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        match known.get(name).map(String::as_str).or(default) {
            Some(value) => out += value,
            None => out += &format!("${{{name}}}"),
        }
        rest = after;
    }
    out + rest
}

/// Transports whose locations are taken as they are written; `docker://` may stand before a registry's image.
const TRANSPORTS: [&str; 5] = ["store:", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"];

/// Reads one image's place as a person types it: in a registry, in wharf's store, in a file, at an engine.
pub fn parse(word: &str) -> Result<Location, String> {
    let word = word.trim();
    if TRANSPORTS.iter().any(|transport| word.starts_with(transport)) {
        return word.parse::<Location>().map_err(|e| e.to_string());
    }
    let name = word.strip_prefix("docker://").unwrap_or(word);
    name.parse::<Reference>().map(Location::Registry).map_err(|e| e.reason().to_owned())
}

/// The value of an `image:` key.
fn image_value(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches(['-', '{', '[', ' ', '\t', '"']);
    let rest = line.strip_prefix("image")?;
    let rest = rest.strip_prefix('"').unwrap_or(rest).trim_start().strip_prefix(':')?;
    let value = without_comment(rest).trim();
    // `image:1.2` is a reference to a repository called image; a key has a blank behind its colon.
    (rest.starts_with([' ', '\t']) && !value.is_empty()).then_some(value)
}

/// A line without what surrounds references in lists, shells and Dockerfiles.
fn plain_part(line: &str) -> &str {
    let line = without_comment(line).trim();
    let line =
        ["- ", "* ", "$ ", "# "].iter().find_map(|lead| line.strip_prefix(lead)).unwrap_or(line).trim_start();
    for tool in ["docker", "podman", "nerdctl", "crictl"] {
        if let Some(rest) = line.strip_prefix(tool).and_then(|rest| rest.strip_prefix(" pull ")) {
            return rest;
        }
    }
    line
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split_once(" #").map_or(line, |(before, _)| before)
}

fn unquote(word: &str) -> &str {
    word.trim_matches(['"', '\'', '`', '[', ']', '{', '}', '(', ')', '<', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        Pasted::read(text).found.iter().map(Location::to_string).collect()
    }

    #[test]
    fn lists_files_and_shell_lines_are_read() {
        let nginx = "docker.io/library/nginx:1".to_owned();
        let other = "ghcr.io/o/r:2".to_owned();
        for text in [
            "nginx:1\nghcr.io/o/r:2\n",
            "nginx:1, ghcr.io/o/r:2",
            "\r\n- nginx:1\r\n- \"ghcr.io/o/r:2\"  # a comment\r\n",
            "services:\n  web:\n    image: nginx:1\n    ports: [80]\n  db:\n    image: 'ghcr.io/o/r:2'\n",
            "{\"image\": \"nginx:1\"}\n  \"image\": \"ghcr.io/o/r:2\",\n  - image: nginx:1",
            "docker pull nginx:1\npodman pull ghcr.io/o/r:2",
            "FROM nginx:1 AS base\nFROM --platform=linux/amd64 ghcr.io/o/r:2",
            "[\"nginx:1\",\"ghcr.io/o/r:2\"]",
        ] {
            for text in [text.to_owned(), text.replace("\r\n", "\n").replace('\n', "\r")] {
                let mut got = found(&text);
                got.sort();
                assert_eq!(got, [nginx.clone(), other.clone()], "{text:?}");
            }
        }
    }

    #[test]
    fn duplicates_collapse_and_bad_lines_say_why() {
        let pasted = Pasted::read("nginx\ndocker.io/library/nginx\nNginx\n\x1b[31mx\n");
        assert_eq!((pasted.found.len(), pasted.duplicates), (1, 1));
        let lines = |pasted: &Pasted| pasted.bad.iter().filter_map(|bad| bad.line).collect::<Vec<_>>();
        assert_eq!(lines(&pasted), [3, 4]);
        assert_eq!(lines(&Pasted::read("nginx\r\nNginx\r\n")), [2], "one line's end, written with two signs");
        assert!(pasted.bad[0].reason.contains("lower case") && !pasted.bad[1].text.contains('\x1b'));
    }

    #[test]
    fn an_endless_paste_is_cut() {
        let pasted = Pasted::read(&"a\n".repeat(20_000));
        assert_eq!((pasted.found.len(), pasted.bad.len(), pasted.left_out), (1, 0, 10_000));
    }

    #[test]
    fn a_build_starts_from_images_and_not_from_its_own_stages() {
        let text = "# syntax=x\nARG V=1.27\nFROM --platform=$BUILDPLATFORM golang:1.24 AS build\nRUN apt-get update\n\
            FROM nginx:${V} as Web\nCOPY --from=build /a /b\nCOPY --from=ghcr.io/o/tool:2 /x /y\n\
            from web\nFROM scratch\nFROM base:$WHAT\n";
        let pasted = Pasted::read(text);
        let found: Vec<String> = pasted.found.iter().map(Location::to_string).collect();
        let want = ["docker.io/library/golang:1.24", "docker.io/library/nginx:1.27", "ghcr.io/o/tool:2"];
        assert_eq!(found, want);
        assert_eq!((pasted.bad.len(), pasted.bad[0].line), (1, Some(10)));
        assert!(pasted.bad[0].reason.contains("variable"), "{:?}", pasted.bad);
    }

    #[test]
    fn keys_of_manifests_tables_and_defaults_are_understood() {
        assert_eq!(found("image: ${REG:-quay.io}/a/b:${TAG-1}"), ["quay.io/a/b:1"]);
        assert!(found("image: \"{{ .Values.x }}\"").is_empty());
        let table = "REPOSITORY          TAG       IMAGE ID       CREATED      SIZE\n\
            nginx     1.27      f6d0b4767a6c   2 months ago   192MB\n<none>   <none>   a   b   c\n";
        assert_eq!(found(table), ["docker.io/library/nginx:1.27"]);
        let pods = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers:\n  - name: a\n    image: busybox:1\n\
            ---\nkind: Deployment\nspec:\n  containers:\n    - image: \"quay.io/o/r@sha256:\n";
        assert_eq!(found(pods), ["docker.io/library/busybox:1"]);
    }

    #[test]
    fn ten_thousand_references_are_read_quickly() {
        let text: String = (0..10_000).map(|n| format!("ghcr.io/team-{}/app-{n}:1.{n}\n", n % 100)).collect();
        let started = std::time::Instant::now();
        let pasted = Pasted::read(&text);
        assert_eq!((pasted.found.len(), pasted.left_out), (10_000, 0));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\\n\\r\\t镜$]{0,300}") {
            let _ = Pasted::read(&text);
            let _ = Pasted::read(&format!("FROM {text}"));
            let _ = Pasted::read(&format!("image: {text}"));
        }
    }
}
