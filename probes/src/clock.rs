//! The time of a run.
//!
//! Evidence needs times that rise strictly even when somebody sets the clock back, so a run reads the wall clock
//! once and counts monotonic time from there. The recorder, the suites and whoever writes phases share one clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall clock at the start of a run, monotonic from there. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    origin: Instant,
    origin_ms: i64,
}

impl RunClock {
    /// A clock that agrees with the wall clock now.
    pub fn start_now() -> Self {
        Self::starting_at(wall_ms())
    }

    /// A clock that says `origin_ms` (milliseconds since the Unix epoch) now.
    pub fn starting_at(origin_ms: i64) -> Self {
        Self { origin: Instant::now(), origin_ms }
    }

    /// Milliseconds since the Unix epoch, never falling.
    pub fn now_ms(&self) -> i64 {
        self.at(Instant::now())
    }

    /// The time of a monotonic instant in milliseconds since the Unix epoch.
    pub fn at(&self, instant: Instant) -> i64 {
        let since = instant.saturating_duration_since(self.origin);
        self.origin_ms.saturating_add(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The monotonic instant of a time; times before the origin give the origin.
    pub fn instant_of(&self, at_ms: i64) -> Instant {
        let ahead = u64::try_from(at_ms.saturating_sub(self.origin_ms)).unwrap_or(0);
        self.origin.checked_add(Duration::from_millis(ahead)).unwrap_or(self.origin)
    }
}

/// What the wall clock says, milliseconds since the Unix epoch; it may step in either direction.
pub fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}
