//! The options' form: for what is being added, or for drafts of the queue. Of several drafts that do not agree, a line
//! that is not touched leaves each as it is.

use std::path::Path;

use super::draft::{Draft, DraftId, Goal, Options, Wanted};
use super::form::{Form, Item, Value};
use super::paste::parse;
use crate::config::Language;
use crate::oci::{Format, Location, Platform, Platforms, Tag};

/// A line of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionField {
    /// A copy or a file.
    Kind,
    /// Where one copy goes.
    To,
    /// Which platforms, as text.
    Platforms,
    /// One of the platforms that there are.
    Platform(usize),
    /// Further tags.
    Tags,
    /// Referrers travel, too.
    Referrers,
    /// cosign's tags travel, too.
    DigestTags,
    /// Foreign layers are copied, too.
    ForeignLayers,
    /// The manifests' format.
    Format,
    /// Tags that are there stay.
    KeepTags,
    /// The file's name.
    File,
    /// A file that is there is replaced.
    Overwrite,
    /// Which job is served first.
    Priority,
}

/// What the form is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// What is to be added.
    New(Vec<Wanted>),
    /// Drafts of the queue.
    Queued(Vec<DraftId>),
}

/// See the module.
pub struct OptionsForm {
    /// What it is for.
    pub subject: Subject,
    /// How many that are.
    pub count: usize,
    /// The image, where it is one.
    pub only: Option<Location>,
    /// Images whose platforms are of interest.
    pub sources: Vec<Location>,
    /// Platforms that they have, as far as is known, and of how many bytes.
    pub available: Vec<(Platform, u64)>,
    /// The lines.
    pub form: Form<OptionField>,
}

/// What was entered; nothing where a line was not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entered {
    /// A file instead of a copy, or the other way round.
    pub export: Option<bool>,
    to: Option<Vec<Location>>,
    platforms: Option<Platforms>,
    tags: Option<Vec<Tag>>,
    referrers: Option<bool>,
    digest_tags: Option<bool>,
    foreign_layers: Option<bool>,
    format: Option<Option<Format>>,
    keep_tags: Option<bool>,
    file: Option<Option<String>>,
    overwrite: Option<bool>,
    priority: Option<i32>,
}

/// Images whose platforms are asked for.
const ASKED: usize = 8;

