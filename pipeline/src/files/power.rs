//! What a soak of some length would find, from baseline runs in files.

use super::labelled::FEWEST;
use super::terms::Terms;
use scorer::Evidence;
use scorer::assess::{Assessment, Ended, PROVISIONAL_BELOW, Reference, elapsed, formed, metrics_of};
use scorer::power::{Findable, Plan};
use scorer::quantity::Unit;
use scorer::signal::Worse;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What soaks of one length find.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Length {
    /// Samples of the soak.
    pub samples: usize,
    /// Its length in seconds.
    pub seconds: f64,
    /// Baseline runs that some metric has enough samples in.
    pub baseline_runs: usize,
    /// Whether it is too short to be judged at all.
    pub too_short: bool,
    /// Per metric.
    pub metrics: Vec<Row>,
}

/// What a soak finds of one metric.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The numbers.
    #[serde(flatten)]
    pub found: Findable,
    /// The change as a share of the level.
    pub relative: Option<f64>,
    /// Unit of level, change and margin.
    pub unit: String,
    /// What the numbers do not rest on: runs that lack the metric, or why there are no numbers.
    pub note: Option<String>,
}

/// What baseline runs say of every asked length, in samples. A row depends on the runs, not on the order of files.
pub fn lengths(terms: &Terms, asked: &[usize]) -> Vec<Length> {
    let Terms { baselines, signals, policy, interval_ms, .. } = terms;
    let stand_in = stand_in(baselines);
    let runs: Vec<&Evidence> = baselines.iter().collect();
    let formed = metrics_of(&Assessment {
        candidate: &stand_in,
        reference: Reference::Runs(&runs),
        signals,
        policy,
        look: policy.programme,
        ended: Ended::Programme,
        experiments: &[],
        suites: &[],
    });
    let plan = Plan::new(&formed.gate, &formed.watch, policy);
    let notes = notes(terms);
    let baseline_runs = formed.gate.iter().chain(&formed.watch).map(|m| m.baselines.len()).max().unwrap_or(0);
    let judged: BTreeSet<&str> = formed.gate.iter().chain(&formed.watch).map(|m| m.name.as_str()).collect();
    let one = |samples: &usize| {
        let too_short = *samples < FEWEST || policy.programme < FEWEST;
        // Below that the judge fails nobody, whatever the numbers say.
        let blind = too_short || baseline_runs < PROVISIONAL_BELOW;
        let row = |(mut found, unit): (Findable, &Unit)| {
            found.change = found.change.filter(|_| !blind);
            let note = notes.get(&found.metric).cloned().flatten();
            Row { relative: found.relative(), unit: unit.name().to_owned(), note, found }
        };
        let mut metrics: Vec<Row> = plan.findable(*samples).into_iter().zip(&formed.units).map(row).collect();
        let others = notes.iter().filter(|(name, _)| !judged.contains(name.as_str()));
        metrics.extend(others.map(|(name, note)| not_judged(name, note.clone(), *samples)));
        let seconds = *samples as f64 * *interval_ms as f64 / 1000.0;
        Length { samples: *samples, seconds, baseline_runs, too_short, metrics }
    };
    asked.iter().map(one).collect()
}

fn not_judged(metric: &str, note: Option<String>, samples: usize) -> Row {
    let found = Findable {
        metric: metric.to_owned(),
        worse: Worse::Either,
        samples,
        change: None,
        level: f64::NAN,
        margin: f64::NAN,
        longer_helps: false,
    };
    Row { found, relative: None, unit: String::new(), note }
}

/// A run of another tag that has every metric that any run has, which is all that a candidate has to be here: the
/// longest run, and what it lacks from the others, at the same place of the programme.
fn stand_in(baselines: &[Evidence]) -> Evidence {
    let longest = baselines.iter().min_by_key(|run| Reverse(elapsed(run)));
    let mut stand_in = longest.cloned().unwrap_or_default();
    stand_in.subject.tag = "planned".to_owned();
    let start_ms = |run: &Evidence| run.phases.first().map_or(0, |phase| phase.start_ms);
    let key = |series: &scorer::RawSeries| (series.name.clone(), series.labels.clone());
    let there = |series: &scorer::RawSeries| series.values.iter().any(|v| v.is_finite());
    stand_in.series.retain(there);
    let mut known: BTreeSet<_> = stand_in.series.iter().map(key).collect();
    for run in baselines {
        let shift = start_ms(&stand_in) - start_ms(run);
        for series in run.series.iter().filter(|series| there(series)) {
            if known.insert(key(series)) {
                let mut own = series.clone();
                own.times_ms.iter_mut().for_each(|time| *time += shift);
                stand_in.series.push(own);
            }
        }
    }
    stand_in
}

/// What is to be said of every metric of the signals: which runs lack it.
fn notes(terms: &Terms) -> BTreeMap<String, Option<String>> {
    let Terms { baselines, signals, policy, names, .. } = terms;
    let mut having: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut silent: BTreeSet<&str> = signals.iter().map(|s| s.name.as_str()).collect();
    for (run, evidence) in baselines.iter().enumerate() {
        for (signal, metric) in formed(signals, evidence) {
            silent.remove(signal.name.as_str());
            let runs = having.entry(metric.name.clone()).or_default();
            if metric.present(policy.programme) as f64 >= policy.coverage * policy.programme as f64 {
                runs.insert(run);
            }
        }
    }
    having.extend(silent.into_iter().map(|name| (name.to_owned(), BTreeSet::new())));
    let note = |runs: &BTreeSet<usize>| {
        let lacking: Vec<&str> =
            (0..names.len()).filter(|run| !runs.contains(run)).map(|i| names[i].as_str()).collect();
        let few = format!("{:.0} % of {} samples", policy.coverage * 100.0, policy.programme);
        match (runs.len(), lacking.len()) {
            (_, 0) => None,
            (0, _) => Some(format!("not judged: no baseline run has {few} of it")),
            (n, _) => Some(format!("from {n} of {} runs: {} without {few} of it", names.len(), lacking.join(", "))),
        }
    };
    having.into_iter().map(|(name, runs)| (name, note(&runs))).collect()
}
