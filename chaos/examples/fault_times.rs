//! Times in the life of every fault of the catalogue, on a real component on loopback: inject to verified, end of the
//! hold (or return of what was hit) to undone, guard tripped to undone; each several times, beside its limit. And the
//! dose: asked and achieved.

#[path = "../tests/it/component.rs"]
mod component;
#[path = "../tests/actor/experiment.rs"]
mod experiment;
#[path = "../tests/actor/faults.rs"]
mod faults;
#[path = "../tests/actor/landscape.rs"]
mod landscape;
#[path = "../tests/actor/nowhere.rs"]
mod nowhere;

use chaos::act::Act;
use chaos::clock::SystemClock;
use chaos::execute::{Abort, Context, Progress, Report, run};
use chaos::fault::{CATALOGUE, Fault};
use chaos::landscape::Landscape;
use chaos::plan::{Overrides, build};
use component::Component;
use landscape::OneTarget;
use nowhere::Nowhere;
use serde_json::Value;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

const TIMES: usize = 7;
const HOLD: &str = "1s";
const VERIFIED_WITHIN: Duration = Duration::from_secs(2);
const UNDONE_WITHIN: Duration = Duration::from_secs(1);
const GUARDED_WITHIN: Duration = Duration::from_secs(2);

/// How the fault is ended.
#[derive(Clone, Copy, PartialEq)]
enum EndedBy {
    Itself,
    Guard,
}

/// Milliseconds of one fault.
struct Times {
    verified: f64,
    undone: f64,
}

async fn once(landscape: &Arc<OneTarget>, fault: &Value, by: EndedBy) -> Result<(Times, Report), Box<dyn Error>> {
    let hold = if by == EndedBy::Guard { "10m" } else { HOLD };
    let plan = build(&experiment::experiment(fault, hold, 1), &landscape.inventory(), Overrides::default(), 7)?;
    let (abort, aborted) = watch::channel(None);
    let (send, mut events) = mpsc::channel(64);
    let context = Context {
        run: "bench".into(),
        landscape: landscape.clone(),
        journal: Arc::new(Nowhere),
        clock: Arc::new(SystemClock),
    };
    let execution = tokio::spawn(async move { run(&plan, context, aborted, send).await });
    let (mut started_ms, mut verified_ms, mut undone_ms, mut tripped) = (0, None, 0, None);
    while let Some(event) = events.recv().await {
        match event {
            // The executor's own times: two events may be read at once.
            Progress::FaultStarting { at_ms, .. } => started_ms = at_ms,
            Progress::Injected { verified: true, at_ms, .. } => {
                verified_ms = Some(at_ms);
                if by == EndedBy::Guard {
                    tripped = Some(Instant::now());
                    abort.send_replace(Some(Abort::GuardTripped { signal: "s".into() }));
                }
            }
            Progress::Undone { at_ms, .. } => {
                undone_ms = at_ms;
                tripped = tripped.or(Some(Instant::now()));
            }
            Progress::Injected { .. } | Progress::RestOver { .. } | Progress::NotRun { .. } => {}
        }
    }
    let report = execution.await?;
    let verified_ms = verified_ms.ok_or_else(|| format!("not verified: {report:?}"))?;
    if !report.residue.is_empty() {
        return Err(format!("not undone: {report:?}").into());
    }
    let held = match (by, &report.exposures[0]) {
        (EndedBy::Guard, _) => 0.0,
        // What was hit is back before the hold is over, and nothing is left to undo.
        (EndedBy::Itself, exposure) if exposure.achieved.contains_key("downtime_ms") => {
            (exposure.end_ms - verified_ms) as f64
        }
        (EndedBy::Itself, _) => 1_000.0,
    };
    let times = Times { verified: (verified_ms - started_ms) as f64, undone: (undone_ms - verified_ms) as f64 - held };
    Ok((times, report))
}

/// Waits until the component is up, and acts on nothing of the last fault any more where an answer of its own tells.
fn is_settled(component: &Component, fault: &Value) {
    component.is_up();
    let (Some(path), Some(expect)) = (fault["seen"]["path"].as_str(), fault["seen"]["expect"].as_str()) else {
        return;
    };
    component::until("the component is as it was", || {
        let ask = || {
            let mut stream = TcpStream::connect(component.stage.address())?;
            stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes())?;
            // The answer is short, and the connection stays open after it.
            let mut answer = [0; 4_096];
            let length = stream.read(&mut answer)?;
            std::io::Result::Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200") && !answer.contains(expect))
    });
}

/// Median and maximum beside the limit.
fn cell(mut times: Vec<f64>, limit: Duration) -> String {
    times.sort_by(f64::total_cmp);
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let over = if worst > limit.as_secs_f64() * 1e3 { " OVER" } else { "" };
    format!("{median:6.0} / {worst:6.0} of {}{over}", limit.as_millis())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Arguments are the kinds that are wanted: all without any.
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let component = tokio::task::spawn_blocking(|| Component::start("sound")).await?;
    let landscape = Arc::new(OneTarget::open(component.stage.clone()));
    println!("milliseconds, median / worst of {TIMES}, limit");
    println!("| fault | needs | inject to verified | end to undone | guard to undone | asked | achieved |");
    println!("|---|---|---|---|---|---|---|");
    for declaration in CATALOGUE {
        let is_wanted = wanted.is_empty() || wanted.iter().any(|kind| kind == declaration.kind);
        if !is_wanted || !component::is_prepared(&component.stage, declaration.kind) {
            continue;
        }
        let fault = faults::fault(declaration.kind);
        let (mut verified, mut undone, mut guarded, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
        for _ in 0..TIMES {
            for by in [EndedBy::Itself, EndedBy::Guard] {
                tokio::task::block_in_place(|| is_settled(&component, &fault));
                let (times, report) = once(&landscape, &fault, by).await?;
                verified.push(times.verified);
                match by {
                    EndedBy::Itself => {
                        undone.push(times.undone);
                        last = report.exposures.into_iter().next();
                    }
                    EndedBy::Guard => guarded.push(times.undone),
                }
            }
        }
        let parsed: Fault = serde_json::from_value(fault)?;
        let requested: Vec<_> = parsed.requested().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        let achieved = last.map(|exposure| exposure.achieved).unwrap_or_default();
        let achieved: Vec<_> = achieved.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
        println!(
            "| {} | {:?} | {} | {} | {} | {} | {} |",
            declaration.kind,
            declaration.needs,
            cell(verified, VERIFIED_WITHIN),
            cell(undone, UNDONE_WITHIN),
            cell(guarded, GUARDED_WITHIN),
            requested.join(", "),
            achieved.join(", ")
        );
        debug_assert!(!matches!(parsed.act(), Act::Signal(_)) || !achieved.is_empty());
    }
    Ok(())
}
