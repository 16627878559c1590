//! Which evidence may go. Pure.
//!
//! Invariant: what a verdict that still counts, a soak that has not ended, or a baseline to come may ask for stays,
//! however old it is.

use crate::soak::Soak;
use crate::soak::baseline::{MAX_AGE_DAYS, Run};
use chrono::{DateTime, Duration, Utc};
use datasets::Entry;
use gate_api::facts::VerdictRecord;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// Its tag is deployed.
    Deployed,
    /// The next candidate may be judged against it.
    Baseline,
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
        } else {
            (now - entry.created < keep).then_some(Stays::Young)
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
    for verdict in known.verdicts {
        let counts = verdict.valid_until > now;
        let deployed = known.deployed.iter().any(|(product, tag)| *product == verdict.product && *tag == verdict.tag);
        let why = match (counts, deployed) {
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

#[cfg(test)]
mod tests;
