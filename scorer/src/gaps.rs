//! What is missing from the evidence, and which hard rules are broken: everything that is decided without statistics.
//!
//! Invariant: a gap never becomes a pass, whatever the numbers say.

use crate::assess::{Assessment, Ended, PROVISIONAL_BELOW, Reference};
use crate::comparable::{Difference, load_problem};
use crate::evidence::{CheckResult, Evidence, Outcome, Severity, WHOLE_SUITE};
use crate::objectives::{Broken, Held, broken, held};
use crate::pairing::Pair;
use crate::quantity::duration_ms;
use crate::resilience_input::{Recovery, Shares, recovers_late, undeclared, verified};
use crate::signal::{Dimension, Signal, Tier};
use crate::verdict::{Reason, ReasonSeverity};
use std::collections::{BTreeMap, BTreeSet};

/// A critical finding that the baseline does not have.
pub(crate) const FINDING_OPEN: &str = "finding_open";

/// A reason with the short form for the list of what is missing.
pub(crate) struct Gap {
    pub(crate) reason: Reason,
    pub(crate) short: String,
}

/// A reason about nothing in particular.
pub(crate) fn reason(code: &str, severity: ReasonSeverity, text: String, observed: &str, wanted: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        severity,
        text,
        observed: observed.to_owned(),
        wanted: wanted.to_owned(),
        metric: None,
        component: None,
        dimension: None,
    }
}

/// The same reason about a metric.
pub(crate) fn about(reason: Reason, pair: &Pair<'_>) -> Reason {
    Reason {
        metric: Some(pair.name.clone()),
        component: pair.component(),
        dimension: Some(pair.signal.dimension),
        ..reason
    }
}

fn gap(code: &str, short: String, text: String, observed: &str, wanted: &str) -> Gap {
    Gap { reason: reason(code, ReasonSeverity::Error, text, observed, wanted), short }
}

/// Whether the programme was run to its end and its load was kept.
pub(crate) fn of_the_run(input: &Assessment<'_>, elapsed: usize) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let programme = input.policy.programme;
    if input.ended != Ended::Programme || input.look < programme || elapsed < programme || programme == 0 {
        let done = elapsed.min(programme);
        let observed = format!("{done} of {programme} samples");
        let text = match input.ended {
            Ended::Running => format!("The programme is not complete: {observed} so far."),
            Ended::Programme | Ended::Early => format!("The programme was not completed: {observed}."),
        };
        gaps.push(gap("coverage", format!("programme: {observed}"), text, &observed, &format!("{programme} samples")));
    }
    if let Some(problem) = load_problem(&input.candidate.context) {
        let text = format!("The load of this soak proves nothing: {problem}.");
        gaps.push(gap("not_comparable", format!("load: {problem}"), text, problem, "a load on schedule"));
    }
    gaps.extend(of_suites(input));
    gaps
}

/// Whether a result says something about the product. An answer that never came is no look at it: a scan whose every
/// request timed out must not be worth more than one that was never started.
fn looked(check: &CheckResult) -> bool {
    match check.outcome {
        Outcome::Ok | Outcome::Wrong | Outcome::Slow => true,
        Outcome::Unreachable | Outcome::NotRun => false,
    }
}

fn ended_by_itself(check: &CheckResult) -> bool {
    check.check == WHOLE_SUITE && check.outcome == Outcome::NotRun
}

/// Declared suites must have looked, and every check that looked in the baseline must have looked here. A check is
/// named once and may run many times: that it found nobody while a fault was in is no gap if it looked at any time.
fn of_suites(input: &Assessment<'_>) -> Vec<Gap> {
    let checks = |evidence: &Evidence, suite: &str, wanted: fn(&CheckResult) -> bool| -> BTreeSet<String> {
        evidence.checks.iter().filter(|c| c.suite == suite && wanted(c)).map(|c| c.check.clone()).collect()
    };
    let mut gaps = Vec::new();
    for suite in input.suites {
        let here = checks(input.candidate, suite, looked);
        let unreached = checks(input.candidate, suite, |c| c.outcome == Outcome::Unreachable);
        let mut missing: BTreeSet<String> = BTreeSet::new();
        for run in input.reference.runs() {
            missing.extend(checks(run, suite, looked).difference(&here).cloned());
        }
        if here.is_empty() {
            let (short, text) = match unreached.len() {
                0 => ("did not run", format!("No check of the suite {suite} ran.")),
                n => ("nobody answered", format!("No check of the suite {suite} got an answer: {n} were unreachable.")),
            };
            let wanted = "at least 1 check that looked";
            gaps.push(gap("no_evidence", format!("suite {suite}: {short}"), text, "0 checks", wanted));
        } else if let Some(end) = input.candidate.checks.iter().find(|c| c.suite == *suite && ended_by_itself(c)) {
            let why = end.detail.as_deref().unwrap_or("no reason is known");
            let text = format!("The suite {suite} ended by itself: {}.", why.trim_end_matches('.'));
            gaps.push(gap("coverage", format!("suite {suite}: ended by itself"), text, "ended", "run to the end"));
        } else if !missing.is_empty() {
            let says = |name: &String| match unreached.contains(name) {
                true => format!("{name} (unreachable)"),
                false => name.clone(),
            };
            let names = missing.iter().map(says).collect::<Vec<_>>().join(", ");
            let text = format!("Checks of the suite {suite} ran in the baseline and did not run here: {names}.");
            gaps.push(gap("coverage", format!("suite {suite}: {names} did not run"), text, "not run", "run"));
        }
    }
    gaps
}

