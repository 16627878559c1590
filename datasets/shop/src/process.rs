//! What the kernel knows of this process.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// CPU time used, user and system, in seconds with microsecond resolution; `None` where the kernel does not say.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(micros as f64 / 1e6)
}

/// Resident memory in bytes; `None` where /proc does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    // The rollup walks the pages: `status` and `statm` lag by up to 128 kB per core, which would look like steps.
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup");
    let text = rollup.or_else(|_| std::fs::read_to_string("/proc/self/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("Rss:") || line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_answers() {
        let before = super::cpu_seconds().unwrap();
        let held: Vec<u8> = vec![7; 32 << 20];
        assert!(super::resident_bytes().unwrap() > held.len() as u64);
        assert!(super::cpu_seconds().unwrap() >= before);
    }
}
