//! What the executor needs of a landscape; the pipeline implements it.

use crate::inventory::Inventory;
use crate::probe::Probe;
use crate::proxy::Edge;
use std::path::PathBuf;
use std::sync::Arc;

/// A running landscape. Every call is a quick look at what is true now.
pub trait Landscape: Send + Sync {
    /// Components, replicas and edges.
    fn inventory(&self) -> Inventory;
    /// The processes of each replica, its main process first, then what that started; in the order of the replicas,
    /// without those that do not run.
    fn processes(&self, component: &str) -> Vec<Vec<i32>>;
    /// Edges to a component, from one caller or from all.
    fn edges(&self, from: Option<&str>, to: &str) -> Vec<Arc<Edge>>;
    /// Whether every replica of the component is ready.
    fn ready(&self, component: &str) -> bool;
    /// How the component can be looked at without harm.
    fn probe(&self, component: &str) -> Probe;
    /// Folder in which a component works; no fault touches a file outside it.
    fn folder(&self, component: &str) -> Option<PathBuf>;
    /// Page by which the wall clock of a component is shifted; `None` when it is not prepared for that.
    fn clock(&self, _component: &str) -> Option<PathBuf> {
        None
    }
    /// How faults are held on processes, disks and files of this landscape.
    fn site(&self) -> Site;
}

/// What a holder has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Program that becomes a holder when it is started as `PROGRAM holder`.
    pub program: PathBuf,
    /// `NAME=value` in the environment of every process of the landscape.
    pub mark: String,
}
