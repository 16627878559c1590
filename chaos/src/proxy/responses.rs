//! The responses of one connection: follows them, and edits those that a fault has chosen.

use super::body_edit::{Editor, Said};
use super::entry::Entry;
use super::framing::{Body, Framing, HeadBuffer, NotHttp, RequestKind};
use super::http_fault::Message;
use super::judge::{Judge, ResponseVerdict};
use super::out::Out;
use bytes::Bytes;
use std::sync::Arc;

/// Where a step stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There is more to come.
    GoOn,
    /// The response to the front request is complete.
    Complete,
    /// The connection ends after what was let go.
    Close,
}

#[derive(Debug)]
pub(super) enum Responses {
    Head { buffer: HeadBuffer, held: bool },
    Body { body: Body, editor: Editor, slow: Option<Arc<Entry>> },
}

impl Default for Responses {
    fn default() -> Self {
        Responses::Head { buffer: HeadBuffer::default(), held: false }
    }
}

impl Responses {
    /// Whether the start of a response waits here to be judged.
    pub(super) fn is_holding(&self) -> bool {
        matches!(self, Responses::Head { buffer, held: true } if !buffer.is_empty())
    }

    /// Whether any bytes wait here.
    pub(super) fn holds_any(&self) -> bool {
        self.is_holding() || matches!(self, Responses::Body { editor, .. } if editor.gathers())
    }

    /// Lets go of what was gathered for a fault that is gone.
    pub(super) fn settle(&mut self, judge: Judge<'_>, out: &mut Vec<Out>) {
        if let Responses::Body { editor, .. } = self {
            editor.settle(|entry| judge.table.lives(&entry.id), out);
        }
    }

    /// Whether the caller has a part of something that the target did not send.
    pub(super) fn is_edited(&self) -> bool {
        matches!(self, Responses::Body { editor: Editor::Cut { .. } | Editor::Discard, .. })
    }

    /// Forwards a held start; the rest of that head follows it unjudged.
    pub(super) fn let_go(&mut self, out: &mut Vec<Out>) {
        match self {
            Responses::Head { buffer, held } if *held => {
                *held = false;
                if !buffer.is_empty() {
                    out.push(buffer.copy_bytes().into());
                }
            }
            Responses::Head { .. } => (),
            Responses::Body { editor, .. } => editor.end(false, out),
        }
    }

    /// The stream of the target has ended.
    pub(super) fn end(&mut self, out: &mut Vec<Out>) {
        match self {
            Responses::Head { .. } => self.let_go(out),
            Responses::Body { body, editor, .. } => editor.end(matches!(body, Body::UntilEnd), out),
        }
    }

    /// Takes one part of a response to a request of this kind off `chunk`. What it took is in `out`, held, or thrown
    /// away by a fault, also on an error.
    pub(super) fn step(
        &mut self,
        kind: RequestKind,
        chunk: &mut Bytes,
        judge: Judge<'_>,
        out: &mut Vec<Out>,
    ) -> Result<Stop, NotHttp> {
        match self {
            Responses::Head { buffer, held } => {
                if buffer.is_empty() {
                    *held = judge.waits_for(Message::Response);
                }
                let (taken, complete) = buffer.take(chunk);
                let part = chunk.split_to(taken);
                if !*held {
                    out.push(part.into());
                }
                if complete {
                    return self.head(kind, judge, out);
                }
                if buffer.may_be_response() { Ok(Stop::GoOn) } else { Err(NotHttp) }
            }
            Responses::Body { body, editor, slow } => {
                let mut data = Vec::new();
                let (taken, complete) = body.take(chunk, editor.gathers().then_some(&mut data))?;
                let first = out.len();
                let said = editor.take(chunk.split_to(taken), &data, complete, out);
                if let Some(rate) = slow.as_ref().and_then(|entry| judge.drip(entry)) {
                    out[first..].iter_mut().for_each(|out| out.drip = Some(rate));
                }
                if said == Said::Close {
                    return Ok(Stop::Close);
                }
                Ok(if complete { self.complete() } else { Stop::GoOn })
            }
        }
    }

    fn complete(&mut self) -> Stop {
        *self = Self::default();
        Stop::Complete
    }

    fn head(&mut self, kind: RequestKind, judge: Judge<'_>, out: &mut Vec<Out>) -> Result<Stop, NotHttp> {
        let Responses::Head { buffer, held } = self else {
            return Ok(Stop::GoOn);
        };
        let (status, framing) = buffer.response()?;
        let held = *held;
        if status == 101 {
            return Err(NotHttp); // another protocol from here on
        }
        let is_interim = (100..=199).contains(&status);
        let framing = framing.unwrap_or(Framing::UntilEnd);
        let is_bare = is_interim || matches!(status, 204 | 304) || kind == RequestKind::Head;
        let has_body = !is_bare && framing != Framing::Length(0);
        let mut verdict = if held && !is_interim { judge.response(has_body) } else { ResponseVerdict::default() };
        let head = verdict.apply(buffer.take_bytes());
        if !has_body {
            if held {
                out.push(head.into());
            }
            *self = Self::default();
            return Ok(if is_interim { Stop::GoOn } else { Stop::Complete });
        }
        let editor = if held {
            let first = out.len();
            let editor = Editor::begin(head, framing, verdict.body.take(), out);
            let rate = verdict.slow.as_ref().and_then(|entry| judge.drip(entry));
            out[first..].iter_mut().skip(1).for_each(|out| out.drip = rate);
            editor
        } else {
            Editor::Pass
        };
        *self = Responses::Body { body: Body::new(framing), editor, slow: verdict.slow };
        Ok(Stop::GoOn)
    }
}
