//! The repository on the user's side: source and history can be downloaded.

use super::exposure::look;
use super::{Check, Family, Kind, NotRun, Observed};
use crate::security::context::ScanContext;
use futures_util::future::BoxFuture;
use scorer::evidence::Severity;

const KIND: Kind = Kind {
    check: "exposure.git",
    severity: Severity::Critical,
    remedy: "do not ship .git with the release; block paths that start with a dot",
};

/// The repository on the user's side: source and history can be downloaded.
pub(super) struct ExposureGit;

impl Check for ExposureGit {
    fn id(&self) -> &'static str {
        KIND.check
    }

    fn family(&self) -> Family {
        Family::Exposure
    }

    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>> {
        Box::pin(look(context, component, &KIND, &["/.git/HEAD"], looks_real))
    }
}

/// A branch or a commit.
fn looks_real(body: &str) -> bool {
    let head = body.trim_end();
    head.starts_with("ref: refs/") || (head.len() == 40 && head.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
