//! Answers that no server should give: every one is an error that says what to do, in bounded memory and time.

use crate::server::Server as WebServer;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use futures_util::stream;
use probes::metrics::server::{FrameError, ReadLimits, ReadPath, Server, ServerSettings, SourceError, Window};
use scorer::RawSeries;
use scorer::signal::Selector;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const STREAMED: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
const ALL: Window = Window { from_ms: 0, to_ms: i64::MAX };

/// Counted, so that tries can be asserted.
type Tries = Arc<AtomicUsize>;

fn reader(web: &WebServer, change: impl FnOnce(&mut ServerSettings)) -> Server {
    let mut settings = ServerSettings::of(web.url("/"));
    settings.read = ReadPath::RemoteRead;
    settings.timeout = "5s".parse().unwrap();
    change(&mut settings);
    Server::new(settings, ReadLimits { series: 5_000, samples: 100_000, body_bytes: 1 << 20 })
}

async fn read(server: &Server) -> Result<Vec<RawSeries>, SourceError> {
    server.read(&[Selector::parse("up").unwrap()], ALL).await
}

/// Everything that a person would see of an error.
fn shown(error: &SourceError) -> String {
    let mut text = format!("{error} | {error:?} | {}", error.remedy());
    let mut under = std::error::Error::source(error);
    while let Some(cause) = under {
        text = format!("{text} | {cause}");
        under = cause.source();
    }
    text
}

/// A web server that answers every remote read with `answer`, given the number of the try.
async fn answering(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> (WebServer, Tries) {
    let tries = Tries::default();
    let counted = Arc::clone(&tries);
    let handler = move || {
        let answer = answer(counted.fetch_add(1, Ordering::SeqCst));
        async move { answer }
    };
    (WebServer::start(Router::new().route("/api/v1/read", post(handler))).await, tries)
}

fn streamed(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, STREAMED)], body.into()).into_response()
}

/// A protobuf field of bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(bytes.len(), &mut out);
    out.extend(bytes);
    out
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f | 0x80) as u8);
        number >>= 7;
    }
    out.push(number as u8);
}

fn label(name: &str, value: &str) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
}

/// A series `up{i="..."}` with one chunk of these bytes.
fn series(i: usize, encoding: u8, chunk: &[u8]) -> Vec<u8> {
    let chunk = field(2, &[vec![3 << 3, encoding], field(4, chunk)].concat());
    field(1, &[label("__name__", "up"), label("i", &i.to_string()), chunk].concat())
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(message.len(), &mut out);
    out.extend(crc32c::crc32c(message).to_be_bytes());
    out.extend(message);
    out
}

