//! A road for packets: real TCP connections between the two halves of an edge, whose packets are lost, doubled or
//! reordered on their way.
//!
//! A process of ours, started as a [`crate::holder`], makes a network namespace with one device, puts every packet that
//! leaves there back for the other end, as the fault says, and hands sockets of the namespace to the executor. Edges
//! take their connections over such sockets while the fault is in, and back when it is not; neither caller nor target
//! sees more than that bytes come as over a bad link. Nothing of the host's network is touched: no rule, no route, no
//! device. A road ends with its process, and the kernel takes everything back.

mod fates;
mod mint;
mod packet;
mod packet_fault;
mod place;
mod relay;

pub(crate) use packet_fault::gilbert;
pub use packet_fault::{PacketEffect, PacketFault};
pub(crate) use place::{can_have_network, can_open_tun};

use crate::digest;
use crate::proxy::Direction;
use mint::Wanted;
use nix::sys::socket::{getsockopt, setsockopt, sockopt::Ipv4Tos, sockopt::PeerCredentials};
use nix::unistd::{Uid, geteuid};
use packet::{CALLER, CALM, TARGET};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream as StdUnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixStream};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Digits of the digest in an address.
const ADDRESS_DIGITS: usize = 32;
/// How long the road may take to hand a socket over.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

/// Where the road of a fault is asked for sockets.
pub fn address(id: &str, mark: &str) -> String {
    format!("mettle-road-{}", &digest::hex(format!("{mark}\n{id}"))[..ADDRESS_DIGITS])
}

/// A road in the process that makes it.
pub(crate) struct Laid {
    relay: JoinHandle<io::Error>,
}

impl Laid {
    /// Lays a road that is found at `address`; this process has one thread. Once the device is made, rights are given up.
    ///
    /// # Errors
    /// The kernel refuses; the text says what is missing and what would enable it.
    pub(crate) fn lay(
        address: &str,
        (fault, seed): (PacketFault, u64),
        give_up_rights: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Self> {
        let user: Uid = geteuid();
        // Names without files belong to a network namespace: this one must be in the executor's.
        let listener = mint::listen(address)?;
        let device = place::enter()?;
        // Before there is a second thread: rights belong to threads.
        give_up_rights()?;
        let relay = relay::Relay::new(device, fates::Fates::new(fault, seed));
        let relay = std::thread::Builder::new().name("relay".into()).spawn(move || relay.run())?;
        std::thread::Builder::new().name("road".into()).spawn(move || mint::serve(&listener, user))?;
        Ok(Self { relay })
    }

    /// Whether packets are still relayed.
    pub(crate) fn is_open(&self) -> bool {
        !self.relay.is_finished()
    }
}

/// A connection over a road. Its far end is there when the first packet after the handshake has come through: bytes may
/// be sent before, as by any caller.
#[derive(Debug)]
pub(crate) struct Detour {
    near: TcpStream,
    listener: TcpListener,
    far: OnceCell<TcpStream>,
}

impl Detour {
    /// The end on the caller's side (`To` comes from there), or on the target's.
    ///
    /// # Errors
    /// What the kernel says of the listener.
    pub(crate) async fn end(&self, of: Direction) -> io::Result<&TcpStream> {
        if of == Direction::To {
            return Ok(&self.near);
        }
        let accept = || async {
            let (far, _) = self.listener.accept().await?;
            settle(&far)?;
            Ok(far)
        };
        self.far.get_or_try_init(accept).await
    }
}

/// From here on packets meet the fault. The kernel keeps nothing of a connection that is closed, or it would keep the
/// namespace, and the ports, for minutes: what has not arrived is remembered elsewhere.
fn settle(end: &TcpStream) -> io::Result<()> {
    end.set_nodelay(true)?;
    end.set_zero_linger()?;
    Ok(setsockopt(end, Ipv4Tos, &0)?)
}

/// A road as the executor and its edges see it.
#[derive(Clone)]
pub struct Road(Arc<Inner>);

struct Inner {
    holder: u32,
    address: String,
    /// A connection on which nobody asks now.
    asking: Mutex<Option<UnixStream>>,
    gone: CancellationToken,
    /// Watches the process; ends with this.
    _watch: JoinSet<()>,
}

impl PartialEq for Road {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Road")
    }
}

