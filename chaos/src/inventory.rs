//! What a landscape has, as data: the planner and the checker see nothing else of it.

use crate::proxy::EdgeName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Components with their replicas, and who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Replicas of each component, by name.
    pub components: BTreeMap<String, u32>,
    /// Edges between components; callers may be outside (the user's side).
    pub edges: BTreeSet<EdgeName>,
    /// Components through which an undo travels: a fault on one of them would cut its own way back.
    pub control: BTreeSet<String>,
}

impl Inventory {
    /// Edges to `to`, from `from` or from everybody.
    pub fn edges_to(&self, from: Option<&str>, to: &str) -> Vec<EdgeName> {
        let wanted = |edge: &&EdgeName| edge.to == to && from.is_none_or(|from| edge.from == from);
        self.edges.iter().filter(wanted).cloned().collect()
    }
}
