//! What is worth trying on a landscape: faults on the dependencies of its components, from the call graph.

use crate::fault::Fault;
use crate::inventory::Inventory;
use crate::proxy::EdgeName;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// A fault whose dose can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Who suffers, and who calls it; a fault on a process has no caller.
    pub target: String,
    /// The caller.
    pub from: Option<String>,
    /// What is done.
    pub dose: Dose,
}

/// The dose of a candidate: what can be more or less of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dose {
    /// `net.delay`: milliseconds.
    Delay,
    /// `http.abort` with 503: share of the requests.
    Abort,
    /// `net.reset`: share of the connections.
    Reset,
    /// `process.pause`: there is only all or nothing.
    Pause,
    /// `process.kill`: there is only all or nothing.
    Kill,
}

impl Dose {
    /// Smallest and largest dose worth trying; `None` when there is only one.
    pub fn range(self) -> Option<(f64, f64)> {
        match self {
            // Verifying takes as long as the delay: beyond two seconds a guard would trip first.
            Dose::Delay => Some((10.0, 2_000.0)),
            Dose::Abort | Dose::Reset => Some((0.02, 1.0)),
            Dose::Pause | Dose::Kill => None,
        }
    }
}

impl Candidate {
    /// The fault at a dose, on the document's target named after the component.
    pub fn at(&self, dose: f64) -> Fault {
        let mut fault = match self.dose {
            Dose::Delay => json!({"kind": "net.delay", "delay": format!("{}ms", dose.round())}),
            // Three digits are finer than any experiment can tell apart.
            Dose::Abort => json!({"kind": "http.abort", "status": 503, "share": (dose * 1e3).round() / 1e3}),
            Dose::Reset => json!({"kind": "net.reset", "share": (dose * 1e3).round() / 1e3}),
            Dose::Pause => json!({"kind": "process.pause"}),
            Dose::Kill => json!({"kind": "process.kill"}),
        };
        fault["target"] = self.target.clone().into();
        if let Some(from) = &self.from {
            fault["from"] = from.clone().into();
        }
        serde_json::from_value(fault).expect("a candidate is a fault of the catalogue")
    }

    /// The fault at its largest dose.
    pub fn most(&self) -> Fault {
        self.at(self.dose.range().map_or(0.0, |(_, high)| high))
    }
}

/// Faults on everything that a component calls, nearest to the user first: what is called only by way of something else
/// can hurt only through it. What the user calls directly is left out: that its own death is felt is no finding.
pub fn candidates(inventory: &Inventory) -> Vec<Candidate> {
    let depth = depths(inventory);
    let inner = |edge: &&EdgeName| inventory.components.contains_key(&edge.from);
    let mut edges: Vec<&EdgeName> = inventory.edges.iter().filter(inner).collect();
    edges.sort_by_key(|edge| (depth.get(&edge.to).copied().unwrap_or(usize::MAX), (*edge).clone()));
    let mut all: Vec<Candidate> = Vec::new();
    for dose in [Dose::Delay, Dose::Abort, Dose::Reset] {
        all.extend(edges.iter().map(|edge| Candidate { target: edge.to.clone(), from: Some(edge.from.clone()), dose }));
    }
    for dose in [Dose::Pause, Dose::Kill] {
        for edge in &edges {
            let candidate = Candidate { target: edge.to.clone(), from: None, dose };
            if !all.contains(&candidate) && !inventory.control.contains(&edge.to) {
                all.push(candidate);
            }
        }
    }
    all
}

/// How many calls each component is away from whoever is no component: the user's side.
fn depths(inventory: &Inventory) -> BTreeMap<String, usize> {
    let outside = inventory.edges.iter().filter(|edge| !inventory.components.contains_key(&edge.from));
    let mut queue: VecDeque<(String, usize)> = outside.map(|edge| (edge.to.clone(), 0)).collect();
    let mut depths = BTreeMap::new();
    while let Some((component, depth)) = queue.pop_front() {
        if depths.contains_key(&component) {
            continue;
        }
        let called = inventory.edges.iter().filter(|edge| edge.from == component);
        queue.extend(called.map(|edge| (edge.to.clone(), depth + 1)));
        depths.insert(component, depth);
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_tried_nearest_to_the_user_first() {
        let mut inventory = Inventory::default();
        for (from, to) in [("user", "web"), ("web", "cart"), ("cart", "bank"), ("web", "bank"), ("bank", "vault")] {
            inventory.components.insert(to.into(), 1);
            inventory.edges.insert(EdgeName::new(from, to));
        }
        let all = candidates(&inventory);
        let delays: Vec<_> = all.iter().filter(|c| c.dose == Dose::Delay).map(|c| c.target.as_str()).collect();
        assert_eq!(delays, ["bank", "bank", "cart", "vault"]);
        assert!(all.iter().all(|candidate| candidate.target != "web" && candidate.most().problems("").is_empty()));
        assert_eq!(all.iter().filter(|candidate| candidate.dose == Dose::Kill).count(), 3);
    }
}
