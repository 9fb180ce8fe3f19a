//! Reading `config.yaml` into a [`Config`].

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::document::{self, Position, Value};
use super::fault::{ConfigFaults, Fault};
use super::keys::KeyRules;
use super::prefix::Prefix;
use super::reader::{Field, Fields, Reader};
use super::{Config, paths};

/// The largest configuration that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// A configuration and where it comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file it was read from; `None` if there is none and all is default.
    pub path: Option<PathBuf>,
    /// Things to warn of, one line each.
    pub warnings: Vec<Fault>,
}

/// What reading a file's values depends on besides its text.
pub(super) struct Surroundings {
    /// The file's directory, for relative paths.
    pub directory: PathBuf,
    /// What `~/` stands for.
    pub home: Option<PathBuf>,
    /// Whether others than the owner can read the file.
    pub exposed: bool,
}

impl Config {
    /// Reads the configuration from `path`, which must exist, or else from `default_path`, which need not.
    /// The error has every fault of the file.
    /// `rules` are the terminal UI's for its keys.
    pub fn load_checked(
        path: Option<&Path>,
        default_path: Option<&Path>,
        rules: KeyRules<'_>,
    ) -> Result<Loaded, ConfigFaults> {
        let defaults = Loaded { config: Config::default(), path: None, warnings: Vec::new() };
        let Some(file) = path.or(default_path) else { return Ok(defaults) };
        let whole = |reason: String| ConfigFaults::of_config(vec![Fault::whole(file, reason)]);
        let (bytes, exposed) = match read_file(file) {
            Ok(read) => read,
            Err(e) if path.is_none() && e.kind() == io::ErrorKind::NotFound => return Ok(defaults),
            Err(e) => return Err(whole(format!("cannot read it: {}", plain(&e)))),
        };
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(whole(format!("it is larger than {} MiB", FILE_LIMIT >> 20)));
        }
        let text = utf8(file, &bytes).map_err(|fault| ConfigFaults::of_config(vec![fault]))?;
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        let surroundings = Surroundings { directory, home: paths::home(), exposed };
        let mut reader = Reader::new(file);
        let (config, warnings) = read_text(&mut reader, text, &surroundings);
        super::keys::check(&mut reader, &config.keys, rules);
        match reader.into_faults() {
            faults if faults.is_empty() => Ok(Loaded { config, path: Some(file.to_owned()), warnings }),
            faults => Err(ConfigFaults::of_config(faults)),
        }
    }

    /// The same, for what has nothing to do with keys.
    pub fn load(path: Option<&Path>, default_path: Option<&Path>) -> Result<Loaded, ConfigFaults> {
        Config::load_checked(path, default_path, &|_| Vec::new())
    }
}

/// A file's text, or where it stops being any.
pub(super) fn utf8<'a>(file: &Path, bytes: &'a [u8]) -> Result<&'a str, Fault> {
    std::str::from_utf8(bytes).map_err(|e| {
        let good = String::from_utf8_lossy(bytes.get(..e.valid_up_to()).unwrap_or_default()).into_owned();
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let reason = "it is not UTF-8 text from here on".to_owned();
        Fault { file: file.to_owned(), at: Some(Position { line, column }), field: String::new(), reason }
    })
}

/// What a text says, and what there is to warn of. The faults are in the reader.
pub(super) fn read_text(
    reader: &mut Reader,
    text: &str,
    surroundings: &Surroundings,
) -> (Config, Vec<Fault>) {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    let root = match document::read(text) {
        Ok(root) => root.filter(|node| !matches!(node.value, Value::Null)),
        Err(e) => {
            reader.fault(e.at, "", e.reason);
            None
        }
    };
    if let Some(root) = &root
        && let Some(mut fields) = reader.fields(&Field { path: String::new(), node: root })
    {
        general(reader, &mut fields, surroundings, &mut config);
        if let Some(field) = fields.take(reader, "registries") {
            config.registries = super::registries::read(reader, &field, surroundings, &mut warnings);
        }
        target(reader, &mut fields, surroundings, &mut config);
        reader.finish(fields);
    }
    config.set_at = std::mem::take(&mut reader.set_at);
    (config, warnings)
}

