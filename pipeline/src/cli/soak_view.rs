//! Soaks in words: one line each, and where one stands.

use crate::soak::Soak;
use crate::soak::machine::{Outcome, State};
use crate::soak::record::Cause;
use crate::worker::{Installation, verdict_of};
use chrono::{DateTime, TimeDelta, Utc};
use gate_api::GateStore as _;
use gate_api::facts::{Running, SoakState};
use scorer::quantity;
use scorer::verdict::Verdict;
use serde::Serialize;
use std::fmt::Write as _;

/// Verdicts that `status` lists.
const LAST: usize = 5;
/// Below this share an estimate of the end would be a guess.
const LEAST_SHARE: f64 = 0.05;

/// One soak in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    id: String,
    product: String,
    tag: String,
    commit: String,
    landscape: String,
    requested_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    state: String,
    outcome: Option<&'static str>,
    detail: Option<String>,
    verdict: Verdict,
    score: Option<f64>,
    score_low: Option<f64>,
    score_high: Option<f64>,
    reason: Option<String>,
    by: String,
    evidence: Option<String>,
}

impl Line {
    pub(super) fn of(soak: &Soak) -> Self {
        let outcome = match &soak.state {
            State::Ended { outcome } => Some(outcome),
            _ => None,
        };
        let judged = soak.judgement.as_ref();
        Line {
            id: soak.id.to_string(),
            product: soak.product.clone(),
            tag: soak.tag.clone(),
            commit: soak.commit.clone(),
            landscape: soak.landscape.clone(),
            requested_at: soak.requested_at,
            ended_at: soak.ended_at,
            state: soak.state.word().to_owned(),
            outcome: outcome.map(Outcome::word),
            detail: outcome.and_then(Outcome::reason).map(str::to_owned),
            verdict: verdict_of(soak),
            score: judged.and_then(|j| j.score),
            score_low: judged.and_then(|j| j.score_low),
            score_high: judged.and_then(|j| j.score_high),
            reason: judged.and_then(|j| j.reasons.first()).map(|r| r.text.clone()),
            by: match &soak.cause {
                Cause::Trigger { rule } => rule.clone(),
                Cause::Idle => "idle".into(),
                Cause::Person { who } => who.clone(),
            },
            evidence: soak.evidence().map(str::to_owned),
        }
    }

    fn score_text(&self) -> String {
        match (self.score, self.score_low, self.score_high) {
            (Some(score), Some(low), Some(high)) => quantity::score_text(score, low, high),
            _ => "-".into(),
        }
    }

    fn verdict_text(&self) -> String {
        match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Insufficient => "insufficient",
            Verdict::None => "-",
        }
        .to_owned()
    }

    /// Cells of the table.
    pub(super) fn cells(&self) -> Vec<String> {
        let requested = self.requested_at.format("%Y-%m-%d %H:%M:%S").to_string();
        let state = self.outcome.map_or_else(|| self.state.clone(), str::to_owned);
        vec![
            self.id.clone(),
            self.tag.clone(),
            self.landscape.clone(),
            requested,
            state,
            self.verdict_text(),
            self.score_text(),
            self.by.clone(),
        ]
    }

    /// `v1.0.0: pass, score 96 (91..99); ...`.
    pub(super) fn sentence(&self) -> String {
        let end = self.outcome.filter(|outcome| *outcome != "done").map_or_else(|| self.verdict_text(), str::to_owned);
        let score = if self.score.is_some() { format!(", score {}", self.score_text()) } else { String::new() };
        let why = self.detail.as_ref().or(self.reason.as_ref()).map_or_else(String::new, |why| format!("; {why}"));
        format!("{}: {end}{score}{why}", self.tag)
    }
}

/// The soak whose id begins with `text`.
///
/// # Errors
/// None or several do; the sentence says which there are.
pub(super) fn find<'a>(soaks: &'a [Soak], text: &str) -> Result<&'a Soak, String> {
    let fit: Vec<&Soak> = soaks.iter().filter(|s| s.id.as_str().starts_with(text)).collect();
    let list = |soaks: &[&Soak]| {
        let all: Vec<String> = soaks.iter().rev().take(LAST).map(|s| format!("{} ({})", s.id, s.tag)).collect();
        all.join(", ")
    };
    match fit.as_slice() {
        [one] if !text.is_empty() => Ok(one),
        [] | [_] if soaks.is_empty() => {
            Err(format!("there is no soak `{text}`; there are none yet: `mettle soak run` asks for one"))
        }
        [] | [_] => {
            let all: Vec<&Soak> = soaks.iter().collect();
            Err(format!("there is no soak `{text}`; the last ones are {}; see `mettle soak list`", list(&all)))
        }
        several => {
            Err(format!("`{text}` begins the ids of {} soaks: {}; write more of it", several.len(), list(several)))
        }
    }
}

/// The soak that runs, else the first that waits, else the last that ended.
pub(super) fn current(soaks: &[Soak]) -> Option<&Soak> {
    let open = || soaks.iter().filter(|s| !s.ended());
    open().find(|s| s.state != State::Requested).or_else(|| open().next()).or(soaks.last())
}

/// What the worker said last about a running soak.
pub(super) fn running(installation: &Installation, soak: &Soak) -> anyhow::Result<Option<Running>> {
    let facts = installation.gate.facts(&soak.product, &soak.landscape, &soak.tag)?;
    let fact = facts.soaks.into_iter().find(|fact| fact.id == soak.id.as_str());
    Ok(match fact.map(|fact| fact.state) {
        Some(SoakState::Running(running)) => Some(running),
        _ => None,
    })
}

