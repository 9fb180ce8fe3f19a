//! From the configuration and the command line to the engine's options.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::credentials::StoredCredentials;
use super::environment::{proxies, spool_directory, variable};
use crate::cli::Overrides;
use crate::config::credentials::{CredentialStore, Environment};
use crate::config::{Config, Proxy, RegistryEntry, RegistryType, RegistryUrl, Tls, paths};
use crate::engine::{EngineOptions, Forbids};
use crate::ledger::Ledger;
use crate::oci::Platform;
use crate::transport::registry::{ClientOptions, ProxySettings, RegistryOptions, RegistryPath, TlsOptions};

/// The engine's options.
pub(super) fn engine_options(config: &Config, overrides: Overrides, ledger: Option<Ledger>) -> EngineOptions {
    let registries = || config.registries.iter().filter(|e| e.kind == RegistryType::Registry);
    let limit = |e: &RegistryEntry| Some((e.registry()?.to_string(), e.concurrency?));
    let bandwidth = |e: &RegistryEntry| Some((e.registry()?.to_string(), e.bandwidth?.get()));
    let limits = overrides.limits;
    let (workers, workers_per_host) = limits.workers(config);
    EngineOptions {
        client: client_options(config, overrides),
        store: store_directory(config),
        spool: spool_directory(&variable),
        workers,
        workers_per_host,
        host_limits: registries().filter_map(limit).collect::<HashMap<_, _>>(),
        bandwidth: limits.bandwidth(config).map(Into::into),
        host_bandwidths: registries().filter_map(bandwidth).collect(),
        forbids: forbids(config),
        attempts: config.attempts,
        retries_per_job: config.retries_per_job,
        daemons: super::engines::places(config, Environment::of_process(), staging_directory(config)),
        host_platform: Platform::host_linux(),
        // A terminal has no use for an archive, and the terminal UI's is the screen.
        standard_output: (!std::io::stdout().is_terminal()).then(std::env::temp_dir),
        ledger,
    }
}

/// The configuration's rule of what is never written to.
fn forbids(config: &Config) -> Forbids {
    let config = config.clone();
    Arc::new(move |target| {
        let entry = config.forbids(target)?;
        Some(format!("the configuration's entry {:?} is read_only", entry.name))
    })
}

/// The local image store's directory.
pub(super) fn store_directory(config: &Config) -> PathBuf {
    let data = || paths::data_directory().unwrap_or_else(|| PathBuf::from(".wharf"));
    config.store.clone().unwrap_or_else(|| data().join("store"))
}

/// Where images lie that come out of an engine or go into one: beside the store, on a disk that is made for images.
fn staging_directory(config: &Config) -> PathBuf {
    let store = store_directory(config);
    store.parent().map_or_else(|| PathBuf::from(".wharf"), Path::to_owned).join("staging")
}

fn client_options(config: &Config, overrides: Overrides) -> ClientOptions {
    let mut registries: Vec<RegistryOptions> = Vec::new();
    for entry in config.registries.iter().filter(|e| e.kind == RegistryType::Registry) {
        let Some(registry) = entry.registry() else { continue };
        // Several entries may share a host and differ by path; the first says how the host is spoken to.
        if registries.iter().all(|known| known.registry != registry) {
            let tls = entry.effective_tls().map(tls_options);
            // Who writes https:// never means plain HTTP, whatever else is lenient.
            let url = entry.wants_tls().then(|| format!("https://{}", registry.endpoint()));
            let proxy = entry.proxy.as_ref().map(proxy_settings);
            let mirrors = entry.mirrors.iter().map(registry_path).collect();
            let location = entry.location.as_ref().map(registry_path);
            registries.push(RegistryOptions { registry, url, tls, proxy, mirrors, location });
        }
    }
    mirror_schemes(config, &mut registries);
    for (registry, verify) in overrides.tls_verify {
        if registries.iter().all(|known| known.registry != registry) {
            registries.push(RegistryOptions::new(registry.clone()));
        }
        registries
            .iter_mut()
            .filter(|known| known.registry == registry)
            .for_each(|known| set_verify(known, verify));
    }
    let reserve = |e: &RegistryEntry| Some((e.registry()?, e.rate_limit_reserve?));
    let reserves = config.registries.iter().filter_map(reserve).collect();
    let proxy = overrides.proxy.as_ref().map(proxy_settings);
    let store =
        CredentialStore::new(config, overrides.credentials, overrides.authfile, Environment::of_process());
    ClientOptions {
        registries,
        credentials: Arc::new(StoredCredentials(store)),
        proxy: proxy.unwrap_or_else(|| proxies(&variable)),
        attempts: config.attempts,
        rate_limit_reserve: config.rate_limit_reserve,
        rate_limit_reserves: reserves,
        stall_timeout: Duration::from_secs(config.stall_timeout),
        ..ClientOptions::default()
    }
}

/// How mirrors are spoken to that have no entry of their own: as their URL says.
fn mirror_schemes(config: &Config, registries: &mut Vec<RegistryOptions>) {
    for mirror in config.registries.iter().flat_map(|entry| entry.mirrors.iter().chain(&entry.location)) {
        let Some(plain) = mirror.plain else { continue };
        if registries.iter().all(|known| known.registry != mirror.registry) {
            let tls = Some(TlsOptions { plain, ..TlsOptions::default() });
            registries.push(RegistryOptions { tls, ..RegistryOptions::new(mirror.registry.clone()) });
        }
    }
}

fn registry_path(url: &RegistryUrl) -> RegistryPath {
    RegistryPath { registry: url.registry.clone(), path: url.prefix.clone() }
}

/// `--…-tls-verify=false` is skopeo's: certificates are not looked at, and where no TLS is spoken plain HTTP is. A
/// loopback host is spoken to in plain unless somebody says otherwise, so there it only opens the door to TLS.
fn set_verify(options: &mut RegistryOptions, verify: bool) {
    let tls = options.tls.get_or_insert_with(TlsOptions::default);
    tls.insecure = !verify;
}

fn proxy_settings(proxy: &Proxy) -> ProxySettings {
    let text = |url: &Option<SecretString>| url.as_ref().map(|url| url.expose_secret().to_owned());
    ProxySettings {
        http_proxy: text(&proxy.http_proxy),
        https_proxy: text(&proxy.https_proxy),
        all_proxy: None,
        no_proxy: Some(proxy.no_proxy.clone()),
    }
}

pub(super) fn tls_options(tls: Tls) -> TlsOptions {
    let Tls { plain, insecure, ca_file, cert_file, key_file } = tls;
    TlsOptions { plain, insecure, ca_file, cert_file, key_file }
}
