//! The environment file on the user's side: it holds secrets.

use super::exposure::look;
use super::{Check, Family, Kind, NotRun, Observed};
use crate::security::context::ScanContext;
use futures_util::future::BoxFuture;
use scorer::evidence::Severity;

const KIND: Kind = Kind {
    check: "exposure.env",
    severity: Severity::Critical,
    remedy: "do not ship .env with the release, and change every secret that it held",
};

/// The environment file on the user's side: it holds secrets.
pub(super) struct ExposureEnv;

impl Check for ExposureEnv {
    fn id(&self) -> &'static str {
        KIND.check
    }

    fn family(&self) -> Family {
        Family::Exposure
    }

    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>> {
        Box::pin(look(context, component, &KIND, &["/.env"], looks_real))
    }
}

/// Only assignments and comments, and at least one assignment.
fn looks_real(body: &str) -> bool {
    let assigns = |line: &str| {
        line.split_once('=').is_some_and(|(name, _)| {
            let name = name.trim().trim_start_matches("export ");
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let mut lines = body.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    lines.peek().is_some() && lines.all(assigns)
}
