//! What travels beside an image: the manifests that refer to it or to anything below it, and what refers to those; and
//! cosign's tags. It is found at the source, looked for at the destinations, and put after what it refers to.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::door::{DestinationDoor, SourceDoor};
use super::{Error, Inner, Result, tree};
use crate::job::{Extras, PlannedDestination, PlannedReferrer, Presence, TagChange};
use crate::oci::{Descriptor, Digest, Document, RawManifest, Tag, TagOrDigest};

/// Referrers that one image may have: more than any real one, less than a bomb.
const LIMIT: usize = 1000;
/// How deep referrers may refer to referrers.
const LEVELS: usize = 6;
/// Questions of one job at the same time.
const AT_ONCE: usize = 8;
/// Types of referrers that a note names one by one, and lies of a list that get a note each.
const NAMED: usize = 6;

/// A referrer with everything below it.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// As its subject's referrers list it.
    pub(super) descriptor: Descriptor,
    pub(super) subject: Digest,
    /// The tag that says what it refers to; none where the manifest itself does.
    pub(super) tag: Option<Tag>,
    /// 0 for what refers to the image, 1 for what refers to that.
    pub(super) level: usize,
    /// What is below it, children first, and itself in the end.
    pub(super) manifests: Vec<RawManifest>,
    /// Blobs that an index of it names.
    pub(super) blobs: Vec<Descriptor>,
}

/// Where a referrer is found.
enum Found {
    Listed(Digest, Descriptor),
    Tagged(Digest, Tag),
}

/// All that was found beside an image.
#[derive(Default)]
pub(super) struct AllBeside {
    pub(super) beside: Vec<Beside>,
    pub(super) notes: Vec<String>,
}

impl Inner {
    /// What refers to `subjects`, level by level, each manifest once. `gone` are digests that do not arrive: their
    /// referrers stay behind, which is said.
    pub(super) async fn find_beside(
        &self,
        source: &SourceDoor,
        extras: Extras,
        subjects: Vec<Digest>,
        gone: &[Digest],
    ) -> Result<AllBeside> {
        let mut tagged: HashMap<Digest, Vec<Tag>> = HashMap::new();
        if extras.digest_tags {
            for tag in source.source.tags().await? {
                if let Some((digest, suffix)) = tag.speaks_of()
                    && !suffix.is_empty()
                {
                    tagged.entry(digest).or_default().push(tag.clone());
                }
            }
        }
        let listed = |subject: Digest| async move {
            let list = match extras.referrers {
                true => source.source.referrers(&subject).await?,
                false => Vec::new(),
            };
            Ok::<_, Error>((subject, list))
        };
        let mut all = AllBeside::default();
        let mut seen: HashSet<Digest> = subjects.iter().cloned().collect();
        let (mut asked, mut level) = (subjects, 0);
        while !asked.is_empty() {
            let asks: Vec<_> = asked.into_iter().map(listed).collect();
            let lists: Vec<_> = stream::iter(asks).buffered(AT_ONCE).try_collect().await?;
            let mut found = Vec::new();
            for (subject, list) in lists {
                let fresh = list.into_iter().filter(|entry| seen.insert(entry.digest.clone()));
                found.extend(fresh.map(|entry| Found::Listed(subject.clone(), entry)));
                let tags = tagged.remove(&subject).unwrap_or_default();
                found.extend(tags.into_iter().map(|tag| Found::Tagged(subject.clone(), tag)));
            }
            if !found.is_empty() && (level >= LEVELS || all.beside.len() + found.len() > LIMIT) {
                return Err(Error::Request(format!(
                    "{}: more than {LIMIT} referrers, or deeper than {LEVELS} levels; copy without --referrers",
                    source.name
                )));
            }
            let fetches: Vec<_> = found.into_iter().map(|found| fetch(source, found, level)).collect();
            let fetched: Vec<_> = stream::iter(fetches).buffered(AT_ONCE).try_collect().await?;
            asked = Vec::new();
            for one in fetched {
                match one {
                    Ok(beside) => {
                        for raw in &beside.manifests {
                            // What a tag leads to may have been listed, and asked about, before.
                            if seen.insert(raw.digest.clone()) || beside.descriptor.digest == raw.digest {
                                asked.push(raw.digest.clone());
                            }
                        }
                        all.beside.push(beside);
                    }
                    Err(note) => all.notes.push(note),
                }
            }
            asked.sort();
            asked.dedup();
            level += 1;
        }
        // A list may be all lies.
        let surplus = all.notes.len().saturating_sub(NAMED);
        if surplus > 0 {
            all.notes.truncate(NAMED);
            all.notes.push(format!("{surplus} more listed referrers are not there, or do not refer to it"));
        }
        for digest in gone {
            let (_, list) = listed(digest.clone()).await?;
            let count = list.len() + tagged.get(digest).map_or(0, Vec::len);
            if count > 0 {
                let (noun, verb) = if count == 1 { ("referrer", "stays") } else { ("referrers", "stay") };
                all.notes.push(format!(
                    "{count} {noun} of {digest} {verb} behind: what arrives in its place has another digest"
                ));
            }
        }
        all.notes.extend(summary(&all.beside));
        Ok(all)
    }

