//! Every edge of the landscape: between components and from the user's side, each through a proxy of its own.

use super::processes::{Processes, USER};
use chaos::proxy::{Edge, EdgeError, EdgeName};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The edges by name. Their addresses stay for the life of the landscape, so that an upgrade of one component does
/// not touch those that reach it.
pub(crate) struct Edges(BTreeMap<EdgeName, Arc<Edge>>);

impl Edges {
    /// Opens every edge that the document names; none has an upstream yet.
    pub(crate) fn open(processes: &Processes) -> Result<Self, EdgeError> {
        let mut edges = BTreeMap::new();
        for component in &processes.components {
            let user = component.user.then(|| EdgeName::new(USER, &component.name));
            let reached = component.reaches.keys().map(|target| EdgeName::new(&component.name, target));
            for name in user.into_iter().chain(reached) {
                let edge = Edge::open(name.clone(), None)?;
                edges.insert(name, Arc::new(edge));
            }
        }
        Ok(Self(edges))
    }

    /// All edges.
    pub(crate) fn all(&self) -> Vec<Arc<Edge>> {
        self.0.values().cloned().collect()
    }

    /// Where `from` finds `to`.
    pub(crate) fn address(&self, from: &str, to: &str) -> Option<SocketAddr> {
        self.0.get(&EdgeName::new(from, to)).map(|edge| edge.addr())
    }

    /// Points every edge to this component at its port, or at nothing.
    pub(crate) fn point(&self, to: &str, port: Option<u16>) {
        let upstream = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        for edge in self.0.iter().filter(|(name, _)| name.to == to).map(|(_, edge)| edge) {
            edge.set_upstream(upstream);
        }
    }

    /// Closes every edge.
    pub(crate) async fn shutdown(&self) {
        for edge in self.0.values() {
            edge.shutdown().await;
        }
    }
}
