//! The kernel's timer as a future: the runtime's own timer has a millisecond grid.
#![allow(unsafe_code)] // registering a descriptor with the runtime's poller asks for a promise, given below

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// A timerfd on the monotonic clock.
pub(super) struct Timer(AsyncFd<Handle>);

struct Handle(TimerFd);

impl AsRawFd for Handle {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    pub(super) fn create() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let handle = Handle(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        // SAFETY: the handle owns its descriptor, gives the same one at every call and closes it only when dropped,
        // which the registration outlives by owning the handle.
        let registered = unsafe { AsyncFd::register(handle) };
        Ok(Self(registered.map_err(io::Error::other)?))
    }

    /// Waits for `time`, or a little less after a stale wake-up.
    pub(super) async fn sleep(&self, time: Duration) -> io::Result<()> {
        let timer = &self.0.get_ref().0;
        timer.set(Expiration::OneShot(TimeSpec::from_duration(time)), TimerSetTimeFlags::empty())?;
        let mut ready = self.0.readable().await?;
        // Reading the expiry count makes the timer quiet again; a stale readiness reads as would-block.
        match timer.wait() {
            Ok(()) | Err(nix::errno::Errno::EAGAIN) => ready.clear_ready(),
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }
}