fn general(reader: &mut Reader, fields: &mut Fields<'_>, surroundings: &Surroundings, config: &mut Config) {
    let path = |reader: &mut Reader, fields: &mut Fields<'_>, key| {
        let field = fields.take(reader, key)?;
        let text = reader.text(&field)?;
        if text.is_empty() || text.contains('\0') {
            reader.fault(field.node.at, &field.path, "a directory's path is needed");
            return None;
        }
        Some(paths::resolve(&text, &surroundings.directory, surroundings.home.as_deref()))
    };
    if let Some(downloads) = path(reader, fields, "downloads") {
        config.downloads = downloads;
    }
    config.store = path(reader, fields, "store");
    let mut number = |key, limits| {
        let field = fields.take(reader, key)?;
        reader.number(&field, limits)
    };
    if let Some(n) = number("workers", 1..=256) {
        config.workers = n as usize;
    }
    if let Some(n) = number("workers_per_host", 1..=256) {
        config.workers_per_host = n as usize;
    }
    if let Some(n) = number("attempts", 1..=20) {
        config.attempts = n as u32;
    }
    if let Some(n) = number("retries_per_job", 0..=10_000) {
        config.retries_per_job = n as u32;
    }
    if let Some(n) = number("rate_limit_reserve", 0..=1_000_000) {
        config.rate_limit_reserve = n;
    }
    if let Some(n) = number("stall_timeout", 1..=3600) {
        config.stall_timeout = n;
    }
    config.bandwidth = fields.take(reader, "bandwidth").and_then(|field| reader.rate(&field));
    if let Some(field) = fields.take(reader, "read_only") {
        config.read_only = reader.boolean(&field).unwrap_or_default();
    }
    super::screen::read(reader, fields, surroundings, config);
}

/// `target:`, what [`super::Prefix`] takes: an entry's name, `HOST[/PREFIX]`, `store:`, `oci:DIR`. Read after the entries, whatever the file's order.
fn target(reader: &mut Reader, fields: &mut Fields<'_>, surroundings: &Surroundings, config: &mut Config) {
    let Some(field) = fields.take(reader, "target") else { return };
    let Some(text) = reader.text(&field).filter(|text| !text.is_empty()) else { return };
    config.target = match config.prefix(&text) {
        Ok(Prefix::Layout(directory)) => {
            let directory = directory.to_string_lossy();
            let path = paths::resolve(&directory, &surroundings.directory, surroundings.home.as_deref());
            Some(format!("oci:{}", path.display()))
        }
        Ok(_) => Some(text.trim_end_matches('/').to_owned()),
        Err(reason) => return reader.fault(field.node.at, &field.path, reason),
    };
}

/// The file's bytes (one more than the limit at most), and whether others can read it.
fn read_file(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok((bytes, is_exposed(&metadata)))
}

/// Whether others than its owner can read a file.
#[cfg(unix)]
pub(super) fn is_exposed(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
pub(super) fn is_exposed(_: &std::fs::Metadata) -> bool {
    false
}

/// An I/O error without `(os error 2)`.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" (os error").unwrap_or(text.len());
    crate::oci::printable(text.get(..end).unwrap_or(&text), 200)
}

