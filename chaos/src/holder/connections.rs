//! Idle connections.

use super::Held;
use super::space::allow_files;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one connection may take; a full backlog answers nothing at all.
const CONNECT_MAX: Duration = Duration::from_millis(500);
/// Descriptors of the holder itself.
const OWN_FILES: u64 = 32;

pub(super) struct Connections(#[expect(dead_code, reason = "it is there to be there")] Vec<TcpStream>);

impl Connections {
    /// Opens up to `count`: when the component takes no more, that is what was wanted, and the dose says how many.
    pub(super) fn open(address: SocketAddr, count: u32) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::other(format!("{address} is not on this host")));
        }
        allow_files(u64::from(count) + OWN_FILES)?;
        let open = |_| TcpStream::connect_timeout(&address, CONNECT_MAX).ok();
        Ok(Self((0..count).map_while(open).collect()))
    }
}

impl Held for Connections {}
