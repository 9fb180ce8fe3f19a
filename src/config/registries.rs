//! Reading `registries:`.

use secrecy::SecretString;

use super::document::{Position, Value};
use super::entry::{Proxy, RegistryEntry, RegistryType, Tls};
use super::fault::Fault;
use super::load::Surroundings;
use super::reader::{Field, Fields, Reader};
use super::url::{RegistryUrl, check_engine, check_proxy};
use super::{Secret, paths};
use crate::oci::printable;

/// The longest name of an entry, in characters.
const NAME_LIMIT: usize = 100;

/// Reads the list. Entries with faults are left out; the faults are in the reader.
pub(super) fn read(
    reader: &mut Reader,
    list: &Field<'_>,
    surroundings: &Surroundings,
    warnings: &mut Vec<Fault>,
) -> Vec<RegistryEntry> {
    let mut entries: Vec<RegistryEntry> = Vec::new();
    let mut names: Vec<(String, Position)> = Vec::new();
    for item in reader.list(list) {
        let Some(mut fields) = reader.fields(&item) else { continue };
        let name = name(reader, &mut fields, &item, &mut names);
        let entry = entry(reader, &mut fields, surroundings, warnings, name.unwrap_or_default());
        reader.finish(fields);
        entries.push(entry);
    }
    entries
}

fn name(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    item: &Field<'_>,
    names: &mut Vec<(String, Position)>,
) -> Option<String> {
    let Some(field) = fields.take(reader, "name") else {
        reader.fault(item.node.at, &format!("{}.name", item.path), "an entry needs a name");
        return None;
    };
    let name = reader.text(&field)?;
    let at = field.node.at;
    if name.trim().is_empty() {
        reader.fault(at, &field.path, "an entry needs a name");
        return None;
    }
    if name.trim() != name || printable(&name, NAME_LIMIT) != name {
        let reason = format!(
            "a name is one line of at most {NAME_LIMIT} characters, without control characters and outer spaces"
        );
        reader.fault(at, &field.path, reason);
        return None;
    }
    if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
        reader.fault(at, &field.path, format!("another entry has the name {name:?}, on line {}", first.line));
        return None;
    }
    names.push((name.clone(), at));
    Some(name)
}

fn entry(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    surroundings: &Surroundings,
    warnings: &mut Vec<Fault>,
    name: String,
) -> RegistryEntry {
    let begin = fields.at;
    let kind = fields.take(reader, "type").map(|field| reader.choice(&field, &RegistryType::NAMES));
    let url = url(reader, fields, kind.unwrap_or(Some(RegistryType::Registry)), surroundings, begin);
    let kind = kind.flatten().unwrap_or(RegistryType::Registry);
    let username = text(reader, fields, "username");
    let password = password(reader, fields, surroundings, warnings, &username);
    let description = printable(&text(reader, fields, "description"), 500);
    let tls = tls(reader, fields, surroundings, &url);
    let proxy = proxy(reader, fields);
    let (mirrors, location) = other_places(reader, fields, kind, &url);
    let concurrency = fields.take(reader, "concurrency").and_then(|field| reader.number(&field, 1..=256));
    let bandwidth = fields.take(reader, "bandwidth").and_then(|field| reader.rate(&field));
    let reserve = fields.take(reader, "rate_limit_reserve");
    let rate_limit_reserve = reserve.and_then(|field| reader.number(&field, 0..=1_000_000));
    let mut flag = |key| {
        let field = fields.take(reader, key)?;
        reader.boolean(&field)
    };
    RegistryEntry {
        name,
        kind,
        url,
        username,
        password,
        description,
        tls,
        proxy,
        mirrors,
        location,
        concurrency: concurrency.map(|n| n as usize),
        bandwidth,
        rate_limit_reserve,
        protected: flag("protected").unwrap_or(false),
        read_only: flag("read_only").unwrap_or(false),
    }
}