#[cfg(test)]
mod tests {
    use super::super::{EXAMPLE, RegistryType};
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>, Vec<String>, Reader) {
        let mut reader = Reader::new(Path::new("/etc/wharf/config.yaml"));
        let surroundings =
            Surroundings { directory: "/etc/wharf".into(), home: Some("/home/u".into()), exposed: true };
        let (config, warnings) = read_text(&mut reader, text, &surroundings);
        let asked = reader.asked.clone();
        let faults = reader.into_faults().iter().map(Fault::to_string).collect();
        let mut again = Reader::new(Path::new(""));
        again.asked = asked;
        (config, faults, warnings.iter().map(Fault::to_string).collect(), again)
    }

    fn faults(text: &str) -> Vec<String> {
        let strip = |fault: String| fault.trim_start_matches("/etc/wharf/config.yaml:").to_owned();
        read(text).1.into_iter().map(strip).collect()
    }

    #[test]
    fn the_older_file_loads_as_it_is() {
        let text = "registries:\n  - name: 本地文件\n    type: local_file\n    url: downloads\n    username: \"\"\n    \
            password: \"\"\n    description: 导出镜像为tar包文件，可用于docker load导入\n";
        let (config, faults, warnings, _) = read(text);
        assert_eq!((faults, warnings), (vec![], vec![]));
        let entry = &config.registries[0];
        assert_eq!((entry.name.as_str(), entry.kind), ("本地文件", RegistryType::LocalFile));
        assert_eq!(entry.directory(), Some(Path::new("/etc/wharf/downloads")));
        assert_eq!(entry.description, "导出镜像为tar包文件，可用于docker load导入");
        assert!(entry.password.is_none());
    }

    #[test]
    fn the_example_is_the_defaults() {
        let (mut config, faults, _, _) = read(EXAMPLE);
        assert_eq!(faults, Vec::<String>::new());
        config.set_at.clear();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn the_example_documents_every_key_and_parses_uncommented() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest)
                    if rest.contains(':')
                        && (rest.starts_with("  ") || rest.starts_with(|c: char| c.is_alphabetic())) =>
                {
                    rest
                }
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let (config, faults, _, reader) = read(&uncommented);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(config.registries.len(), 3);
        assert_eq!(config.target.as_deref(), Some("harbor"));
        let set: std::collections::BTreeSet<String> =
            config.set_at.keys().map(|k| k.replace(['[', ']', '0', '1', '2'], "")).collect();
        assert_eq!(set, reader.asked);
    }

    #[test]
    fn every_fault_is_found_at_once_and_in_order() {
        let text = "wokers: 3\nworkers: 0\nworkers_per_host: many\nattempts: \"5\"\nstall_timeout: -1\n\
            theme: drak\nsymbols: [ascii]\nstore: ''\nregistries:\n  - name: a\n    type: registy\n    ulr: x\n  \
            - name: a\n    url: ftp://x\n    protected: yes\n    url: y\n  - name: b\n    url: u:hunter2@h\n    \
            password: hunter2\n  - 3\n  - url: ghcr.io\n    concurrency: 1.5\ntarget: elsewhere\nworkers: 4\n";
        let found = faults(text);
        let want = [
            "1:1: wokers: unknown key \"wokers\"; the nearest valid key is \"workers\"",
            "2:10: workers: a whole number from 1 to 256 is needed, not 0",
            "3:19: workers_per_host: a whole number from 1 to 256 is needed, not text",
            "4:11: attempts: a whole number from 1 to 20 is needed, not text in quotes",
            "5:16: stall_timeout: a whole number from 1 to 3600 is needed, not -1",
            "6:8: theme: \"drak\" is none of dark, light, mono, high-contrast, deuteranopia; did you mean \"dark\"?",
            "7:10: symbols: text is needed, not a list",
            "8:8: store: a directory's path is needed",
            "11:11: registries[0].type: \"registy\" is none of registry, docker, local_file, store; did you mean \"registry\"?",
            "12:5: registries[0].ulr: unknown key \"ulr\"; the nearest valid key is \"url\"",
            "13:11: registries[1].name: another entry has the name \"a\", on line 10",
            "14:10: registries[1].url: ftp:// is no scheme for a registry; write http://, https:// or none",
            "15:16: registries[1].protected: true or false is needed, not text",
            "16:5: registries[1].url: this key is there twice, first on line 14",
            "18:10: registries[2].url: user name and password do not belong in the address; write them as username and password",
            "19:15: registries[2].password: a password needs a username",
            "20:5: registries[3]: keys with values is needed, not 3",
            "21:5: registries[4].name: an entry needs a name",
            "22:18: registries[4].concurrency: a whole number from 1 to 256 is needed, not 1.5",
            "23:9: target: \"elsewhere\" is neither a registries entry's name nor HOST[:PORT][/PATH]",
            "24:1: workers: this key is there twice, first on line 2",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn the_target_is_whatever_images_go_to() {
        let entries = "registries:\n- {name: d, type: docker}\n- {name: f, type: local_file, url: d}\n";
        for (text, want) in [
            ("'store:kept/here'", "store:kept/here"),
            ("'store:'", "store:"),
            ("'oci:lay/out'", "oci:/etc/wharf/lay/out"),
            ("d", "d"),
            ("h.io/team/", "h.io/team"),
        ] {
            let (config, faults, ..) = read(&format!("{entries}target: {text}\n"));
            assert_eq!((faults, config.target.as_deref()), (vec![], Some(want)), "{text}");
            config.prefix(want).unwrap();
        }
        for (text, want) in [("f", "local_file"), ("'oci:a:v1'", "oci:DIR alone"), ("docker-archive:x", "")] {
            let found = faults(&format!("{entries}target: {text}\n"));
            assert!(
                matches!(&found[..], [one] if one.starts_with("4:9: target: ") && one.contains(want)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn rates_are_read_and_what_is_none_is_told() {
        let (config, faults, ..) =
            read("bandwidth: 200Mbit\nregistries: [{name: a, url: a.io, bandwidth: 1000}]\n");
        assert_eq!(faults, Vec::<String>::new());
        let rates = (config.bandwidth, config.registries[0].bandwidth);
        assert_eq!(rates.0.map(|r| r.get().get()), Some(25_000_000));
        assert_eq!(rates.1.map(|r| r.get().get()), Some(1000));
        let explained = config.explain();
        let shown = |field: &str| explained.iter().find(|s| s.field == field).unwrap().value.clone();
        assert_eq!((shown("bandwidth"), shown("registries[0].bandwidth")), ("25MB".into(), "1KB".into()));
        let found = self::faults("bandwidth: fast\nregistries: [{name: a, url: a.io, bandwidth: 0}]\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("1:12: bandwidth: \"fast\" is no rate"), "{found:?}");
        assert!(found[1].contains("registries[0].bandwidth: \"0\" is no rate"), "{found:?}");
    }

    #[test]
    fn odd_files() {
        for (text, want) in [
            ("- a\n", "1:1: keys with values is needed, not a list"),
            ("just text", "1:1: keys with values is needed, not text"),
            ("theme: [dark\n", ""),
            ("registries: 5\n", "1:13: registries: a list (lines that begin with `- `) is needed, not 5"),
            ("a: 1\n---\nb: 1\n", "second document"),
            ("\tx: 1\n", ""),
        ] {
            let found = faults(text);
            assert!(!found.is_empty() && found[0].contains(want), "{text:?}: {found:?}");
        }
        for text in ["", "---\n", "# nothing\n", "registries:\n", "theme:\n", "registries: []\n"] {
            assert_eq!(faults(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn settings_of_entries_are_read() {
        let text = "registries:\n- {name: h, url: 'http://10.0.0.1:5000', username: 007, password: hunter2, tls: plain}\n\
            - {name: s, url: s.io, username: u, password: '${TOKEN}', tls: {verify: false, ca_file: ca.pem}, proxy: \
            {https_proxy: 'http://u:hunter2@p:1'}, concurrency: 2, protected: true}\n- {name: e, type: docker}\ntarget: s\n";
        let (config, faults, warnings, _) = read(text);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("registries[0].password") && !warnings[0].contains("hunter2"));
        assert_eq!(config.registries[0].username, "007");
        assert!(config.registries[0].effective_tls().unwrap().plain);
        assert_eq!(
            config.registries[1].tls.as_ref().unwrap().ca_file.as_deref(),
            Some(Path::new("/etc/wharf/ca.pem"))
        );
        assert_eq!(config.target.as_deref(), Some("s"));
        let explained = config.explain();
        let shown = format!("{explained:?} {config:?}");
        assert!(!shown.contains("hunter2") && shown.contains("(set, from ${TOKEN})"), "{shown}");
        let of = |field: &str| explained.iter().find(|s| s.field == field).unwrap();
        assert_eq!((of("target").line, of("workers").line), (Some(5), None));
        for conflict in
            ["{plain: true, insecure: true}", "{cert_file: a}", "{verify: true, insecure: true}", "insecur"]
        {
            let text = format!("registries: [{{name: a, url: a.io, tls: {conflict}}}]");
            assert_eq!(read(&text).1.len(), 1, "{conflict}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\\n\\t镜]{0,200}", knotty in "[a-c:\\-\\[\\]{}&*!|>'\"%@#,?<= \\n]{0,60}") {
            for text in [text.clone(), knotty.clone(), format!("registries:\n- {knotty}\n- tls: {knotty}\n"), format!("target: {text}")] {
                let (config, faults, ..) = read(&text);
                let _ = (config.explain(), faults);
            }
        }
    }

    #[test]
    fn files_are_found_or_missed() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        let missing = Config::load(Some(&file), None).unwrap_err();
        assert!(
            missing.to_string().contains("No such file") && missing.to_string().contains("config.yaml"),
            "{missing}"
        );
        assert_eq!(Config::load(None, Some(&file)).unwrap().path, None);
        std::fs::write(&file, b"theme: dark\n# \xff\n").unwrap();
        let odd = Config::load(None, Some(&file)).unwrap_err().to_string();
        assert!(odd.contains("config.yaml:2:3:") && odd.contains("UTF-8"), "{odd}");
        std::fs::write(&file, "workers: 3\ndownloads: out\n").unwrap();
        let loaded = Config::load(Some(&file), None).unwrap();
        assert_eq!((loaded.config.workers, loaded.config.downloads), (3, home.path().join("out")));
        assert!(Config::load(Some(home.path()), None).unwrap_err().to_string().contains("directory"));
    }
}
