//! A plain list: one reference a line. Blank lines and what follows a `#` are skipped; a byte-order mark and
//! Windows' line ends do no harm. Every fault is found before anything moves.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::document::Position;
use super::fault::{ConfigFaults, Fault};
use super::load::plain;
use super::{Config, Prefix};
use crate::job::{JobSpec, Target};
use crate::oci::{Location, Platforms, Reference, Tag, TagOrDigest, printable};

/// The largest list that is read, in bytes: some fifty thousand references.
const FILE_LIMIT: u64 = 4 << 20;

/// Lines that a note names one by one.
const NAMED: usize = 10;

/// A list of images as it was read, with all that is wrong with it.
#[derive(Debug, Clone)]
pub struct ImageList {
    file: PathBuf,
    lines: Vec<Line>,
    faults: Vec<Fault>,
}

#[derive(Debug, Clone)]
struct Line {
    at: Position,
    source: Location,
}

/// What a list comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJobs {
    /// One an image, in the list's order.
    pub specs: Vec<JobSpec>,
    /// Things that the person should know.
    pub notes: Vec<String>,
}

impl ImageList {
    /// Reads a file, or standard input for `-`. What cannot be read is a fault of the list.
    pub fn read(file: &Path) -> ImageList {
        let is_stdin = file == Path::new("-");
        let name = if is_stdin { Path::new("standard input") } else { file };
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            match is_stdin {
                true => io::stdin().lock().take(FILE_LIMIT + 1).read_to_end(&mut bytes)?,
                false => File::open(file)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?,
            };
            Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.len() as u64 > FILE_LIMIT => {
                ImageList::of_fault(name, format!("it is larger than {} MiB", FILE_LIMIT >> 20))
            }
            Ok(bytes) => ImageList::parse(name, &bytes),
            Err(e) => ImageList::of_fault(name, format!("cannot read it: {}", plain(&e))),
        }
    }

    fn of_fault(file: &Path, reason: String) -> ImageList {
        let faults = vec![Fault::whole(file, reason)];
        ImageList { file: file.to_owned(), lines: Vec::new(), faults }
    }

    /// Reads a list's bytes; `file` is what faults call it.
    pub fn parse(file: &Path, bytes: &[u8]) -> ImageList {
        // Notepad and PowerShell's `>` write these.
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return ImageList::of_fault(file, "it is UTF-16 text; save it as UTF-8".to_owned());
        }
        let mut list = ImageList { file: file.to_owned(), lines: Vec::new(), faults: Vec::new() };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
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
        if list.lines.is_empty() && list.faults.is_empty() {
            return ImageList::of_fault(file, "it names no image".to_owned());
        }
        list
    }

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
        match text.parse::<Location>().map(named) {
            Ok(source @ (Location::Registry(_) | Location::Store { .. })) => {
                self.lines.push(Line { at, source });
            }
            Ok(_) => {
                let reason = "only images of registries and of store: can stand in a list";
                self.fault(at, format!("{:?}: {reason}", printable(text, 120)));
            }
            Err(e) => self.fault(at, e.to_string()),
        }
    }

    fn fault(&mut self, at: Position, reason: impl Into<String>) {
        let (file, field) = (self.file.clone(), String::new());
        self.faults.push(Fault { file, at: Some(at), field, reason: reason.into() });
    }

    /// The images that could be read.
    pub fn sources(&self) -> impl Iterator<Item = &Location> {
        self.lines.iter().map(|line| &line.source)
    }

    /// What is wrong with the list itself, wherever its images go.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The jobs, one an image: each goes below `prefix`, only `platforms` of it. The error has every fault: lines
    /// that are none, different images that would land on the same name, and destinations that `config` forbids.
    pub fn jobs(
        &self,
        config: &Config,
        prefix: &Prefix,
        platforms: &Platforms,
    ) -> Result<ListedJobs, ConfigFaults> {
        let mut faults = self.faults.clone();
        let mut fault = |at, reason| {
            faults.push(Fault { file: self.file.clone(), at: Some(at), field: String::new(), reason });
        };
        let mut seen: HashMap<Location, &Line> = HashMap::with_capacity(self.lines.len());
        let mut forbidden = HashSet::new();
        let (mut specs, mut repeated) = (Vec::with_capacity(self.lines.len()), Vec::new());
        for line in &self.lines {
            let source = &line.source;
            let destination = match prefix.destination(source) {
                Ok(destination) => destination,
                Err(reason) => {
                    fault(line.at, format!("{source}: {reason}"));
                    continue;
                }
            };
            match seen.get(&destination) {
                Some(first) if first.source == *source => {
                    repeated.push(line.at.line);
                    continue;
                }
                Some(first) => {
                    let (other, at) = (&first.source, first.at.line);
                    let reason =
                        format!("{source} would land on {destination}, and so does {other} of line {at}");
                    fault(line.at, reason);
                    continue;
                }
                None => drop(seen.insert(destination.clone(), line)),
            }
            if destination == *source {
                fault(line.at, format!("{source} is source and destination"));
            }
            // Said once: it is hardly ever one line alone that goes there.
            if let Some(entry) = config.forbids(&Target::Image(destination.clone()))
                && forbidden.insert(&entry.name)
            {
                fault(
                    line.at,
                    format!("{destination}: the configuration's entry {:?} is read_only", entry.name),
                );
            }
            let platforms = platforms.clone();
            specs.push(JobSpec { platforms, ..JobSpec::copy(source.clone(), destination) });
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.at);
            return Err(ConfigFaults::of_list(faults));
        }
        let notes = (!repeated.is_empty()).then(|| note(&self.file, &repeated)).into_iter().collect();
        Ok(ListedJobs { specs, notes })
    }
}

/// The image with what is read where no tag is written, so that `nginx` and `nginx:latest` are one.
fn named(source: Location) -> Location {
    match source {
        Location::Registry(Reference { registry, repository, tag: None, digest: None }) => {
            Location::Registry(Reference::tagged(registry, repository, Tag::latest()))
        }
        Location::Store { repository, target: None } => {
            Location::Store { repository, target: Some(TagOrDigest::Tag(Tag::latest())) }
        }
        named => named,
    }
}

fn note(file: &Path, lines: &[usize]) -> String {
    let named: Vec<String> = lines.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match lines.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (noun, verb) = if lines.len() == 1 { ("line", "repeats") } else { ("lines", "repeat") };
    let file = printable(&file.to_string_lossy(), 200);
    format!(
        "{file}: {noun} {}{more} {verb} an image that stands above, which is copied once",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(bytes: &[u8], prefix: &str) -> Result<ListedJobs, Vec<String>> {
        let config = Config::default();
        let list = ImageList::parse(Path::new("l"), bytes);
        let jobs = list.jobs(&config, &config.prefix(prefix).unwrap(), &Platforms::All);
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
        let missing = ImageList::read(Path::new("/no/such/list"));
        assert!(missing.faults()[0].to_string().contains("/no/such/list: cannot read it: No such file"));
        assert!(ImageList::read(Path::new("/")).faults()[0].reason.contains("directory"));
    }

    #[test]
    fn what_is_read_only_is_said_once() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        std::fs::write(&file, "registries: [{name: prod, url: h.io, read_only: true}]").unwrap();
        let config = Config::load(Some(&file), None).unwrap().config;
        let list = ImageList::parse(Path::new("l"), b"a:1\nb:1\n");
        let faults = list.jobs(&config, &config.prefix("prod").unwrap(), &Platforms::All).unwrap_err();
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
