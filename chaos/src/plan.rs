//! The plan: complete and immutable. The executor makes no choices.

mod check;
mod gantt;

pub use check::{Objection, check};

use crate::act::{Act, Hold};
use crate::digest;
use crate::document::{Choose, Experiment, Guard, Quiet, Until};
use crate::fault::Fault;
use crate::inventory::{Inventory, Place};
use crate::problem::Problem;
use crate::proxy::{EdgeName, draw};
use crate::span::Span;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a programme replaces in an experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Repetitions; without it `repeat.min`.
    pub repeat: Option<u32>,
    /// Hold of every step.
    pub hold: Option<Span>,
    /// Rest of every step.
    pub rest: Option<Span>,
}

/// What a fault occupies: two faults never share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resource {
    /// An edge.
    Edge(EdgeName),
    /// A process.
    Process {
        /// Component.
        component: String,
        /// Replica, from 0.
        replica: u32,
    },
    /// The folder of a component.
    Folder {
        /// Component.
        component: String,
    },
    /// The port of a component.
    Port {
        /// Component.
        component: String,
    },
    /// The wall clock of a component.
    Clock {
        /// Component.
        component: String,
    },
    /// The resolver that a component asks.
    Resolver {
        /// Component.
        component: String,
    },
    /// Something of the host that all components share.
    Host {
        /// Which.
        part: HostPart,
    },
}

/// What all components share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostPart {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Edge(edge) => write!(f, "{edge}"),
            Resource::Process { component, replica } => write!(f, "{component}[{replica}]"),
            Resource::Folder { component } => write!(f, "the folder of {component}"),
            Resource::Resolver { component } => write!(f, "the resolver of {component}"),
            Resource::Port { component } => write!(f, "the port of {component}"),
            Resource::Clock { component } => write!(f, "the clock of {component}"),
            Resource::Host { part: HostPart::Cpu } => write!(f, "the processors of the host"),
            Resource::Host { part: HostPart::Memory } => write!(f, "the memory of the host"),
        }
    }
}

/// Every decision about an experiment, taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Experiment name.
    pub experiment: String,
    /// One sentence of the hypothesis.
    pub title: String,
    /// Signals of the hypothesis.
    pub signals: Vec<String>,
    /// Limit of the recovery, milliseconds.
    pub recover_within_ms: Option<i64>,
    /// Guards, evaluated by whoever runs the plan.
    pub guards: Vec<Guard>,
    /// Limits.
    pub blast: crate::document::Blast,
    /// Times in which nothing is injected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<Quiet>,
    /// When to stop between repetitions.
    pub until: Option<Until>,
    /// Seed that every seed in here comes from.
    pub seed: u64,
    /// Repetitions in order.
    pub repetitions: Vec<Repetition>,
}

/// One pass through the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repetition {
    /// From 1.
    pub number: u32,
    /// Steps in order.
    pub steps: Vec<PlannedStep>,
}

/// Faults that are in together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Planned start after the start of the plan, milliseconds.
    pub at_ms: u64,
    /// Hold.
    pub hold: Span,
    /// Rest.
    pub rest: Span,
    /// Load suites beside the faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<String>,
    /// Faults.
    pub faults: Vec<PlannedFault>,
}

/// One fault on resolved resources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFault {
    /// Unique in the plan: `payments-slow#2/0.0` (repetition, step, fault).
    pub local_id: String,
    /// The fault with its parameters.
    pub fault: Fault,
    /// Component.
    pub component: String,
    /// Where its replicas have to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What it occupies.
    pub resources: Vec<Resource>,
    /// Seed of its draws.
    pub seed: u64,
    /// How it ends.
    pub undo: String,
}

impl PlannedStep {
    /// From the injection to the undo at the latest: components may take some time to act on faults.
    pub(crate) fn in_for(&self) -> Span {
        Span::from_ms(self.hold.ms() + patience_ms(self.faults.iter().map(|fault| &fault.fault)))
    }

    /// With the rest, milliseconds.
    fn lasts_ms(&self) -> u64 {
        self.in_for().ms() + self.rest.ms()
    }
}

/// How long it may take until every component is seen to act on its fault, milliseconds.
pub(crate) fn patience_ms<'f>(faults: impl Iterator<Item = &'f Fault>) -> u64 {
    faults.filter_map(|fault| Some(fault.seen()?.0.within.ms())).max().unwrap_or(0)
}

impl PlannedFault {
    /// The replicas that were chosen, by number.
    pub(crate) fn replicas(&self) -> Vec<usize> {
        let replica = |resource: &Resource| match resource {
            Resource::Process { replica, .. } => Some(*replica as usize),
            _ => None,
        };
        self.resources.iter().filter_map(replica).collect()
    }
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The document has problems.
    #[error("failed to plan `{experiment}`: {} problems in the document", problems.len())]
    Document {
        /// Experiment name.
        experiment: String,
        /// All of them.
        problems: Vec<Problem>,
    },
}

