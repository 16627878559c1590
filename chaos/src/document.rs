//! The experiment document.

mod quiet;
mod ramp;
mod scale;
mod target;

pub use quiet::{Day, Quiet, TimeOfDay};
pub use scale::Scale;
pub use target::{Choose, Target};

use crate::fault::Fault;
use crate::inventory::Inventory;
use crate::plan::patience_ms;
use crate::problem::Problem;
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most repetitions of an experiment: a day of one-minute faults.
pub const MAX_REPETITIONS: u32 = 1_000;

/// Version of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The version that this build reads.
    #[serde(rename = "mettle/v1")]
    V1,
}

/// Kind of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// An experiment.
    Experiment,
}

/// What is done to which component, why, and within which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Experiment {
    /// `mettle/v1`.
    pub api_version: ApiVersion,
    /// `Experiment`.
    pub kind: Kind,
    /// Name and owners.
    pub metadata: Metadata,
    /// What is expected to hold.
    pub hypothesis: Hypothesis,
    /// What faults act on, by a name that the method uses.
    pub targets: BTreeMap<String, Target>,
    /// Steps, one after the other.
    pub method: Vec<Step>,
    /// When to end the experiment early.
    #[serde(default)]
    pub guards: Vec<Guard>,
    /// How much may be hurt.
    #[serde(default)]
    pub blast: Blast,
    /// Times in which nothing is injected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<Quiet>,
    /// How often.
    #[serde(default)]
    pub repeat: Repeat,
    /// Seed of every draw; drawn and printed when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Name and owners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Name, unique in the product.
    pub name: String,
    /// Who answers for it.
    #[serde(default)]
    pub owners: Vec<String>,
}

/// What is expected to hold; judged by the scorer, in phases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Hypothesis {
    /// One sentence.
    pub title: String,
    /// Signals that show it.
    #[serde(default)]
    pub signals: Vec<String>,
    /// Limit of the recovery after the undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_within: Option<Span>,
}

/// One step: a fault, or several at once, held and followed by a rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// The fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Several faults at once, with load beside them if need be, instead of `fault`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parallel: Vec<Branch>,
    /// Doses of one parameter of `fault`, one injection after the other, each with its hold and rest:
    /// `{delay: [25ms, 50ms, 100ms]}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ramp: BTreeMap<String, Vec<serde_json::Value>>,
    /// How long the fault stays in.
    pub hold: Span,
    /// How long recovery is watched afterwards.
    pub rest: Span,
}

/// One of several things at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Branch {
    /// A fault.
    Fault(Fault),
    /// Load beside the faults.
    Load(Load),
}

/// A load suite of the product, beside the faults of a step. It starts right before they go in, so that they are felt
/// under load from the first moment, and stops when their hold is over or something ends it early. A signal that only its
/// requests move has no value in the rest, and does not recover there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Load {
    /// Name of a performance suite of the product.
    pub suite: String,
}

impl Step {
    /// The faults of the step with their paths below `key`.
    pub fn faults<'s>(&'s self, key: &str) -> Vec<(String, &'s Fault)> {
        let alone = self.fault.iter().map(|fault| (format!("{key}.fault"), fault));
        let branch = |(n, branch): (usize, &'s Branch)| match branch {
            Branch::Fault(fault) => Some((format!("{key}.parallel[{n}].fault"), fault)),
            Branch::Load(_) => None,
        };
        alone.chain(self.parallel.iter().enumerate().filter_map(branch)).collect()
    }

    /// The loads of the step with their paths below `key`.
    pub fn loads<'s>(&'s self, key: &str) -> Vec<(String, &'s Load)> {
        let branch = |(n, branch): (usize, &'s Branch)| match branch {
            Branch::Load(load) => Some((format!("{key}.parallel[{n}].load"), load)),
            Branch::Fault(_) => None,
        };
        self.parallel.iter().enumerate().filter_map(branch).collect()
    }

    fn load_problems(&self, key: &str, problems: &mut Vec<Problem>) {
        let loads = self.loads(key);
        if self.faults(key).is_empty() && !loads.is_empty() {
            let remedy = "write at least one fault beside it; the programme has load of its own";
            problems.push(Problem::new(format!("{key}.parallel"), "", "has load and no fault", remedy));
        }
        for (n, (key, load)) in loads.iter().enumerate() {
            if loads[..n].iter().any(|(_, before)| before.suite == load.suite) {
                let key = format!("{key}.suite");
                problems.push(Problem::new(key, &load.suite, "is loaded twice at once", "remove one of them"));
            }
        }
    }
}

/// What a tripped guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// Undo, and end this experiment.
    Abort,
}

/// Ends the experiment when a signal stays beyond a limit. Exactly one of `below` and `above`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Guard {
    /// Signal name.
    pub signal: String,
    /// Trips below this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Trips above this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// For how long without a break.
    #[serde(rename = "for")]
    pub for_: Span,
    /// What happens.
    pub then: Then,
}

/// How much may be hurt at any moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Blast {
    /// Targets under fault at once: killed replicas, and components whose edges are hurt.
    pub max_targets: u32,
    /// Replicas of each component that a kill must leave.
    pub keep_healthy: u32,
    /// Longest duration of the whole experiment, all repetitions included.
    pub max_duration: Span,
    /// Components that no fault may touch.
    pub forbid: Vec<String>,
}

impl Default for Blast {
    fn default() -> Self {
        Self { max_targets: 1, keep_healthy: 1, max_duration: Span::from_ms(600_000), forbid: Vec::new() }
    }
}

