//! What was pasted, read for references: plain lists, lists with commas, YAML and compose files, shell lines and
//! Dockerfiles.

use std::collections::HashSet;

use crate::oci::{Location, Reference, printable};

/// Lines that are looked at; what is beyond is named as left out.
const LINES: usize = 10_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pasted {
    /// References in their order, each once.
    pub found: Vec<Location>,
    /// How many came again.
    pub duplicates: usize,
    /// Lines that hold no reference: the line's number, its text, and the reason.
    pub bad: Vec<(usize, String, String)>,
}

impl Pasted {
    /// Reads a pasted text.
    pub fn read(text: &str) -> Pasted {
        // Terminals send a pasted line's end as CR.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        // In a file with `image:` keys the other keys are of no interest.
        let only_images = text.lines().take(LINES).any(|line| image_value(line).is_some());
        let mut pasted = Pasted::default();
        let mut seen = HashSet::new();
        for (number, line) in text.lines().enumerate() {
            if number >= LINES {
                let reason = format!("more than {LINES} lines: the rest is left out");
                pasted.bad.push((number + 1, String::new(), reason));
                break;
            }
            let part = match (only_images, image_value(line)) {
                (true, None) => continue,
                (_, Some(value)) => value,
                (false, None) => plain_part(line),
            };
            for word in part.split([' ', '\t', ',', ';']).map(unquote).filter(|word| !word.is_empty()) {
                match parse(word) {
                    Ok(location) if seen.insert(location.clone()) => pasted.found.push(location),
                    Ok(_) => pasted.duplicates += 1,
                    Err(reason) => pasted.bad.push((number + 1, printable(word, 60), reason)),
                }
            }
        }
        pasted
    }
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
    match line.strip_prefix("FROM ") {
        Some(rest) => rest.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or(""),
        None => line,
    }
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
        let lines = |pasted: &Pasted| pasted.bad.iter().map(|(line, ..)| *line).collect::<Vec<_>>();
        assert_eq!(lines(&pasted), [3, 4]);
        assert_eq!(lines(&Pasted::read("nginx\r\nNginx\r\n")), [2], "one line's end, written with two signs");
        assert!(pasted.bad[0].2.contains("lower case") && !pasted.bad[1].1.contains('\x1b'));
    }

    #[test]
    fn an_endless_paste_is_cut() {
        let pasted = Pasted::read(&"a\n".repeat(20_000));
        assert_eq!((pasted.found.len(), pasted.bad.len()), (1, 1));
    }
}
