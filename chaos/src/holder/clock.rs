//! Another wall clock of a component, by the page that its clock library reads.

use super::Held;
use super::guard::{Guard, Undo};
use crate::lease::LEASE_TTL;
use crate::shifted_clock::{Clock, Shift};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

const NS_PER_MS: i64 = 1_000_000;

pub(super) struct Shifted {
    clock: Clock,
    guard: Guard,
}

impl Shifted {
    pub(super) fn shift(page: PathBuf, offset_ms: i64, gain_ms_per_s: i64) -> io::Result<Self> {
        let clock = Clock::open(&page)?;
        // The number of a process that lives as long as the shift: nobody else has it.
        let token = u64::from(std::process::id());
        let guard = Guard::post(Undo::Clock { page, token })?;
        let ns = |ms: i64| ms.saturating_mul(NS_PER_MS);
        clock.shift(Shift { token, offset_ns: ns(offset_ms), gain_ns: ns(gain_ms_per_s) }, LEASE_TTL)?;
        Ok(Self { clock, guard })
    }
}

impl Held for Shifted {
    fn turn(&mut self, left: Duration) -> io::Result<()> {
        self.guard.stands()?;
        self.clock.renew(left)
    }

    fn out(&mut self) -> io::Result<()> {
        self.guard.undo()
    }
}
