//! A sync file, `wharf.yaml`: sources with tag filters, platforms, destinations and rules for names. `example.yaml`
//! beside this file documents every key.

use super::super::document::{Node, Value};
use super::super::paths;
use super::super::reader::{Field, Fields, Reader};
use super::super::registries::proxy_settings;
use super::{Entry, How, Place, Settings, Surroundings, To, access, item, rename, tags};
use crate::config::Proxy;
use crate::job::Extras;
use crate::oci::{Format, Location, Platforms, Tag, printable};

/// `example.yaml`: every key with its meaning.
pub(super) const EXAMPLE: &str = include_str!("example.yaml");

/// Reads a sync file: its sources, and the proxies for this run.
pub(super) fn read(
    reader: &mut Reader,
    root: &Node,
    around: &mut Surroundings<'_>,
) -> (Vec<Entry>, Option<Proxy>) {
    let Some(mut fields) = reader.fields(&Field { path: String::new(), node: root }) else {
        return (Vec::new(), None);
    };
    let mut defaults = Settings::default();
    if let Some(field) = fields.take(reader, "defaults")
        && let Some(mut fields) = reader.fields(&field)
    {
        settings(reader, &mut fields, &mut defaults, around);
        if let Some(field) = fields.take(reader, "tags") {
            defaults.tags = tags::read(reader, &field);
        }
        reader.finish(fields);
    }
    let sources = fields.take(reader, "sources");
    let proxy = fields.take(reader, "proxy").and_then(|field| proxy_settings(reader, &field));
    reader.finish(fields);
    let Some(sources) = sources else {
        reader.fault(root.at, "sources", super::NO_SOURCES);
        return (Vec::new(), proxy);
    };
    let items = reader.list(&sources);
    if items.is_empty() && matches!(sources.node.value, Value::List(_)) {
        reader.fault(sources.node.at, &sources.path, super::NOTHING);
    }
    (items.iter().filter_map(|item| source(reader, item, &defaults, around)).collect(), proxy)
}

/// One of `sources:`, a reference alone or with settings of its own.
fn source(
    reader: &mut Reader,
    item: &Field<'_>,
    defaults: &Settings,
    around: &mut Surroundings<'_>,
) -> Option<Entry> {
    if !matches!(item.node.value, Value::Map(_)) {
        let source = image(reader, item, around)?;
        return Some(Entry::new(item.node.at, item.path.clone(), source, defaults.clone()));
    }
    let mut fields = reader.fields(item)?;
    let named = fields.take(reader, "source");
    let mut own = defaults.clone();
    let tags = fields.take(reader, "tags").map(|field| (tags::read(reader, &field), field));
    let chosen = tags.as_ref().map_or(own.tags.as_ref(), |(tags, _)| tags.as_ref());
    let several = match chosen {
        None => false,
        Some(tags::Tags::Named(named)) => named.len() > 1,
        Some(tags::Tags::Chosen(_)) => true,
    };
    let (target, file) = (fields.take(reader, "target"), fields.take(reader, "file"));
    if target.is_some() {
        own.to.clear();
    }
    settings(reader, &mut fields, &mut own, around);
    reader.finish(fields);
    let Some(named) = named else {
        reader.fault(item.node.at, &format!("{}.source", item.path), "a source needs its name");
        return None;
    };
    let source = image(reader, &named, around)?;
    let several = several && !item::names_image(&source) && item::has_tags(&source);
    let source = item::tagged(reader, &named, source, tags, &mut own)?;
    if let Some(field) = target {
        targets(reader, &field, several, &mut own, around);
    }
    if let Some(field) = file {
        own.how.file = file_name(reader, &field, several, &own);
    }
    Some(Entry::new(item.node.at, item.path.clone(), source, own))
}

/// What `defaults:` and each source may say; what is said replaces what was.
fn settings(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    settings: &mut Settings,
    around: &mut Surroundings<'_>,
) {
    let (to, export) = (fields.take(reader, "to"), fields.take(reader, "export"));
    if to.is_some() || export.is_some() {
        settings.to.clear();
    }
    if let Some(field) = to {
        for item in one_or_several(reader, field) {
            match reader.text(&item) {
                Some(text) if text.trim().is_empty() => {
                    reader.fault(
                        item.node.at,
                        &item.path,
                        "a destination is HOST[/PATH], a registries entry's name or store:",
                    );
                }
                Some(text) => {
                    let place = Place::Below(below(text.trim(), around));
                    settings.to.push(To { at: item.node.at, field: item.path, place });
                }
                None => {}
            }
        }
    }
    if let Some(field) = export
        && let Some(text) = reader.text(&field)
    {
        match text.is_empty() || text.contains('\0') {
            true => reader.fault(field.node.at, &field.path, "a directory's path is needed"),
            false => {
                let places = around.places;
                let path = paths::resolve(&text, &places.directory, places.home.as_deref());
                settings.to.push(To { at: field.node.at, field: field.path, place: Place::Directory(path) });
            }
        }
    }
    if let Some(field) = fields.take(reader, "platforms") {
        settings.platforms = item::platforms(reader, &field);
    }
    if let Some(field) = fields.take(reader, "rename")
        && let Some(rename) = rename::read(reader, &field)
    {
        settings.rename = rename;
    }
    if let Some(field) = fields.take(reader, "source_auth") {
        settings.source_auth = access::read(reader, &field, around);
    }
    if let Some(field) = fields.take(reader, "target_auth") {
        settings.target_auth = access::read(reader, &field, around);
    }
    how(reader, fields, &mut settings.how);
}

