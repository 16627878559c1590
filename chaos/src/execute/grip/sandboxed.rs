//! The dose of a fault that a sandbox has in its table: seen by doing what the component would do.

use super::files::FileProbe;
use super::names::NameProbe;
use super::{LEAST, Quantities};
use crate::act::Hold;
use crate::execute::measure::{Hits, probes_for, quantile, sorted};
use crate::holder::Order;
use crate::sandbox::{FileEffect, FileOperation, NameEffect, is_probe};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How often a delay has to be seen: the least whose median survives two outliers.
const DELAYS: u32 = 5;
/// How often it has to be seen of each operation: one may be chance.
const DELAYS_EACH: u32 = 2;
/// So many times the looks at delays follow when they show less than is asked: few cannot tell far less from that.
const AGAIN: u32 = 4;
/// Looks at a share: so many that a sound fault shows less than half of it once in ten thousand times.
const SHARE_LOOKS: f64 = 64.0;
/// Looks at a share of everything.
const ALL_LOOKS: u32 = 16;
/// How long the last look may take once the fault is out.
const LAST_MAX: Duration = Duration::from_secs(2);

/// What looks saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) hits: Hits,
    pub(super) delays_ms: Vec<f64>,
}

/// Of each operation; questions are of one kind.
pub(super) type AllSeen = BTreeMap<Option<FileOperation>, Seen>;

/// How often each operation is looked at.
#[derive(Clone, Copy)]
pub(super) struct Looks {
    share: f64,
    most: u32,
    /// Hits after which the rest is not needed.
    enough: u32,
    /// So many times `most` when the hits are too few.
    again: u32,
}

impl Looks {
    const ONE: Looks = Looks { share: 1.0, most: 1, enough: u32::MAX, again: 1 };

    fn at_delays(share: f64, ways: u32) -> Self {
        Self { share, most: probes_for(share), enough: DELAYS.div_ceil(ways).max(DELAYS_EACH), again: AGAIN }
    }

    fn at_all(share: f64, ways: u32) -> Self {
        Self { share, most: looks(share).div_ceil(ways).max(probes_for(share)), enough: u32::MAX, again: 1 }
    }

    /// How many more there are after these.
    pub(super) fn left(self, seen: Hits) -> u32 {
        let are_few = seen.share().is_some_and(|share| share < self.share * LEAST);
        let most = match are_few {
            true => self.most * self.again,
            false if seen.hits >= self.enough => 0,
            false => self.most,
        };
        most.saturating_sub(seen.probes)
    }
}

/// Looks at one fault, one look after the other.
pub(super) struct Sandboxed {
    order: Order,
    /// Name of the share that is hit.
    name: &'static str,
    share: f64,
    seen: AllSeen,
    probe: Option<Probe>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<Result<AllSeen, String>>>,
}

#[derive(Clone)]
enum Probe {
    Files(Arc<FileProbe>),
    Names(NameProbe),
}

/// Name of the share that delays hit.
const DELAYED: &str = "delayed";

impl Sandboxed {
    /// For orders to a sandbox.
    pub(super) fn of(order: &Order) -> Option<Self> {
        let (name, share) = match &order.hold {
            Hold::Files(fault) => match fault.effect {
                FileEffect::Error(_) => ("failed", fault.share),
                FileEffect::Delay { .. } => (DELAYED, fault.share),
                FileEffect::Tear(_) => ("torn", fault.share),
            },
            Hold::Names(fault) => match fault.effect {
                NameEffect::Error(_) => ("failed", fault.share),
                NameEffect::Delay { .. } => (DELAYED, fault.share),
                NameEffect::Address(_) => ("wrong", fault.share),
            },
            _ => return None,
        };
        let (seen, stop) = (AllSeen::new(), Arc::default());
        Some(Self { order: order.clone(), name, share, seen, probe: None, stop, running: None })
    }

    /// Looks until the fault has been seen, or often enough that it would have been.
    pub(super) async fn verify(&mut self) -> Result<(), String> {
        let (probe, ways) = match &self.order.hold {
            Hold::Files(fault) => (Probe::Files(Arc::new(FileProbe::new(&self.order, fault)?)), fault.operations.len()),
            Hold::Names(fault) => (Probe::Names(NameProbe::new(&self.order, fault)?), 1),
            _ => return Ok(()),
        };
        self.probe = Some(probe);
        let ways = ways.max(1) as u32;
        self.look(if self.name == DELAYED {
            Looks::at_delays(self.share, ways)
        } else {
            Looks::at_all(self.share, ways)
        })
        .await?;
        lacking(&self.seen, self.share).map_or(Ok(()), |(op, hits)| Err(self.told(op, hits)))
    }

    /// One more look; may be dropped.
    pub(super) async fn sample(&mut self) {
        // What cannot be seen now was seen before.
        let _ = self.look(Looks::ONE).await;
    }