/// A baseline run that may not be compared.
pub(crate) fn not_comparable(soak: &str, differences: &[Difference]) -> Reason {
    let parts: Vec<String> =
        differences.iter().map(|d| format!("{} is {} here and {} there", d.what, d.candidate, d.baseline)).collect();
    let observed = differences.iter().map(|d| d.what.clone()).collect::<Vec<_>>().join(", ");
    let text = format!("Baseline run {soak} cannot be compared: {}.", parts.join("; "));
    reason("not_comparable", ReasonSeverity::Warn, text, &observed, "equal")
}

/// No baseline run may be compared.
pub(crate) fn no_baseline(given: usize) -> Gap {
    let (code, text) = match given {
        0 => ("no_evidence", "There is no baseline run to compare with".to_owned()),
        n => ("not_comparable", format!("None of the {n} baseline runs can be compared with this soak")),
    };
    // A programme that changed, or a month without a soak, leaves an empty baseline, and no tag can fill it by passing.
    let text = format!("{text}; adopt runs of a good tag under this programme (mettle baseline adopt).");
    gap(code, "baseline: no comparable run".to_owned(), text, "0 runs", "at least 1 run")
}

/// What a gate metric lacks; a watch metric is never needed.
pub(crate) fn of_metric(pair: &Pair<'_>, siblings: &[Pair<'_>], input: &Assessment<'_>, runs: usize) -> Option<Gap> {
    let (look, coverage) = (input.look, input.policy.coverage);
    if pair.signal.tier != Tier::Gate {
        return None;
    }
    let seen = pair.candidate_samples(look);
    let first_tag = matches!(input.reference, Reference::FirstTag { .. });
    let name = &pair.name;
    let usable = pair.usable_runs(look, coverage).len();
    let wanted = format!("{:.0} % of {look} samples", coverage * 100.0);
    let observed = format!("{seen} of {look} samples");
    let found = if seen == 0 && pair.baselines.iter().flatten().any(|m| m.present(look) > 0) {
        let text = format!("{name} has samples in the baseline and none in this soak.");
        gap("signal_vanished", format!("{name}: vanished"), text, &observed, &wanted)
    } else if seen == 0 {
        let text = format!("{name} has no samples: nothing was measured.");
        gap("no_evidence", format!("{name}: no samples"), text, &observed, &wanted)
    } else if (seen as f64) < coverage * look as f64 {
        let text = format!("{name} has {observed}, too few to judge.");
        gap("coverage", format!("{name}: {observed}"), text, &observed, &wanted)
    } else if first_tag || usable >= runs.min(PROVISIONAL_BELOW) && usable > 0 {
        return None;
    } else if usable == 0 && is_new_group(pair, siblings) {
        // A new group of a known signal only watches until the baseline knows it.
        return None;
    } else if let Some(why) = pair.differs() {
        let text = format!("{why}: they cannot be compared.");
        gap(
            "not_comparable",
            format!("{name}: other buckets than its baseline"),
            text,
            "other buckets",
            "equal buckets",
        )
    } else {
        let text = format!("{name} has enough samples in {usable} of {runs} baseline runs only.");
        let (observed, wanted) = (format!("{usable} runs"), format!("{PROVISIONAL_BELOW} runs"));
        gap("no_evidence", format!("{name}: baseline has no samples"), text, &observed, &wanted)
    };
    Some(Gap { reason: about(found.reason, pair), short: found.short })
}

/// Whether the metric is a group that no baseline run has while another group of the signal is there.
fn is_new_group(pair: &Pair<'_>, siblings: &[Pair<'_>]) -> bool {
    let grouped = pair.candidate.as_ref().is_some_and(|m| !m.group.is_empty());
    let known = |p: &&Pair<'_>| p.signal.name == pair.signal.name && p.baselines.iter().any(Option::is_some);
    grouped && pair.baselines.iter().all(Option::is_none) && siblings.iter().any(|p| known(&p))
}