/// Where a soak stands, and what came before it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    current: Option<Line>,
    running: Option<Running>,
    /// Estimated from the share that is there.
    eta: Option<DateTime<Utc>>,
    missing: Vec<String>,
    last: Vec<Line>,
}

impl Standing {
    pub(super) fn of(
        installation: &Installation,
        current: Option<&Soak>,
        soaks: &[Soak],
        now: DateTime<Utc>,
    ) -> anyhow::Result<Self> {
        let running = current.filter(|s| !s.ended()).map(|s| running(installation, s)).transpose()?.flatten();
        let began = current.and_then(|s| s.attempts.last()).map(|a| a.started_at);
        let eta = running.as_ref().and_then(|r| r.eta.or_else(|| estimate(began?, r.progress, now)));
        let missing = match (&running, current.and_then(|s| s.judgement.as_ref())) {
            (Some(running), _) => running.missing.clone(),
            (None, Some(judgement)) => judgement.missing.clone(),
            (None, None) => vec![],
        };
        let ended = soaks.iter().rev().filter(|s| s.ended() && Some(&s.id) != current.map(|c| &c.id));
        Ok(Standing {
            current: current.map(Line::of),
            running,
            eta,
            missing,
            last: ended.take(LAST).map(Line::of).collect(),
        })
    }

    pub(super) fn text(&self, now: DateTime<Utc>) -> String {
        let Some(line) = &self.current else {
            return "no soaks yet; `mettle up` watches for tags, `mettle soak run --tag TAG` asks for one\n".into();
        };
        let mut text = format!("soak {} of {} {} in {}\n", line.id, line.product, line.tag, line.landscape);
        match (&self.running, line.outcome) {
            (_, Some(_)) => {
                let _ = writeln!(
                    text,
                    "  ended {}: {}",
                    line.ended_at.map_or_else(String::new, |at| ago(at, now)),
                    line.sentence()
                );
            }
            (Some(running), None) => {
                let _ = writeln!(
                    text,
                    "  state    {}: {}, {:.0} % of the evidence",
                    line.state,
                    running.phase,
                    running.progress * 100.0
                );
                let look = running.look.as_ref().map(|l| match (l.score, l.score_low, l.score_high) {
                    (Some(score), Some(low), Some(high)) => {
                        format!("{score:.0} ({low:.0}..{high:.0}) at {} samples", l.samples)
                    }
                    _ => format!("none: {:?} at {} samples", l.verdict, l.samples).to_lowercase(),
                });
                let _ = writeln!(text, "  score    {}", look.unwrap_or_else(|| "not judged yet".into()));
            }
            (None, None) => {
                let _ = writeln!(text, "  state    {} since {}", line.state, ago(line.requested_at, now));
            }
        }
        if !self.missing.is_empty() {
            let _ = writeln!(text, "  missing  {}", self.missing.join(", "));
        }
        if let Some(eta) = self.eta {
            let _ = writeln!(
                text,
                "  done     about {} (in {})",
                eta.format("%H:%M:%S UTC"),
                span((eta - now).max(TimeDelta::zero()))
            );
        }
        if !self.last.is_empty() {
            text.push_str("before it:\n");
        }
        for line in &self.last {
            let at = line.ended_at.map_or_else(String::new, |at| ago(at, now));
            let _ = writeln!(text, "  {at:<12} {}", line.sentence());
        }
        text
    }
}

/// When everything will be there, if it goes on as it went.
fn estimate(began: DateTime<Utc>, share: f64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let elapsed = (now - began).num_milliseconds() as f64;
    ((LEAST_SHARE..=1.0).contains(&share) && elapsed > 0.0)
        .then(|| now + TimeDelta::milliseconds((elapsed * (1.0 - share) / share) as i64))
}

/// `3 min ago`.
pub(super) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ago", span((now - at).max(TimeDelta::zero())))
}

/// A length of time in its largest fitting unit.
pub(super) fn span(length: TimeDelta) -> String {
    match length.num_seconds() {
        s @ ..120 => format!("{s} s"),
        s @ ..7_200 => format!("{} min", s / 60),
        s @ ..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::record::Subject;

    fn soak(id: &str) -> Soak {
        let subject =
            Subject { product: "shop".into(), tag: "v1.0.0".into(), commit: "c".into(), landscape: "staging".into() };
        let mut soak = Soak::request(subject, Cause::Idle, Utc::now());
        soak.id = id.to_owned().into();
        soak
    }

    #[test]
    fn a_soak_is_found_by_the_beginning_of_its_id() {
        let soaks = [soak("ab1"), soak("ab2"), soak("c")];
        assert_eq!(find(&soaks, "c").unwrap().id.as_str(), "c");
        assert_eq!(find(&soaks, "ab1").unwrap().id.as_str(), "ab1");
        assert!(find(&soaks, "ab").unwrap_err().contains("begins the ids of 2 soaks: ab2 (v1.0.0), ab1 (v1.0.0)"));
        assert!(find(&soaks, "x").unwrap_err().contains("there is no soak `x`; the last ones are c (v1.0.0)"));
        assert!(find(&[], "x").unwrap_err().contains("there are none yet"));
    }

    #[test]
    fn the_end_is_estimated_from_the_share() {
        let now = Utc::now();
        assert_eq!(estimate(now - TimeDelta::seconds(60), 0.25, now), Some(now + TimeDelta::seconds(180)));
        assert_eq!(estimate(now - TimeDelta::seconds(60), 0.01, now), None);
    }

    #[test]
    fn lengths_have_the_largest_fitting_unit() {
        let texts: Vec<String> = [5, 119, 120, 7_300, 200_000].map(|s| span(TimeDelta::seconds(s))).to_vec();
        assert_eq!(texts, ["5 s", "119 s", "2 min", "2 h", "2 d"]);
    }
}
