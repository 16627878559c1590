//! What a proxy can do to the bytes of an edge.

use super::http_fault::{BodyEdit, HeaderEdit, Message};
use super::share::Share;
use super::tls_fault::Presented;
use crate::road::{PacketFault, Road};
use crate::tls::TlsDefect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// Which bytes of an edge a fault concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Bytes on their way to the target.
    #[default]
    To,
    /// Bytes on their way from the target.
    From,
    /// Both ways: a round trip meets the fault twice.
    Both,
}

impl Direction {
    /// Whether this direction includes `way` (which is `To` or `From`).
    pub fn covers(self, way: Direction) -> bool {
        self == Direction::Both || self == way
    }

    /// How often a round trip meets a fault of this direction.
    pub fn passes_per_round_trip(self) -> u32 {
        match self {
            Direction::To | Direction::From => 1,
            Direction::Both => 2,
        }
    }
}

/// Who shares the bytes per second of a bandwidth fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bottleneck {
    /// All connections of the edge together, as on a link; each way has its own.
    #[default]
    Edge,
    /// Every connection has the whole rate for itself, each way.
    Connection,
}

/// How a partition shows itself. Whole connections are concerned; see each mode for what the direction means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionMode {
    /// Packets vanish. Bytes and ends of streams in the direction go nowhere, and nobody is told; the sender can go on
    /// until its system's buffers are full. A new connection hangs, whatever the direction: it is accepted, and the
    /// target hears of it only after the undo. A caller that closes a hanging connection has given up, and the target
    /// never hears of it. After the undo everything goes on where it stopped, late and without a hole, as TCP
    /// retransmits over a link that came back.
    #[default]
    Drop,
    /// Packets are refused: open connections are reset on both sides, new ones at once. The direction means nothing.
    Reject,
    /// One side has lost the connection and the other believes it open. `To`: the target's side is reset, what the
    /// caller sends vanishes. `From`: the caller's side is reset, what the target sends vanishes. `Both`: both believe
    /// it open, and all bytes vanish. A new connection of `To` and `Both` is accepted and silent, of `From` it is
    /// reset. After the undo the connections that were hit are reset: their streams have a hole.
    HalfOpen,
}

