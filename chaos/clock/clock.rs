//! The library that is loaded into a component that is prepared for faults of `time`: it answers for the wall clock.
//!
//! It maps one page of a file, named by `METTLE_CLOCK`, in which a holder writes by how much the wall clock is off and
//! until when. Once that moment of the monotonic clock is over, the true time is told again: no process of ours has to
//! be there for that. The monotonic clock, timers and sleeps are never touched.
//!
//! It needs no C library, so that one build serves every one of them. This file is compiled by build.rs, apart from the
//! crate; the layout of [`Page`] is that of `chaos::shifted_clock`.
#![no_std]

mod sys;
mod vdso;

use core::arch::asm;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::mem::transmute;
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, fence};

const CLOCK_REALTIME: c_int = 0;
const CLOCK_MONOTONIC: c_int = 1;
const CLOCK_REALTIME_COARSE: c_int = 5;
const CLOCK_TAI: c_int = 11;
const SECOND: i64 = 1_000_000_000;
const MAGIC: u64 = u64::from_le_bytes(*b"mtlclk01");
const PAGE_BYTES: usize = 4096;
/// Reads of a page that is being written before the true time is told: whoever wrote may have been killed.
const ATTEMPTS: u32 = 1_000;

#[repr(C)]
struct Page {
    magic: AtomicU64,
    /// Odd while the fields below are being written.
    sequence: AtomicU64,
    token: AtomicU64,
    offset_ns: AtomicI64,
    /// Nanoseconds that the clock gains in each second since `anchor_ns`.
    gain_ns: AtomicI64,
    anchor_ns: AtomicI64,
    /// Moment of the monotonic clock at which the shift is over; 0 for none.
    deadline_ns: AtomicI64,
}

#[repr(C)]
pub struct Timespec {
    sec: i64,
    nsec: i64,
}

#[repr(C)]
pub struct Timeval {
    sec: i64,
    usec: i64,
}

#[repr(C)]
pub struct Timezone {
    minutes_west: c_int,
    dst_time: c_int,
}

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

static PAGE: AtomicPtr<Page> = AtomicPtr::new(null_mut());
static VDSO: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

#[used]
#[unsafe(link_section = ".init_array")]
static ATTACH: extern "C" fn() = attach;

extern "C" fn attach() {
    // SAFETY: called by the loader, before the program's own code runs.
    unsafe {
        VDSO.store(vdso::find(), Release);
        let mut path = [0u8; 4096];
        if environment(b"METTLE_CLOCK=", &mut path) {
            PAGE.store(map(path.as_ptr()), Release);
        }
    }
}

/// The page of the file at this path; null when there is none or it is not ours.
unsafe fn map(path: *const u8) -> *mut Page {
    const O_CLOEXEC: usize = 0o2_000_000;
    const PROT_READ: usize = 1;
    const MAP_SHARED: usize = 1;
    unsafe {
        let file = sys::open(path, O_CLOEXEC);
        if file < 0 {
            return null_mut();
        }
        let page = sys::call(sys::MMAP, [0, PAGE_BYTES, PROT_READ, MAP_SHARED, file as usize, 0]);
        sys::call(sys::CLOSE, [file as usize, 0, 0, 0, 0, 0]);
        // The last page of the address space is where the kernel's errors lie.
        if (-4095..0).contains(&page) {
            return null_mut();
        }
        let page = page as *mut Page;
        if (*page).magic.load(Acquire) == MAGIC { page } else { null_mut() }
    }
}

/// Copies the value of an environment variable, with a zero at its end; `name` ends with `=`.
unsafe fn environment(name: &[u8], value: &mut [u8; 4096]) -> bool {
    let mut block = [0u8; 4096];
    let (mut matched, mut length, mut of_name) = (0, 0, true);
    unsafe {
        let file = sys::open(c"/proc/self/environ".as_ptr().cast(), 0);
        if file < 0 {
            return false;
        }
        let mut found = false;
        'all: loop {
            let count = sys::call(sys::READ, [file as usize, block.as_mut_ptr() as usize, block.len(), 0, 0, 0]);
            if count <= 0 {
                break;
            }
            for at in 0..count as usize {
                let byte = *block.as_ptr().add(at);
                if of_name && matched == name.len() {
                    if byte == 0 {
                        found = true;
                        break 'all;
                    }
                    // One byte is left for the zero.
                    if length + 1 >= value.len() {
                        break 'all;
                    }
                    *value.as_mut_ptr().add(length) = byte;
                    length += 1;
                } else if byte == 0 {
                    (matched, of_name) = (0, true);
                } else if of_name && byte == *name.as_ptr().add(matched) {
                    matched += 1;
                } else {
                    of_name = false;
                }
            }
        }
        sys::call(sys::CLOSE, [file as usize, 0, 0, 0, 0, 0]);
        *value.as_mut_ptr().add(length) = 0;
        found
    }
}

