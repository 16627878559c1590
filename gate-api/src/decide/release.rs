//! `release`: the mapping from soaks to a status, the first line of the contract that fits.

use super::objection::{Effect, Objection, Pass, valid_until};
use super::reason::{Reason, Severity};
use super::{ChangelogSays, Decision, RETRY_DEFAULT_S, Status, changelog, seconds_until};
use crate::facts::{
    Ended, Facts, LandscapeFact, Outcome, Running, Schedule, SoakFact, SoakState, TagFact, VerdictRecord,
};
use crate::question::Question;
use chrono::{DateTime, TimeDelta, Utc};
use scorer::Verdict;

/// Silence of a worker after which a waiting caller is told. A soak may say nothing new for longer, while it waits or a
/// fault is in; the worker itself says several times a minute that it is there.
const WORKER_SILENT: TimeDelta = TimeDelta::minutes(2);

type Subject<'a> = (&'a TagFact, &'a LandscapeFact);

/// The worst cluster speaks for the landscape; a cluster that nobody soaked blocks.
pub(super) fn decide(question: &Question, facts: &Facts, subject: Subject<'_>, now: DateTime<Utc>) -> Decision {
    let mut clusters: Vec<Option<&str>> = match &question.cluster {
        Some(cluster) => vec![Some(cluster)],
        None => subject.1.clusters.iter().map(|cluster| Some(cluster.as_str())).collect(),
    };
    if clusters.is_empty() {
        let mut seen: Vec<&str> = facts.soaks.iter().map(|soak| soak.cluster.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        clusters = seen.into_iter().map(Some).collect();
    }
    if clusters.is_empty() {
        clusters.push(None);
    }
    let decisions = clusters.into_iter().map(|cluster| in_cluster(question, facts, subject, (cluster, now)));
    let worst = decisions.reduce(|worst, next| if next.status.rank() > worst.status.rank() { next } else { worst });
    worst.expect("at least one cluster was pushed above")
}

fn in_cluster(
    question: &Question,
    facts: &Facts,
    (tag, landscape): Subject<'_>,
    (cluster, now): (Option<&str>, DateTime<Utc>),
) -> Decision {
    let here = |soak: &&SoakFact| cluster.is_none_or(|name| soak.cluster == name) && soak.commit == tag.commit;
    let soaks: Vec<&SoakFact> = facts.soaks.iter().filter(here).collect();
    if let Some(decision) = tainted(&soaks) {
        return decision;
    }
    let judged: Vec<Judged<'_>> = soaks.iter().filter_map(|soak| Judged::of(soak, facts)).collect();
    if let Some(Judged::Fail(soak, record)) = judged.last() {
        return failed(soak, *record);
    }
    let passes = judged.iter().rev().map_while(|judged| match judged {
        Judged::Pass(soak, record) => Some((*soak, *record)),
        Judged::Fail(..) => None,
    });
    let mut spoiled: Option<(&SoakFact, &VerdictRecord, Vec<Objection>)> = None;
    for (soak, record) in passes {
        let objections = Pass { question, landscape, soak, record, now }.objections(facts);
        if objections.is_empty() {
            return allow(tag, landscape, soak, record);
        }
        spoiled.get_or_insert((soak, record, objections));
    }
    if let Some(decision) = pending(&soaks, facts, now) {
        let stale = spoiled
            .iter()
            .flat_map(|(_, _, objections)| objections)
            .map(|o| Reason { severity: Severity::Warn, ..o.reason.clone() });
        return Decision { reasons: decision.reasons.iter().cloned().chain(stale).collect(), ..decision };
    }
    match spoiled {
        Some((soak, record, objections)) => refuse(soak, record, &objections),
        None => ended_without_pass(&soaks, facts).unwrap_or_else(|| never_soaked(facts, tag, now)),
    }
}

/// A soak that decides.
enum Judged<'a> {
    Pass(&'a SoakFact, &'a VerdictRecord),
    Fail(&'a SoakFact, Option<&'a VerdictRecord>),
}

impl<'a> Judged<'a> {
    /// `None`: not judged, or its judgement decides nothing.
    ///
    /// A fail counts from the moment it is known; whether a pass counts is examined later.
    fn of(soak: &'a SoakFact, facts: &'a Facts) -> Option<Self> {
        let record = facts.verdict_of(&soak.id);
        match soak.outcome() {
            Some(Outcome::NotDeployable) => return Some(Judged::Fail(soak, record)),
            Some(Outcome::Tainted | Outcome::Aborted | Outcome::Superseded) => return None,
            Some(Outcome::Done) | None => (),
        }
        let record = record?;
        match record.judgement.verdict {
            Verdict::Fail => Some(Judged::Fail(soak, Some(record))),
            Verdict::Pass => soak.ended().map(|_| Judged::Pass(soak, record)),
            Verdict::Insufficient | Verdict::None => None,
        }
    }
}

