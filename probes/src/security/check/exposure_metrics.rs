//! Metrics on the user's side: they tell an attacker about load, versions and inner names.

use super::exposure::look;
use super::{Check, Family, Kind, NotRun, Observed};
use crate::metrics::exposition::{Format, MAX_SERIES_PER_TARGET, parse, series_name};
use crate::security::context::ScanContext;
use futures_util::future::BoxFuture;
use scorer::evidence::Severity;

const KIND: Kind = Kind {
    check: "exposure.metrics",
    severity: Severity::Medium,
    remedy: "serve /metrics on a port that users cannot reach",
};

/// Metrics on the user's side: they tell an attacker about load, versions and inner names.
pub(super) struct ExposureMetrics;

impl Check for ExposureMetrics {
    fn id(&self) -> &'static str {
        KIND.check
    }

    fn family(&self) -> Family {
        Family::Exposure
    }

    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>> {
        Box::pin(look(context, component, &KIND, &["/metrics"], looks_real))
    }
}

/// An exposition with at least one sample.
fn looks_real(body: &str) -> bool {
    // The beginning of a long exposition ends within a line.
    let whole = body.rsplit_once('\n').map_or(body, |(whole, _)| whole);
    parse(whole.as_bytes(), Format::Prometheus, MAX_SERIES_PER_TARGET)
        .is_ok_and(|read| read.samples.iter().any(|sample| series_name(sample.series).is_ok()))
}
