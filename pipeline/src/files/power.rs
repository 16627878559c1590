//! What a soak of some length would find, from baseline runs in files.

use super::terms::Terms;
use scorer::Evidence;
use scorer::assess::{Assessment, Ended, Reference, metrics_of};
use scorer::power::{Findable, Plan};
use scorer::quantity::Unit;
use serde::Serialize;

/// What soaks of one length find.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Length {
    /// Samples of the soak.
    pub samples: usize,
    /// Its length in seconds.
    pub seconds: f64,
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
}

/// What baseline runs say of every asked length, in samples.
pub fn lengths(terms: &Terms, asked: &[usize]) -> Vec<Length> {
    let Terms { baselines, signals, policy, interval_ms } = terms;
    // A run of another tag, which is all that a candidate has to be here.
    let mut stand_in = baselines[0].clone();
    stand_in.subject.tag = "planned".to_owned();
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
    let row =
        |(found, unit): (Findable, &Unit)| Row { relative: found.relative(), unit: unit.name().to_owned(), found };
    let one = |samples: &usize| Length {
        samples: *samples,
        seconds: *samples as f64 * *interval_ms as f64 / 1000.0,
        metrics: plan.findable(*samples).into_iter().zip(&formed.units).map(row).collect(),
    };
    asked.iter().map(one).collect()
}
