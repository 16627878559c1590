//! Datagrams of the executor's own over the road of an edge, numbered: those that never arrive, arrive twice, or arrive
//! after later ones, are told by whoever receives them. And whether the edge leads over that road at all.

use super::hits::Hits;
use super::tapped;
use crate::proxy::{Direction, Edge};
use crate::road::{PacketEffect, PacketFault, Road, gilbert};
use std::io;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

/// Datagrams sent at one stroke: few enough for every queue on the way.
const STROKE: u32 = 32;
/// Pause between two strokes.
const PAUSE: Duration = Duration::from_millis(1);
/// How long the last datagrams are waited for; the road takes microseconds, a busy machine longer.
const QUIET: Duration = Duration::from_millis(200);
/// Datagrams for each probe that is asked for, at the least: they cost nobody anything, and so many tell half of a share
/// from all of it.
const FOR_EACH: f64 = 8.0;
/// Fewest and most datagrams of a look; the most take about a second.
const FEWEST: u32 = 2 * STROKE;
const MOST: u32 = 32_768;
/// Bytes of a request that must leave its trace on the road, and the least packets that carry them.
const LOAD: usize = 32 << 10;
const LOAD_PACKETS: u64 = LOAD as u64 / 1_500;

/// What a look told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) hits: Hits,
    /// Numbers of packets that were lost in a row.
    pub(super) bursts: Vec<f64>,
}

/// Looks at the road of a fault, and whether `edge` leads over it: where it does not, no packet of it is hit.
pub(super) async fn look(edge: &Edge, road: &Road, fault: &PacketFault, count: u32) -> Told {
    let for_each = spread(&fault.effect).max(FOR_EACH);
    let count = ((f64::from(count) * for_each).ceil() as u32).clamp(FEWEST, MOST);
    let mut told = Told::default();
    for way in [Direction::To, Direction::From].into_iter().filter(|way| fault.direction.covers(*way)) {
        match send(road, way, (count, fault)).await {
            Ok(arrived) => {
                told.hits.add(arrived.hits(&fault.effect));
                told.bursts.extend(arrived.bursts());
            }
            // A road on which nothing can be sent hits nothing, or everything: not what was asked either way.
            Err(_) => told.hits.add(Hits { probes: count, hits: 0 }),
        }
    }
    if !leads_over(edge, road).await {
        told.hits.hits = 0;
    }
    told
}

/// By how much the variance of a share is larger than that of independent draws: that of a two-state chain, whose
/// correlation falls by the same factor with every step.
pub(super) fn spread(effect: &PacketEffect) -> f64 {
    let PacketEffect::Loss { share, burst: Some(burst) } = effect else {
        return 1.0;
    };
    if share.value() >= 1.0 {
        return 1.0;
    }
    let (begins, ends) = gilbert(share.value(), *burst);
    let falls_by = 1.0 - begins - ends;
    ((1.0 + falls_by) / (1.0 - falls_by)).max(1.0)
}

/// Numbers of datagrams in the order of their arrival, of the first `sent` ones.
struct Arrived {
    sent: u32,
    numbers: Vec<u32>,
}

impl Arrived {
    /// How often each of them arrived.
    fn times(&self) -> Vec<u32> {
        let mut times = vec![0; self.sent as usize];
        for number in self.numbers.iter().filter(|number| **number < self.sent) {
            times[*number as usize] += 1;
        }
        times
    }

    fn hits(&self, effect: &PacketEffect) -> Hits {
        let times = self.times();
        let hits = match effect {
            PacketEffect::Loss { .. } => times.iter().filter(|times| **times == 0).count(),
            PacketEffect::Duplicate { .. } => times.iter().filter(|times| **times > 1).count(),
            PacketEffect::Reorder { .. } => self.overtaken(),
        };
        Hits { probes: self.sent, hits: hits as u32 }
    }

    /// Those that arrived after a later one (RFC 4737, section 3.3).
    fn overtaken(&self) -> usize {
        let mut next = 0;
        let is_late = |number: &&u32| {
            let is_late = **number < next;
            next = next.max(**number + 1);
            is_late && **number < self.sent
        };
        self.numbers.iter().filter(is_late).count()
    }

    /// Lengths of the runs of losses; one that may go on after the last datagram is left out.
    fn bursts(&self) -> Vec<f64> {
        let times = self.times();
        let runs = times.chunk_by(|one, other| (*one == 0) == (*other == 0));
        let mut runs: Vec<_> = runs.map(|run| (run[0] == 0, run.len() as f64)).collect();
        runs.pop();
        runs.into_iter().filter(|(is_lost, _)| *is_lost).map(|(_, length)| length).collect()
    }
}

