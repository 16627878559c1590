//! Which evidence may go. Pure.
//!
//! Invariant: what a verdict that still counts, a soak that has not ended, or a baseline to come may ask for stays,
//! however old it is.

use crate::soak::Soak;
use crate::soak::baseline::{MAX_AGE_DAYS, Run};
use chrono::{DateTime, Duration, Utc};
use datasets::{Digest, Entry};
use gate_api::facts::VerdictRecord;
use scorer::Verdict;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the stores know.
pub struct Known<'a> {
    /// Every soak.
    pub soaks: &'a [Soak],
    /// Every baseline run.
    pub runs: &'a [Run],
    /// Every verdict.
    pub verdicts: &'a [VerdictRecord],
    /// Product and tag of what is deployed now.
    pub deployed: &'a [(String, String)],
    /// Evidence that the bucket of the settings is not known to have; empty without a bucket.
    pub not_copied: &'a BTreeSet<Digest>,
}

/// Why evidence stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Stays {
    /// It is younger than the policy asks for.
    Young,
    /// Its soak has not ended.
    Running,
    /// A soak that has not ended is judged against it.
    BaselineOf {
        /// That soak.
        soak: String,
    },
    /// A pass that counts until then is bound to it.
    Verdict {
        /// Soak of the verdict.
        soak: String,
        /// Its end.
        until: DateTime<Utc>,
    },
    /// It is the evidence of a fail by which the gate denies the tag.
    Fail {
        /// Soak of the verdict.
        soak: String,
    },
    /// Its tag is deployed.
    Deployed,
    /// The next candidate may be judged against it.
    Baseline,
    /// The bucket is not known to have it: this may be the only copy.
    NotCopied,
}

impl Stays {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Stays::Young => "young".into(),
            Stays::Running => "its soak has not ended".into(),
            Stays::BaselineOf { soak } => format!("soak {soak} is judged against it"),
            Stays::Verdict { soak, until } => {
                format!("the pass of soak {soak} counts until {}", until.format("%Y-%m-%d"))
            }
            Stays::Fail { soak } => format!("the gate denies its tag by the fail of soak {soak}"),
            Stays::NotCopied => "the bucket does not have it yet".into(),
            Stays::Deployed => "its tag is deployed".into(),
            Stays::Baseline => "a baseline run".into(),
        }
    }
}

/// Each entry with why it stays; none for what may go.
pub fn sort(entries: Vec<Entry>, known: &Known<'_>, keep: Duration, now: DateTime<Utc>) -> Vec<(Entry, Option<Stays>)> {
    let bound = bound(known, now);
    let why = |entry: &Entry| {
        let digest = entry.digest.to_string();
        let own = known.soaks.iter().find(|soak| soak.id.as_str() == entry.subject.soak);
        if own.is_some_and(|soak| !soak.ended()) {
            Some(Stays::Running)
        } else if let Some(why) = bound.get(&digest) {
            Some(why.clone())
        } else if now - entry.created < keep {
            Some(Stays::Young)
        } else {
            known.not_copied.contains(&entry.digest).then_some(Stays::NotCopied)
        }
    };
    entries.into_iter().map(|entry| (why(&entry), entry)).map(|(why, entry)| (entry, why)).collect()
}

/// Digests that something is bound to. The weightiest reason stands.
fn bound(known: &Known<'_>, now: DateTime<Utc>) -> BTreeMap<String, Stays> {
    let mut bound = BTreeMap::new();
    let mut bind = |digest: &str, why: &Stays| {
        bound.entry(digest.trim_start_matches("sha256:").to_owned()).or_insert_with(|| why.clone());
    };
    let plan = |soak: &Soak| soak.plan.iter().flat_map(|plan| plan.baseline.clone()).collect::<Vec<_>>();
    for soak in known.soaks.iter().filter(|soak| !soak.ended()) {
        let why = Stays::BaselineOf { soak: soak.id.to_string() };
        plan(soak).iter().for_each(|run| bind(&run.evidence, &why));
    }
    let fails = standing_fails(known.verdicts);
    for verdict in known.verdicts {
        let counts = verdict.valid_until > now;
        let deployed = known.deployed.iter().any(|(product, tag)| *product == verdict.product && *tag == verdict.tag);
        let why = match (counts, deployed) {
            // A fail has no end: the gate denies by it until the tag is judged again.
            _ if fails.contains(verdict.soak.as_str()) => Stays::Fail { soak: verdict.soak.clone() },
            (true, _) => Stays::Verdict { soak: verdict.soak.clone(), until: verdict.valid_until },
            (false, true) => Stays::Deployed,
            (false, false) => continue,
        };
        verdict.evidence.iter().for_each(|evidence| bind(&evidence.digest, &why));
        // It could not be replayed without what it was judged against.
        let own = known.soaks.iter().find(|soak| soak.id.as_str() == verdict.soak);
        own.map(plan).into_iter().flatten().for_each(|run| bind(&run.evidence, &why));
    }
    let fits = |run: &&Run| now - run.ended_at <= Duration::days(MAX_AGE_DAYS);
    known.runs.iter().filter(fits).for_each(|run| bind(&run.evidence, &Stays::Baseline));
    bound
}

/// Soaks whose fail is the last word on a tag in a landscape: nothing that passed or failed came after it.
fn standing_fails(verdicts: &[VerdictRecord]) -> BTreeSet<&str> {
    let mut last: BTreeMap<(&str, &str, &str, &str), &VerdictRecord> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|v| matches!(v.judgement.verdict, Verdict::Pass | Verdict::Fail)) {
        let of = (verdict.product.as_str(), verdict.landscape.as_str(), verdict.tag.as_str(), verdict.commit.as_str());
        let newest = last.entry(of).or_insert(verdict);
        if newest.evaluated_at <= verdict.evaluated_at {
            *newest = verdict;
        }
    }
    let fails = last.into_values().filter(|verdict| verdict.judgement.verdict == Verdict::Fail);
    fails.map(|verdict| verdict.soak.as_str()).collect()
}

#[cfg(test)]
mod tests;
