//! Remote read: one request for all selectors, answered with the chunks as they lie in the server's memory and files.
//!
//! Source: the remote read API of Prometheus, response type `STREAMED_XOR_CHUNKS`. A server that answers with `SAMPLES`
//! is read, too.

use super::columns::Columns;
use super::error::SourceError;
use super::frames::Frames;
use super::read::Window;
use super::request::{Failure, Server, body, content_type, next_piece, send};
use super::wire::{
    ChunkedReadResponse, ChunkedSeries, Label, LabelMatcher, MatchType, Query, ReadRequest, ReadResponse, ResponseType,
    TimeSeries,
};
use crate::metrics::chunk::{self, ChunkError};
use crate::metrics::native::Part;
use bytes::Bytes;
use prost::Message as _;
use reqwest::{Client, Response};
use scorer::RawSeries;
use scorer::signal::{MatchOp, Selector};

const STREAMED: &str = "application/x-streamed-protobuf";
const PLAIN: &str = "application/x-protobuf";
const PATH: &str = "api/v1/read";
const VERSION_HEADER: &str = "X-Prometheus-Remote-Read-Version";
const VERSION: &str = "0.1.0";

/// Suffixes by which people name the parts of a histogram; a native one is stored under its own name.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];

/// Fewest bits of a sample in a chunk: announcements beyond what the bytes can hold are not believed.
const SAMPLE_BITS: usize = 2;

pub(super) async fn read(
    server: &Server,
    selectors: &[Selector],
    window: Window,
) -> Result<Vec<RawSeries>, SourceError> {
    let message = request(selectors, window).encode_to_vec();
    let packed = snap::raw::Encoder::new().compress_vec(&message);
    let packed =
        Bytes::from(packed.map_err(|error| SourceError::Message {
            url: server.settings().url.to_string(),
            what: error.to_string(),
        })?);
    server.tried(|client| once(server, client, packed.clone(), selectors, window)).await
}

async fn once(
    server: &Server,
    client: Client,
    packed: Bytes,
    selectors: &[Selector],
    window: Window,
) -> Result<Vec<RawSeries>, Failure> {
    let endpoint = server.endpoint(PATH);
    let url = endpoint.to_string();
    let request = client
        .post(endpoint)
        .header("Content-Type", PLAIN)
        .header("Content-Encoding", "snappy")
        .header(VERSION_HEADER, VERSION)
        .body(packed);
    let answer = send(&url, request).await?;
    let mut columns = Columns::new(server.limits(), selectors);
    match content_type(&answer).as_str() {
        STREAMED => streamed(&url, answer, window, &mut columns).await?,
        PLAIN => {
            let body = body(&url, answer, server.limits().body_bytes).await?;
            unstreamed(&url, &body, server.limits().body_bytes, window, &mut columns)?;
        }
        other => {
            let found = if other.is_empty() { "nothing" } else { other }.to_owned();
            return Err(SourceError::ContentType { url, found, wanted: STREAMED }.into());
        }
    }
    Ok(columns.finish()?)
}

/// One query for every selector, and one more where it may mean a native histogram.
fn request(selectors: &[Selector], window: Window) -> ReadRequest {
    let query = |name: &str, selector: &Selector| {
        let named = (!name.is_empty()).then(|| matcher(MatchType::Equal, "__name__", name));
        let others = selector.matchers.iter().map(|m| {
            let kind = match m.op {
                MatchOp::Equal => MatchType::Equal,
                MatchOp::NotEqual => MatchType::NotEqual,
                MatchOp::Matches => MatchType::Matches,
                MatchOp::NotMatches => MatchType::NotMatches,
            };
            matcher(kind, &m.label, &m.value)
        });
        Query {
            start_timestamp_ms: window.from_ms,
            end_timestamp_ms: window.to_ms,
            matchers: named.into_iter().chain(others).collect(),
        }
    };
    let mut queries: Vec<Query> = selectors.iter().map(|s| query(&s.name, s)).collect();
    for one in natives(selectors).iter().map(|s| query(&s.name, s)) {
        if !queries.contains(&one) {
            queries.push(one);
        }
    }
    let accepted = [ResponseType::StreamedXorChunks, ResponseType::Samples];
    ReadRequest { queries, accepted_response_types: accepted.map(i32::from).to_vec() }
}

