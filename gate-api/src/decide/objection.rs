//! Everything that keeps a pass from counting. An empty list is the only way to an allow of `release`.

use super::reason::Reason;
use crate::facts::{Ended, Facts, LandscapeFact, Outcome, Provisional, SoakFact, VerdictRecord};
use crate::question::Question;
use chrono::{DateTime, TimeDelta, Utc};
use scorer::Verdict;
use scorer::verdict::{Basis, ReasonSeverity};
use std::ops::ControlFlow;

/// How far a verdict may lie in the future before the clock is not believed: NTP keeps hosts well within.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What an objection makes of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It counted once.
    Expires,
    /// It does not count.
    Denies,
}

/// One thing that keeps a pass from counting.
#[derive(Clone, Debug)]
pub(super) struct Objection {
    pub(super) effect: Effect,
    pub(super) reason: Reason,
}

fn denies(reason: Reason) -> Objection {
    Objection { effect: Effect::Denies, reason }
}

fn expires(reason: Reason) -> Objection {
    Objection { effect: Effect::Expires, reason }
}

/// A pass to be examined, with all that it is held against.
pub(super) struct Pass<'a> {
    pub(super) question: &'a Question,
    pub(super) landscape: &'a LandscapeFact,
    pub(super) soak: &'a SoakFact,
    pub(super) record: &'a VerdictRecord,
    pub(super) now: DateTime<Utc>,
}

