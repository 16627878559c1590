//! Faults on the requests and responses of an edge, against an HTTP server and its pipelines.

use crate::stage::{server, until, within};
use chaos::lease::{FaultId, Lease};
use chaos::proxy::{
    BodyEdit, Direction, Edge, EdgeFault, EdgeName, HeaderEdit, Message, Removal, Share, Truncation, draw,
};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const ALL: Share = Share::ALL;

async fn edge() -> Edge {
    Edge::open(EdgeName::new("a", "b"), Some(server().await)).unwrap()
}

fn inject(edge: &Edge, name: &str, fault: EdgeFault) -> FaultId {
    let lease = Lease::grant(FaultId::new("r", name));
    edge.inject(&lease, fault, 3).unwrap();
    lease.id().clone()
}

fn hits(edge: &Edge, id: &FaultId) -> u64 {
    match edge.remove(id) {
        Removal::Removed(stats) => stats.hits,
        Removal::NotThere => panic!("{id} was not there"),
    }
}

fn body_fault(edit: BodyEdit) -> EdgeFault {
    EdgeFault::HttpBody { share: ALL, edit }
}

fn truncate(bytes: u64, how: Truncation) -> EdgeFault {
    body_fault(BodyEdit::Truncate { bytes, how })
}

/// Body of `length` bytes that is sent and echoed.
fn post(body: &str) -> Vec<u8> {
    format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Head (in lower case) and body of one response by its content-length.
async fn response(stream: &mut TcpStream, got: &mut Vec<u8>) -> (String, String) {
    within(read_response(stream, got)).await
}

async fn read_response(stream: &mut TcpStream, got: &mut Vec<u8>) -> (String, String) {
    loop {
        if let Some(end) = got.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            let end = end + 4;
            let length: usize = length.parse().unwrap();
            if got.len() >= end + length {
                let body = String::from_utf8_lossy(&got[end..end + length]).into_owned();
                got.drain(..end + length);
                return (head, body);
            }
        }
        assert!(stream.read_buf(got).await.unwrap() > 0, "ended after {:?}", String::from_utf8_lossy(got));
    }
}

async fn talk(stream: &mut TcpStream, request: &[u8]) -> (String, String) {
    stream.write_all(request).await.unwrap();
    response(stream, &mut Vec::new()).await
}

