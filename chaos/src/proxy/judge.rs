//! Draws what becomes of the requests and responses of one connection.

use super::edge_fault::EdgeFault;
use super::entry::Entry;
use super::head_edit;
use super::http_fault::{HeaderEdit, Message};
use super::table::Table;
use crate::lease::FaultId;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) table: &'a Table,
    /// Position of the connection among those of the edge.
    pub(super) connection: u64,
}

/// What becomes of a request.
#[derive(Debug, Default)]
pub(super) struct RequestVerdict {
    /// Status and id of the fault that answers it.
    pub(super) answer: Option<(u16, FaultId)>,
    /// Time that it is held.
    pub(super) hold: Duration,
    edits: Vec<Arc<Entry>>,
}

/// What becomes of a response.
#[derive(Debug, Default)]
pub(super) struct ResponseVerdict {
    edits: Vec<Arc<Entry>>,
    /// Entry that edits the body.
    pub(super) body: Option<Arc<Entry>>,
    /// Entry that lets the body drip.
    pub(super) slow: Option<Arc<Entry>>,
}

fn header_edit(entry: &Entry) -> Option<&HeaderEdit> {
    match &entry.fault {
        EdgeFault::HttpHeader { edit, .. } => Some(edit),
        _ => None,
    }
}

fn edited(head: Vec<u8>, edits: &[Arc<Entry>]) -> Vec<u8> {
    edits.iter().fold(head, |head, entry| match header_edit(entry) {
        Some(edit) => {
            entry.hit();
            let touched: Vec<_> = edit.touched().collect();
            head_edit::edit(&head, &touched, edit.set())
        }
        None => head,
    })
}

impl RequestVerdict {
    /// The head as it goes on.
    pub(super) fn apply(&self, head: Vec<u8>) -> Vec<u8> {
        edited(head, &self.edits)
    }
}

impl ResponseVerdict {
    /// The head as it goes on, but for its framing.
    pub(super) fn apply(&self, head: Vec<u8>) -> Vec<u8> {
        edited(head, &self.edits)
    }
}

impl Judge<'_> {
    fn entries(self) -> Vec<Arc<Entry>> {
        let feels = |entry: &&Arc<Entry>| entry.is_live() && entry.takes(self.connection);
        if self.table.is_quiet() { Vec::new() } else { self.table.entries().iter().filter(feels).cloned().collect() }
    }

    /// Whether the head of a message must be held back until it is judged.
    pub(super) fn waits_for(self, message: Message) -> bool {
        !self.table.is_quiet() && self.entries().iter().any(|entry| entry.fault.message() == Some(message))
    }

    /// Judges one request.
    pub(super) fn request(self) -> RequestVerdict {
        let mut verdict = RequestVerdict::default();
        let entries = self.entries();
        let abort = |entry: &Arc<Entry>| match entry.fault {
            EdgeFault::Abort { status, share } => entry.strikes(share).map(|_| (status, entry.id.clone())),
            _ => None,
        };
        verdict.answer = entries.iter().find_map(abort);
        if verdict.answer.is_some() {
            return verdict;
        }
        for entry in entries {
            match &entry.fault {
                EdgeFault::HttpDelay { delay, jitter, share } => {
                    if let Some(n) = entry.strikes(*share) {
                        let offset = jitter.mul_f64(2.0 * entry.second_draw(n));
                        verdict.hold += (*delay + offset).saturating_sub(*jitter);
                    }
                }
                EdgeFault::HttpHeader { share, on: Message::Request, .. } if entry.chooses(*share).is_some() => {
                    verdict.edits.push(entry);
                }
                _ => (),
            }
        }
        verdict
    }

    /// Judges one response that has a body, or not.
    pub(super) fn response(self, has_body: bool) -> ResponseVerdict {
        let mut verdict = ResponseVerdict::default();
        for entry in self.entries() {
            match &entry.fault {
                EdgeFault::HttpHeader { share, on: Message::Response, .. } if entry.chooses(*share).is_some() => {
                    verdict.edits.push(entry);
                }
                EdgeFault::HttpBody { share, .. } if has_body && entry.chooses(*share).is_some() => {
                    verdict.body.get_or_insert(entry);
                }
                EdgeFault::HttpSlow { share, .. } if has_body && entry.strikes(*share).is_some() => {
                    verdict.slow.get_or_insert(entry);
                }
                _ => (),
            }
        }
        verdict
    }

    /// The rate of `entry` while it is in the table.
    pub(super) fn drip(self, entry: &Entry) -> Option<NonZeroU64> {
        match entry.fault {
            EdgeFault::HttpSlow { bytes_per_second, .. } if self.table.lives(&entry.id) => Some(bytes_per_second),
            _ => None,
        }
    }
}