impl Pass<'_> {
    /// All objections, the order is that of weight.
    pub(super) fn objections(&self, facts: &Facts) -> Vec<Objection> {
        let mut found = Vec::new();
        let ended = match self.ended() {
            ControlFlow::Continue(ended) => ended,
            ControlFlow::Break(objection) => return vec![objection],
        };
        found.extend(self.bound());
        found.extend(self.score());
        found.extend(self.consistent());
        found.extend(self.provisional());
        found.extend(self.stale_classes(ended));
        found.extend(self.window(facts));
        found.extend(self.time(ended));
        found
    }

    fn ended(&self) -> ControlFlow<Objection, &Ended> {
        match self.soak.ended() {
            Some(ended) if ended.outcome == Outcome::Done => ControlFlow::Continue(ended),
            Some(_) | None => {
                let text = "the soak of this pass did not end as done".to_owned();
                ControlFlow::Break(denies(
                    Reason::error("verdict_inconsistent", text).seen(self.soak.state_name(), "done"),
                ))
            }
        }
    }

    /// The verdict is about this commit, landscape, toggle vector and policy, and has evidence.
    fn bound(&self) -> Vec<Objection> {
        let (record, question) = (self.record, self.question);
        let mut found = Vec::new();
        let place = (&record.product, &record.tag, &record.landscape);
        if place != (&question.product, &question.tag, &question.landscape) || record.commit != self.soak.commit {
            found.push(denies(Reason::error("verdict_inconsistent", "the verdict is about something else")));
        }
        if record.evidence.is_empty() || record.report_digest.is_empty() {
            found.push(denies(Reason::error("no_evidence", "the verdict names no evidence").seen("0", "at least 1")));
        }
        if let Some(asked) = question.toggles.as_ref().filter(|asked| **asked != record.toggles) {
            let text = "the pass belongs to another toggle vector";
            let show = |toggles: &std::collections::BTreeMap<String, String>| {
                let pairs: Vec<String> = toggles.iter().map(|(key, state)| format!("{key}={state}")).collect();
                pairs.join(" ")
            };
            let reason = Reason::error("toggles_differ", text).seen(show(&record.toggles), show(asked));
            found.push(denies(reason));
        }
        let wanted = &self.landscape.policy.digest;
        if record.policy_digest != *wanted || wanted.is_empty() {
            let text = "the policy changed after the verdict";
            found.push(expires(Reason::error("policy_changed", text).seen(&record.policy_digest, wanted)));
        }
        found
    }

    /// Checked again here, so that a wrong record cannot become an allow.
    fn score(&self) -> Option<Objection> {
        let kpi = self.landscape.policy.kpi;
        match self.record.judgement.basis {
            Basis::Objectives => None,
            Basis::Baseline => match self.record.judgement.score_low {
                Some(low) if low >= kpi => None,
                low => {
                    let observed = low.map_or("no score".to_owned(), |low| format!("{low:.1}"));
                    let text = "the lower limit of the score is below what the policy wants";
                    Some(denies(Reason::error("score_below", text).seen(observed, format!("{kpi}"))))
                }
            },
        }
    }

    /// A pass that carries an error reason contradicts itself.
    fn consistent(&self) -> Option<Objection> {
        let judged = &self.record.judgement;
        let pass = judged.verdict == Verdict::Pass;
        match judged.reasons.iter().find(|reason| reason.severity == ReasonSeverity::Error) {
            None if pass => None,
            None => Some(denies(Reason::error("verdict_inconsistent", "the verdict is not a pass"))),
            Some(reason) => Some(denies(Reason::from(reason))),
        }
    }

    fn provisional(&self) -> Option<Objection> {
        let provisional = self.record.judgement.provisional;
        if !provisional || self.landscape.policy.provisional == Provisional::Allow {
            return None;
        }
        let runs = self.record.judgement.baseline_runs;
        let text = format!("the pass is provisional: the baseline has {runs} runs, and the policy wants a full one");
        Some(denies(Reason::error("provisional", text).seen(format!("{runs} runs"), "3 runs")))
    }

    fn stale_classes(&self, ended: &Ended) -> Vec<Objection> {
        let mut found = Vec::new();
        for (class, limit_s) in &self.landscape.policy.classes {
            let name = format!("{class:?}").to_lowercase();
            let wanted = format!("at most {} before the soak's end", duration_text(*limit_s));
            let Some(newest) = self.record.classes.get(class) else {
                let text = format!("no {name} result belongs to this soak");
                found.push(denies(Reason::error("class_stale", text).seen("never", wanted)));
                continue;
            };
            let age_s = super::seconds_until(ended.at, *newest);
            if age_s > *limit_s {
                let text = format!("the newest {name} result was too old when the soak ended");
                found.push(denies(Reason::error("class_stale", text).seen(duration_text(age_s), wanted)));
            }
        }
        found
    }

    /// Soaks of the tag in this cluster add up; tainted time does not count.
    fn window(&self, facts: &Facts) -> Option<Objection> {
        let wanted_s = self.landscape.policy.min_observation_s;
        let same = |soak: &&SoakFact| soak.cluster == self.soak.cluster && soak.commit == self.soak.commit;
        let clean = |soak: &&SoakFact| soak.outcome() == Some(Outcome::Done);
        let observed = facts.soaks.iter().filter(same).filter(clean).map(|soak| soak.observed(self.now));
        let observed_s = observed.sum::<TimeDelta>().num_seconds().max(0).unsigned_abs();
        if observed_s >= wanted_s {
            return None;
        }
        let reason = Reason::error("window_short", "the tag was not observed long enough");
        Some(denies(reason.seen(duration_text(observed_s), duration_text(wanted_s))))
    }

    /// `validFor` of today's policy can shorten what was promised, never lengthen it.
    fn time(&self, ended: &Ended) -> Option<Objection> {
        let until = valid_until(self.record, self.landscape);
        if self.now >= until {
            let reason = Reason::error("verdict_expired", "the pass is no longer valid");
            return Some(expires(reason.seen(stamp(self.now), format!("before {}", stamp(until)))));
        }
        let latest = self.record.evaluated_at.max(ended.at);
        if latest > self.now + CLOCK_TOLERANCE {
            let text = "the verdict lies in the future: a clock is wrong";
            return Some(denies(Reason::error("clock_wrong", text).seen(stamp(latest), stamp(self.now))));
        }
        None
    }
}

/// Until when a pass counts: its own limit, or the policy's from publishing, the earlier.
pub(super) fn valid_until(record: &VerdictRecord, landscape: &LandscapeFact) -> DateTime<Utc> {
    let seconds = i64::try_from(landscape.policy.valid_for_s).unwrap_or(i64::MAX);
    let limit = TimeDelta::try_seconds(seconds).and_then(|valid| record.evaluated_at.checked_add_signed(valid));
    limit.map_or(record.valid_until, |limit| limit.min(record.valid_until))
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// `9 h 40 min`, `2 min 5 s`, `12 s`: the two largest units.
pub(crate) fn duration_text(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts.iter().skip(first).take(2).filter(|(count, _)| *count > 0);
    let shown: Vec<String> = shown.map(|(count, unit)| format!("{count} {unit}")).collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}
