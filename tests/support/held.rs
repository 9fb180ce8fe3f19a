//! What this process holds open: files below a directory, and sockets to or from given ports.

use std::collections::HashSet;
use std::path::Path;

/// Files below `directory` (also deleted ones) and sockets one of whose ends is one of `ports`, as `/proc` names them.
pub fn open(directory: &Path, ports: &[u16]) -> Vec<String> {
    let sockets = sockets(ports);
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = links.filter_map(|link| Some(std::fs::read_link(link.path()).ok()?.display().to_string()));
    targets.filter(|target| Path::new(target).starts_with(directory) || sockets.contains(target)).collect()
}

/// Whether somebody in this machine listens on that port now: it may have been given away again.
pub fn is_listened_on(port: u16) -> bool {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(std::fs::read_to_string);
    tables.iter().flatten().flat_map(|table| table.lines().skip(1)).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields[1].rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok());
        fields[3] == "0A" && local == Some(port)
    })
}

/// `socket:[INODE]` of TCP sockets with such a port.
fn sockets(ports: &[u16]) -> HashSet<String> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(std::fs::read_to_string);
    let mut found = HashSet::new();
    for line in tables.iter().flatten().flat_map(|table| table.lines().skip(1)) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
        let (Some(local), Some(remote)) = (port(fields[1]), port(fields[2])) else { continue };
        if ports.contains(&local) || ports.contains(&remote) {
            found.insert(format!("socket:[{}]", fields[9]));
        }
    }
    found
}

mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let file = std::fs::File::create(dir.path().join("a")).unwrap();
        let held = open(dir.path(), &[port]);
        assert_eq!(held.len(), 2, "{held:?}");
        drop((file, listener));
        assert_eq!(open(dir.path(), &[port]), [""; 0]);
    }
}
