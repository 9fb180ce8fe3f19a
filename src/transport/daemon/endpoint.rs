//! Where an engine is: a socket, a TCP port with or without TLS, or a machine that is reached over SSH.

use std::fmt;
use std::path::{Path, PathBuf};

use super::super::registry::TlsOptions;
use crate::oci::printable;

/// Where an engine is. What it prints holds no secret: there is none in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///var/run/docker.sock`
    Unix(PathBuf),
    /// `tcp://HOST:PORT`
    Tcp {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// 2375 where none is written, with TLS 2376.
        port: u16,
        /// How TLS is spoken; `None` for plain HTTP.
        tls: Option<TlsOptions>,
    },
    /// `ssh://[USER@]HOST[:PORT][/SOCKET]`: what `docker system dial-stdio` reaches there.
    Ssh {
        /// The user there, if another than ssh's own choice.
        user: Option<String>,
        /// What ssh calls the machine: a name of `~/.ssh/config` too.
        host: String,
        /// The port, if another than ssh's own choice.
        port: Option<u16>,
        /// The engine's socket there, if another than the usual one.
        socket: Option<String>,
    },
}

impl Endpoint {
    /// Reads an address as `DOCKER_HOST` has it, or a socket's path. `tls` counts for TCP alone. The error is a
    /// reason, for a message that names what was read.
    pub fn parse(text: &str, tls: Option<TlsOptions>) -> Result<Endpoint, String> {
        if text.starts_with('/') {
            return Ok(Endpoint::Unix(PathBuf::from(text)));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("{:?} is no address of an engine: {FORMS}", printable(text, 80)));
        };
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Endpoint::Unix(PathBuf::from(rest))),
            "unix" => Err(format!("{FORMS}; a socket's path begins with /")),
            "tcp" | "http" => tcp(rest, tls),
            "https" => tcp(rest, Some(tls.unwrap_or_default())),
            "ssh" => ssh(rest),
            "npipe" => {
                Err("npipe:// is Windows' own; this wharf reaches engines over unix, tcp and ssh".to_owned())
            }
            other => Err(format!("{}:// is no way to an engine: {FORMS}", printable(other, 20))),
        }
    }

    /// The socket's path, if it is one.
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Endpoint::Unix(path) => Some(path),
            _ => None,
        }
    }
}

const FORMS: &str = "write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST";

fn tcp(rest: &str, tls: Option<TlsOptions>) -> Result<Endpoint, String> {
    let rest = rest.trim_end_matches('/');
    let (host, port) = host_and_port(rest)?;
    let port = port.unwrap_or(if tls.is_some() { 2376 } else { 2375 });
    // `tcp://:2375` is what people write for this machine.
    let host = if host.is_empty() { "localhost".to_owned() } else { host };
    Ok(Endpoint::Tcp { host, port, tls })
}

fn ssh(rest: &str) -> Result<Endpoint, String> {
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path).filter(|path| !path.is_empty())),
        None => (rest, None),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("a password does not belong in an ssh:// address; use a key".to_owned());
    }
    let (host, port) = host_and_port(host)?;
    // Nothing that ssh could take for an option of its own.
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|u| u.is_empty() || u.starts_with('-')) {
        return Err("an ssh:// address is ssh://[USER@]HOST[:PORT]".to_owned());
    }
    let socket = path.map(|path| format!("/{path}"));
    // It goes through a shell there.
    if let Some(socket) = &socket
        && !socket.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
    {
        return Err("the socket's path in an ssh:// address has letters, digits and /._- only".to_owned());
    }
    Ok(Endpoint::Ssh { user: user.map(str::to_owned), host, port, socket })
}

/// `HOST[:PORT]`, `[IPV6][:PORT]`
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let wrong = || format!("{:?} is no HOST:PORT", printable(text, 80));
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(wrong()),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/?#@\\".contains(c)) {
        return Err(wrong());
    }
    let port = port.map(|port| port.parse::<u16>().map_err(|_| wrong())).transpose()?;
    Ok((host.to_owned(), port))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self {
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
            Endpoint::Tcp { host, port, .. } => write!(f, "tcp://{}:{port}", bracketed(host)),
            Endpoint::Ssh { user, host, port, socket } => {
                write!(f, "ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                write!(f, "{}", bracketed(host))?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                f.write_str(socket.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_docker_reads_them() {
        for (text, shown) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("/run/podman/podman.sock", "unix:///run/podman/podman.sock"),
            ("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
            ("tcp://build", "tcp://build:2375"),
            ("tcp://:4000", "tcp://localhost:4000"),
            ("tcp://[::1]:2375/", "tcp://[::1]:2375"),
            ("https://build", "tcp://build:2376"),
            ("ssh://me@build.example.com:2222", "ssh://me@build.example.com:2222"),
            ("ssh://build", "ssh://build"),
            ("ssh://me@build/run/user/1000/docker.sock", "ssh://me@build/run/user/1000/docker.sock"),
        ] {
            assert_eq!(Endpoint::parse(text, None).map(|e| e.to_string()).as_deref(), Ok(shown), "{text}");
        }
        let tls = Some(TlsOptions::default());
        assert_eq!(Endpoint::parse("tcp://a", tls).unwrap().to_string(), "tcp://a:2376");
    }

    #[test]
    fn what_leads_nowhere_is_refused_and_shows_no_password() {
        for text in [
            "",
            "docker",
            "unix://var/run/x",
            "npipe:////./pipe/docker_engine",
            "fd://",
            "tcp://a:b",
            "tcp://a b:1",
            "tcp://u:hunter2@a:1",
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://me:hunter2@build",
            "ssh://build/run/$(x)",
        ] {
            let reason = Endpoint::parse(text, None).unwrap_err();
            assert!(!reason.contains("me:hunter2"), "{reason}");
        }
    }
}