impl OptionsForm {
    /// A form that says what all of these say.
    pub fn new(subject: Subject, of: &[(Location, Goal, Options)]) -> OptionsForm {
        use OptionField::*;
        let first = of.first().map(|(_, _, options)| options.clone()).unwrap_or_default();
        let is_export = |goal: &Goal| matches!(goal, Goal::Export(_));
        let export = of.first().is_some_and(|(_, goal, _)| is_export(goal));
        let differs = |same: &dyn Fn(&Options) -> bool| !of.iter().all(|(_, _, options)| same(options));
        let switch = |field, get: fn(&Options) -> bool| {
            let on = get(&first);
            Item::switch(field, on).mixed(differs(&|options| get(options) == on))
        };
        let platforms = differs(&|options| options.platforms == first.platforms);
        let tags = differs(&|options| options.tags == first.tags);
        let format = match first.extras.format {
            None => 0,
            Some(crate::oci::Format::Oci) => 1,
            Some(crate::oci::Format::Docker) => 2,
        };
        let mut items = vec![
            Item::choice(Kind, usize::from(export), 2)
                .mixed(!of.iter().all(|(_, goal, _)| is_export(goal) == export)),
        ];
        if let [(_, Goal::Copy(to), _)] = of {
            items.push(Item::text(To, joined(to, ", ")));
        }
        let text = |mixed: bool, text: String| if mixed { String::new() } else { text };
        items.push(Item::text(Platforms, text(platforms, written(&first.platforms))).mixed(platforms));
        items.push(Item::text(Tags, text(tags, joined(&first.tags, " "))).mixed(tags));
        items.push(switch(Referrers, |options| options.extras.referrers));
        items.push(switch(DigestTags, |options| options.extras.digest_tags));
        items.push(switch(ForeignLayers, |options| options.extras.foreign_layers));
        items.push(
            Item::choice(Format, format, 3).mixed(differs(&|o| o.extras.format == first.extras.format)),
        );
        items.push(switch(KeepTags, |options| options.keep_tags));
        if of.len() == 1 {
            items.push(Item::text(File, first.file.clone().unwrap_or_default()));
        }
        items.push(switch(Overwrite, |options| options.overwrite));
        let priority = differs(&|options| options.priority == first.priority);
        items.push(Item::text(Priority, text(priority, first.priority.to_string())).mixed(priority));
        let mut sources: Vec<Location> = Vec::new();
        for (source, ..) in of {
            if sources.len() < ASKED && !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        let mut form = OptionsForm {
            subject,
            count: of.len(),
            only: (of.len() == 1).then(|| of[0].0.clone()),
            sources,
            available: Vec::new(),
            form: Form::new(items),
        };
        form.form.at = 1.min(form.form.items.len() - 1);
        form.fold();
        form
    }

    /// Shows the lines that mean something.
    pub fn fold(&mut self) {
        use OptionField::*;
        let mixed = self.form.item(Kind).is_some_and(|item| item.mixed);
        let export = self.form.choice(Kind) == 1;
        let (copies, files) = (mixed || !export, mixed || export);
        for field in [To, Tags, Referrers, DigestTags, Format, KeepTags] {
            self.form.show(field, copies);
        }
        for field in [File, Overwrite] {
            self.form.show(field, files);
        }
    }

    /// Takes what became known of the platforms: a line for each, to be chosen.
    pub fn learn(&mut self, available: Vec<(Platform, u64)>) {
        if available == self.available {
            return;
        }
        let at = self.form.current().map(|item| item.field);
        self.form.items.retain(|item| !matches!(item.field, OptionField::Platform(_)));
        let behind = self.form.items.iter().position(|item| item.field == OptionField::Platforms);
        // One platform alone is nothing to choose from.
        let count = if available.len() > 1 { available.len() } else { 0 };
        for n in 0..count {
            let place = behind.map_or(0, |at| at + 1 + n);
            self.form.items.insert(place, Item::switch(OptionField::Platform(n), false));
        }
        self.available = available;
        self.form.at = self.form.items.iter().position(|item| Some(item.field) == at).unwrap_or(0);
        self.follow();
    }

    /// A line has changed: those that say the same follow it.
    pub fn changed(&mut self, field: OptionField) {
        match field {
            OptionField::Platform(_) => {
                let on = |n: &usize| self.form.is_on(OptionField::Platform(*n));
                let chosen = (0..self.available.len()).filter(on);
                let chosen: Vec<Platform> =
                    chosen.filter_map(|n| Some(self.available.get(n)?.0.clone())).collect();
                // All of them is the image as it is, byte for byte.
                let text = match chosen.len() == self.available.len() {
                    true => String::new(),
                    false => joined(&chosen, " "),
                };
                self.form.write(OptionField::Platforms, &text);
            }
            OptionField::Platforms => self.follow(),
            OptionField::Kind => self.fold(),
            _ => {}
        }
    }

    /// Switches the platforms' lines as the text says.
    fn follow(&mut self) {
        let wanted = platforms(self.form.text(OptionField::Platforms)).ok();
        let chosen: Vec<bool> = self
            .available
            .iter()
            .map(|(platform, _)| match &wanted {
                Some(wanted) => *wanted != Platforms::All && wanted.wants(platform),
                None => false,
            })
            .collect();
        for (n, on) in chosen.into_iter().enumerate() {
            if let Some(item) = self.form.item_mut(OptionField::Platform(n)) {
                item.value = Value::Switch(on);
            }
        }
    }

    /// What was entered; `None` if something is wrong, which the lines say then.
    pub fn entered(&mut self, words: Language) -> Option<Entered> {
        use OptionField::*;
        self.form.clear_errors();
        let mut wrong: Vec<(OptionField, String)> = Vec::new();
        let form = &self.form;
        let shown = |field| form.item(field).is_some_and(|item| !item.hidden && item.touched);
        let switch = |field| shown(field).then(|| form.is_on(field));
        let mut take = |field, parsed: Result<(), String>| {
            if let Err(reason) = parsed {
                wrong.push((field, reason));
            }
        };
        let mut entered = Entered {
            export: form.touched(Kind).then(|| form.choice(Kind) == 1),
            referrers: switch(Referrers),
            digest_tags: switch(DigestTags),
            foreign_layers: switch(ForeignLayers),
            keep_tags: switch(KeepTags),
            overwrite: switch(Overwrite),
            format: shown(Format).then(|| match form.choice(Format) {
                0 => None,
                1 => Some(crate::oci::Format::Oci),
                _ => Some(crate::oci::Format::Docker),
            }),
            ..Entered::default()
        };
        if shown(Platforms) {
            take(Platforms, self.wanted_platforms(words).map(|found| entered.platforms = Some(found)));
        }
        if shown(Tags) {
            take(Tags, tags(form.text(Tags)).map(|found| entered.tags = Some(found)));
        }
        if shown(To) {
            take(To, self.places(words).map(|found| entered.to = Some(found)));
        }
        if shown(File) {
            take(File, file(form.text(File), words).map(|found| entered.file = Some(found)));
        }
        if shown(Priority) {
            let text = form.text(Priority);
            let parsed = if text.is_empty() { Ok(0) } else { text.parse::<i32>() };
            let parsed = parsed.map_err(|_| words.no_whole_number(format!("{text:?}")));
            take(Priority, parsed.map(|found| entered.priority = Some(found)));
        }
        for (field, reason) in &wrong {
            self.form.refuse(*field, reason);
        }
        wrong.is_empty().then_some(entered)
    }

    /// The platforms of the text: those that the one image is known to lack are refused now.
    fn wanted_platforms(&self, words: Language) -> Result<Platforms, String> {
        let wanted = platforms(self.form.text(OptionField::Platforms))?;
        if let (Platforms::Only(list), Some(_), false) = (&wanted, &self.only, self.available.is_empty()) {
            let has =
                |platform: &&Platform| self.available.iter().any(|(there, _)| there.satisfies(platform));
            if let Some(lacking) = list.iter().find(|platform| !has(platform)) {
                let there: Vec<&Platform> = self.available.iter().map(|(platform, _)| platform).collect();
                return Err(words.lacks_platform(lacking, joined(&there, " ")));
            }
        }
        Ok(wanted)
    }

    /// The destinations of one copy. One without a tag takes the source's.
    fn places(&self, words: Language) -> Result<Vec<Location>, String> {
        let mut places: Vec<Location> = Vec::new();
        for word in self.form.text(OptionField::To).split([' ', ',']).filter(|word| !word.is_empty()) {
            let place = parse(word).map_err(|reason| format!("{word}: {reason}"))?;
            if Some(&place) == self.only.as_ref() {
                return Err(words.is_the_source(place));
            }
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(places)
    }
}

impl Entered {
    /// Changes options as they were entered.
    pub fn write(&self, options: &mut Options) {
        fn set<T: Clone>(place: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                *place = value.clone();
            }
        }
        set(&mut options.platforms, &self.platforms);
        set(&mut options.tags, &self.tags);
        set(&mut options.extras.referrers, &self.referrers);
        set(&mut options.extras.digest_tags, &self.digest_tags);
        set(&mut options.extras.foreign_layers, &self.foreign_layers);
        set(&mut options.extras.format, &self.format);
        set(&mut options.keep_tags, &self.keep_tags);
        set(&mut options.file, &self.file);
        set(&mut options.overwrite, &self.overwrite);
        set(&mut options.priority, &self.priority);
    }

    /// The destination that was entered, if one was.
    pub fn goal(&self) -> Option<Goal> {
        self.to.clone().filter(|to| !to.is_empty()).map(Goal::Copy)
    }

    /// Changes a draft. `copy` is where the target says that it goes; exports go to `downloads`.
    pub fn apply(&self, draft: &mut Draft, downloads: &Path, copy: impl Fn(&Location) -> Goal) {
        self.write(&mut draft.options);
        match (self.export, &draft.goal) {
            (Some(true), Goal::Copy(_)) => draft.goal = Goal::Export(downloads.to_owned()),
            (Some(false), Goal::Export(_)) => draft.goal = copy(&draft.source),
            _ => {}
        }
        if let (Some(goal), Goal::Copy(_)) = (self.goal(), &draft.goal) {
            draft.goal = goal;
        }
    }
}

fn joined(items: &[impl ToString], by: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(by)
}

fn written(platforms: &Platforms) -> String {
    match platforms {
        Platforms::All => String::new(),
        Platforms::Only(list) => joined(list, " "),
    }
}

/// Platforms as people write them: nothing or `all` is all of them.
fn platforms(text: &str) -> Result<Platforms, String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty() && *word != "all");
    let list = words.map(|word| word.parse::<Platform>().map_err(|e| e.to_string()));
    list.collect::<Result<Vec<_>, _>>().map(Platforms::from_list)
}

