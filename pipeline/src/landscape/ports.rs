//! Ports of this host: choosing one, and who listens on it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A port that was free a moment ago on 127.0.0.1, chosen by the system. Another program can take it before its user
/// does: the user must be able to try another.
pub fn choose() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Who listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// One of the processes that were asked about.
    Ours,
    /// Another process.
    Foreign,
    /// One of the processes does not let itself be looked at (it runs as another user).
    Unknown,
}

/// Whether one of these processes listens on the TCP port.
pub fn listener(port: u16, pids: &[i32]) -> Listener {
    let sockets = listening_sockets(port);
    let mut hidden = false;
    for pid in pids {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            hidden |= fs::metadata(format!("/proc/{pid}")).is_ok();
            continue;
        };
        let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        for target in targets {
            let inode = target.to_str().and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if inode.is_some_and(|inode: u64| sockets.contains(&inode)) {
                return Listener::Ours;
            }
        }
    }
    if hidden { Listener::Unknown } else { Listener::Foreign }
}

/// Inodes of the sockets that listen on a TCP port, IPv4 and IPv6.
fn listening_sockets(port: u16) -> BTreeSet<u64> {
    const LISTEN: &str = "0A";
    let mut inodes = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else {
                continue;
            };
            let local_port = local.rsplit_once(':').and_then(|(_, hex)| u16::from_str_radix(hex, 16).ok());
            if state == LISTEN && local_port == Some(port) {
                inodes.extend(inode.parse::<u64>());
            }
        }
    }
    inodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_our_listener_from_a_foreign_one() {
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listening.local_addr().unwrap().port();
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(listener(port, &[me]), Listener::Ours);
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(listener(port, &[i32::try_from(other.id()).unwrap()]), Listener::Foreign);
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
