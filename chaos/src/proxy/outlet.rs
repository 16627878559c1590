//! Where one way of a connection goes on: straight to its socket, or over a road and then to its socket.
//!
//! What goes over a road is remembered until it has arrived. When the road is left, the rest goes straight on from memory:
//! no byte is lost, none comes twice, and nobody waits for the packets that are on their way.

use super::edge_fault::Direction;
use crate::road::Detour;
use bytes::{Buf, BytesMut};
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::WriteHalf;

/// Bytes that may be on a road at once, one way of one connection: what a socket of Linux holds for a fast sender.
const ON_ROAD_MAX: usize = 256 << 10;
/// Bytes that are taken off the road by one read.
const READ_SIZE: usize = 16 << 10;

/// One way of a connection over a road.
struct Leg {
    detour: Arc<Detour>,
    way: Direction,
    /// Bytes that have not arrived, of which the first `sent` are on the road.
    pending: BytesMut,
    sent: usize,
}

impl Leg {
    async fn send(&self) -> io::Result<usize> {
        let entry = self.detour.end(self.way).await?;
        entry.writable().await?;
        entry.try_write(&self.pending[self.sent..])
    }

    async fn receive(&self) -> io::Result<usize> {
        let exit = if self.way == Direction::To { Direction::From } else { Direction::To };
        let exit = self.detour.end(exit).await?;
        exit.readable().await?;
        arrive(exit)
    }

    /// Sends or receives once; returns how many bytes have arrived. Loses nothing when it is dropped before.
    async fn turn(&mut self) -> io::Result<usize> {
        let moved = tokio::select! {
            read = self.receive() => read.map(|read| (0, read)),
            written = self.send(), if self.sent < self.pending.len() => written.map(|written| (written, 0)),
        };
        match moved {
            Ok((written, read)) => {
                self.sent = (self.sent + written).saturating_sub(read);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Takes off the road what has arrived; returns how many bytes that are.
fn arrive(exit: &TcpStream) -> io::Result<usize> {
    match exit.try_read(&mut [0; READ_SIZE]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        read => read,
    }
}

pub(super) struct Outlet<'a> {
    pub(super) sink: WriteHalf<'a>,
    leg: Option<Leg>,
    /// Bytes that have arrived and wait for the sink.
    arrived: BytesMut,
}

/// Why an outlet is of no more use.
#[derive(Debug)]
pub(super) enum Closed {
    /// The sink is gone.
    Sink,
    /// The road has given the connection up.
    Road(io::Error),
}

impl<'a> Outlet<'a> {
    pub(super) fn new(sink: WriteHalf<'a>) -> Self {
        Self { sink, leg: None, arrived: BytesMut::new() }
    }

    /// From now on bytes that go `way` go over this road, or straight on.
    pub(super) fn follow(&mut self, detour: Option<&Arc<Detour>>, way: Direction) {
        let is_same = match (&self.leg, detour) {
            (Some(leg), Some(detour)) => Arc::ptr_eq(&leg.detour, detour),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return;
        }
        if let Some(leg) = self.leg.take() {
            self.arrived.extend_from_slice(&leg.pending);
        }
        self.leg = detour.map(|detour| Leg { detour: detour.clone(), way, pending: BytesMut::new(), sent: 0 });
    }

    /// Whether nothing is between the lane and the sink.
    pub(super) fn is_direct(&self) -> bool {
        self.leg.is_none() && self.arrived.is_empty()
    }

    /// Whether everything that was put in has reached the sink.
    pub(super) fn is_drained(&self) -> bool {
        self.arrived.is_empty() && self.leg.as_ref().is_none_or(|leg| leg.pending.is_empty())
    }

    /// Whether it takes more.
    pub(super) fn has_room(&self) -> bool {
        self.arrived.len() < ON_ROAD_MAX && self.leg.as_ref().is_none_or(|leg| leg.pending.len() < ON_ROAD_MAX)
    }

    /// Takes bytes; writes them where nothing is in between.
    pub(super) async fn put(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        match &mut self.leg {
            Some(leg) => leg.pending.extend_from_slice(bytes),
            None if self.arrived.is_empty() => self.sink.write_all(bytes).await.map_err(|_| Closed::Sink)?,
            None => self.arrived.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Moves what is in between a step on; waits while there is nothing to move. Loses nothing when it is dropped before.
    pub(super) async fn turn(&mut self) -> Result<(), Closed> {
        if !self.arrived.is_empty() {
            self.sink.writable().await.map_err(|_| Closed::Sink)?;
            match self.sink.try_write(&self.arrived) {
                // An idle connection keeps no memory of its busy times.
                Ok(written) if written == self.arrived.len() => self.arrived = BytesMut::new(),
                Ok(written) => self.arrived.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(_) => return Err(Closed::Sink),
            }
            return Ok(());
        }
        let Some(leg) = &mut self.leg else {
            return std::future::pending().await;
        };
        let read = leg.turn().await.map_err(Closed::Road)?;
        // What arrives is what was sent: TCP keeps bytes and their order.
        let bytes = leg.pending.split_to(read.min(leg.pending.len()));
        self.arrived.unsplit(bytes);
        Ok(())
    }
}
