//! Batch files: many images in one file. There are four kinds, told apart by what is in them: a plain list of
//! references ([`list`]), `images.json` ([`item`]), an export request ([`request`]) and a sync file ([`sync_file`]).
//! All but the list are YAML or JSON, read by one parser that knows where everything stands.
//!
//! Each comes to entries, and these to jobs ([`resolve`]). Every fault is found before anything moves; what tags a
//! repository has is asked by others and handed in.

mod access;
mod item;
mod list;
mod rename;
mod request;
mod resolve;
mod sync_file;
mod tags;
#[cfg(test)]
mod tests;
mod wanted;
mod write;

pub use rename::{Rename, Rule};
pub use resolve::{BatchImage, BatchJobs, TagLists, Terms};
pub use tags::TagFilter;
pub use wanted::{Wanted, WantedGoal};
pub use write::{Written, write_sync_file};

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::document::{self, Node, Position, Value};
use super::fault::{ConfigFaults, Fault};
use super::load::{self, is_exposed, plain, utf8};
use super::reader::{Field, Reader};
use super::{Proxy, paths};
use crate::job::Extras;
use crate::oci::{Location, Platforms, Repository, Tag, TagOrDigest};
use tags::Tags;

/// A sync file with every key and its meaning.
pub const SYNC_EXAMPLE: &str = sync_file::EXAMPLE;

/// The largest file that is read, in bytes: some fifty thousand references.
const FILE_LIMIT: u64 = 4 << 20;

/// A file without images.
const NOTHING: &str = "it names no image";

/// A sync file without its list of images.
const NO_SOURCES: &str = "a sync file needs its sources";

/// A batch file as it was read, with all that is wrong with it. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Batch {
    file: PathBuf,
    kind: Kind,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    proxy: Option<Proxy>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Images,
    Request,
    Sync,
}

/// One image, or one repository and some of its tags.
#[derive(Debug, Clone)]
struct Entry {
    at: Position,
    field: String,
    /// With a tag or digest unless the settings have tags.
    source: Location,
    settings: Settings,
}

/// What becomes of an image.
#[derive(Debug, Clone, Default)]
struct Settings {
    tags: Option<Tags>,
    /// None: where the command line says.
    to: Vec<To>,
    platforms: Option<Platforms>,
    rename: Rename,
    how: How,
    source_auth: Option<access::Auth>,
    target_auth: Option<access::Auth>,
}

/// How an image is copied or exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct How {
    /// Further tags at every destination that has tags.
    add_tags: Vec<Tag>,
    extras: Extras,
    overwrite: bool,
    keep_tags: bool,
    priority: i32,
    /// An export's file name.
    file: Option<String>,
    /// Whether a file's name has the platform; where nothing is said, if it is one of several.
    platform_in_name: Option<bool>,
}

/// A destination and where it is written.
#[derive(Debug, Clone)]
struct To {
    at: Position,
    field: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Below `HOST[/PATH]`, an entry of the configuration, or `store:[PATH]`.
    Below(String),
    /// Under this very name.
    Named(Location),
    /// Below the command line's destination, under this path.
    Relative(Repository, Option<Tag>),
    /// As a file in a directory.
    Directory(PathBuf),
}

/// What reading a file depends on besides its text, and what there is to warn of.
struct Surroundings<'a> {
    places: &'a load::Surroundings,
    env: &'a dyn Fn(&str) -> Option<String>,
    warnings: &'a mut Vec<Fault>,
}

