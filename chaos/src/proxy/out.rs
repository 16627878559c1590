//! Bytes that a conversation lets go, and how they are to go.

use bytes::Bytes;
use std::num::NonZeroU64;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) bytes: Bytes,
    /// Time that they, and all after them, are held.
    pub(super) hold: Duration,
    /// Bytes per second at which they drip; none for all at once.
    pub(super) drip: Option<NonZeroU64>,
}

impl From<Bytes> for Out {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, ..Self::default() }
    }
}

impl From<Vec<u8>> for Out {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}
