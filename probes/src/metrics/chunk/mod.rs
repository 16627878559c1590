//! Chunks: how Prometheus keeps the samples of a series, and how remote read hands them over.
//!
//! Source: the format description of the Prometheus TSDB, "Chunks Disk Format". All input is foreign: a decoder
//! answers with a [`ChunkError`] and never panics, whatever the bytes are.

mod bits;
mod histogram;
mod xor;

pub use histogram::{Buckets, NativeSample, float_histogram, histogram};
pub use xor::xor;

/// Chunk of plain values.
pub const XOR: i32 = 1;
/// Chunk of native histograms with integer counts.
pub const HISTOGRAM: i32 = 2;
/// Chunk of native histograms with float counts.
pub const FLOAT_HISTOGRAM: i32 = 3;

/// Why a chunk cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Fewer bytes than its samples need.
    #[error("it ends within a sample")]
    Truncated,
    /// A number of its layout that no real chunk has.
    #[error("its {what} cannot be right")]
    Layout {
        /// Which number.
        what: &'static str,
    },
    /// An encoding that is not known.
    #[error("its encoding {0} is not known; this program reads XOR, histogram and float histogram")]
    Encoding(i32),
}

/// Samples that the head of a chunk announces, for the room that they need; 0 when there is no head.
pub fn announced(data: &[u8]) -> usize {
    data.first_chunk().map_or(0, |head| usize::from(u16::from_be_bytes(*head)))
}
