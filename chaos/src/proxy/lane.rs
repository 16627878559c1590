//! Moves bytes one way: read, let the conversation look, change and hold back what the faults say, write.

use super::alarm::Alarm;
use super::corrupt;
use super::delay_line::{DelayLine, Item};
use super::edge_fault::{Direction, EdgeFault};
use super::entry::Entry;
use super::fate::Close;
use super::out::Out;
use super::outlet::{Closed, Outlet};
use super::scratch::{self, Moved};
use super::shaper::Shaper;
use super::slicer::Slicer;
use super::stats::add;
use super::wire::{Course, Wire};
use crate::lease::FaultId;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

/// How long the start of a request may be held to be judged before it goes on untouched.
///
/// A head arrives in one piece in practice; what does not (or is no HTTP at all) must not hang.
const HOLD_MAX: Duration = Duration::from_millis(250);

/// How a lane came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The source ended, and the end was passed on.
    Orderly,
    /// The sink is gone; the other way drains on its own.
    SinkGone,
}

/// Why the whole connection must end now.
#[derive(Debug)]
pub(super) enum Broken {
    /// The source failed, or answers could not be kept in order.
    Failed(io::Error),
    /// A fault allows no more bytes.
    Cut,
}

pub(super) struct Lane<'a> {
    wire: &'a Wire<'a>,
    way: Direction,
    line: DelayLine<'a>,
    shaper: Shaper,
    slicer: Slicer,
    alarm: Alarm,
    /// Bytes passed under each limit that was met.
    limits: Vec<(FaultId, u64)>,
    out: Vec<Out>,
    /// Bytes that were read before the lane began.
    early: Bytes,
    open: bool,
    end_queued: bool,
    held_since: Option<Instant>,
    /// Entries that hold bytes or ends now.
    holding: Vec<Arc<Entry>>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(wire: &'a Wire<'a>, way: Direction, early: Bytes) -> Self {
        Self {
            wire,
            way,
            line: DelayLine::new(&wire.shared.counters.waiting),
            shaper: Shaper::default(),
            slicer: Slicer::default(),
            alarm: Alarm::default(),
            limits: Vec::new(),
            out: Vec::new(),
            early,
            open: true,
            end_queued: false,
            held_since: None,
            holding: Vec::new(),
        }
    }

    /// Runs until the source has ended and everything was passed on.
    pub(super) async fn run(mut self, mut source: ReadHalf<'_>, sink: WriteHalf<'_>) -> Result<Ended, Broken> {
        let mut outlet = Outlet::new(sink);
        loop {
            let done = if self.is_plain() && outlet.is_direct() {
                self.carry_plain(&mut source, &mut outlet.sink).await?
            } else {
                self.carry_chunk(&mut source, &mut outlet).await?
            };
            if let Some(ended) = done {
                return Ok(ended);
            }
        }
    }

    fn counters(&self) -> (&'a AtomicU64, &'a AtomicU64) {
        let counters = &self.wire.shared.counters;
        match self.way {
            Direction::To => (&counters.read_to, &counters.bytes_to),
            Direction::From | Direction::Both => (&counters.read_from, &counters.bytes_from),
        }
    }

    fn is_plain(&self) -> bool {
        let holds_nothing = self.line.is_empty() && self.shaper.is_empty() && self.early.is_empty();
        holds_nothing && self.open && self.wire.is_plain()
    }

    /// Carries bytes straight on until there is something to look at.
    async fn carry_plain(
        &mut self,
        source: &mut ReadHalf<'_>,
        sink: &mut WriteHalf<'_>,
    ) -> Result<Option<Ended>, Broken> {
        let (read, passed) = self.counters();
        (self.held_since, self.limits) = (None, Vec::new());
        self.alarm.clear();
        while self.is_plain() {
            let moved = tokio::select! {
                biased;
                () = self.wire.woken(self.way).notified() => return Ok(None),
                moved = scratch::hand_over(source, sink) => moved.map_err(Broken::Failed)?,
            };
            match moved {
                Moved::End => {
                    self.open = false;
                    return Ok(None);
                }
                Moved::All(bytes) => {
                    add(read, bytes as u64);
                    add(passed, bytes as u64);
                }
                Moved::Part(bytes, rest) => {
                    add(read, (bytes + rest.len()) as u64);
                    add(passed, bytes as u64);
                    if sink.write_all(&rest).await.is_err() {
                        return Ok(Some(Ended::SinkGone));
                    }
                    add(passed, rest.len() as u64);
                }
                Moved::SinkGone => return Ok(Some(Ended::SinkGone)),
            }
        }
        Ok(None)
    }

    async fn carry_chunk(
        &mut self,
        source: &mut ReadHalf<'_>,
        outlet: &mut Outlet<'_>,
    ) -> Result<Option<Ended>, Broken> {
        match self.wire.course() {
            Course::Straight => outlet.follow(None, self.way),
            Course::Over(detour) => outlet.follow(Some(&detour), self.way),
            Course::Coming => (),
        }
        if self.wire.is_held(self.way) {
            self.wire.woken(self.way).notified().await;
            return Ok(None);
        }
        let has_news = !self.early.is_empty() || (!self.open && !self.end_queued);
        let chunk = if has_news {
            std::mem::take(&mut self.early)
        } else {
            match self.next_chunk(source, outlet).await? {
                Some(chunk) => chunk,
                None => return Ok(Some(Ended::SinkGone)),
            }
        };
        add(self.counters().0, chunk.len() as u64);
        self.take_in(chunk)?;
        if !self.open && self.wire.fate.swallows(self.way) {
            self.wire.fate.stream_ended(self.way);
            // The connection ends by its fate; until then nothing more goes this way.
            return std::future::pending().await;
        }
        self.give_out(outlet).await
    }

    /// Waits for bytes, a change of the table, or the time at which something held may go.
    async fn next_chunk(
        &mut self,
        source: &mut ReadHalf<'_>,
        outlet: &mut Outlet<'_>,
    ) -> Result<Option<Bytes>, Broken> {
        let now = Instant::now();
        self.slicer.settle(now);
        if self.shaper.is_empty() && self.line.is_empty() {
            self.shaper.rest(now);
        }
        let hold_ends = self.held_since.map(|since| since + HOLD_MAX);
        let sliced_until = self.slicer.busy_until().filter(|_| self.open);
        // While the shaper holds a piece, what is due behind it cannot go: waking for it would only spin.
        let line_wakes = self.line.next_wake().filter(|_| self.shaper.next_wake().is_none());
        let waits_for_outlet = self.waits_for(outlet);
        let of_outlet = [line_wakes, self.shaper.next_wake()].map(|wake| wake.filter(|_| !waits_for_outlet));
        let wake_at = of_outlet.into_iter().chain([sliced_until, hold_ends]).flatten().min();
        // What is due but waits for its rate is enough: the sender is to feel the bottleneck.
        let is_backed_up = sliced_until.is_some() || (!self.shaper.is_empty() && self.line.is_due(now));
        let has_room = self.line.has_room() && self.wire.has_room(self.way) && outlet.has_room();
        let may_read = self.open && !is_backed_up && has_room;
        tokio::select! {
            biased;
            () = self.wire.woken(self.way).notified() => Ok(Some(Bytes::new())),
            moved = outlet.turn(), if !outlet.is_direct() => match moved {
                Ok(()) => Ok(Some(Bytes::new())),
                Err(Closed::Sink) => Ok(None),
                Err(Closed::Road(error)) => Err(Broken::Failed(error)),
            },
            bytes = scratch::read(source), if may_read => {
                let bytes = bytes.map_err(Broken::Failed)?;
                self.open = !bytes.is_empty();
                Ok(Some(bytes))
            },
            () = self.alarm.at(wake_at.unwrap_or(now)), if wake_at.is_some() => Ok(Some(Bytes::new())),
        }
    }

    /// Whether what is due must wait: an outlet is full, or an end may not overtake the bytes in it.
    fn waits_for(&self, outlet: &Outlet<'_>) -> bool {
        !outlet.has_room() || (self.line.ends_next() && !outlet.is_drained())
    }

    /// Judges what came (nothing on a wake-up) and puts what remains into the line.
    fn take_in(&mut self, chunk: Bytes) -> Result<(), Broken> {
        let (wire, way) = (self.wire, self.way);
        let mut out = std::mem::take(&mut self.out);
        wire.pass(way, chunk, &mut out).map_err(Broken::Failed)?;
        let overdue = self.held_since.is_some_and(|since| Instant::now() >= since + HOLD_MAX);
        self.held_since = wire.settle_held(way, self.held_since, !self.open || overdue, &mut out);
        if !self.open && !self.end_queued {
            wire.end(way, &mut out);
        }
        self.open &= !wire.closes(way);
        let entries = wire.entries(way);
        self.meet_swallowing(&entries, !out.is_empty() || !self.open);
        if wire.fate.swallows(way) {
            out.clear();
            self.out = out;
            return Ok(());
        }
        self.release(&entries);
        for chunk in out.drain(..) {
            self.queue(chunk, &entries);
        }
        self.out = out;
        if !self.open && !self.end_queued {
            self.end_queued = true;
            let slow = entries.iter().filter_map(|entry| match entry.fault {
                EdgeFault::SlowClose { delay, .. } => {
                    entry.see_and_hit();
                    Some(delay)
                }
                _ => None,
            });
            let slow: Duration = slow.sum();
            self.line.push(Item::End, Instant::now() + delay(&entries) + slow);
        }
        Ok(())
    }

    /// Lets go of what was held by a fault that is gone, or has another dose now; what another fault holds as well goes
    /// with it, because the line keeps no account of who holds what.
    fn release(&mut self, entries: &[Arc<Entry>]) {
        let is_slow_close = |entry: &Arc<Entry>| matches!(entry.fault, EdgeFault::SlowClose { .. });
        let holds = |entry: &&Arc<Entry>| entry.fault.holds_bytes() || is_slow_close(entry);
        let is_gone = |old: &Arc<Entry>| !entries.iter().any(|entry| Arc::ptr_eq(entry, old));
        let gone: Vec<_> = self.holding.iter().filter(|old| is_gone(old)).cloned().collect();
        self.holding = entries.iter().filter(holds).cloned().collect();
        let bytes_held = entries.iter().any(|entry| entry.fault.holds_bytes());
        if !bytes_held || gone.iter().any(|entry| entry.fault.holds_bytes()) {
            self.slicer.clear();
            self.line.release_chunks();
        }
        if (!bytes_held && !entries.iter().any(is_slow_close)) || !gone.is_empty() {
            self.line.release_end();
        }
    }

    /// Faults that make bytes vanish take hold here too: a change of the table may be seen here first.
    fn meet_swallowing(&self, entries: &[Arc<Entry>], came: bool) {
        for entry in entries {
            match entry.fault {
                EdgeFault::Timeout { after, .. } => self.wire.fate.doom_by_timeout(entry, after),
                EdgeFault::ResetAfter { after, .. } if came => {
                    let is_new = self.wire.fate.doom(entry, Some(after), Close::Reset);
                    if is_new {
                        entry.hit();
                    }
                }
                _ => (),
            }
        }
    }

    fn queue(&mut self, Out { bytes, hold, drip }: Out, entries: &[Arc<Entry>]) {
        let now = Instant::now();
        let flip = |chunk, entry: &Arc<Entry>| corrupt::maybe_flip(entry, chunk);
        let chunk = entries.iter().fold(bytes, flip);
        let delay = hold + delay(entries);
        let slice = entries.iter().find(|entry| matches!(entry.fault, EdgeFault::Slice { .. }));
        let pieces = match (drip, slice) {
            (Some(rate), _) => self.slicer.drip(rate, chunk, now),
            (None, Some(slice)) => self.slicer.cut(slice, chunk, now),
            (None, None) => return self.line.push(Item::Chunk(chunk), now + delay),
        };
        for (piece, at) in pieces {
            self.line.push(Item::Chunk(piece), at + delay);
        }
    }

    /// Writes what is due.
    async fn give_out(&mut self, outlet: &mut Outlet<'_>) -> Result<Option<Ended>, Broken> {
        let passed = self.counters().1;
        loop {
            let entries = self.wire.entries(self.way);
            if self.wire.is_held(self.way) || self.waits_for(outlet) {
                return Ok(None);
            }
            let now = Instant::now();
            if self.shaper.is_empty() {
                match self.line.take_due(now) {
                    None => return Ok(None),
                    Some(Item::Chunk(chunk)) => self.shaper.load(chunk, now),
                    Some(Item::End) => {
                        // Fails only when the sink is gone, and then there is nobody to tell.
                        let _ = outlet.sink.shutdown().await;
                        return Ok(Some(Ended::Orderly));
                    }
                }
            }
            let Some(mut piece) = self.shaper.take(self.way, &entries, now) else {
                return Ok(None);
            };
            let cut = self.limit(&mut piece, &entries);
            if !piece.is_empty() && outlet.put(&piece).await.is_err() {
                return Ok(Some(Ended::SinkGone));
            }
            add(passed, piece.len() as u64);
            if cut {
                return Err(Broken::Cut);
            }
        }
    }

    /// Shortens `piece` to what the limits leave; true when the connection is to end after it.
    fn limit(&mut self, piece: &mut Bytes, entries: &[Arc<Entry>]) -> bool {
        let mut cut = false;
        for entry in entries {
            let EdgeFault::LimitData { bytes, .. } = entry.fault else {
                continue;
            };
            entry.see();
            let at = self.limits.iter().position(|(id, _)| *id == entry.id).unwrap_or_else(|| {
                self.limits.push((entry.id.clone(), 0));
                self.limits.len() - 1
            });
            let sent = &mut self.limits[at].1;
            let left = bytes.saturating_sub(*sent);
            if piece.len() as u64 >= left {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                entry.hit();
                cut = true;
            }
            *sent += piece.len() as u64;
        }
        cut
    }
}

/// How long a chunk is held now; takes a draw of every delay.
fn delay(entries: &[Arc<Entry>]) -> Duration {
    let delays = entries.iter().filter_map(|entry| match entry.fault {
        EdgeFault::Delay { delay, jitter, .. } => {
            let n = entry.see_and_hit();
            Some((delay + jitter.mul_f64(2.0 * entry.draw(n))).saturating_sub(jitter))
        }
        _ => None,
    });
    delays.sum()
}
