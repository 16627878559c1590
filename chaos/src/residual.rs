//! Looks for anything of ours that is left.

use crate::landscape::Landscape;
use crate::lease::FaultId;
use crate::proxy::EdgeName;
use serde::Serialize;

/// Something of ours that is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Residue {
    /// The fault.
    pub id: FaultId,
    /// Where.
    pub edge: EdgeName,
}

/// Entries of `run` in the table of any edge. Killed processes leave nothing that could stay.
pub fn scan(landscape: &dyn Landscape, run: &str) -> Vec<Residue> {
    let inventory = landscape.inventory();
    let edges = inventory.components.keys().flat_map(|component| landscape.edges(None, component));
    let ours = edges.flat_map(|edge| {
        let residue = |id| Residue { id, edge: edge.name().clone() };
        let ids = edge.entries().into_iter().map(|entry| entry.id).filter(|id| id.belongs_to(run));
        ids.map(residue).collect::<Vec<_>>()
    });
    ours.collect()
}
