//! The loads of a step.

use super::Executor;
use crate::load::{LoadEnd, LoadRecord, RunningLoad};
use crate::plan::PlannedStep;
use futures_util::future::join_all;

/// Loads under way. Dropping them stops them.
#[derive(Default)]
pub(super) struct Loads(Vec<Running>);

struct Running {
    record: LoadRecord,
    load: Box<dyn RunningLoad>,
}

impl Executor<'_> {
    /// Starts the loads of a step, right before its faults go in; an error says why one cannot start, and none runs.
    pub(super) fn start_loads(&self, repetition: u32, step: &PlannedStep) -> Result<Loads, String> {
        let start = |suite: &String| {
            let load = self.loads.start(suite).map_err(|why| format!("load `{suite}` could not start: {why}"))?;
            let (experiment, suite, start_ms) = (self.plan.experiment.clone(), suite.clone(), self.now_ms());
            let (end_ms, LoadEnd { measured, flaw }) = (start_ms, LoadEnd::default());
            Ok(Running { record: LoadRecord { experiment, repetition, suite, start_ms, end_ms, measured, flaw }, load })
        };
        step.loads.iter().map(start).collect::<Result<_, _>>().map(Loads)
    }
}

impl Loads {
    /// Stops all of them at once.
    pub(super) async fn stop(self, end_ms: i64) -> Vec<LoadRecord> {
        let stop = |Running { record, load }| async move {
            let LoadEnd { measured, flaw } = load.stop().await;
            LoadRecord { end_ms, measured, flaw, ..record }
        };
        join_all(self.0.into_iter().map(stop)).await
    }
}
