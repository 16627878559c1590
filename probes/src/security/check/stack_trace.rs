//! Stack traces in errors: they tell an attacker about code, paths and versions.

use super::{Check, Family, Kind, NotRun, Observed};
use crate::metrics::exposition::excerpt;
use crate::security::context::{Reply, ScanContext};
use crate::suite::Auth;
use futures_util::future::BoxFuture;
use reqwest::Method;
use scorer::evidence::Severity;
use std::collections::{BTreeMap, BTreeSet};

const KIND: Kind = Kind {
    check: "exposure.stack_trace",
    severity: Severity::Medium,
    remedy: "answer errors with a plain sentence and an id; write the trace to the log",
};

/// How traces begin in Java, Python, Go, Node.js, .NET, Rust, Ruby and PHP.
const MARKERS: [&str; 9] = [
    "\tat ",
    "Traceback (most recent call last)",
    "goroutine 1 [",
    "\n    at ",
    "System.Exception",
    "stack backtrace:",
    "panicked at ",
    ".rb:",
    "PHP Fatal error",
];

/// Broken in every encoding, harmful in none.
const MALFORMED_QUERY: &str = "?mettle=%ff%fe&id=%00";
const MALFORMED_JSON: &str = "{\"mettle\": [1, 2";

/// Stack traces in errors.
pub(super) struct StackTrace;

impl Check for StackTrace {
    fn id(&self) -> &'static str {
        KIND.check
    }

    fn family(&self) -> Family {
        Family::Exposure
    }

    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>> {
        Box::pin(look(context, component))
    }
}

async fn look(context: &ScanContext, component: &str) -> Result<Observed, NotRun> {
    let mut observed = Observed::default();
    let declared = context.suite.endpoints.iter().filter(|endpoint| endpoint.component == component);
    let mut paths: BTreeMap<&str, Option<&str>> = BTreeMap::from([("/", None)]);
    // A body goes only to what is declared open: it cannot parse, so nothing is changed by it.
    let mut open = BTreeSet::new();
    for endpoint in declared {
        // Behind a door that is shut nobody looks at the input: the caller that may enter asks.
        let role = endpoint.role.as_ref().or(context.suite.roles.last());
        let token = role.filter(|_| endpoint.auth == Auth::Bearer).and_then(|role| context.token(role));
        paths.insert(&endpoint.path, token);
        if endpoint.auth == Auth::None && endpoint.method.eq_ignore_ascii_case("POST") {
            open.insert(endpoint.path.as_str());
        }
    }
    for (path, token) in paths {
        let reply = context.ask(component, Method::GET, &format!("{path}{MALFORMED_QUERY}"), token).await?;
        note(component, &format!("GET {path}"), &reply, &mut observed);
    }
    for path in open {
        let reply = context.post_text(component, path, MALFORMED_JSON).await?;
        note(component, &format!("POST {path}"), &reply, &mut observed);
    }
    Ok(observed)
}

/// Notes what a reply shows; the detail names the marker alone, because a trace may hold secrets.
fn note(component: &str, request: &str, reply: &Reply, into: &mut Observed) {
    match MARKERS.iter().find(|marker| reply.status >= 400 && reply.body.contains(**marker)) {
        Some(marker) => {
            let title = format!("{component} shows a stack trace for malformed input");
            let marker = marker.trim();
            let shown = reply.body.lines().find(|line| line.contains(marker)).unwrap_or("");
            // Everything from the first value on stays out: evidence is kept for years.
            let shown = excerpt(shown.split(['=', ':']).next().unwrap_or("")).escape_debug().to_string();
            let detail =
                format!("{request} answers {} with `{marker}` in a line that begins with `{shown}`", reply.status);
            into.findings.push(KIND.finding(component, request, title, detail));
        }
        // A component that is overloaded or down, or sends the caller away, did not look at the input.
        None if matches!(reply.status, 401 | 403 | 429 | 500..) => {
            into.undecided.push(format!("{request} answers {} without a trace", reply.status));
        }
        None => {}
    }
}
