//! A holder process: started, renewed, ended, and looked at from outside.

use super::holder_process::HolderProcess;
use super::observe::Observer;
use super::sandboxed::Sandboxed;
use super::{Keeper, Quantities, differs, lacks};
use crate::act::Hold;
use crate::execute::measure::{Notice, WallClock};
use crate::fault::Seen;
use crate::holder::Order;
use crate::landscape::Landscape;
use crate::lease::{FaultId, LEASE_TTL};
use crate::plan::PlannedFault;
use crate::proc_table::{self, Entry};
use crate::sandbox::Settings;
use crate::shifted_clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long nothing of the fault may be seen any more after the holder has ended.
const GONE_MAX: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long a quantity over time is watched before it is believed.
const WATCH: Duration = Duration::from_millis(600);
/// How long threads are watched that are to do nothing.
const STANDS: Duration = Duration::from_millis(150);
/// What a drifting clock has to gain or lose before it is believed, milliseconds: more than the second that it tells.
const GAIN: f64 = 1_200.0;

pub(in crate::execute) struct HeldGrip {
    id: FaultId,
    component: String,
    chosen: Vec<usize>,
    hold: Hold,
    seed: u64,
    asked: Vec<(&'static str, f64)>,
    holder: HolderProcess,
    observer: Option<Observer>,
    wall: Option<WallClock>,
    /// How to see that the component acts on it.
    seen: Option<(Seen, [&'static str; 2])>,
    notice: Option<Notice>,
    /// Looks at what a sandbox does.
    sandboxed: Option<Sandboxed>,
}

impl HeldGrip {
    pub(super) fn new(fault: &PlannedFault, id: &FaultId, hold: Hold) -> Self {
        Self {
            id: id.clone(),
            component: fault.component.clone(),
            chosen: fault.replicas(),
            hold,
            seed: fault.seed,
            asked: fault.fault.asked(),
            holder: HolderProcess::default(),
            observer: None,
            wall: None,
            seen: fault.fault.seen().map(|(seen, names)| (seen.clone(), names)),
            notice: None,
            sandboxed: None,
        }
    }

    pub(super) fn keeper(&self) -> Arc<dyn Keeper> {
        self.holder.keeper()
    }

    /// The order for the holder: what to hold, on what is there now.
    fn order(&self, landscape: &dyn Landscape) -> Result<Order, String> {
        let replicas = landscape.processes(&self.component);
        let chosen = if self.chosen.is_empty() { vec![0] } else { self.chosen.clone() };
        let mut processes: Vec<Entry> = Vec::new();
        for replica in chosen {
            let tree = replicas.get(replica).ok_or_else(|| format!("replica {replica} does not run"))?;
            processes.extend(tree.iter().filter_map(|pid| proc_table::entry(*pid)));
        }
        let address = landscape.edges(None, &self.component).iter().find_map(|edge| edge.upstream());
        Ok(Order {
            hold: self.hold.clone(),
            ttl_ms: LEASE_TTL.as_millis() as u64,
            processes,
            mark: landscape.site().mark,
            folder: landscape.folder(&self.component),
            address,
            clock: landscape.clock(&self.component),
            sandbox: Some(Settings::address(&landscape.site().mark, &self.component)),
            seed: self.seed,
        })
    }

    pub(super) async fn inject(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        let order = self.order(landscape)?;
        let site = landscape.site();
        self.wall = self.wall_clock(&order, landscape).await?;
        if let Some(seen) = self.seen.clone() {
            self.notice = Some(Notice::before(order.address, seen).await?);
        }
        self.observer = Some(Observer::new(order.clone()));
        self.sandboxed = Sandboxed::of(&order);
        self.holder.start((&site, &self.id), &order).await.map_err(|error| format!("no holder: {error}"))?;
        self.wall.iter_mut().for_each(WallClock::is_in);
        self.notice.iter_mut().for_each(Notice::is_in);
        self.look();
        if let Some(sandboxed) = &mut self.sandboxed {
            sandboxed.verify().await?;
        }
        let until = Instant::now() + self.watch();
        while Instant::now() < until {
            sleep(LOOK * 10).await;
            self.look();
            self.look_at_wall().await;
        }
        lacks(&self.amounts(), &self.quantities()).map_or(Ok(()), Err)?;
        match &mut self.notice {
            Some(notice) => notice.wait().await,
            None => Ok(()),
        }
    }

    /// What is asked for, without the share that looks at a sandbox judge.
    fn amounts(&self) -> Vec<(&'static str, f64)> {
        let judges = |name: &str| self.sandboxed.as_ref().is_some_and(|sandboxed| sandboxed.judges(name));
        self.asked.iter().filter(|(name, _)| !judges(name)).copied().collect()
    }

    pub(super) fn remark(&self) -> Option<String> {
        let share = self.sandboxed.as_ref().and_then(Sandboxed::differs);
        let off: Vec<String> = share.into_iter().chain(differs(&self.amounts(), &self.quantities())).collect();
        (!off.is_empty()).then(|| off.join("; "))
    }

    /// What a reader of the record should know of the time after the undo.
    pub(super) fn remark_afterwards(&self) -> Option<String> {
        self.notice.as_ref().and_then(Notice::remark)
    }

    /// The clock of the component, when it is what the fault acts on.
    async fn wall_clock(&self, order: &Order, landscape: &dyn Landscape) -> Result<Option<WallClock>, String> {
        if !matches!(self.hold, Hold::Clock { .. }) {
            return Ok(None);
        }
        if !order.processes.first().is_some_and(|process| shifted_clock::is_loaded(process.pid)) {
            let why = "a static program and one that clears LD_PRELOAD cannot be given another clock";
            return Err(format!("{} has not loaded the clock library: {why}", self.component));
        }
        WallClock::before(order.address, landscape.probe(&self.component)).await.map(Some)
    }

    /// How long the dose is looked at before it is believed.
    fn watch(&self) -> Duration {
        match self.hold {
            Hold::Cpu { .. } | Hold::Io { .. } => WATCH,
            Hold::Clock { gain_ms_per_s: 0, .. } => WATCH,
            Hold::Threads(_) => STANDS,
            Hold::Clock { gain_ms_per_s, .. } => Duration::from_secs_f64(GAIN / gain_ms_per_s.abs() as f64),
            _ => Duration::ZERO,
        }
    }

    pub(super) async fn sample(&mut self) {
        self.look();
        self.look_at_wall().await;
        if let Some(sandboxed) = &mut self.sandboxed {
            sandboxed.sample().await;
        }
    }

    async fn look_at_wall(&mut self) {
        if let Some(wall) = &mut self.wall {
            wall.look().await;
        }
    }

    fn look(&mut self) {
        let pid = self.holder.pid().and_then(|pid| i32::try_from(pid).ok());
        if let (Some(observer), Some(pid)) = (&mut self.observer, pid) {
            observer.look(pid);
        }
    }

    pub(super) async fn take_out(&mut self) -> Result<(), String> {
        self.look();
        let ran = self.holder.pid().is_some();
        self.holder.end().await?;
        if !ran {
            return Ok(());
        }
        if let Some(sandboxed) = &mut self.sandboxed {
            sandboxed.stop().await;
        }
        let until = Instant::now() + GONE_MAX;
        while let Some(left) = self.left() {
            if Instant::now() >= until {
                return Err(left);
            }
            sleep(LOOK).await;
        }
        self.notice.iter_mut().for_each(Notice::is_out);
        Ok(())
    }

    /// What of the fault is still to be seen.
    fn left(&self) -> Option<String> {
        let observed = self.observer.as_ref().and_then(Observer::left);
        observed.or_else(|| self.sandboxed.as_ref().and_then(Sandboxed::left))
    }

    pub(super) fn quantities(&self) -> Quantities {
        let mut all = self.observer.as_ref().map(Observer::quantities).unwrap_or_default();
        if let Some(wall) = &self.wall {
            let (name, value) = match self.hold {
                Hold::Clock { gain_ms_per_s: 0, .. } => ("offset_ms", wall.offset_ms()),
                _ => ("gained_ms_per_s", wall.gained_ms_per_s()),
            };
            all.extend(value.map(|value| (name.to_owned(), value)));
            all.insert("date_probes".into(), wall.looks() as f64);
        }
        all.extend(self.notice.iter().flat_map(Notice::quantities).map(|(name, value)| (name.to_owned(), value)));
        all.extend(self.sandboxed.as_ref().map(Sandboxed::quantities).unwrap_or_default());
        all
    }
}
