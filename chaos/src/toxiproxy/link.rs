//! One proxy of the API: an edge while it is enabled, and its toxics, which outlive the edge.

use super::address::{self, Book};
use super::error::ApiError;
use super::toxic::Toxic;
use super::{FAULT_RUN, Settings};
use crate::lease::{FaultId, Lease};
use crate::proxy::{Change, Direction, Edge, EdgeError, EdgeName, EdgeOptions, EdgeStats, Protocol, Renewal};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use tracing::warn;

/// Numbers everything that needs a name or a seed of its own.
#[derive(Debug)]
pub(super) struct Serial {
    pub(super) seed: u64,
    pub(super) next: u64,
}

impl Serial {
    fn take(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A seed that no other toxic has.
    fn seed(&mut self) -> u64 {
        // Neighbouring numbers must not give neighbouring seeds; the constant is the golden ratio's.
        self.seed ^ self.take().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) listen: String,
    pub(super) upstream: String,
    edge: Option<Edge>,
    toxics: Vec<Toxic>,
}

impl Link {
    pub(super) fn new(name: String, listen: String, upstream: String) -> Self {
        Self { name, listen, upstream, edge: None, toxics: Vec::new() }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.edge.is_some()
    }

    /// Addresses that a start needs.
    pub(super) fn addresses(&self) -> [String; 2] {
        [self.listen.clone(), self.upstream.clone()]
    }

    pub(super) fn stats(&self) -> Option<EdgeStats> {
        self.edge.as_ref().map(Edge::stats)
    }

    /// Toxics towards the target first, each way in the order in which they came.
    pub(super) fn toxics(&self) -> Vec<&Toxic> {
        let way = |way| self.toxics.iter().filter(move |toxic| toxic.direction == way);
        way(Direction::To).chain(way(Direction::From)).collect()
    }

    /// Starts to listen, with every toxic in place before the first connection.
    pub(super) fn start(&mut self, settings: &Settings, serial: &mut Serial, book: &Book) -> Result<(), ApiError> {
        if self.is_enabled() {
            return Ok(());
        }
        let listen = address::listen(&self.listen, settings.reach, book)?;
        let listen = listen.map_err(|why| ApiError::failed(format!("listen tcp: {why}")))?;
        let upstream = address::upstream(&self.upstream, settings.reach, book)?;
        let options = EdgeOptions {
            listen,
            reach: settings.reach,
            protocol: Protocol::Bytes,
            max_connections: settings.max_connections,
        };
        let edge = Edge::open_with(EdgeName::new(FAULT_RUN, &self.name), upstream, options).map_err(listen_error)?;
        self.listen = edge.addr().to_string();
        self.edge = Some(edge);
        for toxic in &mut self.toxics {
            apply(self.edge.as_ref(), &self.name, toxic, serial);
        }
        Ok(())
    }

    /// Closes the listener and every connection.
    pub(super) async fn stop(&mut self) {
        if let Some(edge) = self.edge.take() {
            edge.shutdown().await;
        }
        for toxic in &mut self.toxics {
            toxic.entry = None;
        }
    }

    /// Whether another listener or target is meant.
    ///
    /// # Errors
    /// The address makes no sense.
    pub(super) fn differs(
        &self,
        listen: &str,
        upstream: &str,
        settings: &Settings,
        book: &Book,
    ) -> Result<bool, ApiError> {
        let resolved = address::listen(listen, settings.reach, book)?.map_err(ApiError::failed)?;
        Ok(self.listen != resolved.to_string() || self.upstream != upstream)
    }

    fn position(&self, toxic: &str) -> Result<usize, ApiError> {
        self.toxics.iter().position(|known| known.name == toxic).ok_or_else(ApiError::toxic_not_found)
    }

    pub(super) fn toxic(&self, name: &str) -> Result<&Toxic, ApiError> {
        Ok(&self.toxics[self.position(name)?])
    }

    pub(super) fn add_toxic(&mut self, body: &[u8], serial: &mut Serial) -> Result<&Toxic, ApiError> {
        let mut toxic = Toxic::read(body, |name| self.position(name).is_ok())?;
        apply(self.edge.as_ref(), &self.name, &mut toxic, serial);
        self.toxics.push(toxic);
        Ok(&self.toxics[self.toxics.len() - 1])
    }

    pub(super) fn update_toxic(&mut self, name: &str, body: &[u8], serial: &mut Serial) -> Result<&Toxic, ApiError> {
        let at = self.position(name)?;
        self.toxics[at].update(body)?;
        apply(self.edge.as_ref(), &self.name, &mut self.toxics[at], serial);
        Ok(&self.toxics[at])
    }

    pub(super) fn remove_toxic(&mut self, name: &str) -> Result<(), ApiError> {
        let toxic = self.toxics.remove(self.position(name)?);
        if let (Some(edge), Some(id)) = (&self.edge, &toxic.entry) {
            edge.remove(id);
        }
        Ok(())
    }

    pub(super) fn remove_toxics(&mut self) {
        for toxic in self.toxics.drain(..) {
            if let (Some(edge), Some(id)) = (&self.edge, &toxic.entry) {
                edge.remove(id);
            }
        }
    }

    /// Renews every lease.
    pub(super) fn renew(&mut self, serial: &mut Serial) {
        let Some(edge) = &self.edge else {
            return;
        };
        for toxic in &mut self.toxics {
            let lapsed = |id: &FaultId| edge.renew(id) == Renewal::Gone;
            if toxic.entry.as_ref().is_some_and(lapsed) {
                warn!(
                    "the lease of toxic {} of {} lapsed: this host stood still; injected anew",
                    toxic.name, self.name
                );
                toxic.entry = None;
                apply(Some(edge), &self.name, toxic, serial);
            }
        }
    }

    /// The edge, when its target is still unknown.
    pub(super) fn without_target(&self) -> Option<&Edge> {
        self.edge.as_ref().filter(|edge| edge.upstream().is_none())
    }
}

/// Makes the entry of `edge` what the toxic says.
fn apply(edge: Option<&Edge>, proxy: &str, toxic: &mut Toxic, serial: &mut Serial) {
    let Some(edge) = edge else {
        return;
    };
    let Some(dose) = toxic.dose(serial.seed()) else {
        if let Some(id) = toxic.entry.take() {
            edge.remove(&id);
        }
        return;
    };
    if toxic.entry.as_ref().is_some_and(|id| edge.set_dose(id, dose.clone()) == Change::Changed) {
        return;
    }
    let lease = Lease::grant(FaultId::new(FAULT_RUN, &format!("{proxy}/{}/{}", toxic.name, serial.take())));
    edge.inject_dose(&lease, dose).expect("a serial number is used once");
    toxic.entry = Some(lease.id().clone());
}

fn listen_error(error: EdgeError) -> ApiError {
    match error {
        EdgeError::Listen { addr, source, .. } => {
            let why = match source.kind() {
                std::io::ErrorKind::AddrInUse => "address already in use".into(),
                std::io::ErrorKind::AddrNotAvailable => "cannot assign requested address".into(),
                std::io::ErrorKind::PermissionDenied => "permission denied".into(),
                _ => source.to_string(),
            };
            ApiError::failed(format!("listen tcp {addr}: bind: {why}"))
        }
        other @ (EdgeError::NotLoopback { .. } | EdgeError::NoRuntime { .. }) => ApiError::failed(other.to_string()),
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("Proxy", 5)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("listen", &self.listen)?;
        fields.serialize_field("upstream", &self.upstream)?;
        fields.serialize_field("enabled", &self.is_enabled())?;
        fields.serialize_field("toxics", &self.toxics())?;
        fields.end()
    }
}