/// Resolves an experiment against an inventory. Equal arguments give equal plans.
///
/// # Errors
/// The document has problems; what the inventory does not know is left to [`check`].
pub fn build(experiment: &Experiment, inventory: &Inventory, over: Overrides, seed: u64) -> Result<Plan, PlanError> {
    let problems = experiment.problems(None);
    if !problems.is_empty() {
        return Err(PlanError::Document { experiment: experiment.metadata.name.clone(), problems });
    }
    let mut at_ms = 0;
    let mut number_of_fault = 0;
    let mut repetitions = Vec::new();
    for number in 1..=over.repeat.unwrap_or(experiment.repeat.min) {
        let mut steps = Vec::new();
        for step in &experiment.method {
            let (hold, rest) = (over.hold.unwrap_or(step.hold), over.rest.unwrap_or(step.rest));
            // The problems of a ramp were told above.
            let rungs = step.rungs("").unwrap_or_default();
            let doses: Vec<Vec<&Fault>> = match rungs.as_slice() {
                [] => vec![step.faults("").into_iter().map(|(_, fault)| fault).collect()],
                rungs => rungs.iter().map(|(_, fault)| vec![fault]).collect(),
            };
            for dose in doses {
                let mut faults = Vec::new();
                for (f, fault) in dose.into_iter().enumerate() {
                    let local_id = format!("{}#{number}/{}.{f}", experiment.metadata.name, steps.len());
                    let seed = derive(seed, number_of_fault);
                    number_of_fault += 1;
                    faults.push(resolve(experiment, inventory, fault, (local_id, seed)));
                }
                let loads = step.loads("").into_iter().map(|(_, load)| load.suite.clone()).collect();
                let step = PlannedStep { at_ms, hold, rest, loads, faults };
                at_ms += step.lasts_ms();
                steps.push(step);
            }
        }
        repetitions.push(Repetition { number, steps });
    }
    Ok(Plan {
        experiment: experiment.metadata.name.clone(),
        title: experiment.hypothesis.title.clone(),
        signals: experiment.hypothesis.signals.clone(),
        recover_within_ms: experiment.hypothesis.recover_within.map(|span| span.ms() as i64),
        guards: experiment.guards.clone(),
        blast: experiment.blast.clone(),
        quiet: experiment.quiet.clone(),
        until: experiment.repeat.until,
        seed,
        repetitions,
    })
}

/// Seed number `n` below `seed`, within 53 bits so that JSON keeps it exactly.
fn derive(seed: u64, n: u64) -> u64 {
    (draw(seed, n) * (1u64 << 53) as f64) as u64
}

fn resolve(
    experiment: &Experiment,
    inventory: &Inventory,
    fault: &Fault,
    (local_id, seed): (String, u64),
) -> PlannedFault {
    let target = &experiment.targets[fault.target()];
    let component = target.component.clone();
    let place = target.choose.place();
    let chosen = || {
        let process = |replica| Resource::Process { component: component.clone(), replica };
        choose(&target.choose, inventory, &component, seed).into_iter().map(process).collect()
    };
    let resources = match fault.act() {
        Act::Edge(_) | Act::Held(Hold::Packets(_)) => {
            inventory.edges_to(fault.from(), &component).into_iter().map(Resource::Edge).collect()
        }
        Act::Signal(_) | Act::Held(Hold::Pause | Hold::Threads(_) | Hold::Fds { .. }) => chosen(),
        Act::Held(Hold::Cpu { .. }) => vec![Resource::Host { part: HostPart::Cpu }],
        Act::Held(Hold::Memory { .. }) => vec![Resource::Host { part: HostPart::Memory }],
        Act::Held(
            Hold::Io { .. }
            | Hold::Disk { .. }
            | Hold::Inodes { .. }
            | Hold::File { .. }
            | Hold::Toggle(_)
            | Hold::Files(_),
        ) => {
            vec![Resource::Folder { component: component.clone() }]
        }
        Act::Held(Hold::Clock { .. }) => vec![Resource::Clock { component: component.clone() }],
        Act::Held(Hold::Names(_)) => vec![Resource::Resolver { component: component.clone() }],
        Act::Held(Hold::Connections { .. }) => vec![Resource::Port { component: component.clone() }],
    };
    let undo = fault.declaration().undo.to_string();
    PlannedFault { local_id, fault: fault.clone(), component, place, resources, seed, undo }
}

/// A seeded choice without repetition. A count beyond the replicas is kept, so that the checker objects to it.
fn choose(choose: &Choose, inventory: &Inventory, component: &str, seed: u64) -> BTreeSet<u32> {
    let mut pool = inventory.replicas(component, choose.place().as_ref());
    let there = u32::try_from(pool.len()).unwrap_or(u32::MAX);
    let wanted = match choose {
        Choose { percent: Some(percent), .. } => (there * u32::from(*percent)).div_ceil(100),
        Choose { count, .. } => count.unwrap_or(1),
    };
    if wanted > there {
        // One that is not there is enough for the checker to object to.
        let beyond = inventory.components.get(component).copied().unwrap_or(0);
        return pool.into_iter().chain([beyond]).collect();
    }
    let take = |n| pool.swap_remove((draw(seed, u64::from(n)) * pool.len() as f64) as usize);
    (0..wanted).map(take).collect()
}

impl Plan {
    /// SHA-256 (hex) of the plan's canonical JSON: equal plans, equal hashes, on any machine.
    pub fn hash(&self) -> String {
        let value = serde_json::to_value(self).expect("a plan is plain data");
        digest::hex(canonical(&value))
    }

    /// Planned duration, milliseconds; less when components are seen sooner to act on faults than they have to be.
    pub fn duration_ms(&self) -> u64 {
        let steps = self.repetitions.iter().flat_map(|repetition| &repetition.steps);
        steps.map(PlannedStep::lasts_ms).sum()
    }

    /// The timeline as text, with doses, resources and the undo of each step.
    pub fn gantt(&self) -> String {
        gantt::draw(self)
    }
}

/// JSON with sorted keys, whatever order the map type keeps.
fn canonical(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            let pair = |(key, value): (&&String, &&serde_json::Value)| {
                format!("{}:{}", serde_json::Value::from(key.as_str()), canonical(value))
            };
            format!("{{{}}}", sorted.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
