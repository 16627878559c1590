//! `programme.yaml`: what a soak of this product does.

use super::problem::Complaint;
use super::product::ApiVersion;
use super::quantity::{PerSecond, Percent, Span};
use schemars::JsonSchema;
use scorer::evidence::PhaseLabel;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Programme {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: ProgrammeKind,
    /// Name.
    pub metadata: ProgrammeMeta,
    /// Scrape interval; statistics count samples, never minutes.
    #[serde(default = "second")]
    pub interval: Span,
    /// Seed of every fault, fixed so that baseline and candidate meet the same injections.
    #[serde(default)]
    pub seed: u64,
    /// Load through all phases.
    #[serde(default)]
    pub load: Option<LoadOf>,
    /// Suites that run through all phases.
    #[serde(default)]
    pub suites: Vec<String>,
    /// Phases in order.
    pub phases: Vec<Phase>,
    /// When the soak is judged.
    #[serde(default)]
    pub looks: Looks,
    /// Once by so much may an insufficient soak go on.
    #[serde(default)]
    pub extend: Option<Extend>,
}

/// Kind `Programme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProgrammeKind {
    /// `Programme`.
    Programme,
}

/// Name of a programme.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProgrammeMeta {
    /// Name.
    pub name: String,
}

/// The load suite and its rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoadOf {
    /// Performance suite.
    pub suite: String,
    /// Rate; the suite's own when absent.
    #[serde(default)]
    pub rate: Option<PerSecond>,
}

/// A phase's own load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PhaseLoad {
    /// Rate.
    pub rate: PerSecond,
}

/// One phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Phase {
    /// Name; `warmup` is dropped before judging.
    pub name: String,
    /// Samples (not with experiments).
    #[serde(default)]
    pub samples: Option<u32>,
    /// Experiments, one after the other.
    #[serde(default)]
    pub experiments: Vec<String>,
    /// Injections of each experiment.
    #[serde(default)]
    pub repeat: Option<u32>,
    /// How long each fault is held.
    #[serde(default)]
    pub hold: Option<Span>,
    /// Rest after each fault.
    #[serde(default)]
    pub rest: Option<Span>,
    /// The phase's own load.
    #[serde(default)]
    pub load: Option<PhaseLoad>,
}

/// When the soak is judged: at `first` samples, then doubling, and at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Looks {
    /// Samples at the first look.
    #[schemars(range(min = 10))]
    pub first: u32,
}

impl Default for Looks {
    fn default() -> Self {
        Looks { first: 80 }
    }
}

/// The declared extension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Extend {
    /// Share of the programme.
    pub once: Percent,
}

fn second() -> Span {
    Span(Duration::from_secs(1))
}

/// The only extension that the looks of the method know: half of the programme.
const EXTENSION: Percent = Percent(0.5);

impl Phase {
    /// Label of the phase's samples; a phase with experiments is cut into `fault` and `recovery` windows as they come.
    pub fn label(&self) -> PhaseLabel {
        match self {
            Phase { name, .. } if name == "warmup" => PhaseLabel::Warmup,
            Phase { experiments, .. } if !experiments.is_empty() => PhaseLabel::Fault,
            Phase { load: Some(_), .. } => PhaseLabel::Load,
            _ => PhaseLabel::Steady,
        }
    }
}

impl Programme {
    /// The programme of a product that declares none.
    pub fn default_for(product: &str) -> Self {
        let phase = |name: &str, samples| Phase {
            name: name.into(),
            samples: Some(samples),
            experiments: vec![],
            repeat: None,
            hold: None,
            rest: None,
            load: None,
        };
        Programme {
            api_version: ApiVersion::V1,
            kind: ProgrammeKind::Programme,
            metadata: ProgrammeMeta { name: format!("{product}-default") },
            interval: second(),
            seed: 0,
            load: None,
            suites: vec![],
            phases: vec![phase("warmup", 20), phase("steady", 240)],
            looks: Looks::default(),
            extend: None,
        }
    }

    /// Samples of `steady` and `load` phases.
    pub fn samples(&self) -> usize {
        self.phases.iter().filter(|p| p.label().counts()).map(|p| p.samples.unwrap_or(0) as usize).sum()
    }

    /// Names of all experiments, each once, in order.
    pub fn experiments(&self) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for name in self.phases.iter().flat_map(|p| &p.experiments) {
            if !out.contains(&name.as_str()) {
                out.push(name);
            }
        }
        out
    }

    /// What the schema cannot say.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        for (i, p) in self.phases.iter().enumerate() {
            let key = |k: &str| format!("phases[{i}].{k}");
            match (p.samples, p.experiments.is_empty()) {
                (None, true) => out.push(Complaint::new(
                    key("samples"),
                    "",
                    format!("phase `{}` does not say how long it is", p.name),
                    "add `samples:` or `experiments:`",
                )),
                (Some(n), false) => out.push(Complaint::new(
                    key("samples"),
                    n,
                    "a phase with experiments is as long as they take",
                    "remove `samples:`",
                )),
                (Some(0), true) => {
                    out.push(Complaint::new(key("samples"), 0, "a phase of no samples", "give at least 1"))
                }
                _ => {}
            }
            for (k, given) in [("repeat", p.repeat.is_some()), ("hold", p.hold.is_some()), ("rest", p.rest.is_some())] {
                if given && p.experiments.is_empty() {
                    out.push(Complaint::new(
                        key(k),
                        "",
                        "belongs to a phase with experiments",
                        format!("remove `{k}:` or add `experiments:`"),
                    ));
                }
            }
            if p.load.is_some() && self.load.is_none() {
                out.push(Complaint::new(
                    key("load"),
                    "",
                    "there is no load to change",
                    "add `load: {suite: NAME, rate: 100/s}` to the programme",
                ));
            }
        }
        if self.samples() == 0 {
            out.push(Complaint::new(
                "phases",
                "",
                "no steady or load samples: nothing could be judged",
                "add a phase such as {name: steady, samples: 240}",
            ));
        }
        if self.interval.0 < Duration::from_millis(100) {
            out.push(Complaint::new("interval", self.interval, "is too short to scrape", "write 100ms or more"));
        }
        if let Some(e) = self.extend.as_ref().filter(|e| e.once != EXTENSION) {
            out.push(Complaint::new(
                "extend.once",
                e.once,
                "is not an extension that the method knows",
                "write \"50%\"",
            ));
        }
        out
    }
}