async fn send(road: &Road, way: Direction, (count, fault): (u32, &PacketFault)) -> io::Result<Arrived> {
    let (near, far) = road.datagrams().await?;
    let (from, to) = if way == Direction::To { (near, far) } else { (far, near) };
    // Without later ones the last ones could not be overtaken.
    let held = if let PacketEffect::Reorder { by, .. } = fault.effect { by } else { Duration::ZERO };
    let mut numbers = Vec::new();
    let receive = async {
        let mut bytes = [0; 4];
        while let Ok(length) = to.recv(&mut bytes).await {
            if length == bytes.len() {
                numbers.push(u32::from_be_bytes(bytes));
            }
        }
    };
    let sent = async {
        send_all(&from, count, held).await?;
        sleep(held + QUIET).await;
        Ok::<_, io::Error>(())
    };
    tokio::select! {
        sent = sent => sent?,
        () = receive => (),
    }
    Ok(Arrived { sent: count, numbers })
}

/// Sends `count` numbered datagrams, and then more of them for so long.
async fn send_all(from: &UdpSocket, count: u32, further: Duration) -> io::Result<()> {
    let mut until = None;
    for number in 0.. {
        if number >= count {
            let until = *until.get_or_insert_with(|| Instant::now() + further);
            if Instant::now() >= until {
                return Ok(());
            }
        }
        from.send(&u32::to_be_bytes(number)).await?;
        if number % STROKE == STROKE - 1 {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Whether a request through the edge leaves its packets on the road: by the kernel's own count of the segments that were
/// sent there, to which others may add, and by the edge's word about this very connection.
async fn leads_over(edge: &Edge, road: &Road) -> bool {
    let Some(before) = segments(road) else { return false };
    let Ok(posted) = tapped::post(edge, LOAD).await else { return false };
    let Some(after) = segments(road) else { return false };
    // One that does not come through has at least been sent.
    let least = if posted.is_answered { LOAD_PACKETS } else { 1 };
    posted.led_over_a_road && after.saturating_sub(before) >= least
}

/// TCP segments that were sent in the road's namespace.
fn segments(road: &Road) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/net/snmp", road.holder())).ok()?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|name| name == "OutSegs")?;
    values.split_whitespace().nth(at)?.parse().ok()
}

/// What to tell of losses whose bursts are not as long as asked; chance may explain three standard errors and a bit.
pub(super) fn bursts_differ(effect: &PacketEffect, bursts: &[f64]) -> Option<String> {
    let PacketEffect::Loss { share, burst: Some(asked) } = effect else {
        return None;
    };
    if share.value() >= 1.0 || bursts.is_empty() {
        return None;
    }
    let count = bursts.len() as f64;
    let mean = bursts.iter().sum::<f64>() / count;
    // Lengths are geometric: their variance is asked * (asked - 1).
    let error = (asked * (asked - 1.0) / count).sqrt();
    ((mean - asked).abs() > 3.3 * error + asked * 0.05).then(|| format!("burst_mean is {mean:.2}, asked {asked:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Share;

    #[test]
    fn arrivals_tell_what_became_of_each() {
        let share = Share::try_new(0.5).unwrap();
        let arrived = Arrived { sent: 8, numbers: vec![1, 2, 2, 4, 3, 9, 7] };
        assert_eq!(arrived.hits(&PacketEffect::Loss { share, burst: None }), Hits { probes: 8, hits: 3 });
        assert_eq!(arrived.hits(&PacketEffect::Duplicate { share }), Hits { probes: 8, hits: 1 });
        let by = Duration::from_millis(5);
        // The second 2 is a double, 3 came after 4, 7 after 9.
        assert_eq!(arrived.hits(&PacketEffect::Reorder { share, by }), Hits { probes: 8, hits: 3 });
        assert_eq!(arrived.bursts(), [1.0, 2.0]);
    }

    #[test]
    fn bursts_are_told_from_others() {
        let effect = PacketEffect::Loss { share: Share::try_new(0.2).unwrap(), burst: Some(3.0) };
        assert!(bursts_differ(&effect, &[3.0; 40]).is_none());
        assert!(bursts_differ(&effect, &[1.0; 40]).is_some_and(|told| told.contains("burst_mean is 1.00")));
        assert!((spread(&effect) - 3.8).abs() < 0.1, "{}", spread(&effect));
    }
}
