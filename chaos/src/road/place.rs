//! Where a road lies: a network namespace with one device, which nothing but the road's own sockets can reach. The kernel
//! takes both back with the process and the last of these sockets.

use super::packet::{HERE, NETWORK};
use crate::fault::Needs;
use crate::user_namespace;
use nix::sched::{CloneFlags, unshare};
use std::fs::OpenOptions;
use std::io;
use tun_rs::{DeviceBuilder, SyncDevice};

/// Of Ethernet: what most packets of real networks fit in.
const MTU: u16 = 1_500;
/// The device through which packets come to user space.
const TUN: &str = "/dev/net/tun";

/// Moves this process, which has one thread, to a network namespace of its own, and makes the device in there.
pub(super) fn enter() -> io::Result<SyncDevice> {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        user_namespace::unshare_with(CloneFlags::CLONE_NEWNET).map_err(|error| why("a network namespace", &error))?;
    }
    let device = DeviceBuilder::new().name("road").ipv4(HERE, NETWORK, None).mtu(MTU).build_sync();
    let device = device.map_err(|error| why("a device for packets", &error))?;
    device.set_nonblocking(true)?;
    Ok(device)
}

fn why(what: &str, error: &io::Error) -> io::Error {
    crate::host::explained(what, error, Needs::OwnNetwork)
}

/// Whether this process may make a network namespace: tried, not guessed, where a thread can try.
pub(crate) fn can_have_network() -> bool {
    let tried = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok());
    tried.join().unwrap_or(false) || user_namespace::can_be_made()
}

/// Whether this process may make devices for packets where it has the right to.
pub(crate) fn can_open_tun() -> bool {
    OpenOptions::new().read(true).write(true).open(TUN).is_ok()
}
