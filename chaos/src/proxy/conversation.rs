//! Follows the HTTP/1.1 exchanges of one connection, and answers requests in place of the target.
//!
//! Invariant: bytes that no fault answers, edits or holds are forwarded unchanged and in order; what is not HTTP/1.1 makes
//! the connection opaque, and an opaque connection is never touched.

use super::framing::{Body, Framing, HeadBuffer, NotHttp, RequestHead, RequestKind};
use super::http_fault::Message;
use super::judge::{Judge, RequestVerdict};
use super::out::Out;
use super::responses::{Responses, Stop};
use crate::lease::FaultId;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;

/// Requests of one connection whose responses are still out; reading stops at this many.
///
/// Real clients pipeline a few; the limit keeps a silent target from filling the memory.
const MAX_EXCHANGES: usize = 1_024;

/// Header that an answer given by a fault carries, with the fault's id.
pub const FAULT_HEADER: &str = "x-mettle-fault";

#[derive(Debug)]
enum Exchange {
    Forwarded(RequestKind),
    Answered { bytes: Bytes, closes: bool },
}

#[derive(Debug)]
enum Request {
    Head {
        buffer: HeadBuffer,
        held: bool,
    },
    Body {
        body: Body,
        answer: Option<(u16, FaultId, RequestHead)>,
    },
    /// After an answer that ends the connection: further bytes go nowhere.
    Swallow,
}

#[derive(Debug)]
pub(super) struct Conversation {
    request: Request,
    responses: Responses,
    exchanges: VecDeque<Exchange>,
    opaque: bool,
    new_answers: u64,
    took_answers: bool,
    closes: bool,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            request: Request::Head { buffer: HeadBuffer::default(), held: false },
            responses: Responses::default(),
            exchanges: VecDeque::new(),
            opaque: false,
            new_answers: 0,
            took_answers: false,
            closes: false,
        }
    }
}

impl Conversation {
    /// Whether more requests may be read.
    pub(super) fn has_room(&self) -> bool {
        self.exchanges.len() < MAX_EXCHANGES
    }

    /// Whether the start of such a message waits here to be judged.
    pub(super) fn is_holding(&self, message: Message) -> bool {
        match message {
            Message::Request => matches!(&self.request, Request::Head { buffer, held: true } if !buffer.is_empty()),
            Message::Response => self.responses.is_holding(),
        }
    }

    /// Whether any bytes wait here.
    pub(super) fn holds_any(&self) -> bool {
        self.is_holding(Message::Request) || self.responses.holds_any()
    }

    /// Whether nothing of this connection is judged any more.
    pub(super) fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Whether the last answer ends the connection.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// Answers that became ready since the last call.
    pub(super) fn take_new_answers(&mut self) -> u64 {
        std::mem::take(&mut self.new_answers)
    }

    /// Whether exchanges were completed since the last call, so that requests may be read again.
    pub(super) fn took_answers(&mut self) -> bool {
        std::mem::take(&mut self.took_answers)
    }

    /// Forwards the held start of a message; the rest of that head follows it unjudged.
    pub(super) fn let_go(&mut self, message: Message, out: &mut Vec<Out>) {
        if message == Message::Response {
            return self.responses.let_go(out);
        }
        if let Request::Head { buffer, held } = &mut self.request
            && *held
        {
            *held = false;
            out.push(buffer.copy_bytes().into());
        }
    }

    /// The request bytes make no sense: forward them from here on, unless their head was answered already.
    fn misunderstood(&mut self, out: &mut Vec<Out>) {
        if let Request::Body { answer: Some((_, _, head)), .. } = &mut self.request {
            head.ends_after = true;
            return self.request_end();
        }
        self.let_go(Message::Request, out);
        self.opaque = true;
    }

    /// Whether the client waits for an answer that the target knows nothing of.
    fn owes_an_answer(&self) -> bool {
        matches!(self.request, Request::Body { answer: Some(_), .. })
            || self.exchanges.iter().any(|exchange| matches!(exchange, Exchange::Answered { .. }))
    }

    /// Takes bytes from the client; `out` gets what goes on to the target.
    pub(super) fn take_request_bytes(&mut self, mut chunk: Bytes, judge: Judge<'_>, out: &mut Vec<Out>) {
        while !chunk.is_empty() {
            if self.opaque {
                self.let_go(Message::Request, out);
                return out.push(chunk.into());
            }
            if self.request_step(&mut chunk, judge, out).is_err() {
                self.misunderstood(out);
            }
        }
    }

