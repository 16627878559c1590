//! Where a landscape's metrics come from, beside the embedded recorder.

use super::bundle::Bundle;
use super::installation::Installation;
use super::metrics_push::Push;
use super::own_series::{OwnSeries, Shown};
use crate::builtin;
use crate::documents::landscape::{Landscape, Metrics};
use probes::clock::RunClock;
use probes::metrics::server::{ReadLimits, Server};
use probes::metrics::{Feed, FeedConfig, Registry};
use scorer::evidence::Subject;
use scorer::signal::Selector;
use std::path::Path;

/// Beginning of the names that Mettle's own recorder measures: a server that has them, too, has them from us.
const OWN: &str = "mettle_";

/// The metrics of a landscape.
#[derive(Clone, Copy, Debug)]
pub struct MetricsSource<'a> {
    metrics: &'a Metrics,
    /// Folder in which files of secrets lie.
    dir: &'a Path,
    own: &'a OwnSeries,
}

impl<'a> MetricsSource<'a> {
    /// What the landscape says.
    pub fn of(installation: &'a Installation, landscape: &'a Landscape) -> Self {
        MetricsSource { metrics: &landscape.clusters[0].metrics, dir: &installation.dir, own: &installation.own }
    }

    /// Starts to read the metrics server, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or a signal needs one that is not there; with what to do.
    pub async fn feed(self, bundle: &Bundle, clock: RunClock) -> Result<Option<Feed>, String> {
        let Some(settings) = &self.metrics.server else {
            return match bundle.queries.first() {
                None => Ok(None),
                Some(query) => Err(format!(
                    "signal `{}` is a query, and the landscape has no metrics server; add `metrics: {{server: {{url: \
                     ..}}}}` to its cluster, or write the signal with selectors",
                    query.signal
                )),
            };
        };
        let interval = bundle.programme.interval.0;
        if let Some(rare) = bundle.queries.iter().find(|query| query.step > interval) {
            return Err(format!(
                "signal `{}` has a value every {:?}, and the programme samples every {interval:?}: samples without a value do \
                 not count; write a `step` of at most the interval, or leave it out",
                rare.signal, rare.step
            ));
        }
        let server = Server::new(settings.clone().within(self.dir), ReadLimits::default());
        let config = FeedConfig {
            server,
            selectors: self.selectors(bundle),
            queries: bundle.queries.clone(),
            every: interval,
            clock,
            known: Vec::new(),
        };
        Feed::start(config).await.map(Some).map_err(|error| error.told())
    }

    /// Starts to hand over Mettle's own series, where the landscape says so.
    pub fn push(self, registry: &Registry, clock: RunClock, subject: &Subject) -> Option<Push> {
        let settings = self.metrics.push.as_ref()?.clone().within(self.dir);
        Some(Push::start(Server::new(settings, ReadLimits::default()), registry.clone(), clock, subject))
    }

    /// Shows Mettle's own series where the worker answers for itself.
    pub fn show(self, registry: &Registry, subject: &Subject) -> Shown {
        self.own.show(registry, subject)
    }

    /// What is read: the series that signals ask for and that are not our own, and those that are watched.
    fn selectors(self, bundle: &Bundle) -> Vec<Selector> {
        let mut selectors: Vec<Selector> = Vec::new();
        let signals = builtin::signals(bundle);
        let theirs = signals.iter().flat_map(|signal| signal.form.selectors());
        let theirs = theirs.filter(|selector| !selector.name.starts_with(OWN));
        // Checked with the document.
        let watched = self.metrics.watch.as_deref().and_then(|text| Selector::parse(text).ok());
        for selector in theirs.cloned().chain(watched) {
            if !selectors.contains(&selector) {
                selectors.push(selector);
            }
        }
        selectors
    }
}
