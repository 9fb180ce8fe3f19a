//! Writing `config.yaml`: a first one, or one entry more in one that there is. A file is whole or absent, one that is
//! there is never written over unseen, and what a person wrote into it stays as it is.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::document::{self, Value};
use super::load::{Surroundings, read_text};
use super::reader::Reader;
use super::{Config, Language, RegistryEntry};

impl Config {
    /// The text of a first `config.yaml`: these places, and how the screen looks.
    pub fn first_file(theme: &str, language: Option<Language>, entries: &[RegistryEntry]) -> String {
        let mut out =
            "# wharf's configuration. `wharf config example` prints every key with its meaning.\n".to_owned();
        out += &format!("theme: {}\n", quoted(theme));
        if let Some(language) = language {
            out += &format!("language: {}\n", language.as_str());
        }
        out += "\nregistries:\n";
        for entry in entries {
            out += &item(entry, "  ");
        }
        out
    }

    /// The text of a `config.yaml` with one entry more. Everything that is in it stays, comments and order included.
    ///
    /// # Errors
    /// Why that cannot be: it is told with what a person would have to write.
    pub fn with_entry(text: &str, entry: &RegistryEntry) -> Result<String, String> {
        let hard = |why: &str| format!("{why}; write it there by hand:\n{}", item(entry, "  "));
        let (before, faults) = read(text);
        if faults > 0 {
            return Err(hard("config.yaml has faults"));
        }
        let new = insert(text, entry)
            .ok_or_else(|| hard("config.yaml has its entries in a form that is not added to"))?;
        // Whatever the file looks like: only if it then means the same and one entry more, it is taken.
        let (after, faults) = read(&new);
        let same = |config: &Config| {
            let settings = config.explain().into_iter().map(|s| (s.field, s.value));
            settings.collect::<Vec<_>>()
        };
        let kept = same(&after)
            .into_iter()
            .filter(|(field, _)| !field.starts_with(&format!("registries[{}].", before.registries.len())));
        match faults == 0
            && after.registries.len() == before.registries.len() + 1
            && after.registries.last().is_some_and(|last| last.name == entry.name)
            && kept.eq(same(&before))
        {
            true => Ok(new),
            false => Err(hard("config.yaml has its entries in a form that is not added to")),
        }
    }
}

fn read(text: &str) -> (Config, usize) {
    let mut reader = Reader::new(Path::new("config.yaml"));
    let surroundings = Surroundings { directory: "/".into(), home: None, exposed: false };
    let (config, _) = read_text(&mut reader, text, &surroundings);
    // A theme's file is looked for beside the file, which is not here; that fault is none of this.
    let faults = reader.into_faults().into_iter().filter(|fault| fault.field != "theme").count();
    (config, faults)
}

/// The text with the entry behind the last one.
fn insert(text: &str, entry: &RegistryEntry) -> Option<String> {
    let with_end = |text: &str| {
        if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
    };
    let root = document::read(text).ok()?;
    let list = root.as_ref().and_then(|root| match &root.value {
        Value::Map(entries) => entries
            .iter()
            .position(|(key, _)| matches!(&key.value, Value::Scalar { text, .. } if text == "registries"))
            .map(|at| (entries.get(at), entries.get(at + 1))),
        _ => None,
    });
    let Some((Some((key, value)), next)) = list else {
        return Some(format!("{}\nregistries:\n{}", with_end(text), item(entry, "  ")));
    };
    let lines: Vec<&str> = text.lines().collect();
    let indent = match &value.value {
        Value::Null => "  ".to_owned(),
        Value::List(items) => {
            let first = lines.get(items.first()?.at.line - 1)?;
            let dash = first.find('-')?;
            first.get(..dash).filter(|blank| blank.trim().is_empty())?.to_owned()
        }
        _ => return None,
    };
    // Behind the last line that is neither blank nor a comment at the line's beginning, before the next key.
    let mut end = next.map_or(lines.len(), |(key, _)| key.at.line - 1);
    let loose = |line: &str| line.trim().is_empty() || line.starts_with('#');
    while end > key.at.line && lines.get(end - 1).is_some_and(|line| loose(line)) {
        end -= 1;
    }
    let (head, tail) = lines.split_at(end);
    let lines = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    Some(format!("{}{}{}", lines(head), item(entry, &indent), lines(tail)))
}

fn item(entry: &RegistryEntry, indent: &str) -> String {
    let mut out = format!("{indent}- name: {}\n", quoted(&entry.name));
    let mut add = |key: &str, value: String| out += &format!("{indent}  {key}: {value}\n");
    if entry.kind != super::RegistryType::Registry {
        add("type", entry.kind.as_str().to_owned());
    }
    if !entry.url.is_empty() {
        add("url", quoted(&entry.url));
    }
    if !entry.description.is_empty() {
        add("description", quoted(&entry.description));
    }
    out
}

/// A text as YAML: as it is where it can be nothing else, else in quotes (JSON's are YAML's).
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    let word = text.chars().all(|c| plain(c) || c == ' ') && text.starts_with(char::is_alphabetic);
    let known = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    match word && !text.ends_with(' ') && !known.contains(&text.to_lowercase().as_str()) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// Writes a file that is not there yet, for this user alone; its directory is made if need be.
