//! Debug pages on the user's side: profiles and dumps hold secrets and cost processor time.

use super::exposure::look;
use super::{Check, Family, Kind, NotRun, Observed};
use crate::security::context::ScanContext;
use futures_util::future::BoxFuture;
use scorer::evidence::Severity;

const KIND: Kind = Kind {
    check: "exposure.debug",
    severity: Severity::High,
    remedy: "switch debug pages off in releases, or serve them on a port that users cannot reach",
};

/// Debug pages on the user's side: profiles and dumps hold secrets and cost processor time.
pub(super) struct ExposureDebug;

impl Check for ExposureDebug {
    fn id(&self) -> &'static str {
        KIND.check
    }

    fn family(&self) -> Family {
        Family::Exposure
    }

    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>> {
        Box::pin(look(context, component, &KIND, &["/debug", "/debug/vars", "/debug/pprof/"], looks_real))
    }
}

/// Words of the usual debug pages: pprof, expvar, heap and thread dumps.
fn looks_real(body: &str) -> bool {
    ["pprof", "memstats", "goroutine", "cmdline", "heap", "threads", "stack"].iter().any(|word| body.contains(word))
}
