//! From a judged soak to the store, the outbox and git.

use super::bundle::Bundle;
use super::facts;
use super::installation::Installation;
use super::sources::{SeenTag, Sources, Truth};
use crate::changelog::{Changelog, ChangelogRequest, ComponentVersion, collect};
use crate::git::Signature;
use crate::ledger::{Ledger, Publication, Published, Standing};
use crate::note;
use crate::report::{ClassSummary, EvidenceRef, PhaseSummary, Report, SoakOutcome, Terms, WayBack};
use crate::soak::Soak;
use crate::soak::machine::Outcome;
use crate::store::Outgoing;
use chrono::{DateTime, Utc};
use gate_api::facts as gate;
use scorer::evidence::{Class, Evidence, Outcome as CheckOutcome};
use scorer::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A publication as the outbox keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Parcel {
    /// The report that is published.
    pub report: Report,
    note: String,
    decides: bool,
    at: DateTime<Utc>,
}

/// What a report is made of.
pub struct Material<'a> {
    /// The soak, judged.
    pub soak: &'a Soak,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// Its evidence, if any was recorded.
    pub evidence: Option<&'a Evidence>,
    /// Changelog of the tag.
    pub changelog: Changelog,
    /// Landscape.
    pub truth: &'a Truth,
    /// The last tag that passed before.
    pub way_back: Option<String>,
    /// When.
    pub now: DateTime<Utc>,
}

/// Verdict of a soak: an outcome may be worse than the judgement, never better.
pub fn verdict(soak: &Soak, outcome: &Outcome) -> Verdict {
    SoakOutcome::from(outcome).verdict(soak.judgement.as_ref().map(|judgement| judgement.verdict))
}

/// The report of a soak.
pub fn report(m: Material<'_>) -> Report {
    let soak = m.soak;
    let verdict = verdict(soak, m.outcome);
    let started_at = soak.attempts.last().map_or(soak.requested_at, |a| a.started_at);
    // The soak was judged by the policy that it began with.
    let policy = soak.plan.as_ref().map_or(&m.truth.landscape.policy, |p| &p.policy_document);
    let valid_until = (verdict == Verdict::Pass).then(|| m.now + policy.valid_for.0);
    Report {
        api_version: crate::report::API_VERSION.into(),
        kind: "Report".into(),
        product: soak.product.clone(),
        tag: soak.tag.clone(),
        commit: soak.commit.clone(),
        landscape: soak.landscape.clone(),
        cluster: m.truth.landscape.clusters[0].name.clone(),
        soak: soak.id.to_string(),
        attempt: soak.attempt(),
        outcome: m.outcome.into(),
        outcome_detail: m.outcome.reason().map(str::to_owned),
        judgement: soak.judgement.clone(),
        verdict,
        started_at,
        ended_at: m.now,
        phases: m.evidence.map(phases).unwrap_or_default(),
        classes: m.evidence.map(classes).unwrap_or_default(),
        exposures: m.evidence.map(|e| e.exposures.clone()).unwrap_or_default(),
        policy_digest: facts::policy_digest(policy),
        programme_digest: soak.plan.as_ref().map(|p| p.programme.clone()).unwrap_or_default(),
        toggles: soak.plan.as_ref().map(|p| p.toggles.clone()).unwrap_or_default(),
        risk: None,
        overrides: vec![],
        evidence: soak
            .evidence()
            .map(|d| EvidenceRef { digest: d.to_owned(), uri: format!("evidence/{d}") })
            .into_iter()
            .collect(),
        valid_until,
        against: against(soak),
        way_back: m.way_back.map(|tag| WayBack { tag, takes_ms: None }),
        method: scorer::METHOD.into(),
        changelog: m.changelog,
        terms: terms(soak),
    }
}

fn terms(soak: &Soak) -> Option<Terms> {
    let (plan, judged_as) = (soak.plan.as_ref()?, soak.judged_as.clone()?);
    let (policy, programme_path) = (plan.policy_document.clone(), plan.programme_path.clone());
    Some(Terms { policy, programme_path, baseline: plan.baseline.clone(), judged_as })
}

fn against(soak: &Soak) -> Vec<String> {
    let mut tags: Vec<String> = soak.plan.iter().flat_map(|p| &p.baseline).map(|r| r.tag.clone()).collect();
    tags.sort();
    tags.dedup();
    tags
}

