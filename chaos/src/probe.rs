//! Looks through an edge, and straight at its target, as a caller would: the vantage point that is not the injector.

use crate::proxy::FAULT_HEADER;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Bytes of an answer that a probe reads; heads are far shorter.
const MAX_ANSWER: usize = 16 << 10;

/// What a connection that was reset says.
const RESET: [io::ErrorKind; 3] =
    [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::NotConnected];

/// How a component can be looked at without harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// GET of a path that changes nothing, such as the health path; any status is an answer.
    Http {
        /// Path with the leading slash.
        path: String,
    },
    /// The end of our side of a connection; the end of the other side is the answer.
    HalfClose,
}

/// What one probe saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// An answer.
    Answer {
        /// Time from the first byte sent (connected already) to the first byte, or the end, received.
        took: Duration,
        /// Status of the fault whose id the answer carries, if it does.
        aborted: Option<u16>,
    },
    /// The connection was reset.
    Reset,
    /// No answer in time, or none at all.
    Nothing,
}

/// Looks once; `fault` is the id whose answers count as aborted.
pub async fn look(probe: &Probe, addr: SocketAddr, fault: &str, limit: Duration) -> Seen {
    match tokio::time::timeout(limit, attempt(probe, addr, fault)).await {
        Ok(Ok(seen)) => seen,
        // The first call after a reset says that; later ones say what no longer works.
        Ok(Err(error)) if RESET.contains(&error.kind()) => Seen::Reset,
        Ok(Err(_)) | Err(_) => Seen::Nothing,
    }
}

async fn attempt(probe: &Probe, addr: SocketAddr, fault: &str) -> io::Result<Seen> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let start = Instant::now();
    let Probe::Http { path } = probe else {
        stream.shutdown().await?;
        let mut rest = [0; 1_024];
        while stream.read(&mut rest).await? > 0 {}
        return Ok(Seen::Answer { took: start.elapsed(), aborted: None });
    };
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nuser-agent: mettle-probe\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    let mut took = None;
    while head.len() < MAX_ANSWER && !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
        took.get_or_insert_with(|| start.elapsed());
    }
    let Some(took) = took else {
        return Ok(Seen::Nothing);
    };
    let text = String::from_utf8_lossy(&head);
    let ours = text
        .lines()
        .any(|line| line.strip_prefix(FAULT_HEADER).is_some_and(|rest| rest.trim_start_matches(':').trim() == fault));
    let status = text.get(9..12).and_then(|digits| digits.parse().ok());
    Ok(Seen::Answer { took, aborted: status.filter(|_| ours) })
}
