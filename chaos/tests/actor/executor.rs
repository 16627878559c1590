//! An executor in a process of its own, so that it can be killed.

use crate::experiment::experiment;
use crate::job::Job;
use crate::landscape::OneTarget;
use crate::nowhere::Nowhere;
use chaos::clock::SystemClock;
use chaos::execute::{Context, Progress, run as execute};
use chaos::landscape::Landscape;
use chaos::plan::{Overrides, build};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Repetitions: somebody kills us long before.
const FOREVER: u32 = 1_000;

/// Injects the fault again and again, and says what happens, a line each.
pub(crate) fn run(job: &str) -> io::Result<()> {
    let job: Job = serde_json::from_str(job).map_err(io::Error::other)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let landscape = Arc::new(OneTarget::open(job.stage));
        let experiment = experiment(&job.fault, &job.hold, FOREVER);
        let plan = build(&experiment, &landscape.inventory(), Overrides::default(), 7).map_err(io::Error::other)?;
        let (_abort, aborted) = watch::channel(None);
        let (send, mut events) = mpsc::channel(64);
        let context = Context { run: job.run, landscape, journal: Arc::new(Nowhere), clock: Arc::new(SystemClock) };
        let execution = tokio::spawn(async move { execute(&plan, context, aborted, send).await });
        while let Some(event) = events.recv().await {
            let line = match event {
                Progress::FaultStarting { .. } => "starting",
                Progress::Injected { verified: true, .. } => "injected",
                Progress::Injected { verified: false, .. } => "void",
                Progress::Undone { .. } => "undone",
                Progress::RestOver { .. } => "rested",
                Progress::NotRun { .. } => "not run",
            };
            println!("{line}");
            io::stdout().flush()?;
        }
        execution.await.map(|_| ()).map_err(io::Error::other)
    })
}
