//! The resolver of a component: passes questions on to those of the host, unless a fault is in their way.

use super::message::Question;
use super::name_fault::{NameEffect, NameFault};
use super::resolv_conf::ResolvConf;
use super::table::Faults;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The port that every resolver asks: a `resolv.conf` names none.
const PORT: u16 = 53;
/// Addresses of this host that are tried until one is free.
const TRIES: u32 = 32;
/// How long one upstream may take; resolvers themselves wait that long.
const UPSTREAM_MAX: Duration = Duration::from_secs(5);
/// How long a connection without a question stays.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Questions under way; more wait.
const MAX_QUESTIONS: usize = 1_024;
/// Pause of a listener that cannot accept.
const BREATH: Duration = Duration::from_millis(10);
/// Longest message.
const MAX_MESSAGE: usize = 65_535;

/// Sockets that are bound and not yet served.
pub(super) struct Bound {
    udp: StdSocket,
    tcp: StdListener,
    upstreams: Vec<SocketAddr>,
    address: IpAddr,
    host: ResolvConf,
}

impl Bound {
    /// Gives the namespace a `resolv.conf` that names it.
    pub(super) fn put_in_place(&self) -> io::Result<()> {
        self.host.replace(self.address, &self.upstreams)
    }
}

/// Binds an address of this host that nobody uses; to be called with all rights that there are.
pub(super) fn bind(upstreams: &[SocketAddr]) -> io::Result<Bound> {
    let host = ResolvConf::of_host()?;
    let upstreams = if upstreams.is_empty() { host.servers.clone() } else { upstreams.to_vec() };
    if upstreams.is_empty() {
        return Err(io::Error::other("the resolv.conf of this host names no server"));
    }
    let mut last = io::Error::other("no address was tried");
    for _ in 0..TRIES {
        // Above 127.1: what others choose by hand lies below.
        let [_, a, b, c] = rand::random::<[u8; 4]>();
        let address = SocketAddr::from((Ipv4Addr::new(127, a | 1, b, c | 1), PORT));
        match StdSocket::bind(address).and_then(|udp| Ok((udp, StdListener::bind(address)?))) {
            Ok((udp, tcp)) => {
                udp.set_nonblocking(true)?;
                tcp.set_nonblocking(true)?;
                return Ok(Bound { udp, tcp, upstreams, address: address.ip(), host });
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(super::namespace::why_names("port 53 of loopback", &error)),
        }
    }
    Err(io::Error::other(format!("port 53 of loopback: {last}")))
}

/// Serves on a thread of its own.
pub(super) fn serve(bound: Bound, faults: Arc<Faults>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || {
        let ended = runtime.block_on(async {
            let udp = Arc::new(UdpSocket::from_std(bound.udp)?);
            let tcp = TcpListener::from_std(bound.tcp)?;
            let forwarder = Arc::new(Forwarder {
                upstreams: bound.upstreams,
                faults,
                places: Arc::new(Semaphore::new(MAX_QUESTIONS)),
            });
            tokio::join!(forwarder.clone().datagrams(udp), forwarder.streams(tcp));
            Ok::<(), io::Error>(())
        });
        // Without a resolver the component has no names: it starts again with a new one.
        std::process::exit(i32::from(ended.is_err()) + 1);
    };
    std::thread::Builder::new().name("names".into()).spawn(serve).map(drop)
}

struct Forwarder {
    upstreams: Vec<SocketAddr>,
    faults: Arc<Faults>,
    places: Arc<Semaphore>,
}

/// What becomes of a question.
enum Fate {
    /// It is passed on.
    Pass,
    /// It is answered here.
    Answered(Vec<u8>),
    /// Nobody answers.
    Silence,
}

impl Forwarder {
    async fn datagrams(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            // An error is about an earlier answer: whoever asked is gone.
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
            let (question, this, socket) = (buffer[..length].to_vec(), self.clone(), socket.clone());
            tokio::spawn(async move {
                let answer = match this.fate(&question).await {
                    Fate::Pass => this.pass_datagram(&question).await,
                    Fate::Answered(answer) => Some(answer),
                    Fate::Silence => None,
                };
                if let Some(answer) = answer {
                    let _ = socket.send_to(&answer, from).await;
                }
                drop(place);
            });
        }
    }

    async fn streams(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors: a connection that ends frees one.
                sleep(BREATH).await;
                continue;
            };
            let this = self.clone();
            tokio::spawn(async move {
                // Whoever asked sees the end of the connection.
                let _ = this.stream(stream).await;
                drop(place);
            });
        }
    }

    async fn stream(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let question = timeout(IDLE_MAX, read(&mut stream)).await??;
            match self.fate(&question).await {
                Fate::Pass => {
                    let answer = self.pass_stream(&question).await?;
                    write(&mut stream, &answer).await?;
                }
                Fate::Answered(answer) => write(&mut stream, &answer).await?,
                // It waits, until it gives up.
                Fate::Silence => {
                    let _ = timeout(IDLE_MAX, stream.read_u8()).await;
                    return Ok(());
                }
            }
        }
    }

    /// Meets the faults that are in the way.
    async fn fate(&self, question: &[u8]) -> Fate {
        let Some(question) = Question::read(question) else { return Fate::Pass };
        for entry in self.faults.names.now() {
            let NameFault { share, effect, .. } = &entry.fault;
            let concerns = !matches!(effect, NameEffect::Address(_)) || question.is_for_addresses();
            if !concerns || !entry.names(|| Some(question.name())) || entry.draw() >= *share {
                continue;
            }
            match *effect {
                NameEffect::Delay { delay, jitter } => {
                    entry.pause(entry.spread(delay, jitter)).await;
                }
                NameEffect::Error(error) => {
                    return question.failed(error, &entry.id).map_or(Fate::Silence, Fate::Answered);
                }
                NameEffect::Address(address) => {
                    return question.address(address, &entry.id).map_or(Fate::Silence, Fate::Answered);
                }
            }
        }
        Fate::Pass
    }

    async fn pass_datagram(&self, question: &[u8]) -> Option<Vec<u8>> {
        for upstream in &self.upstreams {
            let asked = timeout(UPSTREAM_MAX, async {
                let any = if upstream.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(upstream).await?;
                socket.send(question).await?;
                let mut buffer = vec![0; MAX_MESSAGE];
                loop {
                    let length = socket.recv(&mut buffer).await?;
                    // The id: an answer to somebody else's question is none.
                    if buffer[..length].get(..2) == question.get(..2) {
                        buffer.truncate(length);
                        return Ok::<_, io::Error>(buffer);
                    }
                }
            });
            if let Ok(Ok(answer)) = asked.await {
                return Some(answer);
            }
        }
        None
    }

    async fn pass_stream(&self, question: &[u8]) -> io::Result<Vec<u8>> {
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for upstream in &self.upstreams {
            let asked = timeout(UPSTREAM_MAX, async {
                let mut stream = TcpStream::connect(upstream).await?;
                write(&mut stream, question).await?;
                read(&mut stream).await
            });
            match asked.await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => last = error,
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}

/// A message with its length before it.
async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut all = length.to_be_bytes().to_vec();
    all.extend_from_slice(message);
    stream.write_all(&all).await
}
