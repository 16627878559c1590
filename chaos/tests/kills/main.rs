//! Kills whatever holds a fault, at random moments, over every kind of the catalogue, and looks for what is left.
//!
//! `METTLE_KILLS` is the number of kills (default 200), `METTLE_SEED` the seed of all choices.

mod clean;
#[path = "../it/component.rs"]
mod component;
#[path = "../actor/faults.rs"]
mod faults;
#[path = "../actor/job.rs"]
mod job;
#[path = "../actor/landscape.rs"]
mod landscape;
mod noticed;

use chaos::act::Act;
use chaos::fault::{CATALOGUE, Fault};
use chaos::holder;
use chaos::pidfd::PidFd;
use chaos::proc_table;
use chaos::proxy::{EdgeFault, draw};
use clean::Before;
use component::{Component, actor};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Latest moment of a kill after the start of the executor: the fault is in long before.
const LATEST: Duration = Duration::from_millis(1_200);
/// An orphan ends within its lease of 5 s and one second; the rest is for a busy machine.
const CLEAN_WITHIN: Duration = Duration::from_secs(12);

/// Whom a kill hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// The executor: nobody undoes in order, nobody renews.
    Executor,
    /// The holder alone: the executor is there and sees it.
    Holder,
    /// Executor and holder in one instant.
    Both,
    /// The sandbox of the component: its files are gone, and it is started again.
    Sandbox,
    /// The executor is stopped, not killed: it holds every pipe and connection open and does nothing.
    Stopped,
}

impl Victim {
    /// Only some kinds have a holder.
    fn drawn(share: f64, kind: &str) -> Self {
        let held = is_held(kind);
        match share {
            s if s < 0.35 => Victim::Executor,
            s if s < 0.5 && is_sandboxed(kind) => Victim::Sandbox,
            s if s < 0.7 && held => Victim::Holder,
            s if s < 0.95 && held => Victim::Both,
            s if s < 0.95 => Victim::Executor,
            _ => Victim::Stopped,
        }
    }
}

/// Whether a holder keeps faults of this kind in place.
fn is_held(kind: &str) -> bool {
    let fault: Fault = serde_json::from_value(faults::fault(kind)).expect("it is a fault of the catalogue");
    matches!(fault.act(), Act::Held(_) | Act::Edge(EdgeFault::Packets { .. }))
}

/// Whether faults of this kind live in the sandbox of the component.
fn is_sandboxed(kind: &str) -> bool {
    CATALOGUE.iter().any(|declaration| declaration.kind == kind && declaration.prepared.is_some())
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn nothing_is_left_by_whoever_is_killed() {
    let (kills, seed) = (number("METTLE_KILLS", 200), number("METTLE_SEED", 7));
    let component = Component::start("sound");
    let all = CATALOGUE.iter().map(|declaration| declaration.kind);
    let able: Vec<_> = all.filter(|kind| component::is_prepared(&component.stage, kind)).collect();
    let before = Before::look(&component);
    let mut counts: BTreeMap<Victim, u64> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut failures, mut in_at_kill) = (Vec::new(), 0);
    for kill in 0..kills {
        let choose = |n: u64| draw(seed, kill * 3 + n);
        // Every kind in turn, so that no kind is left out by chance.
        let kind = able[kill as usize % able.len()];
        let victim = Victim::drawn(choose(0), kind);
        let run = format!("k{seed}-{kill}");
        component.is_up();
        in_at_kill += u64::from(strike(&component, (kind, &run), victim, LATEST.mul_f64(choose(1))));
        let end = Instant::now() + CLEAN_WITHIN;
        let mut left = before.left(&component, &run);
        while !left.is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            left = before.left(&component, &run);
        }
        *counts.entry(victim).or_default() += 1;
        *kinds.entry(kind).or_default() += 1;
        if !left.is_empty() {
            failures.push(format!("kill {kill} of {victim:?} in {kind}: {left:?}"));
        }
    }
    // Read by whoever keeps the running total.
    println!(
        "faults: {kills} kills, seed {seed}, {in_at_kill} with the fault in, {} leftovers; {counts:?}; {kinds:?}",
        failures.len()
    );
    let mark = component.stage.mark.clone();
    drop(component);
    let sandboxes = clean::sandboxes(&mark);
    assert!(sandboxes.is_empty(), "sandboxes {sandboxes:?} outlive their component");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Kills that meet no fault prove nothing; the earliest moments are before it.
    assert!(in_at_kill * 3 >= kills, "only {in_at_kill} of {kills} kills met a fault");
}

