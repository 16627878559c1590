//! Hands Mettle's own series over by remote write while a soak runs: journeys, load, probes, phases, scores.
//!
//! Nothing of a soak waits for it: a server that is away costs its own graph some points and an event.

use probes::clock::RunClock;
use probes::metrics::Registry;
use probes::metrics::recorder::OWN_JOB;
use probes::metrics::server::Server;
use scorer::evidence::{Event, Subject};
use scorer::signal::Labels;
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
    task: JoinHandle<Option<Event>>,
}

impl Push {
    /// Starts to write every series of `registry`, with labels that say of which soak they are.
    pub fn start(server: Server, registry: Registry, clock: RunClock, subject: &Subject) -> Self {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = Labels::from([
            label("job", OWN_JOB),
            label("product", &subject.product),
            label("tag", &subject.tag),
            label("landscape", &subject.landscape),
            label("soak", &subject.soak),
        ]);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(server, registry, clock, labels, stop.clone()));
        Push { stop, task }
    }

    /// Writes once more and ends. The first failure, if there was one.
    pub async fn stop(mut self) -> Option<Event> {
        self.stop.cancel();
        tokio::time::timeout(STOP_WITHIN, &mut self.task).await.ok()?.ok()?
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    server: Server,
    registry: Registry,
    clock: RunClock,
    labels: Labels,
    stop: CancellationToken,
) -> Option<Event> {
    let mut failed = None;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut is_last = false;
    while !is_last {
        tokio::select! {
            () = stop.cancelled() => is_last = true,
            _ = ticks.tick() => {}
        }
        let at_ms = clock.now_ms();
        if let Err(error) = server.write(&registry.snapshot(at_ms, &labels)).await {
            let detail = format!("own series could not be handed over: {error}; {}", error.remedy());
            failed.get_or_insert(Event { at_ms, kind: "push_error".to_owned(), component: None, detail });
        }
    }
    failed
}
