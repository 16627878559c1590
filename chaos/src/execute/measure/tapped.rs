//! Exchanges with a listener of the executor's own in place of the target: what arrives on either side of the edge is
//! compared with what was sent on the other.

use super::hits::Hits;
use super::share::is_rewritten;
use super::{PROBE_MAX, repeat};
use crate::proxy::{Direction, Edge, HeaderEdit, Tap};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: mettle-probe\r\n\r\n";
/// Without a body: an edge passes it on as one chunk.
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
/// Bytes of an edited head that are read.
const MAX_HEAD: usize = 64 << 10;

/// What came out of the edge on either side of it.
struct Arrived {
    request: Vec<u8>,
    answer: Vec<u8>,
}

async fn read(stream: &mut TcpStream, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    let mut got = Vec::new();
    while !is_whole(&got) && got.len() < MAX_HEAD {
        if stream.read_buf(&mut got).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(got)
}

/// A connection that is still to be made, whose other end will be our own listener.
struct Prepared {
    there: TcpListener,
    socket: TcpSocket,
    tap: Tap,
    to: SocketAddr,
}

async fn prepare(edge: &Edge) -> io::Result<Prepared> {
    let here = match edge.addr().ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let there = TcpListener::bind((here, 0)).await?;
    let socket = if here.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The edge must know the caller before it comes.
    socket.bind((here, 0).into())?;
    let tap = edge.tap(socket.local_addr()?, there.local_addr()?);
    Ok(Prepared { there, socket, tap, to: SocketAddr::new(here, edge.addr().port()) })
}

/// Sends `request` through the edge on a connection of its own, which is whole for the listener when it says so.
async fn exchange(edge: &Edge, request: &[u8], is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Arrived> {
    let Prepared { there, socket, tap: _tap, to } = prepare(edge).await?;
    go((there, socket, to), request, is_whole).await
}

async fn go(
    (there, socket, to): (TcpListener, TcpSocket, SocketAddr),
    request: &[u8],
    is_whole: impl Fn(&[u8]) -> bool,
) -> io::Result<Arrived> {
    let mut caller = socket.connect(to).await?;
    caller.set_nodelay(true)?;
    caller.write_all(request).await?;
    let (mut target, _) = there.accept().await?;
    target.set_nodelay(true)?;
    let request = read(&mut target, is_whole).await?;
    target.write_all(ANSWER).await?;
    let answer = read(&mut caller, |got| got.len() >= ANSWER.len()).await?;
    Ok(Arrived { request, answer })
}

/// What became of a request.
pub(super) struct Posted {
    /// Whether its answer came.
    pub(super) is_answered: bool,
    /// Whether the edge led it over a road.
    pub(super) led_over_a_road: bool,
}

/// Sends a request with a body of so many bytes through the edge, and waits for its answer.
pub(super) async fn post(edge: &Edge, bytes: usize) -> io::Result<Posted> {
    let head = format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {bytes}\r\n\r\n");
    let whole = head.len() + bytes;
    let request = [head.into_bytes(), vec![b'x'; bytes]].concat();
    let Prepared { there, socket, tap, to } = prepare(edge).await?;
    let answered = timeout(PROBE_MAX, go((there, socket, to), &request, |got| got.len() >= whole)).await;
    Ok(Posted { is_answered: matches!(answered, Ok(Ok(_))), led_over_a_road: tap.led_over_a_road() })
}

/// Chunks whose bits changed on their way, of all that went in a direction that the fault concerns.
pub(super) async fn flips(edge: &Arc<Edge>, count: u32, direction: Direction) -> Hits {
    let once = || {
        let edge = edge.clone();
        async move { timeout(PROBE_MAX, exchange(&edge, REQUEST, |got| got.len() >= REQUEST.len())).await.ok()?.ok() }
    };
    let seen: Vec<Arrived> = repeat(count, once).await.into_iter().flatten().collect();
    let chunks =
        |arrived: &Arrived| [(Direction::To, arrived.request != REQUEST), (Direction::From, arrived.answer != ANSWER)];
    let chunks: Vec<_> = seen.iter().flat_map(chunks).filter(|(way, _)| direction.covers(*way)).collect();
    Hits::of(&chunks, |_| true, |(_, is_changed)| *is_changed)
}

/// Requests whose fields arrive as the edit leaves them, and were sent otherwise.
pub(super) async fn rewrites(edge: &Arc<Edge>, count: u32, edit: &HeaderEdit) -> Hits {
    let request = request(edit);
    let sent_as_edited = fields(&request).is_some_and(|fields| is_rewritten(edit, &fields));
    let once = || {
        let (edge, request) = (edge.clone(), request.clone());
        let is_whole = |got: &[u8]| got.ends_with(b"\r\n\r\n");
        async move {
            let arrived = timeout(PROBE_MAX, exchange(&edge, &request, is_whole)).await.ok()?.ok()?;
            fields(&arrived.request)
        }
    };
    let seen: Vec<HeaderMap> = repeat(count, once).await.into_iter().flatten().collect();
    Hits::of(&seen, |_| !sent_as_edited, |fields| is_rewritten(edit, fields))
}

/// A request that has every field that is to be removed.
fn request(edit: &HeaderEdit) -> Vec<u8> {
    let names: BTreeSet<&str> = ["host", "user-agent"].into_iter().chain(edit.removed()).collect();
    let fields: String = names.iter().map(|name| format!("{name}: mettle-probe\r\n")).collect();
    format!("GET / HTTP/1.1\r\n{fields}\r\n").into_bytes()
}

/// The fields of a head; none when it makes no sense.
fn fields(head: &[u8]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    let lines = head.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        fields.append(HeaderName::from_bytes(&line[..colon]).ok()?, value);
    }
    Some(fields)
}
