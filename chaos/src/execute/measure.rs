//! Reads the dose of an edge fault back, by probes that go through the edge as a caller would.

mod count;
mod exchange;
mod rate;
mod share;

use crate::fault::MIN_SHARE;
use crate::lease::FaultId;
use crate::probe::{Probe, Seen, look};
use crate::proxy::{Edge, EdgeFault, Message, PartitionMode};
use share::Count;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Probes of a delay at verification: the least whose median survives two outliers.
const DELAY_PROBES: u32 = 5;
/// Probes at once: as many as a small pool of the product would hold.
const CONCURRENT: u32 = 8;
/// Longest wait of one probe on top of the delay that it measures.
const PROBE_MAX: Duration = Duration::from_millis(900);
/// Chance that a true share shows no hit among the probes of a verification.
const MISS: f64 = 0.001;
/// Part of the asked amount that must be seen for the fault to count as in.
const LEAST: f64 = 0.5;

/// What probes saw of one fault.
#[derive(Debug, Default)]
pub(super) struct Dose {
    direct_ms: Vec<f64>,
    through_ms: Vec<f64>,
    count: Count,
    /// Amounts that were measured: rates, times, numbers.
    amounts: Vec<f64>,
    /// Amounts that they should have been, where the message decides.
    expected: Vec<f64>,
}

pub(super) fn probes_for(share: f64) -> u32 {
    let share = share.max(MIN_SHARE);
    if share >= 1.0 { 3 } else { ((MISS.ln() / (1.0 - share).ln()).ceil() as u32).max(3) }
}

async fn many(probe: &Probe, addr: SocketAddr, id: &FaultId, (count, limit): (u32, Duration)) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut left = count;
    while left > 0 {
        let mut wave = JoinSet::new();
        for _ in 0..left.min(CONCURRENT) {
            let (probe, id) = (probe.clone(), id.to_string());
            wave.spawn(async move { look(&probe, addr, &id, limit).await });
        }
        left -= left.min(CONCURRENT);
        all.extend(wave.join_all().await);
    }
    all
}

impl Dose {
    /// The probes of a verification, on every edge.
    pub(super) async fn verify(&mut self, fault: &EdgeFault, edges: &[Arc<Edge>], by: (&Probe, &FaultId)) {
        let count = match fault {
            EdgeFault::Delay { .. } | EdgeFault::SlowClose { .. } => DELAY_PROBES,
            EdgeFault::Reset { share }
            | EdgeFault::Abort { share, .. }
            | EdgeFault::Corrupt { share, .. }
            | EdgeFault::HttpDelay { share, .. }
            | EdgeFault::HttpHeader { share, .. }
            | EdgeFault::HttpBody { share, .. }
            | EdgeFault::HttpSlow { share, .. } => probes_for(share.value()),
            _ => 3,
        };
        for edge in edges {
            self.look(fault, edge, by, count).await;
        }
    }

    /// One more probe on every edge while the fault holds.
    pub(super) async fn sample(&mut self, fault: &EdgeFault, edges: &[Arc<Edge>], by: (&Probe, &FaultId)) {
        use EdgeFault::{Bandwidth, LimitConnections, LimitData};
        // These take many requests or connections: once is enough, the landscape has its own to carry.
        if matches!(fault, Bandwidth { .. } | LimitConnections { .. } | LimitData { .. }) {
            return;
        }
        for edge in edges {
            self.look(fault, edge, by, 1).await;
        }
    }