    /// Looks which referrers a destination has, and which tags of theirs would move. A destination that lacks the
    /// image is not asked by a run, which puts them all.
    pub(super) async fn look_for_beside(
        &self,
        door: &DestinationDoor,
        destination: &mut PlannedDestination,
        all: &[Beside],
        probe: bool,
    ) -> Result<()> {
        let asks = probe || destination.image_there;
        let subjects: HashSet<&Digest> =
            all.iter().filter(|one| asks && one.tag.is_none()).map(|one| &one.subject).collect();
        let ask = |subject| async move {
            let list = door.destination.listed_referrers(subject).await?;
            let list = list.map(|list| list.into_iter().map(|entry| entry.digest).collect::<HashSet<_>>());
            Ok::<_, Error>((subject, list))
        };
        let asked: Vec<_> = subjects.into_iter().map(ask).collect();
        let listed: HashMap<_, _> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
        let look = |one: &Beside| {
            let (digest, tag) = (one.descriptor.digest.clone(), one.tag.clone());
            let listed = listed.get(&one.subject).cloned().flatten();
            async move {
                let resolve = |at| async move {
                    Ok::<_, Error>(door.destination.resolve(&at).await?.map(|d| d.digest))
                };
                let there = |is: bool| if is { Presence::Present } else { Presence::Absent };
                Ok::<_, Error>(match (tag, listed) {
                    (Some(tag), _) => {
                        let old = resolve(TagOrDigest::Tag(tag.clone())).await?;
                        (there(old.as_ref() == Some(&digest)), Some(TagChange { tag, old, new: digest }))
                    }
                    (None, _) if !asks => (Presence::Unasked, None),
                    (None, Some(listed)) => (there(listed.contains(&digest)), None),
                    (None, None) => (there(resolve(TagOrDigest::Digest(digest)).await?.is_some()), None),
                })
            }
        };
        let looks: Vec<_> = all.iter().map(look).collect();
        let looked: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        for (presence, change) in looked {
            destination.referrers.push(presence);
            destination.tags.extend(change);
        }
        Ok(())
    }
}

/// A referrer with everything below it; a note where what is listed is not there, or refers to something else.
async fn fetch(
    source: &SourceDoor,
    found: Found,
    level: usize,
) -> Result<std::result::Result<Beside, String>> {
    let (subject, tag, raw) = match found {
        Found::Listed(subject, entry) => match tree::fetch(&*source.source, &entry).await {
            Ok(raw) => (subject, None, raw),
            Err(error) if error.class() == crate::oci::ErrorClass::NotFound => {
                return Ok(Err(format!(
                    "{} is listed as a referrer of {subject}, and is not there",
                    entry.digest
                )));
            }
            Err(error) => return Err(error),
        },
        Found::Tagged(subject, tag) => {
            let raw = source.source.manifest(&TagOrDigest::Tag(tag.clone())).await?;
            (subject, Some(tag), raw)
        }
    };
    let referrer = raw.referrer();
    if tag.is_none() && referrer.as_ref().is_none_or(|referrer| referrer.subject != subject) {
        return Ok(Err(format!(
            "{} is listed as a referrer of {subject}, and does not refer to it",
            raw.digest
        )));
    }
    let descriptor = referrer.map_or_else(|| raw.descriptor(), |referrer| referrer.descriptor);
    let below = match raw.parse() {
        Ok(Document::Index(index)) => tree::below(&*source.source, &index.manifests).await?,
        _ => tree::Tree::default(),
    };
    let mut manifests: Vec<RawManifest> = below.manifests.into_iter().map(|(raw, _)| raw).collect();
    manifests.push(raw);
    Ok(Ok(Beside { descriptor, subject, tag, level, manifests, blobs: below.blobs }))
}

