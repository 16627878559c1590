//! Reads the dose of an edge fault back, by probes that go through the edge as a caller would.

use crate::fault::MIN_SHARE;
use crate::lease::FaultId;
use crate::probe::{Probe, Seen, look};
use crate::proxy::{Edge, EdgeFault};
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
/// Part of the asked delay that must be seen for the fault to count as in.
const LEAST_DELAY: f64 = 0.5;

/// What probes saw of one fault.
#[derive(Debug, Default)]
pub(super) struct Dose {
    direct_ms: Vec<f64>,
    through_ms: Vec<f64>,
    probes: u32,
    hits: u32,
}

fn probes_for(share: f64) -> u32 {
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
            EdgeFault::Delay { .. } => DELAY_PROBES,
            EdgeFault::Reset { share } | EdgeFault::Abort { share, .. } => probes_for(share.value()),
        };
        for edge in edges {
            self.look(fault, edge, by, count).await;
        }
    }

    /// One more probe on every edge while the fault holds.
    pub(super) async fn sample(&mut self, fault: &EdgeFault, edges: &[Arc<Edge>], by: (&Probe, &FaultId)) {
        for edge in edges {
            self.look(fault, edge, by, 1).await;
        }
    }

    async fn look(&mut self, fault: &EdgeFault, edge: &Edge, (probe, id): (&Probe, &FaultId), count: u32) {
        match fault {
            EdgeFault::Delay { delay, jitter, direction } => {
                if let Some(upstream) = edge.upstream() {
                    self.direct_ms.extend(times(many(probe, upstream, id, (count, PROBE_MAX)).await));
                }
                let wait = (*delay + *jitter) * direction.passes_per_round_trip();
                self.through_ms.extend(times(many(probe, edge.addr(), id, (count, wait + PROBE_MAX)).await));
            }
            EdgeFault::Reset { .. } => {
                let seen = many(&Probe::HalfClose, edge.addr(), id, (count, PROBE_MAX)).await;
                self.probes += seen.iter().filter(|seen| **seen != Seen::Nothing).count() as u32;
                self.hits += seen.iter().filter(|seen| **seen == Seen::Reset).count() as u32;
            }
            EdgeFault::Abort { status: asked, .. } => {
                let seen = many(probe, edge.addr(), id, (count, PROBE_MAX)).await;
                let hit = |seen: &&Seen| matches!(seen, Seen::Answer { aborted: Some(status), .. } if status == asked);
                self.probes += seen.iter().filter(|seen| matches!(seen, Seen::Answer { .. })).count() as u32;
                self.hits += seen.iter().filter(hit).count() as u32;
            }
        }
    }

    /// Whether the probes show that the fault is in.
    pub(super) fn shows(&self, fault: &EdgeFault) -> bool {
        match fault {
            EdgeFault::Delay { delay, .. } => self
                .added(fault)
                .is_some_and(|added| quantile(&added, 0.5) >= delay.as_secs_f64() * 1_000.0 * LEAST_DELAY),
            EdgeFault::Reset { .. } | EdgeFault::Abort { .. } => self.hits > 0,
        }
    }

    /// Added one-way milliseconds of each probe, sorted.
    fn added(&self, fault: &EdgeFault) -> Option<Vec<f64>> {
        let EdgeFault::Delay { direction, .. } = fault else {
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
        let share = f64::from(self.hits) / f64::from(self.probes.max(1));
        if let Some(added) = self.added(fault) {
            all.insert("delay_ms_p50".into(), quantile(&added, 0.5));
            all.insert("delay_ms_p99".into(), quantile(&added, 0.99));
            all.insert("delay_probes".into(), added.len() as f64);
        } else if self.probes > 0 {
            let name = if matches!(fault, EdgeFault::Reset { .. }) { "reset" } else { "abort" };
            all.insert(format!("{name}_share"), share);
            all.insert(format!("{name}_probes"), f64::from(self.probes));
        }
        all
    }
}

fn times(seen: Vec<Seen>) -> impl Iterator<Item = f64> {
    seen.into_iter().filter_map(|seen| match seen {
        Seen::Answer { took, .. } => Some(took.as_secs_f64() * 1_000.0),
        Seen::Reset | Seen::Nothing => None,
    })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// Nearest rank in sorted values that are not empty.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}
