//! One read buffer for each thread, so that a connection that carries nothing holds no buffer.

use bytes::Bytes;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// Bytes taken by one read: what the kernel has for a fast local writer after one of its wake-ups.
const READ_SIZE: usize = 128 << 10;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// Waits for bytes and shows them to `take`. A short read tells the runtime that there is no more, without asking the
/// kernel again.
fn poll_take<T>(
    source: &mut ReadHalf<'_>,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(source).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}

/// Waits for bytes; none mean the end of the stream. Loses nothing when it is dropped before.
///
/// # Errors
/// What the socket says.
pub(super) async fn read(source: &mut ReadHalf<'_>) -> io::Result<Bytes> {
    std::future::poll_fn(|context| poll_take(source, context, Bytes::copy_from_slice)).await
}

/// What became of the bytes of one read.
pub(super) enum Moved {
    /// The stream has ended.
    End,
    /// So many bytes were passed on.
    All(usize),
    /// So many bytes were passed on, and these wait for the sink.
    Part(usize, Bytes),
    /// The sink is gone.
    SinkGone,
}

/// Waits for bytes and writes them straight on. Loses nothing when it is dropped before.
///
/// # Errors
/// What the source says.
pub(super) async fn hand_over(source: &mut ReadHalf<'_>, sink: &WriteHalf<'_>) -> io::Result<Moved> {
    let pass_on = |bytes: &[u8]| match sink.try_write(bytes) {
        // An empty write does nothing.
        _ if bytes.is_empty() => Moved::End,
        Ok(written) if written == bytes.len() => Moved::All(written),
        Ok(written) => Moved::Part(written, Bytes::copy_from_slice(&bytes[written..])),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Moved::Part(0, Bytes::copy_from_slice(bytes)),
        Err(_) => Moved::SinkGone,
    };
    std::future::poll_fn(|context| poll_take(source, context, pass_on)).await
}