/// Selectors of the native histograms that these may mean by the names of their parts.
pub(super) fn natives(selectors: &[Selector]) -> Vec<Selector> {
    let native = |selector: &Selector| {
        let name = PARTS.iter().find_map(|part| selector.name.strip_suffix(part))?;
        let matchers = selector.matchers.iter().filter(|m| m.label != "le").cloned().collect();
        Some(Selector { name: name.to_owned(), matchers })
    };
    let mut found: Vec<Selector> = Vec::new();
    for one in selectors.iter().filter_map(native) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn matcher(kind: MatchType, name: &str, value: &str) -> LabelMatcher {
    LabelMatcher { kind: kind.into(), name: name.to_owned(), value: value.to_owned() }
}

async fn streamed(url: &str, mut answer: Response, window: Window, columns: &mut Columns) -> Result<(), Failure> {
    let mut frames = Frames::default();
    let damaged = |source| SourceError::Frame { url: url.to_owned(), source };
    while let Some(piece) = next_piece(url, &mut answer).await? {
        frames.push(&piece);
        while let Some(message) = frames.message().map_err(damaged)? {
            frame(url, message, window, columns)?;
        }
    }
    Ok(frames.end().map_err(damaged)?)
}

/// Takes one message of a stream.
pub(super) fn frame(url: &str, message: Bytes, window: Window, columns: &mut Columns) -> Result<(), SourceError> {
    let message = ChunkedReadResponse::decode(message)
        .map_err(|error| SourceError::Message { url: url.to_owned(), what: error.to_string() })?;
    message.chunked_series.into_iter().try_for_each(|series| chunks(series, window, columns))
}

fn chunks(series: ChunkedSeries, window: Window, columns: &mut Columns) -> Result<(), SourceError> {
    let at = columns.place(series.labels)?;
    let announced = series.chunks.iter().filter(|one| one.encoding == chunk::XOR);
    let announced = announced.map(|one| chunk::announced(&one.data).min(one.data.len() * 8 / SAMPLE_BITS)).sum();
    let mut native: Vec<Part> = Vec::new();
    let read: Result<(), Fault> = columns.fill(at, announced, |times_ms, values| {
        for one in &series.chunks {
            match one.encoding {
                chunk::XOR => chunk::xor(&one.data, (window.from_ms, window.to_ms), times_ms, values)?,
                chunk::HISTOGRAM => native.push(chunk::histogram(&one.data)?),
                chunk::FLOAT_HISTOGRAM => native.push(chunk::float_histogram(&one.data)?),
                other => return Err(ChunkError::Encoding(other).into()),
            }
        }
        Ok(())
    });
    read.map_err(|fault| fault.of(|| columns.name(at)))?;
    for (_, samples) in &mut native {
        samples.retain(|sample| (window.from_ms..=window.to_ms).contains(&sample.at_ms));
    }
    columns.parts(at, native)
}

/// A failure before it is known whose chunk it was.
enum Fault {
    Chunk(ChunkError),
    Source(SourceError),
}

impl From<ChunkError> for Fault {
    fn from(error: ChunkError) -> Self {
        Fault::Chunk(error)
    }
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        Fault::Source(error)
    }
}

impl Fault {
    fn of(self, series: impl FnOnce() -> String) -> SourceError {
        match self {
            Fault::Chunk(source) => SourceError::Chunk { series: series(), source },
            Fault::Source(error) => error,
        }
    }
}

/// Takes the answer of a server that does not stream.
pub(super) fn unstreamed(
    url: &str,
    body: &[u8],
    max: usize,
    window: Window,
    columns: &mut Columns,
) -> Result<(), SourceError> {
    let unreadable = |what: String| SourceError::Message { url: url.to_owned(), what };
    // The length stands at the beginning, before anything is unpacked.
    let length = snap::raw::decompress_len(body).map_err(|error| unreadable(error.to_string()))?;
    if length > max {
        return Err(SourceError::TooLong { url: url.to_owned(), max });
    }
    let message = snap::raw::Decoder::new().decompress_vec(body).map_err(|error| unreadable(error.to_string()))?;
    let answer = ReadResponse::decode(&message[..]).map_err(|error| unreadable(error.to_string()))?;
    for TimeSeries { labels, samples, histograms } in answer.results.into_iter().flat_map(|result| result.timeseries) {
        let at = columns.place(labels)?;
        if !histograms.is_empty() {
            return Err(unreadable(format!("`{}` is a native histogram, which only streams carry", columns.name(at))));
        }
        columns.fill(at, samples.len(), |times_ms, values| {
            let inside = samples.iter().filter(|s| (window.from_ms..=window.to_ms).contains(&s.timestamp));
            for sample in inside {
                times_ms.push(sample.timestamp);
                values.push(sample.value);
            }
            Ok::<(), SourceError>(())
        })?;
    }
    Ok(())
}

/// Labels of a message from name and value pairs.
pub(super) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Label> {
    pairs.into_iter().map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() }).collect()
}