/// `3 referrers travel along: 2 application/x, 1 sha256-….sig`
fn summary(all: &[Beside]) -> Option<String> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for one in all {
        let kind = match (&one.tag, &one.descriptor.artifact_type) {
            (Some(tag), _) => {
                format!("sha256-…{}", tag.speaks_of().map(|(_, suffix)| suffix).unwrap_or_default())
            }
            (None, Some(kind)) => kind.clone(),
            (None, None) => one.descriptor.media_type.clone(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let named = kinds.iter().take(NAMED).map(|(kind, count)| format!("{count} {kind}"));
    let more = kinds.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("and {more} other types"));
    let named: Vec<String> = named.chain(more).collect();
    let (noun, verb) = if all.len() == 1 { ("referrer", "travels") } else { ("referrers", "travel") };
    (!all.is_empty()).then(|| format!("{} {noun} {verb} along: {}", all.len(), named.join(", ")))
}

/// For the plan.
pub(super) fn planned(all: &[Beside]) -> Vec<PlannedReferrer> {
    let one = |one: &Beside| PlannedReferrer {
        descriptor: one.descriptor.clone(),
        subject: one.subject.clone(),
        tag: one.tag.clone(),
    };
    all.iter().map(one).collect()
}

impl super::run::Running {
    /// Puts the referrers that a destination lacks, those of the image first, and has them listed where it does not
    /// do that by itself.
    pub(super) async fn push_beside(
        &self,
        door: &DestinationDoor,
        planned: &PlannedDestination,
    ) -> Result<()> {
        let lacking = || {
            let all = self.beside.iter().zip(&planned.referrers);
            all.filter(|(_, presence)| **presence != Presence::Present).map(|(one, _)| one)
        };
        let mut unlisted: BTreeMap<Digest, Vec<Descriptor>> = BTreeMap::new();
        for level in 0..=LEVELS {
            let level = lacking().filter(|one| one.level == level);
            let puts =
                level.map(|one| async move { Ok::<_, Error>((one, self.put_beside(door, one).await?)) });
            let puts: Vec<_> = puts.collect();
            let put: Vec<_> = stream::iter(puts).buffer_unordered(AT_ONCE).try_collect().await?;
            for (one, is_listed) in put {
                self.counters.referrers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if let Some(change) = planned.tags.iter().find(|change| one.tag.as_ref() == Some(&change.tag))
                    && change.overwrites()
                {
                    self.remember_overwrite(door, change).await;
                }
                if !is_listed {
                    unlisted.entry(one.subject.clone()).or_default().push(one.descriptor.clone());
                }
            }
        }
        let repository = door.repository.as_ref().map(ToString::to_string).unwrap_or_default();
        let lists = unlisted.iter().map(|(subject, list)| async {
            // Two jobs may have the same image under two tags: one list must not undo the other.
            let turn = format!("{}/{repository} referrers", door.host);
            let _turn = self.engine.inflight.claim(&turn, subject).await;
            Ok::<_, Error>(door.destination.list_referrers(subject, list).await?)
        });
        try_join_all(lists).await.map(drop)
    }

    /// Puts one referrer and what is below it; whether it is listed thereby. One with a tag needs no list.
    async fn put_beside(&self, door: &DestinationDoor, one: &Beside) -> Result<bool> {
        let Some((own, below)) = one.manifests.split_last() else { return Ok(true) };
        for raw in below {
            let at = TagOrDigest::Digest(raw.digest.clone());
            self.put_complete(door, raw, || door.destination.put_manifest(raw, &at)).await?;
        }
        Ok(match &one.tag {
            None => self.put_complete(door, own, || door.destination.put_referrer(own)).await?,
            Some(tag) => {
                let at = TagOrDigest::Tag(tag.clone());
                self.put_complete(door, own, || door.destination.put_manifest(own, &at)).await?;
                true
            }
        })
    }
}
