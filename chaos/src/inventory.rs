//! What a landscape has, as data: the planner and the checker see nothing else of it.

use crate::proxy::EdgeName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Components with their replicas, and who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Replicas of each component, by name.
    pub components: BTreeMap<String, u32>,
    /// Edges between components; callers may be outside (the user's side).
    pub edges: BTreeSet<EdgeName>,
    /// Components through which an undo travels: a fault on one of them would cut its own way back.
    pub control: BTreeSet<String>,
    /// What each component was started with, by name, so that more faults find their place.
    #[serde(default)]
    pub prepared: BTreeMap<String, BTreeSet<Preparation>>,
}

/// What a component can be started with so that a family of faults finds its place: these faults cannot be put on a
/// process that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Preparation {
    /// `time.*`: its clock is read through a library that is loaded into it.
    Time,
    /// `io.*`: its folder is a pass-through file system.
    Io,
    /// `dns.*`: it asks a resolver of ours.
    Dns,
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Preparation::Time => "time",
            Preparation::Io => "io",
            Preparation::Dns => "dns",
        })
    }
}

impl Inventory {
    /// Whether the component was started with this.
    pub fn is_prepared(&self, component: &str, with: Preparation) -> bool {
        self.prepared.get(component).is_some_and(|prepared| prepared.contains(&with))
    }

    /// Edges to `to`, from `from` or from everybody.
    pub fn edges_to(&self, from: Option<&str>, to: &str) -> Vec<EdgeName> {
        let wanted = |edge: &&EdgeName| edge.to == to && from.is_none_or(|from| edge.from == from);
        self.edges.iter().filter(wanted).cloned().collect()
    }
}
