//! Events of a recording, bounded, with counts of what was left out.

use scorer::evidence::Event;
use std::collections::BTreeMap;

/// Most events that are kept; a target that flaps each second for an hour makes 3,600.
pub(super) const MAX_EVENTS: usize = 10_000;

/// The log.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    kept: Vec<Event>,
    left_out: usize,
    last_detail: String,
    /// By job: where its event about dropped series stands (if it was kept), and how many were dropped so far.
    dropped: BTreeMap<String, (Option<usize>, usize)>,
}

impl EventLog {
    /// Adds an event; beyond the limit the last one counts those that are missing. Says where it stands.
    pub(super) fn push(&mut self, event: Event) -> Option<usize> {
        if self.kept.len() < MAX_EVENTS {
            self.last_detail.clone_from(&event.detail);
            self.kept.push(event);
            return Some(self.kept.len() - 1);
        }
        self.left_out += 1;
        self.close_with_count();
        None
    }

    /// Adds to the dropped series of a job: one event per job, which carries their number so far.
    pub(super) fn note_dropped(&mut self, job: &str, dropped: usize, max: usize, at_ms: i64) {
        if dropped == 0 {
            return;
        }
        let (at, before) = self.dropped.get(job).copied().unwrap_or((None, 0));
        let total = before + dropped;
        let detail = format!("{total} series are not recorded: of those that no signal asks for, {max} are kept");
        let at = match at {
            Some(at) => {
                self.kept[at].detail.clone_from(&detail);
                if at + 1 == self.kept.len() {
                    self.last_detail = detail;
                    self.close_with_count();
                }
                Some(at)
            }
            None if before > 0 => None,
            None => {
                let (kind, component) = ("series_cap".to_owned(), Some(job.to_owned()));
                self.push(Event { at_ms, kind, component, detail })
            }
        };
        self.dropped.insert(job.to_owned(), (at, total));
    }

    /// Everything kept.
    pub(super) fn events(&self) -> Vec<Event> {
        self.kept.clone()
    }

    fn close_with_count(&mut self) {
        if let (Some(last), 1..) = (self.kept.last_mut(), self.left_out) {
            last.detail = format!("{}; {} later events are not kept", self.last_detail, self.left_out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize) -> Event {
        Event { at_ms: 0, kind: "scrape_gap".into(), component: None, detail: format!("e{number}") }
    }

    #[test]
    fn drops_add_up_in_one_event_per_job() {
        let mut log = EventLog::default();
        for (job, dropped) in [("a", 3), ("b", 1), ("a", 0), ("a", 4)] {
            log.note_dropped(job, dropped, 20, 5);
        }
        let told: Vec<String> = log.events().into_iter().map(|event| event.detail).collect();
        let line = |total| format!("{total} series are not recorded: of those that no signal asks for, 20 are kept");
        assert_eq!(told, [line(7), line(1)]);
        assert!(log.events().iter().all(|event| event.kind == "series_cap"));
    }

    #[test]
    fn the_last_event_counts_those_that_are_missing() {
        let mut log = EventLog::default();
        (0..MAX_EVENTS + 7).for_each(|number| {
            let _ = log.push(event(number));
        });
        let events = log.events();
        assert_eq!(events.len(), MAX_EVENTS);
        assert_eq!(events[MAX_EVENTS - 1].detail, format!("e{}; 7 later events are not kept", MAX_EVENTS - 1));
    }
}
