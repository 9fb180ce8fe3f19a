//! One image of an `images.json` or of an export request: a reference alone, or `source`, `target`, `tags` and
//! `architectures`.

use super::super::document::Value;
use super::super::reader::{Field, Fields, Reader};
use super::tags::{self, Tags};
use super::{Entry, Place, Settings, Surroundings, To, access};
use crate::oci::{Location, Platform, Platforms, Reference, TagOrDigest, printable};

/// Reads one image. `shared` is what the whole file says; it stays where the image says nothing.
pub(super) fn read(
    reader: &mut Reader,
    item: &Field<'_>,
    shared: &Settings,
    around: &mut Surroundings<'_>,
) -> Option<Entry> {
    if !matches!(item.node.value, Value::Map(_)) {
        let source = source(reader, item)?;
        return Some(entry(item, source, shared.clone()));
    }
    let mut fields = reader.fields(item)?;
    let mut settings = shared.clone();
    let named = either(reader, &mut fields, ["source", "image"]);
    let target = fields.take(reader, "target");
    let tags = fields.take(reader, "tags").map(|field| (tags::read(reader, &field), field));
    if let Some(field) = either(reader, &mut fields, ["architectures", "platforms"]) {
        settings.platforms = platforms(reader, &field);
    }
    if let Some(auth) = fields.take(reader, "source_auth") {
        settings.source_auth = access::read(reader, &auth, around);
    }
    if let Some(auth) = fields.take(reader, "target_auth") {
        settings.target_auth = access::read(reader, &auth, around);
    }
    reader.finish(fields);
    let target = target.map(|field| (place(reader, &field), field));
    let Some(named) = named else {
        reader.fault(item.node.at, &format!("{}.source", item.path), "an image needs its source");
        return None;
    };
    let source = source(reader, &named)?;
    let source = tagged(reader, &named, source, tags, &mut settings)?;
    let Some((place, field)) = target else { return Some(entry(item, source, settings)) };
    // Without a place that is right it must not count as one that goes where the command line says.
    let Some(place) = place? else { return Some(entry(item, source, settings)) };
    let several = match &settings.tags {
        None => false,
        Some(Tags::Named(named)) => named.len() > 1,
        Some(Tags::Chosen(_)) => true,
    };
    if several && place.has_tag() {
        reader.fault(field.node.at, &field.path, "it names one tag, and several of the source may go there");
        return None;
    }
    settings.to = vec![To { at: field.node.at, field: field.path, place }];
    Some(entry(item, source, settings))
}

fn entry(item: &Field<'_>, source: Location, settings: Settings) -> Entry {
    Entry::new(item.node.at, item.path.clone(), source, settings)
}

/// A registry's image or one of the store.
pub(super) fn source(reader: &mut Reader, field: &Field<'_>) -> Option<Location> {
    let text = reader.text(field)?;
    match text.trim().parse::<Location>() {
        Ok(source @ (Location::Registry(_) | Location::Store { .. })) => Some(source),
        Ok(_) => {
            let shown = printable(&text, 120);
            let reason =
                format!("{shown:?}: only images of registries and of store: can stand in a batch file");
            reader.fault(field.node.at, &field.path, reason);
            None
        }
        Err(e) => {
            reader.fault(field.node.at, &field.path, e);
            None
        }
    }
}

/// Whether it is in a repository, which has tags to choose from.
pub(super) fn has_tags(source: &Location) -> bool {
    matches!(source, Location::Registry(_) | Location::Store { .. })
}