/// `url:` checked by the entry's type; an unknown type leaves it unchecked.
fn url(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    kind: Option<RegistryType>,
    surroundings: &Surroundings,
    begin: Position,
) -> String {
    let path = fields.path_of("url");
    let field = fields.take(reader, "url");
    let at = field.as_ref().map_or(begin, |field| field.node.at);
    let text = match &field {
        Some(field) => match reader.text(field) {
            Some(text) => text.trim().to_owned(),
            None => return String::new(),
        },
        None => String::new(),
    };
    let checked = match kind {
        None => Ok(()),
        Some(RegistryType::Registry) if text.is_empty() => {
            Err("a registry needs its address: HOST, http://HOST or https://HOST".to_owned())
        }
        Some(RegistryType::Registry) => text.parse::<RegistryUrl>().map(|_| ()),
        Some(RegistryType::Docker) => check_engine(&text),
        Some(RegistryType::LocalFile) if text.is_empty() => {
            Err("a local_file entry needs its directory".to_owned())
        }
        Some(RegistryType::LocalFile | RegistryType::Store) => {
            match text.contains("://") || text.contains('\0') {
                true => Err("a directory's path is needed, not a URL".to_owned()),
                false => Ok(()),
            }
        }
    };
    if let Err(reason) = checked {
        reader.fault(at, &path, reason);
        return String::new();
    }
    match kind {
        Some(RegistryType::LocalFile | RegistryType::Store) if !text.is_empty() => {
            let path = paths::resolve(&text, &surroundings.directory, surroundings.home.as_deref());
            path.to_string_lossy().into_owned()
        }
        _ => text,
    }
}

/// A field's text; empty where it is not there.
pub(super) fn text(reader: &mut Reader, fields: &mut Fields<'_>, key: &'static str) -> String {
    let field = fields.take(reader, key);
    field.and_then(|field| reader.text(&field)).unwrap_or_default()
}

/// `password:`, which needs the `username` beside it.
pub(super) fn password(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    surroundings: &Surroundings,
    warnings: &mut Vec<Fault>,
    username: &str,
) -> Option<Secret> {
    let field = fields.take(reader, "password")?;
    let text = reader.text(&field).filter(|text| !text.is_empty())?;
    let at = field.node.at;
    let secret = match Secret::parse(&text, &surroundings.directory, surroundings.home.as_deref()) {
        Ok(secret) => secret,
        Err(reason) => {
            reader.fault(at, &field.path, reason);
            return None;
        }
    };
    if username.is_empty() {
        reader.fault(at, &field.path, "a password needs a username");
    }
    if matches!(secret, Secret::Literal(_)) {
        if surroundings.exposed {
            let advice = "a password is written here, and others than you can read this file; \
                use ${NAME} or file:PATH, or chmod 600 the file";
            warnings.push(reader.finding(at, &field.path, advice));
        }
        if text.contains("${") {
            let advice = "only a whole value ${NAME} is looked up in the environment; this one is taken as it is written";
            warnings.push(reader.finding(at, &field.path, advice));
        }
    }
    Some(secret)
}

/// `tls:` is one word (`verify`, `insecure`, `plain`) or a map of these and the files.
fn tls(reader: &mut Reader, fields: &mut Fields<'_>, surroundings: &Surroundings, url: &str) -> Option<Tls> {
    let field = fields.take(reader, "tls")?;
    let at = field.node.at;
    let tls = match &field.node.value {
        Value::Scalar { .. } => {
            let plain = Tls { plain: true, ..Tls::default() };
            let insecure = Tls { insecure: true, ..Tls::default() };
            let words = [("verify", 0), ("insecure", 1), ("plain", 2)];
            match reader.choice(&field, &words)? {
                0 => Tls::default(),
                1 => insecure,
                _ => plain,
            }
        }
        _ => tls_map(reader, &field, surroundings)?,
    };
    let scheme = url.parse::<RegistryUrl>().ok().and_then(|url| url.plain);
    if scheme.is_some_and(|plain| plain != tls.plain) {
        let reason = if tls.plain {
            "plain HTTP is asked for, but the url is https://"
        } else {
            "TLS is asked for, but the url is http://"
        };
        reader.fault(at, &field.path, reason);
    }
    Some(tls)
}

