//! Crash points: where tests let the worker die as a power cut would, before and after every stored transition.
//!
//! `METTLE_CRASH=before:3` ends the process by SIGKILL before the third state is stored, `after:3` right after it.
//! Without the variable nothing here does anything.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Environment variable that arms a crash point.
pub const VARIABLE: &str = "METTLE_CRASH";

static STORED: AtomicU32 = AtomicU32::new(0);
static ARMED: OnceLock<Option<(Side, u32)>> = OnceLock::new();

/// Which side of a stored transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing of it is on disk.
    Before,
    /// It is on disk, its effects have not begun.
    After,
}

/// A transition is about to be stored, or was.
pub fn point(side: Side) {
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (side, number) = text.split_once(':')?;
        let side = if side == "before" { Side::Before } else { Side::After };
        Some((side, number.parse().ok()?))
    });
    let number = match side {
        Side::Before => STORED.fetch_add(1, Ordering::SeqCst) + 1,
        Side::After => STORED.load(Ordering::SeqCst),
    };
    if *armed == Some((side, number)) {
        // SIGKILL cannot be handled: whatever comes after is what a power cut leaves.
        let _ = kill(Pid::this(), Signal::SIGKILL);
        std::process::abort();
    }
}
