//! Crash points: where tests let the worker die as a power cut would, before and after every stored transition.
//!
//! `METTLE_CRASH=before:judging` ends the process by SIGKILL before that state is stored for the first time,
//! `after:judging` right after it. The words are those of [`crate::soak::State::word`], `soaking steady` and the like
//! for the phases of a soak, and those of the other writes of the store. Without the variable nothing here does anything.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::sync::OnceLock;

/// Environment variable that arms a crash point.
pub const VARIABLE: &str = "METTLE_CRASH";

static ARMED: OnceLock<Option<(Side, String)>> = OnceLock::new();

/// Which side of a stored transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing of it is on disk.
    Before,
    /// It is on disk, its effects have not begun.
    After,
}

/// What `word` names is about to be stored, or was.
pub fn point(side: Side, word: &str) {
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (side, word) = text.split_once(':')?;
        Some((if side == "before" { Side::Before } else { Side::After }, word.to_owned()))
    });
    if armed.as_ref().is_some_and(|(s, armed)| *s == side && armed == word) {
        // SIGKILL cannot be handled: whatever comes after is what a power cut leaves.
        let _ = kill(Pid::this(), Signal::SIGKILL);
        std::process::abort();
    }
}

/// A write between its two crash points.
///
/// # Errors
/// As the write.
pub fn around<T, E>(word: &str, write: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    point(Side::Before, word);
    let done = write()?;
    point(Side::After, word);
    Ok(done)
}
