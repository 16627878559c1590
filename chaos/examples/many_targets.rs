//! A thousand targets under fault at once: injected and verified, held for a second, undone; beside the limit of a
//! minute. Delays on edges, and processes that stand still.

#[path = "../tests/actor/nowhere.rs"]
mod nowhere;

use axum::{Router, routing::get};
use chaos::clock::SystemClock;
use chaos::document::Experiment;
use chaos::execute::{Context, Progress, run};
use chaos::inventory::Inventory;
use chaos::landscape::{Landscape, Site};
use chaos::plan::{Overrides, build, check};
use chaos::probe::Probe;
use chaos::proxy::{Edge, EdgeName};
use nowhere::Nowhere;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

const TARGETS: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(60);
const HOLD: Duration = Duration::from_secs(1);
const MARK: (&str, &str) = ("METTLE_LANDSCAPE", "many-targets");

struct Many {
    edges: BTreeMap<String, Arc<Edge>>,
    processes: BTreeMap<String, Child>,
    program: PathBuf,
}

impl Many {
    async fn start(program: &Path) -> Result<Self, Box<dyn Error>> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let app = Router::new().route("/health", get(|| async { "ok" }));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut many = Self { edges: BTreeMap::new(), processes: BTreeMap::new(), program: program.to_owned() };
        for name in names() {
            let edge = Edge::open(EdgeName::new("user", &name), Some(address))?;
            let process = Command::new(program).arg("idle").env(MARK.0, MARK.1).spawn()?;
            many.edges.insert(name.clone(), Arc::new(edge));
            many.processes.insert(name, process);
        }
        Ok(many)
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        for process in self.processes.values_mut() {
            let _ = process.kill().and_then(|()| process.wait());
        }
    }
}

fn names() -> impl Iterator<Item = String> {
    (0..TARGETS).map(|n| format!("c{n:04}"))
}

impl Landscape for Many {
    fn inventory(&self) -> Inventory {
        Inventory {
            components: names().map(|name| (name, 1)).collect(),
            edges: self.edges.values().map(|edge| edge.name().clone()).collect(),
            ..Inventory::default()
        }
    }
    fn processes(&self, component: &str) -> Vec<Vec<i32>> {
        let pid = self.processes.get(component).and_then(|process| i32::try_from(process.id()).ok());
        pid.into_iter().map(|pid| vec![pid]).collect()
    }
    fn edges(&self, _: Option<&str>, to: &str) -> Vec<Arc<Edge>> {
        self.edges.get(to).cloned().into_iter().collect()
    }
    fn ready(&self, _: &str) -> bool {
        true
    }
    fn probe(&self, _: &str) -> Probe {
        Probe::Http { path: "/health".into() }
    }
    fn folder(&self, _: &str) -> Option<PathBuf> {
        None
    }
    fn site(&self) -> Site {
        Site { program: self.program.clone(), mark: format!("{}={}", MARK.0, MARK.1) }
    }
}

fn experiment(fault: &Value) -> serde_json::Result<Experiment> {
    let on = |name: String| {
        let mut fault = fault.clone();
        fault["target"] = name.into();
        json!({"fault": fault})
    };
    let targets: Map<String, Value> = names().map(|name| (name.clone(), json!({"component": name}))).collect();
    serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "many"},
        "hypothesis": {"title": "t"}, "targets": targets,
        "method": [{"parallel": names().map(on).collect::<Vec<_>>(), "hold": format!("{}ms", HOLD.as_millis()), "rest": "0ms"}],
        "blast": {"maxTargets": TARGETS, "keepHealthy": 0, "maxDuration": "1h"}}))
}

async fn expose(landscape: Arc<Many>, fault: &Value) -> Result<(), Box<dyn Error>> {
    let plan = build(&experiment(fault)?, &landscape.inventory(), Overrides::default(), 7)?;
    let objections = check(&plan, &landscape.inventory());
    if let Some(objection) = objections.first() {
        return Err(format!("{objection:?}").into());
    }
    let (_abort, aborted) = watch::channel(None);
    let (send, mut events) = mpsc::channel(64);
    let context = Context { run: "bench".into(), landscape, journal: Arc::new(Nowhere), clock: Arc::new(SystemClock) };
    let begin = Instant::now();
    let execution = tokio::spawn(async move { run(&plan, context, aborted, send).await });
    let (mut injected, mut undone) = (None, begin);
    while let Some(event) = events.recv().await {
        match event {
            Progress::Injected { verified: true, .. } => injected = Some(Instant::now()),
            Progress::Undone { .. } => undone = Instant::now(),
            _ => (),
        }
    }
    let report = execution.await?;
    let verified = report.exposures.iter().filter(|exposure| exposure.verified).count();
    if verified < TARGETS || !report.residue.is_empty() {
        let why: BTreeMap<_, _> =
            report.exposures.iter().filter(|e| !e.verified).map(|e| (&e.detail, &e.achieved)).collect();
        return Err(format!("{verified} of {TARGETS} verified: {why:?}; left: {:?}", report.residue).into());
    }
    let injected = injected.ok_or("nothing was injected")?;
    let both = (injected - begin) + undone.saturating_duration_since(injected + HOLD);
    println!(
        "| {} | {TARGETS} | {:.1} | {:.1} | {:.1} of {}{} |",
        fault["kind"].as_str().unwrap_or_default(),
        (injected - begin).as_secs_f64(),
        undone.saturating_duration_since(injected + HOLD).as_secs_f64(),
        both.as_secs_f64(),
        LIMIT.as_secs(),
        if both > LIMIT { " OVER" } else { "" }
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let me = std::env::current_exe()?;
    let folder = me.parent().and_then(Path::parent).ok_or_else(|| io::Error::other("no folder of programs"))?;
    let landscape = Arc::new(Many::start(&folder.join("chaos-actor")).await?);
    println!("| fault | targets | injected and verified, s | undone, s | both, s, of limit |");
    println!("|---|---|---|---|---|");
    expose(landscape.clone(), &json!({"kind": "net.delay", "delay": "80ms"})).await?;
    expose(landscape, &json!({"kind": "process.pause"})).await
}
