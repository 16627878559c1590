//! Reads answers that were kept as bytes: what came from a server yesterday, or from whoever wants to break this.

use super::columns::{Columns, ReadLimits};
use super::error::SourceError;
use super::frames::Frames;
use super::read::Window;
use super::{export, json, remote_read};
use bytes::Bytes;
use scorer::RawSeries;

/// What the bytes of an answer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// Frames of a streamed remote read.
    Frames,
    /// The message of one such frame.
    Message,
    /// An unstreamed remote read: protobuf packed by snappy.
    Packed,
    /// JSON of the query API.
    Json,
    /// Lines of an export.
    Lines,
}

/// Where the bytes came from, in errors.
const HERE: &str = "the answer that was kept";

/// The series of an answer within the window.
///
/// # Errors
/// As reading it from the server.
pub fn decode(
    kind: AnswerKind,
    bytes: &[u8],
    window: Window,
    limits: ReadLimits,
) -> Result<Vec<RawSeries>, SourceError> {
    let mut columns = Columns::new(limits, &[]);
    match kind {
        AnswerKind::Frames => {
            let damaged = |source| SourceError::Frame { url: HERE.to_owned(), source };
            let mut frames = Frames::default();
            frames.push(bytes);
            while let Some(message) = frames.message().map_err(damaged)? {
                remote_read::frame(HERE, message, window, &mut columns)?;
            }
            frames.end().map_err(damaged)?;
        }
        AnswerKind::Message => remote_read::frame(HERE, Bytes::copy_from_slice(bytes), window, &mut columns)?,
        AnswerKind::Packed => remote_read::unstreamed(HERE, bytes, limits.body_bytes, window, &mut columns)?,
        AnswerKind::Json => json::answer(HERE, bytes, window, &mut columns)?,
        AnswerKind::Lines => {
            bytes.split(|byte| *byte == b'\n').try_for_each(|line| export::line(HERE, line, window, &mut columns))?;
        }
    }
    columns.finish()
}
