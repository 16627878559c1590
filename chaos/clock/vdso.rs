//! The kernel's own code for reading clocks without a switch, found in the image that it maps into every process.

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
