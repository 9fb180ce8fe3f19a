//! The UI as a person sees it: keys go in, a screen comes out.

mod browse;
mod documents;
mod every_key;
mod flows;

mod hostile;
mod jobs;
mod keys;
mod login;
mod matrix;
mod mouse;
mod others;
mod places;
mod popups;
mod queue;
mod read_only;
mod rules;
mod screens;
mod speed;
mod themes;
mod upkeep;
mod welcome;
mod yank;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::effect::{Effect, ListRequest};
use super::event::Msg;
use super::keymap::Keymap;
use super::state::{DEBOUNCE, State};
use super::symbols::Glyphs;
use super::theme::{ColourDepth, Theme};
use super::update::update;
use super::view::view;
use crate::config::{Config, RegistryEntry, RegistryType, Symbols};
use crate::engine::{FileEntry, FileKind, Image, ImagePlatform, ListedImage};
use crate::job::{BlobProgress, BlobStage, Failure, Job, JobId, JobSpec, JobState, Progress};
use crate::oci::{Descriptor, Digest, ErrorClass, Location, media_type};

fn entry(name: &str, kind: RegistryType, url: &str, description: &str) -> RegistryEntry {
    RegistryEntry {
        name: name.to_owned(),
        kind,
        url: url.to_owned(),
        username: String::new(),
        password: None,
        description: description.to_owned(),
        tls: None,
        proxy: None,
        concurrency: None,
        bandwidth: None,
        mirrors: Vec::new(),
        location: None,
        rate_limit_reserve: None,
        protected: false,
        read_only: false,
    }
}

fn config() -> Config {
    Config {
        registries: vec![
            entry("harbor.prod", RegistryType::Registry, "https://harbor.prod", "the team's registry"),
            entry("mirror", RegistryType::Registry, "localhost:5001", ""),
            entry(
                "本地文件",
                RegistryType::LocalFile,
                "downloads",
                "导出镜像为tar包文件，可用于docker load导入",
            ),
            entry("store", RegistryType::Store, "", ""),
            entry("docker", RegistryType::Docker, "", ""),
        ],
        target: Some("dr-b.example/mirror".to_owned()),
        downloads: PathBuf::from("downloads"),
        workers: 4,
        workers_per_host: 4,
        ..Config::default()
    }
}

/// A sample of all jobs.
fn sampled(jobs: Vec<Job>) -> Msg {
    Msg::Jobs(jobs.into_iter().map(Arc::new).collect())
}

/// The UI without terminal and engine.
struct App {
    state: State,
    effects: Vec<Effect>,
}

impl App {
    fn new() -> App {
        App::with(config())
    }

    fn with(config: Config) -> App {
        let theme = Theme::named("dark", ColourDepth::True).unwrap();
        let mut state = State::new(&config, theme, Keymap::defaults().unwrap());
        state.clock = "2026-11-21T04:00:00Z".parse().unwrap();
        state.record.zone = jiff::tz::TimeZone::UTC;
        let mut app = App { state, effects: Vec::new() };
        app.tell(Msg::Resize(120, 36));
        app.tell(Msg::Ready);
        app
    }

    fn tell(&mut self, msg: Msg) -> &mut App {
        self.effects.extend(update(&mut self.state, msg));
        while self.state.has_work() {
            self.effects.extend(update(&mut self.state, Msg::Work));
        }
        self
    }

    /// Keys as the table writes them, apart by blanks.
    fn keys(&mut self, keys: &str) -> &mut App {
        for key in keys.split_whitespace() {
            let (modifiers, key) = match key.strip_prefix("ctrl-") {
                Some(key) => (KeyModifiers::CONTROL, key),
                None => (KeyModifiers::NONE, key),
            };
            let code = match key {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "space" => KeyCode::Char(' '),
                "tab" => KeyCode::Tab,
                "S-tab" => KeyCode::BackTab,
                "backspace" => KeyCode::Backspace,
                "down" => KeyCode::Down,
                "up" => KeyCode::Up,
                key => KeyCode::Char(key.chars().next().unwrap()),
            };
            self.tell(Msg::Key(KeyEvent::new(code, modifiers)));
        }
        self
    }

