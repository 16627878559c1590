//! Which tags are soaked next: triggers, collapsing of waiting tags, idle soaking. Pure.

use crate::documents::landscape::Trigger;
use crate::documents::product::Bump;
use crate::documents::settings::Idle;
use chrono::{DateTime, Utc};
use croner::Cron;
use semver::Version;
use std::str::FromStr;

/// A product tag as the repository has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Name, `v1.2.0`.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its commit.
    pub commit: String,
}

/// What was decided about one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Soak it; the rule in words.
    Soak {
        /// Tag name.
        tag: String,
        /// Rule in words.
        rule: String,
    },
    /// It waited, and a newer tag took its place.
    Supersede {
        /// Tag name.
        tag: String,
        /// The tag that took its place.
        by: String,
    },
}

/// What is known about earlier soaks, by tag name.
pub trait History {
    /// Whether the tag was ever requested (also superseded ones).
    fn requested(&self, tag: &str) -> bool;
    /// Whether the tag waits and has not begun.
    fn waiting(&self, tag: &str) -> bool;
}

/// Wishes for the tags of a product. `tags` in any order; `now` and `last_check` bound the clock triggers.
pub fn wishes(
    tags: &[Tag],
    triggers: &[Trigger],
    history: &dyn History,
    last_check: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Wish> {
    let mut tags: Vec<&Tag> = tags.iter().collect();
    tags.sort_by(|a, b| a.version.cmp(&b.version));
    let mut out = Vec::new();
    let mut last_soaked: Option<&Version> = None;
    let mut patches = 0;
    let mut wished: Vec<(&Tag, String)> = Vec::new();
    for tag in &tags {
        let base = last_soaked;
        if history.requested(&tag.name) {
            last_soaked = Some(&tag.version);
            patches = 0;
            continue;
        }
        patches += 1;
        if let Some(rule) = rule_for(tag, base, patches, triggers) {
            wished.push((tag, rule));
            last_soaked = Some(&tag.version);
            patches = 0;
        }
    }
    if let Some(newest) =
        tags.last().filter(|t| !history.requested(&t.name) && wished.iter().all(|(w, _)| w.name != t.name))
    {
        let due = triggers.iter().filter_map(|t| t.every.as_deref()).find(|line| fired(line, last_check, now));
        wished.extend(due.map(|line| (*newest, format!("every: \"{line}\""))));
    }
    let waiting: Vec<&Tag> = tags.iter().copied().filter(|t| history.waiting(&t.name)).collect();
    let newest = wished.last().map(|(t, _)| *t).or(waiting.last().copied());
    for (tag, rule) in &wished {
        out.push(Wish::Soak { tag: tag.name.clone(), rule: rule.clone() });
    }
    // Waiting tags collapse to the newest.
    if let Some(newest) = newest {
        let older =
            waiting.iter().copied().chain(wished.iter().map(|(t, _)| *t)).filter(|t| t.version < newest.version);
        out.extend(older.map(|t| Wish::Supersede { tag: t.name.clone(), by: newest.name.clone() }));
    }
    out
}

/// Whether the triggers will ever soak a tag that has this step; used by the gate (`not_scheduled`).
pub fn scheduled(tag: &Tag, tags: &[Tag], triggers: &[Trigger], history: &dyn History) -> bool {
    if history.requested(&tag.name) || triggers.iter().any(|t| t.every.is_some()) {
        return true;
    }
    let older = tags.iter().filter(|t| t.version < tag.version && history.requested(&t.name)).map(|t| &t.version).max();
    rule_for(tag, older, 1, triggers).is_some()
}

fn rule_for(tag: &Tag, last: Option<&Version>, patches: u32, triggers: &[Trigger]) -> Option<String> {
    let Some(last) = last else { return Some("first tag".into()) };
    let step = bump(last, &tag.version);
    triggers.iter().find_map(|t| match (t.bump, t.patches) {
        (Some(least), _) if step >= least => Some(format!("bump: {}", word(least))),
        (_, Some(n)) if patches >= n => Some(format!("patches: {n}")),
        _ => None,
    })
}

fn bump(from: &Version, to: &Version) -> Bump {
    if to.major != from.major {
        Bump::Major
    } else if to.minor != from.minor {
        Bump::Minor
    } else {
        Bump::Patch
    }
}

fn word(bump: Bump) -> &'static str {
    match bump {
        Bump::Patch => "patch",
        Bump::Minor => "minor",
        Bump::Major => "major",
    }
}

