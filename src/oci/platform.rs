//! Platforms: `os/architecture[/variant]`, and which of an image's platforms are wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A platform in Go's names: `linux/amd64`, `linux/arm/v7`, `windows/amd64`, `windows/amd64:10.0.20348`.
///
/// Parsing normalises as containerd does: `arm64`, `aarch64` and `linux/arm64/v8` are one platform,
/// so are `x86_64` and `amd64`, `armhf` and `arm/v7`; a name without an os is linux.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// Operating system, `linux` mostly.
    pub os: String,
    /// CPU architecture.
    pub architecture: String,
    /// CPU variant, `v7` of `arm/v7`.
    pub variant: Option<String>,
    /// Windows' build number, when the index gives one; written behind a colon, as crane does. Who asks for
    /// `10.0.20348` means every revision of it.
    pub os_version: Option<String>,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no platform: {reason}; platforms are written linux/amd64, arm64 or linux/arm/v7")]
pub struct PlatformError {
    text: String,
    reason: &'static str,
}

const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "wasi",
    "windows",
    "unknown",
];

const ARCHITECTURES: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm", "unknown",
];

impl Platform {
    /// A platform from an index's or a configuration's own fields, normalised.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Platform {
        let (architecture, variant) = normalise(&architecture.to_ascii_lowercase(), variant);
        Platform { os: os.to_ascii_lowercase(), architecture, variant, os_version: None }
    }

    /// The same with a build number, if it is one that could be asked for: it comes out of a document of anybody's.
    pub fn with_os_version(self, version: Option<&str>) -> Platform {
        Platform { os_version: version.filter(|version| is_version(version)).map(str::to_owned), ..self }
    }

    /// Linux on the CPU this program was built for.
    pub fn host_linux() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86" => "386",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "loongarch64" => "loong64",
            other => other,
        };
        Platform::new("linux", architecture, None)
    }

    /// Whether an image for `self` is what somebody who asked for `wanted` means: the same os and
    /// architecture, and the same variant where one was asked for (`arm` alone takes any variant).
    pub fn satisfies(&self, wanted: &Platform) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.variant == wanted.variant)
            && wanted.os_version.as_ref().is_none_or(|wanted| {
                let own = self.os_version.as_deref().unwrap_or_default();
                own.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }

    /// Whether this is the `unknown/unknown` of an attestation manifest.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }

    /// For file names: `linux-arm-v7`.
    pub fn dashed(&self) -> String {
        self.to_string().replace(['/', ':'], "-")
    }
}

fn is_version(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}

fn normalise(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let variant = variant.map(str::to_ascii_lowercase).filter(|v| !v.is_empty());
    let (architecture, variant) = match (architecture, variant.as_deref()) {
        ("i386" | "i686" | "x86", _) => ("386", None),
        ("x86_64" | "x86-64" | "amd64", Some("v1")) => ("amd64", None),
        ("x86_64" | "x86-64", _) => ("amd64", variant),
        ("aarch64" | "arm64", Some("8" | "v8")) => ("arm64", None),
        ("aarch64" | "arm64", Some("9")) => ("arm64", Some("v9".to_owned())),
        ("aarch64", _) => ("arm64", variant),
        ("armhf", _) => ("arm", Some("v7".to_owned())),
        ("armel", _) => ("arm", Some("v6".to_owned())),
        ("arm", Some("5" | "6" | "7" | "8")) => ("arm", variant.map(|v| format!("v{v}"))),
        ("loongarch64", _) => ("loong64", variant),
        (other, _) => (other, variant),
    };
    (architecture.to_owned(), variant)
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Platform, PlatformError> {
        let error = |reason| PlatformError { text: super::printable(text, 60), reason };
        if let Some((platform, version)) = text.trim().split_once(':') {
            if !is_version(version) {
                return Err(error("behind the colon stands no version, as in windows/amd64:10.0.20348"));
            }
            let platform = platform.parse::<Platform>().map_err(|e| error(e.reason))?;
            return Ok(Platform { os_version: Some(version.to_owned()), ..platform });
        }
        let lower = text.trim().to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        if parts
            .iter()
            .any(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)))
        {
            return Err(error("a part is empty or has characters that do not belong"));
        }
        let known = |architecture: &str| ARCHITECTURES.contains(&normalise(architecture, None).0.as_str());
        match parts[..] {
            [one] if known(one) => Ok(Platform::new("linux", one, None)),
            [one] if SYSTEMS.contains(&one) => Err(error("an architecture is missing")),
            [_] => Err(error("no such architecture")),
            [os, architecture] if SYSTEMS.contains(&os) => match known(architecture) {
                true => Ok(Platform::new(os, architecture, None)),
                false => Err(error("no such architecture")),
            },
            [architecture, variant] if known(architecture) => {
                Ok(Platform::new("linux", architecture, Some(variant)))
            }
            [_, _] => Err(error("no such operating system or architecture")),
            [os, architecture, variant] => match (SYSTEMS.contains(&os), known(architecture)) {
                (true, true) => Ok(Platform::new(os, architecture, Some(variant))),
                (false, _) => Err(error("no such operating system")),
                (_, false) => Err(error("no such architecture")),
            },
            _ => Err(error("it has too many parts")),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}/{}", self.os, self.architecture);
        for (mark, part) in [('/', &self.variant), (':', &self.os_version)] {
            if let Some(part) = part {
                text.push(mark);
                text.push_str(part);
            }
        }
        f.pad(&text)
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Platform, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which of an image's platforms are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platforms {
    /// All of them; the index is kept byte for byte.
    #[default]
    All,
    /// These; an index is rewritten to hold only their entries. Never empty.
    Only(Vec<Platform>),
}