/// Declared experiments without any usable injection, void repetitions, and recoveries that nobody saw.
pub(crate) fn of_faults(input: &Assessment<'_>, shares: &Shares, recoveries: &[Recovery]) -> (Vec<Gap>, Vec<Reason>) {
    let mut declared: BTreeSet<&str> = input.experiments.iter().map(String::as_str).collect();
    declared.extend(input.candidate.exposures.iter().map(|e| e.experiment.as_str()));
    declared.extend(input.reference.runs().iter().flat_map(|run| run.exposures.iter().map(|e| e.experiment.as_str())));
    let injected: BTreeSet<&str> = verified(input.candidate).iter().map(|e| e.experiment.as_str()).collect();
    let mut gaps: Vec<Gap> = declared
        .difference(&injected)
        .map(|experiment| {
            let text = format!("No injection of {experiment} was verified: it is not known how the tag takes it.");
            gap("not_injected", format!("{experiment}: not injected"), text, "0 injections", "at least 1 injection")
        })
        .collect();
    for (experiment, signal) in undeclared(input.candidate, input.signals) {
        let text = format!("The hypothesis of {experiment} names {signal}, which no signal declares.");
        gaps.push(gap("no_evidence", format!("{experiment}: {signal} is not declared"), text, "not declared", &signal));
    }
    let mut unseen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for recovery in recoveries.iter().filter(|r| r.limit_ms.is_some()) {
        let (unknown, all) = unseen.entry(&recovery.experiment).or_default();
        *unknown += usize::from(recovery.late().is_none());
        *all += 1;
    }
    for (experiment, (unknown, all)) in unseen.into_iter().filter(|(_, (unknown, all))| unknown * 2 >= *all) {
        let text = format!("{experiment}: {unknown} of {all} recoveries were not watched until their limit.");
        gaps.push(gap("coverage", format!("{experiment}: recovery not seen"), text, "not recovered", "a longer rest"));
    }
    for experiment in shares.void.iter().map(|(e, ..)| e.as_str()).collect::<BTreeSet<_>>() {
        let usable = shares.by_experiment.contains_key(experiment);
        if injected.contains(experiment) && !usable && has_ratio(input, experiment) {
            let text = format!("Nothing was measured while the faults of {experiment} were in.");
            gaps.push(gap("no_evidence", format!("{experiment}: nothing measured"), text, "0 events", "some events"));
        }
    }
    for found in &mut gaps {
        found.reason.dimension.get_or_insert(Dimension::Resilience);
    }
    (gaps, void_notes(shares))
}

fn has_ratio(input: &Assessment<'_>, experiment: &str) -> bool {
    let named = |name: &String| {
        input.signals.iter().any(|s| s.name == *name && matches!(s.form, crate::signal::Form::Ratio { .. }))
    };
    input.candidate.exposures.iter().any(|e| e.experiment == experiment && e.signals.iter().any(named))
}

fn void_notes(shares: &Shares) -> Vec<Reason> {
    let note = |(experiment, repetition, why): &(String, u32, String)| {
        let text = format!("Repetition {repetition} of {experiment} does not count: {why}.");
        let note = reason("not_injected", ReasonSeverity::Warn, text, "not verified", "verified");
        Reason { dimension: Some(Dimension::Resilience), ..note }
    };
    shares.void.iter().map(note).collect()
}

