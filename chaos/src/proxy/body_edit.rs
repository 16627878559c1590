//! Edits the body of one response while it passes. Memory stays below [`GATHER_MAX`] and one read.

use super::edge_fault::EdgeFault;
use super::entry::Entry;
use super::framing::Framing;
use super::head_edit;
use super::http_fault::{BodyEdit, Truncation};
use super::out::Out;
use std::sync::Arc;

/// Longest body, with its framing, that is gathered to be edited; a longer one passes as it is.
const GATHER_MAX: usize = 1 << 20;

/// What is done with the body of a response.
#[derive(Debug)]
pub(super) enum Editor {
    /// It passes as it is.
    Pass,
    /// All that the caller gets has been sent.
    Discard,
    /// So many bytes pass, as the head says; the rest is thrown away.
    Cut { left: u64 },
    /// So many bytes pass, and the connection ends in the midst of the rest, if there is any.
    Break { left: u64, entry: Arc<Entry> },
    /// It is gathered until it can be edited.
    Gather(Box<Gathered>),
}

#[derive(Debug)]
pub(super) struct Gathered {
    head: Vec<u8>,
    /// The body as it came.
    raw: Vec<u8>,
    /// The body without its framing.
    data: Vec<u8>,
    entry: Arc<Entry>,
}

/// What a step of an editor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Go on.
    GoOn,
    /// End the connection after what was let go.
    Close,
}

fn body_edit(entry: &Entry) -> Option<&BodyEdit> {
    match &entry.fault {
        EdgeFault::HttpBody { edit, .. } => Some(edit),
        _ => None,
    }
}

fn clamp(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Editor {
    /// Whether the body is wanted without its framing.
    pub(super) fn gathers(&self) -> bool {
        matches!(self, Editor::Gather(_))
    }

    /// Begins with a head; `out` gets what may go at once.
    pub(super) fn begin(head: Vec<u8>, framing: Framing, entry: Option<Arc<Entry>>, out: &mut Vec<Out>) -> Self {
        let Some(entry) = entry else {
            out.push(head.into());
            return Editor::Pass;
        };
        match (body_edit(&entry), framing) {
            (Some(BodyEdit::Replace { with }), _) => {
                entry.hit();
                out.push(head_edit::with_length(&head, with.len()).into());
                out.push(with.clone().into());
                Editor::Discard
            }
            (Some(BodyEdit::Truncate { bytes, .. }), Framing::Length(length)) if length <= *bytes => {
                out.push(head.into());
                Editor::Pass
            }
            (Some(BodyEdit::Truncate { bytes, how: Truncation::Honest }), Framing::Length(_)) => {
                entry.hit();
                out.push(head_edit::with_length(&head, clamp(*bytes)).into());
                Editor::Cut { left: *bytes }
            }
            (Some(BodyEdit::Truncate { bytes, how: Truncation::Broken }), _) => {
                out.push(head.into());
                Editor::Break { left: *bytes, entry: entry.clone() }
            }
            (Some(BodyEdit::Truncate { .. } | BodyEdit::Find { .. }), _) => {
                Editor::Gather(Box::new(Gathered { head, raw: Vec::new(), data: Vec::new(), entry }))
            }
            (None, _) => {
                out.push(head.into());
                Editor::Pass
            }
        }
    }

    /// Takes a part of the body, as it came and without its framing.
    pub(super) fn take(&mut self, raw: bytes::Bytes, data: &[u8], is_last: bool, out: &mut Vec<Out>) -> Said {
        match self {
            Editor::Pass => out.push(raw.into()),
            Editor::Discard => (),
            Editor::Cut { left } => {
                let taken = clamp(*left).min(raw.len());
                *left -= taken as u64;
                out.push(raw.slice(..taken).into());
            }
            Editor::Break { left, entry } => {
                let taken = clamp(*left).min(raw.len());
                *left -= taken as u64;
                let is_cut = taken < raw.len();
                out.push(raw.slice(..taken).into());
                if is_cut {
                    entry.hit();
                    return Said::Close;
                }
            }
            Editor::Gather(gathered) => {
                gathered.raw.extend_from_slice(&raw);
                gathered.data.extend_from_slice(data);
                if let Some(next) = gathered.advance(is_last, out) {
                    *self = next;
                }
            }
        }
        Said::GoOn
    }

    /// Lets go, unchanged, of what an entry that is gone has not changed yet.
    pub(super) fn settle(&mut self, lives: impl Fn(&Entry) -> bool, out: &mut Vec<Out>) {
        match self {
            Editor::Gather(gathered) if !lives(&gathered.entry) => *self = gathered.give_up(out),
            Editor::Break { entry, .. } if !lives(entry) => *self = Editor::Pass,
            _ => (),
        }
    }

    /// The stream of the target ended; `is_whole` when that is the end of the body too.
    pub(super) fn end(&mut self, is_whole: bool, out: &mut Vec<Out>) {
        if let Editor::Gather(gathered) = self {
            *self = if is_whole { gathered.finish(out) } else { gathered.give_up(out) };
        }
    }
}

impl Gathered {
    fn advance(&mut self, is_last: bool, out: &mut Vec<Out>) -> Option<Editor> {
        let enough = match body_edit(&self.entry) {
            Some(BodyEdit::Truncate { bytes, .. }) => self.data.len() as u64 > *bytes,
            _ => false,
        };
        if enough || is_last {
            return Some(self.finish(out));
        }
        (self.raw.len() > GATHER_MAX).then(|| self.give_up(out))
    }

    /// Lets everything go as it came.
    fn give_up(&mut self, out: &mut Vec<Out>) -> Editor {
        out.push(std::mem::take(&mut self.head).into());
        out.push(std::mem::take(&mut self.raw).into());
        Editor::Pass
    }

    fn finish(&mut self, out: &mut Vec<Out>) -> Editor {
        let edited = match body_edit(&self.entry) {
            Some(BodyEdit::Truncate { bytes, .. }) if self.data.len() as u64 > *bytes => {
                self.data.truncate(clamp(*bytes));
                Some(std::mem::take(&mut self.data))
            }
            Some(BodyEdit::Find { find, with }) => {
                replaced(&self.data, find, with).filter(|edited| *edited != self.data)
            }
            _ => None,
        };
        let Some(body) = edited else {
            return self.give_up(out);
        };
        self.entry.hit();
        out.push(head_edit::with_length(&self.head, body.len()).into());
        out.push(body.into());
        Editor::Discard
    }
}

/// `body` with every `find` replaced; none when there is none.
fn replaced(body: &[u8], find: &[u8], with: &[u8]) -> Option<Vec<u8>> {
    if find.is_empty() {
        return None;
    }
    let mut new = Vec::new();
    let (mut at, mut found) = (0, false);
    while at < body.len() {
        if body[at..].starts_with(find) {
            new.extend_from_slice(with);
            at += find.len();
            found = true;
        } else {
            new.push(body[at]);
            at += 1;
        }
    }
    found.then_some(new)
}
