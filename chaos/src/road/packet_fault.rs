//! Faults of the packets between a caller and a component.

use crate::proxy::{Direction, Share};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What goes wrong with packets, and on which way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketFault {
    /// What happens.
    pub effect: PacketEffect,
    /// Which way; `To` is from the caller to the target.
    pub direction: Direction,
}

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PacketEffect {
    /// It vanishes.
    Loss {
        /// Part of the packets in the long run.
        share: Share,
        /// Mean number of packets that are lost in a row; without it each is drawn for itself.
        burst: Option<f64>,
    },
    /// It arrives twice.
    Duplicate {
        /// Probability for each packet.
        share: Share,
    },
    /// It is held back while others overtake it.
    Reorder {
        /// Probability for each packet.
        share: Share,
        /// How long.
        by: Duration,
    },
}

impl PacketEffect {
    /// Part of the packets that are hit.
    pub fn share(&self) -> Share {
        match self {
            PacketEffect::Loss { share, .. }
            | PacketEffect::Duplicate { share }
            | PacketEffect::Reorder { share, .. } => *share,
        }
    }

    /// The same with another part of the packets.
    #[must_use]
    pub fn with_share(self, share: Share) -> Self {
        match self {
            PacketEffect::Loss { burst, .. } => PacketEffect::Loss { share, burst },
            PacketEffect::Duplicate { .. } => PacketEffect::Duplicate { share },
            PacketEffect::Reorder { by, .. } => PacketEffect::Reorder { share, by },
        }
    }
}

/// Chances of the two-state model of losses in bursts (Gilbert 1960): of a loss after a packet that arrived, and of an
/// arrival after one that was lost. In the long run a `share` is lost, `burst` in a row on average.
///
/// The first is more than 1, and no chance, where bursts are too short for the share: `burst` must be at least
/// `share / (1 - share)`.
pub(crate) fn gilbert(share: f64, burst: f64) -> (f64, f64) {
    let ends = 1.0 / burst;
    (ends * share / (1.0 - share), ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_rests_at_its_share() {
        let (lost, arrived) = gilbert(0.2, 3.0);
        assert!((lost / (lost + arrived) - 0.2).abs() < 1e-12 && (1.0 / arrived - 3.0).abs() < 1e-12);
    }
}
