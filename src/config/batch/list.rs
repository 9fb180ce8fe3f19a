//! A plain list: one reference a line. Blank lines and what follows a `#` are skipped; a byte-order mark and
//! Windows' line ends do no harm. Every fault is found before anything moves.

use std::path::Path;

use super::super::document::Position;
use super::super::fault::Fault;
use super::{Entry, Settings};
use crate::oci::{Location, printable};

/// Reads a list's bytes; `file` is what faults call it.
pub(super) fn read(file: &Path, bytes: &[u8]) -> (Vec<Entry>, Vec<Fault>) {
    let mut list = List { file, entries: Vec::new(), faults: Vec::new() };
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let at = |column| Position { line: n + 1, column };
        match std::str::from_utf8(line) {
            Ok(line) => list.line(line, at),
            Err(e) => {
                let good = String::from_utf8_lossy(line.get(..e.valid_up_to()).unwrap_or_default());
                list.fault(at(good.chars().count() + 1), "it is not UTF-8 text from here on");
            }
        }
    }
    (list.entries, list.faults)
}

struct List<'a> {
    file: &'a Path,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl List<'_> {
    fn line(&mut self, line: &str, at: impl Fn(usize) -> Position) {
        // No reference has a `#`, so one begins a comment wherever it stands behind a blank.
        let end = line
            .char_indices()
            .find(|(n, c)| *c == '#' && line[..*n].chars().next_back().is_none_or(char::is_whitespace))
            .map_or(line.len(), |(n, _)| n);
        let text = line[..end].trim();
        if text.is_empty() {
            return;
        }
        let before = line.chars().take_while(|c| c.is_whitespace()).count();
        let at = at(before + 1);
        if let Some((first, _)) = text.split_once(char::is_whitespace) {
            let reason = format!("one reference a line: there is more behind {:?}", printable(first, 120));
            return self.fault(at, reason);
        }
        match text.parse::<Location>() {
            Ok(source @ (Location::Registry(_) | Location::Store { .. })) => {
                self.entries.push(Entry::new(at, String::new(), source, Settings::default()));
            }
            Ok(_) => {
                let reason = "only images of registries and of store: can stand in a list";
                self.fault(at, format!("{:?}: {reason}", printable(text, 120)));
            }
            Err(e) => self.fault(at, e.to_string()),
        }
    }

    fn fault(&mut self, at: Position, reason: impl Into<String>) {
        let (file, field) = (self.file.to_owned(), String::new());
        self.faults.push(Fault { file, at: Some(at), field, reason: reason.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Config;
    use super::super::{Batch, BatchJobs, Terms};
    use super::*;

    fn batch(bytes: &[u8]) -> Batch {
        Batch::parse(Path::new("l"), bytes, false, &|_| None)
    }

    fn jobs(bytes: &[u8], prefix: &str) -> Result<BatchJobs, Vec<String>> {
        let config = Config::default();
        let prefix = config.prefix(prefix).unwrap();
        let jobs = batch(bytes).jobs(&Terms { to: Some(&prefix), ..Terms::of(&config) });
        jobs.map_err(|e| e.to_string().lines().map(str::to_owned).collect())
    }

    #[test]
    fn lines_are_images_whatever_wrote_them() {
        let text = "\u{feff}# the base\r\nnginx:1.27\r\n\r\n  ghcr.io/o/r:t  # why\r\n\tdocker://quay.io/a/b\r\nstore:kept:2";
        let found = jobs(text.as_bytes(), "h.io/m").unwrap();
        let shown: Vec<_> = found.specs.iter().map(ToString::to_string).collect();
        let want = [
            "docker.io/library/nginx:1.27 → h.io/m/library/nginx:1.27",
            "ghcr.io/o/r:t → h.io/m/o/r:t",
            "quay.io/a/b:latest → h.io/m/a/b:latest",
            "store:kept:2 → h.io/m/kept:2",
        ];
        assert_eq!((shown, found.notes), (want.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn repeated_lines_are_one_image_and_said() {
        let found = jobs(b"nginx\nnginx:latest\na/b:1\ndocker.io/library/nginx\n", "h.io").unwrap();
        assert_eq!(found.specs.len(), 2);
        let want = "l: lines 2, 4 repeat an image that stands above, which is copied once";
        assert_eq!(found.notes, [want]);
    }

    #[test]
    fn every_fault_is_told_at_once_in_the_files_order() {
        let text = b"UP:1\nghcr.io/o/r:1\n  a b # c\n\xffx\nquay.io/o/r:1\noci:dir\nh.io/x:1\na:1\n";
        let want = [
            "l:1:1: \"UP:1\" is no image reference: the repository's name must be lower case; \"UP\" has 'U'",
            "l:3:3: one reference a line: there is more behind \"a\"",
            "l:4:1: it is not UTF-8 text from here on",
            "l:5:1: quay.io/o/r:1 would land on h.io/o/r:1, and so does ghcr.io/o/r:1 of line 2",
            "l:6:1: \"oci:dir\": only images of registries and of store: can stand in a list",
            "l:7:1: h.io/x:1 is source and destination",
        ];
        assert_eq!(jobs(text, "h.io").unwrap_err(), want);
    }

    #[test]
    fn files_that_are_no_lists() {
        for (bytes, want) in [
            (&b""[..], "l: it names no image"),
            (b"# a:1\n\n", "l: it names no image"),
            (b"\xff\xfea\0:\0b\0", "l: it is UTF-16 text; save it as UTF-8"),
        ] {
            assert_eq!(jobs(bytes, "h.io").unwrap_err(), [want]);
        }
        let missing = Batch::read(Path::new("/no/such/list"), &|_| None);
        assert!(missing.faults()[0].to_string().contains("/no/such/list: cannot read it: No such file"));
        assert!(Batch::read(Path::new("/"), &|_| None).faults()[0].reason.contains("directory"));
    }

    #[test]
    fn what_is_read_only_is_said_once() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        std::fs::write(&file, "registries: [{name: prod, url: h.io, read_only: true}]").unwrap();
        let config = Config::load(Some(&file), None).unwrap().config;
        let prefix = config.prefix("prod").unwrap();
        let jobs = batch(b"a:1\nb:1\n").jobs(&Terms { to: Some(&prefix), ..Terms::of(&config) });
        let faults = jobs.unwrap_err();
        let want = "l:1:1: h.io/library/a:1: the configuration's entry \"prod\" is read_only";
        assert_eq!(faults.to_string(), want);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), text in "[ -~\\n\\r\\t镜#]{0,200}") {
            let _ = (jobs(&bytes, "h.io"), jobs(text.as_bytes(), "store:x"));
        }
    }
}