impl Batch {
    /// Reads a file, or standard input for `-`. What cannot be read is a fault of the batch. `env` looks up the
    /// variables that secrets refer to.
    pub fn read(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Batch {
        let is_stdin = file == Path::new("-");
        let name = if is_stdin { Path::new("standard input") } else { file };
        let read = || -> io::Result<(Vec<u8>, bool)> {
            let mut bytes = Vec::new();
            if is_stdin {
                io::stdin().lock().take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
                return Ok((bytes, false));
            }
            let file = File::open(file)?;
            let exposed = is_exposed(&file.metadata()?);
            file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
            Ok((bytes, exposed))
        };
        match read() {
            Ok((bytes, _)) if bytes.len() as u64 > FILE_LIMIT => Batch::of_fault(
                name,
                Fault::whole(name, format!("it is larger than {} MiB", FILE_LIMIT >> 20)),
            ),
            Ok((bytes, exposed)) => Batch::parse(name, &bytes, exposed, env),
            Err(e) => Batch::of_fault(name, Fault::whole(name, format!("cannot read it: {}", plain(&e)))),
        }
    }

    fn of_fault(file: &Path, fault: Fault) -> Batch {
        let (entries, faults, warnings) = (Vec::new(), vec![fault], Vec::new());
        Batch { file: file.to_owned(), kind: Kind::List, entries, faults, warnings, proxy: None }
    }

    /// Reads a file's bytes; `file` is what faults call it, and what relative paths are relative to. `exposed` tells
    /// whether others can read it.
    pub fn parse(file: &Path, bytes: &[u8], exposed: bool, env: &dyn Fn(&str) -> Option<String>) -> Batch {
        // Notepad and PowerShell's `>` write these.
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Batch::of_fault(file, Fault::whole(file, "it is UTF-16 text; save it as UTF-8"));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut batch = match is_document(bytes) {
            true => {
                let directory = file.parent().unwrap_or(Path::new("")).to_owned();
                let places = load::Surroundings { directory, home: paths::home(), exposed };
                Batch::document(file, bytes, &places, env)
            }
            false => {
                let (entries, faults) = list::read(file, bytes);
                let (kind, warnings) = (Kind::List, Vec::new());
                Batch { file: file.to_owned(), kind, entries, faults, warnings, proxy: None }
            }
        };
        if batch.entries.is_empty() && batch.faults.is_empty() {
            batch.faults.push(Fault::whole(file, NOTHING));
        }
        batch
    }

    fn document(
        file: &Path,
        bytes: &[u8],
        places: &load::Surroundings,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Batch {
        let root = match utf8(file, bytes).map(document::read) {
            Ok(Ok(root)) => root.filter(|node| !matches!(node.value, Value::Null)),
            Ok(Err(e)) => {
                let (file, field) = (file.to_owned(), String::new());
                let fault = Fault { file, at: Some(e.at), field, reason: e.reason };
                return Batch { kind: Kind::Images, ..Batch::of_fault(&fault.file.clone(), fault) };
            }
            Err(fault) => return Batch { kind: Kind::Images, ..Batch::of_fault(file, fault) },
        };
        let mut warnings = Vec::new();
        let mut reader = Reader::new(file);
        let mut around = Surroundings { places, env, warnings: &mut warnings };
        let kind = root.as_ref().map_or(Kind::Images, kind);
        let (entries, proxy) = match (&root, kind) {
            (None, _) => (Vec::new(), None),
            (Some(root), Kind::Sync) => sync_file::read(&mut reader, root, &mut around),
            (Some(root), Kind::Request) => request::read(&mut reader, root, &mut around),
            (Some(root), _) => {
                let field = Field { path: String::new(), node: root };
                (item::list(&mut reader, &field, &Settings::default(), &mut around), None)
            }
        };
        let faults = reader.into_faults();
        // Older files have the keys with empty texts: they leave the environment's proxies as they are.
        let says = |proxy: &Proxy| {
            proxy.http_proxy.is_some() || proxy.https_proxy.is_some() || !proxy.no_proxy.is_empty()
        };
        let proxy = proxy.filter(says);
        Batch { file: file.to_owned(), kind, entries, faults, warnings, proxy }
    }

    /// What is wrong with the file itself, wherever its images go.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Things to warn of.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// The proxies that the file asks for.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    fn fault(&self, at: Position, field: &str, reason: impl Into<String>) -> Fault {
        Fault { file: self.file.clone(), at: Some(at), field: field.to_owned(), reason: reason.into() }
    }

    /// All that is wrong, in the file's order, with the advice for its kind.
    fn refused(&self, mut faults: Vec<Fault>) -> ConfigFaults {
        faults.sort_by_key(|fault| fault.at);
        faults.dedup();
        let hint = match self.kind {
            Kind::List => {
                "a list has one reference a line, as in nginx:1.27 or ghcr.io/o/r:t; # begins a comment"
            }
            Kind::Images => {
                "images.json is a list, as in [{\"source\": \"nginx\", \"target\": \"h.io/nginx\", \"tags\": [\"1.27\"]}]"
            }
            Kind::Request => {
                "an export request is {\"images\": [\"nginx:1.27\"], \"target_registry\": \"h.io\", \"replace_level\": 1}"
            }
            Kind::Sync => "`wharf config example --sync` prints a sync file with every key and its meaning",
        };
        ConfigFaults::of_batch(faults, hint)
    }
}

impl Batch {
    /// Whether a text says by itself that it is `images.json`, an export request or a sync file, right or wrong. A list
    /// does not, and neither do documents of others that name images.
    pub fn is_one(bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let has = |map: &Node, names: &[&str]| match &map.value {
            Value::Map(entries) => entries.iter().any(
                |(key, _)| matches!(&key.value, Value::Scalar { text, .. } if names.contains(&text.as_str())),
            ),
            _ => false,
        };
        match is_document(bytes).then(|| document::read(text)) {
            None | Some(Ok(None)) => false,
            Some(Ok(Some(root))) => match &root.value {
                Value::List(items) => items.iter().any(|item| has(item, &["source"])),
                _ if has(&root, &["sources"]) => !has(&root, &["apiVersion"]),
                _ => {
                    let request = ["target_registry", "replace_level", "source_auth", "proxy_config"];
                    has(&root, &["images"]) && has(&root, &request)
                }
            },
            // It cannot be read as what it is meant to be.
            Some(Err(_)) => {
                let keys =
                    ["sources:", "\"sources\":", "\"target_registry\":", "target_registry:", "\"source\":"];
                text.lines().any(|line| keys.iter().any(|key| line.trim_start().starts_with(key)))
            }
        }
    }
}

/// What a document is. A map that is neither is read as a sync file, which is what people write by hand.
fn kind(root: &Node) -> Kind {
    let Value::Map(entries) = &root.value else { return Kind::Images };
    let has = |name: &str| {
        entries.iter().any(|(key, _)| matches!(&key.value, Value::Scalar { text, .. } if text == name))
    };
    match has("sources") {
        false if ["images", "target_registry", "replace_level", "proxy_config"].into_iter().any(has) => {
            Kind::Request
        }
        _ => Kind::Sync,
    }
}

/// Whether a text is YAML or JSON, by the first line that says anything: no reference looks like that.
fn is_document(bytes: &[u8]) -> bool {
    let lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let Some(line) = lines.into_iter().find(|line| !line.is_empty() && !line.starts_with(b"#")) else {
        return false;
    };
    let blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    match line {
        [b'{', ..] => true,
        [b'%', ..] => true,
        // `[::1]:5000/a` is a reference.
        [b'[', rest @ ..] => !rest.iter().position(|b| *b == b']').is_some_and(|end| {
            rest[..end].contains(&b':') && rest[..end].iter().all(|b| b.is_ascii_hexdigit() || *b == b':')
        }),
        [b'-', rest @ ..] => blank(rest.first()) || rest.starts_with(b"--"),
        _ => {
            let end = line.iter().position(|b| *b == b':');
            end.is_some_and(|end| end > 0 && blank(line.get(end + 1)) && !line[..end].contains(&b' '))
        }
    }
}

impl Entry {
    /// A tag of the source's own is above the file's tags; where there is neither it is `latest`.
    fn new(at: Position, field: String, source: Location, mut settings: Settings) -> Entry {
        if !item::has_tags(&source) {
            settings.tags = None;
        }
        let source = match (item::names_image(&source), &settings.tags) {
            (true, _) => {
                settings.tags = None;
                source
            }
            (false, Some(_)) => source,
            (false, None) => item::with(&source, TagOrDigest::Tag(Tag::latest())),
        };
        Entry { at, field, source, settings }
    }
}

impl Place {
    /// Whether it can hold images by many tags.
    fn is_repository(&self) -> bool {
        match self {
            Place::Named(location) => item::has_tags(location),
            Place::Relative(..) | Place::Below(_) | Place::Directory(_) => true,
        }
    }

    fn has_tag(&self) -> bool {
        match self {
            Place::Named(location) => item::names_image(location),
            Place::Relative(_, tag) => tag.is_some(),
            Place::Below(_) | Place::Directory(_) => false,
        }
    }
}
