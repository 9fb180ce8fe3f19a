//! Which images of an archive are meant, and by what names they go.

use std::fmt;
use std::str::FromStr;

use super::super::error::Faults;
use super::super::filter::wildcard;
use crate::engine::ListedImages;
use crate::oci::{Digest, ErrorClass, Location, Reference, Repository, Tag, printable};

/// An image that is to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Where it is.
    pub(super) location: Location,
    pub(super) digest: Digest,
    /// Its place in its archive, from 0.
    pub(super) number: usize,
    pub(super) names: Vec<Name>,
}

/// A name, as far as an archive has it: an OCI layout may have no more than a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// As the archive has it; `None` if it was made here.
    pub(super) whole: Option<Reference>,
    /// What stands behind the prefix; `None` is the prefix itself.
    pub(super) repository: Option<Repository>,
    pub(super) tag: Option<Tag>,
}

impl Name {
    fn of(text: &str) -> Option<Name> {
        if !text.contains(['/', ':'])
            && let Ok(tag) = text.parse::<Tag>()
        {
            return Some(Name { whole: None, repository: None, tag: Some(tag) });
        }
        let whole = text.parse::<Reference>().ok()?;
        let (repository, tag) = (Some(whole.repository.clone()), whole.tag.clone());
        Some(Name { whole: Some(whole), repository, tag })
    }
}

/// The images that are wanted: all, or those that a pattern names. A pattern that names none is a fault.
pub(super) fn choose<'a>(
    archives: impl Iterator<Item = (&'a ListedImages, Option<&'a str>)>,
    wanted: &[String],
    faults: &mut Faults,
) -> Vec<Chosen> {
    let (mut chosen, mut there) = (Vec::new(), Vec::new());
    let mut used = vec![false; wanted.len()];
    for (archive, only) in archives {
        let (mut found, before) = (false, chosen.len());
        for (number, image) in archive.merged().iter().enumerate() {
            let mut texts = image.names.clone();
            texts.extend(
                image.names.iter().filter_map(|name| Some(name.parse::<Reference>().ok()?.familiar())),
            );
            texts.extend([image.descriptor.digest.to_string(), format!("@{number}")]);
            there.push(printable(image.names.first().unwrap_or(&texts[0]), 200));
            let is = |pattern: &str| {
                texts.iter().any(|text| wildcard(pattern, text)) || same_reference(pattern, &texts)
            };
            if only.is_some_and(|only| !is(only)) {
                continue;
            }
            found = true;
            let mut is_wanted = wanted.is_empty();
            for (pattern, used) in wanted.iter().zip(&mut used) {
                if is(pattern) {
                    (is_wanted, *used) = (true, true);
                }
            }
            if !is_wanted {
                continue;
            }
            // A pattern that means some of an image's names leaves the others.
            let named = |name: &&String| {
                let full = name.parse::<Reference>().ok();
                let mut texts = vec![(*name).clone()];
                texts.extend(full.map(|full| full.familiar()));
                let is = |pattern: &str| {
                    texts.iter().any(|text| wildcard(pattern, text)) || same_reference(pattern, &texts)
                };
                only.is_none_or(&is) && (wanted.is_empty() || wanted.iter().any(|pattern| is(pattern)))
            };
            let mut names: Vec<Name> =
                image.names.iter().filter(named).filter_map(|name| Name::of(name)).collect();
            if names.is_empty() {
                names = image.names.iter().filter_map(|name| Name::of(name)).collect();
            }
            let digest = image.descriptor.digest.clone();
            chosen.push(Chosen { location: image.location.clone(), digest, number, names });
        }
        if let (Some(only), false) = (only, found) {
            faults.add(
                ErrorClass::NotFound,
                format!("there is no image {} in the archive that it is asked of", printable(only, 200)),
            );
        }
        if archive.images.is_empty() && before == chosen.len() {
            faults.add(ErrorClass::NotFound, "an archive has no image in it");
        }
    }
    for (pattern, _) in wanted.iter().zip(used).filter(|(_, used)| !used) {
        there.truncate(20);
        let pattern = printable(pattern, 200);
        faults.add(
            ErrorClass::NotFound,
            format!("--image {pattern}: there is none; there is {}", there.join(", ")),
        );
    }
    chosen
}

