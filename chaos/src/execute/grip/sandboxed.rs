//! The dose of a fault that a sandbox has in its table: seen by doing what the component would do.

use super::Quantities;
use super::files::FileProbe;
use super::names::NameProbe;
use crate::act::Hold;
use crate::execute::measure::{probes_for, quantile, sorted};
use crate::holder::Order;
use crate::sandbox::{FileEffect, NameEffect, is_probe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How often a delay has to be seen: the least whose median survives two outliers.
const DELAYS: u32 = 5;
/// Looks at a share: so many that a sound fault shows less than half of it once in ten thousand times.
const SHARE_LOOKS: f64 = 64.0;
/// Looks at a share of everything.
const ALL_LOOKS: u32 = 16;
/// How long the last look may take once the fault is out.
const LAST_MAX: Duration = Duration::from_secs(2);

/// What looks saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) probes: u32,
    pub(super) hits: u32,
    pub(super) delays_ms: Vec<f64>,
}

/// Looks at one fault, one look after the other.
pub(super) struct Sandboxed {
    order: Order,
    /// Name of the share that is hit.
    name: &'static str,
    share: f64,
    seen: Seen,
    probe: Option<Probe>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<Result<Seen, String>>>,
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
        let (seen, stop) = (Seen::default(), Arc::default());
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
        let (looks, enough) = match self.name {
            DELAYED => (probes_for(self.share).max(DELAYS), DELAYS),
            _ => (looks(self.share), u32::MAX),
        };
        self.look(looks.div_ceil(ways.max(1) as u32), enough).await
    }

    /// One more look; may be dropped.
    pub(super) async fn sample(&mut self) {
        // What cannot be seen now was seen before.
        let _ = self.look(1, u32::MAX).await;
    }

    async fn look(&mut self, looks: u32, enough: u32) -> Result<(), String> {
        if self.running.is_none() {
            let Some(probe) = self.probe.clone() else { return Ok(()) };
            let stop = self.stop.clone();
            self.running = Some(match probe {
                Probe::Files(files) => tokio::task::spawn_blocking(move || files.look(looks, enough, &stop)),
                Probe::Names(names) => tokio::spawn(names.look(looks, enough)),
            });
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        let ended = running.await;
        self.running = None;
        let seen = ended.map_err(|error| error.to_string())??;
        self.seen.probes += seen.probes;
        self.seen.hits += seen.hits;
        self.seen.delays_ms.extend(seen.delays_ms);
        Ok(())
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
        if self.seen.probes > 0 {
            all.insert(format!("{}_share", self.name), f64::from(self.seen.hits) / f64::from(self.seen.probes));
            all.insert(format!("{}_probes", self.name), f64::from(self.seen.probes));
        }
        if !self.seen.delays_ms.is_empty() {
            let delays = sorted(&self.seen.delays_ms);
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

/// Looks that tell a share from its half.
fn looks(share: f64) -> u32 {
    let enough = (SHARE_LOOKS * (1.0 - share) / share).ceil() as u32;
    enough.max(probes_for(share)).max(ALL_LOOKS)
}
