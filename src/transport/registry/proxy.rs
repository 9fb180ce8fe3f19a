//! Which proxy a URL is reached by, if by any: settings with the meaning of the environment variables of these names.

use std::net::IpAddr;

use reqwest::Url;

use super::options::ProxySettings;

/// What the environment's proxies are never asked for, besides the user's own list.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";
/// Schemes of proxies.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// Proxies, read and checked.
#[derive(Clone)]
pub(super) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    all: Option<Url>,
    direct: Vec<Direct>,
}

impl Proxies {
    /// Reads the settings. What is `meant` for one registry is used whatever its host is; the environment's proxies
    /// never stand before this machine's own hosts.
    pub(super) fn new(settings: &ProxySettings, meant: bool) -> Result<Proxies, String> {
        let list = settings.no_proxy.as_deref().unwrap_or_default();
        let own = if meant { "" } else { LOOPBACK };
        Ok(Proxies {
            http: read("http_proxy", &settings.http_proxy)?,
            https: read("https_proxy", &settings.https_proxy)?,
            all: read("all_proxy", &settings.all_proxy)?,
            direct: own.split(',').chain(list.split(',')).filter_map(Direct::read).collect(),
        })
    }

    /// The proxy on the way to a URL.
    pub(super) fn to(&self, url: &Url) -> Option<&Url> {
        if self.direct.iter().any(|direct| direct.covers(url)) {
            return None;
        }
        let own = if url.scheme() == "https" { &self.https } else { &self.http };
        own.as_ref().or(self.all.as_ref())
    }

    /// Whether there is none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none() && self.all.is_none()
    }

    /// Whether plain HTTP goes through a proxy that is spoken to in TLS.
    pub(super) fn need_tls(&self) -> bool {
        [&self.http, &self.all].into_iter().flatten().any(|proxy| proxy.scheme() == "https")
    }
}

/// A proxy as it is shown: without its user name and password.
pub(super) fn shown(proxy: &Url) -> String {
    let is_known = !proxy.username().is_empty() || proxy.password().is_some();
    let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = proxy.host_str().unwrap_or_default();
    format!("{}://{}{host}{port}", proxy.scheme(), if is_known { "…@" } else { "" })
}

/// The URL may hold a password: an error names the variable alone.
fn read(name: &str, text: &Option<String>) -> Result<Option<Url>, String> {
    let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = whole.parse::<Url>().ok();
    let fits = |url: &Url| SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|h| !h.is_empty());
    url.filter(fits).map(Some).ok_or_else(|| format!("{name} is no proxy's URL"))
}

/// One word of a `no_proxy` list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    Everything,
    /// An address, or a network by the length of its prefix; on one port alone, perhaps.
    Network(IpAddr, u32, Option<u16>),
    /// A domain and all below it.
    Domain(String, Option<u16>),
}

