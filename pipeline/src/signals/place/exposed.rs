//! Expositions: of a file, or of a target that is asked once.

use super::{MAX_BYTES, PlaceError, shown};
use probes::metrics::catalogue::Catalogue;
use probes::metrics::exposition::Format;
use scorer::signal::Labels;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// The formats that are read, as the recorder asks for them.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1";

/// A whole answer takes no longer.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn file(path: &Path, added: &Labels) -> Result<Catalogue, PlaceError> {
    let unread = |source| PlaceError::File { path: path.to_owned(), source };
    let mut text = Vec::new();
    // Whatever grows without end, as a device does, is read up to the limit only.
    let file = std::fs::File::open(path).map_err(unread)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text).map_err(unread)?;
    if text.len() > MAX_BYTES {
        return Err(PlaceError::LargeFile { path: path.to_owned() });
    }
    // A file says nowhere which format it has; the end mark belongs to OpenMetrics alone.
    let format = if text.trim_ascii_end().ends_with(b"# EOF") { Format::OpenMetrics } else { Format::Prometheus };
    let read = Catalogue::from_exposition(&text, format, added);
    read.map_err(|source| PlaceError::Exposition { place: path.display().to_string(), source })
}

pub(super) async fn target(url: &Url, added: &Labels) -> Result<Catalogue, PlaceError> {
    let exchange = |source: reqwest::Error| PlaceError::Exchange { url: shown(url), source: source.without_url() };
    let client = reqwest::Client::builder()
        .timeout(DEADLINE)
        .user_agent("mettle")
        // What stands in the address may be a secret, and goes to nobody else.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(exchange)?;
    let mut response = client.get(url.clone()).header("accept", ACCEPT).send().await.map_err(exchange)?;
    if !response.status().is_success() {
        return Err(PlaceError::Status { url: shown(url), status: response.status() });
    }
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::of_content_type(kind);
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(exchange)? {
        if text.len() + piece.len() > MAX_BYTES {
            return Err(PlaceError::TooLong { url: shown(url) });
        }
        text.extend_from_slice(&piece);
    }
    Catalogue::from_exposition(&text, format, added)
        .map_err(|source| PlaceError::Exposition { place: shown(url).to_string(), source })
}
