//! Reads the dose of an edge fault back, by probes that go through the edge as a caller would.

mod count;
mod exchange;
mod hits;
mod notice;
mod packets;
mod rate;
mod share;
mod shown;
mod tapped;
mod wall;

use crate::lease::FaultId;
use crate::probe::{Probe, Seen, look};
use crate::proxy::{Edge, EdgeFault, Message, PartitionMode};
use crate::road::PacketEffect;
use crate::tls::TlsDefect;
pub(super) use hits::{Hits, probes_for};
pub(super) use notice::Notice;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
pub(super) use wall::WallClock;

/// Probes of a delay at verification: the least whose median survives two outliers.
const DELAY_PROBES: u32 = 5;
/// Probes at once: as many as a small pool of the product would hold.
const CONCURRENT: usize = 8;
/// Longest wait of one probe on top of the delay that it measures.
const PROBE_MAX: Duration = Duration::from_millis(900);
/// Part of the asked amount, or share, that must be seen for the fault to count as in.
const LEAST: f64 = 0.5;
/// So many times the probes of a verification follow when they show less than was asked, or too few counted: few tell
/// less from as asked, but not far less from less.
const AGAIN: u32 = 4;

/// Share by which slices may differ: how many pieces there are is known to one, and their lengths vary.
const SLICE_TOLERANCE: f64 = 0.2;

/// What probes saw of one fault on one edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Dose {
    direct_ms: Vec<f64>,
    through_ms: Vec<f64>,
    hits: Hits,
    /// Amounts that were measured: rates, times, numbers.
    amounts: Vec<f64>,
    /// Numbers of packets that were lost in a row.
    bursts: Vec<f64>,
    /// Amounts that they should have been, where the message decides.
    expected: Vec<f64>,
}

/// Does something so many times, a few at once.
async fn repeat<T, F>(count: u32, what: impl Fn() -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    for _ in 0..count {
        if running.len() >= CONCURRENT {
            let next = running.join_next().await.expect("some are running");
            done.push(next.expect("a probe neither panics nor is aborted"));
        }
        running.spawn(what());
    }
    done.extend(running.join_all().await);
    done
}

async fn many(probe: &Probe, addr: SocketAddr, id: &FaultId, (count, limit): (u32, Duration)) -> Vec<Seen> {
    let once = || {
        let (probe, id) = (probe.clone(), id.to_string());
        async move { look(&probe, addr, &id, limit).await }
    };
    repeat(count, once).await
}

impl Dose {
    /// The probes of a verification.
    pub(super) async fn verify(&mut self, fault: &EdgeFault, edge: &Arc<Edge>, by: (&Probe, &FaultId)) {
        let share = asked_share(fault).map(|(_, share)| share);
        let count = match fault {
            EdgeFault::Delay { .. } | EdgeFault::SlowClose { .. } => DELAY_PROBES,
            _ => share.map_or(1, probes_for),
        };
        self.look(fault, edge, by, count).await;
        let hits = self.evidence(fault);
        let few = hits.probes as usize * 10 < count as usize * 9;
        let unsure = match share {
            Some(share) => (few || hits.are_below(share)) && self.shows(fault),
            // A machine that is busy for a moment is slow straight to the target as well.
            None => count > 1 && !self.shows(fault),
        };
        if unsure {
            self.look(fault, edge, by, count * AGAIN).await;
        }
    }

    /// One more probe while the fault holds.
    pub(super) async fn sample(&mut self, fault: &EdgeFault, edge: &Arc<Edge>, by: (&Probe, &FaultId)) {
        use EdgeFault::{Bandwidth, LimitConnections, LimitData};
        // These take many requests or connections: once is enough, the landscape has its own to carry.
        if matches!(fault, Bandwidth { .. } | LimitConnections { .. } | LimitData { .. }) {
            return;
        }
        self.look(fault, edge, by, 1).await;
    }

