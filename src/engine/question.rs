//! Questions that front ends ask: repositories, tags, what an image is made of.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use serde_json::Value;

use super::compare::{annotations, described};
use super::door::{SourceDoor, written};
use super::{Error, FileEntry, Image, ImagePlatform, Inner, ListedImage, Place, Referrer, Result, files};
use crate::oci::{
    Descriptor, Digest, Document, Location, ManifestError, Platform, RawManifest, Reference, Repository, Tag,
    TagOrDigest, media_type,
};
use crate::transport::{self, verified};

/// The largest configuration that is read, in bytes.
const CONFIG_LIMIT: u64 = 8 << 20;
/// Referrers that are told of: more than any real image has.
const REFERRERS: usize = 200;
/// Manifests that one question reads at the same time.
const AT_ONCE: usize = 8;

/// The tags of one repository that are looked at to choose from them.
const TAG_LIMIT: usize = 200_000;

impl Inner {
    pub(super) async fn all_tags(self: &std::sync::Arc<Inner>, repository: &Location) -> Result<Vec<Tag>> {
        let (place, repository) = match repository {
            Location::Registry(reference) => {
                (Place::Registry(reference.registry.clone()), reference.repository.clone())
            }
            Location::Store { repository, .. } => (Place::Store, repository.clone()),
            other => return Err(Error::Request(format!("{other} has no tags"))),
        };
        let mut pages = self.list_tags(&place, &repository);
        let mut tags: Vec<Tag> = Vec::new();
        while let Some(page) = pages.next().await {
            // What is no tag by the grammar could not be asked for.
            tags.extend(page?.iter().filter_map(|tag| tag.parse().ok()));
            if tags.len() > TAG_LIMIT {
                let reason =
                    format!("{repository} has more than {TAG_LIMIT} tags; name those that are wanted");
                return Err(Error::Request(reason));
            }
        }
        Ok(tags)
    }

