//! The wall clock of a component that is prepared for faults of `time`.
//!
//! A small library is loaded into the component (`LD_PRELOAD`) and answers for its wall clock. It maps one page of a
//! file, in which a holder writes by how much the clock is off and until when: once that moment of the monotonic clock
//! is over, the component reads the true time again, whether anybody of us is left or not. What reads clocks past the C
//! library (a static program, or one in Go) is not reached; the dose tells.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The library, an ELF shared object of this processor; empty where there is none (see build.rs).
pub const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libmettle_clock.so"));
/// Environment variable of the loader: libraries, separated by colons.
pub const PRELOAD: &str = "LD_PRELOAD";
/// Environment variable that names the page.
pub const PAGE: &str = "METTLE_CLOCK";
/// Name of the library's file.
const LIBRARY_NAME: &str = "libmettle_clock.so";

const MAGIC: &[u8; 8] = b"mtlclk01";
const PAGE_BYTES: usize = 4096;
/// Places of the fields in the page, bytes from its start: see clock/clock.rs.
const SEQUENCE: u64 = 8;
const TOKEN: u64 = 16;
const DEADLINE: u64 = 48;

/// By how much a clock is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    /// Whose shift this is; a clearing must name the same.
    pub(crate) token: u64,
    /// Nanoseconds ahead of the true time.
    pub(crate) offset_ns: i64,
    /// Nanoseconds gained in each second from now on.
    pub(crate) gain_ns: i64,
}

/// File of the page of a component.
pub fn page(folder: &Path, component: &str) -> PathBuf {
    folder.join(format!("{component}.page"))
}

/// Whether this process has loaded the library.
pub(crate) fn is_loaded(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/maps"))
        .is_ok_and(|maps| maps.lines().any(|line| line.ends_with(LIBRARY_NAME)))
}

/// Puts the library and an unshifted page for the component into the folder, which is made; returns the variables that
/// the component has to be started with.
///
/// # Errors
/// A file cannot be written, there is no library for this processor, or the loader could not take its path.
pub fn prepare(folder: &Path, component: &str) -> io::Result<[(&'static str, String); 2]> {
    if LIBRARY.is_empty() {
        return Err(io::Error::other("there is no clock library for this processor"));
    }
    std::fs::create_dir_all(folder)?;
    let (library, page) = (folder.join(LIBRARY_NAME), page(folder, component));
    if std::fs::read(&library).ok().as_deref() != Some(LIBRARY) {
        replace(&library, LIBRARY)?;
    }
    // A component may run with the page that is there.
    if !is_shifted(&page).is_ok_and(|shifted| !shifted) {
        let mut blank = vec![0; PAGE_BYTES];
        blank[..MAGIC.len()].copy_from_slice(MAGIC);
        replace(&page, &blank)?;
    }
    Ok([(PRELOAD, loadable(&library)?), (PAGE, loadable(&page)?)])
}

/// The path as the loader takes it.
fn loadable(path: &Path) -> io::Result<String> {
    let text = path.to_str().filter(|path| !path.contains([' ', ':', '\n']));
    let why =
        || format!("no library can be loaded from {}: a space, a colon or a line feed is in the way", path.display());
    text.map(str::to_owned).ok_or_else(|| io::Error::other(why()))
}

/// In one step: whoever has the old file mapped keeps it.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    std::fs::rename(&new, path)
}

/// Whether the clock of this page is off now.
///
/// # Errors
/// The file cannot be read, or is no page.
pub fn is_shifted(page: &Path) -> io::Result<bool> {
    let page = Clock::open(page)?;
    Ok(page.read(DEADLINE)? > now_ns())
}

/// A page that is written to.
#[derive(Debug)]
pub(crate) struct Clock(File);

