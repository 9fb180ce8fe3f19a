//! What the demo's registry holds: repositories, versions, platforms, and of which layers they are made.

use super::layer::{Content, File, Recipe};
use crate::oci::Platform;

/// One version of one repository.
pub(super) struct Version {
    pub(super) repository: &'static str,
    /// The version's own tag first, then those that are the same image.
    pub(super) tags: &'static [&'static str],
    pub(super) platforms: &'static [&'static str],
    /// RFC 3339.
    pub(super) created: &'static str,
    pub(super) entrypoint: &'static [&'static str],
    /// Docker's media types instead of OCI's.
    pub(super) docker: bool,
    /// With BuildKit's attestations.
    pub(super) attested: bool,
    /// With a signature that refers to it.
    pub(super) signed: bool,
    parts: &'static [Part],
}

/// A layer: its size in KiB, and what it has in common with others.
struct Part {
    kib: u64,
    /// Layers of the same name are the same layer.
    name: &'static str,
    path: &'static str,
    /// Each version has its own.
    own: bool,
}

const ALL: &[&str] = &["linux/amd64", "linux/arm64", "linux/arm/v7"];
const SERVERS: &[&str] = &["linux/amd64", "linux/arm64"];

const DEBIAN: Part = Part { kib: 6144, name: "debian", path: "usr/lib/libc.so.6", own: false };
const ALPINE: Part = Part { kib: 3072, name: "alpine", path: "lib/ld-musl.so.1", own: false };
const RUNTIME: Part = Part { kib: 5120, name: "runtime", path: "opt/runtime/bin/node", own: false };
const TOOLS: Part = Part { kib: 16_384, name: "tools", path: "usr/local/bin/toolchain", own: false };

const fn own(kib: u64, name: &'static str, path: &'static str) -> Part {
    Part { kib, name, path, own: true }
}

const fn plain(
    repository: &'static str,
    tags: &'static [&'static str],
    created: &'static str,
    platforms: &'static [&'static str],
    entrypoint: &'static [&'static str],
    parts: &'static [Part],
) -> Version {
    Version {
        repository,
        tags,
        platforms,
        created,
        entrypoint,
        docker: false,
        attested: false,
        signed: false,
        parts,
    }
}

const NGINX: &[Part] =
    &[DEBIAN, own(1300, "nginx", "usr/sbin/nginx"), own(2, "site", "etc/nginx/conf.d/default.conf")];
const REDIS: &[Part] = &[DEBIAN, own(1500, "redis", "usr/local/bin/redis-server")];
const API: &[Part] =
    &[DEBIAN, RUNTIME, own(1100, "api", "app/server.js"), own(3, "settings", "app/settings.json")];
const WEB: &[Part] = &[ALPINE, own(2048, "web", "srv/www/bundle.js")];
const TOOLBOX: &[Part] = &[DEBIAN, TOOLS, own(3072, "scripts", "usr/local/bin/toolbox")];

const NGINX_RUNS: &[&str] = &["/usr/sbin/nginx", "-g", "daemon off;"];
const REDIS_RUNS: &[&str] = &["/usr/local/bin/redis-server"];
const API_RUNS: &[&str] = &["/opt/runtime/bin/node", "/app/server.js"];
const WEB_RUNS: &[&str] = &["/bin/httpd", "-f", "-h", "/srv/www"];
const TOOLBOX_RUNS: &[&str] = &["/usr/local/bin/toolbox"];

/// Everything, oldest version first.
pub(super) const VERSIONS: &[Version] = &[
    plain("library/nginx", &["1.25.5", "1.25"], "2026-04-16T09:00:00Z", ALL, NGINX_RUNS, NGINX),
    plain("library/nginx", &["1.26.2", "1.26", "stable"], "2026-08-14T09:00:00Z", ALL, NGINX_RUNS, NGINX),
    plain("library/nginx", &["1.27.3", "1.27", "latest"], "2026-11-02T09:00:00Z", ALL, NGINX_RUNS, NGINX),
    plain("library/redis", &["7.2.5", "7.2"], "2026-05-16T10:30:00Z", ALL, REDIS_RUNS, REDIS),
    plain("library/redis", &["7.4.1", "7.4", "latest"], "2026-10-02T10:30:00Z", ALL, REDIS_RUNS, REDIS),
    plain("team-a/api", &["v1.8.0"], "2026-10-11T16:20:00Z", &["linux/amd64"], API_RUNS, API),
    plain("team-a/api", &["v1.9.1"], "2026-11-11T08:05:00Z", SERVERS, API_RUNS, API),
    Version {
        attested: true,
        ..plain("team-a/api", &["v1.9.2", "latest"], "2026-11-18T14:45:00Z", SERVERS, API_RUNS, API)
    },
    Version { docker: true, ..plain("team-b/web", &["v2"], "2026-07-01T12:00:00Z", SERVERS, WEB_RUNS, WEB) },
    Version {
        docker: true,
        signed: true,
        ..plain("team-b/web", &["v3", "latest"], "2026-11-15T12:00:00Z", SERVERS, WEB_RUNS, WEB)
    },
    plain("tools/toolbox", &["2026.10"], "2026-10-01T00:00:00Z", SERVERS, TOOLBOX_RUNS, TOOLBOX),
    plain("tools/toolbox", &["2026.11", "latest"], "2026-11-01T00:00:00Z", SERVERS, TOOLBOX_RUNS, TOOLBOX),
];

impl Version {
    /// The version as its first tag says it.
    pub(super) fn name(&self) -> &'static str {
        self.tags.first().copied().unwrap_or("latest")
    }

    /// The layers for a platform, base first, each with the command that made it. Sizes are divided by `shrink`.
    pub(super) fn recipes(&self, platform: &Platform, shrink: u64) -> Vec<(Recipe, String)> {
        self.parts.iter().map(|part| self.recipe(part, platform, shrink)).collect()
    }

    fn recipe(&self, part: &Part, platform: &Platform, shrink: u64) -> (Recipe, String) {
        let seed = match part.own {
            true => format!("{}/{}/{}/{platform}", self.repository, part.name, self.name()),
            false => format!("{}/{platform}", part.name),
        };
        let about = match part.own {
            true => format!("name={}\nversion={}\nplatform={platform}\n", part.name, self.name()),
            false => format!(
                "ID={}\nPRETTY_NAME=\"{} of the wharf demo\"\nPLATFORM={platform}\n",
                part.name, part.name
            ),
        };
        let noise = (part.kib << 10) / shrink.max(1);
        let files = vec![
            File { path: format!("etc/demo/{}", part.name), content: Content::Text(about) },
            File { path: part.path.to_owned(), content: Content::Noise(noise.max(1)) },
        ];
        (Recipe { seed, files }, format!("COPY {} /{} # wharf demo", part.name, part.path))
    }
}