fn tls_map(reader: &mut Reader, field: &Field<'_>, surroundings: &Surroundings) -> Option<Tls> {
    let mut fields = reader.fields(field)?;
    let mut flag = |key| {
        let field = fields.take(reader, key)?;
        reader.boolean(&field)
    };
    let (verify, insecure, plain) = (flag("verify"), flag("insecure"), flag("plain"));
    let mut file = |key| {
        let field = fields.take(reader, key)?;
        let text = reader.text(&field).filter(|text| !text.is_empty())?;
        Some(paths::resolve(&text, &surroundings.directory, surroundings.home.as_deref()))
    };
    let tls = Tls {
        plain: plain == Some(true),
        insecure: insecure.unwrap_or(verify == Some(false)),
        ca_file: file("ca_file"),
        cert_file: file("cert_file"),
        key_file: file("key_file"),
    };
    reader.finish(fields);
    let at = field.node.at;
    if verify == Some(true) && insecure == Some(true) {
        reader.fault(at, &field.path, "verify and insecure exclude each other");
    }
    if tls.plain && (insecure == Some(true) || tls.ca_file.is_some() || tls.cert_file.is_some()) {
        reader.fault(at, &field.path, "plain means HTTP without TLS; the other settings cannot apply");
    }
    if tls.cert_file.is_some() != tls.key_file.is_some() {
        reader.fault(at, &field.path, "cert_file and key_file belong together");
    }
    Some(tls)
}

/// `mirrors:` and `location:`: other registries that this one is read by way of.
fn other_places(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    kind: RegistryType,
    url: &str,
) -> (Vec<RegistryUrl>, Option<RegistryUrl>) {
    let own = url.parse::<RegistryUrl>().ok();
    let mirrors = fields.take(reader, "mirrors");
    let location = fields.take(reader, "location");
    if kind != RegistryType::Registry
        && let Some(field) = mirrors.as_ref().or(location.as_ref())
    {
        reader.fault(field.node.at, &field.path, "only a registry can be read by way of others");
    }
    let read = |reader: &mut Reader, field: &Field<'_>| {
        let text = reader.text(field).filter(|text| !text.is_empty())?;
        match text.parse::<RegistryUrl>() {
            Ok(place) if own.as_ref().is_some_and(|own| own.registry == place.registry) => {
                reader.fault(
                    field.node.at,
                    &field.path,
                    "this is the registry itself; another one is needed",
                );
                None
            }
            Ok(place) => Some(place),
            Err(reason) => {
                reader.fault(field.node.at, &field.path, reason);
                None
            }
        }
    };
    let list = mirrors.map(|field| reader.list(&field)).unwrap_or_default();
    let mirrors = list.iter().filter_map(|item| read(reader, item)).collect();
    (mirrors, location.and_then(|field| read(reader, &field)))
}

fn proxy(reader: &mut Reader, fields: &mut Fields<'_>) -> Option<Proxy> {
    let field = fields.take(reader, "proxy")?;
    proxy_settings(reader, &field)
}

/// `http_proxy`, `https_proxy` and `no_proxy`.
pub(super) fn proxy_settings(reader: &mut Reader, field: &Field<'_>) -> Option<Proxy> {
    let mut fields = reader.fields(field)?;
    let mut url = |key| {
        let field = fields.take(reader, key)?;
        let text = reader.text(&field).filter(|text| !text.is_empty())?;
        if let Err(reason) = check_proxy(&text) {
            reader.fault(field.node.at, &field.path, reason);
            return None;
        }
        Some(SecretString::from(text))
    };
    let (http_proxy, https_proxy) = (url("http_proxy"), url("https_proxy"));
    let no_proxy = text(reader, &mut fields, "no_proxy");
    reader.finish(fields);
    Some(Proxy { http_proxy, https_proxy, no_proxy })
}