/// Waits while the newest word on the environment is a taint that nobody cleared.
fn tainted(soaks: &[&SoakFact]) -> Option<Decision> {
    let vouches =
        |soak: &&&SoakFact| matches!(soak.outcome(), Some(Outcome::Tainted | Outcome::Done | Outcome::NotDeployable));
    let newest = soaks.iter().filter(vouches).max_by_key(|soak| soak.ended().map(|ended| ended.at))?;
    let ended = newest.ended().filter(|ended| ended.outcome == Outcome::Tainted)?;
    if newest.taint_resolved.is_some() {
        return None;
    }
    let detail = ended.detail.as_deref().unwrap_or("nobody can vouch for the environment");
    let text =
        format!("the soak is tainted: {detail}; a person (mettle soak resolve) or a later clean soak resolves it");
    let reason = Reason::error("tainted", text).seen("tainted", "a clean environment");
    let mut decision = Decision::wait(reason, RETRY_DEFAULT_S);
    decision.outcome = Some(Outcome::Tainted);
    decision.soak = Some(newest.id.clone());
    decision.missing = vec!["a clean soak, or a person who resolves the taint".to_owned()];
    Some(decision)
}

fn failed(soak: &SoakFact, record: Option<&VerdictRecord>) -> Decision {
    let deploy = soak.ended().filter(|ended| ended.outcome == Outcome::NotDeployable).map(|ended| {
        let detail = ended.detail.as_deref().unwrap_or("it did not become healthy");
        Reason::error("not_deployable", format!("the tag could not be deployed: {detail}"))
    });
    let judged = record.into_iter().flat_map(|record| &record.judgement.reasons).map(Reason::from);
    let mut reasons: Vec<Reason> = deploy.into_iter().chain(judged).collect();
    if reasons.is_empty() {
        reasons.push(Reason::error("failed", "the verdict is fail; the report tells why"));
    }
    let summary = record.map_or_else(|| reasons[0].text.clone(), |record| record.sentence.clone());
    let mut decision = Decision::bare(Status::Deny, summary, reasons);
    if let Some(record) = record {
        decision = decision.judged(record);
    }
    Decision { verdict: Verdict::Fail, outcome: soak.outcome(), soak: Some(soak.id.clone()), ..decision }
}

/// The only way to an allow of this gate; the changelog has the last word.
fn allow(tag: &TagFact, landscape: &LandscapeFact, soak: &SoakFact, record: &VerdictRecord) -> Decision {
    let outcome = soak.outcome();
    let judged = |decision: Decision| Decision { outcome, ..decision.judged(record) };
    match changelog(tag) {
        ChangelogSays::Deny(reason) => judged(Decision::deny(reason)),
        ChangelogSays::Wait(reason) => judged(Decision::wait(reason, RETRY_DEFAULT_S)),
        ChangelogSays::Fine => {
            let mut reasons: Vec<Reason> = record.judgement.reasons.iter().map(Reason::from).collect();
            if let (Some(low), false) = (record.judgement.score_low, reasons.iter().any(|r| r.code == "score_met")) {
                let reason = Reason::info("score_met", "the lower limit of the score is high enough");
                reasons.insert(0, reason.seen(format!("{low:.1}"), format!("{}", landscape.policy.kpi)));
            }
            if reasons.is_empty() {
                reasons.push(Reason::info("objectives_held", "every objective held"));
            }
            let decision = judged(Decision::bare(Status::Allow, &record.sentence, reasons));
            Decision { valid_until: Some(valid_until(record, landscape)), ..decision }
        }
    }
}

/// Waits while a soak is on its way, or ended and was not judged yet.
fn pending(soaks: &[&SoakFact], facts: &Facts, now: DateTime<Utc>) -> Option<Decision> {
    let unjudged = |ended: &Ended, id: &str| ended.outcome == Outcome::Done && facts.verdict_of(id).is_none();
    let mut found: Vec<(&SoakFact, Decision)> = Vec::new();
    for soak in soaks {
        let decision = match &soak.state {
            SoakState::Requested => {
                Decision::wait(Reason::warn("soak_requested", "a soak was requested"), RETRY_DEFAULT_S)
            }
            SoakState::Scheduled { at } => {
                let retry = at.map_or(RETRY_DEFAULT_S, |at| seconds_until(at, now));
                Decision::wait(Reason::warn("soak_scheduled", "a soak waits for the landscape"), retry)
            }
            SoakState::Running(running) => observing(running, now),
            SoakState::Ended(ended) if unjudged(ended, &soak.id) => {
                Decision::wait(Reason::warn("judging", "the soak ended and is being judged"), RETRY_DEFAULT_S)
            }
            SoakState::Ended(_) => continue,
        };
        found.push((soak, decision));
    }
    // A running soak says more than a requested one, and the newest more than an older one.
    let (soak, mut decision) = found.into_iter().max_by_key(|(_, decision)| decision.progress.is_some())?;
    let heard = facts.worker_seen.map_or(soak.updated_at, |seen| seen.max(soak.updated_at));
    if now - heard > WORKER_SILENT {
        let text = "the worker has not written for a while; is it running?";
        let silent = super::objection::duration_text(super::seconds_until(now, heard));
        decision.reasons.push(Reason::warn("worker_silent", text).seen(silent, "2 min"));
    }
    Some(Decision { soak: Some(soak.id.clone()), ..decision })
}

