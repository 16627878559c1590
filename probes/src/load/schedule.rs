//! Intended start times of an open-loop run.

use std::time::Duration;

/// A schedule of constant rates, one after the other; the last one has no end. Offsets are from the start of the run.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// Rate now, requests a second.
    rate: f64,
    /// Where the current rate began.
    since: Duration,
    /// Requests scheduled since then.
    issued: u64,
    /// Rates to come, with the offset at which they begin.
    coming: Vec<(Duration, f64)>,
}

impl Schedule {
    pub(super) fn constant(rate: f64) -> Self {
        Self { rate, since: Duration::ZERO, issued: 0, coming: Vec::new() }
    }

    /// Steps `(rate, length)`; after the last one its rate goes on.
    pub(super) fn steps(steps: &[(f64, Duration)]) -> Self {
        let mut at = Duration::ZERO;
        let mut coming = Vec::new();
        for (rate, length) in steps {
            coming.push((at, *rate));
            at += *length;
        }
        coming.reverse();
        let first = coming.pop().map_or(1.0, |(_, rate)| rate);
        Self { rate: first, since: Duration::ZERO, issued: 0, coming }
    }

    /// Changes the rate from `now` on.
    pub(super) fn set_rate(&mut self, rate: f64, now: Duration) {
        self.since = now.max(self.next());
        self.issued = 0;
        self.rate = rate;
        self.coming.clear();
    }

    /// Offset of the next request.
    pub(super) fn next(&self) -> Duration {
        self.since + Duration::from_secs_f64(self.issued as f64 / self.rate)
    }

    /// Takes the next request if it is due at `now`; its intended offset.
    pub(super) fn due(&mut self, now: Duration) -> Option<Duration> {
        let next = self.next();
        if let Some((at, rate)) = self.coming.last().copied().filter(|(at, _)| next >= *at) {
            self.coming.pop();
            (self.rate, self.since, self.issued) = (rate, at, 0);
            return self.due(now);
        }
        if next > now {
            return None;
        }
        self.issued += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(schedule: &mut Schedule, until: Duration) -> Vec<Duration> {
        std::iter::from_fn(|| schedule.due(until)).collect()
    }

    #[test]
    fn a_constant_rate_has_even_starts_and_catches_up() {
        let mut s = Schedule::constant(1000.0);
        let starts = all(&mut s, Duration::from_millis(999));
        assert_eq!(starts.len(), 1000);
        assert_eq!(starts[250], Duration::from_millis(250));
        assert_eq!(s.due(Duration::from_millis(999)), None);
    }

    #[test]
    fn steps_follow_each_other_without_a_gap() {
        let second = Duration::from_secs(1);
        let mut s = Schedule::steps(&[(10.0, second), (100.0, second), (50.0, second)]);
        let starts = all(&mut s, Duration::from_millis(2999));
        let within =
            |from: u64, to: u64| starts.iter().filter(|t| (from..to).contains(&(t.as_millis() as u64))).count();
        assert_eq!((within(0, 1000), within(1000, 2000), within(2000, 3000)), (10, 100, 50));
    }

    #[test]
    fn a_new_rate_begins_where_it_was_set() {
        let mut s = Schedule::constant(10.0);
        assert_eq!(all(&mut s, Duration::from_secs(1)).len(), 11);
        s.set_rate(100.0, Duration::from_secs(1));
        let next = all(&mut s, Duration::from_millis(1999));
        assert!((89..=100).contains(&next.len()), "{}", next.len());
    }
}
