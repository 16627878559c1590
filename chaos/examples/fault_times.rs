//! Times in the life of a fault over real edges on loopback: inject to verified, end of the hold to undone, guard
//! tripped to undone; each several times, beside its limit.

use axum::Router;
use axum::routing::get;
use chaos::clock::SystemClock;
use chaos::document::Experiment;
use chaos::execute::{Abort, Context, Progress, run};
use chaos::inventory::Inventory;
use chaos::journal::{Intent, Journal, JournalError};
use chaos::landscape::Landscape;
use chaos::lease::FaultId;
use chaos::plan::{Overrides, build};
use chaos::probe::Probe;
use chaos::proxy::{Edge, EdgeName};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const TIMES: usize = 7;
const HOLD: Duration = Duration::from_millis(300);
const VERIFIED_WITHIN: Duration = Duration::from_secs(2);
const UNDONE_WITHIN: Duration = Duration::from_secs(1);
const GUARDED_WITHIN: Duration = Duration::from_secs(2);

/// Keeps nothing: the times are those of the executor, not of a disk.
struct Nowhere;

impl Journal for Nowhere {
    fn intent(&self, _: &Intent) -> Result<(), JournalError> {
        Ok(())
    }
    fn injected(&self, _: &FaultId, _: i64) -> Result<(), JournalError> {
        Ok(())
    }
    fn undone(&self, _: &FaultId, _: i64) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A server behind an edge, and a process that is started again whenever it ends.
struct Stage {
    edge: Arc<Edge>,
    pid: Arc<Mutex<Option<u32>>>,
}

impl Stage {
    fn pid(&self) -> Option<u32> {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Landscape for Stage {
    fn inventory(&self) -> Inventory {
        let mut inventory = Inventory { edges: [self.edge.name().clone()].into(), ..Inventory::default() };
        inventory.components.extend([("checkout".into(), 1), ("payments".into(), 1)]);
        inventory
    }
    fn pids(&self, _: &str) -> Vec<u32> {
        self.pid().into_iter().collect()
    }
    fn edges(&self, _: Option<&str>, _: &str) -> Vec<Arc<Edge>> {
        vec![self.edge.clone()]
    }
    fn ready(&self, _: &str) -> bool {
        self.pid().is_some()
    }
    fn probe(&self, _: &str) -> Probe {
        Probe::Http { path: "/health".into() }
    }
}

fn experiment(fault: &Value) -> serde_json::Result<Experiment> {
    serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "holds"}, "targets": {"p": {"component": "payments"}},
        "method": [{"fault": fault, "hold": format!("{}ms", HOLD.as_millis()), "rest": "50ms"}],
        "blast": {"keepHealthy": 0, "maxDuration": "1h"}, "repeat": {"min": 1, "max": 1}}))
}

/// How the fault is ended.
#[derive(Clone, Copy)]
enum EndedBy {
    Hold,
    /// The killed process is back before the hold is over.
    Return,
    Guard,
}