/// Fewest repetitions that decide a hypothesis.
pub const LEAST_UNTIL_DECIDED: u32 = 3;

/// When to stop repeating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// When the hypothesis is decided: under the fault at most 10 percentage points more of the events of its signals
    /// are bad than without it, or more than that; and, with `recoverWithin`, most repetitions recover in time, or do
    /// not. After `min` repetitions at the earliest, three if that is less; at
    /// `max` at the latest, and no more often than fits into `blast.maxDuration`.
    Decided,
}

/// How often an experiment repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Repeat {
    /// At least; without `until`, and in a soak, exactly, unless the programme or the command says otherwise.
    pub min: u32,
    /// At most.
    pub max: u32,
    /// When to stop in between; in a soak the judge decides with everything else, and `min` repetitions are run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
}

impl Default for Repeat {
    fn default() -> Self {
        Self { min: 1, max: MAX_REPETITIONS, until: None }
    }
}

impl Repeat {
    /// Fewest repetitions of an experiment that ends when it is decided.
    pub fn least_until_decided(&self) -> u32 {
        self.min.max(LEAST_UNTIL_DECIDED)
    }
}

impl Experiment {
    /// Most repetitions of an experiment that ends when it is decided: as many as fit into the longest duration, never
    /// fewer than decide. `None` when it does not end so.
    pub fn most_until_decided(&self) -> Option<u32> {
        self.repeat.until?;
        let (least, max) = (self.repeat.least_until_decided(), self.repeat.max);
        let doses = |step: &Step| step.ramp.values().next().map_or(1, |doses| doses.len().max(1) as u64);
        let patience = |step: &Step| patience_ms(step.faults("").into_iter().map(|(_, fault)| fault));
        let lasts = |step: &Step| (patience(step) + step.hold.ms() + step.rest.ms()) * doses(step);
        let one: u64 = self.method.iter().map(lasts).sum();
        let fit = u32::try_from(self.blast.max_duration.ms() / one.max(1)).unwrap_or(u32::MAX);
        Some(fit.clamp(least, max.max(least)))
    }

    /// What a schema cannot say; with an inventory also names that it does not know.
    pub fn problems(&self, inventory: Option<&Inventory>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.metadata.name.is_empty() || self.metadata.name.contains(['/', '#']) {
            let remedy = "write a name of letters, digits and dashes";
            problems.push(Problem::new("metadata.name", &self.metadata.name, "not a name", remedy));
        }
        self.target_problems(inventory, &mut problems);
        self.method_problems(inventory, &mut problems);
        for (n, guard) in self.guards.iter().enumerate() {
            if guard.below.is_some() == guard.above.is_some() {
                let (key, remedy) = (format!("guards[{n}]"), "write exactly one of `below` and `above`");
                problems.push(Problem::new(key, &guard.signal, "has no single limit", remedy));
            }
        }
        let Repeat { min, max, until } = self.repeat;
        if min == 0 || max < min || max > MAX_REPETITIONS {
            let remedy = format!("write 1 <= min <= max <= {MAX_REPETITIONS}");
            problems.push(Problem::new("repeat", format!("{min}..{max}"), "not a range of repetitions", remedy));
        }
        if until.is_some() && max < LEAST_UNTIL_DECIDED {
            let remedy = format!("write {LEAST_UNTIL_DECIDED} or more");
            problems.push(Problem::new("repeat.max", max, "too few repetitions to decide by", remedy));
        }
        problems
    }

    fn method_problems(&self, inventory: Option<&Inventory>, problems: &mut Vec<Problem>) {
        if self.method.is_empty() {
            problems.push(Problem::new("method", "[]", "has no step", "write at least one fault with hold and rest"));
        }
        for (n, step) in self.method.iter().enumerate() {
            let key = format!("method[{n}]");
            if step.fault.is_some() != step.parallel.is_empty() {
                let remedy = "write exactly one of `fault` and `parallel`";
                problems.push(Problem::new(&key, "", "has no single way to start", remedy));
            }
            if step.hold.ms() == 0 {
                problems.push(Problem::new(format!("{key}.hold"), step.hold, "holds nothing", "write \"10s\" or more"));
            }
            problems.extend(step.rungs(&key).err().unwrap_or_default());
            step.load_problems(&key, problems);
            for (key, fault) in step.faults(&key) {
                problems.extend(fault.problems(&key));
                let Some(target) = self.targets.get(fault.target()) else {
                    let remedy = format!("known: {}", names(self.targets.keys()));
                    problems.push(Problem::new(format!("{key}.target"), fault.target(), "unknown target", remedy));
                    continue;
                };
                if let Some(place) = target.choose.place().filter(|_| !fault.act().chooses_replicas()) {
                    let message = format!("{} acts on the whole component, not on replicas in {place}", fault.kind());
                    let remedy = "name a target without zone and labels";
                    problems.push(Problem::new(format!("{key}.target"), fault.target(), &message, remedy));
                }
                if let (Some(inventory), Some(from)) = (inventory, fault.from())
                    && inventory.edges_to(Some(from), &target.component).is_empty()
                {
                    let callers: Vec<_> = inventory.edges_to(None, &target.component);
                    let remedy = format!("known: {}", names(callers.iter().map(|edge| &edge.from)));
                    problems.push(Problem::new(format!("{key}.from"), from, "does not call the target", remedy));
                }
            }
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}