    pub(super) fn list_repositories(
        self: &std::sync::Arc<Inner>,
        place: &Place,
    ) -> BoxStream<'static, Result<Vec<String>>> {
        match place {
            Place::Registry(registry) => self.client.repositories(registry).map_err(Error::from).boxed(),
            Place::Store => {
                let store = self.store.clone();
                let names = async move {
                    Ok(store.repositories().await?.iter().map(Repository::to_string).collect())
                };
                stream::once(names).boxed()
            }
            Place::Directory(directory) => {
                let directory = directory.clone();
                let names = async move {
                    let files = files::list_files(&directory).await?;
                    let name = |f: &FileEntry| f.path.file_name().map(|n| n.to_string_lossy().into_owned());
                    Ok(files.iter().filter_map(name).collect())
                };
                stream::once(names).boxed()
            }
            Place::Archive(_) | Place::Layout(_) => {
                let (engine, place) = (std::sync::Arc::clone(self), place.clone());
                let names = async move {
                    let images = engine.list_images(&place).await?.images;
                    let name = |image: ListedImage| image.name.unwrap_or(image.descriptor.digest.to_string());
                    Ok(images.into_iter().map(name).collect())
                };
                stream::once(names).boxed()
            }
            Place::Engine(host) => {
                let (engine, host) = (std::sync::Arc::clone(self), host.clone());
                stream::once(async move { engine.daemon_repositories(host.as_deref()).await }).boxed()
            }
        }
    }

    pub(super) fn list_tags(
        self: &std::sync::Arc<Inner>,
        place: &Place,
        repository: &Repository,
    ) -> BoxStream<'static, Result<Vec<String>>> {
        match place {
            Place::Registry(registry) => self.client.tags(registry, repository).map_err(Error::from).boxed(),
            Place::Store => {
                let (store, repository) = (self.store.clone(), repository.clone());
                let tags = async move {
                    Ok(store.tags(&repository).await?.iter().map(ToString::to_string).collect())
                };
                stream::once(tags).boxed()
            }
            Place::Directory(_) | Place::Archive(_) | Place::Layout(_) => stream::empty().boxed(),
            Place::Engine(host) => {
                let (engine, host) = (std::sync::Arc::clone(self), host.clone());
                // A name with a host in it reads as a path does.
                let name = repository.as_str().parse::<Reference>();
                let tags = async move {
                    let name = name.map_err(|e| Error::Request(e.to_string()))?;
                    engine.daemon_tags(host.as_deref(), &name).await
                };
                stream::once(tags).boxed()
            }
        }
    }

    /// The manifest's bytes at a location.
    pub(super) async fn raw_manifest(&self, location: &Location) -> Result<RawManifest> {
        let door = self.open_source(location).await?;
        Ok(door.source.manifest(&door.at).await?)
    }

    pub(super) async fn resolve_location(&self, location: &Location) -> Result<Option<Descriptor>> {
        if let Location::Registry(reference) = location {
            if let Some(mirrored) = self.client.mirrored(&reference.registry, &reference.repository) {
                return Ok(mirrored.head_manifest(&reference.target()).await?);
            }
            let repository = self.client.repository(&reference.registry, &reference.repository);
            return Ok(repository.head_manifest(&reference.target()).await?);
        }
        if let Some(found) = self.resolve_in_daemon(location).await? {
            return Ok(found);
        }
        match self.raw_manifest(location).await {
            Ok(raw) => Ok(Some(raw.descriptor())),
            Err(error) if error.class() == crate::oci::ErrorClass::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn inspect_image(&self, location: &Location) -> Result<Image> {
        if let Some(image) = self.inspect_in_daemon(location).await? {
            return Ok(image);
        }
        let door = self.open_source(location).await?;
        let root = door.source.manifest(&door.at).await?;
        let at = written(&door.name, &door.at);
        let wrong = |error: ManifestError| transport::Error::Manifest { at: at.clone(), source: error };
        let platforms = match root.parse().map_err(wrong)? {
            Document::Image(_) => vec![self.inspect_one(&door, root.clone(), None).await?],
            Document::Index(index) => {
                let one = |entry: Descriptor| async {
                    let raw = door.source.manifest(&TagOrDigest::Digest(entry.digest.clone())).await?;
                    self.inspect_one(&door, raw, Some(entry)).await
                };
                // What is no manifest has no platform to tell of.
                let manifests = index.manifests.into_iter();
                let manifests = manifests.filter(|entry| media_type::may_be_manifest(&entry.media_type));
                stream::iter(manifests.map(one)).buffered(AT_ONCE).try_collect().await?
            }
        };
        let mut seen = HashSet::new();
        let mut size = 0;
        for platform in &platforms {
            if seen.insert(platform.config.clone()) {
                size += platform.size.saturating_sub(platform.layers_size());
            }
            size +=
                platform.layers.iter().filter(|l| seen.insert(l.digest.clone())).map(|l| l.size).sum::<u64>();
        }
        let (location, annotations) = (location.to_string(), annotations(&root));
        Ok(Image { location, descriptor: root.descriptor(), platforms, size, annotations })
    }

    /// What refers to the image of this digest: the referrers API's list, and cosign's tags for it. A handful of
    /// requests, however much there is.
    pub(super) async fn find_referrers(
        &self,
        location: &Location,
        subject: &Digest,
    ) -> Result<Vec<Referrer>> {
        if matches!(location, Location::DockerDaemon { .. } | Location::DockerArchive { .. }) {
            return Ok(Vec::new());
        }
        let door = self.open_source(location).await?;
        let one = |entry: Descriptor| Referrer {
            kind: entry.artifact_type.unwrap_or(entry.media_type),
            digest: entry.digest,
            size: entry.size,
        };
        let mut found: Vec<Referrer> =
            door.source.referrers(subject).await?.into_iter().take(REFERRERS).map(one).collect();
        let Some((place, repository)) = Place::of_repository(location) else { return Ok(found) };
        for kind in ["sig", "att", "sbom"] {
            let tag = format!("{}-{}.{kind}", subject.algorithm(), subject.hex());
            let Ok(tag) = tag.parse::<Tag>() else { continue };
            let at = match &place {
                Place::Registry(registry) => {
                    Location::Registry(Reference::tagged(registry.clone(), repository.clone(), tag))
                }
                _ => Location::Store { repository: repository.clone(), target: Some(TagOrDigest::Tag(tag)) },
            };
            if let Some(there) = self.resolve_location(&at).await? {
                found.push(Referrer { kind: kind.to_owned(), digest: there.digest, size: there.size });
            }
        }
        Ok(found)
    }

    /// One manifest with what its configuration tells. A nested index is told of by its descriptor alone.
    async fn inspect_one(
        &self,
        door: &SourceDoor,
        raw: RawManifest,
        entry: Option<Descriptor>,
    ) -> Result<ImagePlatform> {
        let wrong = |source| transport::Error::Manifest { at: door.name.clone(), source };
        let entry_platform = entry.as_ref().and_then(|e| e.platform.clone());
        let mut platform = ImagePlatform {
            platform: entry_platform.filter(|p| !p.is_unknown()),
            digest: raw.digest.clone(),
            media_type: raw.media_type.clone(),
            config: raw.digest.clone(),
            layers: Vec::new(),
            size: 0,
            created: None,
            command: Vec::new(),
            labels: Vec::new(),
            settings: Vec::new(),
            history: Vec::new(),
            annotations: if entry.is_some() { annotations(&raw) } else { Vec::new() },
            attests: entry.as_ref().and_then(Descriptor::attests),
        };
        let Document::Image(image) = raw.parse().map_err(wrong)? else { return Ok(platform) };
        platform.config = image.config.digest.clone();
        platform.size = image.blobs().iter().map(|b| b.size).sum();
        if media_type::is_image_config(&image.config.media_type) && platform.attests.is_none() {
            let bytes = small_blob(door, &image.config).await?;
            describe(&mut platform, &bytes);
        }
        platform.layers = image.layers;
        if platform.history.len() != platform.layers.len() {
            platform.history.clear();
        }
        Ok(platform)
    }
}

/// What the configuration tells of a platform.
fn describe(platform: &mut ImagePlatform, config: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(config) else { return };
    platform.platform = platform.platform.take().or_else(|| platform_of(config));
    platform.created = value.get("created").and_then(Value::as_str).map(str::to_owned);
    let inner = value.get("config");
    let words = |key: &str| {
        let list = inner.and_then(|c| c.get(key)).and_then(Value::as_array).cloned().unwrap_or_default();
        list.into_iter().filter_map(|word| word.as_str().map(str::to_owned))
    };
    platform.command = words("Entrypoint").chain(words("Cmd")).collect();
    let labels = inner.and_then(|c| c.get("Labels")).and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    platform.labels = labels.into_iter().flatten().filter_map(text).collect();
    platform.settings = described(&value);
    // A step that made no layer is no layer's.
    let steps = value.get("history").and_then(Value::as_array).into_iter().flatten();
    let made = steps.filter(|step| step.get("empty_layer").and_then(Value::as_bool) != Some(true));
    let command =
        |step: &Value| step.get("created_by").and_then(Value::as_str).unwrap_or_default().to_owned();
    platform.history = made.map(command).collect();
}

/// The platform that a configuration names.
pub(super) fn platform_of(config: &[u8]) -> Option<Platform> {
    let value: Value = serde_json::from_slice(config).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let platform = Platform::new(text("os")?, text("architecture")?, text("variant"));
    Some(platform.with_os_version(text("os.version")))
}

/// A small blob, whole and verified.
pub(super) async fn small_blob(door: &SourceDoor, blob: &Descriptor) -> Result<Bytes> {
    if blob.size > CONFIG_LIMIT {
        return Err(Error::Request(format!(
            "{} {}: a configuration of {} bytes is more than is read ({CONFIG_LIMIT})",
            door.name, blob.digest, blob.size
        )));
    }
    loop {
        let (_, stream) = door.source.blob(blob, 0).await?;
        let mut stream = verified(blob, door.name.clone(), stream);
        let mut bytes = Vec::new();
        loop {
            match stream.try_next().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return Ok(Bytes::from(bytes)),
                // A mirror that lied: another place is read.
                Err(transport::Error::Content { .. }) if door.source.doubt(&blob.digest) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl ImagePlatform {
    /// Bytes of the layers, each once.
    pub fn layers_size(&self) -> u64 {
        let mut seen: HashSet<&Digest> = HashSet::new();
        self.layers.iter().filter(|layer| seen.insert(&layer.digest)).map(|layer| layer.size).sum()
    }
}
