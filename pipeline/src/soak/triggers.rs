//! Which tags are soaked next: triggers, collapsing of waiting tags. Pure.

use crate::documents::landscape::Trigger;
use crate::documents::product::Bump;
use chrono::{DateTime, Utc};
use croner::Cron;
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};
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
///
/// Waiting tags collapse to the newest by version, whatever wanted it: a hotfix of an older line that waits beside a
/// newer tag is superseded, too; a person can still ask for it.
pub fn wishes(
    tags: &[Tag],
    triggers: &[Trigger],
    history: &dyn History,
    last_check: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Wish> {
    let tags = by_version(tags);
    let mut wished = due(&tags, triggers, history);
    if let Some(newest) = unsoaked_newest(&tags, history).filter(|t| wished.iter().all(|(w, _)| w.name != t.name)) {
        let due = triggers.iter().filter_map(|t| t.every.as_deref()).find(|line| fired(line, last_check, now));
        wished.extend(due.map(|line| (newest, format!("every: \"{line}\""))));
    }
    let waiting: Vec<&Tag> = tags.iter().copied().filter(|t| history.waiting(&t.name)).collect();
    let candidates = || waiting.iter().copied().chain(wished.iter().map(|(t, _)| *t));
    let mut out: Vec<Wish> =
        wished.iter().map(|(tag, rule)| Wish::Soak { tag: tag.name.clone(), rule: rule.clone() }).collect();
    if let Some(newest) = candidates().max_by(|a, b| a.version.cmp(&b.version)) {
        let older = candidates().filter(|t| t.version < newest.version);
        out.extend(older.map(|t| Wish::Supersede { tag: t.name.clone(), by: newest.name.clone() }));
    }
    out
}

fn by_version(tags: &[Tag]) -> Vec<&Tag> {
    let mut tags: Vec<&Tag> = tags.iter().collect();
    tags.sort_by(|a, b| a.version.cmp(&b.version));
    tags
}

/// Tags that a trigger other than the clock wants now, with the rule. `tags` oldest version first.
fn due<'a>(tags: &[&'a Tag], triggers: &[Trigger], history: &dyn History) -> Vec<(&'a Tag, String)> {
    let (mut last_soaked, mut patches) = (None, 0);
    let mut wanted = Vec::new();
    for tag in tags {
        patches += 1;
        let rule = if history.requested(&tag.name) { None } else { rule_for(tag, last_soaked, patches, triggers) };
        if history.requested(&tag.name) || rule.is_some() {
            (last_soaked, patches) = (Some(&tag.version), 0);
        }
        wanted.extend(rule.map(|rule| (*tag, rule)));
    }
    wanted
}

fn unsoaked_newest<'a>(tags: &[&'a Tag], history: &dyn History) -> Option<&'a Tag> {
    tags.last().copied().filter(|t| !history.requested(&t.name))
}

/// What the triggers say about one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is soaked, or was.
    Will,
    /// The clock will want it, as long as it is the newest.
    At(DateTime<Utc>),
    /// No trigger wants it.
    Never,
}

/// What the triggers say about every tag, by name; used by the gate (`not_scheduled`).
pub fn outlook(
    tags: &[Tag],
    triggers: &[Trigger],
    history: &dyn History,
    now: DateTime<Utc>,
) -> BTreeMap<String, Outlook> {
    let tags = by_version(tags);
    let due: BTreeSet<&str> = due(&tags, triggers, history).iter().map(|(t, _)| t.name.as_str()).collect();
    let newest = unsoaked_newest(&tags, history).map(|t| t.name.as_str());
    let clock = triggers.iter().filter_map(|t| next(t.every.as_deref()?, now)).min();
    let of = |tag: &Tag| match clock {
        _ if history.requested(&tag.name) || due.contains(tag.name.as_str()) => Outlook::Will,
        Some(at) if newest == Some(tag.name.as_str()) => Outlook::At(at),
        Some(_) | None => Outlook::Never,
    };
    tags.iter().map(|tag| (tag.name.clone(), of(tag))).collect()
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

fn next(line: &str, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Cron::from_str(line).ok()?.find_next_occurrence(&after, false).ok()
}

fn fired(line: &str, after: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    next(line, after).is_some_and(|next| next <= now)
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
    fn the_newest_is_the_highest_version_also_when_it_waits_already() {
        let patch = [Trigger { bump: Some(Bump::Patch), ..Trigger::default() }];
        let known = Known(vec!["v1.0.0", "v1.1.0"], vec!["v1.1.0"]);
        assert_eq!(
            soaked(&["v1.0.0", "v1.0.1", "v1.1.0"], &patch, &known),
            ["soak v1.0.1 by bump: patch", "supersede v1.0.1 by v1.1.0"]
        );
    }

    fn outlooks(tags_: &[&str], triggers: &[Trigger], known: &Known) -> Vec<Outlook> {
        let t = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single().expect("a date");
        let all = outlook(&tags(tags_), triggers, known, t);
        tags_.iter().map(|name| all[*name].clone()).collect()
    }

    #[test]
    fn the_outlook_counts_patches_as_the_wishes_do() {
        let two = [Trigger { patches: Some(2), ..Trigger::default() }];
        let known = Known(vec!["v1.0.0"], vec![]);
        assert_eq!(
            outlooks(&["v1.0.0", "v1.0.1", "v1.0.2"], &two, &known),
            [Outlook::Will, Outlook::Never, Outlook::Will]
        );
        assert_eq!(outlooks(&["v1.0.0", "v1.0.1"], &[], &known), [Outlook::Will, Outlook::Never]);
    }

    #[test]
    fn the_clock_promises_only_the_newest_tag() {
        let nightly = [Trigger { every: Some("0 2 * * *".into()), ..Trigger::default() }];
        let two = Utc.with_ymd_and_hms(2026, 1, 1, 2, 0, 0).single().expect("a date");
        assert_eq!(
            outlooks(&["v1.0.0", "v1.0.1", "v1.0.2"], &nightly, &Known(vec!["v1.0.0"], vec![])),
            [Outlook::Will, Outlook::Never, Outlook::At(two)]
        );
    }
}