    async fn look(&mut self, looks: Looks) -> Result<(), String> {
        if self.running.is_none() {
            let Some(probe) = self.probe.clone() else { return Ok(()) };
            let stop = self.stop.clone();
            self.running = Some(match probe {
                Probe::Files(files) => tokio::task::spawn_blocking(move || files.look(looks, &stop)),
                Probe::Names(names) => tokio::spawn(names.look(looks)),
            });
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        let ended = running.await;
        self.running = None;
        let seen = ended.map_err(|error| error.to_string())??;
        for (op, more) in seen {
            let seen = self.seen.entry(op).or_default();
            seen.hits.add(more.hits);
            seen.delays_ms.extend(more.delays_ms);
        }
        Ok(())
    }

    /// What to tell of a share that is not what was asked for.
    pub(super) fn differs(&self) -> Option<String> {
        let hits = self.hits();
        (hits.are_below(self.share) || hits.are_above(self.share)).then(|| self.told(None, hits))
    }

    fn told(&self, op: Option<FileOperation>, hits: Hits) -> String {
        let of = op.map(|op| format!(" of {op}")).unwrap_or_default();
        let seen = hits.share().unwrap_or(0.0);
        format!("{}_share{of} is {seen:.2} of {} probes, asked {:.2}", self.name, hits.probes, self.share)
    }

    /// Whether this is judged here, by what chance explains.
    pub(super) fn judges(&self, quantity: &str) -> bool {
        quantity.strip_suffix("_share") == Some(self.name)
    }

    /// Of all operations.
    fn hits(&self) -> Hits {
        let mut all = Hits::default();
        self.seen.values().for_each(|seen| all.add(seen.hits));
        all
    }

    /// Ends a look that is still under way; to be called when the fault is out.
    pub(super) async fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(running) = self.running.take() {
            let _ = timeout(LAST_MAX, running).await;
        }
    }

    pub(super) fn quantities(&self) -> Quantities {
        let mut all = Quantities::new();
        let hits = self.hits();
        if let Some(share) = hits.share() {
            all.insert(format!("{}_share", self.name), share);
            all.insert(format!("{}_probes", self.name), f64::from(hits.probes));
        }
        let delays: Vec<f64> = self.seen.values().flat_map(|seen| seen.delays_ms.iter().copied()).collect();
        if !delays.is_empty() {
            let delays = sorted(&delays);
            all.insert("delay_ms_p50".into(), quantile(&delays, 0.5));
            all.insert("delay_ms_p99".into(), quantile(&delays, 0.99));
        }
        all
    }

    /// A probe of ours that is still there.
    pub(super) fn left(&self) -> Option<String> {
        let Hold::Files(fault) = &self.order.hold else { return None };
        let root = self.order.folder.as_ref()?;
        let probe = crate::holder::probes(&self.order, fault).ok()?.into_iter().next()?;
        let place = root.join(probe.parent()?);
        let key = self.order.probe_key();
        let mut files = std::fs::read_dir(place).ok()?.flatten().map(|file| file.path());
        files.find(|file| is_probe(file, Some(&key))).map(|file| format!("{} is still there", file.display()))
    }
}

/// The first operation that does not show the fault.
fn lacking(seen: &AllSeen, share: f64) -> Option<(Option<FileOperation>, Hits)> {
    seen.iter().find(|(_, seen)| !seen.hits.show(share)).map(|(op, seen)| (*op, seen.hits))
}

/// Looks that tell a share from its half.
fn looks(share: f64) -> u32 {
    let enough = (SHARE_LOOKS * (1.0 - share) / share).ceil() as u32;
    enough.max(probes_for(share)).max(ALL_LOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks until no more are due; each `nth` is a hit.
    fn looked(looks: Looks, nth: u32) -> Hits {
        let mut hits = Hits::default();
        while looks.left(hits) > 0 {
            hits.probes += 1;
            hits.hits += u32::from(hits.probes % nth == 0);
        }
        hits
    }

    #[test]
    fn some_late_probes_among_many_are_no_delay() {
        for ways in [1, 3, 9] {
            let looks = Looks::at_delays(1.0, ways);
            assert!(!looked(looks, 8).show(1.0));
            let all = looked(looks, 1);
            assert!(all.show(1.0) && all.probes == looks.enough, "{all:?}");
            assert!(looked(Looks::at_delays(0.1, ways), 10).show(0.1));
        }
    }

    #[test]
    fn every_operation_has_to_show_the_fault() {
        let seen = |nth| Seen { hits: looked(Looks::at_all(1.0, 2), nth), delays_ms: Vec::new() };
        let (read, fsync) = (Some(FileOperation::Read), Some(FileOperation::Fsync));
        assert_eq!(lacking(&[(read, seen(1)), (fsync, seen(1))].into(), 1.0), None);
        let (op, hits) = lacking(&[(read, seen(1)), (fsync, seen(u32::MAX))].into(), 1.0).unwrap();
        assert_eq!((op, hits.hits), (fsync, 0));
    }
}