fn observing(running: &Running, now: DateTime<Utc>) -> Decision {
    let progress = if running.progress.is_finite() { running.progress.clamp(0.0, 1.0) } else { 0.0 };
    let retry = running.eta.map_or(RETRY_DEFAULT_S, |eta| seconds_until(eta, now));
    let percent = (progress * 100.0).floor();
    let text = format!("a soak is running, phase {}: {percent:.0} % of the evidence", running.phase);
    let reason = Reason::warn("observing", text).seen(format!("{percent:.0} %"), "100 %");
    let decision = Decision::wait(reason, retry);
    Decision { progress: Some(progress), missing: running.missing.clone(), ..decision }
}

/// A pass that does not count: `expired` when time or policy alone took it away.
fn refuse(soak: &SoakFact, record: &VerdictRecord, objections: &[Objection]) -> Decision {
    let all_expire = objections.iter().all(|objection| objection.effect == Effect::Expires);
    let status = if all_expire { Status::Expired } else { Status::Deny };
    let reasons: Vec<Reason> = objections.iter().map(|objection| objection.reason.clone()).collect();
    let summary = reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ");
    let missing = reasons.iter().map(|reason| reason.code.replace('_', " ")).collect();
    let decision = Decision::bare(status, summary, reasons).judged(record);
    Decision { outcome: soak.outcome(), missing, ..decision }
}

/// No pass, nothing under way: insufficient, superseded or aborted, in this order.
fn ended_without_pass(soaks: &[&SoakFact], facts: &Facts) -> Option<Decision> {
    let newest = |outcome: Outcome| soaks.iter().rev().find(|soak| soak.outcome() == Some(outcome));
    let undecided = newest(Outcome::Done).or_else(|| newest(Outcome::Tainted));
    if let Some(soak) = undecided {
        let missing = facts.verdict_of(&soak.id).map_or(&[][..], |record| &record.judgement.missing);
        return Some(insufficient(soak, facts.verdict_of(&soak.id), missing));
    }
    if let Some(soak) = newest(Outcome::Superseded) {
        let by = soak.ended().and_then(|ended| ended.superseded_by.as_deref()).unwrap_or("a newer tag");
        let reason = Reason::error("superseded", format!("superseded: {by} took its place")).seen(by, &soak.tag);
        let decision = Decision::deny(reason);
        return Some(Decision { outcome: soak.outcome(), soak: Some(soak.id.clone()), ..decision });
    }
    let soak = newest(Outcome::Aborted)?;
    let detail = soak.ended().and_then(|ended| ended.detail.as_deref()).unwrap_or("no reason was given");
    let text = format!("the soak was aborted: {detail}; request a new one");
    let mut decision = Decision::deny(Reason::error("aborted", text).seen("aborted", "done"));
    if let Some(record) = facts.verdict_of(&soak.id) {
        decision = decision.judged(record);
    }
    decision.missing = vec!["a new soak".to_owned()];
    Some(Decision { outcome: soak.outcome(), soak: Some(soak.id.clone()), ..decision })
}

fn insufficient(soak: &SoakFact, record: Option<&VerdictRecord>, missing: &[String]) -> Decision {
    let mut reasons: Vec<Reason> =
        record.into_iter().flat_map(|record| &record.judgement.reasons).map(Reason::from).collect();
    if !reasons.iter().any(|reason| reason.severity == Severity::Error) {
        let text = match missing {
            [] => "the evidence was not enough for a verdict".to_owned(),
            some => format!("the evidence was not enough: {}", some.join(", ")),
        };
        reasons.insert(0, Reason::error("insufficient", text));
    }
    let summary = record.map_or_else(|| reasons[0].text.clone(), |record| record.sentence.clone());
    let mut decision = Decision::bare(Status::Deny, summary, reasons);
    if let Some(record) = record {
        decision = decision.judged(record);
    }
    let verdict = Verdict::Insufficient;
    Decision { verdict, outcome: soak.outcome(), soak: Some(soak.id.clone()), missing: missing.to_vec(), ..decision }
}

fn never_soaked(facts: &Facts, tag: &TagFact, now: DateTime<Utc>) -> Decision {
    match facts.schedule.as_ref().map(|fact| &fact.schedule) {
        Some(Schedule::Never { why }) => {
            let text = format!("{} will not be soaked: {why}; request a soak by hand", tag.tag);
            let decision = Decision::deny(Reason::error("not_scheduled", text).seen(why, "a trigger that matches"));
            Decision { missing: vec!["a soak".to_owned()], ..decision }
        }
        Some(Schedule::Will { at }) => {
            let retry = at.map_or(RETRY_DEFAULT_S, |at| seconds_until(at, now));
            let decision = Decision::wait(Reason::warn("soak_expected", "a trigger will soak this tag"), retry);
            Decision { missing: vec!["a soak".to_owned()], ..decision }
        }
        None => {
            let text = "the tag is known, whether it will be soaked is not known yet";
            let decision = Decision::wait(Reason::warn("schedule_unknown", text), RETRY_DEFAULT_S);
            Decision { missing: vec!["what the triggers say".to_owned(), "a soak".to_owned()], ..decision }
        }
    }
}
