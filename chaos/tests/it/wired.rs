//! An edge with both of its ends in the hands of a test: a bare listener as target, bare sockets as callers.

use crate::stage::within;
use chaos::lease::{FaultId, Lease};
use chaos::proxy::{Edge, EdgeFault, EdgeName, EntryStats, Removal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Wired {
    pub(crate) edge: Edge,
    pub(crate) target: TcpListener,
}

impl Wired {
    pub(crate) async fn new() -> Self {
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let edge = Edge::open(EdgeName::new("a", "b"), Some(target.local_addr().unwrap())).unwrap();
        Self { edge, target }
    }

    /// A connection that is through: caller's end and target's end.
    pub(crate) async fn connect(&self) -> (TcpStream, TcpStream) {
        let caller = TcpStream::connect(self.edge.addr()).await.unwrap();
        let (target, _) = within(self.target.accept()).await.unwrap();
        (caller, target)
    }

    /// Injects under the name `name`, with seed 7.
    pub(crate) fn inject(&self, name: &str, fault: EdgeFault) -> FaultId {
        let lease = Lease::grant(FaultId::new("r", name));
        self.edge.inject(&lease, fault, 7).unwrap();
        lease.id().clone()
    }

    pub(crate) fn remove(&self, id: &FaultId) -> EntryStats {
        match self.edge.remove(id) {
            Removal::Removed(stats) => stats,
            Removal::NotThere => panic!("{id} was not there"),
        }
    }

    pub(crate) fn stats(&self, id: &FaultId) -> EntryStats {
        self.edge.entries().iter().find(|entry| entry.id == *id).unwrap().stats
    }
}

/// Bytes in which any shift, loss or repetition shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Sends `bytes` one way and requires that they come out, in order and nothing else.
pub(crate) async fn crosses(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    let (sent, read) = within(async { tokio::join!(from.write_all(bytes), to.read_exact(&mut got)) }).await;
    sent.unwrap();
    read.unwrap();
    assert!(got == bytes, "the bytes changed on their way");
}

/// Reads until the stream ends in order.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    within(stream.read_to_end(&mut got)).await.unwrap();
    got
}

/// Reads until the stream is reset.
pub(crate) async fn is_reset(stream: &mut TcpStream) {
    let error = within(stream.read_to_end(&mut Vec::new())).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
