//! One connection: two lanes in one task, and the faults that concern it as a whole.

use super::conversation::Conversation;
use super::edge::{Active, Protocol, Shared};
use super::edge_fault::Direction;
use super::fate::{Close, Fate, Verdict};
use super::guide::Guide;
use super::lane::{Broken, Ended, Lane};
use super::stats::add;
use super::table::Entries;
use super::tap::Witness;
use super::tls_fault::terminate;
use super::wire::Wire;
use crate::lease::FaultId;
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::debug;

/// How long a target may take to accept: on loopback it is microseconds unless its backlog is full.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Bytes taken from a caller whose connection hangs, so that its giving up is seen; the rest waits in the kernel.
const EARLY_MAX: usize = 64 << 10;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// By the two sides.
    Own(Close),
    /// By a fault.
    Injected(Close),
    /// By a fault, on one side only.
    HalfOpen { id: FaultId, direction: Direction },
    /// There is no target to be had.
    Refused,
    /// The caller did not wait for the target.
    GaveUp,
}

/// Makes the close of `stream` a reset (RST) instead of an orderly end.
pub(super) fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone, which is what is wanted.
    let _ = stream.set_zero_linger();
}

async fn connect(upstream: SocketAddr) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(upstream)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Carries one client connection until both sides have ended or a fault ends it.
pub(super) async fn serve(active: Active, mut client: TcpStream, number: u64) {
    let shared = &*active.0;
    let fate = Fate::new(&shared.table, number);
    let mut changes = shared.table.subscribe();
    let mut upstream = None;
    let end = match arrive(shared, &fate, &mut changes, &mut client).await {
        Err(end) => end,
        Ok(Reached { stream, early, witness }) => {
            let ends = (&mut client, upstream.insert(stream), early);
            match fate.presents() {
                Some(presented) => terminate(&fate, &mut changes, ends, presented).await,
                None => carry(shared, &fate, &mut changes, (ends, witness)).await,
            }
        }
    };
    let close = match end {
        End::Own(close) => close,
        End::GaveUp => Close::Orderly,
        End::Refused => {
            add(&shared.counters.refused, 1);
            Close::Reset
        }
        End::Injected(close) => {
            let counters = &shared.counters;
            add(if close == Close::Reset { &counters.resets_injected } else { &counters.closes_injected }, 1);
            close
        }
        End::HalfOpen { id, direction } => {
            return half_open(&fate, &id, direction, (client, upstream), changes).await;
        }
    };
    if close == Close::Reset {
        reset(&client);
        upstream.iter().for_each(reset);
    }
}

/// A target that was reached, and what the caller sent meanwhile.
struct Reached {
    stream: TcpStream,
    early: Bytes,
    witness: Option<Witness>,
}

/// Reaches the target, unless a fault is in between.
async fn arrive(
    shared: &Shared,
    fate: &Fate<'_>,
    changes: &mut watch::Receiver<Entries>,
    client: &mut TcpStream,
) -> Result<Reached, End> {
    let mut early = BytesMut::new();
    loop {
        changes.borrow_and_update();
        match fate.judge() {
            Verdict::Through => break,
            Verdict::End(close) => return Err(End::Injected(close)),
            Verdict::HalfOpen { id, direction } => return Err(End::HalfOpen { id, direction }),
            Verdict::Hang => tokio::select! {
                _ = changes.changed() => (),
                read = client.read_buf(&mut early), if early.len() < EARLY_MAX => {
                    if matches!(read, Ok(0) | Err(_)) {
                        return Err(End::GaveUp);
                    }
                }
            },
        }
    }
    let tapped = shared.taps.of(|| client.peer_addr().ok());
    let (addr, witness) = match tapped {
        Some((addr, witness)) => (Some(addr), Some(witness)),
        None => (shared.upstream(), None),
    };
    let upstream = match addr {
        None => None,
        Some(addr) => connect(addr).await.ok(),
    };
    match (upstream, client.set_nodelay(true)) {
        (Some(stream), Ok(())) => Ok(Reached { stream, early: early.freeze(), witness }),
        _ => Err(End::Refused),
    }
}

/// Runs both lanes, and asks the faults whenever something changes.
async fn carry(
    shared: &Shared,
    fate: &Fate<'_>,
    changes: &mut watch::Receiver<Entries>,
    ((client, upstream, early), witness): ((&mut TcpStream, &mut TcpStream, Bytes), Option<Witness>),
) -> End {
    let conversation = (shared.protocol == Protocol::Http).then(Conversation::default);
    let wire = Wire::new(shared, fate, conversation);
    let mut guide = Guide::new(&wire, fate, witness);
    let (client_read, client_write) = client.split();
    let (upstream_read, upstream_write) = upstream.split();
    let lanes = async {
        tokio::try_join!(
            Lane::new(&wire, Direction::To, early).run(client_read, upstream_write),
            Lane::new(&wire, Direction::From, Bytes::new()).run(upstream_read, client_write),
        )
    };
    tokio::pin!(lanes);
    loop {
        tokio::select! {
            ended = &mut lanes => return match ended {
                Ok((Ended::Orderly, Ended::Orderly)) => End::Own(Close::Orderly),
                Ok(_) => End::Own(Close::Reset),
                Err(Broken::Cut) => End::Injected(Close::Orderly),
                Err(Broken::Failed(error)) => {
                    debug!(%error, "connection of {} broke", shared.name);
                    End::Own(Close::Reset)
                }
            },
            _ = changes.changed() => (),
            () = fate.approaches() => (),
            () = guide.turn() => continue,
        }
        guide.look();
        match fate.judge() {
            Verdict::Through | Verdict::Hang => wire.wake(),
            Verdict::End(close) => return End::Injected(close),
            Verdict::HalfOpen { id, direction } => return End::HalfOpen { id, direction },
        }
    }
}

/// Resets one side and keeps the other open and silent, until the fault is gone or nobody is left.
async fn half_open(
    fate: &Fate<'_>,
    id: &FaultId,
    direction: Direction,
    (client, upstream): (TcpStream, Option<TcpStream>),
    mut changes: watch::Receiver<Entries>,
) {
    let keep = |stream: TcpStream, way| {
        reset(&stream);
        direction.covers(way).then_some(stream)
    };
    // What a side sends vanishes while it believes that the connection is open; whatever ends it, it is a reset.
    let mut client = keep(client, Direction::To);
    let mut upstream = upstream.and_then(|stream| keep(stream, Direction::From));
    let swallow = async { tokio::join!(discard(client.as_mut()), discard(upstream.as_mut())) };
    tokio::pin!(swallow);
    while fate.is_felt(id) {
        tokio::select! {
            _ = &mut swallow => return,
            _ = changes.changed() => (),
        }
    }
}

/// Reads until the stream ends.
async fn discard(stream: Option<&mut TcpStream>) {
    if let Some(stream) = stream {
        // A failed stream has ended too.
        let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
    }
}