/// What the kernel tells; negative is an error number.
unsafe fn told(clock: c_int, time: *mut Timespec) -> c_int {
    type Read = unsafe extern "C" fn(c_int, *mut Timespec) -> c_int;
    let vdso = VDSO.load(Acquire);
    unsafe {
        if vdso.is_null() {
            return sys::call(sys::CLOCK_GETTIME, [clock as usize, time as usize, 0, 0, 0, 0]) as c_int;
        }
        transmute::<*mut c_void, Read>(vdso)(clock, time)
    }
}

/// Nanoseconds by which the wall clock is off at this moment.
fn shift() -> i64 {
    let page = PAGE.load(Acquire);
    if page.is_null() {
        return 0;
    }
    // SAFETY: once mapped it stays for the life of the process, and every field of it is atomic.
    let page = unsafe { &*page };
    if page.deadline_ns.load(Relaxed) == 0 {
        return 0;
    }
    for _ in 0..ATTEMPTS {
        let before = page.sequence.load(Acquire);
        let (offset, gain) = (page.offset_ns.load(Relaxed), page.gain_ns.load(Relaxed));
        let (anchor, deadline) = (page.anchor_ns.load(Relaxed), page.deadline_ns.load(Relaxed));
        fence(Acquire);
        if before % 2 == 0 && page.sequence.load(Relaxed) == before {
            return in_force(offset, gain, anchor, deadline);
        }
        core::hint::spin_loop();
    }
    0
}

fn in_force(offset: i64, gain: i64, anchor: i64, deadline: i64) -> i64 {
    let mut now = Timespec { sec: 0, nsec: 0 };
    // SAFETY: the place for the time is ours.
    if unsafe { told(CLOCK_MONOTONIC, &mut now) } != 0 {
        return 0;
    }
    let now = now.sec.wrapping_mul(SECOND).wrapping_add(now.nsec);
    if now >= deadline {
        return 0;
    }
    let since = now.wrapping_sub(anchor);
    // In two parts, because the product of both leaves 64 bits.
    let gained = (since / SECOND).wrapping_mul(gain).wrapping_add((since % SECOND).wrapping_mul(gain) / SECOND);
    offset.wrapping_add(gained)
}

fn shifted(time: &mut Timespec) {
    let by = shift();
    if by != 0 {
        let nsec = time.nsec.wrapping_add(by % SECOND);
        time.sec = time.sec.wrapping_add(by / SECOND).wrapping_add(nsec.div_euclid(SECOND));
        time.nsec = nsec.rem_euclid(SECOND);
    }
}

fn wall() -> Timespec {
    let mut time = Timespec { sec: 0, nsec: 0 };
    // SAFETY: the place for the time is ours.
    unsafe { told(CLOCK_REALTIME, &mut time) };
    shifted(&mut time);
    time
}

/// POSIX.
///
/// # Safety
/// As POSIX says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    unsafe {
        let error = told(clock, time);
        if error < 0 {
            *__errno_location() = -error;
            return -1;
        }
        if matches!(clock, CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI) {
            shifted(&mut *time);
        }
        0
    }
}

/// POSIX; the time zone is the kernel's, which has none.
///
/// # Safety
/// As POSIX says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, zone: *mut Timezone) -> c_int {
    unsafe {
        if !time.is_null() {
            let now = wall();
            *time = Timeval { sec: now.sec, usec: now.nsec / 1_000 };
        }
        if !zone.is_null() {
            *zone = Timezone { minutes_west: 0, dst_time: 0 };
        }
    }
    0
}

/// ISO C.
///
/// # Safety
/// As ISO C says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut i64) -> i64 {
    let now = wall().sec;
    unsafe {
        if !out.is_null() {
            *out = now;
        }
    }
    now
}

/// ISO C.
///
/// # Safety
/// As ISO C says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timespec_get(time: *mut Timespec, base: c_int) -> c_int {
    const TIME_UTC: c_int = 1;
    if base != TIME_UTC {
        return 0;
    }
    unsafe { *time = wall() };
    base
}

#[panic_handler]
fn never(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