impl Road {
    /// Finds the road that process `holder` has laid. To be called within a runtime.
    ///
    /// # Errors
    /// There is none, or it is another process that answers.
    pub fn find(address: &str, holder: u32) -> io::Result<Self> {
        let mut watched = connect(address, holder)?;
        let gone = CancellationToken::new();
        let mut watch = JoinSet::new();
        let token = gone.clone();
        watch.spawn(async move {
            // Nothing ever comes: the end of the stream is the end of the process.
            let _ = watched.read_u8().await;
            token.cancel();
        });
        let (address, asking) = (address.to_owned(), Mutex::default());
        Ok(Self(Arc::new(Inner { holder, address, asking, gone, _watch: watch })))
    }

    /// Its process.
    pub(crate) fn holder(&self) -> u32 {
        self.0.holder
    }

    /// Whether its process is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.gone.is_cancelled()
    }

    /// Waits until its process is gone.
    pub(crate) async fn ends(&self) {
        self.0.gone.cancelled().await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn socket(&self, wanted: Wanted) -> io::Result<OwnedFd> {
        // Whoever does not wait for the answer takes the connection along: the next one must not get it.
        let kept = self.lock().take();
        let mut stream = kept.map_or_else(|| connect(&self.0.address, self.0.holder), Ok)?;
        let handed = async {
            stream.write_all(&[wanted.byte()]).await?;
            stream.async_io(Interest::READABLE, || mint::take(stream.as_fd())).await
        };
        let socket = tokio::time::timeout(HAND_OVER_MAX, handed).await.map_err(io::Error::other)??;
        *self.lock() = Some(stream);
        Ok(socket)
    }

    /// Connects over the road. A `calm` one is set up without a fault: it stands for one that
    /// was there before; its bytes meet the fault.
    ///
    /// # Errors
    /// The process is gone, or no packet came through for as long as the kernel tries.
    pub(crate) async fn detour(&self, calm: bool) -> io::Result<Detour> {
        let listener = self.socket(Wanted::Listener).await?;
        let stream = std::net::TcpStream::from(self.socket(Wanted::Stream).await?);
        if calm {
            setsockopt(&listener, Ipv4Tos, &i32::from(CALM))?;
            setsockopt(&stream, Ipv4Tos, &i32::from(CALM))?;
        }
        let listener = std::net::TcpListener::from(listener);
        listener.set_nonblocking(true)?;
        let to = (TARGET, listener.local_addr()?.port());
        let listener = TcpListener::from_std(listener)?;
        let near = TcpSocket::from_std_stream(stream).connect(to.into()).await?;
        settle(&near)?;
        Ok(Detour { near, listener, far: OnceCell::new() })
    }

    /// Two sockets for datagrams that meet the fault like any packet: the caller's, and the target's.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) async fn datagrams(&self) -> io::Result<(UdpSocket, UdpSocket)> {
        let socket = async || {
            let socket = std::net::UdpSocket::from(self.socket(Wanted::Datagrams).await?);
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        let (near, far) = (socket().await?, socket().await?);
        near.connect((TARGET, far.local_addr()?.port())).await?;
        far.connect((CALLER, near.local_addr()?.port())).await?;
        Ok((near, far))
    }
}

fn connect(address: &str, holder: u32) -> io::Result<UnixStream> {
    let name = SocketAddr::from_abstract_name(address)?;
    let stream = StdUnixStream::connect_addr(&name)?;
    let peer = getsockopt(&stream, PeerCredentials)?.pid();
    if u32::try_from(peer).ok() != Some(holder) {
        return Err(io::Error::other(format!("process {peer} answers at {address}, and not the holder {holder}")));
    }
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