fn tags(text: &str) -> Result<Vec<Tag>, String> {
    let mut found: Vec<Tag> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let tag = word.parse::<Tag>().map_err(|e| e.to_string())?;
        if !found.contains(&tag) {
            found.push(tag);
        }
    }
    Ok(found)
}

/// A file's name in the directory of exports; `.tar` is put behind it where it is no archive's.
fn file(text: &str, words: Language) -> Result<Option<String>, String> {
    const ENDS: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];
    match text {
        "" => Ok(None),
        _ if text.contains(['/', '\\']) || text.starts_with('.') => {
            Err(words.name_without_directories(format!("{text:?}")))
        }
        _ if ENDS.iter().any(|end| text.to_lowercase().ends_with(end)) => Ok(Some(text.to_owned())),
        _ => Ok(Some(format!("{text}.tar"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(of: &[(&str, Goal, Options)]) -> OptionsForm {
        let of: Vec<_> =
            of.iter().map(|(at, goal, o)| (at.parse().unwrap(), goal.clone(), o.clone())).collect();
        OptionsForm::new(Subject::Queued(vec![DraftId(1)]), &of)
    }

    fn copy() -> Goal {
        Goal::Copy(vec!["h.io/a:1".parse().unwrap()])
    }

    #[test]
    fn what_is_not_touched_stays_and_what_is_mixed_says_so() {
        let high = Options { priority: 3, tags: vec!["x".parse().unwrap()], ..Options::default() };
        let mut form = form(&[("a:1", copy(), high.clone()), ("b:1", copy(), Options::default())]);
        assert!(form.form.item(OptionField::Tags).unwrap().mixed);
        assert!(form.form.item(OptionField::To).is_none(), "several have no one destination");
        form.form.write(OptionField::Platforms, "amd64, arm64");
        let entered = form.entered(Language::English).unwrap();
        let mut options = high.clone();
        entered.write(&mut options);
        let want = Platforms::from_list(vec!["amd64".parse().unwrap(), "arm64".parse().unwrap()]);
        assert_eq!(options, Options { platforms: want, ..high });
    }

    #[test]
    fn faults_stand_at_their_lines() {
        let mut form = form(&[("a:1", copy(), Options::default())]);
        for (field, text) in [
            (OptionField::Platforms, "toaster"),
            (OptionField::Tags, "a/b"),
            (OptionField::To, "UP"),
            (OptionField::Priority, "high"),
        ] {
            form.form.write(field, text);
        }
        assert_eq!(form.entered(Language::English), None);
        let wrong = form.form.items.iter().filter(|item| item.error.is_some()).count();
        assert_eq!(wrong, 4);
        form.form.write(OptionField::To, "docker.io/library/a:1");
        assert!(form.entered(Language::English).is_none());
        assert!(form.form.item(OptionField::To).unwrap().error.as_ref().unwrap().contains("itself"));
    }

    #[test]
    fn known_platforms_are_chosen_by_a_key_and_say_the_same_as_the_text() {
        let mut form = form(&[("a:1", copy(), Options::default())]);
        let platform = |name: &str| (name.parse::<Platform>().unwrap(), 10);
        form.learn(vec![platform("linux/amd64"), platform("linux/arm64"), platform("linux/s390x")]);
        form.form.item_mut(OptionField::Platform(1)).unwrap().value = Value::Switch(true);
        form.changed(OptionField::Platform(1));
        assert_eq!(form.form.text(OptionField::Platforms), "linux/arm64");
        form.form.write(OptionField::Platforms, "amd64 s390x");
        form.changed(OptionField::Platforms);
        let on = |form: &OptionsForm| {
            (0..3).map(|n| form.form.is_on(OptionField::Platform(n))).collect::<Vec<_>>()
        };
        assert_eq!(on(&form), [true, false, true]);
        form.form.write(OptionField::Platforms, "ppc64le");
        assert_eq!(form.entered(Language::English), None);
        for n in 0..3 {
            form.form.item_mut(OptionField::Platform(n)).unwrap().value = Value::Switch(true);
        }
        form.changed(OptionField::Platform(0));
        assert_eq!(
            form.entered(Language::English).unwrap().platforms,
            Some(Platforms::All),
            "all is the image as it is"
        );
    }

    #[test]
    fn a_copy_becomes_a_file_and_back() {
        let mut form = form(&[("a:1", copy(), Options::default())]);
        form.form.items[0] = Item { touched: true, ..Item::choice(OptionField::Kind, 1, 2) };
        form.changed(OptionField::Kind);
        assert!(form.form.item(OptionField::To).unwrap().hidden);
        form.form.write(OptionField::File, "mine");
        let entered = form.entered(Language::English).unwrap();
        let mut draft = Draft::new("a:1".parse().unwrap(), copy(), Options::default());
        entered.apply(&mut draft, Path::new("d"), |_| Goal::Copy(Vec::new()));
        assert_eq!(
            (&draft.goal, draft.options.file.as_deref()),
            (&Goal::Export("d".into()), Some("mine.tar"))
        );
        assert!(
            file("../x", Language::English).is_err()
                && file("a.tar.gz", Language::English) == Ok(Some("a.tar.gz".to_owned()))
        );
    }
}