/// Declared hard rules that are broken: name and reason.
pub(crate) fn hard_rules(
    input: &Assessment<'_>,
    pairs: &[Pair<'_>],
    offsets: &[u32],
    recoveries: &[Recovery],
) -> Vec<(String, Reason)> {
    let mut rules = Vec::new();
    for pair in pairs {
        let Some(metric) = &pair.candidate else { continue };
        if let Some(found) = broken(&pair.signal, metric, offsets, input.look) {
            rules.push((format!("objective_broken:{}", pair.name), objective_broken(pair, &found)));
        }
    }
    let known: BTreeSet<&str> =
        input.reference.runs().iter().flat_map(|run| run.findings.iter().map(|f| f.fingerprint.as_str())).collect();
    for finding in &input.candidate.findings {
        if finding.severity == Severity::Critical && !known.contains(finding.fingerprint.as_str()) {
            let text = format!("{}: {}. {}", finding.component, finding.title.trim_end_matches('.'), finding.remedy);
            let found = reason(FINDING_OPEN, ReasonSeverity::Error, text, &finding.detail, "no critical finding");
            let component = Some(finding.component.clone());
            let found = Reason { component, dimension: Some(Dimension::Security), ..found };
            rules.push((format!("finding_open:{}", finding.fingerprint), found));
        }
    }
    for (experiment, (late, all)) in recovers_late(recoveries) {
        rules.push((format!("recovery_late:{experiment}"), recovery_late(input, recoveries, &experiment, (late, all))));
    }
    rules
}

fn objective_broken(pair: &Pair<'_>, found: &Broken) -> Reason {
    let unit = pair.candidate.as_ref().map_or(crate::quantity::Unit::Plain, |m| m.unit);
    let objective = unit.level(pair.signal.objective.unwrap_or(f64::NAN));
    let text = format!(
        "{}: {} at worst over {} samples in a row, the objective is {objective}.",
        pair.name,
        unit.level(found.worst),
        found.samples,
    );
    about(reason("objective_broken", ReasonSeverity::Error, text, &unit.level(found.worst), &objective), pair)
}

fn recovery_late(input: &Assessment<'_>, all: &[Recovery], experiment: &str, (late, of): (usize, usize)) -> Reason {
    let own = || all.iter().filter(|r| r.experiment == experiment);
    let limit = duration_ms(own().filter_map(|r| r.limit_ms).max().unwrap_or(0));
    let slowest = own().map(|r| r.after_ms.unwrap_or(r.watched_ms)).max().unwrap_or(0);
    let open = own().any(|r| r.after_ms.is_none());
    let observed = format!("{}{}", if open { "more than " } else { "" }, duration_ms(slowest));
    let text = format!("{experiment}: {late} of {of} recoveries took longer than {limit} (slowest: {observed}).");
    let target = input.candidate.exposures.iter().find(|e| e.experiment == experiment).map(|e| e.target.clone());
    let found = reason("recovery_late", ReasonSeverity::Error, text, &observed, &limit);
    Reason { dimension: Some(Dimension::Resilience), component: target, ..found }
}

/// First tag: every declared objective must be held over the whole run, also that of a watch signal, and there
/// must be one on a gate signal.
pub(crate) fn of_objectives(pairs: &[Pair<'_>], look: usize) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut gated = 0;
    for pair in pairs.iter().filter(|p| p.signal.objective.is_some()) {
        let gate = pair.signal.tier == Tier::Gate;
        if gate && pair.candidate.is_none() {
            // A gate signal without samples is a gap already, with or without an objective.
            continue;
        }
        gated += usize::from(gate);
        let objective = pair.unit().level(pair.signal.objective.unwrap_or(f64::NAN));
        let name = &pair.name;
        let found = match pair.candidate.as_ref().map_or(Held::Unknown, |metric| held(&pair.signal, metric, look)) {
            Held::Yes(_) => continue,
            Held::No(value) => {
                let value = pair.unit().level(value);
                let text = format!("{name}: {value} over the whole soak, the objective is {objective}.");
                gap("objective_broken", format!("{name}: {value}, objective {objective}"), text, &value, &objective)
            }
            Held::Unknown => {
                let text = format!("{name}: its objective {objective} could not be judged.");
                gap("no_evidence", format!("{name}: objective not judged"), text, "unknown", &objective)
            }
        };
        gaps.push(Gap { reason: about(found.reason, pair), short: found.short });
    }
    if gated == 0 {
        let text = "No gate signal declares an objective: there is nothing to judge a first tag by.".to_owned();
        gaps.push(gap("no_evidence", "objectives: none declared".to_owned(), text, "0 objectives", "at least 1"));
    }
    gaps
}

/// An experiment whose error share no baseline run has.
pub(crate) fn no_baseline_injection(experiment: &str) -> Gap {
    let text = format!("{experiment}: no baseline run has a measured injection to compare with.");
    let found = gap("no_evidence", format!("{experiment}: no baseline"), text, "0 injections", "at least 1 injection");
    Gap { reason: Reason { dimension: Some(Dimension::Resilience), ..found.reason }, short: found.short }
}

/// No gate metric could be judged. Without a baseline run there is a gap that says why.
pub(crate) fn no_gate_metric(signals: &[Signal], runs: usize) -> Option<Gap> {
    let gates = signals.iter().any(|s| s.tier == Tier::Gate && s.margin.is_some());
    let why = if gates { "No gate metric could be compared" } else { "No signal is a gate signal with a margin" };
    let text = format!("{why}: nothing can be shown to be as good as before.");
    let found = gap("no_evidence", "gate metrics: none".to_owned(), text, "0 metrics", "at least 1 metric");
    (runs > 0).then_some(found)
}
