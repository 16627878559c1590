//! Why a metrics server could not be read, and what a person can do.

use super::frames::FrameError;
use crate::metrics::chunk::ChunkError;
use std::path::PathBuf;
use std::time::Duration;

/// A failed operation on a metrics server. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file of a secret or certificate cannot be read.
    #[error("failed to read {what} in {}", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{what} in {} cannot be used", path.display())]
    Contents {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// No client could be made of the settings.
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// Nobody answered.
    #[error("failed to reach {url}")]
    Unreachable {
        /// Address.
        url: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer broke off.
    #[error("the answer of {url} broke off")]
    BrokeOff {
        /// Address.
        url: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// It took too long.
    #[error("{url} did not answer within {within:?}")]
    Deadline {
        /// Address.
        url: String,
        /// Time that it had.
        within: Duration,
    },
    /// The server refuses.
    #[error("{url} answered {status}: {says}")]
    Status {
        /// Address.
        url: String,
        /// HTTP status.
        status: u16,
        /// Beginning of the answer, one line.
        says: String,
    },
    /// Something else answered.
    #[error("{url} answered with {found}, not with {wanted}")]
    ContentType {
        /// Address.
        url: String,
        /// Content type that came.
        found: String,
        /// What should have come.
        wanted: &'static str,
    },
    /// The stream of frames is damaged.
    #[error("the answer of {url} is damaged")]
    Frame {
        /// Address.
        url: String,
        /// How.
        #[source]
        source: FrameError,
    },
    /// A message is no message.
    #[error("a message of {url} cannot be read: {what}")]
    Message {
        /// Address.
        url: String,
        /// What is wrong.
        what: String,
    },
    /// A chunk is damaged.
    #[error("a chunk of `{series}` cannot be read")]
    Chunk {
        /// Series.
        series: String,
        /// How.
        #[source]
        source: ChunkError,
    },
    /// The answer is whole but not complete.
    #[error("{url} answered with a part only: {}", warnings.join("; "))]
    Partial {
        /// Address.
        url: String,
        /// What the server says.
        warnings: Vec<String>,
    },
    /// The server says that the query failed.
    #[error("{url} refuses the query: {says}")]
    Refused {
        /// Address.
        url: String,
        /// What it says.
        says: String,
    },
    /// More series than are taken.
    #[error("`{selector}` selects more than {max} series")]
    TooManySeries {
        /// Selectors of the read.
        selector: String,
        /// Most that are taken.
        max: usize,
    },
    /// More samples than are taken.
    #[error("`{selector}` has more than {max} samples in the window")]
    TooManySamples {
        /// Selectors of the read.
        selector: String,
        /// Most that are taken.
        max: usize,
    },
    /// An answer longer than what is taken.
    #[error("the answer of {url} is longer than {max} bytes")]
    TooLong {
        /// Address.
        url: String,
        /// Most bytes.
        max: usize,
    },
    /// The clocks do not agree.
    #[error("the clock of {url} is {ahead_ms} ms ahead of ours, at most {max_ms} ms are allowed either way")]
    Skew {
        /// Address.
        url: String,
        /// How far; negative: it is behind.
        ahead_ms: i64,
        /// Most that is allowed.
        max_ms: i64,
    },
    /// The answers take too long to tell the time by.
    #[error("{url} takes so long that its clock is known to {within_ms} ms only, {max_ms} ms are needed")]
    ClockUnknown {
        /// Address.
        url: String,
        /// Half of the round trip.
        within_ms: i64,
        /// Most that is allowed.
        max_ms: i64,
    },
    /// The server scrapes at another distance than the programme samples.
    #[error("{url} scrapes every {usual_ms} ms, the programme samples every {every_ms} ms")]
    Interval {
        /// Address.
        url: String,
        /// What its samples show.
        usual_ms: i64,
        /// What the programme says.
        every_ms: i64,
    },
    /// A query that a person wrote is no PromQL.
    #[error("`{query}` is no PromQL: {says}")]
    Syntax {
        /// The query.
        query: String,
        /// What is wrong.
        says: String,
    },
}

impl SourceError {
    /// What a person can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            SourceError::File { .. } => {
                "make the file readable for this user, or name another one; a path that is not absolute begins at the \
                 folder of the installation"
            }
            SourceError::Contents { .. } => "write one line with the secret, or a PEM file, and nothing else",
            SourceError::Client(_) => "look at `tls`: certificates must be PEM and fit their key",
            SourceError::Unreachable { .. } => {
                "check `url`, that the server runs, and that its name and port can be reached from here"
            }
            SourceError::BrokeOff { .. } | SourceError::Frame { .. } | SourceError::Message { .. } => {
                "look at the server's log and at every proxy on the way; nothing of the answer was used"
            }
            SourceError::Deadline { .. } => "ask for fewer series, raise `timeout`, or look at how busy the server is",
            SourceError::Status { status: 300..=399, .. } => {
                "write the address that it refers to into `url`: credentials are not carried there"
            }
            SourceError::Status { status: 401 | 403, .. } => "look at `auth`, `tls` and the tenant in `headers`",
            SourceError::Status { status: 404, .. } => "end `url` before `/api/v1`, or set `read: json`",
            SourceError::Status { status: 429, .. } => "lower `concurrency`, or raise the server's limit",
            SourceError::Status { .. } => "look at the server's log",
            SourceError::ContentType { .. } => "check that `url` is a metrics server and no login page or proxy",
            SourceError::Chunk { .. } => "look at the server's storage; nothing of the answer was used",
            SourceError::Partial { .. } => {
                "bring the missing parts of the server back: half of the series look like a whole, so none are used"
            }
            SourceError::Refused { .. } => "look at what the server says of the query",
            SourceError::TooManySeries { .. } | SourceError::TooManySamples { .. } => {
                "write a narrower selector, for instance with `namespace` or `job`"
            }
            SourceError::TooLong { .. } => "write a narrower selector, or use a server with remote read",
            SourceError::ClockUnknown { .. } => "look at how busy the server and the network are",
            SourceError::Skew { .. } => "set both clocks by NTP: phases are on ours, samples on the server's",
            SourceError::Interval { .. } => {
                "write the server's scrape interval into the programme's `interval`, or the other way round"
            }
            SourceError::Syntax { .. } => "try the query on the server's own page first",
        }
    }

    /// The error with everything under it and what a person can do, one line.
    pub fn told(&self) -> String {
        let mut text = self.to_string();
        let mut under = std::error::Error::source(self);
        while let Some(cause) = under {
            text = format!("{text}: {cause}");
            under = cause.source();
        }
        format!("{text}; {}", self.remedy())
    }

    /// Whether another try may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            SourceError::Unreachable { .. } | SourceError::BrokeOff { .. } => true,
            SourceError::Frame { source, .. } => matches!(source, FrameError::Truncated { .. }),
            SourceError::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Whether the server says that it has no such path.
    pub(super) fn is_missing_path(&self) -> bool {
        match self {
            SourceError::Status { status: 404 | 405 | 501, .. } => true,
            // VictoriaMetrics.
            SourceError::Status { status: 400, says, .. } => says.contains("unsupported path"),
            _ => false,
        }
    }
}
