//! Raw samples for selectors over a window, by whichever path the server has.

use super::error::SourceError;
use super::replicas;
use super::request::Server;
use super::settings::ReadPath;
use super::{export, json, remote_read};
use scorer::RawSeries;
use scorer::signal::Selector;

/// Samples from `from_ms` to `to_ms`, both inclusive, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First.
    pub from_ms: i64,
    /// Last.
    pub to_ms: i64,
}

impl Server {
    /// Every series that one of the selectors means, with its samples in the window, by name and labels. Native
    /// histograms come as the classic series `_bucket`, `_count` and `_sum`; a selector means them by those names
    /// or by the name of the histogram.
    ///
    /// # Errors
    /// Nothing at all is handed over unless everything was read; [`SourceError::remedy`] says what to do.
    pub async fn read(&self, selectors: &[Selector], window: Window) -> Result<Vec<RawSeries>, SourceError> {
        let series = self.read_apart(selectors, window).await?;
        Ok(replicas::merged(series, &self.settings().replica_labels))
    }

    /// As [`Self::read`], with the series of every replica.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_apart(&self, selectors: &[Selector], window: Window) -> Result<Vec<RawSeries>, SourceError> {
        if selectors.is_empty() || window.from_ms > window.to_ms {
            return Ok(Vec::new());
        }
        match self.settings().read {
            ReadPath::Auto => self.read_as_known(selectors, window).await,
            chosen => self.read_by(chosen, selectors, window).await,
        }
    }

    /// Whether samples are seen a while after they were taken, and answers of the last moments are not to be trusted.
    pub fn is_seen_late(&self) -> bool {
        self.settings().read == ReadPath::Export || self.path().get() == Some(&ReadPath::Export)
    }

    async fn read_by(
        &self,
        path: ReadPath,
        selectors: &[Selector],
        window: Window,
    ) -> Result<Vec<RawSeries>, SourceError> {
        match path {
            ReadPath::Auto | ReadPath::RemoteRead => remote_read::read(self, selectors, window).await,
            ReadPath::Json => json::read(self, selectors, window).await,
            ReadPath::Export => export::read(self, selectors, window).await,
        }
    }

    /// Tries one path after the other the first time, and remembers the one that is there.
    async fn read_as_known(&self, selectors: &[Selector], window: Window) -> Result<Vec<RawSeries>, SourceError> {
        if let Some(path) = self.path().get() {
            return self.read_by(*path, selectors, window).await;
        }
        for path in [ReadPath::RemoteRead, ReadPath::Export, ReadPath::Json] {
            match self.read_by(path, selectors, window).await {
                Err(error) if error.is_missing_path() && path != ReadPath::Json => {}
                Ok(series) => {
                    // Somebody else may have found the same meanwhile.
                    let _ = self.path().set(path);
                    return Ok(series);
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the last path returns")
    }
}