    /// Takes one part of a message off `chunk`. What it took is in `out`, or held, also on an error.
    fn request_step(&mut self, chunk: &mut Bytes, judge: Judge<'_>, out: &mut Vec<Out>) -> Result<(), NotHttp> {
        match &mut self.request {
            Request::Swallow => chunk.clear(),
            Request::Head { buffer, held } => {
                if buffer.is_empty() {
                    *held = judge.waits_for(Message::Request);
                }
                let (taken, complete) = buffer.take(chunk);
                let part = chunk.split_to(taken);
                if !*held {
                    out.push(part.into());
                }
                if complete {
                    let head = buffer.request()?;
                    self.request_head(head, judge, out)?;
                } else if !buffer.may_be_request() {
                    return Err(NotHttp);
                }
            }
            Request::Body { body, answer } => {
                let (taken, complete) = body.take(chunk, None)?;
                let part = chunk.split_to(taken);
                if answer.is_none() {
                    out.push(part.into());
                }
                if complete {
                    self.request_end();
                }
            }
        }
        Ok(())
    }

    fn request_head(&mut self, head: RequestHead, judge: Judge<'_>, out: &mut Vec<Out>) -> Result<(), NotHttp> {
        let Request::Head { buffer, held } = &mut self.request else {
            return Ok(());
        };
        if head.kind == RequestKind::Connect {
            return Err(NotHttp);
        }
        let verdict = if *held { judge.request() } else { RequestVerdict::default() };
        if verdict.answer.is_none() {
            self.exchanges.push_back(Exchange::Forwarded(head.kind));
            if *held {
                let bytes = verdict.apply(buffer.take_bytes()).into();
                out.push(Out { bytes, hold: verdict.hold, drip: None });
            }
        }
        let answer = verdict.answer.map(|(status, id)| (status, id, head));
        let at_once = answer.is_some() && head.expects;
        self.request = Request::Body { body: Body::new(head.framing), answer };
        if at_once || head.framing == Framing::Length(0) {
            self.request_end();
        }
        Ok(())
    }

    fn request_end(&mut self) {
        let fresh = Request::Head { buffer: HeadBuffer::default(), held: false };
        let Request::Body { answer: Some((status, id, head)), .. } = std::mem::replace(&mut self.request, fresh) else {
            return;
        };
        // After an answer in place of `100 Continue` nobody knows whether a body follows.
        let closes = head.ends_after || head.expects;
        if closes {
            self.request = Request::Swallow;
        }
        self.new_answers += 1;
        self.exchanges.push_back(Exchange::Answered { bytes: answer_bytes(status, &id, closes), closes });
    }

    /// Takes bytes from the target (or none, to look for answers); `out` gets what goes on to the client.
    ///
    /// # Errors
    /// The responses make no sense while an answer waits for its turn.
    pub(super) fn take_response_bytes(
        &mut self,
        mut chunk: Bytes,
        judge: Judge<'_>,
        out: &mut Vec<Out>,
    ) -> io::Result<()> {
        self.responses.settle(judge, out);
        loop {
            self.give_answers(out);
            if chunk.is_empty() || self.closes {
                return Ok(());
            }
            if self.opaque {
                self.responses.let_go(out);
                out.push(chunk.into());
                return Ok(());
            }
            let Some(Exchange::Forwarded(kind)) = self.exchanges.front() else {
                self.responses_misunderstood(out)?;
                continue;
            };
            match self.responses.step(*kind, &mut chunk, judge, out) {
                Ok(Stop::GoOn) => (),
                Ok(Stop::Complete) => {
                    self.exchanges.pop_front();
                    self.took_answers = true;
                }
                Ok(Stop::Close) => self.closes = true,
                Err(NotHttp) => self.responses_misunderstood(out)?,
            }
        }
    }

    fn responses_misunderstood(&mut self, out: &mut Vec<Out>) -> io::Result<()> {
        if self.owes_an_answer() || self.responses.is_edited() {
            return Err(io::Error::other("an answer is owed in a conversation that is not understood"));
        }
        self.responses.let_go(out);
        self.opaque = true;
        Ok(())
    }

    /// The target's stream has ended; `out` gets what waited for more of it.
    pub(super) fn end_response(&mut self, out: &mut Vec<Out>) {
        self.responses.end(out);
    }

    /// Gives the answers whose turn it is: after the responses to every earlier request, before any later one.
    fn give_answers(&mut self, out: &mut Vec<Out>) {
        while let Some(Exchange::Answered { .. }) = self.exchanges.front() {
            if let Some(Exchange::Answered { bytes, closes }) = self.exchanges.pop_front() {
                self.took_answers = true;
                out.push(bytes.into());
                self.closes |= closes;
            }
        }
    }
}

fn answer_bytes(status: u16, id: &FaultId, closes: bool) -> Bytes {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("Fault");
    let connection = if closes { "connection: close\r\n" } else { "" };
    Bytes::from(format!("HTTP/1.1 {status} {reason}\r\ncontent-length: 0\r\n{FAULT_HEADER}: {id}\r\n{connection}\r\n"))
}