/// Times of one fault: until it was verified, and from its end until it was undone.
async fn once(stage: &Arc<Stage>, fault: &Value, by: EndedBy) -> Result<(Duration, Duration), Box<dyn Error>> {
    let plan = build(&experiment(fault)?, &stage.inventory(), Overrides::default(), 7)?;
    let (abort, aborted) = watch::channel(None);
    let (send, mut events) = mpsc::channel(64);
    let landscape: Arc<dyn Landscape> = stage.clone();
    let context = Context { run: "bench".into(), landscape, journal: Arc::new(Nowhere), clock: Arc::new(SystemClock) };
    let execution = tokio::spawn(async move { run(&plan, context, aborted, send).await });
    let (mut started_ms, mut ends, mut times) = (0, None, (Duration::MAX, Duration::MAX));
    while let Some(event) = events.recv().await {
        match event {
            // The executor's own times: two events may be read at once.
            Progress::FaultStarting { at_ms, .. } => started_ms = at_ms,
            Progress::Injected { verified: true, at_ms, .. } => {
                times.0 = Duration::from_millis(u64::try_from(at_ms - started_ms)?);
                ends = Some(match by {
                    EndedBy::Hold => Instant::now() + HOLD,
                    EndedBy::Return => Instant::now(),
                    EndedBy::Guard => {
                        abort.send_replace(Some(Abort::GuardTripped { signal: "s".into() }));
                        Instant::now()
                    }
                });
            }
            Progress::Undone { .. } => times.1 = ends.map_or(Duration::MAX, |ends| ends.elapsed()),
            Progress::Injected { .. } | Progress::RestOver { .. } | Progress::NotRun { .. } => {}
        }
    }
    let report = execution.await?;
    if !report.residue.is_empty() || !stage.edge.entries().is_empty() || times.1 == Duration::MAX {
        return Err(format!("not verified, or not undone: {report:?}").into());
    }
    Ok(times)
}

fn line(fault: &str, what: &str, mut times: Vec<Duration>, limit: Duration) {
    times.sort();
    let ms = |at: usize| times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    println!(
        "| {fault:12} | {what:26} | min {:8.2} ms | median {:8.2} ms | max {:8.2} ms | limit {:5} ms |",
        ms(0),
        ms(times.len() / 2),
        ms(times.len().saturating_sub(1)),
        limit.as_millis()
    );
}

/// Starts the process again until `stop`, each time as soon as it has ended.
async fn supervise(pid: Arc<Mutex<Option<u32>>>, stop: CancellationToken) -> std::io::Result<()> {
    let set = |id| *pid.lock().unwrap_or_else(PoisonError::into_inner) = id;
    while !stop.is_cancelled() {
        let mut child = tokio::process::Command::new("sleep").arg("600").kill_on_drop(true).spawn()?;
        set(child.id());
        tokio::select! {
            _ = child.wait() => set(None),
            () = stop.cancelled() => child.kill().await?,
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let upstream = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let app = Router::new().route("/health", get(|| async { "ok" }));
        axum::serve(listener, app).await
    });
    let edge = Arc::new(Edge::open(EdgeName::new("checkout", "payments"), Some(upstream))?);
    let stage = Arc::new(Stage { edge: edge.clone(), pid: Arc::default() });
    let stop = CancellationToken::new();
    let supervisor = tokio::spawn(supervise(stage.pid.clone(), stop.clone()));
    let faults = [
        json!({"kind": "net.delay", "target": "p", "delay": "80ms", "jitter": "5ms"}),
        json!({"kind": "net.reset", "target": "p", "share": 0.5}),
        json!({"kind": "http.abort", "target": "p", "share": 0.5, "status": 503}),
        json!({"kind": "process.kill", "target": "p"}),
    ];
    for fault in &faults {
        let kind = fault["kind"].as_str().unwrap_or_default();
        let (itself, ended) = match kind {
            "process.kill" => (EndedBy::Return, "killed to back and undone"),
            _ => (EndedBy::Hold, "end of the hold to undone"),
        };
        let (mut verified, mut undone, mut guarded) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TIMES {
            for by in [itself, EndedBy::Guard] {
                while stage.pid().is_none() {
                    tokio::task::yield_now().await;
                }
                let (until_verified, until_undone) = once(&stage, fault, by).await?;
                verified.push(until_verified);
                match by {
                    EndedBy::Hold | EndedBy::Return => undone.push(until_undone),
                    EndedBy::Guard => guarded.push(until_undone),
                }
            }
        }
        line(kind, "inject to verified", verified, VERIFIED_WITHIN);
        line(kind, ended, undone, UNDONE_WITHIN);
        line(kind, "guard tripped to undone", guarded, GUARDED_WITHIN);
    }
    stop.cancel();
    supervisor.await??;
    edge.shutdown().await;
    server.abort();
    Ok(())
}
