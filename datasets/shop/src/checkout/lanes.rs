//! How checkout reaches its peers: the code that 3.6.0 changed and 3.6.1 changed back.

use super::Peers;
use crate::metrics::Registry;
use crate::outgoing::gate::Gate;
use crate::outgoing::lane::{CATALOG, Lane, PAYMENTS};
use crate::release::Outgoing;
use std::sync::Arc;
use std::time::Duration;

/// Connections of a pool.
const CONNECTIONS: usize = 32;

/// Calls that may wait for a connection, and for how long. A price is asked for by somebody who waits.
const CATALOG_WAITING: usize = 128;
const CATALOG_WAIT: Duration = Duration::from_millis(250);

/// Time limit of a call to catalog, which answers in about a millisecond.
const CATALOG_LIMIT: Duration = Duration::from_secs(1);

/// Time limit of a charge. Beyond it, the order is accepted as pending.
const CHARGE_LIMIT: Duration = Duration::from_millis(300);

/// Queue of the shared pool of 3.6.0.
const SHARED_WAITING: usize = 512;
const SHARED_WAIT: Duration = Duration::from_secs(1);

/// The ways to the peers.
pub(crate) struct Lanes {
    pub(crate) catalog: Lane,
    pub(crate) payments: Lane,
}

impl Lanes {
    pub(crate) fn new(outgoing: Outgoing, peers: Peers, registry: &Arc<Registry>) -> Self {
        let lane = |peer, gate, limit, labels| Lane::new(peer, gate, limit, registry, labels);
        match outgoing {
            Outgoing::Isolated => {
                let catalog = Gate::new(CONNECTIONS, CATALOG_WAITING, CATALOG_WAIT);
                // Nobody queues for payments: who finds no connection is charged later.
                let payments = Gate::new(CONNECTIONS, 0, Duration::ZERO);
                Lanes {
                    catalog: lane(peers.catalog, catalog, Some(CATALOG_LIMIT), CATALOG),
                    payments: lane(peers.payments, payments, Some(CHARGE_LIMIT), PAYMENTS),
                }
            }
            Outgoing::Shared => {
                let gate = Gate::new(CONNECTIONS, SHARED_WAITING, SHARED_WAIT);
                Lanes {
                    catalog: lane(peers.catalog, Arc::clone(&gate), None, CATALOG),
                    payments: lane(peers.payments, gate, None, PAYMENTS),
                }
            }
        }
    }
}
