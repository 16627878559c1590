//! Scheduling error of a seeded timeline: by how much holds and rests differ from what was planned, on a busy edge.

#[path = "../tests/actor/nowhere.rs"]
mod nowhere;

use axum::{Router, routing::get};
use chaos::clock::{Clock, SystemClock};
use chaos::execute::{Context, Progress, run};
use chaos::inventory::Inventory;
use chaos::landscape::{Landscape, Site};
use chaos::plan::{Overrides, build};
use chaos::probe::Probe;
use chaos::proxy::{Edge, EdgeName, draw};
use nowhere::Nowhere;
use serde_json::json;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

const STEPS: u64 = 400;
const SEED: u64 = 7;
const LIMIT_MS: f64 = 20.0;

struct One(Arc<Edge>);

impl Landscape for One {
    fn inventory(&self) -> Inventory {
        let components = [("web".to_owned(), 1)].into();
        Inventory { components, edges: [self.0.name().clone()].into(), ..Inventory::default() }
    }
    fn processes(&self, _: &str) -> Vec<Vec<i32>> {
        Vec::new()
    }
    fn edges(&self, _: Option<&str>, _: &str) -> Vec<Arc<Edge>> {
        vec![self.0.clone()]
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
        Site { program: PathBuf::new(), mark: "METTLE_LANDSCAPE=timeline".into() }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/health", get(|| async { "ok" }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let landscape = Arc::new(One(Arc::new(Edge::open(EdgeName::new("user", "web"), Some(address))?)));
    let span = |n: u64| 20 + (draw(SEED, n) * 80.0) as u64;
    let step = |n: u64| {
        json!({"fault": {"kind": "http.abort", "target": "web", "status": 503, "share": 1.0},
            "hold": format!("{}ms", span(2 * n)), "rest": format!("{}ms", span(2 * n + 1))})
    };
    let experiment = serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment",
        "metadata": {"name": "timeline"}, "hypothesis": {"title": "t"}, "targets": {"web": {"component": "web"}},
        "method": (0..STEPS).map(step).collect::<Vec<_>>(), "blast": {"keepHealthy": 0, "maxDuration": "1h"}}))?;
    let plan = build(&experiment, &landscape.inventory(), Overrides::default(), SEED)?;
    let planned: Vec<_> = plan.repetitions.iter().flat_map(|r| &r.steps).map(|step| (step.hold, step.rest)).collect();
    let (_abort, aborted) = watch::channel(None);
    let (send, mut events) = mpsc::channel(64);
    let clock = Arc::new(SystemClock);
    let context = Context { run: "bench".into(), landscape, journal: Arc::new(Nowhere), clock: clock.clone() };
    let begin_ms = clock.now_ms();
    let execution = tokio::spawn(async move { run(&plan, context, aborted, send).await });
    let (mut errors, mut injected_ms, mut undone_ms, mut n) = (Vec::new(), 0, 0, 0);
    while let Some(event) = events.recv().await {
        match event {
            Progress::Injected { at_ms, .. } => injected_ms = at_ms,
            Progress::Undone { at_ms, .. } => {
                errors.push((at_ms - injected_ms) as f64 - planned[n].0.ms() as f64);
                undone_ms = at_ms;
            }
            Progress::RestOver { at_ms, .. } => {
                errors.push((at_ms - undone_ms) as f64 - planned[n].1.ms() as f64);
                n += 1;
            }
            Progress::FaultStarting { .. } | Progress::NotRun { .. } => (),
        }
    }
    execution.await?;
    errors.sort_by(f64::total_cmp);
    let at = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize];
    println!("{} holds and rests in {} ms, of a timeline with seed {SEED}", errors.len(), clock.now_ms() - begin_ms);
    let over = if at(0.99) > LIMIT_MS { " OVER" } else { "" };
    println!("late by ms: p50 {:.0}, p99 {:.0} of {LIMIT_MS}{over}, worst {:.0}", at(0.5), at(0.99), at(1.0));
    Ok(())
}
