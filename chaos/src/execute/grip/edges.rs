//! Entries in the tables of edges.

use super::super::measure::Dose;
use super::holder_process::HolderProcess;
use super::{Keeper, Quantities, differs};
use crate::act::{Act, Hold};
use crate::fault::IssuerFiles;
use crate::holder::Order;
use crate::landscape::Landscape;
use crate::lease::{FaultId, Lease};
use crate::plan::{PlannedFault, Resource};
use crate::proxy::{Edge, EdgeFault, Presented, Removal, Renewal};
use crate::road::{self, Road};
use crate::tls::{self, Issuer, TlsDefect};
use chrono::Utc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(in crate::execute) struct EdgeGrip {
    kept: Arc<Kept>,
    component: String,
    fault: Option<EdgeFault>,
    issuer: Option<IssuerFiles>,
    seed: u64,
    road: HolderProcess,
    /// Of each edge: none hides behind another.
    doses: Vec<Dose>,
    /// What the entries looked at and what they changed, known once they are out.
    acted: Option<(u64, u64)>,
}

/// What renewal needs: the id, the edges, and whether the entries were made.
struct Kept {
    id: FaultId,
    /// Of the process that lays the road, where there is one.
    road: Arc<dyn Keeper>,
    edges: Vec<Arc<Edge>>,
    /// From then on a missing entry is a lost lease.
    entered: AtomicBool,
}

impl Keeper for Kept {
    fn renew(&self) -> bool {
        // Every edge gets its renewal, also after a loss on another.
        let gone = self.edges.iter().filter(|edge| edge.renew(&self.id) == Renewal::Gone).count();
        let is_laid = self.road.renew();
        is_laid && (gone == 0 || !self.entered.load(Ordering::Acquire))
    }
}

impl EdgeGrip {
    pub(super) fn new(fault: &PlannedFault, id: &FaultId, landscape: &dyn Landscape) -> Self {
        let planned = |edge: &Arc<Edge>| fault.resources.contains(&Resource::Edge(edge.name().clone()));
        let all = landscape.edges(fault.fault.from(), &fault.component);
        let edges: Vec<_> = all.into_iter().filter(planned).collect();
        let edge_fault = if let Act::Edge(edge_fault) = fault.fault.act() { Some(edge_fault) } else { None };
        let doses = vec![Dose::default(); edges.len()];
        let road = HolderProcess::default();
        let entered = AtomicBool::new(false);
        Self {
            kept: Arc::new(Kept { id: id.clone(), road: road.keeper(), edges, entered }),
            component: fault.component.clone(),
            fault: edge_fault,
            issuer: fault.fault.issuer().cloned(),
            seed: fault.seed,
            road,
            doses,
            acted: None,
        }
    }

    pub(super) fn keeper(&self) -> Arc<dyn Keeper> {
        self.kept.clone()
    }

    pub(super) async fn inject(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        if self.kept.edges.is_empty() {
            return Err("there is no edge any more".into());
        }
        self.make_certificate(landscape).await?;
        self.lay_road(landscape).await?;
        let Some(fault) = &self.fault else {
            return Err("not a fault of edges".into());
        };
        for edge in &self.kept.edges {
            let lease = Lease::grant(self.kept.id.clone());
            edge.inject(&lease, fault.clone(), self.seed).map_err(|error| error.to_string())?;
        }
        self.kept.entered.store(true, Ordering::Release);
        let probe = landscape.probe(&self.component);
        for (edge, dose) in self.kept.edges.iter().zip(&mut self.doses) {
            dose.verify(fault, edge, (&probe, &self.kept.id)).await;
            if !dose.shows(fault) {
                return Err(format!("probes through the edge {} do not show it", edge.name()));
            }
        }
        Ok(())
    }

    /// Makes what a fault of certificates presents, after the certificate that the component itself presents.
    async fn make_certificate(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        let Some(EdgeFault::Tls { defect, presents }) = &mut self.fault else {
            return Ok(());
        };
        let target = self.kept.edges.iter().find_map(|edge| edge.upstream()).ok_or("the target has no instance")?;
        let own = tls::certificates(target).await.map_err(|error| format!("the component speaks no TLS: {error}"))?;
        let own = own.first().ok_or("the component presents no certificate")?;
        let issuer = match &self.issuer {
            None => None,
            Some(files) => {
                let folder = landscape.folder(&self.component).ok_or("the component has no folder")?;
                let read = async |file: &str| {
                    let read = tokio::fs::read_to_string(folder.join(file)).await;
                    read.map_err(|error| format!("the issuer's {file}: {error}"))
                };
                Some(Issuer { certificate: read(&files.certificate).await?, key: read(&files.key).await? })
            }
        };
        *presents = Some(Presented::new(tls::mint(*defect, own, issuer.as_ref(), Utc::now())?));
        Ok(())
    }

    /// Lays the road of a fault of packets.
    async fn lay_road(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        let Some(EdgeFault::Packets { fault, over }) = &mut self.fault else {
            return Ok(());
        };
        let (site, id) = (landscape.site(), &self.kept.id);
        let order = Order::of_edges(Hold::Packets(*fault), site.mark.clone(), self.seed);
        self.road.start((&site, id), &order).await.map_err(|error| format!("no road: {error}"))?;
        let holder = self.road.pid().ok_or("no road: its process has ended")?;
        let address = road::address(id.as_str(), &site.mark);
        *over = Some(Road::find(&address, holder).map_err(|error| format!("no road: {error}"))?);
        Ok(())
    }

    pub(super) async fn sample(&mut self, landscape: &dyn Landscape) {
        let probe = landscape.probe(&self.component);
        if let Some(fault) = &self.fault {
            for (edge, dose) in self.kept.edges.iter().zip(&mut self.doses) {
                dose.sample(fault, edge, (&probe, &self.kept.id)).await;
            }
        }
    }

    /// Removes our entries, by id, and then the road that nothing leads over any more.
    pub(super) async fn take_out(&mut self) -> Result<(), String> {
        let mut sum = (0, 0);
        for edge in &self.kept.edges {
            if let Removal::Removed(stats) = edge.remove(&self.kept.id) {
                sum = (sum.0 + stats.seen, sum.1 + stats.hits);
            }
        }
        self.acted = Some(sum);
        self.road.end().await
    }

    pub(super) fn quantities(&self) -> Quantities {
        let mut all =
            self.fault.as_ref().map(|fault| Dose::together(self.doses.iter()).quantities(fault)).unwrap_or_default();
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
        let unknown = match fault {
            EdgeFault::Tls { defect, .. } if *defect != TlsDefect::UnknownIssuer && self.issuer.is_none() => {
                Some("without an issuer callers see an unknown one too".to_owned())
            }
            _ => None,
        };
        let named = self.kept.edges.iter().zip(&self.doses);
        let of_edges = named.filter_map(|(edge, dose)| Some(format!("{}: {}", edge.name(), dose.differs(fault)?)));
        let off = of_edges.chain(differs(&amounts, &self.quantities()));
        let off: Vec<String> = off.chain(unknown).collect();
        (!off.is_empty()).then(|| off.join("; "))
    }
}