    /// What was seen of one fault on all its edges.
    pub(super) fn together<'a>(doses: impl Iterator<Item = &'a Dose>) -> Dose {
        doses.fold(Dose::default(), |mut all, dose| {
            all.direct_ms.extend(&dose.direct_ms);
            all.through_ms.extend(&dose.through_ms);
            all.hits.add(dose.hits);
            all.amounts.extend(&dose.amounts);
            all.bursts.extend(&dose.bursts);
            all.expected.extend(&dose.expected);
            all
        })
    }

    async fn look(&mut self, fault: &EdgeFault, edge: &Arc<Edge>, (probe, id): (&Probe, &FaultId), count: u32) {
        match fault {
            EdgeFault::Delay { delay, jitter, direction } => {
                self.times(edge, (probe, id), count, (*delay + *jitter) * direction.passes_per_round_trip()).await;
            }
            EdgeFault::SlowClose { delay, direction } => {
                let by = (&Probe::HalfClose, id);
                self.times(edge, by, count, *delay * direction.passes_per_round_trip()).await;
            }
            EdgeFault::Reset { .. } => self.hits.add(share::resets(edge, (probe, id), count).await),
            EdgeFault::Abort { status, .. } => self.hits.add(share::aborts(edge, (probe, id), count, *status).await),
            EdgeFault::Partition { mode, direction } => {
                self.hits.add(share::cuts(edge, (probe, id), count, (*mode, *direction)).await);
            }
            EdgeFault::HttpDelay { delay, jitter, .. } => {
                let (seen, times) = share::delays(edge, probe, count, (*delay, *jitter)).await;
                self.hits.add(seen);
                self.amounts.extend(times);
            }
            EdgeFault::HttpHeader { edit, on: Message::Request, .. } => {
                self.hits.add(tapped::rewrites(edge, count, edit).await);
            }
            EdgeFault::Corrupt { direction, .. } => self.hits.add(tapped::flips(edge, count, *direction).await),
            EdgeFault::Tls { defect, presents } => {
                let issuer = presents.as_ref().and_then(|presented| presented.issuer.as_ref());
                self.hits.add(shown::defective(edge, count, *defect, issuer).await);
            }
            EdgeFault::HttpHeader { .. } | EdgeFault::HttpBody { .. } => {
                self.hits.add(share::changes(edge, probe, count, fault).await);
            }
            EdgeFault::Bandwidth { bytes_per_second, per, direction } => {
                self.amounts.extend(rate::through(edge, probe, (*bytes_per_second, *per, *direction)).await);
            }
            EdgeFault::HttpSlow { bytes_per_second, .. } => {
                if let Some((rates, probes)) = rate::drip(edge, probe, (bytes_per_second.get(), count)).await {
                    self.hits.add(Hits { probes, hits: rates.len() as u32 });
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
            EdgeFault::Packets { fault, over } => {
                let Some(road) = over else { return };
                let told = packets::look(edge, road, fault, count).await;
                self.hits.add(told.hits);
                self.bursts.extend(told.bursts);
            }
            // No kind of the catalogue asks for these: they serve the clients of the Toxiproxy API.
            EdgeFault::ResetAfter { .. } | EdgeFault::Timeout { .. } => (),
        }
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
        let amount_shows = match fault {
            EdgeFault::Delay { delay, .. } | EdgeFault::SlowClose { delay, .. } => {
                self.added(fault).is_some_and(|added| quantile(&added, 0.5) >= delay.as_secs_f64() * 1_000.0 * LEAST)
            }
            EdgeFault::Bandwidth { bytes_per_second, .. } => rate::is_near(&self.amounts, *bytes_per_second),
            EdgeFault::HttpSlow { bytes_per_second, .. } => rate::is_near(&self.amounts, bytes_per_second.get()),
            EdgeFault::LimitConnections { max } => amount.is_some_and(|seen| seen >= *max as f64 * LEAST),
            EdgeFault::LimitData { bytes, .. } => amount.is_some_and(|seen| seen >= *bytes as f64 * LEAST),
            EdgeFault::Slice { .. } => {
                self.sliced().is_some_and(|(added, expected)| expected > 0.0 && added >= expected * LEAST)
            }
            // A partition with a hole is none, and some callers see the right certificate only by mistake.
            EdgeFault::Partition { .. } | EdgeFault::Tls { .. } => self.hits.hits == self.hits.probes,
            EdgeFault::Reset { .. }
            | EdgeFault::Abort { .. }
            | EdgeFault::Corrupt { .. }
            | EdgeFault::HttpDelay { .. }
            | EdgeFault::HttpHeader { .. }
            | EdgeFault::HttpBody { .. }
            | EdgeFault::Packets { .. } => true,
            EdgeFault::ResetAfter { .. } | EdgeFault::Timeout { .. } => false,
        };
        amount_shows && asked_share(fault).is_none_or(|(_, share)| self.evidence(fault).show(share))
    }

    /// The hits as far as each says something of its own.
    fn evidence(&self, fault: &EdgeFault) -> Hits {
        match fault {
            EdgeFault::Packets { fault, .. } => self.hits.thinned(packets::spread(&fault.effect)),
            _ => self.hits,
        }
    }

    /// Whether the quantity of this name is a share of probes.
    pub(super) fn is_share(fault: &EdgeFault, quantity: &str) -> bool {
        asked_share(fault).is_some_and(|(name, _)| quantity.strip_suffix("_share") == Some(name))
    }

    /// What to tell of a share, or of slices, that are not what was asked for.
    pub(super) fn differs(&self, fault: &EdgeFault) -> Option<String> {
        if let (EdgeFault::Slice { .. }, Some((added, expected))) = (fault, self.sliced()) {
            let differs = (added - expected).abs() > expected * SLICE_TOLERANCE;
            return differs.then(|| format!("sliced_ms is {added:.2}, asked {expected:.2}"));
        }
        let of_bursts = match fault {
            EdgeFault::Packets { fault, .. } => packets::bursts_differ(&fault.effect, &self.bursts),
            _ => None,
        };
        let ((name, asked), seen) = (asked_share(fault)?, self.hits.share()?);
        let hits = self.evidence(fault);
        let differs = hits.are_below(asked) || hits.are_above(asked);
        let of_share =
            differs.then(|| format!("{name}_share is {seen:.2} of {} probes, asked {asked:.2}", self.hits.probes));
        of_share.or(of_bursts)
    }

    /// Milliseconds that slices add, and those that were to be expected.
    fn sliced(&self) -> Option<(f64, f64)> {
        median(&self.amounts).zip(median(&self.expected))
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
        if let (Some((name, _)), Some(share)) = (asked_share(fault), self.hits.share()) {
            all.insert(format!("{name}_share"), share);
            all.insert(format!("{name}_probes"), f64::from(self.hits.probes));
        }
        if !self.bursts.is_empty() {
            all.insert("burst_mean".into(), self.bursts.iter().sum::<f64>() / self.bursts.len() as f64);
        }
        if let (Some(name), Some(amount)) = (amount_name(fault), median(&self.amounts)) {
            all.insert(name.into(), amount);
        }
        all
    }
}

/// The first part of the name of the measured share, and the share of the probes that must show the fault.
fn asked_share(fault: &EdgeFault) -> Option<(&'static str, f64)> {
    match fault {
        EdgeFault::Reset { share } => Some(("reset", share.value())),
        EdgeFault::Abort { share, .. } => Some(("abort", share.value())),
        EdgeFault::Partition { mode: PartitionMode::Reject, .. } => Some(("reject", 1.0)),
        EdgeFault::Partition { .. } => Some(("cut", 1.0)),
        EdgeFault::HttpDelay { delay, jitter, share } => {
            Some(("held", share.value() * share::visible(*delay, *jitter)))
        }
        EdgeFault::HttpHeader { share, .. } => Some(("rewritten", share.value())),
        EdgeFault::HttpBody { share, .. } => Some(("edited", share.value())),
        EdgeFault::HttpSlow { share, .. } => Some(("slow", share.value())),
        EdgeFault::Corrupt { share, .. } => Some(("changed", share.value())),
        EdgeFault::Packets { fault, .. } => Some((packet_name(&fault.effect), fault.effect.share().value())),
        EdgeFault::Tls { defect: TlsDefect::Expired, .. } => Some(("tls_expired", 1.0)),
        EdgeFault::Tls { defect: TlsDefect::WrongHost, .. } => Some(("tls_wrong_host", 1.0)),
        EdgeFault::Tls { defect: TlsDefect::UnknownIssuer, .. } => Some(("tls_unknown_issuer", 1.0)),
        _ => None,
    }
}

fn packet_name(effect: &PacketEffect) -> &'static str {
    match effect {
        PacketEffect::Loss { .. } => "loss",
        PacketEffect::Duplicate { .. } => "duplicate",
        PacketEffect::Reorder { .. } => "reordered",
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
