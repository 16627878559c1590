//! Moves bytes one way: read, let the conversation look, hold back what a delay holds, write.

use super::conversation::Conversation;
use super::delay_line::{DelayLine, Item};
use super::edge::Shared;
use super::stats::add;
use super::table::Direction;
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bytes taken by one read: a whole socket buffer of a fast local writer.
const READ_SIZE: usize = 64 << 10;

/// How long the start of a request may be held to be judged before it goes on untouched.
///
/// A head arrives in one piece in practice; what does not (or is no HTTP at all) must not hang.
const HOLD_MAX: Duration = Duration::from_millis(250);

/// How a pump came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The source ended, and the end was passed on.
    Orderly,
    /// The sink is gone; the other way drains on its own.
    SinkGone,
}

/// Why the whole connection must end now: the source failed, or answers could not be kept in order.
#[derive(Debug)]
pub(super) struct Broken(pub(super) io::Error);

/// What the two pumps of a connection share. Locked once per chunk, never across an await.
pub(super) struct Wire<'a> {
    shared: &'a Shared,
    conversation: Mutex<Conversation>,
    wake_to: Notify,
    wake_from: Notify,
}

impl<'a> Wire<'a> {
    pub(super) fn new(shared: &'a Shared, conversation: Conversation) -> Self {
        Self { shared, conversation: Mutex::new(conversation), wake_to: Notify::new(), wake_from: Notify::new() }
    }

    /// The fault table changed.
    pub(super) fn wake(&self) {
        self.wake_to.notify_one();
        self.wake_from.notify_one();
    }

    fn woken(&self, way: Direction) -> &Notify {
        if way == Direction::To { &self.wake_to } else { &self.wake_from }
    }

    fn conversation(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of a held request start when nothing judges requests any more, or when it may not wait longer.
    fn settle_held(&self, since: Option<Instant>, must_go: bool, out: &mut Vec<Bytes>) -> Option<Instant> {
        let mut conversation = self.conversation();
        if conversation.is_holding() && (must_go || conversation.is_opaque() || !self.shared.table.aborts()) {
            conversation.let_go(out);
        }
        conversation.is_holding().then(|| since.unwrap_or_else(Instant::now))
    }

    fn release_time(&self, way: Direction) -> Instant {
        let table = &self.shared.table;
        let delay = if table.is_quiet() { None } else { table.delay(way) };
        Instant::now() + delay.unwrap_or_default()
    }

    fn queue(&self, way: Direction, line: &mut DelayLine, out: &mut Vec<Bytes>) {
        if !line.is_empty() && !self.shared.table.delays(way) {
            line.release_all(Instant::now());
        }
        for chunk in out.drain(..) {
            line.push(Item::Chunk(chunk), self.release_time(way));
        }
    }

    /// Shows a chunk (empty on a wake-up) to the conversation; `out` gets what is to be forwarded.
    fn pass(&self, way: Direction, chunk: Bytes, out: &mut Vec<Bytes>) -> io::Result<()> {
        let table = &self.shared.table;
        let mut conversation = self.conversation();
        if way == Direction::From {
            conversation.take_response_bytes(chunk, out)?;
            if conversation.took_answers() {
                self.wake_to.notify_one();
            }
            return Ok(());
        }
        conversation.take_request_bytes(chunk, table, out);
        let answered = conversation.take_new_answers();
        if answered > 0 {
            add(&self.shared.counters.responses_aborted, answered);
            self.wake_from.notify_one();
        }
        Ok(())
    }
}

/// Runs until the source has ended and everything was passed on.
pub(super) async fn run(
    wire: &Wire<'_>,
    way: Direction,
    mut source: ReadHalf<'_>,
    mut sink: WriteHalf<'_>,
) -> Result<Ended, Broken> {
    let counters = &wire.shared.counters;
    let counter = if way == Direction::To { &counters.bytes_to } else { &counters.bytes_from };
    let mut buffer = BytesMut::new();
    let mut line = DelayLine::default();
    let mut out: Vec<Bytes> = Vec::new();
    let mut open = true;
    let mut end_queued = false;
    let mut held_since: Option<Instant> = None;
    loop {
        let has_room = line.has_room() && (way == Direction::From || wire.conversation().has_room());
        let hold_ends = held_since.map(|since| since + HOLD_MAX);
        let wake_at = line.next_wake().into_iter().chain(hold_ends).min();
        buffer.reserve(READ_SIZE);
        let chunk = tokio::select! {
            biased;
            () = wire.woken(way).notified() => Bytes::new(),
            read = source.read_buf(&mut buffer), if open && has_room => match read {
                Ok(0) => { open = false; Bytes::new() }
                Ok(_) => buffer.split().freeze(),
                Err(error) => return Err(Broken(error)),
            },
            () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => Bytes::new(),
        };
        wire.pass(way, chunk, &mut out).map_err(Broken)?;
        if way == Direction::To {
            let overdue = hold_ends.is_some_and(|end| Instant::now() >= end);
            held_since = wire.settle_held(held_since, !open || overdue, &mut out);
        }
        open &= !(way == Direction::From && wire.conversation().closes());
        wire.queue(way, &mut line, &mut out);
        if !open && !end_queued {
            end_queued = true;
            line.push(Item::End, wire.release_time(way));
        }
        while let Some(item) = line.take_due(Instant::now()) {
            let Item::Chunk(chunk) = item else {
                // Fails only when the sink is gone, and then there is nobody to tell.
                let _ = sink.shutdown().await;
                return Ok(Ended::Orderly);
            };
            if sink.write_all(&chunk).await.is_err() {
                return Ok(Ended::SinkGone);
            }
            add(counter, chunk.len() as u64);
        }
    }
}
