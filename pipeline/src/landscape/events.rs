//! What happened to the components, kept until somebody collects it.

use scorer::evidence::Event;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Events that wait to be collected.
///
/// A restart makes two; a thousand restarts between two collections are more than any reader needs.
pub const MAX_WAITING: usize = 2_000;

/// Source of the time of events, in milliseconds since the Unix epoch, UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clock of this host.
pub fn system_clock() -> Clock {
    Arc::new(|| chrono::Utc::now().timestamp_millis())
}

/// A bounded collector of events; clones share it. The newest are dropped when nobody collects, and counted.
#[derive(Clone)]
pub struct Events {
    clock: Clock,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    dropped: u64,
}

impl Events {
    /// An empty collector.
    pub fn new(clock: Clock) -> Self {
        Self { clock, waiting: Arc::default() }
    }

    /// Records that something happened to a component now.
    pub(crate) fn emit(&self, kind: &str, component: &str, detail: String) {
        tracing::info!(component, kind, "{component}: {detail}");
        let event =
            Event { at_ms: (self.clock)(), kind: kind.to_owned(), component: Some(component.to_owned()), detail };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() < MAX_WAITING {
            waiting.events.push_back(event);
        } else {
            waiting.dropped += 1;
        }
    }

    /// Takes everything that happened since the last call, in order of time. Says how much was dropped, if any.
    pub fn drain(&self) -> Vec<Event> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut waiting.dropped);
        let mut events: Vec<Event> = waiting.events.drain(..).collect();
        if dropped > 0 {
            let detail = format!("{dropped} more events were dropped: more than {MAX_WAITING} waited");
            events.push(Event { at_ms: (self.clock)(), kind: "events_dropped".to_owned(), component: None, detail });
        }
        events
    }
}
