//! Flips single bits in chunks.

use super::edge_fault::EdgeFault;
use super::entry::Entry;
use bytes::{Bytes, BytesMut};

/// Looks at one chunk; when the draw says so, one bit of it is flipped at a place drawn too.
pub(super) fn maybe_flip(entry: &Entry, chunk: Bytes) -> Bytes {
    let EdgeFault::Corrupt { share, .. } = entry.fault else {
        return chunk;
    };
    if chunk.is_empty() {
        return chunk;
    }
    let Some(n) = entry.strikes(share) else {
        return chunk;
    };
    let mut bytes = BytesMut::from(chunk);
    let bit = (entry.second_draw(n) * (bytes.len() as f64 * 8.0)) as usize;
    // The product can round up to the length itself.
    let bit = bit.min(bytes.len() * 8 - 1);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.freeze()
}