/// What travels along, further tags, and what is in the way.
fn how(reader: &mut Reader, fields: &mut Fields<'_>, how: &mut How) {
    if let Some(field) = fields.take(reader, "add_tags") {
        how.add_tags = Vec::new();
        for item in one_or_several(reader, field) {
            match reader.text(&item).map(|text| text.parse::<Tag>()) {
                Some(Ok(tag)) if !how.add_tags.contains(&tag) => how.add_tags.push(tag),
                Some(Err(e)) => reader.fault(item.node.at, &item.path, e),
                _ => {}
            }
        }
    }
    let format = [("keep", None), ("oci", Some(Format::Oci)), ("docker", Some(Format::Docker))];
    if let Some(format) = fields.take(reader, "format").and_then(|field| reader.choice(&field, &format)) {
        how.extras.format = format;
    }
    let Extras { referrers, digest_tags, foreign_layers, .. } = &mut how.extras;
    for (key, flag) in [
        ("referrers", referrers),
        ("digest_tags", digest_tags),
        ("foreign_layers", foreign_layers),
        ("overwrite", &mut how.overwrite),
        ("keep_tags", &mut how.keep_tags),
    ] {
        if let Some(set) = fields.take(reader, key).and_then(|field| reader.boolean(&field)) {
            *flag = set;
        }
    }
    if let Some(field) = fields.take(reader, "platform_in_name") {
        how.platform_in_name = reader.boolean(&field);
    }
    if let Some(field) = fields.take(reader, "priority")
        && let Some(text) = reader.text(&field)
    {
        match text.parse() {
            Ok(priority) => how.priority = priority,
            Err(_) => {
                reader.fault(field.node.at, &field.path, "a whole number is needed; higher ones go first")
            }
        }
    }
}

/// A source: an image of any kind, or a repository in a registry or the store.
fn image(reader: &mut Reader, field: &Field<'_>, around: &Surroundings<'_>) -> Option<Location> {
    let text = reader.text(field)?;
    match text.trim().parse::<Location>() {
        Ok(source) if source.is_standard_stream() => {
            reader.fault(field.node.at, &field.path, "standard input holds no image of a sync file");
            None
        }
        Ok(source) => Some(located(source, around)),
        Err(e) => {
            reader.fault(field.node.at, &field.path, e);
            None
        }
    }
}

/// `target:`, whole names at the destination.
fn targets(
    reader: &mut Reader,
    field: &Field<'_>,
    several: bool,
    settings: &mut Settings,
    around: &Surroundings<'_>,
) {
    for item in one_or_several(reader, field.clone()) {
        let Some(text) = reader.text(&item) else { continue };
        let place = match place(text.trim(), around) {
            Ok(place) if several && (place.has_tag() || !place.is_repository()) => {
                Err("it names one image, and several of the source may go there".to_owned())
            }
            place => place,
        };
        match place {
            Ok(place) => settings.to.push(To { at: item.node.at, field: item.path.clone(), place }),
            Err(reason) => {
                let reason = format!("{:?}: {reason}", printable(&text, 120));
                reader.fault(item.node.at, &item.path, reason);
            }
        }
    }
}

fn place(text: &str, around: &Surroundings<'_>) -> Result<Place, String> {
    let schemes = ["oci:", "oci-archive:", "docker-archive:", "docker-daemon:"];
    if schemes.iter().any(|scheme| text.starts_with(scheme)) {
        let place = text.parse::<Location>().map_err(|e| e.to_string())?;
        return match place.is_standard_stream() {
            true => Err("standard output takes no image of a sync file".to_owned()),
            false => Ok(Place::Named(located(place, around))),
        };
    }
    let place = item::parse_place(text)?;
    place.ok_or_else(|| "a target is a whole name, as in h.io/team/api:1.2".to_owned())
}

/// `file:`, an export's file name.
fn file_name(reader: &mut Reader, field: &Field<'_>, several: bool, settings: &Settings) -> Option<String> {
    let text = reader.text(field)?;
    let exports = settings.to.iter().any(|to| matches!(to.place, Place::Directory(_)));
    let more = matches!(&settings.platforms, Some(Platforms::Only(list)) if list.len() > 1);
    let reason = match () {
        () if text.is_empty() || text.contains(['/', '\0']) || matches!(text.as_str(), "." | "..") => {
            "the name of a file in the directory of export is needed"
        }
        () if !exports => "it names a file of export, and nothing is exported here",
        () if several || more => "it names one file, and several are made here",
        () => return Some(text),
    };
    reader.fault(field.node.at, &field.path, reason);
    None
}

fn one_or_several<'a>(reader: &mut Reader, field: Field<'a>) -> Vec<Field<'a>> {
    match &field.node.value {
        Value::List(_) => reader.list(&field),
        _ => vec![field],
    }
}

/// A path in it is relative to the file.
fn located(mut location: Location, around: &Surroundings<'_>) -> Location {
    if let Location::OciLayout { path, .. }
    | Location::OciArchive { path, .. }
    | Location::DockerArchive { path, .. } = &mut location
    {
        let places = around.places;
        *path = paths::resolve(&path.to_string_lossy(), &places.directory, places.home.as_deref());
    }
    location
}

/// The same of a layout that images go into.
fn below(text: &str, around: &Surroundings<'_>) -> String {
    match text.parse::<Location>() {
        Ok(layout @ Location::OciLayout { .. }) if text.starts_with("oci:") => {
            located(layout, around).to_string()
        }
        _ => text.to_owned(),
    }
}