    async fn look(&mut self, fault: &EdgeFault, edge: &Edge, (probe, id): (&Probe, &FaultId), count: u32) {
        match fault {
            EdgeFault::Delay { delay, jitter, direction } => {
                self.times(edge, (probe, id), count, (*delay + *jitter) * direction.passes_per_round_trip()).await;
            }
            EdgeFault::SlowClose { delay, direction } => {
                let by = (&Probe::HalfClose, id);
                self.times(edge, by, count, *delay * direction.passes_per_round_trip()).await;
            }
            EdgeFault::Reset { .. } => self.add(share::resets(edge, id, count).await),
            EdgeFault::Abort { status, .. } => self.add(share::aborts(edge, (probe, id), count, *status).await),
            EdgeFault::Partition { mode, direction } => {
                self.add(share::cuts(edge, (probe, id), count, (*mode, *direction)).await);
            }
            EdgeFault::HttpDelay { delay, .. } => {
                let (seen, times) = share::delays(edge, probe, count, *delay).await;
                self.add(seen);
                self.amounts.extend(times);
            }
            // A request's head is seen by the target alone; the proxy counts what it rewrote.
            EdgeFault::HttpHeader { on: Message::Request, .. } => {
                let before = entry_hits(edge, id);
                let seen = many(probe, edge.addr(), id, (count, PROBE_MAX)).await;
                let probes = seen.iter().filter(|seen| matches!(seen, Seen::Answer { .. })).count() as u32;
                // An entry that lapsed meanwhile has taken its count along: nothing is known.
                let hits = entry_hits(edge, id).checked_sub(before).and_then(|hits| u32::try_from(hits).ok());
                self.add(hits.map_or_else(Count::default, |hits| Count { probes, hits: hits.min(probes) }));
            }
            EdgeFault::HttpHeader { .. } | EdgeFault::HttpBody { .. } | EdgeFault::Corrupt { .. } => {
                self.add(share::changes(edge, probe, count, fault).await);
            }
            EdgeFault::Bandwidth { bytes_per_second, direction, .. } => {
                self.amounts.extend(rate::through(edge, probe, (*bytes_per_second, *direction)).await);
            }
            EdgeFault::HttpSlow { bytes_per_second, .. } => {
                if let Some((rates, probes)) = rate::drip(edge, probe, (bytes_per_second.get(), count)).await {
                    self.add(Count { probes, hits: rates.len() as u32 });
                    self.amounts.extend(rates);
                }
            }
            EdgeFault::LimitConnections { max } => self.amounts.extend(count::cap(edge, *max).await),
            EdgeFault::LimitData { bytes, direction } => {
                self.amounts.extend(count::life(edge, probe, (*bytes, *direction)).await);
            }
            EdgeFault::Slice { average, delay, direction, .. } => {
                let slice = (average.get(), *delay, *direction);
                if let Some((added, expected)) = count::slices(edge, probe, slice).await {
                    self.amounts.push(added);
                    self.expected.push(expected);
                }
            }
            // No kind of the catalogue asks for these: they serve the clients of the Toxiproxy API.
            EdgeFault::ResetAfter { .. } | EdgeFault::Timeout { .. } => (),
        }
    }

    fn add(&mut self, seen: Count) {
        self.count.probes += seen.probes;
        self.count.hits += seen.hits;
    }

    async fn times(&mut self, edge: &Edge, (probe, id): (&Probe, &FaultId), count: u32, wait: Duration) {
        if let Some(upstream) = edge.upstream() {
            self.direct_ms.extend(times(many(probe, upstream, id, (count, PROBE_MAX)).await));
        }
        self.through_ms.extend(times(many(probe, edge.addr(), id, (count, wait + PROBE_MAX)).await));
    }

    /// Whether the probes show that the fault is in.
    pub(super) fn shows(&self, fault: &EdgeFault) -> bool {
        let amount = median(&self.amounts);
        match fault {
            EdgeFault::Delay { delay, .. } | EdgeFault::SlowClose { delay, .. } => {
                self.added(fault).is_some_and(|added| quantile(&added, 0.5) >= delay.as_secs_f64() * 1_000.0 * LEAST)
            }
            EdgeFault::Bandwidth { bytes_per_second, .. } => rate::is_near(&self.amounts, *bytes_per_second),
            EdgeFault::HttpSlow { bytes_per_second, .. } => rate::is_near(&self.amounts, bytes_per_second.get()),
            EdgeFault::LimitConnections { max } => amount.is_some_and(|seen| seen >= *max as f64 * LEAST),
            EdgeFault::LimitData { bytes, .. } => amount.is_some_and(|seen| seen >= *bytes as f64 * LEAST),
            EdgeFault::Slice { .. } => amount
                .zip(median(&self.expected))
                .is_some_and(|(added, expected)| expected > 0.0 && added >= expected * LEAST),
            _ => self.count.hits > 0,
        }
    }

