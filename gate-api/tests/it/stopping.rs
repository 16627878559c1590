//! The gate ends when it is asked to, whoever still hangs on to it.

use crate::served::check;
use crate::story::{RUNNING, told};
use chrono::Utc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Far more than a gate takes to end, far less than a caller that never speaks again.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_gate_ends_though_one_caller_polls_and_one_never_finishes_its_request() {
    let story = told(Utc::now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(gate_api::http::serve(listener, story.store.clone(), stop.clone()));
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"POST /v1/gates/release/check HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n")
        .await
        .unwrap();
    half.write_all(b"content-length: 1000\r\n\r\n{").await.unwrap();
    let mut poll = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {}&wait=8s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", check("release", RUNNING));
    poll.write_all(request.as_bytes()).await.unwrap();
    // An answer to a third caller shows that the gate has begun with the other two.
    let mut ready = TcpStream::connect(address).await.unwrap();
    ready.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut said = String::new();
    ready.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let began = Instant::now();
    stop.cancel();
    tokio::time::timeout(PATIENCE, served).await.expect("the gate did not end").unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "it waited for the long poll");
    let mut answer = String::new();
    poll.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 425"), "the long poll got its answer: {answer}");
    assert!(answer.to_lowercase().contains("retry-after: "), "{answer}");
}