/// Starts an executor that injects, and hits the victim after so long; ends the executor in the end. Whether a fault
/// was in at that moment.
fn strike(component: &Component, (kind, run): (&str, &str), victim: Victim, after: Duration) -> bool {
    let job = job::Job {
        stage: component.stage.clone(),
        run: run.to_owned(),
        fault: faults::fault(kind),
        hold: "2s".to_owned(),
    };
    let job = serde_json::to_string(&job).expect("a job is plain data");
    let mut executor =
        Command::new(actor()).args(["executor", &job]).stdout(Stdio::piped()).spawn().expect("the executor starts");
    let said = follow(&mut executor);
    std::thread::sleep(after);
    let is_in = said.lock().unwrap_or_else(PoisonError::into_inner).as_str() == "injected";
    let holders = || {
        let all = proc_table::snapshot().expect("there is a process table");
        let is_ours = |pid: i32| proc_table::variable(pid, holder::MARK).is_some_and(|id| id.starts_with(run));
        // The guard is a child of the holder; it must outlive it.
        let ours: Vec<_> = all.into_iter().filter(|entry| is_ours(entry.pid)).collect();
        ours.iter().filter(|e| !ours.iter().any(|o| o.pid == e.parent)).map(|e| e.pid).collect::<Vec<_>>()
    };
    match victim {
        Victim::Executor => signal(&executor, Signal::SIGKILL),
        Victim::Holder => holders().into_iter().for_each(kill),
        Victim::Sandbox => {
            let of_ours = clean::sandboxes(&component.stage.mark);
            of_ours.iter().filter_map(|pid| pid.parse().ok()).for_each(kill);
        }
        Victim::Both => {
            let holders = holders();
            signal(&executor, Signal::SIGKILL);
            holders.into_iter().for_each(kill);
        }
        Victim::Stopped => {
            signal(&executor, Signal::SIGSTOP);
            // Its lease runs out while it stands.
            std::thread::sleep(chaos::lease::LEASE_TTL + Duration::from_secs(1));
            let left: Vec<_> =
                holders().into_iter().filter(|pid| proc_table::entry(*pid).is_some_and(|e| !e.zombie)).collect();
            assert!(left.is_empty(), "{kind}: holders {left:?} outlive the lease of a stopped executor");
        }
    }
    if matches!(victim, Victim::Holder | Victim::Sandbox) && is_in {
        // It sees the loss at the next renewal, at the latest, and undoes; then it is of no more use.
        component::until("the executor undid", || {
            said.lock().unwrap_or_else(PoisonError::into_inner).as_str() != "injected"
        });
    }
    if victim == Victim::Holder {
        component::until("the executor renewed", || {
            holders().iter().all(|pid| proc_table::entry(*pid).is_none_or(|e| e.zombie))
        });
    }
    signal(&executor, Signal::SIGKILL);
    executor.wait().expect("it is our child");
    is_in
}

/// The last line that the executor wrote.
fn follow(executor: &mut Child) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let (lines, last) = (BufReader::new(executor.stdout.take().expect("it has a stdout")).lines(), said.clone());
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    });
    said
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("process ids are positive 32-bit numbers");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("it is our child and not reaped");
}

fn kill(pid: i32) {
    // One that has just ended needs no kill.
    if let Ok(process) = PidFd::open(pid) {
        let _ = process.signal(Signal::SIGKILL);
    }
}
