//! Hands sockets of the road's namespace to whoever of this user asks: one byte for each, answered by one byte with the
//! socket. The one end of a connection listens, the other one connects, both in the process that asked.

use super::packet::HERE;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socket_with,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Who asks: an executor, for as many connections as turn to the road at once.
const MOST_CONNECTIONS: usize = 256;
/// Pause after a connection that could not be taken.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A stream that is not connected yet.
    Stream,
    /// A listener for one stream, at a port of its own.
    Listener,
    /// A socket for datagrams, at a port of its own.
    Datagrams,
}

impl Wanted {
    pub(super) fn byte(self) -> u8 {
        match self {
            Wanted::Stream => b's',
            Wanted::Listener => b'l',
            Wanted::Datagrams => b'd',
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Wanted::Stream, Wanted::Listener, Wanted::Datagrams].into_iter().find(|wanted| wanted.byte() == byte)
    }

    fn make(self) -> io::Result<OwnedFd> {
        Ok(match self {
            Wanted::Stream => {
                let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?
            }
            Wanted::Listener => TcpListener::bind((HERE, 0))?.into(),
            Wanted::Datagrams => UdpSocket::bind((HERE, 0))?.into(),
        })
    }
}

/// A name in the kernel's table of sockets without files, which is gone with the process.
pub(super) fn listen(address: &str) -> io::Result<UnixListener> {
    let name = SocketAddr::from_abstract_name(address)?;
    UnixListener::bind_addr(&name).map_err(|error| io::Error::other(format!("its socket {address}: {error}")))
}

/// Serves everybody of `user` for good.
pub(super) fn serve(listener: &UnixListener, user: Uid) -> ! {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(ACCEPT_AGAIN);
            continue;
        };
        let is_ours = getsockopt(&stream, PeerCredentials).is_ok_and(|peer| peer.uid() == user.as_raw());
        if !is_ours || open.load(Ordering::Acquire) >= MOST_CONNECTIONS {
            continue;
        }
        open.fetch_add(1, Ordering::AcqRel);
        let count = open.clone();
        let served = std::thread::Builder::new().name("mint".into()).spawn(move || {
            // Whoever asked is gone, or asks for what there is not.
            let _ = answer(&stream);
            count.fetch_sub(1, Ordering::AcqRel);
        });
        if served.is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn answer(mut stream: &UnixStream) -> io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        let wanted = Wanted::of(byte[0]).ok_or(io::ErrorKind::InvalidData)?;
        match wanted.make() {
            Ok(socket) => hand_over(stream.as_fd(), socket.as_fd())?,
            // A byte without a socket: there are no ports or descriptors now, and there may be later.
            Err(_) => stream.write_all(b"!")?,
        }
    }
    Ok(())
}

fn hand_over(to: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let sockets = [socket];
    if !rights.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::Error::other("one socket is too many"));
    }
    sendmsg(to, &[IoSlice::new(b".")], &mut rights, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes what was asked for; to be called when there is something to be read.
pub(super) fn take(from: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let got = recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut rights, flags)?;
    let socket = rights.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    socket.ok_or_else(|| match got.bytes {
        0 => io::ErrorKind::UnexpectedEof.into(),
        _ => io::Error::other("the road gave no socket"),
    })
}
