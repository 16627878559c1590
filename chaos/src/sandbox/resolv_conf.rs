//! Which resolvers a process asks: the host's own, and ours in their place.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PLACE: &str = "/etc/resolv.conf";
/// Start of the line that tells where our resolver passes questions on to.
const PASSES_ON: &str = "# passed on to ";
/// Sockets through which the C library asks somebody else before any resolver. Where they do not answer, it asks those of
/// `resolv.conf`.
const SHORTCUTS: [&str; 3] = ["/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/var/run/nscd/socket"];
const PORT: u16 = 53;

/// What a `resolv.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    /// Servers, first asked first.
    pub(crate) servers: Vec<SocketAddr>,
    /// Where the server, when it is ours, passes questions on to.
    pub(crate) passes_on: Vec<SocketAddr>,
    /// Everything else: search domains and options.
    rest: String,
}

impl ResolvConf {
    pub(crate) fn read(text: &str) -> Self {
        let mut read = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let Some(servers) = line.strip_prefix(PASSES_ON) {
                read.passes_on.extend(servers.split(' ').filter_map(|server| server.parse::<SocketAddr>().ok()));
            } else if words.next() == Some("nameserver") {
                let address = words.next().and_then(|address| address.parse::<IpAddr>().ok());
                read.servers.extend(address.map(|address| SocketAddr::from((address, PORT))));
            } else {
                let _ = writeln!(read.rest, "{line}");
            }
        }
        read
    }

    pub(super) fn of_host() -> io::Result<Self> {
        let text = fs::read_to_string(PLACE).map_err(|error| io::Error::other(format!("{PLACE}: {error}")))?;
        Ok(Self::read(&text))
    }

    fn with(&self, server: IpAddr, passes_on: &[SocketAddr]) -> String {
        let passes_on: Vec<String> = passes_on.iter().map(ToString::to_string).collect();
        format!("{PASSES_ON}{}\nnameserver {server}\n{}", passes_on.join(" "), self.rest)
    }

    /// Puts another server in the place of these, in this mount namespace alone.
    pub(super) fn replace(&self, server: IpAddr, passes_on: &[SocketAddr]) -> io::Result<()> {
        // The file needs a file system of its own, so that nothing of it is ever on a disk, and that one needs a folder
        // for as long as this takes: any that is always there, in a namespace that nobody else is in yet.
        let folder = Path::new("/proc");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("mettle"), folder, Some("tmpfs"), flags, Some("size=64k,mode=0755"))?;
        let file = folder.join("resolv.conf");
        let bound = fs::write(&file, self.with(server, passes_on)).and_then(|()| {
            // Whoever the component is: it must read it.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
            let over = |place: &str| mount(Some(&file), place, None::<&str>, MsFlags::MS_BIND, None::<&str>);
            over(PLACE)?;
            for shortcut in SHORTCUTS.into_iter().filter(|path| Path::new(path).exists()) {
                over(shortcut)?;
            }
            Ok(())
        });
        umount2(folder, MntFlags::MNT_DETACH)?;
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_keeps_all_but_the_servers() {
        let host = ResolvConf::read("search a.b\nnameserver 192.0.2.1\n  nameserver 2001:db8::1\noptions ndots:2\n");
        assert_eq!(host.servers, ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
        let ours = ResolvConf::read(&host.with("127.1.2.3".parse().unwrap(), &host.servers));
        assert_eq!(ours.servers, ["127.1.2.3:53".parse().unwrap()]);
        assert_eq!(ours.passes_on, host.servers);
        assert_eq!(ours.rest, "search a.b\noptions ndots:2\n");
    }
}
