//! The experiment under construction.

use crate::document::{
    ApiVersion, Blast, Branch, Choose, Experiment, Hypothesis, Kind, Metadata, Repeat, Step, Target,
};
use crate::fault::Fault;
use crate::span::Span;
use std::collections::BTreeMap;

/// How long a fault holds when the source gives no time, in milliseconds.
pub(super) const HOLD_MS: u64 = 30_000;
/// How long recovery is watched when the source gives no time, in milliseconds.
pub(super) const REST_MS: u64 = 30_000;
/// Most steps of an imported experiment: sources that refer to their own parts can ask for any number.
const MAX_STEPS: usize = 200;
/// Why a key is left out whose faults came after the last step that is taken.
pub(super) const TOO_MANY: &str = "there are too many steps";
/// Longest name.
const MAX_NAME: usize = 80;

/// Targets and steps so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    targets: BTreeMap<String, Target>,
    steps: Vec<Step>,
    /// One sentence of the source about what should hold.
    pub title: Option<String>,
    /// How long the source allows for the recovery.
    pub recover_within: Option<Span>,
}

impl Draft {
    /// The key of a target in the document, made when it is new.
    pub fn target(&mut self, component: &str, choose: Choose) -> String {
        let target = Target { component: component.into(), choose };
        let name = |n: u32| if n == 1 { component.to_string() } else { format!("{component}-{n}") };
        let fits = |key: &String| self.targets.get(key).is_none_or(|known| *known == target);
        let key = (1..u32::MAX).map(name).find(fits).unwrap_or_else(|| component.to_string());
        self.targets.insert(key.clone(), target);
        key
    }

    /// Adds a step of faults that go in together. False: there are too many steps.
    #[must_use = "a step that is not taken needs a line in the report"]
    pub fn step(&mut self, faults: Vec<Fault>, hold: Span, rest: Span) -> bool {
        if self.steps.len() >= MAX_STEPS {
            return faults.is_empty();
        }
        let hold = if hold.ms() == 0 { Span::from_ms(HOLD_MS) } else { hold };
        let mut faults = faults;
        let step = match faults.len() {
            0 => return true,
            1 => Step { fault: faults.pop(), parallel: Vec::new(), ramp: BTreeMap::new(), hold, rest },
            _ => Step {
                fault: None,
                parallel: faults.into_iter().map(Branch::Fault).collect(),
                ramp: BTreeMap::new(),
                hold,
                rest,
            },
        };
        self.steps.push(step);
        true
    }

    /// Adds to the rest of the last step. False: there is no step yet.
    pub fn wait(&mut self, more: Span) -> bool {
        let Some(last) = self.steps.last_mut() else { return false };
        last.rest = Span::from_ms(last.rest.ms().saturating_add(more.ms()));
        true
    }

    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The steps since a mark taken with `steps`.
    pub fn take_from(&mut self, mark: usize) -> Vec<Step> {
        self.steps.split_off(mark.min(self.steps.len()))
    }

    /// The document; nothing when no step is left.
    pub fn build(mut self, name: &str) -> Option<Experiment> {
        let used = |key: &String| {
            let faults = self.steps.iter().flat_map(|step| step.faults(""));
            faults.into_iter().any(|(_, fault)| fault.target() == key)
        };
        let targets: BTreeMap<_, _> = self.targets.iter().filter(|(key, _)| used(key)).collect();
        let targets: BTreeMap<_, _> = targets.into_iter().map(|(key, target)| (key.clone(), target.clone())).collect();
        let first =
            self.steps.first()?.faults("").first().map(|(_, fault)| (fault.kind(), fault.target().to_string()))?;
        let title =
            self.title.take().unwrap_or_else(|| format!("the product holds while {} meets {}", first.1, first.0));
        let blast = blast(&self.steps, &targets);
        Some(Experiment {
            api_version: ApiVersion::V1,
            kind: Kind::Experiment,
            metadata: Metadata { name: legal_name(name), owners: Vec::new() },
            hypothesis: Hypothesis { title, signals: Vec::new(), recover_within: self.recover_within },
            targets,
            method: self.steps,
            guards: Vec::new(),
            blast,
            quiet: Vec::new(),
            repeat: Repeat::default(),
            seed: None,
        })
    }
}

/// Wide enough for what the source writes down as a number; a percentage may need more, and the plan says so.
fn blast(steps: &[Step], targets: &BTreeMap<String, Target>) -> Blast {
    let width = |step: &Step| -> u32 {
        let faults = step.faults("");
        let count = |fault: &Fault| targets.get(fault.target()).and_then(|target| target.choose.count).unwrap_or(1);
        faults.iter().map(|(_, fault)| count(fault)).fold(0, u32::saturating_add)
    };
    let duration = |step: &Step| step.hold.ms().saturating_add(step.rest.ms());
    let total = steps.iter().map(duration).fold(0, u64::saturating_add);
    let standard = Blast::default();
    Blast {
        max_targets: steps.iter().map(width).max().unwrap_or(1).max(standard.max_targets),
        max_duration: standard.max_duration.max(Span::from_ms(total)),
        ..standard
    }
}

/// The name without what a name must not hold.
pub(super) fn legal_name(name: &str) -> String {
    let legal = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let text: String = name.chars().take(MAX_NAME).map(legal).collect();
    let text = text.trim_matches('-');
    if text.is_empty() { "imported".into() } else { text.into() }
}
