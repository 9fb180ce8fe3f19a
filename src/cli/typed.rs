//! Images as people type them: a file that is named without its transport would be looked for at Docker Hub. Whoever
//! means the registry's image writes `docker://` before it.

use std::path::Path;

use crate::oci::{Location, printable};

/// What archives are called.
const ARCHIVES: [&str; 7] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".oci", ".oci.gz"];

/// An image that is read. The error is a reason, for people.
pub(super) fn source(text: &str) -> Result<Location, String> {
    // `a.tar:nginx:1` is an image of the file a.tar.
    let file = text.split(':').next().unwrap_or(text);
    match text.parse::<Location>() {
        Ok(Location::Registry(_)) if !has_transport(text) && is_called_archive(text) && is_file(text) => {
            Err(meant(text, &archive(text)))
        }
        // Which may be no reference at all.
        Ok(Location::Registry(_)) | Err(_)
            if !has_transport(text) && is_called_archive(file) && file != text && is_file(file) =>
        {
            Err(meant(file, &format!("docker-archive:{text}")))
        }
        Err(reason) if is_file(text) => Err(format!("{reason}; did you mean {}?", archive(text))),
        Err(reason) if is_layout(text) => {
            let layout = Location::OciLayout { path: text.into(), reference: None };
            Err(format!("{reason}; did you mean {layout}?"))
        }
        read => read.map_err(|e| e.to_string()),
    }
}

/// Where an image is written. The error is a reason, for people.
pub(super) fn destination(text: &str) -> Result<Location, String> {
    match text.parse::<Location>() {
        Ok(Location::Registry(image)) if !has_transport(text) && is_called_archive(text) => {
            // With a host in front it can only be a registry's.
            let is_bare = image.registry.to_string() == "docker.io" && !text.starts_with("docker.io/");
            match is_bare || is_file(text) {
                true => Err(meant(text, &archive(text))),
                false => Ok(Location::Registry(image)),
            }
        }
        Err(reason) if is_called_archive(text) && !text.contains(':') => {
            Err(format!("{reason}; did you mean {}?", archive(text)))
        }
        read => read.map_err(|e| e.to_string()),
    }
}

fn archive(path: &str) -> String {
    printable(&Location::DockerArchive { path: path.into(), reference: None }.to_string(), 500)
}

fn meant(file: &str, archive: &str) -> String {
    let (file, archive) = (printable(file, 200), printable(archive, 500));
    format!("{file} looks like a file; did you mean {archive}? A registry's image is docker://{file}")
}

fn has_transport(text: &str) -> bool {
    text.starts_with("docker://")
}

fn is_called_archive(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ARCHIVES.iter().any(|end| text.ends_with(end) && text.len() > end.len())
}

fn is_file(text: &str) -> bool {
    Path::new(text).is_file()
}

fn is_layout(text: &str) -> bool {
    Path::new(text).join("oci-layout").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_its_transport_is_told_of() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let (tar, colon, layout) = (at("a.tar"), at("b:c.tar"), at("dir"));
        std::fs::write(&tar, "").unwrap();
        std::fs::write(&colon, "").unwrap();
        std::fs::create_dir(&layout).unwrap();
        std::fs::write(at("dir/oci-layout"), "{}").unwrap();
        for (text, want) in [
            (&tar, format!("did you mean docker-archive:{tar}?")),
            (&colon, format!("did you mean docker-archive:{}?", colon.replace(':', r"\:"))),
            (&layout, format!("did you mean oci:{layout}?")),
            (&format!("{tar}:a/b:1"), format!("did you mean docker-archive:{tar}:a/b:1?")),
        ] {
            let reason = source(text).unwrap_err();
            assert!(reason.contains(&want), "{reason}");
        }
        for text in ["none.tar", "docker://a.tar", "h.io/a.tar:1", "oci:a.tar"] {
            assert!(source(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nothing_is_pushed_to_docker_hub_under_a_files_name() {
        for (text, want) in [
            ("out.tar", Some("docker-archive:out.tar?")),
            ("sub/out.TAR", Some("docker-archive:sub/out.TAR?")),
            ("/tmp/out.tar.gz", Some("docker-archive:/tmp/out.tar.gz?")),
            ("docker://out.tar", None),
            ("docker.io/a/out.tar", None),
            ("h.io/out.tar", None),
            ("out", None),
            ("docker-archive:out.tar", None),
        ] {
            let read = destination(text);
            assert_eq!(read.is_err(), want.is_some(), "{text}");
            assert!(read.err().unwrap_or_default().contains(want.unwrap_or_default()), "{text}");
        }
    }
}
