//! `stage`: may this tag replace the one in the landscape?

use super::reason::Reason;
use super::{ChangelogSays, Decision, RETRY_DEFAULT_S, Status, changelog, objection::duration_text, seconds_until};
use crate::facts::{Deployed, Facts, LandscapeFact, Outcome, SoakFact, TagFact};
use chrono::{DateTime, TimeDelta, Utc};

/// How long an allow holds: the landscape moves on.
const VALID_FOR: TimeDelta = TimeDelta::minutes(15);

pub(super) fn decide(facts: &Facts, (tag, landscape): (&TagFact, &LandscapeFact), now: DateTime<Utc>) -> Decision {
    match changelog(tag) {
        ChangelogSays::Deny(reason) => return Decision::deny(reason),
        ChangelogSays::Wait(reason) => return Decision::wait(reason, RETRY_DEFAULT_S),
        ChangelogSays::Fine => (),
    }
    let newest = facts.soaks.iter().rfind(|soak| soak.commit == tag.commit);
    if let Some(decision) = newest.and_then(superseded) {
        return decision;
    }
    match &landscape.deployed {
        Deployed::Unknown => {
            let text = format!("nobody has looked yet what runs in {}", landscape.landscape);
            Decision::wait(Reason::warn("landscape_unseen", text), RETRY_DEFAULT_S)
        }
        Deployed::Nothing => allow(now, format!("nothing runs in {}", landscape.landscape)),
        Deployed::Tag { tag: current, .. } if *current == tag.tag => {
            allow(now, format!("{current} is what runs in {}", landscape.landscape))
        }
        Deployed::Tag { tag: current, halted: true, .. } => {
            allow(now, format!("{current} failed, or its soaks cannot be vouched for: it is not observed further"))
        }
        Deployed::Tag { tag: current, observed_since, halted: false } => match &tag.hotfix_to {
            Some(base) => allow(now, format!("a hotfix of {base} does not wait for {current}")),
            None => after(current, *observed_since, landscape.policy.min_observation_s, now),
        },
    }
}

fn superseded(soak: &SoakFact) -> Option<Decision> {
    let ended = soak.ended().filter(|ended| ended.outcome == Outcome::Superseded)?;
    let by = ended.superseded_by.as_deref().unwrap_or("a newer tag");
    let decision =
        Decision::deny(Reason::error("superseded", format!("superseded: {by} took its place")).seen(by, &soak.tag));
    Some(Decision { outcome: Some(ended.outcome), soak: Some(soak.id.clone()), ..decision })
}

/// Allows once the current tag was observed long enough.
fn after(current: &str, since: DateTime<Utc>, wanted_s: u64, now: DateTime<Utc>) -> Decision {
    let observed_s = seconds_until(now, since);
    if observed_s >= wanted_s {
        return allow(now, format!("{current} was observed for {}", duration_text(observed_s)));
    }
    let left = wanted_s - observed_s;
    let text = format!("{current} is still being observed, for {} more", duration_text(left));
    let reason = Reason::warn("observing", text).seen(duration_text(observed_s), duration_text(wanted_s));
    let decision = Decision::wait(reason, left);
    #[expect(clippy::cast_precision_loss, reason = "seconds of an observation are far below 2^52")]
    let share = observed_s as f64 / wanted_s as f64;
    Decision { progress: Some(share), missing: vec![format!("{} of observation", duration_text(left))], ..decision }
}

/// The only way to an allow of this gate.
fn allow(now: DateTime<Utc>, text: String) -> Decision {
    let decision = Decision::bare(Status::Allow, text.clone(), vec![Reason::info("may_stage", text)]);
    Decision { valid_until: Some(now + VALID_FOR), ..decision }
}