fn phases(evidence: &Evidence) -> Vec<PhaseSummary> {
    evidence
        .phases
        .iter()
        .map(|p| PhaseSummary {
            name: p.name.clone(),
            label: p.label,
            started_at: time(p.start_ms),
            ended_at: time(p.end_ms),
            samples: p.samples,
        })
        .collect()
}

/// What ran of each class, and when it was last measured: the newest result, never the end of the soak as such.
fn classes(evidence: &Evidence) -> Vec<ClassSummary> {
    // Class, whether it was not ok, and when.
    let mut results: Vec<(Class, bool, i64)> = Vec::new();
    for check in &evidence.checks {
        match check.outcome {
            CheckOutcome::Ok => results.push((check.class, false, check.at_ms)),
            CheckOutcome::Wrong | CheckOutcome::Slow => results.push((check.class, true, check.at_ms)),
            CheckOutcome::Unreachable | CheckOutcome::NotRun => {}
        }
    }
    results.extend(evidence.exposures.iter().filter(|e| e.verified).map(|e| (Class::Chaos, false, e.end_ms)));
    if evidence.context.load_per_s.is_some() {
        let failed = evidence.context.load_valid != Some(true);
        results.extend(evidence.phases.iter().map(|p| p.end_ms).max().map(|end| (Class::Performance, failed, end)));
    }
    let mut by_class: BTreeMap<Class, ClassSummary> = BTreeMap::new();
    for (class, failed, at_ms) in results {
        let measured_at = time(at_ms);
        let one = by_class.entry(class).or_insert(ClassSummary { class, ran: 0, failed: 0, measured_at });
        one.ran += 1;
        one.failed += u64::from(failed);
        one.measured_at = one.measured_at.max(measured_at);
    }
    by_class.into_values().collect()
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// The verdict as the gate keeps it.
pub fn verdict_record(report: &Report, digest: &str) -> Option<gate::VerdictRecord> {
    let mut judgement = report.judgement.clone()?;
    judgement.verdict = report.verdict;
    Some(gate::VerdictRecord {
        soak: report.soak.clone(),
        product: report.product.clone(),
        landscape: report.landscape.clone(),
        tag: report.tag.clone(),
        commit: report.commit.clone(),
        sentence: sentence(report),
        judgement,
        policy_digest: report.policy_digest.clone(),
        programme_digest: report.programme_digest.clone(),
        toggles: report.toggles.clone(),
        evidence: report
            .evidence
            .iter()
            .map(|e| gate::EvidenceRef { digest: e.digest.clone(), uri: e.uri.clone() })
            .collect(),
        report_digest: digest.to_owned(),
        classes: report.classes.iter().filter(|c| c.ran > 0).map(|c| (c.class, c.measured_at)).collect(),
        evaluated_at: report.ended_at,
        valid_until: report.valid_until.unwrap_or(report.ended_at),
    })
}

/// One sentence for people: what was watched, and the weightiest reason.
pub fn sentence(report: &Report) -> String {
    let minutes = (report.ended_at - report.started_at).num_seconds().max(0) as f64 / 60.0;
    let faults = report.exposures.iter().filter(|e| e.verified).count();
    let load = report.classes.iter().any(|c| c.class == Class::Performance);
    let under: Vec<String> = [load.then(|| "load".to_owned()), (faults > 0).then(|| format!("{faults} faults"))]
        .into_iter()
        .flatten()
        .collect();
    let under = if under.is_empty() { String::new() } else { format!(" under {}", under.join(" and ")) };
    let watched = format!("watched {minutes:.1} min{under}");
    let reason = report.judgement.as_ref().and_then(|j| j.reasons.first()).map(|r| r.text.clone());
    let reason = report.outcome_detail.clone().or(reason);
    match (report.outcome, report.verdict, reason) {
        (SoakOutcome::Superseded, _, Some(by)) => format!("not soaked: {by} took its place"),
        (SoakOutcome::NotDeployable, _, Some(reason)) => format!("not deployable: {reason}"),
        (_, Verdict::Pass, _) => format!("stable: {watched}"),
        (_, Verdict::Fail, Some(reason)) => format!("worse: {reason} ({watched})"),
        (_, Verdict::Insufficient | Verdict::None, Some(reason)) => format!("not decided: {reason} ({watched})"),
        (_, Verdict::Fail | Verdict::Insufficient | Verdict::None, None) => format!("not judged ({watched})"),
    }
}

/// The changelog of a tag against the product tag before it; for whoever has the turn of [`Sources::mirrors`].
pub async fn changelog(
    sources: &Sources,
    bundle: &Bundle,
    tags: &[SeenTag],
    tag: &str,
    programme: Option<&str>,
) -> Changelog {
    let at = tags.iter().position(|t| t.tag.name == tag);
    let before = at.and_then(|i| i.checked_sub(1)).map(|i| &tags[i].tag);
    let (mut old, mut missing) = (vec![], vec![]);
    if let Some(before) = before {
        match sources.bundle(&before.commit, programme).await {
            Ok(b) => old = usable(sources, (&b, &before.name), &mut missing),
            // Without the versions before, everything looks new: what changed is not known.
            Err(_) => missing.push(format!("the documents of {} cannot be read", before.name)),
        }
    }
    let new = usable(sources, (bundle, tag), &mut missing);
    let request = ChangelogRequest {
        product: &bundle.product.metadata.name,
        from: before.map(|b| b.name.as_str()),
        to: tag,
        old: &old,
        new: &new,
    };
    let collected = collect(&sources.git, &sources.folder.join("components"), &request).await;
    Changelog { incomplete: collected.incomplete || !missing.is_empty(), missing, ..collected }
}

/// Components of a tag that the changelog can follow; `missing` names the others.
fn usable(sources: &Sources, (bundle, tag): (&Bundle, &str), missing: &mut Vec<String>) -> Vec<ComponentVersion> {
    let found = sources.components(bundle);
    let lost = bundle.product.components.iter().filter(|c| !found.iter().any(|f| f.name == c.name));
    missing.extend(lost.map(|c| format!("{}: its repository or version in {tag} cannot be used", c.name)));
    found
}

/// Puts a report into the outbox. An effect that runs twice finds the first parcel, so that gate, baseline and ledger
/// all speak of one report.
///
/// # Errors
/// The report has no bytes, its note no text, or the store fails.
pub fn queue(installation: &Installation, soak: &Soak, report: Report, decides: bool) -> anyhow::Result<Parcel> {
    let note = note::render(&report, "release.md", note::TEMPLATE)?;
    let at = report.ended_at;
    let parcel = Parcel { report, note, decides, at };
    let queued = installation.store.queue(&soak.id, &serde_json::to_string(&parcel)?)?;
    Ok(serde_json::from_str(&queued)?)
}

/// The parcel of a soak that an earlier run of the effect queued.
///
/// # Errors
/// The store fails.
pub fn queued(installation: &Installation, soak: &Soak) -> anyhow::Result<Option<Parcel>> {
    Ok(installation.store.queued(&soak.id)?.map(|body| serde_json::from_str(&body)).transpose()?)
}

/// Pushes one parcel.
///
/// # Errors
/// git or the remote.
pub async fn send(sources: &Sources, outgoing: &Outgoing) -> anyhow::Result<Published> {
    let parcel: Parcel = serde_json::from_str(&outgoing.body)?;
    let ledger = Ledger::new(sources.product.clone(), u64::from(outgoing.tries));
    let standing = if parcel.decides { Standing::Decides } else { Standing::Recorded };
    let changelog = parcel.report.changelog.clone();
    let publication =
        Publication { changelog, note: parcel.note, standing, by: Signature::mettle(parcel.at), report: parcel.report };
    Ok(ledger.publish(&publication).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scorer::evidence::{CheckResult, Context};

    fn check(class: Class, at_ms: i64, outcome: CheckOutcome) -> CheckResult {
        CheckResult { class, suite: "s".into(), check: "c".into(), at_ms, took_ms: 1.0, outcome, detail: None }
    }

    #[test]
    fn a_class_is_as_old_as_its_newest_result_and_not_as_the_soak() {
        let evidence = Evidence {
            checks: vec![
                check(Class::Security, 1_000, CheckOutcome::Ok),
                check(Class::Security, 9_000, CheckOutcome::Unreachable),
                check(Class::Business, 5_000, CheckOutcome::Wrong),
                check(Class::Business, 7_000, CheckOutcome::NotRun),
            ],
            context: Context { load_per_s: None, ..Context::default() },
            ..Evidence::default()
        };
        let found: Vec<(Class, u64, u64, i64)> = classes(&evidence)
            .into_iter()
            .map(|c| (c.class, c.ran, c.failed, c.measured_at.timestamp_millis()))
            .collect();
        assert_eq!(found, [(Class::Business, 1, 1, 5_000), (Class::Security, 1, 0, 1_000)]);
    }
}
