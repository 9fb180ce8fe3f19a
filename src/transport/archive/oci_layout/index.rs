//! A layout's `index.json`: which images it holds, under which names.

use serde_json::{Map, Value, json};

use super::super::referrer;
use crate::oci::{Descriptor, Digest, Reference, TagOrDigest, media_type, printable};

/// The tag or name of an image in a layout (image specification, "Annotations").
pub(in crate::transport::archive) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The full name, as containerd and `docker save` write it.
pub(in crate::transport::archive) const FULL_NAME: &str = "io.containerd.image.name";

/// What the file `oci-layout` holds.
pub(in crate::transport::archive) const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Why no image can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::transport::archive) enum NoChoice {
    /// None has that name.
    Unknown(String),
    /// Several could be meant.
    Ambiguous(String),
}

/// The entries of an `index.json`; the error says what is wrong with it.
pub(in crate::transport::archive) fn entries(bytes: &[u8]) -> Result<Vec<Descriptor>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
    match value.get("manifests") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(Descriptor::from_json).collect(),
        Some(_) => Err("manifests is no list".to_owned()),
    }
}

/// The names an entry can be asked for by, the most telling first.
pub(in crate::transport::archive) fn names(entry: &Descriptor) -> impl Iterator<Item = &str> {
    [FULL_NAME, REF_NAME].into_iter().filter_map(|key| entry.annotation(key)).filter(|name| !name.is_empty())
}

/// The entry that `reference` means: a name, written in full or as people write it, or a digest. Without one,
/// the only image there is.
pub(in crate::transport::archive) fn select(
    entries: &[Descriptor],
    reference: Option<&str>,
) -> Result<Descriptor, NoChoice> {
    let Some(wanted) = reference else {
        // Referrers may be listed beside the images that they refer to.
        let images: Vec<&Descriptor> = entries.iter().filter(|e| !referrer::stands_beside(e)).collect();
        let one = if images.is_empty() { only(entries.iter()) } else { only(images.into_iter()) };
        return one
            .map_err(|()| NoChoice::Ambiguous(there_is(entries)))
            .and_then(|found| found.ok_or_else(|| NoChoice::Unknown("it is empty".to_owned())));
    };
    let full = wanted.parse::<Reference>().ok();
    let same = |name: &str| full.is_some() && name.parse::<Reference>().ok() == full;
    let ways: [&dyn Fn(&Descriptor) -> bool; 4] = [
        &|entry| entry.annotation(FULL_NAME) == Some(wanted),
        &|entry| entry.annotation(REF_NAME) == Some(wanted),
        &|entry| entry.digest.as_str() == wanted,
        &|entry| names(entry).any(same),
    ];
    for way in ways {
        match only(entries.iter().filter(|entry| way(entry))) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(()) => return Err(NoChoice::Ambiguous(there_is(entries))),
        }
    }
    Err(NoChoice::Unknown(there_is(entries)))
}

/// Which manifest is at a tag or digest, and its media type where the index tells it. A tag is looked up among the
/// names, the chosen image first where several have it.
pub(in crate::transport::archive) fn look_up(
    entries: &[Descriptor],
    chosen: &Descriptor,
    at: &TagOrDigest,
) -> Option<(Digest, String)> {
    let mut all = std::iter::once(chosen).chain(entries);
    let found = match at {
        TagOrDigest::Digest(digest) => match all.find(|entry| entry.digest == *digest) {
            Some(entry) => entry,
            // Inside an index, or nowhere: reading it will tell.
            None => return Some((digest.clone(), String::new())),
        },
        TagOrDigest::Tag(tag) => all.find(|entry| {
            names(entry).any(|name| {
                let of_name = name.parse::<Reference>().ok().and_then(|reference| reference.tag);
                name == tag.as_str() || of_name.as_ref() == Some(tag)
            })
        })?,
    };
    Some((found.digest.clone(), found.media_type.clone()))
}

/// The one image among entries, if they all are the same.
fn only<'a>(mut entries: impl Iterator<Item = &'a Descriptor>) -> Result<Option<Descriptor>, ()> {
    let Some(first) = entries.next() else { return Ok(None) };
    match entries.all(|other| other.digest == first.digest) {
        true => Ok(Some(first.clone())),
        false => Err(()),
    }
}

/// What there is to choose from, for errors.
fn there_is(entries: &[Descriptor]) -> String {
    const SHOWN: usize = 20;
    let name = |entry: &Descriptor| printable(names(entry).next().unwrap_or(entry.digest.as_str()), 200);
    let mut list: Vec<String> = entries.iter().map(name).collect();
    list.dedup();
    if list.len() > SHOWN {
        let more = format!("and {} more", list.len() - SHOWN);
        list.truncate(SHOWN);
        list.push(more);
    }
    match list.is_empty() {
        true => "it is empty".to_owned(),
        false => format!("it has {}", list.join(", ")),
    }
}

