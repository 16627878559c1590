//! What the executor has in its hands for one fault: entries in edges, signals, or a holder process.

mod edges;
mod files;
mod held;
mod holder_process;
mod names;
mod observe;
mod sandboxed;
mod signals;
mod threads;

use crate::act::Act;
use crate::landscape::Landscape;
use crate::lease::FaultId;
use crate::plan::PlannedFault;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Part of what was asked that must be seen for a fault to count as in.
const LEAST: f64 = 0.5;
/// Share by which the achieved dose may differ without a remark.
const TOLERANCE: f64 = 0.05;

/// Measured quantities by name.
pub(super) type Quantities = BTreeMap<String, f64>;

/// Keeps the lease of one fault alive, apart from whoever works on the fault.
pub(super) trait Keeper: Send + Sync {
    /// Renews; false when the lease was lost.
    fn renew(&self) -> bool;
}

/// One fault in the executor's hands.
pub(super) enum Grip {
    Edges(Box<edges::EdgeGrip>),
    Signals(signals::SignalGrip),
    Held(Box<held::HeldGrip>),
}

impl Grip {
    pub(super) fn new(fault: &PlannedFault, id: &FaultId, landscape: &dyn Landscape) -> Self {
        match fault.fault.act() {
            Act::Edge(_) => Grip::Edges(Box::new(edges::EdgeGrip::new(fault, id, landscape))),
            Act::Signal(blow) => Grip::Signals(signals::SignalGrip::new(fault, blow)),
            Act::Held(hold) => Grip::Held(Box::new(held::HeldGrip::new(fault, id, hold))),
        }
    }

    pub(super) fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        match self {
            Grip::Edges(grip) => Some(grip.keeper()),
            Grip::Signals(_) => None,
            Grip::Held(grip) => Some(grip.keeper()),
        }
    }

    /// Injects; an error says why the fault is not in.
    pub(super) async fn inject(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        match self {
            Grip::Edges(grip) => grip.inject(landscape).await,
            Grip::Signals(grip) => grip.inject(landscape).await,
            Grip::Held(grip) => grip.inject(landscape).await,
        }
    }

    /// Measures once more while the fault holds.
    pub(super) async fn sample(&mut self, landscape: &dyn Landscape) {
        match self {
            Grip::Edges(grip) => grip.sample(landscape).await,
            Grip::Signals(_) => (),
            Grip::Held(grip) => grip.sample().await,
        }
    }

    /// What has to be done now and then while the fault holds; true when the fault is over by itself.
    pub(super) async fn turn(&mut self, landscape: &dyn Landscape) -> bool {
        match self {
            Grip::Signals(grip) => grip.turn(landscape).await,
            Grip::Edges(_) | Grip::Held(_) => false,
        }
    }

    /// How soon the next turn is due; `None` when the fault needs none.
    pub(super) fn turn_every(&self) -> Option<Duration> {
        match self {
            Grip::Signals(_) => Some(signals::BACK_EVERY),
            Grip::Edges(_) | Grip::Held(_) => None,
        }
    }

    /// Undoes what was injected, and nothing else; an error says what is left.
    pub(super) async fn take_out(&mut self) -> Result<(), String> {
        match self {
            Grip::Edges(grip) => grip.take_out().await,
            Grip::Signals(_) => Ok(()),
            Grip::Held(grip) => grip.take_out().await,
        }
    }

    /// What was measured so far.
    pub(super) fn quantities(&self) -> Quantities {
        match self {
            Grip::Edges(grip) => grip.quantities(),
            Grip::Signals(grip) => grip.quantities(),
            Grip::Held(grip) => grip.quantities(),
        }
    }

    /// What was measured while the target recovered, and what a reader of the record should know of it.
    pub(super) fn afterwards(&self) -> (Quantities, Option<String>) {
        match self {
            Grip::Edges(_) | Grip::Signals(_) => (Quantities::new(), None),
            Grip::Held(grip) => (grip.quantities(), grip.remark_afterwards()),
        }
    }

    /// Anything that a reader of the record should know.
    pub(super) fn remark(&self, fault: &PlannedFault) -> Option<String> {
        match self {
            Grip::Signals(grip) => grip.remark(),
            Grip::Edges(grip) => grip.remark(&fault.fault.asked()),
            Grip::Held(grip) => grip.remark(),
        }
    }
}

/// The first quantity of which less than half of what was asked was seen; below zero, less is nearer to zero.
fn lacks(asked: &[(&'static str, f64)], seen: &Quantities) -> Option<String> {
    asked.iter().find_map(|(name, wanted)| match seen.get(*name) {
        None => Some(format!("{name} could not be measured")),
        Some(value) if value * wanted.signum() < wanted.abs() * LEAST => {
            Some(format!("{name} is {value:.2}, asked {wanted:.2}"))
        }
        Some(_) => None,
    })
}

/// Quantities that differ from what was asked.
fn differs(asked: &[(&'static str, f64)], seen: &Quantities) -> Option<String> {
    let off = asked.iter().filter_map(|(name, wanted)| {
        let value = seen.get(*name)?;
        ((value - wanted).abs() > wanted.abs() * TOLERANCE).then(|| format!("{name} is {value:.2}, asked {wanted:.2}"))
    });
    let off: Vec<String> = off.collect();
    (!off.is_empty()).then(|| off.join("; "))
}