fn fired(line: &str, after: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    Cron::from_str(line).ok().and_then(|c| c.find_next_occurrence(&after, false).ok()).is_some_and(|next| next <= now)
}

/// Whether an idle landscape soaks its current tag again. `runs`: baseline runs that the current tag's own soaks gave;
/// `wanted`: runs of a full baseline.
pub fn soak_again(idle: Idle, runs: usize, wanted: usize, last: LastVerdict) -> bool {
    match (idle, last) {
        (Idle::Rest, _) => false,
        // A failed tag is not observed further: only a new tag or a person changes its verdict.
        (Idle::Baseline | Idle::Always, LastVerdict::Failed) => false,
        (Idle::Always, LastVerdict::Other) => true,
        (Idle::Baseline, LastVerdict::Other) => runs < wanted,
    }
}

/// The last verdict of the current tag, as far as idle soaking cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastVerdict {
    /// It failed.
    Failed,
    /// Anything else.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    struct Known(Vec<&'static str>, Vec<&'static str>);
    impl History for Known {
        fn requested(&self, tag: &str) -> bool {
            self.0.contains(&tag)
        }
        fn waiting(&self, tag: &str) -> bool {
            self.1.contains(&tag)
        }
    }

    fn tags(names: &[&str]) -> Vec<Tag> {
        names
            .iter()
            .map(|n| Tag { name: (*n).into(), version: Version::parse(&n[1..]).expect("semver"), commit: "c".into() })
            .collect()
    }

    fn soaked(tags_: &[&str], triggers: &[Trigger], known: &Known) -> Vec<String> {
        let t = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single().expect("a date");
        wishes(&tags(tags_), triggers, known, t, t + chrono::Duration::hours(3))
            .into_iter()
            .map(|w| match w {
                Wish::Soak { tag, rule } => format!("soak {tag} by {rule}"),
                Wish::Supersede { tag, by } => format!("supersede {tag} by {by}"),
            })
            .collect()
    }

    #[test]
    fn the_first_tag_is_soaked_whatever_the_triggers() {
        assert_eq!(soaked(&["v1.0.0"], &[], &Known(vec![], vec![])), ["soak v1.0.0 by first tag"]);
    }

    #[test]
    fn bump_means_at_least() {
        let minor = [Trigger { bump: Some(Bump::Minor), ..Trigger::default() }];
        let known = Known(vec!["v1.0.0"], vec![]);
        assert_eq!(soaked(&["v1.0.0", "v1.0.1"], &minor, &known), [""; 0]);
        assert_eq!(soaked(&["v1.0.0", "v2.0.0"], &minor, &known), ["soak v2.0.0 by bump: minor"]);
    }

    #[test]
    fn patches_are_counted_since_the_last_soaked_tag() {
        let three = [Trigger { patches: Some(3), ..Trigger::default() }];
        let known = Known(vec!["v1.0.0"], vec![]);
        assert_eq!(soaked(&["v1.0.0", "v1.0.1", "v1.0.2"], &three, &known), [""; 0]);
        assert_eq!(soaked(&["v1.0.0", "v1.0.1", "v1.0.2", "v1.0.3"], &three, &known), ["soak v1.0.3 by patches: 3"]);
    }

    #[test]
    fn waiting_tags_collapse_to_the_newest() {
        let patch = [Trigger { bump: Some(Bump::Patch), ..Trigger::default() }];
        let known = Known(vec!["v1.0.0", "v1.0.1"], vec!["v1.0.1"]);
        assert_eq!(
            soaked(&["v1.0.0", "v1.0.1", "v1.0.2"], &patch, &known),
            ["soak v1.0.2 by bump: patch", "supersede v1.0.1 by v1.0.2"]
        );
    }

    #[test]
    fn the_clock_soaks_the_newest_tag_that_nothing_else_wanted() {
        let nightly = [Trigger { every: Some("0 2 * * *".into()), ..Trigger::default() }];
        assert_eq!(
            soaked(&["v1.0.0", "v1.0.1"], &nightly, &Known(vec!["v1.0.0"], vec![])),
            ["soak v1.0.1 by every: \"0 2 * * *\""]
        );
    }

    #[test]
    fn idle_soaking_stops_at_a_full_baseline_and_never_repeats_a_fail() {
        assert!(soak_again(Idle::Baseline, 4, 5, LastVerdict::Other));
        assert!(!soak_again(Idle::Baseline, 5, 5, LastVerdict::Other));
        assert!(!soak_again(Idle::Always, 0, 5, LastVerdict::Failed));
        assert!(!soak_again(Idle::Rest, 0, 5, LastVerdict::Other));
    }
}
