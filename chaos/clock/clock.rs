//! The library that is loaded into a component that is prepared for faults of `time`: it answers for the wall clock.
//!
//! It maps one page of a file, named by `METTLE_CLOCK`, in which a holder writes by how much the wall clock is off and
//! until when. Once that moment of the monotonic clock is over, the true time is told again: no process of ours has to
//! be there for that. The monotonic clock, timers and sleeps are never touched.
//!
//! It needs no C library, so that one build serves every one of them. This file is compiled by build.rs, apart from the
//! crate; the layout of [`Page`] is that of `chaos::shifted_clock`.
#![no_std]

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

/// The kernel's own code for reading clocks without a switch, found in the image that it maps into every process.
mod vdso {
    use super::{c_char, c_void, null, null_mut, sys};

    #[cfg(target_arch = "x86_64")]
    const NAME: &[u8] = b"__vdso_clock_gettime\0";
    #[cfg(target_arch = "aarch64")]
    const NAME: &[u8] = b"__kernel_clock_gettime\0";
    const AT_SYSINFO_EHDR: usize = 33;
    const PT_LOAD: u32 = 1;
    const PT_DYNAMIC: u32 = 2;
    const DT_HASH: i64 = 4;
    const DT_STRTAB: i64 = 5;
    const DT_SYMTAB: i64 = 6;

    #[repr(C)]
    struct Header {
        ident: [u8; 16],
        kind: u16,
        machine: u16,
        version: u32,
        entry: u64,
        segments: u64,
        sections: u64,
        flags: u32,
        size: u16,
        segment_size: u16,
        segment_count: u16,
    }

    #[repr(C)]
    struct Segment {
        kind: u32,
        flags: u32,
        offset: u64,
        address: u64,
    }

    #[repr(C)]
    struct Symbol {
        name: u32,
        info: u8,
        other: u8,
        section: u16,
        value: u64,
        size: u64,
    }

    /// Null when it is not there; the system call will do then.
    pub(super) unsafe fn find() -> *mut c_void {
        unsafe {
            let image = image();
            if image.is_null() {
                return null_mut();
            }
            let header = &*image.cast::<Header>();
            let (mut dynamic, mut slide) = (null::<[i64; 2]>(), None);
            for at in 0..header.segment_count as usize {
                let place = image.add(header.segments as usize + at * header.segment_size as usize);
                let segment = &*place.cast::<Segment>();
                match segment.kind {
                    PT_LOAD if slide.is_none() => {
                        slide = Some((image as u64).wrapping_add(segment.offset).wrapping_sub(segment.address));
                    }
                    PT_DYNAMIC => dynamic = image.add(segment.offset as usize).cast(),
                    _ => (),
                }
            }
            match (slide, dynamic.is_null()) {
                (Some(slide), false) => symbol(slide, dynamic),
                _ => null_mut(),
            }
        }
    }

    unsafe fn symbol(slide: u64, mut dynamic: *const [i64; 2]) -> *mut c_void {
        let (mut hash, mut names, mut symbols) = (null::<u32>(), null::<c_char>(), null::<Symbol>());
        unsafe {
            while (*dynamic)[0] != 0 {
                let [tag, value] = *dynamic;
                let place = slide.wrapping_add(value as u64);
                match tag {
                    DT_HASH => hash = place as *const u32,
                    DT_STRTAB => names = place as *const c_char,
                    DT_SYMTAB => symbols = place as *const Symbol,
                    _ => (),
                }
                dynamic = dynamic.add(1);
            }
            if hash.is_null() || names.is_null() || symbols.is_null() {
                return null_mut();
            }
            // The second word of the table is the number of symbols.
            for at in 0..*hash.add(1) as usize {
                let symbol = &*symbols.add(at);
                if symbol.section != 0 && is_named(names.add(symbol.name as usize).cast()) {
                    return slide.wrapping_add(symbol.value) as *mut c_void;
                }
            }
        }
        null_mut()
    }

    unsafe fn is_named(name: *const u8) -> bool {
        // With the zero at the end: a longer name differs there.
        (0..NAME.len()).all(|at| unsafe { *name.add(at) == *NAME.as_ptr().add(at) })
    }

    unsafe fn image() -> *const u8 {
        let mut vector = [[0usize; 2]; 64];
        unsafe {
            let file = sys::open(c"/proc/self/auxv".as_ptr().cast(), 0);
            if file < 0 {
                return null();
            }
            let bytes = size_of_val(&vector);
            let count = sys::call(sys::READ, [file as usize, vector.as_mut_ptr() as usize, bytes, 0, 0, 0]);
            sys::call(sys::CLOSE, [file as usize, 0, 0, 0, 0, 0]);
            if count <= 0 {
                return null();
            }
        }
        let found = vector.iter().find(|entry| entry[0] == AT_SYSINFO_EHDR);
        found.map_or(null(), |entry| entry[1] as *const u8)
    }
}

/// System calls.
mod sys {
    use super::{asm, c_long};

    #[cfg(target_arch = "x86_64")]
    mod numbers {
        pub const READ: usize = 0;
        pub const CLOSE: usize = 3;
        pub const MMAP: usize = 9;
        pub const CLOCK_GETTIME: usize = 228;
        pub const OPENAT: usize = 257;
    }

    #[cfg(target_arch = "aarch64")]
    mod numbers {
        pub const OPENAT: usize = 56;
        pub const CLOSE: usize = 57;
        pub const READ: usize = 63;
        pub const CLOCK_GETTIME: usize = 113;
        pub const MMAP: usize = 222;
    }

    pub(super) use numbers::*;

    const AT_FDCWD: usize = -100isize as usize;

    /// Opens for reading.
    pub(super) unsafe fn open(path: *const u8, flags: usize) -> c_long {
        unsafe { call(OPENAT, [AT_FDCWD, path as usize, flags, 0, 0, 0]) }
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) unsafe fn call(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> c_long {
        let result: c_long;
        unsafe {
            asm!("syscall", inlateout("rax") number as c_long => result, in("rdi") a, in("rsi") b, in("rdx") c,
                in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        result
    }

    #[cfg(target_arch = "aarch64")]
    pub(super) unsafe fn call(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> c_long {
        let result: c_long;
        unsafe {
            asm!("svc 0", in("x8") number, inlateout("x0") a as c_long => result, in("x1") b, in("x2") c, in("x3") d,
                in("x4") e, in("x5") f, options(nostack));
        }
        result
    }
}

#[panic_handler]
fn never(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
