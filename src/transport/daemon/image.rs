//! The images of an engine: which there are, what one is made of, names given and taken.

use bollard::models::ImageInspect;
use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};

use super::{Daemon, Error, Result, Trouble};
use crate::oci::{Digest, Platform, Reference, printable};

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its version: `20.10.24`.
    pub version: String,
    /// What its images run on.
    pub platform: Option<Platform>,
    /// It is podman, which gives short names of its own.
    pub is_podman: bool,
    /// It keeps images in containerd's store: an image's ID is its manifest's digest there, else its configuration's.
    pub keeps_manifests: bool,
}

/// One image of an engine's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonImage {
    /// Its ID.
    pub id: String,
    /// Its names with their tags, as the engine writes them; none of a dangling one.
    pub names: Vec<String>,
    /// Bytes of its layers, uncompressed.
    pub size: u64,
}

/// What an engine tells of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Its ID: the digest of its configuration, or of its manifest where [`About::keeps_manifests`].
    pub id: Digest,
    /// The engine keeps manifests: the ID is one's digest.
    pub keeps_manifests: bool,
    /// What it runs on.
    pub platform: Option<Platform>,
    /// Its names with their tags.
    pub names: Vec<String>,
    /// Bytes of its layers, uncompressed.
    pub size: u64,
    /// The digests of its layers' tars, base first.
    pub diff_ids: Vec<Digest>,
    /// When it was built, RFC 3339.
    pub created: Option<String>,
    /// Entry point and command.
    pub command: Vec<String>,
    /// Labels, sorted.
    pub labels: Vec<(String, String)>,
}

impl Daemon {
    /// What the engine is.
    pub async fn about(&self) -> Result<About> {
        let version = self.ask("ask", "", self.docker.version()).await?;
        let components = version.components.unwrap_or_default();
        let is_podman = components.iter().any(|component| component.name.starts_with("Podman"));
        let platform = match (&version.os, &version.arch) {
            (Some(os), Some(arch)) => format!("{os}/{arch}").parse().ok(),
            _ => None,
        };
        // Only Docker has another store, and only its `info` says so. What it says beyond that may be more than
        // bollard knows: then it is the usual store, and an ID that is different after all is looked at again.
        let keeps_manifests = !is_podman && {
            let info = self.ask("ask", "", self.docker.info()).await.ok();
            let status = info.and_then(|info| info.driver_status).unwrap_or_default();
            status.iter().flatten().any(|word| word.starts_with("io.containerd.snapshotter"))
        };
        let version = printable(&version.version.unwrap_or_default(), 40);
        Ok(About { version, platform, is_podman, keeps_manifests })
    }

    /// Every image but the parts of images that were built there, in the engine's order: the newest first.
    pub async fn images(&self) -> Result<Vec<DaemonImage>> {
        let none = None::<bollard::query_parameters::ListImagesOptions>;
        let listed = self.ask("list images", "", self.docker.list_images(none)).await?;
        let images = listed.into_iter().map(|image| DaemonImage {
            id: image.id,
            names: named(image.repo_tags),
            size: image.size.try_into().unwrap_or(0),
        });
        Ok(images.collect())
    }

    /// What the engine tells of an image: a name with its tag, or an ID.
    pub async fn inspect(&self, image: &str) -> Result<Inspected> {
        let found = self.ask("inspect", image, self.docker.inspect_image(image)).await?;
        inspected(found).map_err(|reason| Error::Daemon {
            attempted: "inspect",
            at: self.place(image),
            reason: format!("{}: {reason}", self.endpoint()),
            trouble: Trouble::Refused,
        })
    }

    /// The same; `None` if there is no such image.
    pub async fn find(&self, image: &str) -> Result<Option<Inspected>> {
        match self.inspect(image).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives an image, a name or an ID, one more name. One that another image has is taken from it.
    pub async fn tag_image(&self, image: &str, name: &Reference) -> Result<()> {
        let tag = name.tag.as_ref().map_or("latest", |tag| tag.as_str());
        let options = TagImageOptionsBuilder::new().repo(&name.name()).tag(tag).build();
        self.ask("tag", image, self.docker.tag_image(image, Some(options))).await
    }

    /// Takes a name from an image; with its last name the image goes, unless a container uses it. An ID is that of an
    /// image with one name or none. The answer tells what went, an item a line: `untagged a:1`, `deleted sha256:…`.
    pub async fn remove_image(&self, image: &str) -> Result<Vec<String>> {
        let options = RemoveImageOptionsBuilder::new().force(false).noprune(false).build();
        let gone = self.ask("remove", image, self.docker.remove_image(image, Some(options), None)).await?;
        let line = |what: &str, name: Option<String>| name.map(|name| format!("{what} {name}"));
        let lines =
            gone.into_iter().filter_map(|i| line("untagged", i.untagged).or(line("deleted", i.deleted)));
        Ok(lines.collect())
    }
}

/// Docker writes `<none>:<none>` for an image without a name, podman nothing.
fn named(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| !name.contains("<none>")).collect()
}

fn inspected(found: ImageInspect) -> Result<Inspected, String> {
    let keeps_manifests = found.descriptor.is_some();
    let id = found.id.unwrap_or_default();
    let id: Digest = id.parse().map_err(|_| format!("{:?} is no image ID", printable(&id, 80)))?;
    let diff_ids = found.root_fs.and_then(|root| root.layers).unwrap_or_default();
    let diff_ids: Result<Vec<Digest>, _> = diff_ids.iter().map(|id| id.parse()).collect();
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let platform = match (text(found.os), text(found.architecture)) {
        (Some(os), Some(arch)) => Some(Platform::new(&os, &arch, text(found.variant).as_deref())),
        _ => None,
    };
    let config = found.config.unwrap_or_default();
    let words = config.entrypoint.into_iter().chain(config.cmd).flatten();
    let mut labels: Vec<_> = config.labels.unwrap_or_default().into_iter().collect();
    labels.sort();
    Ok(Inspected {
        id,
        keeps_manifests,
        platform,
        names: named(found.repo_tags.unwrap_or_default()),
        size: found.size.and_then(|size| size.try_into().ok()).unwrap_or(0),
        diff_ids: diff_ids.map_err(|e| e.to_string())?,
        created: found.created,
        command: words.collect(),
        labels,
    })
}