/// A target that answers every request with these bytes, whatever they are.
async fn canned(answer: &'static [u8]) -> Edge {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = Edge::open(EdgeName::new("a", "b"), Some(listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut got = Vec::new();
                while stream.read_buf(&mut got).await.is_ok_and(|read| read > 0) {
                    while let Some(end) = got.windows(4).position(|window| window == b"\r\n\r\n") {
                        got.drain(..end + 4);
                        // Single bytes: whatever follows them must keep its place.
                        for byte in answer {
                            if stream.write_all(&[*byte]).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        }
    });
    edge
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn delayed_requests_keep_their_order() {
    let edge = edge().await;
    let share = Share::try_new(0.5).unwrap();
    let delay = EdgeFault::HttpDelay { delay: Duration::from_millis(20), jitter: Duration::from_millis(10), share };
    let id = inject(&edge, "slow", delay);
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let pipeline: Vec<u8> = (0..20).flat_map(|n| post(&format!("number {n}"))).collect();
    let start = Instant::now();
    stream.write_all(&pipeline).await.unwrap();
    let mut got = Vec::new();
    for n in 0..20 {
        assert_eq!(response(&mut stream, &mut got).await.1, format!("number {n}"));
    }
    assert!(start.elapsed() >= Duration::from_millis(9), "{:?}", start.elapsed());
    let expected = (0..20).filter(|n| draw(3, *n) < 0.5).count() as u64;
    assert_eq!(hits(&edge, &id), expected);
    // What is held goes as soon as nothing holds it.
    let hour = Duration::from_secs(3_600);
    let id = inject(&edge, "hour", EdgeFault::HttpDelay { delay: hour, jitter: Duration::ZERO, share: ALL });
    stream.write_all(&post("late")).await.unwrap();
    until(|| edge.entries().iter().any(|entry| entry.stats.hits == 1)).await;
    hits(&edge, &id);
    assert_eq!(response(&mut stream, &mut got).await.1, "late");
}

#[tokio::test]
async fn fields_are_set_and_removed_on_either_message() {
    let edit = |set: &[(&str, &str)], remove: &[&str]| {
        let set: Vec<_> = set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        HeaderEdit::try_new(&set, &remove.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    };
    let edge = edge().await;
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let plain = talk(&mut stream, &post("x")).await.0;
    assert!(plain.contains("content-type: text/plain"));
    let on = Message::Response;
    let set = edit(&[("content-type", "text/html"), ("x-more", "1")], &["Date"]).unwrap();
    let id = inject(&edge, "response", EdgeFault::HttpHeader { share: ALL, on, edit: set });
    let (head, body) = talk(&mut stream, &post("x")).await;
    assert!(head.contains("content-type: text/html") && head.contains("x-more: 1"), "{head}");
    assert!(!head.contains("text/plain") && !head.contains("date:") && body == "x", "{head}");
    assert_eq!(hits(&edge, &id), 1);
    // The server refuses a head with a folded field: all of it must go.
    let set = edit(&[("content-type", "text/plain; charset=nonsense")], &["host", "x-fold"]).unwrap();
    let id = inject(&edge, "request", EdgeFault::HttpHeader { share: ALL, on: Message::Request, edit: set });
    let (head, body) = talk(&mut stream, b"GET /heads HTTP/1.1\r\nHOST: x\r\nX-Fold: a\r\n b\r\nX: y\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "content-type: text/plain; charset=nonsense|x: y");
    assert_eq!(hits(&edge, &id), 1);
    let problems = edit(&[("content-length", "3"), ("bad name", "x"), ("good", "\n")], &["Connection"]).unwrap_err();
    assert_eq!(problems.0.len(), 4, "{problems}");
}

#[tokio::test]
async fn bodies_are_replaced_shortened_and_rewritten_with_right_lengths() {
    let edge = edge().await;
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let long = "abc".repeat(100_000);
    let find = |find: &str, with: &str| body_fault(BodyEdit::Find { find: find.into(), with: with.into() });
    let cases = [
        (body_fault(BodyEdit::Replace { with: b"other".to_vec() }), long.as_str(), "other".to_string(), 1),
        (truncate(5, Truncation::Honest), &long, "abcab".to_string(), 1),
        (truncate(1 << 30, Truncation::Honest), "whole", "whole".to_string(), 0),
        (find("bc", "-"), &long, "a-".repeat(100_000), 1),
        (find("nothing", "-"), "some", "some".to_string(), 0),
    ];
    for (n, (fault, sent, expected, changed)) in cases.into_iter().enumerate() {
        let id = inject(&edge, &n.to_string(), fault.clone());
        let (head, body) = talk(&mut stream, &post(sent)).await;
        assert!(body == expected && head.starts_with("http/1.1 200"), "{fault:?}: {head}");
        assert_eq!(hits(&edge, &id), changed, "{fault:?}");
        assert_eq!(talk(&mut stream, &post("well")).await.1, "well");
    }
}

#[tokio::test]
async fn chunked_bodies_are_edited_across_chunks() {
    let edge = canned(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n7;x=y\r\no world\r\n0\r\nt: 1\r\n\r\n",
    );
    let edge = edge.await;
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let with = "there".into();
    for (n, (fault, expected)) in [
        (body_fault(BodyEdit::Find { find: b"hello".to_vec(), with }), "there world"),
        (truncate(6, Truncation::Honest), "hello "),
        (body_fault(BodyEdit::Replace { with: Vec::new() }), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let id = inject(&edge, &n.to_string(), fault);
        stream.write_all(&[GET, GET].concat()).await.unwrap();
        let mut got = Vec::new();
        for _ in 0..2 {
            let (head, body) = response(&mut stream, &mut got).await;
            assert_eq!(body, expected);
            assert!(!head.contains("chunked"), "{head}");
        }
        assert_eq!(hits(&edge, &id), 2);
    }
}

#[tokio::test]
async fn a_broken_body_ends_before_its_promise() {
    let edge = edge().await;
    let id = inject(&edge, "broken", truncate(5, Truncation::Broken));
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    stream.write_all(&post("0123456789")).await.unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).await.unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("content-length: 10"), "{head}");
    assert_eq!(body, "01234");
    assert_eq!(hits(&edge, &id), 1);
}

#[tokio::test]
async fn a_body_that_is_too_short_to_break_is_no_hit() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthirteen byte",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\nthirteen byte",
    ] {
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let edge = Edge::open(EdgeName::new("a", "b"), Some(target.local_addr().unwrap())).unwrap();
        let id = inject(&edge, "broken", truncate(13, Truncation::Broken));
        let mut caller = TcpStream::connect(edge.addr()).await.unwrap();
        let (mut served, _) = within(target.accept()).await.unwrap();
        caller.write_all(GET).await.unwrap();
        served.write_all(answer).await.unwrap();
        served.shutdown().await.unwrap();
        let mut got = Vec::new();
        within(caller.read_to_end(&mut got)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(answer));
        assert_eq!(hits(&edge, &id), 0);
    }
}