///
/// # Errors
/// `AlreadyExists` if it is there, and whatever the disk says.
pub fn write_new(file: &Path, content: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let partial = written_beside(file, content, 0o600)?;
    // A link is refused where there is something already; a rename would not be.
    let linked = fs::hard_link(&partial, file);
    let _ = fs::remove_file(&partial);
    linked
}

/// Replaces a file whose text is still `before`; who may read it stays as it is.
///
/// # Errors
/// If somebody else has changed it meanwhile, and whatever the disk says.
pub fn replace(file: &Path, before: &str, content: &str) -> io::Result<()> {
    // Behind a link lies the file that is meant.
    let file = fs::canonicalize(file)?;
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    let partial = written_beside(&file, content, mode)?;
    let replaced = match fs::read_to_string(&file) {
        Ok(now) if now == before => fs::rename(&partial, &file),
        Ok(_) => Err(io::Error::other("it was changed meanwhile")),
        Err(error) => Err(error),
    };
    if replaced.is_err() {
        let _ = fs::remove_file(&partial);
    }
    replaced
}

fn written_beside(file: &Path, content: &str, mode: u32) -> io::Result<std::path::PathBuf> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = file.with_file_name(name);
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
    out.write_all(content.as_bytes())?;
    out.sync_all()?;
    Ok(partial)
}

#[cfg(test)]
mod tests {
    use super::super::RegistryType;
    use super::*;

    fn entry(name: &str, url: &str) -> RegistryEntry {
        RegistryEntry::plain(name, RegistryType::Registry, url, "")
    }

    #[test]
    fn a_first_file_reads_back_as_what_it_was_made_of() {
        let entries = [
            entry("docker.io", "docker.io"),
            RegistryEntry::plain("true", RegistryType::Registry, "http://10.0.0.1:5000", "a: \"b\" # c"),
            RegistryEntry::plain("docker", RegistryType::Docker, "", "the engine"),
            RegistryEntry::plain("本地文件", RegistryType::LocalFile, "/srv/镜像 1", "- x"),
        ];
        let text = Config::first_file("high-contrast", Some(Language::Chinese), &entries);
        let (config, faults) = read(&text);
        assert_eq!(
            (faults, config.theme.as_str(), config.language),
            (0, "high-contrast", Some(Language::Chinese))
        );
        assert_eq!(config.registries.len(), 4);
        for (a, b) in config.registries.iter().zip(&entries) {
            assert_eq!(
                (&a.name, a.kind, &a.url, &a.description),
                (&b.name, b.kind, &b.url, &b.description),
                "{text}"
            );
        }
    }

    #[test]
    fn an_entry_is_added_and_everything_else_stays_as_it_is() {
        let new = entry("ghcr.io", "ghcr.io");
        for text in [
            "",
            "theme: light",
            "registries:\n",
            "# mine\nregistries:\n  # the first\n  - name: a\n    url: a.io # why\n\n# colours\ntheme: light\n",
            "registries:\n- name: a\n  url: a.io\n  # last words\n",
            "registries:\n    -   name: a\n        url: a.io\n    - {name: b, url: b.io}\ntarget: a\n",
            "registries:\r\n  - name: a\r\n    url: a.io\r\n",
        ] {
            let out = Config::with_entry(text, &new).unwrap();
            let kept: Vec<&str> = out.lines().filter(|line| text.lines().any(|l| l == *line)).collect();
            assert_eq!(
                kept.iter().filter(|l| !l.is_empty()).count(),
                text.lines().filter(|l| !l.is_empty()).count(),
                "{out}"
            );
            assert_eq!(read(&out).0.registries.last().unwrap().name, "ghcr.io", "{out}");
        }
        for text in [
            "registries: [{name: a, url: a.io}]\n",
            "{registries: []}\n",
            "registries:\n  - name: ghcr.io\n    url: other.io\n",
            "registries: 5\n",
            "wokers: 1\n",
            "registries: *a\n",
        ] {
            let told = Config::with_entry(text, &new).unwrap_err();
            assert!(told.contains("- name: ghcr.io"), "{text:?}: {told}");
        }
    }

    #[test]
    fn files_are_whole_private_and_never_written_over_unseen() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("wharf/config.yaml");
        write_new(&file, "theme: dark\n").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(write_new(&file, "x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&file, "theme: dark\n", "theme: light\n").unwrap();
        assert!(replace(&file, "theme: dark\n", "x").unwrap_err().to_string().contains("meanwhile"));
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), ("theme: light\n", 0o644));
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    proptest::proptest! {
        #[test]
        fn names_of_all_kinds_read_back(name in "[ -~镜像]{1,20}") {
            let entry = RegistryEntry::plain(&name, RegistryType::Registry, "h.io", &name);
            let (config, faults) = read(&Config::first_file("dark", None, std::slice::from_ref(&entry)));
            if faults == 0 {
                assert_eq!((&config.registries[0].name, &config.registries[0].description), (&name, &name.trim_end().replace("  ", " ").to_owned()));
            }
        }
    }
}
