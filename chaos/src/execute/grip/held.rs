//! A holder process: started, renewed, ended, and looked at from outside.

use super::observe::Observer;
use super::sandboxed::Sandboxed;
use super::{Keeper, Quantities, differs, lacks};
use crate::act::Hold;
use crate::execute::measure::WallClock;
use crate::holder::{self, Order};
use crate::landscape::{Landscape, Site};
use crate::lease::{FaultId, LEASE_TTL};
use crate::plan::PlannedFault;
use crate::proc_table::{self, Entry};
use crate::sandbox::Settings;
use crate::shifted_clock;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io::{self, PipeWriter, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a holder may take to have its fault in: memory is touched, connections are opened meanwhile.
const IN_MAX: Duration = Duration::from_secs(10);
/// How long a holder may take to undo before it is killed, which undoes as well.
const OUT_MAX: Duration = Duration::from_millis(800);
/// How long nothing of the fault may be seen any more after the holder has ended.
const GONE_MAX: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long a quantity over time is watched before it is believed.
const WATCH: Duration = Duration::from_millis(600);
/// What a drifting clock has to gain or lose before it is believed, milliseconds: more than the second that it tells.
const GAIN: f64 = 1_200.0;

pub(in crate::execute) struct HeldGrip {
    id: FaultId,
    component: String,
    chosen: Vec<usize>,
    hold: Hold,
    seed: u64,
    asked: Vec<(&'static str, f64)>,
    lifeline: Arc<Lifeline>,
    holder: Option<(Child, Lines<BufReader<ChildStdout>>)>,
    observer: Option<Observer>,
    wall: Option<WallClock>,
    /// Looks at what a sandbox does.
    sandboxed: Option<Sandboxed>,
}

/// Our end of the holder's stdin: without it the holder undoes and ends.
#[derive(Default)]
struct Lifeline(Mutex<Option<PipeWriter>>);

impl Lifeline {
    fn send(&self, byte: u8) -> io::Result<()> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(pipe) => pipe.write_all(&[byte]),
            None => Ok(()),
        }
    }

    fn set(&self, pipe: Option<PipeWriter>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }
}

impl Keeper for Lifeline {
    fn renew(&self) -> bool {
        // A full pipe means a holder that does not read: its own timers end it.
        self.send(holder::RENEW).is_ok()
    }
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
            lifeline: Arc::default(),
            holder: None,
            observer: None,
            wall: None,
            sandboxed: None,
        }
    }

    pub(super) fn keeper(&self) -> Arc<dyn Keeper> {
        self.lifeline.clone()
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
        self.observer = Some(Observer::new(order.clone()));
        self.sandboxed = Sandboxed::of(&order);
        self.start(&site, &order).await.map_err(|error| format!("no holder: {error}"))?;
        self.wall.iter_mut().for_each(WallClock::is_in);
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
        lacks(&self.amounts(), &self.quantities()).map_or(Ok(()), Err)
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
            Hold::Clock { gain_ms_per_s, .. } => Duration::from_secs_f64(GAIN / gain_ms_per_s.abs() as f64),
            _ => Duration::ZERO,
        }
    }

    async fn start(&mut self, site: &Site, order: &Order) -> io::Result<()> {
        let (theirs, mut ours) = io::pipe()?;
        let mut command = Command::new(&site.program);
        let mark = site.mark.split_once('=').ok_or_else(|| io::Error::other("the landscape has no mark"))?;
        command
            .arg(holder::SUBCOMMAND)
            .env_clear()
            .env(mark.0, mark.1)
            .env(holder::MARK, self.id.as_str())
            .current_dir("/")
            .stdin(theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is for the executor, which undoes in order.
            .process_group(0);
        let mut child = command.spawn()?;
        drop(command);
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("it has no stdout"))?;
        // Before anything is awaited: whoever drops this future must still find the holder and end it.
        let (_, lines) = self.holder.insert((child, BufReader::new(stdout).lines()));
        let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
        line.push(b'\n');
        // Off the runtime: a long order fills the pipe until the holder reads.
        let ours = tokio::task::spawn_blocking(move || ours.write_all(&line).map(|()| ours)).await??;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        self.lifeline.set(Some(ours));
        let said = timeout(IN_MAX, lines.next_line()).await.map_err(io::Error::other)??;
        match said.as_deref() {
            Some("in") => Ok(()),
            Some(said) => Err(io::Error::other(said.to_owned())),
            None => Err(io::Error::other("it ended without a word")),
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
        let pid = self.holder.as_ref().and_then(|(child, _)| child.id()).and_then(|pid| i32::try_from(pid).ok());
        if let (Some(observer), Some(pid)) = (&mut self.observer, pid) {
            observer.look(pid);
        }
    }

    pub(super) async fn take_out(&mut self) -> Result<(), String> {
        self.look();
        // An error means that it has ended by itself.
        let _ = self.lifeline.send(holder::END);
        self.lifeline.set(None);
        let Some((mut child, _)) = self.holder.take() else {
            return Ok(());
        };
        if timeout(OUT_MAX, child.wait()).await.is_err() {
            child.start_kill().map_err(|error| format!("the holder cannot be ended: {error}"))?;
            timeout(GONE_MAX, child.wait()).await.map_err(|_| "the holder outlives its kill".to_string())?.ok();
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
        all.extend(self.sandboxed.as_ref().map(Sandboxed::quantities).unwrap_or_default());
        all
    }
}
