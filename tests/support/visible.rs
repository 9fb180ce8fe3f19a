//! What can be seen at a destination, looked at directly: every tag, archive and layout is followed down to its last
//! blob, and every byte is hashed. What is missing, wrong or left over is an error that names it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wharf::oci::Digest;

use super::image::client;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// Names, and the digest of what each one stands for.
pub type Names = BTreeMap<String, Digest>;

#[derive(Debug, Clone, Copy)]
enum Part {
    Manifest,
    Blob,
}

/// Follows a manifest to everything that it is made of. `read` gives the bytes there are.
async fn follow(root: &Digest, read: impl AsyncFn(Part, &Digest) -> Option<Vec<u8>>) -> Result<(), String> {
    let mut todo = vec![(Part::Manifest, root.clone(), None)];
    while let Some((part, digest, size)) = todo.pop() {
        let Some(bytes) = read(part, &digest).await else {
            return Err(format!("{root}: {part:?} {digest} is missing"));
        };
        if !digest.matches(&bytes) || size.is_some_and(|size| size != bytes.len() as u64) {
            return Err(format!("{root}: {part:?} {digest} has {} wrong bytes", bytes.len()));
        }
        if let Part::Manifest = part {
            let value: Value = serde_json::from_slice(&bytes).map_err(|e| format!("{digest}: {e}"))?;
            let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
            let below = list("manifests").into_iter().map(|entry| (Part::Manifest, entry));
            let config = value.get("config").cloned();
            let blobs = list("layers").into_iter().chain(config).map(|entry| (Part::Blob, entry));
            for (part, entry) in below.chain(blobs) {
                todo.push((part, entry["digest"].as_str().unwrap().parse().unwrap(), entry["size"].as_u64()));
            }
        }
    }
    Ok(())
}

/// Every tag of a registry (`repository:tag`) in repositories that begin with `prefix`.
pub async fn in_registry(host: &str, prefix: &str) -> Result<Names, String> {
    let (client, base) = (client(), format!("http://{host}/v2"));
    let get = async |path: String| -> Option<Vec<u8>> {
        let answer = client.get(format!("{base}/{path}")).header("accept", ACCEPT).send().await.unwrap();
        match answer.status().as_u16() {
            200 => Some(answer.bytes().await.unwrap().to_vec()),
            404 => None,
            other => panic!("GET {path}: {other}"),
        }
    };
    let list = async |path: String, key: &str, of: &str| -> Vec<String> {
        let value: Value = serde_json::from_slice(&get(path).await.unwrap_or_default()).unwrap_or_default();
        let text = |v: &Value| if of.is_empty() { v } else { &v[of] }.as_str().map(str::to_owned);
        value[key].as_array().into_iter().flatten().filter_map(text).collect()
    };
    let mut names = Names::new();
    let mut repositories: Vec<String> = Vec::new();
    loop {
        // More than this at once is refused by some.
        let last = repositories.last().map(|last| format!("&last={last}")).unwrap_or_default();
        let page = list(format!("_catalog?n=1000{last}"), "repositories", "").await;
        let is_last = page.len() < 1000;
        repositories.extend(page);
        if is_last {
            break;
        }
    }
    for repository in repositories.into_iter().filter(|name| name.starts_with(prefix)) {
        for tag in list(format!("{repository}/tags/list"), "tags", "").await {
            let name = format!("{repository}:{tag}");
            let Some(bytes) = get(format!("{repository}/manifests/{tag}")).await else {
                return Err(format!("{name}: the tag leads nowhere"));
            };
            let root = Digest::of(&bytes);
            let read = async |part, digest: &Digest| match part {
                Part::Manifest => get(format!("{repository}/manifests/{digest}")).await,
                Part::Blob => get(format!("{repository}/blobs/{digest}")).await,
            };
            follow(&root, &read).await.map_err(|e| format!("{name}: {e}"))?;
            for referrer in list(format!("{repository}/referrers/{root}"), "manifests", "digest").await {
                let digest: Digest = referrer.parse().unwrap();
                follow(&digest, &read).await.map_err(|e| format!("{name}, a referrer: {e}"))?;
                names.insert(format!("{name} referrer"), digest);
            }
            names.insert(name, root);
        }
    }
    Ok(names)
}

