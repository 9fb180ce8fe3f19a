//! A sync file, `wharf.yaml`: sources with tag filters, platforms, destinations and rules for names. `example.yaml`
//! beside this file documents every key.

use super::super::document::{Node, Value};
use super::super::paths;
use super::super::reader::{Field, Fields, Reader};
use super::super::registries::proxy_settings;
use super::{Entry, Place, Settings, Surroundings, To, access, item, rename, tags};
use crate::config::Proxy;

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
        reader.fault(root.at, "sources", "a sync file needs its sources");
        return (Vec::new(), proxy);
    };
    let items = reader.list(&sources);
    if items.is_empty() && matches!(sources.node.value, Value::List(_)) {
        reader.fault(sources.node.at, &sources.path, "it names no image");
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
        let source = item::source(reader, item)?;
        return Some(Entry::new(item.node.at, item.path.clone(), source, defaults.clone()));
    }
    let mut fields = reader.fields(item)?;
    let named = fields.take(reader, "source");
    let mut own = defaults.clone();
    let tags = fields.take(reader, "tags").map(|field| (tags::read(reader, &field), field));
    settings(reader, &mut fields, &mut own, around);
    reader.finish(fields);
    let Some(named) = named else {
        reader.fault(item.node.at, &format!("{}.source", item.path), "a source needs its name");
        return None;
    };
    let source = item::source(reader, &named)?;
    let source = item::tagged(reader, &named, source, tags, &mut own)?;
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
        let items = match &field.node.value {
            Value::List(_) => reader.list(&field),
            _ => vec![field],
        };
        for item in items {
            match reader.text(&item) {
                Some(text) if text.trim().is_empty() => {
                    reader.fault(
                        item.node.at,
                        &item.path,
                        "a destination is HOST[/PATH], a registries entry's name or store:",
                    );
                }
                Some(text) => {
                    let place = Place::Below(text.trim().to_owned());
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
}
