//! Lets a traced thread go on, with any signal there is.
#![allow(unsafe_code, reason = "the safe call takes no real-time signals, and one that is left out is lost")]

use nix::errno::Errno;
use nix::libc;
use std::ptr;

/// Ends the tracing of thread `tid`, which has stopped; `signal` arrives then, 0 for none.
///
/// # Errors
/// What the kernel says: `ESRCH` when the thread is gone, or runs.
pub(super) fn detach(tid: i32, signal: i32) -> nix::Result<()> {
    // The kernel takes the number in the place of an address.
    let signal = ptr::without_provenance_mut::<libc::c_void>(signal.unsigned_abs() as usize);
    // SAFETY: this request reads and writes none of our memory.
    let said = unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, ptr::null_mut::<libc::c_void>(), signal) };
    Errno::result(said).map(drop)
}