impl Platforms {
    /// `All` for an empty list, else these, each once.
    pub fn from_list(list: Vec<Platform>) -> Platforms {
        let mut only: Vec<Platform> = Vec::with_capacity(list.len());
        for platform in list {
            if !only.contains(&platform) {
                only.push(platform);
            }
        }
        if only.is_empty() { Platforms::All } else { Platforms::Only(only) }
    }

    /// Whether an image for `platform` is among those wanted.
    pub fn wants(&self, platform: &Platform) -> bool {
        match self {
            Platforms::All => true,
            Platforms::Only(list) => list.iter().any(|wanted| platform.satisfies(wanted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> String {
        text.parse::<Platform>().map_or_else(|e| e.to_string(), |p| p.to_string())
    }

    #[test]
    fn short_and_long_forms_parse_to_one_name() {
        for (text, want) in [
            ("linux/amd64", "linux/amd64"),
            ("amd64", "linux/amd64"),
            ("x86_64", "linux/amd64"),
            ("arm64", "linux/arm64"),
            ("aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("arm/v7", "linux/arm/v7"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("linux/arm/7", "linux/arm/v7"),
            ("Linux/ARM/V6", "linux/arm/v6"),
            ("armhf", "linux/arm/v7"),
            ("s390x", "linux/s390x"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("windows/amd64", "windows/amd64"),
            ("i386", "linux/386"),
            ("riscv64", "linux/riscv64"),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "toaster",
            "linux/toaster",
            "beos/amd64",
            "linux/arm/v7/x",
            "linux /amd64",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_windows_build_is_asked_for_with_all_its_revisions() {
        let build = |text: &str| text.parse::<Platform>().unwrap();
        let image = build("windows/amd64:10.0.20348.2700");
        assert_eq!(image.to_string(), "windows/amd64:10.0.20348.2700");
        for (wanted, want) in [
            ("windows/amd64", true),
            ("windows/amd64:10.0.20348", true),
            ("windows/amd64:10.0.20348.2700", true),
            ("windows/amd64:10.0.2034", false),
            ("windows/amd64:10.0.17763", false),
        ] {
            assert_eq!(image.satisfies(&build(wanted)), want, "{wanted}");
        }
        assert!(!build("windows/amd64").satisfies(&image));
        let odd = Platform::new("windows", "amd64", None).with_os_version(Some("10.0/../x"));
        assert_eq!(odd.to_string(), "windows/amd64");
        assert_eq!(image.dashed(), "windows-amd64-10.0.20348.2700");
        assert!("windows/amd64:".parse::<Platform>().is_err() && "windows:10.0".parse::<Platform>().is_err());
    }

    #[test]
    fn a_variant_matters_only_when_asked_for() {
        let v7 = Platform::new("linux", "arm", Some("v7"));
        assert!(v7.satisfies(&"arm".parse().unwrap()) && v7.satisfies(&"arm/v7".parse().unwrap()));
        assert!(!v7.satisfies(&"arm/v6".parse().unwrap()));
        assert!(Platform::new("linux", "arm64", Some("v8")).satisfies(&"arm64".parse().unwrap()));
    }
}
