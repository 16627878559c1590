//! Looks for anything of ours that is left.

use crate::holder::{self, ours_below};
use crate::landscape::Landscape;
use crate::lease::FaultId;
use crate::proc_table;
use crate::shifted_clock::is_shifted;
use serde::Serialize;

/// Something of ours that is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Residue {
    /// The fault, or the run when the fault is not known.
    pub id: FaultId,
    /// Where, or what.
    pub place: String,
}

/// Whatever `run` has left: entries in the table of any edge, holders and guards that still run (and with
/// them whatever they hold), and files of ours in the folder of any component.
pub fn scan(landscape: &dyn Landscape, run: &str) -> Vec<Residue> {
    let components: Vec<String> = landscape.inventory().components.into_keys().collect();
    let mut left = Vec::new();
    for component in &components {
        for edge in landscape.edges(None, component) {
            let ids = edge.entries().into_iter().map(|entry| entry.id).filter(|id| id.belongs_to(run));
            left.extend(ids.map(|id| Residue { id, place: edge.name().to_string() }));
        }
        if landscape.clock(component).is_some_and(|page| is_shifted(&page).unwrap_or(true)) {
            left.push(Residue { id: FaultId::new(run, "?"), place: format!("the clock of {component}") });
        }
        let files = landscape.folder(component).map(|folder| ours_below(&folder, 0)).unwrap_or_default();
        left.extend(
            files.into_iter().map(|file| Residue { id: FaultId::new(run, "?"), place: file.display().to_string() }),
        );
    }
    for entry in proc_table::snapshot().unwrap_or_default().into_iter().filter(|entry| !entry.zombie) {
        let fault = proc_table::variable(entry.pid, holder::MARK).map(FaultId::from);
        if let Some(id) = fault.filter(|id| id.belongs_to(run)) {
            left.push(Residue { id, place: format!("process {}", entry.pid) });
        }
    }
    left
}
