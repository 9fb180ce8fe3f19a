//! The headless commands that do what jobs do: a screen becomes a script. The command line's own tests read them back,
//! and get the same jobs.

use super::{Extras, JobSpec, Target};
use crate::oci::{Location, Platforms, shown};

/// One command: the words behind `wharf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The words, as a program gets them.
    pub words: Vec<String>,
    /// The lines of its standard input; none if it reads nothing.
    pub input: Vec<String>,
}

impl CommandLine {
    /// A command of these words.
    pub fn of<S: Into<String>>(words: impl IntoIterator<Item = S>) -> CommandLine {
        CommandLine { words: words.into_iter().map(Into::into).collect(), input: Vec::new() }
    }

    /// The command as a shell reads it; `program` are the words in front, `wharf` first.
    pub fn shell(&self, program: &[String]) -> String {
        let words: Vec<String> = program.iter().chain(&self.words).map(|word| quoted(word)).collect();
        let line = words.join(" ");
        match &self.input[..] {
            [] => line,
            input => format!("{line} <<'EOF'\n{}\nEOF", input.join("\n")),
        }
    }

    /// Whether a person could read and paste it: what is written has no character that is not seen.
    fn checked(self) -> Result<CommandLine, String> {
        let mut words = self.words.iter().chain(&self.input);
        match words.find(|word| word.is_empty() || shown(word) != **word || word.contains('\n')) {
            Some(word) => Err(format!("{}: it has characters that cannot be typed", shown(word))),
            None => Ok(self),
        }
    }
}

/// A word as every POSIX shell reads it. What stands in single quotes is nothing but itself.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// An image as a word that is read as the same one. The error is a reason, for people.
pub fn image_word(location: &Location) -> Result<String, String> {
    let text = location.to_string();
    // What looks like a file's name would be asked back.
    let lower = text.to_ascii_lowercase();
    let like_file = [".tar", ".tgz", ".tzst", ".oci"].iter().any(|ending| lower.contains(ending));
    let word = match location {
        Location::Registry(_) if like_file => format!("docker://{text}"),
        _ => text,
    };
    match word.parse::<Location>().as_ref() == Ok(location) {
        true => Ok(word),
        false => Err(format!("{}: no command can name it", shown(&word))),
    }
}

/// `--platform` for each.
pub fn platform_words(platforms: &Platforms) -> Vec<String> {
    match platforms {
        Platforms::All => Vec::new(),
        Platforms::Only(list) => {
            list.iter().flat_map(|platform| ["--platform".to_owned(), platform.to_string()]).collect()
        }
    }
}

/// A directory as `-o` takes it: with a slash at its end it is one whether it is there or not.
fn directory_word(path: &std::path::Path) -> Result<String, String> {
    let Some(text) = path.to_str() else {
        return Err(format!("{}: its name is no UTF-8", shown(&path.to_string_lossy())));
    };
    let text = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    Ok(if text.starts_with('-') { format!("./{text}") } else { text })
}

impl JobSpec {
    /// The commands that do the same as this job: one, or one a kind of destination. The error says why none can.
    pub fn commands(&self) -> Result<Vec<CommandLine>, String> {
        if self.keep_tags {
            return Err("only `wharf import` leaves a tag alone that is another image's".to_owned());
        }
        let named: Vec<&Location> = self
            .destinations
            .iter()
            .filter_map(|target| match target {
                Target::Image(location) => Some(location),
                Target::ExportInto(_) => None,
            })
            .collect();
        let mut commands = Vec::new();
        match (&self.more[..], &named[..]) {
            (_, []) => {}
            ([], named) => commands.push(self.copy_command(named)?),
            (_, [Location::DockerArchive { path, reference: None }]) => {
                let Some(file) = path.to_str() else {
                    return Err(format!("{}: its name is no UTF-8", shown(&path.to_string_lossy())));
                };
                let mut words = vec!["export".to_owned()];
                for source in self.sources() {
                    words.push(image_word(source)?);
                }
                words.extend(["--single".to_owned(), "-o".to_owned(), file.to_owned()]);
                words.extend(self.export_flags()?);
                commands.push(CommandLine::of(words));
            }
            (_, _) => return Err("several images go together into one docker-archive only".to_owned()),
        }
        for target in &self.destinations {
            if let Target::ExportInto(directory) = target {
                let mut words = vec!["export".to_owned()];
                words.push(image_word(&self.source)?);
                words.extend(["-o".to_owned(), directory_word(directory)?]);
                words.extend(self.export_flags()?);
                if self.platform_in_name
                    && matches!(&self.platforms, Platforms::Only(list) if list.len() == 1)
                {
                    words.push("--platform-in-name".to_owned());
                }
                commands.push(CommandLine::of(words));
            }
        }
        commands.into_iter().map(CommandLine::checked).collect()
    }

    fn copy_command(&self, destinations: &[&Location]) -> Result<CommandLine, String> {
        let itself = destinations.contains(&&self.source) && self.tags.is_empty();
        let plain = self.platforms == Platforms::All && self.extras.is_none() && !self.overwrite;
        let mut words = vec![if itself { "tag" } else { "copy" }.to_owned(), image_word(&self.source)?];
        for destination in destinations {
            words.push(image_word(destination)?);
        }
        if itself {
            // Its own name is no destination of a copy.
            return match plain {
                true => Ok(CommandLine::of([words, vec!["--force".to_owned()]].concat())),
                false => Err(format!("{} is source and destination", self.source)),
            };
        }
        words.extend(platform_words(&self.platforms));
        for tag in &self.tags {
            words.extend(["--tag".to_owned(), tag.to_string()]);
        }
        if self.overwrite {
            words.push("--overwrite".to_owned());
        }
        words.extend(extra_words(self.extras));
        Ok(CommandLine::of(words))
    }