/// Whether a pattern is a name's other form: `nginx` for `docker.io/library/nginx:latest`.
fn same_reference(pattern: &str, texts: &[String]) -> bool {
    let Ok(wanted) = pattern.parse::<Reference>() else { return false };
    texts.iter().filter(|text| text.contains(['/', ':'])).any(|text| {
        text.parse::<Reference>().is_ok_and(|name| {
            (&name.registry, &name.repository, name.target())
                == (&wanted.registry, &wanted.repository, wanted.target())
        })
    })
}

/// `OLD=NEW`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rename {
    old: String,
    repository: Repository,
    tag: Option<Tag>,
}

impl FromStr for Rename {
    type Err = String;

    fn from_str(text: &str) -> Result<Rename, String> {
        let shown = printable(text, 200);
        let (old, new) =
            text.split_once('=').ok_or_else(|| format!("--rename {shown}: it is written OLD=NEW"))?;
        let slash = new.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match new[slash..].find(':') {
            Some(colon) => (&new[..slash + colon], Some(&new[slash + colon + 1..])),
            None => (new, None),
        };
        let wrong = |reason: &str| format!("--rename {shown}: {reason}");
        let repository = repository.parse::<Repository>().map_err(|e| wrong(e.reason()))?;
        let tag = tag.map(|tag| tag.parse::<Tag>().map_err(|e| wrong(e.reason()))).transpose()?;
        Ok(Rename { old: old.to_owned(), repository, tag })
    }
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", printable(&self.old, 200), self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))
    }
}

impl Rename {
    /// Whether it is this name that is to be another. Without a tag all of a repository are.
    pub(super) fn renames(&self, name: &Name) -> bool {
        let Some(whole) = &name.whole else {
            return name.tag.as_ref().is_some_and(|tag| tag.as_str() == self.old);
        };
        self.old.parse::<Reference>().is_ok_and(|old| {
            (&old.registry, &old.repository) == (&whole.registry, &whole.repository)
                && (old.tag.is_none() || old.tag == whole.tag)
        })
    }

    /// Whether an image without a name is meant, by its digest or its number.
    pub(super) fn is_of(&self, image: &Chosen) -> bool {
        image.names.is_empty()
            && (self.old == image.digest.as_str() || self.old == format!("@{}", image.number))
    }

    /// The name's new form; its tag stays where the new one has none.
    pub(super) fn apply(&self, name: &Name) -> Name {
        let tag = self.tag.clone().or_else(|| name.tag.clone());
        Name { whole: None, repository: Some(self.repository.clone()), tag }
    }

    /// The name of an image that had none.
    pub(super) fn new_name(&self) -> Name {
        Name { whole: None, repository: Some(self.repository.clone()), tag: self.tag.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell_and_across_slashes() {
        for (pattern, text, is) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("team/*", "team/a/b:1", true),
            ("*:1", "x/y:1", true),
            ("*:1", "x/y:11", false),
            ("*a*b?c", "xxaxxbxbyc", true),
            ("*a*b?c", "xxaxxbc", false),
            ("a**", "a", true),
            ("?", "", false),
        ] {
            assert_eq!(wildcard(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn renames_are_read_and_refused() {
        let rename: Rename = "nginx=web/nginx".parse().unwrap();
        let name = Name::of("docker.io/library/nginx:1").unwrap();
        assert!(rename.renames(&name) && !rename.renames(&Name::of("ghcr.io/library/nginx:1").unwrap()));
        assert_eq!(rename.apply(&name).tag, Some("1".parse().unwrap()));
        let exact: Rename = "nginx:1=x/y:2".parse().unwrap();
        assert!(exact.renames(&name) && !exact.renames(&Name::of("nginx:2").unwrap()));
        assert_eq!(
            (exact.to_string().as_str(), exact.apply(&name).tag.unwrap().as_str()),
            ("nginx:1=x/y:2", "2")
        );
        assert!("v1=x".parse::<Rename>().unwrap().renames(&Name::of("v1").unwrap()));
        for text in ["a", "a=", "a=UP", "a=b:", "a=b/c:-"] {
            assert!(text.parse::<Rename>().is_err(), "{text}");
        }
    }
}