/// One sample at 1 ms.
fn one_sample() -> Vec<u8> {
    let mut chunk = vec![0, 1, 2];
    chunk.extend(1.5_f64.to_bits().to_be_bytes());
    chunk
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_is_read() {
    let (web, tries) = answering(|_| streamed(frame(&series(0, 1, &one_sample())))).await;
    let found = read(&reader(&web, |_| ())).await.unwrap();
    assert_eq!((found.len(), &found[0].times_ms[..], &found[0].values[..]), (1, &[1][..], &[1.5][..]));
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_that_answers_is_named() {
    let login = |_| ([(header::CONTENT_TYPE, "text/html")], "<html>log in</html>").into_response();
    let (web, tries) = answering(login).await;
    let error = read(&reader(&web, |_| ())).await.unwrap_err();
    assert!(matches!(&error, SourceError::ContentType { found, .. } if found == "text/html"), "{error}");
    assert!(error.remedy().contains("login page"));
    assert_eq!(tries.load(Ordering::SeqCst), 1, "another try would bring the same page");

    // Credentials are not carried elsewhere.
    let elsewhere = |_| (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/")]).into_response();
    let (web, _) = answering(elsewhere).await;
    assert!(matches!(read(&reader(&web, |_| ())).await, Err(SourceError::Status { status: 302, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_streams_are_named_and_only_broken_ones_are_tried_again() {
    let whole = frame(&series(0, 1, &one_sample()));
    let mut changed = whole.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f].to_vec();
    let cases: Vec<(&str, Vec<u8>, usize)> = vec![
        ("cut", whole[..last].to_vec(), 4),
        ("changed", changed, 1),
        ("hostile length", huge, 1),
        ("no protobuf", frame(&[0xff; 40]), 1),
        ("chunk that was cut", frame(&series(0, 1, &one_sample()[..8])), 1),
        ("unknown encoding", frame(&series(0, 9, &one_sample())), 1),
        ("histogram of nonsense", frame(&series(0, 2, &[0, 9, 0xff, 0xff, 0xff, 0xff])), 1),
    ];
    for (what, body, wanted) in cases {
        let (web, tries) = answering(move |_| streamed(body.clone())).await;
        let error = read(&reader(&web, |_| ())).await.unwrap_err();
        let fits = match what {
            "cut" => matches!(error, SourceError::Frame { source: FrameError::Truncated { .. }, .. }),
            "changed" => matches!(error, SourceError::Frame { source: FrameError::Checksum { .. }, .. }),
            "hostile length" => matches!(error, SourceError::Frame { source: FrameError::TooLong { .. }, .. }),
            "no protobuf" => matches!(error, SourceError::Message { .. }),
            _ => matches!(&error, SourceError::Chunk { series, .. } if series == r#"up{i="0"}"#),
        };
        assert!(fits, "{what}: {error:?}");
        assert_eq!(tries.load(Ordering::SeqCst), wanted, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_for_a_moment_is_asked_again() {
    let answer = |attempt| match attempt {
        0 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")], "slow down").into_response(),
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        // It breaks off within the body.
        2 => {
            let pieces = [Ok(Bytes::from_static(&[200, 1, 0])), Err(std::io::Error::other("gone"))];
            streamed(Body::from_stream(stream::iter(pieces)))
        }
        _ => streamed(frame(&series(0, 1, &one_sample()))),
    };
    let (web, tries) = answering(answer).await;
    assert_eq!(read(&reader(&web, |_| ())).await.unwrap().len(), 1);
    assert_eq!(tries.load(Ordering::SeqCst), 4);

    let refused = |_| (StatusCode::UNAUTHORIZED, "no\nentry").into_response();
    let (web, tries) = answering(refused).await;
    let error = read(&reader(&web, |_| ())).await.unwrap_err();
    assert!(matches!(&error, SourceError::Status { status: 401, says, .. } if says == "no entry"), "{error}");
    assert!(error.remedy().contains("auth"));
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_a_slow_drip_end_in_time() {
    let gone = WebServer::start(Router::new()).await.url("/");
    let server = Server::new(ServerSettings::of(gone), ReadLimits::default());
    let error = read(&server).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");

    let drip = |_| {
        let pieces = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(&[0x80])), ()))
        });
        streamed(Body::from_stream(pieces))
    };
    let (web, _) = answering(drip).await;
    let error = read(&reader(&web, |s| s.timeout = "300ms".parse().unwrap())).await.unwrap_err();
    assert!(matches!(error, SourceError::Deadline { .. } | SourceError::Frame { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_million_series_are_refused_long_before_they_came() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let endless = move |_| {
        let sent = Arc::clone(&counted);
        let pieces = stream::unfold((sent, 0_usize), |(sent, from)| async move {
            let message: Vec<u8> = (from..from + 1000).flat_map(|i| series(i, 1, &one_sample())).collect();
            sent.fetch_add(1000, Ordering::SeqCst);
            (from < 10_000_000).then(|| (Ok::<_, Infallible>(Bytes::from(frame(&message))), (sent, from + 1000)))
        });
        streamed(Body::from_stream(pieces))
    };
    let (web, _) = answering(endless).await;
    let error = read(&reader(&web, |s| s.timeout = "60s".parse().unwrap())).await.unwrap_err();
    assert!(matches!(&error, SourceError::TooManySeries { max: 5_000, selector } if selector == "up"), "{error}");
    assert!(error.remedy().contains("narrower"));
    assert!(sent.load(Ordering::SeqCst) < 1_000_000, "it went on to read");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_an_answer_and_answers_that_are_too_long_are_refused() {
    let json = |text: String| ([(header::CONTENT_TYPE, "application/json")], text).into_response();
    let asked = move |State(body): State<String>| async move { json(body) };
    let route = |body: String| Router::new().route("/api/v1/query", get(asked)).with_state(body);
    let by_json = |web: &WebServer| reader(web, |s| s.read = ReadPath::Json);
    let window = Window { from_ms: 0, to_ms: 1000 };
    let up = [Selector::parse("up").unwrap()];

    let partial = r#"{"status":"success","warnings":["store a is away"],"data":{"resultType":"matrix","result":[]}}"#;
    let web = WebServer::start(route(partial.to_owned())).await;
    let error = by_json(&web).read(&up, window).await.unwrap_err();
    assert!(matches!(&error, SourceError::Partial { warnings, .. } if warnings == &["store a is away"]), "{error}");

    let web = WebServer::start(route(" ".repeat((1 << 20) + 1))).await;
    assert!(matches!(by_json(&web).read(&up, window).await, Err(SourceError::TooLong { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_queries_run_at_once_than_allowed_and_headers_go_along() {
    #[derive(Clone, Default)]
    struct Seen {
        now: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }
    let seen = Seen::default();
    let handler = |State(seen): State<Seen>, headers: axum::http::HeaderMap| async move {
        let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen.now.fetch_sub(1, Ordering::SeqCst);
        assert!(!headers.contains_key(header::ACCEPT_ENCODING), "bulk answers are not to be compressed");
        if headers.get("X-Scope-OrgID").is_some_and(|tenant| tenant == "staging") {
            streamed(Vec::new())
        } else {
            StatusCode::FORBIDDEN.into_response()
        }
    };
    let web = WebServer::start(Router::new().route("/prefix/api/v1/read", any(handler)).with_state(seen.clone())).await;
    let server = reader(&web, |s| {
        s.url = web.url("/prefix/");
        s.concurrency = 2;
        s.headers.insert("X-Scope-OrgID".to_owned(), "staging".to_owned());
    });
    let started = Instant::now();
    let reads: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let server = server.clone();
                async move { read(&server).await }
            })
        })
        .collect();
    for one in reads {
        assert_eq!(one.await.unwrap().unwrap(), []);
    }
    assert_eq!(seen.most.load(Ordering::SeqCst), 2);
    assert!(started.elapsed() >= Duration::from_millis(150), "three rounds of 50 ms each");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_used_read_again_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "s3cret-one\n").unwrap();
    let handler = |headers: axum::http::HeaderMap| async move {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        match given.as_deref() {
            // `me:p4ss`, RFC 7617.
            Some("Bearer s3cret-two" | "Basic bWU6cDRzcw==") => streamed(Vec::new()),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let web = WebServer::start(Router::new().route("/api/v1/read", post(handler))).await;
    let server = reader(&web, |s| s.auth.bearer_file = Some(token.clone()));
    let error = read(&server).await.unwrap_err();
    assert!(matches!(error, SourceError::Status { status: 401, .. }));
    assert!(!shown(&error).contains("s3cret") && !format!("{server:?}").contains("s3cret"));
    std::fs::write(&token, "s3cret-two\n").unwrap();
    assert_eq!(read(&server).await.unwrap(), []);
    std::fs::remove_file(&token).unwrap();
    let error = read(&server).await.unwrap_err();
    assert!(matches!(&error, SourceError::File { path, .. } if *path == token), "{error}");

    let password = dir.path().join("password");
    std::fs::write(&password, "p4ss").unwrap();
    let server = reader(&web, |s| {
        s.auth.user = Some("me".to_owned());
        s.auth.password_file = Some(password);
    });
    assert_eq!(read(&server).await.unwrap(), []);
    assert!(!format!("{server:?}").contains("p4ss"));
}
