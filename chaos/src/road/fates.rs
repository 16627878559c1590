//! Draws what becomes of each packet. Every flow has draws of its own, so that equal seeds mean equal losses for the
//! first, second, third connection over the road, however their packets are mixed. Datagrams, on which the dose is
//! measured, are counted apart; the few connections that a measurement makes are not.

use super::packet::{Flow, TCP};
use super::packet_fault::{PacketEffect, PacketFault, gilbert};
use crate::proxy::{Direction, draw};
use std::collections::HashMap;
use std::time::Duration;

/// Flows that are remembered; the one that was silent for longest is forgotten for the next.
const MOST_FLOWS: usize = 16_384;
/// Tells draws of the ways, and of the flows, apart.
const BACK: u64 = 0x9e37_79b9_7f4a_7c15;
const NEXT_FLOW: u64 = 0xd1b5_4a32_d192_ed03;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    Vanishes,
    ArrivesTwice,
    /// It is held back for so long.
    IsLate(Duration),
}

/// One way of one flow.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    packets: u64,
    /// Whether the last packet was lost in a burst.
    in_burst: bool,
}

#[derive(Debug)]
struct State {
    number: u64,
    to: Lane,
    from: Lane,
    last: u64,
}

/// Fates of all packets of a road.
#[derive(Debug)]
pub(super) struct Fates {
    fault: PacketFault,
    seed: u64,
    flows: HashMap<Flow, State>,
    /// Streams and other flows so far.
    met: [u64; 2],
    packets: u64,
}

impl Fates {
    pub(super) fn new(fault: PacketFault, seed: u64) -> Self {
        Self { fault, seed, flows: HashMap::new(), met: [0; 2], packets: 0 }
    }

    /// The fate of the next packet of `flow` on `way`.
    pub(super) fn next(&mut self, flow: Flow, way: Direction) -> Fate {
        if !self.fault.direction.covers(way) {
            return Fate::Passes;
        }
        let (effect, seed) = (self.fault.effect, self.seed);
        let state = self.state(flow);
        let (lane, back) = if way == Direction::To { (&mut state.to, 0) } else { (&mut state.from, BACK) };
        let n = lane.packets;
        lane.packets += 1;
        let drawn = draw(seed ^ back ^ state.number.wrapping_mul(NEXT_FLOW), n);
        let is_hit = match effect {
            PacketEffect::Loss { share, burst: Some(burst) } if share != crate::proxy::Share::ALL => {
                let (begins, ends) = gilbert(share.value(), burst);
                // The first packet finds the chain as it is in the long run.
                let chance = match (n, lane.in_burst) {
                    (0, _) => share.value(),
                    (_, true) => 1.0 - ends,
                    (_, false) => begins,
                };
                lane.in_burst = drawn < chance;
                lane.in_burst
            }
            _ => drawn < effect.share().value(),
        };
        match effect {
            _ if !is_hit => Fate::Passes,
            PacketEffect::Loss { .. } => Fate::Vanishes,
            PacketEffect::Duplicate { .. } => Fate::ArrivesTwice,
            PacketEffect::Reorder { by, .. } => Fate::IsLate(by),
        }
    }

    fn state(&mut self, flow: Flow) -> &mut State {
        if !self.flows.contains_key(&flow) && self.flows.len() >= MOST_FLOWS {
            let oldest = self.flows.iter().min_by_key(|(_, state)| state.last).map(|(flow, _)| *flow);
            oldest.and_then(|flow| self.flows.remove(&flow));
        }
        self.packets += 1;
        let (met, packets) = (&mut self.met, self.packets);
        let state = self.flows.entry(flow).or_insert_with(|| {
            let met = &mut met[usize::from(flow.0 != TCP)];
            *met += 1;
            State { number: *met, to: Lane::default(), from: Lane::default(), last: packets }
        });
        state.last = packets;
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Share;

    const FLOW: Flow = (6, 1, 2);

    fn lost(effect: PacketEffect, seed: u64) -> Vec<bool> {
        let mut fates = Fates::new(PacketFault { effect, direction: Direction::To }, seed);
        (0..20_000).map(|_| fates.next(FLOW, Direction::To) == Fate::Vanishes).collect()
    }

    fn share(share: f64) -> Share {
        Share::try_new(share).unwrap()
    }

    /// Mean length of the runs of losses.
    fn burst(lost: &[bool]) -> f64 {
        let all = lost.iter().filter(|lost| **lost).count() as f64;
        let begins = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(lost[0]);
        all / begins as f64
    }

    #[test]
    fn losses_come_in_their_share_and_bursts() {
        for (part, length) in [(0.1, None), (0.1, Some(4.0)), (0.5, Some(2.0)), (0.3, Some(1.0))] {
            let seen = lost(PacketEffect::Loss { share: share(part), burst: length }, 7);
            let of_all = seen.iter().filter(|lost| **lost).count() as f64 / seen.len() as f64;
            assert!((of_all - part).abs() < 0.02, "{part} {length:?}: {of_all}");
            let expected = length.unwrap_or(1.0 / (1.0 - part));
            assert!((burst(&seen) - expected).abs() < expected * 0.1, "{part} {length:?}: {}", burst(&seen));
        }
    }

    #[test]
    fn equal_seeds_are_equal_fates_whatever_comes_in_between() {
        let effect = PacketEffect::Loss { share: share(0.3), burst: None };
        let alone = lost(effect, 7);
        assert_eq!(alone, lost(effect, 7));
        assert_ne!(alone, lost(effect, 8));
        let mut fates = Fates::new(PacketFault { effect, direction: Direction::Both }, 7);
        let mixed: Vec<bool> = (0..20_000)
            .map(|_| {
                let seen = fates.next(FLOW, Direction::To) == Fate::Vanishes;
                fates.next((6, 3, 4), Direction::To);
                fates.next(FLOW, Direction::From);
                seen
            })
            .collect();
        assert_eq!(alone, mixed);
    }

    #[test]
    fn the_other_way_is_left_alone_and_memory_is_bounded() {
        let effect = PacketEffect::Duplicate { share: Share::ALL };
        let mut fates = Fates::new(PacketFault { effect, direction: Direction::From }, 7);
        assert_eq!(fates.next(FLOW, Direction::To), Fate::Passes);
        for n in 0..=u16::MAX {
            assert_eq!(fates.next((17, n, 1), Direction::From), Fate::ArrivesTwice);
        }
        assert_eq!(fates.flows.len(), MOST_FLOWS);
    }
}
