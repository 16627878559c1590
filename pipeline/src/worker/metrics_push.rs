//! Hands Mettle's own series over by remote write while a soak runs: journeys, load, probes, phases, scores.
//!
//! Nothing of a soak waits for it: a server that is away costs its own graph some points and an event.

use super::own_series::labels;
use probes::clock::RunClock;
use probes::metrics::Registry;
use probes::metrics::server::Server;
use scorer::evidence::{Event, Subject};
use scorer::signal::Labels;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time between two writes: what people look at in graphs.
const EVERY: Duration = Duration::from_secs(15);

/// How long the last write may take.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A running push. Dropping it ends it.
pub struct Push {
    stop: CancellationToken,
    task: JoinHandle<()>,
    failed: Arc<Mutex<Option<Event>>>,
}

impl Push {
    /// Starts to write every series of `registry`, with labels that say of which soak they are.
    pub fn start(server: Server, registry: Registry, clock: RunClock, subject: &Subject) -> Self {
        let stop = CancellationToken::new();
        let failed = Arc::default();
        let own = Own { registry, clock, labels: labels(subject) };
        let task = tokio::spawn(run(server, own, stop.clone(), Arc::clone(&failed)));
        Push { stop, task, failed }
    }

    /// Writes once more and ends. The first failure, if there was one.
    pub async fn stop(mut self) -> Option<Event> {
        self.stop.cancel();
        // What the time did not suffice for is not written; the failure that held it up is told.
        drop(tokio::time::timeout(STOP_WITHIN, &mut self.task).await);
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is written.
struct Own {
    registry: Registry,
    clock: RunClock,
    labels: Labels,
}

async fn run(server: Server, own: Own, stop: CancellationToken, failed: Arc<Mutex<Option<Event>>>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut is_last = false;
    while !is_last {
        tokio::select! {
            () = stop.cancelled() => is_last = true,
            _ = ticks.tick() => {}
        }
        let at_ms = own.clock.now_ms();
        if let Err(error) = server.write(&own.registry.snapshot(at_ms, &own.labels)).await {
            let detail = format!("own series could not be handed over: {error}; {}", error.remedy());
            let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(Event { at_ms, kind: "push_error".to_owned(), component: None, detail });
        }
    }
}
