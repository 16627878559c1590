//! Remote write: hands series over to a server that takes them.
//!
//! Source: the remote write protocol of Prometheus, version 0.1.0: one snappy block of protobuf, labels sorted by name.

use super::error::SourceError;
use super::request::{Server, send};
use super::wire::{Label, Sample, TimeSeries, WriteRequest};
use bytes::Bytes;
use prost::Message as _;
use scorer::RawSeries;

/// Samples of one request; Prometheus itself sends at most 2,000 by default.
const SAMPLES_PER_REQUEST: usize = 2_000;

const PLAIN: &str = "application/x-protobuf";
const VERSION_HEADER: &str = "X-Prometheus-Remote-Write-Version";
const VERSION: &str = "0.1.0";

impl Server {
    /// Writes every sample to the address of the settings, as it stands there. Times of a series must rise from call to
    /// call: servers refuse a sample that is older than their last one.
    ///
    /// # Errors
    /// The server does not take them; some of them may have been taken.
    pub async fn write(&self, series: &[RawSeries]) -> Result<(), SourceError> {
        let mut request = WriteRequest::default();
        let mut room = SAMPLES_PER_REQUEST;
        for one in series {
            let mut samples =
                one.times_ms.iter().zip(&one.values).map(|(time, value)| Sample { value: *value, timestamp: *time });
            loop {
                let part: Vec<Sample> = samples.by_ref().take(room).collect();
                if part.is_empty() {
                    break;
                }
                room -= part.len();
                request.timeseries.push(TimeSeries { labels: labels(one), samples: part, histograms: Vec::new() });
                if room == 0 {
                    self.hand_over(std::mem::take(&mut request)).await?;
                    room = SAMPLES_PER_REQUEST;
                }
            }
        }
        if request.timeseries.is_empty() { Ok(()) } else { self.hand_over(request).await }
    }

    async fn hand_over(&self, request: WriteRequest) -> Result<(), SourceError> {
        let (address, url) = (self.settings().url.clone(), self.settings().url.to_string());
        let packed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
        let packed = packed.map_err(|error| SourceError::Message { url: url.clone(), what: error.to_string() })?;
        let packed = Bytes::from(packed);
        self.tried(|client| {
            let request = client
                .post(address.clone())
                .header("Content-Type", PLAIN)
                .header("Content-Encoding", "snappy")
                .header(VERSION_HEADER, VERSION)
                .body(packed.clone());
            let url = url.clone();
            async move { send(&url, request).await.map(drop) }
        })
        .await
    }
}

fn labels(series: &RawSeries) -> Vec<Label> {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    let mut labels: Vec<Label> = series.labels.iter().map(|(name, value)| label(name, value)).collect();
    labels.push(label("__name__", &series.name));
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    labels
}
