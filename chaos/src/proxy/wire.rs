//! What the two lanes of a connection share. Locked once per chunk, never across an await.

use super::conversation::Conversation;
use super::edge::Shared;
use super::edge_fault::{Direction, EdgeFault, PartitionMode};
use super::entry::Entry;
use super::fate::Fate;
use super::http_fault::Message;
use super::judge::Judge;
use super::out::Out;
use super::stats::add;
use crate::road::Detour;
use bytes::Bytes;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Which way the bytes of a connection take between its halves.
#[derive(Clone, Default)]
pub(super) enum Course {
    /// None but memory.
    #[default]
    Straight,
    /// A road that is not there yet: everything waits.
    Coming,
    /// A road.
    Over(Arc<Detour>),
}

pub(super) struct Wire<'a> {
    pub(super) shared: &'a Shared,
    pub(super) fate: &'a Fate<'a>,
    /// None on an edge that is not asked to understand what it carries.
    conversation: Option<Mutex<Conversation>>,
    course: Mutex<Course>,
    wake_to: Notify,
    wake_from: Notify,
}

impl<'a> Wire<'a> {
    pub(super) fn new(shared: &'a Shared, fate: &'a Fate<'a>, conversation: Option<Conversation>) -> Self {
        let conversation = conversation.map(Mutex::new);
        let (wake_to, wake_from) = (Notify::new(), Notify::new());
        Self { shared, fate, conversation, course: Mutex::default(), wake_to, wake_from }
    }

    /// From now on bytes go this way.
    pub(super) fn turn_to(&self, course: Course) {
        *self.course.lock().unwrap_or_else(PoisonError::into_inner) = course;
        self.wake();
    }

    pub(super) fn course(&self) -> Course {
        self.course.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fault table changed.
    pub(super) fn wake(&self) {
        self.wake_to.notify_one();
        self.wake_from.notify_one();
    }

    pub(super) fn woken(&self, way: Direction) -> &Notify {
        if way == Direction::To { &self.wake_to } else { &self.wake_from }
    }

    fn conversation(&self) -> Option<MutexGuard<'_, Conversation>> {
        self.conversation.as_ref().map(|conversation| conversation.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether bytes need no look at all: no fault, no byte lost, nothing to be understood.
    pub(super) fn is_plain(&self) -> bool {
        self.shared.table.is_quiet()
            && !self.fate.is_doomed()
            && matches!(self.course(), Course::Straight)
            && self.conversation().is_none_or(|conversation| conversation.is_opaque() && !conversation.holds_any())
    }

    /// Whether more requests may be read.
    pub(super) fn has_room(&self, way: Direction) -> bool {
        way == Direction::From || self.conversation().is_none_or(|conversation| conversation.has_room())
    }

    /// Whether the last answer ends the stream that goes `way`.
    pub(super) fn closes(&self, way: Direction) -> bool {
        way == Direction::From && self.conversation().is_some_and(|conversation| conversation.closes())
    }

    /// The live entries that look at bytes that go `way`.
    pub(super) fn entries(&self, way: Direction) -> Vec<Arc<Entry>> {
        let table = &self.shared.table;
        if table.is_quiet() {
            return Vec::new();
        }
        let looks = |entry: &&Arc<Entry>| entry.fault.lane().is_some_and(|lane| lane.covers(way));
        table.entries().iter().filter(looks).filter(|entry| self.fate.feels(entry)).cloned().collect()
    }

    /// Whether nothing may be passed on `way` now.
    pub(super) fn is_held(&self, way: Direction) -> bool {
        if matches!(self.course(), Course::Coming) {
            return true;
        }
        let holds = |entry: &Arc<Entry>| match entry.fault {
            EdgeFault::Partition { mode, .. } => mode == PartitionMode::Drop,
            EdgeFault::Bandwidth { bytes_per_second, .. } => bytes_per_second == 0,
            _ => false,
        };
        self.entries(way).iter().any(holds)
    }

    fn judge(&self) -> Judge<'_> {
        Judge { table: &self.shared.table, connection: self.fate.number() }
    }

    /// Lets go of a held start of a message when nothing judges it any more, or when it may not wait longer.
    pub(super) fn settle_held(
        &self,
        way: Direction,
        since: Option<Instant>,
        must_go: bool,
        out: &mut Vec<Out>,
    ) -> Option<Instant> {
        let mut conversation = self.conversation()?;
        let message = if way == Direction::To { Message::Request } else { Message::Response };
        let is_free = || must_go || conversation.is_opaque() || !self.judge().waits_for(message);
        if conversation.is_holding(message) && is_free() {
            conversation.let_go(message, out);
        }
        conversation.is_holding(message).then(|| since.unwrap_or_else(Instant::now))
    }

    /// Shows a chunk (empty on a wake-up) to the conversation; `out` gets what is to be forwarded.
    pub(super) fn pass(&self, way: Direction, chunk: Bytes, out: &mut Vec<Out>) -> io::Result<()> {
        let Some(mut conversation) = self.conversation() else {
            if !chunk.is_empty() {
                out.push(chunk.into());
            }
            return Ok(());
        };
        if way == Direction::From {
            conversation.take_response_bytes(chunk, self.judge(), out)?;
            if conversation.took_answers() {
                self.wake_to.notify_one();
            }
            return Ok(());
        }
        conversation.take_request_bytes(chunk, self.judge(), out);
        let answered = conversation.take_new_answers();
        if answered > 0 {
            add(&self.shared.counters.responses_aborted, answered);
            self.wake_from.notify_one();
        }
        Ok(())
    }

    /// The source of `way` has ended; `out` gets what waited for more.
    pub(super) fn end(&self, way: Direction, out: &mut Vec<Out>) {
        if way == Direction::From
            && let Some(mut conversation) = self.conversation()
        {
            conversation.end_response(out);
        }
    }
}