    fn write(&mut self, text: &str) -> &mut App {
        for c in text.chars() {
            self.tell(Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
        self
    }

    fn pass(&mut self, time: Duration) -> &mut App {
        self.state.now += time;
        self.tell(Msg::Tick)
    }

    fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Answers the last list that was asked for.
    fn answer_list(&mut self, names: &[&str], failure: Option<Failure>) -> &mut App {
        let generation = self.last_list().0;
        if !names.is_empty() {
            self.tell(Msg::Page { generation, names: names.iter().map(|name| (*name).to_owned()).collect() });
        }
        self.tell(Msg::ListEnd { generation, failure })
    }

    fn last_list(&self) -> (u64, ListRequest) {
        let lists = self.effects.iter().rev();
        let mut lists = lists.filter_map(|effect| match effect {
            Effect::List { generation, request } => Some((*generation, request.clone())),
            _ => None,
        });
        lists.next().unwrap()
    }

    /// In the downloads, with two archives and a layout.
    fn at_files(&mut self) -> &mut App {
        self.keys("1 g g j j enter");
        let (generation, request) = self.last_list();
        assert_eq!(request, ListRequest::Files(PathBuf::from("downloads")));
        let file = |name: &str, kind, size, day: i8| FileEntry {
            path: PathBuf::from("downloads").join(name),
            kind,
            size,
            modified: Some(
                jiff::civil::date(2026, 11, day)
                    .at(3, 4, 0, 0)
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .unwrap()
                    .timestamp(),
            ),
        };
        let files = vec![
            file("all.tar", FileKind::Archive, 212_000_000, 20),
            file("镜像 备份.tar.gz", FileKind::Archive, 71_000_000, 19),
            file("layout", FileKind::Layout, 31_000_000, 2),
        ];
        self.tell(Msg::Files { generation, files }).tell(Msg::ListEnd { generation, failure: None })
    }

    /// In the first archive, with its images.
    fn at_images(&mut self) -> &mut App {
        self.at_files().keys("enter");
        let generation = self.last_list().0;
        self.tell(Msg::Images { generation, images: listed().into() })
            .tell(Msg::ListEnd { generation, failure: None })
    }

    /// In `harbor.prod/team-a/api`, with its tags.
    fn at_tags(&mut self) -> &mut App {
        self.keys("enter").answer_list(&["team-a/api", "team-b/web", "工具/镜像"], None);
        self.keys("enter").answer_list(&["latest", "v1.8.0", "v1.9.2", "v1.9.1", "v1.10.0-rc1"], None)
    }

    /// Answers every question about images and digests.
    fn answer_lookups(&mut self) -> &mut App {
        self.pass(DEBOUNCE);
        for effect in self.take_effects() {
            match effect {
                Effect::Inspect(at) => {
                    let image = image(&at);
                    self.tell(Msg::Inspected(at, Ok(Arc::new(image))));
                }
                Effect::Resolve(at) => {
                    let text = at.to_string();
                    let found = match text.starts_with("dr-b") {
                        true if text.ends_with("v1.8.0") => None,
                        true if text.ends_with("v1.9.1") => Some(Digest::of(b"another")),
                        _ => Some(Digest::of(text.rsplit('/').next().unwrap().as_bytes())),
                    };
                    self.tell(Msg::Resolved(at, Ok(found)));
                }
                _ => {}
            }
        }
        self
    }

    fn screen_at(&mut self, width: u16, height: u16) -> String {
        self.tell(Msg::Resize(width, height));
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&self.state, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let mut out = String::new();
        for y in 0..height {
            let (mut line, mut skip) = (String::new(), 0);
            for x in 0..width {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    line += symbol;
                    skip = super::view::text::width(symbol).saturating_sub(1);
                } else {
                    skip -= 1;
                }
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }

    /// The screen with its styles.
    fn styled(&mut self) -> String {
        let (width, height) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&self.state, frame)).unwrap();
        format!("{:?}", terminal.backend().buffer())
    }

    fn screen(&mut self) -> String {
        let (width, height) = self.state.size;
        self.screen_at(width, height)
    }

    fn ascii(&mut self) -> &mut App {
        self.state.glyphs = Glyphs::of(Symbols::Ascii);
        self
    }
}

fn image(at: &Location) -> Image {
    let text = at.to_string();
    let platform = |name: &str, size: u64| ImagePlatform {
        platform: Some(name.parse().unwrap()),
        digest: Digest::of(name.as_bytes()),
        media_type: media_type::OCI_MANIFEST.to_owned(),
        config: Digest::of(b"config"),
        layers: vec![
            Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(b"base"), 31_000_000),
            Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(name.as_bytes()), size - 31_000_000),
        ],
        size,
        created: Some("2026-11-19T04:00:00Z".to_owned()),
        command: vec!["/bin/api".to_owned(), "--serve".to_owned()],
        labels: vec![("描述".to_owned(), "示例\u{1b}[31m应用".to_owned())],
        settings: [
            ("env VERSION", "1.9.2"),
            ("user", "api"),
            ("port 80/tcp", "yes"),
            ("entrypoint", "[\"/bin/api\"]"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        history: vec!["ADD rootfs.tar.gz /".to_owned(), "COPY api /bin/api # buildkit".to_owned()],
        annotations: Vec::new(),
        attests: None,
    };
    Image {
        location: text.clone(),
        descriptor: Descriptor::new(
            media_type::OCI_INDEX,
            Digest::of(text.rsplit('/').next().unwrap().as_bytes()),
            900,
        ),
        platforms: vec![platform("linux/amd64", 71_000_000), platform("linux/arm64", 69_000_000)],
        size: 109_000_000,
        annotations: vec![("org.opencontainers.image.version".to_owned(), "1.9.2".to_owned())],
    }
}

/// What the first archive holds.
fn listed() -> Vec<ListedImage> {
    let image = |location: String, name: Option<&str>| {
        let location: Location = location.parse().unwrap();
        let digest = Digest::of(location.to_string().rsplit('/').next().unwrap().as_bytes());
        let descriptor = Descriptor::new(media_type::OCI_INDEX, digest, 900);
        ListedImage { location, name: name.map(str::to_owned), descriptor }
    };
    let nameless = Digest::of(b"nameless");
    vec![
        image(
            "docker-archive:downloads/all.tar:harbor.prod/team-a/api:v1.9.2".to_owned(),
            Some("harbor.prod/team-a/api:v1.9.2"),
        ),
        image(
            "docker-archive:downloads/all.tar:docker.io/library/nginx:1.27".to_owned(),
            Some("docker.io/library/nginx:1.27"),
        ),
        image(format!("oci-archive:downloads/all.tar:{nameless}"), None),
    ]
}

fn failure(class: ErrorClass, message: &str, hint: Option<&str>) -> Failure {
    Failure { message: message.to_owned(), class, hint: hint.map(Into::into), exchange: None }
}

fn job(id: i64, source: &str, state: JobState) -> Job {
    let source: Location = source.parse().unwrap();
    let blob = |n: u8, size, done, stage| BlobProgress { digest: Digest::of(&[n]), size, done, stage };
    let total = 100_000_000;
    let progress = match state {
        JobState::Running | JobState::Paused => Progress {
            total,
            wire: 40_000_000,
            reused: 24_000_000,
            blobs: vec![
                blob(1, 30_000_000, 30_000_000, BlobStage::Done),
                blob(2, 40_000_000, 10_000_000, BlobStage::Running),
                blob(3, 24_000_000, 0, BlobStage::Mounted),
                blob(4, 6_000_000, 0, BlobStage::Waiting),
            ],
            ..Progress::default()
        },
        JobState::Succeeded => Progress { total, wire: total, ..Progress::default() },
        _ => Progress::default(),
    };
    let failed = state == JobState::Failed;
    Job {
        id: JobId(id),
        spec: JobSpec::copy(source, "dr-b.example/mirror/x:1".parse().unwrap()),
        state,
        progress,
        priority: 0,
        created: jiff::Timestamp::UNIX_EPOCH,
        started: None,
        finished: None,
        failure: failed.then(|| {
            let message = "push manifest dr-b.example/mirror/db:2: 401 UNAUTHORIZED: authentication required";
            failure(ErrorClass::Auth, message, Some("wharf login dr-b.example"))
        }),
        report: None,
    }
}