/// A fault as the proxy understands it.
///
/// Every fault acts on connections that are open already, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum EdgeFault {
    /// Each chunk is released `delay` (uniform within plus or minus `jitter`) after it arrived, in order.
    Delay {
        /// Added time.
        delay: Duration,
        /// Half width of the uniform jitter; at most `delay`.
        jitter: Duration,
        /// Which way.
        direction: Direction,
    },
    /// Bytes pass at this rate, in pieces of about 10 ms; the sender feels it through its full buffers.
    Bandwidth {
        /// Bytes per second; 0 lets nothing pass, and what waits goes on after the undo.
        bytes_per_second: u64,
        /// Who shares the rate.
        per: Bottleneck,
        /// Which way.
        direction: Direction,
    },
    /// Caller and target are cut off from each other.
    Partition {
        /// How it shows.
        mode: PartitionMode,
        /// Which way; each mode says what it means.
        direction: Direction,
    },
    /// New connections, and those open at the injection, are reset (RST), each with this probability.
    Reset {
        /// Share of connections.
        share: Share,
    },
    /// A connection is reset `after` its first bytes (or its end) in the direction arrived; they and all later ones
    /// vanish. An undo in between resets at once.
    ResetAfter {
        /// Time from the first bytes.
        after: Duration,
        /// Which way.
        direction: Direction,
    },
    /// The end of a stream is passed on late; its bytes are not.
    SlowClose {
        /// Added time.
        delay: Duration,
        /// Which way.
        direction: Direction,
    },
    /// Connections beyond `max` open ones are reset. Those that are open already stay.
    LimitConnections {
        /// Connections that the edge carries at once.
        max: u64,
    },
    /// A connection is closed after so many bytes, counted from the injection on.
    LimitData {
        /// Bytes of one connection; 0 closes it at its first byte.
        bytes: u64,
        /// Which way they are counted.
        direction: Direction,
    },
    /// Chunks are cut into small pieces, each passed on by itself.
    Slice {
        /// Average bytes of a piece.
        average: NonZeroU32,
        /// Half width of the uniform variation in bytes; less than `average`.
        variation: u32,
        /// Time between two pieces.
        delay: Duration,
        /// Which way.
        direction: Direction,
    },
    /// One bit is flipped in a share of the chunks.
    Corrupt {
        /// Share of chunks (what one read took off the socket).
        share: Share,
        /// Which way.
        direction: Direction,
    },
    /// Bytes in the direction vanish, and the connection is closed: when `after` has passed since it met the fault,
    /// when the stream ends, and at the undo. Zero waits for the last two alone.
    Timeout {
        /// Time to the close.
        after: Duration,
        /// Which way.
        direction: Direction,
    },
    /// HTTP/1.1 requests are answered with `status` instead of being forwarded, each with this probability.
    Abort {
        /// Status of the answer.
        status: u16,
        /// Share of requests.
        share: Share,
    },
    /// HTTP/1.1 requests are held before they are forwarded; those behind them on the connection wait too.
    HttpDelay {
        /// Added time.
        delay: Duration,
        /// Half width of the uniform jitter; at most `delay`.
        jitter: Duration,
        /// Share of requests.
        share: Share,
    },
    /// Fields of HTTP/1.1 heads are changed; a hit is a head that was rewritten.
    HttpHeader {
        /// Share of messages.
        share: Share,
        /// Which message.
        on: Message,
        /// The change.
        edit: HeaderEdit,
    },
    /// Bodies of HTTP/1.1 responses are changed; a hit is a body that is not what it was. One of which changed
    /// bytes have gone at the undo is changed to its end.
    HttpBody {
        /// Share of responses that have a body.
        share: Share,
        /// The change.
        edit: BodyEdit,
    },
    /// Bodies of HTTP/1.1 responses drip: slow, and valid.
    HttpSlow {
        /// Bytes per second of one body, from the first on.
        bytes_per_second: NonZeroU64,
        /// Share of responses that have a body.
        share: Share,
    },
    /// New connections are terminated with a certificate that has a defect; those of callers that go on in spite of it
    /// are relayed to the target over TLS, and closed at the undo.
    Tls {
        /// The defect.
        defect: TlsDefect,
        /// What is presented; nothing happens without it.
        #[serde(skip)]
        presents: Option<Presented>,
    },
    /// The bytes of a connection go over a road on which packets go wrong. Connections that are open already turn to it
    /// without a set-up of their own. At the undo what is on the road goes straight on.
    Packets {
        /// What goes wrong.
        fault: PacketFault,
        /// The road; nothing happens without it, nor once it is gone.
        #[serde(skip)]
        over: Option<Road>,
    },
}

impl EdgeFault {
    /// The ways that the fault looks at while bytes pass; `None` when it looks at connections, or answers requests.
    pub(super) fn lane(&self) -> Option<Direction> {
        match self {
            EdgeFault::Delay { direction, .. }
            | EdgeFault::Bandwidth { direction, .. }
            | EdgeFault::ResetAfter { direction, .. }
            | EdgeFault::SlowClose { direction, .. }
            | EdgeFault::LimitData { direction, .. }
            | EdgeFault::Slice { direction, .. }
            | EdgeFault::Corrupt { direction, .. }
            | EdgeFault::Timeout { direction, .. }
            | EdgeFault::Partition { direction, .. } => Some(*direction),
            EdgeFault::HttpDelay { .. } => Some(Direction::To),
            EdgeFault::HttpSlow { .. } => Some(Direction::From),
            EdgeFault::Reset { .. }
            | EdgeFault::LimitConnections { .. }
            | EdgeFault::Abort { .. }
            | EdgeFault::HttpHeader { .. }
            | EdgeFault::HttpBody { .. }
            | EdgeFault::Tls { .. }
            | EdgeFault::Packets { .. } => None,
        }
    }

    /// The message whose head must be whole before it goes on; `None` when the fault looks at no message.
    pub(super) fn message(&self) -> Option<Message> {
        match self {
            EdgeFault::Abort { .. } | EdgeFault::HttpDelay { .. } => Some(Message::Request),
            EdgeFault::HttpHeader { on, .. } => Some(*on),
            EdgeFault::HttpBody { .. } | EdgeFault::HttpSlow { .. } => Some(Message::Response),
            _ => None,
        }
    }

    /// Whether the fault gives bytes a later time than their own.
    pub(super) fn holds_bytes(&self) -> bool {
        use EdgeFault::{Delay, HttpDelay, HttpSlow, Slice};
        matches!(self, Delay { .. } | Slice { .. } | HttpDelay { .. } | HttpSlow { .. })
    }
}
