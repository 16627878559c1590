//! System calls.

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
