//! One read buffer for each thread, so that a connection that carries nothing holds no buffer.

use bytes::Bytes;
use std::cell::RefCell;
use std::io;
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// Bytes taken by one read: what the kernel has for a fast local writer after one of its wake-ups.
const READ_SIZE: usize = 128 << 10;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// Reads once without waiting; no bytes mean the end of the stream.
///
/// # Errors
/// What the socket says; `WouldBlock` when there is nothing yet.
pub(super) fn read(source: &ReadHalf<'_>) -> io::Result<Bytes> {
    SCRATCH.with_borrow_mut(|scratch| {
        let length = source.try_read(scratch)?;
        Ok(Bytes::copy_from_slice(&scratch[..length]))
    })
}

/// What became of the bytes of one read.
pub(super) enum Moved {
    /// There was nothing yet.
    Nothing,
    /// The stream has ended.
    End,
    /// So many bytes were passed on.
    All(usize),
    /// So many bytes were passed on, and these wait for the sink.
    Part(usize, Bytes),
    /// The sink is gone.
    SinkGone,
}

/// Reads once and writes the bytes straight on, without waiting.
///
/// # Errors
/// What the source says.
pub(super) fn hand_over(source: &ReadHalf<'_>, sink: &WriteHalf<'_>) -> io::Result<Moved> {
    SCRATCH.with_borrow_mut(|scratch| {
        let length = match source.try_read(scratch) {
            Ok(0) => return Ok(Moved::End),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Moved::Nothing),
            Err(error) => return Err(error),
        };
        match sink.try_write(&scratch[..length]) {
            Ok(written) if written == length => Ok(Moved::All(length)),
            Ok(written) => Ok(Moved::Part(written, Bytes::copy_from_slice(&scratch[written..length]))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(Moved::Part(0, Bytes::copy_from_slice(&scratch[..length])))
            }
            Err(_) => Ok(Moved::SinkGone),
        }
    })
}
