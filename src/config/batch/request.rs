//! An export request: `{"images": […], "target_registry": "…", "replace_level": "1", "source_auth": {…},
//! "proxy_config": {…}}`.

use super::super::document::Node;
use super::super::reader::{Field, Reader};
use super::super::registries::proxy_settings;
use super::rename::Rename;
use super::{Entry, Place, Settings, Surroundings, To, access, item};
use crate::config::Proxy;

/// Reads a request: its images, and the proxies for this run.
pub(super) fn read(
    reader: &mut Reader,
    root: &Node,
    around: &mut Surroundings<'_>,
) -> (Vec<Entry>, Option<Proxy>) {
    let Some(mut fields) = reader.fields(&Field { path: String::new(), node: root }) else {
        return (Vec::new(), None);
    };
    let mut shared = Settings::default();
    let images = fields.take(reader, "images");
    if let Some(field) = fields.take(reader, "target_registry")
        && let Some(text) = reader.text(&field).filter(|text| !text.trim().is_empty())
    {
        let place = Place::Below(text.trim().to_owned());
        shared.to = vec![To { at: field.node.at, field: field.path, place }];
    }
    if let Some(field) = fields.take(reader, "replace_level") {
        // Older files have the number as text.
        match reader.text(&field).map(|text| text.trim().parse::<u8>()) {
            Some(Ok(level)) => shared.rename = Rename::Level(level.into()),
            Some(Err(_)) => {
                let reason =
                    "how many parts of the full name are dropped is a whole number, 1 for the host alone";
                reader.fault(field.node.at, &field.path, reason);
            }
            None => {}
        }
    }
    if let Some(field) = item::either(reader, &mut fields, ["architectures", "platforms"]) {
        shared.platforms = item::platforms(reader, &field);
    }
    if let Some(field) = fields.take(reader, "source_auth") {
        shared.source_auth = access::read(reader, &field, around);
    }
    if let Some(field) = fields.take(reader, "target_auth") {
        shared.target_auth = access::read(reader, &field, around);
    }
    let proxy = fields.take(reader, "proxy_config").and_then(|field| proxy_settings(reader, &field));
    reader.finish(fields);
    let entries = images.map(|field| item::list(reader, &field, &shared, around)).unwrap_or_default();
    (entries, proxy)
}