#[tokio::test]
async fn an_undo_lets_a_gathered_body_go_at_once_as_it_was() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = Edge::open(EdgeName::new("a", "b"), Some(target.local_addr().unwrap())).unwrap();
    let find = || body_fault(BodyEdit::Find { find: b"o".to_vec(), with: b"00".to_vec() });
    let mut caller = TcpStream::connect(edge.addr()).await.unwrap();
    let (mut served, _) = within(target.accept()).await.unwrap();
    for round in 0..3 {
        let id = inject(&edge, &format!("find{round}"), find());
        caller.write_all(GET).await.unwrap();
        let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nfoot";
        let read = edge.stats().read_from;
        served.write_all(begun).await.unwrap();
        until(|| edge.stats().read_from == read + begun.len() as u64).await;
        assert_eq!(hits(&edge, &id), 0);
        let mut got = vec![0; begun.len()];
        within(caller.read_exact(&mut got)).await.unwrap();
        assert_eq!(got, begun);
        // What follows belongs to it, and is nobody's prey either.
        let late = inject(&edge, &format!("late{round}"), find());
        served.write_all(b"foot").await.unwrap();
        within(caller.read_exact(&mut got[..4])).await.unwrap();
        assert_eq!(&got[..4], b"foot");
        assert_eq!(hits(&edge, &late), 0);
    }
}

#[tokio::test]
async fn a_body_until_the_end_gets_a_length() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = Edge::open(EdgeName::new("a", "b"), Some(listener.local_addr().unwrap())).unwrap();
    let id = inject(&edge, "find", body_fault(BodyEdit::Find { find: b"o".to_vec(), with: b"00".to_vec() }));
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let (mut target, _) = listener.accept().await.unwrap();
    stream.write_all(GET).await.unwrap();
    target.write_all(b"HTTP/1.0 200 OK\r\n\r\nfoot").await.unwrap();
    drop(target);
    let (head, body) = response(&mut stream, &mut Vec::new()).await;
    assert_eq!((head.as_str(), body.as_str()), ("http/1.0 200 ok\r\ncontent-length: 6", "f0000t"));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(hits(&edge, &id), 1);
}

#[tokio::test]
async fn a_dripping_body_is_slow_and_whole() {
    let edge = edge().await;
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let bytes_per_second = NonZeroU64::new(50_000).unwrap();
    let id = inject(&edge, "slow", EdgeFault::HttpSlow { bytes_per_second, share: ALL });
    let body = "drip ".repeat(2_000);
    let start = Instant::now();
    assert_eq!(talk(&mut stream, &post(&body)).await.1, body);
    assert!(start.elapsed() >= Duration::from_millis(199), "{:?}", start.elapsed());
    assert_eq!(hits(&edge, &id), 1);
    // After the undo the rest of it comes at once.
    let bytes_per_second = NonZeroU64::MIN;
    let id = inject(&edge, "hours", EdgeFault::HttpSlow { bytes_per_second, share: ALL });
    stream.write_all(&post(&body)).await.unwrap();
    until(|| edge.entries().iter().any(|entry| entry.stats.hits == 1)).await;
    hits(&edge, &id);
    assert_eq!(response(&mut stream, &mut Vec::new()).await.1, body);
}

#[tokio::test]
async fn a_mixture_of_faults_answers_a_pipeline_in_order() {
    let edge = edge().await;
    let half = Share::try_new(0.5).unwrap();
    let ms = Duration::from_millis;
    inject(&edge, "abort", EdgeFault::Abort { status: 500, share: Share::try_new(0.2).unwrap() });
    inject(&edge, "delay", EdgeFault::HttpDelay { delay: ms(1), jitter: ms(1), share: half });
    let with = b"XYZ".to_vec();
    inject(&edge, "find", EdgeFault::HttpBody { share: half, edit: BodyEdit::Find { find: b"n".to_vec(), with } });
    inject(&edge, "slow", EdgeFault::HttpSlow { bytes_per_second: NonZeroU64::new(100_000).unwrap(), share: half });
    let average = NonZeroU32::new(7).unwrap();
    let direction = Direction::Both;
    inject(&edge, "slice", EdgeFault::Slice { average, variation: 6, delay: Duration::ZERO, direction });
    inject(&edge, "net", EdgeFault::Delay { delay: ms(2), jitter: ms(2), direction });
    let mut stream = TcpStream::connect(edge.addr()).await.unwrap();
    let pipeline: Vec<u8> = (0..100).flat_map(|n| post(&format!("n{n}n"))).collect();
    stream.write_all(&pipeline).await.unwrap();
    let mut got = Vec::new();
    let (mut aborted, mut edited) = (0, 0);
    for n in 0..100 {
        let (head, body) = response(&mut stream, &mut got).await;
        match &head[9..12] {
            "500" => aborted += 1,
            _ if body == format!("XYZ{n}XYZ") => edited += 1,
            _ => assert_eq!(body, format!("n{n}n")),
        }
    }
    let expected = (0..100).filter(|n| draw(3, *n) < 0.2).count();
    assert_eq!(aborted, expected);
    assert!(edited > 0 && edited + aborted < 100, "{edited} edited");
}
