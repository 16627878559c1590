//! The data plane against real servers.

use crate::stage::{server, until};
use chaos::lease::{FaultId, Lease};
use chaos::proxy::{Direction, Edge, EdgeFault, EdgeName, Removal, Share, draw};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const ALL: Share = Share::ALL;

async fn edge() -> Edge {
    Edge::open(EdgeName::new("a", "b"), Some(server().await)).unwrap()
}

fn lease(name: &str) -> Lease {
    Lease::grant(FaultId::new("r", name))
}

fn delay(ms: u64) -> EdgeFault {
    EdgeFault::Delay { delay: Duration::from_millis(ms), jitter: Duration::ZERO, direction: Direction::To }
}

/// Sends `bytes` and reads so many responses with bodies by content-length; returns their status lines and bodies.
async fn talk(stream: &mut TcpStream, bytes: &[u8], responses: usize) -> Vec<String> {
    stream.write_all(bytes).await.unwrap();
    let (mut got, mut seen) = (Vec::new(), Vec::new());
    while seen.len() < responses {
        assert!(stream.read_buf(&mut got).await.unwrap() > 0, "ended after {seen:?}");
        while let Some(end) = got.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if got.len() < end + 4 + length {
                break;
            }
            seen.push(format!("{} {}", &head[9..12], String::from_utf8_lossy(&got[end + 4..end + 4 + length])));
            got.drain(..end + 4 + length);
        }
    }
    seen
}

const GET: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
const POST: &[u8] = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc";
const CHUNKED: &[u8] =
    b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n";

#[tokio::test]
async fn open_keep_alive_connections_feel_faults_and_undo_goes_by_id() {
    let edge = edge().await;
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    assert_eq!(talk(&mut stream, GET, 1).await, ["200 ok"]);
    let (slow, broken) = (lease("slow"), lease("broken"));
    edge.inject(&slow, delay(60), 1).unwrap();
    edge.inject(&broken, EdgeFault::Abort { status: 503, share: ALL }, 1).unwrap();
    assert_eq!(talk(&mut stream, POST, 1).await, ["503 "]);
    assert!(matches!(edge.remove(broken.id()), Removal::Removed(stats) if stats.hits == 1));
    assert_eq!(edge.remove(broken.id()), Removal::NotThere);
    let start = Instant::now();
    assert_eq!(talk(&mut stream, POST, 1).await, ["200 abc"]);
    assert!(start.elapsed() >= Duration::from_millis(59), "the delay was left alone");
    edge.remove(slow.id());
    assert_eq!(talk(&mut stream, CHUNKED, 1).await, ["200 def"]);
}

#[tokio::test]
async fn answers_keep_their_order_in_a_pipeline() {
    let edge = edge().await;
    edge.inject(&lease("half"), EdgeFault::Abort { status: 500, share: Share::try_new(0.5).unwrap() }, 3).unwrap();
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let seen = talk(&mut stream, &[GET, POST, CHUNKED].concat().repeat(20), 60).await;
    let whole = ["200 ok", "200 abc", "200 def"];
    for (n, seen) in seen.iter().enumerate() {
        let expected = if draw(3, n as u64) < 0.5 { "500 " } else { whole[n % 3] };
        assert_eq!(seen, expected, "response {n}");
    }
    assert_eq!(edge.stats().responses_aborted, seen.iter().filter(|seen| *seen == "500 ").count() as u64);
}

#[tokio::test]
async fn resets_hit_open_and_new_connections() {
    let edge = edge().await;
    let mut open = TcpStream::connect(edge.addr()).await.unwrap();
    talk(&mut open, GET, 1).await;
    let fault = lease("reset");
    edge.inject(&fault, EdgeFault::Reset { share: ALL }, 1).unwrap();
    for stream in [&mut open, &mut TcpStream::connect(edge.addr()).await.unwrap()] {
        let error = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    edge.remove(fault.id());
    assert_eq!(talk(&mut TcpStream::connect(edge.addr()).await.unwrap(), GET, 1).await, ["200 ok"]);
}

#[tokio::test]
async fn a_lapsed_lease_ends_the_fault_by_itself() {
    let edge = edge().await;
    edge.inject(&lease("orphan"), EdgeFault::Abort { status: 503, share: ALL }, 1).unwrap();
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    assert_eq!(talk(&mut stream, GET, 1).await, ["503 "]);
    until(|| edge.entries().is_empty()).await;
    assert_eq!(talk(&mut stream, GET, 1).await, ["200 ok"]);
}

#[tokio::test]
async fn other_bytes_and_half_closes_pass_untouched() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = Edge::open(EdgeName::new("a", "b"), Some(listener.local_addr().unwrap())).unwrap();
    edge.inject(&lease("abort"), EdgeFault::Abort { status: 503, share: ALL }, 1).unwrap();
    for bytes in [&b"PING\r\n"[..], b"\x16\x03\x01 TLS", b"QUIT"] {
        let mut client = TcpStream::connect(edge.addr()).await.unwrap();
        client.write_all(bytes).await.unwrap();
        let (mut target, _) = listener.accept().await.unwrap();
        let mut got = vec![0; bytes.len()];
        target.read_exact(&mut got).await.unwrap();
        assert_eq!(got, bytes);
        client.shutdown().await.unwrap();
        assert_eq!(target.read(&mut [0]).await.unwrap(), 0);
        target.write_all(b"late").await.unwrap();
        drop(target);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"late");
    }
    edge.shutdown().await;
    assert!(TcpStream::connect(edge.addr()).await.is_err());
}