/// Puts the entry's own tags to its settings: a tag is in the source or in `tags`.
pub(super) fn tagged(
    reader: &mut Reader,
    named: &Field<'_>,
    source: Location,
    tags: Option<(Option<Tags>, Field<'_>)>,
    settings: &mut Settings,
) -> Option<Location> {
    let Some((tags, field)) = tags else { return Some(source) };
    if names_image(&source) || !has_tags(&source) {
        let reason = format!("{source} names one image already, on line {}", named.node.at.line);
        reader.fault(field.node.at, &field.path, reason);
        return None;
    }
    settings.tags = Some(tags?);
    Some(source)
}

/// Whether there is a tag or digest in it.
pub(super) fn names_image(source: &Location) -> bool {
    match source {
        Location::Registry(reference) => reference.tag.is_some() || reference.digest.is_some(),
        Location::Store { target, .. } => target.is_some(),
        _ => false,
    }
}

/// A repository's image.
pub(super) fn with(repository: &Location, at: TagOrDigest) -> Location {
    match repository {
        Location::Registry(reference) => {
            let (tag, digest) = match at {
                TagOrDigest::Tag(tag) => (Some(tag), None),
                TagOrDigest::Digest(digest) => (None, Some(digest)),
            };
            Location::Registry(Reference { tag, digest, ..reference.clone() })
        }
        Location::Store { repository, .. } => {
            Location::Store { repository: repository.clone(), target: Some(at) }
        }
        other => other.clone(),
    }
}

/// `target:`: a full name, `HOST/PATH/` that the source's path goes below, or a path below `--to`. `None` if it is at
/// fault, no place if it is empty.
fn place(reader: &mut Reader, field: &Field<'_>) -> Option<Option<Place>> {
    let text = reader.text(field)?;
    let fault = |reason| format!("{:?}: {reason}", printable(&text, 120));
    let place = parse_place(text.trim()).map_err(fault);
    place.map_err(|reason| reader.fault(field.node.at, &field.path, reason)).ok()
}

pub(super) fn parse_place(text: &str) -> Result<Option<Place>, String> {
    let text = text.strip_prefix("docker://").unwrap_or(text);
    if text.is_empty() {
        return Ok(None);
    }
    if text.ends_with('/') || text == "store:" {
        return Ok(Some(Place::Below(text.trim_end_matches('/').to_owned())));
    }
    let is_host = |first: &str| {
        first == "localhost"
            || first.contains(['.', ':', '['])
            || first.bytes().any(|b| b.is_ascii_uppercase())
    };
    if text.starts_with("store:") {
        return text
            .parse()
            .map(|location| Some(Place::Named(location)))
            .map_err(|e: crate::oci::LocationError| e.to_string());
    }
    let told = |e: crate::oci::ReferenceError| e.reason().to_owned();
    match text.split_once('/') {
        Some((first, _)) if is_host(first) => {
            let reference: Reference = text.parse().map_err(told)?;
            Ok(Some(Place::Named(Location::Registry(reference))))
        }
        None if text == "localhost" || text.split(':').next().is_some_and(|name| name.contains('.')) => {
            Err(format!("if it is a host, write {text}/; a path below --to has no dot in its only part"))
        }
        // A host is put in front, so that no `library/` is.
        _ => {
            let reference: Reference = format!("localhost/{text}").parse().map_err(told)?;
            match reference {
                Reference { digest: Some(_), .. } => Err("a target has no digest".to_owned()),
                Reference { repository, tag, .. } => Ok(Some(Place::Relative(repository, tag))),
            }
        }
    }
}

/// `architectures:` or `platforms:`; none, `*` and `all` are all that the image has.
pub(super) fn platforms(reader: &mut Reader, field: &Field<'_>) -> Option<Platforms> {
    let items = match &field.node.value {
        Value::List(_) => reader.list(field),
        _ => vec![field.clone()],
    };
    let (mut found, mut all) = (Vec::new(), items.is_empty());
    for item in &items {
        let Some(text) = reader.text(item) else { continue };
        match text.parse::<Platform>() {
            _ if matches!(text.as_str(), "*" | "all") => all = true,
            Ok(platform) => found.push(platform),
            Err(e) => reader.fault(item.node.at, &item.path, e),
        }
    }
    Some(if all { Platforms::All } else { Platforms::from_list(found) })
}

/// A field that has two names.
pub(super) fn either<'a>(
    reader: &mut Reader,
    fields: &mut Fields<'a>,
    names: [&'static str; 2],
) -> Option<Field<'a>> {
    let found = names.map(|name| fields.take(reader, name));
    match found {
        [Some(one), Some(two)] => {
            let reason = format!("it is another name of {}; give one of them", names[0]);
            reader.fault(two.node.at, &two.path, reason);
            Some(one)
        }
        [one, two] => one.or(two),
    }
}

/// Reads the images of a list, each one as [`read`] does.
pub(super) fn list(
    reader: &mut Reader,
    field: &Field<'_>,
    shared: &Settings,
    around: &mut Surroundings<'_>,
) -> Vec<Entry> {
    let items = reader.list(field);
    if items.is_empty() && matches!(field.node.value, Value::List(_)) {
        reader.fault(field.node.at, &field.path, super::NOTHING);
    }
    items.iter().filter_map(|item| read(reader, item, shared, around)).collect()
}
