//! What the executor needs of a landscape; the pipeline implements it.

use crate::inventory::Inventory;
use crate::probe::Probe;
use crate::proxy::Edge;
use std::sync::Arc;

/// A running landscape. Every call is a quick look at what is true now.
pub trait Landscape: Send + Sync {
    /// Components, replicas and edges.
    fn inventory(&self) -> Inventory;
    /// Main process of each replica, in the order of the replicas; without those that do not run.
    fn pids(&self, component: &str) -> Vec<u32>;
    /// Edges to a component, from one caller or from all.
    fn edges(&self, from: Option<&str>, to: &str) -> Vec<Arc<Edge>>;
    /// Whether every replica of the component is ready.
    fn ready(&self, component: &str) -> bool;
    /// How the component can be looked at without harm.
    fn probe(&self, component: &str) -> Probe;
}
