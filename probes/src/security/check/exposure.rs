//! Paths that should not answer on the user's side.

use super::{Kind, NotRun, Observed};
use crate::metrics::exposition::excerpt;
use crate::security::context::ScanContext;
use reqwest::Method;

/// Asks for each path; an answer that `looks_real` is a finding. The content decides, not the status alone: many
/// products answer every path with their start page.
pub(super) async fn look(
    context: &ScanContext,
    component: &str,
    kind: &Kind,
    paths: &[&str],
    looks_real: fn(&str) -> bool,
) -> Result<Observed, NotRun> {
    let mut observed = Observed::default();
    for path in paths {
        let reply = context.ask(component, Method::GET, path, None).await?;
        match reply.status {
            200..=299 if looks_real(&reply.body) => {
                let title = format!("{component} serves {path} to users");
                // What follows an equals sign may be a secret; evidence is kept for years.
                let first = reply.body.lines().next().and_then(|line| line.split('=').next()).unwrap_or("");
                let first = excerpt(first);
                let detail = format!("GET {path} answers {} with `{first}`", reply.status);
                observed.findings.push(kind.finding(component, path, title, detail));
            }
            429 | 500.. => observed.undecided.push(format!("GET {path} answers {}", reply.status)),
            _ => {}
        }
    }
    Ok(observed)
}