/// An `index.json` with `entry` under `name`: an entry of that name is replaced in its place, so is a nameless one
/// of the same image; all others and every unknown field stay. `None` where `old` is no index.
pub(in crate::transport::archive) fn with_entry(
    old: Option<&[u8]>,
    entry: &Descriptor,
    name: Option<&str>,
) -> Option<Vec<u8>> {
    let mut index: Value = match old {
        None => json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": []}),
        Some(bytes) => serde_json::from_slice(bytes).ok()?,
    };
    let list = index.as_object_mut()?.entry("manifests").or_insert_with(|| json!([]));
    if list.is_null() {
        *list = json!([]);
    }
    let list = list.as_array_mut()?;
    let name_of = |value: &Value| -> Option<String> {
        Some(value.get("annotations")?.get(REF_NAME)?.as_str()?.to_owned())
    };
    let is_same = |value: &Value| value.get("digest").and_then(Value::as_str) == Some(entry.digest.as_str());
    let replaced = |value: &Value| match (name_of(value).as_deref(), name) {
        (Some(there), Some(name)) => there == name,
        (None, _) => is_same(value),
        (Some(_), None) => false,
    };
    if name.is_none() && list.iter().any(is_same) {
        return serde_json::to_vec(&index).ok();
    }
    let place = list.iter().position(replaced).unwrap_or(list.len());
    list.retain(|value| !replaced(value));
    list.insert(place.min(list.len()), to_json(entry, name));
    serde_json::to_vec(&index).ok()
}

fn to_json(entry: &Descriptor, name: Option<&str>) -> Value {
    let mut value = Map::new();
    value.insert("mediaType".to_owned(), json!(entry.media_type));
    value.insert("digest".to_owned(), json!(entry.digest.as_str()));
    value.insert("size".to_owned(), json!(entry.size));
    if let Some(artifact_type) = &entry.artifact_type {
        value.insert("artifactType".to_owned(), json!(artifact_type));
    }
    if let Some(name) = name {
        let mut annotations = Map::new();
        // A name in full is found by containerd too.
        if name.contains('/') && name.parse::<Reference>().is_ok_and(|r| r.to_string() == name) {
            annotations.insert(FULL_NAME.to_owned(), json!(name));
        }
        annotations.insert(REF_NAME.to_owned(), json!(name));
        value.insert("annotations".to_owned(), Value::Object(annotations));
    }
    Value::Object(value)
}

/// Where a blob lies below the layout's directory. A [`Digest`] has nothing in it that could lead elsewhere.
pub(in crate::transport::archive) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(content: &str, annotations: &[(&str, &str)]) -> Descriptor {
        let mut entry = Descriptor::new(media_type::OCI_MANIFEST, Digest::of(content.as_bytes()), 1);
        entry.annotations = annotations.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        entry
    }

    #[test]
    fn images_are_chosen_by_name_or_digest() {
        let a = entry("a", &[(FULL_NAME, "docker.io/library/a:1"), (REF_NAME, "1")]);
        let b = entry("b", &[(FULL_NAME, "ghcr.io/o/b:1"), (REF_NAME, "1")]);
        let c = entry("c", &[(REF_NAME, "v2")]);
        let all = [a.clone(), b.clone(), c.clone()];
        let choose = |reference: &str| select(&all, Some(reference));
        assert_eq!(choose("docker.io/library/a:1").as_ref(), Ok(&a));
        assert_eq!(choose("a:1").as_ref(), Ok(&a));
        assert_eq!(choose("ghcr.io/o/b:1").as_ref(), Ok(&b));
        assert_eq!(choose("v2").as_ref(), Ok(&c));
        assert_eq!(choose(b.digest.as_str()).as_ref(), Ok(&b));
        let list = "it has docker.io/library/a:1, ghcr.io/o/b:1, v2".to_owned();
        assert_eq!(choose("1"), Err(NoChoice::Ambiguous(list.clone())));
        assert_eq!(choose("x"), Err(NoChoice::Unknown(list.clone())));
        assert_eq!(select(&all, None), Err(NoChoice::Ambiguous(list)));
        assert_eq!(select(&[a.clone(), a.clone()], None).as_ref(), Ok(&a));
        let mut referrer = entry("r", &[]);
        referrer.artifact_type = Some("application/x".to_owned());
        assert_eq!(select(&[referrer, a.clone()], None), Ok(a));
        assert!(matches!(select(&[], None), Err(NoChoice::Unknown(_))));
    }

    #[test]
    fn an_entry_is_added_or_takes_its_name_over() {
        let old = format!(
            r#"{{"x":1,"manifests":[{{"digest":"{}","size":1,"y":2}},{{"digest":"{}","size":1,"annotations":{{"{REF_NAME}":"1"}}}}]}}"#,
            Digest::of(b"kept"),
            Digest::of(b"old")
        );
        let named = entry("new", &[]);
        let new = String::from_utf8(with_entry(Some(old.as_bytes()), &named, Some("1")).unwrap()).unwrap();
        assert!(new.starts_with(r#"{"x":1,"manifests":["#) && new.contains(r#""y":2"#), "{new}");
        let digests =
            |bytes: &[u8]| -> Vec<Digest> { entries(bytes).unwrap().into_iter().map(|e| e.digest).collect() };
        assert_eq!(digests(new.as_bytes()), [Digest::of(b"kept"), named.digest.clone()]);
        let more = with_entry(Some(new.as_bytes()), &named, Some("2")).unwrap();
        assert_eq!(digests(&more).len(), 3);
        // A nameless entry gets its name, and a named image needs no nameless one.
        let kept = entry("kept", &[]);
        let again = with_entry(Some(&more), &kept, Some("3")).unwrap();
        assert_eq!(digests(&again).len(), 3);
        assert_eq!(with_entry(Some(&again), &kept, None).unwrap(), again);
        assert!(with_entry(Some(b"[]"), &kept, None).is_none());
    }
}