/// Every image of an OCI layout, by its name there; none if there is no layout. Partial files are an error, and so are
/// files among the blobs that are not what their names say.
pub async fn in_layout(directory: &Path) -> Result<Names, String> {
    let blobs = directory.join("blobs/sha256");
    for file in files(&blobs) {
        // Whoever looks while a thread is just removing what it wrote looks again.
        let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let name = file.file_name().unwrap().to_str().unwrap();
        if Digest::of(&bytes).hex() != name {
            return Err(format!("{}: {} bytes that are not what the name says", file.display(), bytes.len()));
        }
    }
    for file in files(directory) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if !matches!(name.as_str(), "oci-layout" | "index.json") {
            return Err(format!("{} is left over", file.display()));
        }
    }
    let Ok(index) = std::fs::read(directory.join("index.json")) else { return Ok(Names::new()) };
    let index: Value = serde_json::from_slice(&index).map_err(|e| format!("index.json: {e}"))?;
    let mut names = Names::new();
    for entry in index["manifests"].as_array().unwrap() {
        let root: Digest = entry["digest"].as_str().unwrap().parse().unwrap();
        follow(&root, async |_, digest: &Digest| std::fs::read(blobs.join(digest.hex())).ok()).await?;
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap_or_default();
        names.insert(name.to_owned(), root);
    }
    Ok(names)
}

/// Every tag of a store of wharf's (`repository:tag`). Uploads that are left are an error.
pub async fn in_store(root: &Path) -> Result<Names, String> {
    if let Some(left) = files(&root.join("_uploads")).first() {
        return Err(format!("{} is left over", left.display()));
    }
    let mut names = Names::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        let image = directory.join("_image");
        if image.is_dir() {
            let repository = directory.strip_prefix(root).unwrap().display().to_string();
            for (tag, digest) in in_layout(&image).await? {
                names.insert(format!("{repository}:{tag}"), digest);
            }
        }
        let below = std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_named = |path: &PathBuf| !path.file_name().unwrap().to_str().unwrap().starts_with('_');
        todo.extend(below.filter(|path| path.is_dir()).filter(is_named));
    }
    names.retain(|name, _| !name.ends_with(':'));
    Ok(names)
}

/// Every archive in a directory, by its file's name, with the digest of its image; its second one follows as `a.tar 2`.
/// Each must have its checksum beside it; anything else in there is an error.
pub async fn in_archives(directory: &Path) -> Result<Names, String> {
    let mut names = Names::new();
    for file in files(directory) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(of) = name.strip_suffix(".sha256") {
            if !directory.join(of).is_file() {
                return Err(format!("{name} is of nothing"));
            }
            continue;
        }
        if ![".tar", ".tar.gz", ".tar.zst"].iter().any(|end| name.ends_with(end)) {
            return Err(format!("{name} is left over"));
        }
        let digests = archive(&file).await.map_err(|e| format!("{name}: {e}"))?;
        for (nth, digest) in digests.into_iter().enumerate() {
            names.insert(if nth == 0 { name.clone() } else { format!("{name} {}", nth + 1) }, digest);
        }
    }
    Ok(names)
}

async fn archive(file: &Path) -> Result<Vec<Digest>, String> {
    let bytes = std::fs::read(file).unwrap();
    let sum =
        std::fs::read_to_string(format!("{}.sha256", file.display())).map_err(|e| format!("sum: {e}"))?;
    if sum.split(' ').next() != Some(Digest::of(&bytes).hex()) {
        return Err("the checksum is another".to_owned());
    }
    let mut inside: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let plain: Box<dyn Read> = match file.extension().and_then(|end| end.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(bytes.as_slice())),
        Some("zst") => Box::new(zstd::Decoder::new(bytes.as_slice()).map_err(|e| e.to_string())?),
        _ => Box::new(bytes.as_slice()),
    };
    let mut tar = tar::Archive::new(plain);
    for entry in tar.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|e| format!("{path}: {e}"))?;
        inside.insert(path, content);
    }
    let json = |name: &str| -> Result<Value, String> {
        let bytes = inside.get(name).ok_or_else(|| format!("no {name}"))?;
        serde_json::from_slice(bytes).map_err(|e| format!("{name}: {e}"))
    };
    // An OCI archive has none.
    let docker = if inside.contains_key("manifest.json") { json("manifest.json")? } else { Value::Null };
    for docker in docker.as_array().into_iter().flatten() {
        let layers = docker["Layers"].as_array().unwrap().iter();
        for path in layers.chain([&docker["Config"]]).map(|path| path.as_str().unwrap()) {
            let content =
                inside.get(path).ok_or_else(|| format!("manifest.json names {path}, which is missing"))?;
            if !path.contains(Digest::of(content).hex()) {
                return Err(format!("{path} has {} wrong bytes", content.len()));
            }
        }
    }
    let mut roots: Vec<Digest> = Vec::new();
    for entry in json("index.json")?["manifests"].as_array().unwrap() {
        let root: Digest = entry["digest"].as_str().unwrap().parse().unwrap();
        let read = async |_, digest: &Digest| inside.get(&format!("blobs/sha256/{}", digest.hex())).cloned();
        follow(&root, read).await?;
        // Once for each of its names.
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    Ok(roots)
}

/// The files in a directory; none if it is not there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_file()).collect()
}
