//! Wakes a lane at an instant, to some 50 microseconds. The runtime's own timer is late by one to two milliseconds.
#![allow(unsafe_code, reason = "registering a descriptor with the runtime is unsafe by signature")]

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// Shortest time that a timer is set for: zero would switch it off.
const SHORTEST: Duration = Duration::from_nanos(1);

#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A timer of the kernel, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    timer: Option<AsyncFd<Timer>>,
    set_to: Option<Instant>,
}

impl Alarm {
    /// Gives the timer back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns at `when`; may be dropped and asked again with another time.
    pub(super) async fn at(&mut self, when: Instant) {
        if when > Instant::now() && !self.rings_at(when).await {
            // Out of descriptors: late is better than never.
            tokio::time::sleep_until(when).await;
        }
    }

    fn set(&mut self, when: Instant) -> Option<&AsyncFd<Timer>> {
        if self.timer.is_none() {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).ok()?;
            // SAFETY: the timer owns its descriptor, and nobody takes it out of here.
            self.timer = Some(unsafe { AsyncFd::register_with_interest(Timer(timer), Interest::READABLE) }.ok()?);
        }
        let timer = self.timer.as_ref()?;
        if self.set_to != Some(when) {
            let left = when.saturating_duration_since(Instant::now()).max(SHORTEST);
            let once = Expiration::OneShot(TimeSpec::from_duration(left));
            timer.get_ref().0.set(once, TimerSetTimeFlags::empty()).ok()?;
            self.set_to = Some(when);
        }
        Some(timer)
    }

    /// True when the timer rang, false when there is none to be had.
    async fn rings_at(&mut self, when: Instant) -> bool {
        let Some(timer) = self.set(when) else {
            return false;
        };
        loop {
            let Ok(mut ready) = timer.readable().await else {
                return false;
            };
            // A readiness from before the timer was set shows as a read that would block.
            if let Ok(read) = ready.try_io(|timer| Ok(nix::unistd::read(timer.get_ref().0.as_fd(), &mut [0; 8])?)) {
                self.set_to = None;
                return read.is_ok();
            }
        }
    }
}