    /// Added one-way milliseconds of each probe, sorted.
    fn added(&self, fault: &EdgeFault) -> Option<Vec<f64>> {
        let (EdgeFault::Delay { direction, .. } | EdgeFault::SlowClose { direction, .. }) = fault else {
            return None;
        };
        if self.direct_ms.is_empty() || self.through_ms.is_empty() {
            return None;
        }
        let base = quantile(&sorted(&self.direct_ms), 0.5);
        let passes = f64::from(direction.passes_per_round_trip());
        Some(sorted(&self.through_ms.iter().map(|ms| (ms - base) / passes).collect::<Vec<_>>()))
    }

    /// The measured quantities by name.
    pub(super) fn quantities(&self, fault: &EdgeFault) -> BTreeMap<String, f64> {
        let mut all = BTreeMap::new();
        if let Some(added) = self.added(fault) {
            all.insert("delay_ms_p50".into(), quantile(&added, 0.5));
            all.insert("delay_ms_p99".into(), quantile(&added, 0.99));
            all.insert("delay_probes".into(), added.len() as f64);
        }
        if let (Some(name), true) = (share_name(fault), self.count.probes > 0) {
            all.insert(format!("{name}_share"), f64::from(self.count.hits) / f64::from(self.count.probes));
            all.insert(format!("{name}_probes"), f64::from(self.count.probes));
        }
        if let (Some(name), Some(amount)) = (amount_name(fault), median(&self.amounts)) {
            all.insert(name.into(), amount);
        }
        all
    }
}

fn share_name(fault: &EdgeFault) -> Option<&'static str> {
    match fault {
        EdgeFault::Reset { .. } => Some("reset"),
        EdgeFault::Abort { .. } => Some("abort"),
        EdgeFault::Partition { mode: PartitionMode::Reject, .. } => Some("reject"),
        EdgeFault::Partition { .. } => Some("cut"),
        EdgeFault::HttpDelay { .. } => Some("held"),
        EdgeFault::HttpHeader { .. } => Some("rewritten"),
        EdgeFault::HttpBody { .. } => Some("edited"),
        EdgeFault::HttpSlow { .. } => Some("slow"),
        EdgeFault::Corrupt { .. } => Some("changed"),
        _ => None,
    }
}

fn amount_name(fault: &EdgeFault) -> Option<&'static str> {
    match fault {
        EdgeFault::Bandwidth { .. } | EdgeFault::HttpSlow { .. } => Some("bytes_per_second"),
        EdgeFault::HttpDelay { .. } => Some("delay_ms_p50"),
        EdgeFault::LimitConnections { .. } => Some("connections"),
        EdgeFault::LimitData { .. } => Some("bytes"),
        EdgeFault::Slice { .. } => Some("sliced_ms"),
        _ => None,
    }
}

fn entry_hits(edge: &Edge, id: &FaultId) -> u64 {
    edge.entries().iter().find(|entry| entry.id == *id).map_or(0, |entry| entry.stats.hits)
}

fn times(seen: Vec<Seen>) -> impl Iterator<Item = f64> {
    seen.into_iter().filter_map(|seen| match seen {
        Seen::Answer { took, .. } => Some(took.as_secs_f64() * 1_000.0),
        Seen::Reset | Seen::Nothing => None,
    })
}

pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// Nearest rank in sorted values that are not empty.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn median(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| quantile(&sorted(values), 0.5))
}
