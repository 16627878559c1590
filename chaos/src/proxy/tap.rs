//! Taps: single connections that go elsewhere than to the target, so that somebody can look at what would arrive there.

use super::edge::Shared;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the connections of some callers go.
#[derive(Debug, Default)]
pub(super) struct Taps(Mutex<Vec<(SocketAddr, SocketAddr)>>);

/// An IPv4 caller of a listener for both kinds shows in the clothes of the newer one.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl Taps {
    fn with<T>(&self, change: impl FnOnce(&mut Vec<(SocketAddr, SocketAddr)>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a connection of `caller` goes; none for where all go. `caller` is asked for only while there is a tap.
    pub(super) fn of(&self, caller: impl FnOnce() -> Option<SocketAddr>) -> Option<SocketAddr> {
        self.with(|taps| {
            let caller = if taps.is_empty() { None } else { caller().map(plain) };
            taps.iter().find(|(tapped, _)| Some(*tapped) == caller).map(|(_, to)| *to)
        })
    }
}

/// Diverts the connections of one caller for as long as it lives.
pub struct Tap {
    shared: Arc<Shared>,
    caller: SocketAddr,
}

impl Tap {
    pub(super) fn new(shared: Arc<Shared>, caller: SocketAddr, to: SocketAddr) -> Self {
        let caller = plain(caller);
        shared.taps.with(|taps| taps.push((caller, to)));
        Self { shared, caller }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.taps.with(|taps| taps.retain(|(caller, _)| *caller != self.caller));
    }
}
