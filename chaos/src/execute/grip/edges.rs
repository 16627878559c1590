//! Entries in the tables of edges.

use super::super::measure::Dose;
use super::{Keeper, Quantities, differs};
use crate::act::Act;
use crate::landscape::Landscape;
use crate::lease::{FaultId, Lease};
use crate::plan::{PlannedFault, Resource};
use crate::proxy::{Edge, EdgeFault, Removal, Renewal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(in crate::execute) struct EdgeGrip {
    kept: Arc<Kept>,
    component: String,
    fault: Option<EdgeFault>,
    seed: u64,
    dose: Dose,
    /// What the entries looked at and what they changed, known once they are out.
    acted: Option<(u64, u64)>,
}

/// What renewal needs: the id, the edges, and whether the entries were made.
struct Kept {
    id: FaultId,
    edges: Vec<Arc<Edge>>,
    /// From then on a missing entry is a lost lease.
    entered: AtomicBool,
}

impl Keeper for Kept {
    fn renew(&self) -> bool {
        // Every edge gets its renewal, also after a loss on another.
        let gone = self.edges.iter().filter(|edge| edge.renew(&self.id) == Renewal::Gone).count();
        gone == 0 || !self.entered.load(Ordering::Acquire)
    }
}

impl EdgeGrip {
    pub(super) fn new(fault: &PlannedFault, id: &FaultId, landscape: &dyn Landscape) -> Self {
        let planned = |edge: &Arc<Edge>| fault.resources.contains(&Resource::Edge(edge.name().clone()));
        let edges = landscape.edges(fault.fault.from(), &fault.component).into_iter().filter(planned).collect();
        let edge_fault = if let Act::Edge(edge_fault) = fault.fault.act() { Some(edge_fault) } else { None };
        Self {
            kept: Arc::new(Kept { id: id.clone(), edges, entered: AtomicBool::new(false) }),
            component: fault.component.clone(),
            fault: edge_fault,
            seed: fault.seed,
            dose: Dose::default(),
            acted: None,
        }
    }

    pub(super) fn keeper(&self) -> Arc<dyn Keeper> {
        self.kept.clone()
    }

    pub(super) async fn inject(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        let Some(fault) = &self.fault else {
            return Err("not a fault of edges".into());
        };
        if self.kept.edges.is_empty() {
            return Err("there is no edge any more".into());
        }
        for edge in &self.kept.edges {
            let lease = Lease::grant(self.kept.id.clone());
            edge.inject(&lease, fault.clone(), self.seed).map_err(|error| error.to_string())?;
        }
        self.kept.entered.store(true, Ordering::Release);
        let probe = landscape.probe(&self.component);
        self.dose.verify(fault, &self.kept.edges, (&probe, &self.kept.id)).await;
        if self.dose.shows(fault) { Ok(()) } else { Err("probes through the edge do not show it".into()) }
    }

    pub(super) async fn sample(&mut self, landscape: &dyn Landscape) {
        let probe = landscape.probe(&self.component);
        if let Some(fault) = &self.fault {
            self.dose.sample(fault, &self.kept.edges, (&probe, &self.kept.id)).await;
        }
    }

    /// Removes our entries, by id.
    pub(super) fn take_out(&mut self) {
        let mut sum = (0, 0);
        for edge in &self.kept.edges {
            if let Removal::Removed(stats) = edge.remove(&self.kept.id) {
                sum = (sum.0 + stats.seen, sum.1 + stats.hits);
            }
        }
        self.acted = Some(sum);
    }

    pub(super) fn quantities(&self) -> Quantities {
        let mut all = self.fault.as_ref().map(|fault| self.dose.quantities(fault)).unwrap_or_default();
        if let Some((seen, hits)) = self.acted {
            all.insert("entry_seen".into(), seen as f64);
            all.insert("entry_hits".into(), hits as f64);
        }
        all
    }

    /// What differs from what was asked; a share of probes is judged by its interval.
    pub(super) fn remark(&self, asked: &[(&'static str, f64)]) -> Option<String> {
        let fault = self.fault.as_ref()?;
        let amounts: Vec<_> = asked.iter().filter(|(name, _)| !Dose::is_share(fault, name)).copied().collect();
        let off: Vec<String> =
            self.dose.differs(fault).into_iter().chain(differs(&amounts, &self.quantities())).collect();
        (!off.is_empty()).then(|| off.join("; "))
    }
}
