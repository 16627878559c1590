//! A landscape of one component, `payments`, which somebody else keeps running and `checkout` calls.

use chaos::inventory::{Inventory, Preparation};
use chaos::landscape::{Landscape, Site};
use chaos::probe::Probe;
use chaos::proc_table;
use chaos::proxy::{Edge, EdgeName};
use chaos::shifted_clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

/// What everybody who acts on the component has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// Holds the number of the main process while it runs.
    pub(crate) pid_file: PathBuf,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    pub(crate) mark: String,
    /// Folder of the clocks.
    pub(crate) clocks: PathBuf,
    /// Program that becomes a holder.
    pub(crate) program: PathBuf,
    /// What the component is started with.
    pub(crate) prepared: BTreeSet<Preparation>,
    /// Resolver that its own passes questions on to.
    pub(crate) resolver: SocketAddr,
}

impl Stage {
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The main process and everything that it started.
    pub(crate) fn tree(&self) -> Vec<i32> {
        let pid = std::fs::read_to_string(&self.pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
        let Some(main) = pid.filter(|pid| proc_table::entry(*pid).is_some_and(|entry| !entry.zombie)) else {
            return Vec::new();
        };
        let table = proc_table::snapshot().unwrap_or_default();
        let below = proc_table::descendants(&table, main);
        std::iter::once(main).chain(below.iter().filter(|entry| !entry.zombie).map(|entry| entry.pid)).collect()
    }
}

pub(crate) struct OneTarget {
    pub(crate) stage: Stage,
    pub(crate) edge: Arc<Edge>,
}

impl OneTarget {
    /// Opens the edge; to be called within a runtime.
    pub(crate) fn open(stage: Stage) -> Self {
        let name = EdgeName::new("checkout", "payments");
        let edge = Arc::new(Edge::open(name, Some(stage.address())).expect("loopback has a port"));
        Self { stage, edge }
    }
}

impl Landscape for OneTarget {
    fn inventory(&self) -> Inventory {
        let mut inventory = Inventory { edges: [self.edge.name().clone()].into(), ..Inventory::default() };
        inventory.components.extend([("checkout".into(), 1), ("payments".into(), 1)]);
        inventory.prepared.insert("payments".into(), self.stage.prepared.clone());
        inventory
    }

    fn processes(&self, _: &str) -> Vec<Vec<i32>> {
        let tree = self.stage.tree();
        if tree.is_empty() { Vec::new() } else { vec![tree] }
    }

    fn edges(&self, _: Option<&str>, to: &str) -> Vec<Arc<Edge>> {
        if to == "payments" { vec![self.edge.clone()] } else { Vec::new() }
    }

    fn ready(&self, _: &str) -> bool {
        TcpStream::connect(self.stage.address()).is_ok()
    }

    fn probe(&self, _: &str) -> Probe {
        Probe::Http { path: "/health".into() }
    }

    fn folder(&self, component: &str) -> Option<PathBuf> {
        (component == "payments").then(|| self.stage.folder.clone())
    }

    fn clock(&self, component: &str) -> Option<PathBuf> {
        (component == "payments").then(|| shifted_clock::page(&self.stage.clocks, component))
    }

    fn site(&self) -> Site {
        Site { program: self.stage.program.clone(), mark: self.stage.mark.clone() }
    }
}