    fn export_flags(&self) -> Result<Vec<String>, String> {
        let Extras { foreign_layers, .. } = self.extras;
        if self.extras != (Extras { foreign_layers, ..Extras::default() }) {
            return Err("an export takes no referrers along, and its format is Docker's".to_owned());
        }
        if !self.tags.is_empty() {
            return Err("an export has no further tags".to_owned());
        }
        let mut words = platform_words(&self.platforms);
        if self.overwrite {
            words.push("--overwrite".to_owned());
        }
        if foreign_layers {
            words.push("--foreign-layers".to_owned());
        }
        Ok(words)
    }
}

/// The options of what travels along.
pub fn extra_words(extras: Extras) -> Vec<String> {
    let flags = [
        (extras.referrers, "--referrers"),
        (extras.digest_tags, "--digest-tags"),
        (extras.foreign_layers, "--foreign-layers"),
    ];
    let mut words: Vec<String> =
        flags.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()).collect();
    if let Some(format) = extras.format {
        words.extend(["--format".to_owned(), format.to_string()]);
    }
    words
}

/// The commands of several jobs, exports that agree in everything but their image as one, and the reasons of jobs
/// that have none.
pub fn commands_of<'a>(specs: impl IntoIterator<Item = &'a JobSpec>) -> (Vec<CommandLine>, Vec<String>) {
    let (mut commands, mut reasons): (Vec<CommandLine>, Vec<String>) = (Vec::new(), Vec::new());
    for spec in specs {
        match spec.commands() {
            Ok(made) => {
                for command in made {
                    join(&mut commands, command);
                }
            }
            Err(reason) => reasons.push(reason),
        }
    }
    (commands, reasons)
}

/// One `wharf sync` that does the same as many copies, which replace their hosts by the prefix `to`: whether they do is
/// for the caller to know. `None` where they differ in more than their images.
pub fn sync_command(specs: &[&JobSpec], to: &str) -> Option<CommandLine> {
    let first = specs.first()?;
    let alike = |spec: &&&JobSpec| {
        let is_listed = matches!(spec.source, Location::Registry(_) | Location::Store { .. });
        is_listed
            && spec.more.is_empty()
            && spec.destinations.len() == 1
            && spec.tags.is_empty()
            && !spec.overwrite
            && !spec.keep_tags
            && spec.platforms == first.platforms
            && spec.extras == first.extras
    };
    if !specs.iter().all(|spec| alike(&spec)) {
        return None;
    }
    let mut words = vec!["sync".to_owned(), "-".to_owned(), "--to".to_owned(), to.to_owned()];
    words.extend(platform_words(&first.platforms));
    words.extend(extra_words(first.extras));
    let input = specs.iter().map(|spec| spec.source.to_string()).collect();
    CommandLine { words, input }.checked().ok()
}

/// Adds a command, to the last one where that comes to the same.
fn join(commands: &mut Vec<CommandLine>, command: CommandLine) {
    if let (Some(last), [export, image, into, rest @ ..]) = (commands.last_mut(), &command.words[..])
        && export == "export"
        && into == "-o"
        && let Some(at) = last.words.iter().position(|word| word == "-o")
        && last.words[0] == "export"
        && last.words[at + 1..] == *rest
    {
        if !last.words[1..at].contains(image) {
            last.words.insert(at, image.clone());
        }
        return;
    }
    if !commands.contains(&command) {
        commands.push(command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_as_they_are() {
        for (word, want) in [
            ("nginx:1.27", "nginx:1.27"),
            ("h.io/a@sha256:00", "h.io/a@sha256:00"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME/`x`;!", "'$HOME/`x`;!'"),
            ("~/a", "'~/a'"),
            ("镜像", "'镜像'"),
            ("*", "'*'"),
        ] {
            assert_eq!(quoted(word), want);
        }
    }

    #[test]
    fn what_cannot_be_typed_is_refused() {
        let source: Location = "nginx:1".parse().unwrap();
        let to = |path: &str| Location::DockerArchive { path: path.into(), reference: None };
        for path in ["a\u{1b}[31m.tar", "a\nb.tar", "a\u{202e}.tar"] {
            let reason = JobSpec::copy(source.clone(), to(path)).commands().unwrap_err();
            assert!(reason.contains("cannot be typed") && !reason.contains('\u{1b}'), "{reason}");
        }
        let spec = JobSpec { keep_tags: true, ..JobSpec::copy(source.clone(), to("a.tar")) };
        assert!(spec.commands().unwrap_err().contains("import"));
    }

    #[test]
    fn exports_that_agree_are_one_command() {
        let platforms = Platforms::Only(vec!["arm64".parse().unwrap()]);
        let one = |image: &str, platforms: &Platforms| {
            JobSpec::exports(&image.parse().unwrap(), "/d l".as_ref(), platforms)
        };
        let specs = [
            one("nginx:1", &Platforms::All),
            one("redis:7", &Platforms::All),
            one("nginx:1", &Platforms::All),
            one("nginx:1", &platforms),
        ]
        .concat();
        let (commands, reasons) = commands_of(&specs);
        let lines: Vec<String> = commands.iter().map(|c| c.shell(&["wharf".to_owned()])).collect();
        assert_eq!(
            lines,
            [
                "wharf export docker.io/library/nginx:1 docker.io/library/redis:7 -o '/d l/'",
                "wharf export docker.io/library/nginx:1 -o '/d l/' --platform linux/arm64"
            ]
        );
        assert!(reasons.is_empty());
    }
}
