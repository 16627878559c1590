//! Runs every chosen check on every component.

use super::check::{ALL_CHECKS, NotRun};
use super::context::ScanContext;
use scorer::evidence::{CheckResult, Class, Finding, Outcome};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::Instant;

/// What a scan saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecurityReport {
    /// Findings by fingerprint, each once.
    pub findings: Vec<Finding>,
    /// One result per check and component, `exposure.git/checkout`; `wrong` where something was found.
    pub checks: Vec<CheckResult>,
}

/// SHA-256 (hex) of what makes a finding the same finding in another run: never a time, a host or a port.
pub fn fingerprint(check: &str, component: &str, location: &str) -> String {
    let digest = Sha256::digest(format!("{check}\n{component}\n{location}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the chosen checks, one after the other: a scan is no load.
pub async fn scan(context: &ScanContext) -> SecurityReport {
    let mut findings = BTreeMap::new();
    let mut checks = Vec::new();
    let chosen = &context.suite.checks;
    for check in ALL_CHECKS.iter().filter(|check| chosen.is_empty() || chosen.iter().any(|id| id == check.id())) {
        for component in context.components() {
            let at_ms = context.clock.now_ms();
            let started = Instant::now();
            let ran = tokio::select! {
                biased;
                () = context.stop.cancelled() => Err(NotRun::NotApplicable("the scan was stopped".to_owned())),
                ran = check.run(context, component) => ran,
            };
            let (outcome, detail) = match ran {
                Err(NotRun::Unreachable(why)) => (Outcome::Unreachable, Some(why)),
                Err(NotRun::NotApplicable(why)) => (Outcome::NotRun, Some(why)),
                Ok(observed) if !observed.findings.is_empty() => {
                    // What stayed open is told beside what was found.
                    let titles = observed.findings.iter().map(|found| found.title.clone());
                    let open = observed.undecided.iter().map(|question| format!("undecided: {question}"));
                    let detail = titles.chain(open).collect::<Vec<_>>().join("; ");
                    findings.extend(observed.findings.into_iter().map(|found| (found.fingerprint.clone(), found)));
                    (Outcome::Wrong, Some(detail))
                }
                // What could not be decided never counts as passed.
                Ok(observed) if !observed.undecided.is_empty() => {
                    (Outcome::NotRun, Some(observed.undecided.join("; ")))
                }
                Ok(_) => (Outcome::Ok, None),
            };
            checks.push(CheckResult {
                class: Class::Security,
                suite: context.suite.name.clone(),
                check: format!("{}/{component}", check.id()),
                at_ms,
                took_ms: started.elapsed().as_secs_f64() * 1000.0,
                outcome,
                detail,
            });
        }
    }
    SecurityReport { findings: findings.into_values().collect(), checks }
}
