//! Taps: single connections that go elsewhere than to the target, so that somebody can look at what would arrive there.

use super::edge::Shared;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Sees whether a tapped connection turned to a road.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<AtomicBool>);

impl Witness {
    pub(super) fn tell(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Where the connections of some callers go.
#[derive(Debug, Default)]
pub(super) struct Taps(Mutex<Vec<(SocketAddr, SocketAddr, Witness)>>);

/// An IPv4 caller of a listener for both kinds shows in the clothes of the newer one.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl Taps {
    fn with<T>(&self, change: impl FnOnce(&mut Vec<(SocketAddr, SocketAddr, Witness)>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a connection of `caller` goes; none for where all go. `caller` is asked for only while there is a tap.
    pub(super) fn of(&self, caller: impl FnOnce() -> Option<SocketAddr>) -> Option<(SocketAddr, Witness)> {
        self.with(|taps| {
            let caller = if taps.is_empty() { None } else { caller().map(plain) };
            taps.iter().find(|(tapped, ..)| Some(*tapped) == caller).map(|(_, to, witness)| (*to, witness.clone()))
        })
    }
}

/// Diverts the connections of one caller for as long as it lives.
pub struct Tap {
    shared: Arc<Shared>,
    caller: SocketAddr,
    witness: Witness,
}

impl Tap {
    pub(super) fn new(shared: Arc<Shared>, caller: SocketAddr, to: SocketAddr) -> Self {
        let caller = plain(caller);
        let witness = Witness::default();
        shared.taps.with(|taps| taps.push((caller, to, witness.clone())));
        Self { shared, caller, witness }
    }

    /// Whether a connection of the caller has turned to a road.
    pub(crate) fn led_over_a_road(&self) -> bool {
        self.witness.0.load(Ordering::Acquire)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.taps.with(|taps| taps.retain(|(caller, ..)| *caller != self.caller));
    }
}
