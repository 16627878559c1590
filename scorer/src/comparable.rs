//! Whether two soaks may be compared at all.
//!
//! Versions differ by intent; programme, interval, topology, resources, toggles and load must not. What is not known on
//! one side differs from what is known on the other.

use crate::evidence::Context;
use std::collections::{BTreeMap, BTreeSet};

/// Largest relative difference of the achieved load.
pub const LOAD_TOLERANCE: f64 = 0.10;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What: `programme`, `interval`, `topology`, `resources.cores`, `toggles.new-tax`, `load`, `load_valid`.
    pub what: String,
    /// In the candidate.
    pub candidate: String,
    /// In the baseline.
    pub baseline: String,
}

/// Everything in which a baseline run differs from the candidate. Empty: comparable.
pub fn differences(candidate: &Context, baseline: &Context) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |what: &str, a: String, b: String| {
        if a != b {
            found.push(Difference { what: what.to_owned(), candidate: a, baseline: b });
        }
    };
    compare("programme", known(&candidate.programme), known(&baseline.programme));
    compare("interval", format!("{} ms", candidate.interval_ms), format!("{} ms", baseline.interval_ms));
    compare("topology", sorted(&candidate.topology), sorted(&baseline.topology));
    for (group, a, b) in
        [("resources", &candidate.resources, &baseline.resources), ("toggles", &candidate.toggles, &baseline.toggles)]
    {
        for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
            compare(&format!("{group}.{key}"), value(a, key), value(b, key));
        }
    }
    found.extend(load_difference(candidate, baseline));
    found.extend(load_problem(baseline).map(|seen| Difference {
        what: "load_valid".to_owned(),
        candidate: load_problem(candidate).unwrap_or("valid").to_owned(),
        baseline: seen.to_owned(),
    }));
    found
}

/// Why the load of one soak proves nothing; `None`: it was kept, or there was no load engine.
pub fn load_problem(context: &Context) -> Option<&'static str> {
    match (context.load_per_s, context.load_valid) {
        (_, Some(false)) => Some("the load generator was late"),
        (Some(_), None) => Some("nobody knows whether the load generator was on time"),
        (Some(load), Some(true)) if !(load.is_finite() && load > 0.0) => Some("no load arrived"),
        (None, Some(true)) => Some("the achieved load was not recorded"),
        _ => None,
    }
}

/// Whether the load generator is known to have been late: what it measured proves nothing in either direction.
pub fn load_was_late(context: &Context) -> bool {
    context.load_valid == Some(false)
}

fn load_difference(candidate: &Context, baseline: &Context) -> Option<Difference> {
    let text = |load: Option<f64>| load.map_or("none".to_owned(), |load| format!("{load:.1}/s"));
    let same = match (candidate.load_per_s, baseline.load_per_s) {
        (None, None) => true,
        // Written so that NaN differs.
        (Some(a), Some(b)) => (a - b).abs() <= LOAD_TOLERANCE * b.abs(),
        _ => false,
    };
    (!same).then(|| Difference {
        what: "load".to_owned(),
        candidate: text(candidate.load_per_s),
        baseline: text(baseline.load_per_s),
    })
}

fn known(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

fn sorted(names: &[String]) -> String {
    names.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn value(map: &BTreeMap<String, String>, key: &str) -> String {
    map.get(key).cloned().unwrap_or_else(|| "absent".to_owned())
}
