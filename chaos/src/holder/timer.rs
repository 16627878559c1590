//! A kernel timer that kills this very process: it fires also when the process is stopped or hangs.

use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use std::io;
use std::time::Duration;

pub(super) struct DeadMan(Timer);

impl DeadMan {
    /// From now on the process ends after `after`, unless it renews.
    pub(super) fn arm(after: Duration) -> io::Result<Self> {
        let kill = SigEvent::new(SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 });
        let mut timer = Self(Timer::new(ClockId::CLOCK_MONOTONIC, kill)?);
        timer.renew(after)?;
        Ok(timer)
    }

    /// Starts the time anew.
    pub(super) fn renew(&mut self, after: Duration) -> io::Result<()> {
        Ok(self.0.set(Expiration::OneShot(after.into()), TimerSetTimeFlags::empty())?)
    }
}
