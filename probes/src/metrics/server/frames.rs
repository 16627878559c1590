//! The frames of a streamed answer: length, checksum, message, one after the other.
//!
//! Source: `ChunkedReader` of Prometheus: an unsigned varint of the length, the CRC-32C of the message as four bytes,
//! most significant first, and the message.

use bytes::{Buf as _, Bytes, BytesMut};

/// Longest frame that is taken. Servers make frames of one megabyte unless told otherwise; one of a single series may
/// be longer.
const MAX_FRAME: u64 = 64 << 20;

/// Longest varint.
const MAX_LENGTH_BYTES: usize = 10;

const CHECKSUM_BYTES: usize = 4;

/// Why a stream of frames cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The stream ended within a frame.
    #[error("the answer ended within a frame, after {whole} whole ones")]
    Truncated {
        /// Whole frames before.
        whole: u64,
    },
    /// A length that no frame has.
    #[error("frame {index} claims {length} bytes, at most {MAX_FRAME} are taken")]
    TooLong {
        /// Frame, from 0.
        index: u64,
        /// Its length.
        length: u64,
    },
    /// A length that is no number.
    #[error("the length of frame {index} is no number")]
    Length {
        /// Frame, from 0.
        index: u64,
    },
    /// The message is not what was sent.
    #[error("the checksum of frame {index} does not fit its bytes")]
    Checksum {
        /// Frame, from 0.
        index: u64,
    },
}

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct Frames {
    waiting: BytesMut,
    whole: u64,
}

impl Frames {
    /// Takes more of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream is no stream of frames.
    pub fn message(&mut self) -> Result<Option<Bytes>, FrameError> {
        let index = self.whole;
        let Some((length, head)) = self.length()? else { return Ok(None) };
        if length > MAX_FRAME {
            return Err(FrameError::TooLong { index, length });
        }
        let whole = head + CHECKSUM_BYTES + length as usize;
        if self.waiting.len() < whole {
            self.waiting.reserve(whole - self.waiting.len());
            return Ok(None);
        }
        let mut frame = self.waiting.split_to(whole).freeze();
        frame.advance(head);
        let checksum = frame.get_u32();
        if crc32c::crc32c(&frame) != checksum {
            return Err(FrameError::Checksum { index });
        }
        self.whole += 1;
        Ok(Some(frame))
    }

    /// Whether the stream may end here.
    ///
    /// # Errors
    /// It ended within a frame.
    pub fn end(&self) -> Result<(), FrameError> {
        if self.waiting.is_empty() { Ok(()) } else { Err(FrameError::Truncated { whole: self.whole }) }
    }

    fn length(&self) -> Result<Option<(u64, usize)>, FrameError> {
        let mut length = 0_u64;
        for (at, byte) in self.waiting.iter().take(MAX_LENGTH_BYTES).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if at == MAX_LENGTH_BYTES - 1 && bits > 1 {
                break;
            }
            length |= bits << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(Some((length, at + 1)));
            }
        }
        if self.waiting.len() < MAX_LENGTH_BYTES { Ok(None) } else { Err(FrameError::Length { index: self.whole }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let (mut out, mut length) = (Vec::new(), message.len());
        while length >= 0x80 {
            out.push((length & 0x7f | 0x80) as u8);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend(crc32c::crc32c(message).to_be_bytes());
        out.extend(message);
        out
    }

    proptest! {
        #[test]
        fn messages_come_out_whole_however_the_stream_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cut in 1..50_usize,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| framed(m)).collect();
            let (mut frames, mut read) = (Frames::default(), Vec::new());
            for piece in stream.chunks(cut) {
                frames.push(piece);
                while let Some(message) = frames.message().unwrap() {
                    read.push(message.to_vec());
                }
            }
            prop_assert_eq!(frames.end(), Ok(()));
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::default();
            frames.push(&bytes);
            while let Ok(Some(_)) = frames.message() {}
        }
    }

    #[test]
    fn hostile_lengths_and_changed_bytes_are_named() {
        let read = |bytes: &[u8]| {
            let mut frames = Frames::default();
            frames.push(bytes);
            frames.message().map(|message| (message, frames.end()))
        };
        let mut changed = framed(b"message");
        changed[7] ^= 1;
        assert_eq!(read(&changed).unwrap_err(), FrameError::Checksum { index: 0 });
        let length = u64::MAX >> 1;
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(read(&huge).unwrap_err(), FrameError::TooLong { index: 0, length });
        assert_eq!(read(&[0xff; 12]).unwrap_err(), FrameError::Length { index: 0 });
        let whole = framed(b"message");
        let cut = read(&whole[..whole.len() - 1]).unwrap();
        assert_eq!(cut, (None, Err(FrameError::Truncated { whole: 0 })));
    }
}