impl Direct {
    fn read(word: &str) -> Option<Direct> {
        let word = word.trim();
        if word.is_empty() {
            return None;
        }
        if word == "*" {
            return Some(Direct::Everything);
        }
        let whole = |ip: IpAddr| if ip.is_ipv4() { 32 } else { 128 };
        if let Some((ip, length)) = word.split_once('/') {
            let (ip, length) = (ip.parse::<IpAddr>().ok()?, length.parse().ok()?);
            return (length <= whole(ip)).then_some(Direct::Network(ip, length, None));
        }
        if let Ok(ip) = word.parse::<IpAddr>() {
            return Some(Direct::Network(ip, whole(ip), None));
        }
        let (host, port) = match word.rsplit_once(':').map(|(host, port)| (host, port.parse().ok())) {
            Some((host, Some(port))) => (host, Some(port)),
            _ => (word, None),
        };
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Direct::Network(ip, whole(ip), port));
        }
        let domain = host.strip_prefix('*').unwrap_or(host).trim_start_matches('.').to_ascii_lowercase();
        (!domain.is_empty()).then_some(Direct::Domain(domain, port))
    }

    fn covers(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
        let at = |port: &Option<u16>| port.is_none() || *port == url.port_or_known_default();
        match self {
            Direct::Everything => true,
            Direct::Network(network, length, port) => {
                at(port) && host.parse::<IpAddr>().is_ok_and(|ip| is_within(ip, *network, *length))
            }
            Direct::Domain(domain, port) => {
                let host = host.to_ascii_lowercase();
                let rest = host.strip_suffix(domain.as_str());
                at(port) && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

fn is_within(ip: IpAddr, network: IpAddr, length: u32) -> bool {
    let (a, b, width) = match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    // A shift by the whole width would be one too many.
    (a ^ b).checked_shr(width - length).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(no_proxy: &str, meant: bool, url: &str) -> Option<String> {
        let settings = ProxySettings {
            http_proxy: Some("http://me:secret@plain:3128".to_owned()),
            https_proxy: None,
            all_proxy: Some("socks5h://all:1080".to_owned()),
            no_proxy: Some(no_proxy.to_owned()),
        };
        let proxies = Proxies::new(&settings, meant).unwrap();
        proxies.to(&url.parse().unwrap()).map(shown)
    }

    #[test]
    fn a_url_has_its_proxy() {
        let (plain, all) = (Some("http://…@plain:3128".to_owned()), Some("socks5h://all:1080".to_owned()));
        for (no_proxy, url, want) in [
            ("", "http://r.io/v2/", &plain),
            ("", "https://r.io/v2/", &all),
            ("", "http://127.0.0.1:5000/", &None),
            ("", "http://127.9.9.9/", &None),
            ("", "http://[::1]:5000/", &None),
            ("", "https://localhost/", &None),
            ("", "https://x.localhost/", &None),
            ("r.io", "https://r.io/", &None),
            ("r.io", "https://a.r.io/", &None),
            ("r.io", "https://xr.io/", &all),
            (" .r.io , x", "https://a.R.io/", &None),
            ("*.r.io", "https://a.r.io/", &None),
            ("r.io:5000", "https://r.io/", &all),
            ("r.io:5000", "https://r.io:5000/", &None),
            ("r.io:443", "https://r.io/", &None),
            ("10.0.0.0/8", "https://10.1.2.3/", &None),
            ("10.0.0.0/8", "https://11.1.2.3/", &all),
            ("0.0.0.0/0", "https://11.1.2.3/", &None),
            ("10.1.2.3:80", "http://10.1.2.3/", &None),
            ("fd00::/8", "https://[fd12::1]/", &None),
            ("fd00::/8", "https://[fe12::1]/", &all),
            ("*", "https://r.io/", &None),
        ] {
            assert_eq!(&by(no_proxy, false, url), want, "{no_proxy:?} {url}");
        }
        assert_eq!(by("", true, "http://127.0.0.1:5000/"), plain);
        assert_eq!(by("127.0.0.1", true, "http://127.0.0.1:5000/"), None);
    }

    #[test]
    fn a_wrong_proxy_is_named_by_its_variable() {
        let proxies = |url: &str| {
            let settings = ProxySettings { https_proxy: Some(url.to_owned()), ..ProxySettings::default() };
            Proxies::new(&settings, false)
        };
        for url in ["http://me:secret@", "ftp://me:secret@p", "http://"] {
            assert_eq!(proxies(url).err().unwrap(), "https_proxy is no proxy's URL", "{url}");
        }
        assert!(proxies(" ").unwrap().is_empty());
        let to = |url: &str| proxies(url).unwrap().to(&"https://r.io".parse().unwrap()).map(shown);
        assert_eq!(to("proxy.local:3128").as_deref(), Some("http://proxy.local:3128"));
        assert_eq!(to("socks5h://127.0.0.1:1080").as_deref(), Some("socks5h://127.0.0.1:1080"));
        let settings =
            ProxySettings { all_proxy: Some("http://me:secret@p".to_owned()), ..Default::default() };
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