impl Clock {
    /// Opens a page that [`prepare`] made.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut magic = [0; 8];
        file.read_exact_at(&mut magic, 0)?;
        if magic != *MAGIC {
            return Err(io::Error::other(format!("{} is no page of a clock", path.display())));
        }
        Ok(Self(file))
    }

    /// Shifts the clock from now on, for so long unless [`Clock::renew`] is called.
    pub(crate) fn shift(&self, shift: Shift, within: Duration) -> io::Result<()> {
        if self.read(DEADLINE)? > now_ns() {
            return Err(io::Error::other("the clock is shifted already"));
        }
        let now = now_ns();
        self.write([shift.token as i64, shift.offset_ns, shift.gain_ns, now, now.saturating_add(nanos(within))])
    }

    /// Moves the moment at which the shift is over.
    pub(crate) fn renew(&self, within: Duration) -> io::Result<()> {
        self.0.write_all_at(&now_ns().saturating_add(nanos(within)).to_ne_bytes(), DEADLINE)
    }

    /// Ends the shift with this token; another one stays.
    pub(crate) fn clear(&self, token: u64) -> io::Result<()> {
        if self.read(TOKEN)? as u64 == token { self.write([0; 5]) } else { Ok(()) }
    }

    /// Token, offset, gain, anchor and deadline, so that no reader sees a part of them.
    fn write(&self, fields: [i64; 5]) -> io::Result<()> {
        // Odd: whoever wrote last may have been killed in between, and left it so.
        let odd = self.read(SEQUENCE)? | 1;
        self.0.write_all_at(&odd.to_ne_bytes(), SEQUENCE)?;
        self.0.write_all_at(&fields.map(i64::to_ne_bytes).concat(), TOKEN)?;
        self.0.write_all_at(&odd.wrapping_add(1).to_ne_bytes(), SEQUENCE)
    }

    fn read(&self, at: u64) -> io::Result<i64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, at)?;
        Ok(i64::from_ne_bytes(bytes))
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// The monotonic clock, which all processes of the host share.
fn now_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const HOUR: i64 = 3_600;

    /// Seconds by which a program that was started with these variables is ahead of us.
    fn ahead(variables: &[(&str, String)]) -> i64 {
        let date = Command::new("date").arg("+%s").envs(variables.iter().cloned()).output().unwrap();
        let told: i64 = String::from_utf8(date.stdout).unwrap().trim().parse().unwrap();
        told - chrono::Utc::now().timestamp()
    }

    #[test]
    fn a_program_reads_the_shifted_time_until_it_is_cleared_or_over() {
        let folder = tempfile::tempdir().unwrap();
        let variables = prepare(folder.path(), "shop").unwrap();
        let page = page(folder.path(), "shop");
        let near = |seconds: i64, wanted: i64| (seconds - wanted).abs() <= 60;
        assert!(near(ahead(&variables), 0) && !is_shifted(&page).unwrap());
        let clock = Clock::open(&page).unwrap();
        let shift = Shift { token: 7, offset_ns: -HOUR * 1_000_000_000, gain_ns: 0 };
        clock.shift(shift, Duration::from_secs(600)).unwrap();
        assert!(near(ahead(&variables), -HOUR) && is_shifted(&page).unwrap());
        assert!(clock.shift(shift, Duration::from_secs(600)).is_err());
        clock.clear(8).unwrap();
        assert!(near(ahead(&variables), -HOUR));
        // Nobody clears, nobody renews: it is over by itself.
        clock.renew(Duration::ZERO).unwrap();
        assert!(near(ahead(&variables), 0) && !is_shifted(&page).unwrap());
        clock.renew(Duration::from_secs(600)).unwrap();
        clock.clear(7).unwrap();
        assert!(near(ahead(&variables), 0) && !is_shifted(&page).unwrap());
        // It gains a second in each second.
        clock.shift(Shift { token: 9, offset_ns: 0, gain_ns: 1_000_000_000 }, Duration::from_secs(600)).unwrap();
        let begin = std::time::Instant::now();
        while ahead(&variables) < 2 {
            assert!(begin.elapsed() < Duration::from_secs(60), "it gains nothing");
        }
    }

    #[test]
    fn whoever_is_killed_while_writing_leaves_the_true_time() {
        let folder = tempfile::tempdir().unwrap();
        let variables = prepare(folder.path(), "shop").unwrap();
        let clock = Clock::open(&page(folder.path(), "shop")).unwrap();
        let shift = Shift { token: 7, offset_ns: HOUR * 1_000_000_000, gain_ns: 0 };
        clock.shift(shift, Duration::from_secs(600)).unwrap();
        clock.0.write_all_at(&9i64.to_ne_bytes(), SEQUENCE).unwrap();
        assert!(ahead(&variables).abs() <= 60);
        clock.clear(7).unwrap();
        assert!(!is_shifted(&page(folder.path(), "shop")).unwrap() && clock.read(SEQUENCE).unwrap() == 10);
    }

    #[test]
    fn paths_that_a_loader_cannot_take_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = prepare(&folder.path().join("a b"), "shop").unwrap_err();
        assert!(error.to_string().contains("a space"), "{error}");
        assert!(Clock::open(&folder.path().join("none")).is_err());
        std::fs::write(folder.path().join("file"), [0; 4096]).unwrap();
        assert!(Clock::open(&folder.path().join("file")).unwrap_err().to_string().contains("no page"));
    }
}
