//! A compressed column of values, one per scrape of its target.
//!
//! Times are not here: all series of a target share the times of its scrapes. A column is dense; a scrape without
//! the series is a NaN. Encoding, per value after the first (which follows 0.0):
//!
//! | tag | value |
//! |---|---|
//! | `0x00` + varint n | the previous value n more times |
//! | `0x01` + zigzag varint | previous value + integer (both integers below 2^53) |
//! | `0x02` | NaN, the staleness marker |
//! | `0x40 + 8 l + t` + bytes | xor with the previous bits, without l leading and t trailing zero bytes |
//! | `0x80 + d` | previous value + (d + 1), both integers |
//!
//! A counter that moves costs one or two bytes a sample, a gauge that rests nothing, a noisy gauge about eight.

/// Values per sealed chunk: a window of the last seconds decodes at most two chunks, not hours.
const CHUNK_VALUES: u32 = 1024;

/// The canonical bits of the staleness marker; every NaN becomes this one.
const STALE: u64 = 0x7ff8_0000_0000_0000;

const REPEAT: u8 = 0x00;
const INTEGER: u8 = 0x01;
const STALE_TAG: u8 = 0x02;
const XOR: u8 = 0x40;
const STEP: u8 = 0x80;

/// A dense, compressed column.
#[derive(Debug)]
pub(super) struct Column {
    sealed: Vec<Chunk>,
    head: Head,
}

#[derive(Debug)]
struct Chunk {
    first: u32,
    len: u32,
    bytes: Box<[u8]>,
}

#[derive(Debug)]
struct Head {
    first: u32,
    len: u32,
    previous: u64,
    repeats: u32,
    bytes: Vec<u8>,
}

impl Column {
    /// An empty column whose first value belongs to scrape `first`.
    pub(super) fn starting_at(first: u32) -> Self {
        Self { sealed: Vec::new(), head: Head::starting_at(first) }
    }

    /// The scrape that the next value belongs to.
    pub(super) fn next(&self) -> u32 {
        self.head.first + self.head.len
    }

    /// Records the value of scrape `at`; scrapes since the last value are marked absent.
    /// A second value for one scrape is refused.
    pub(super) fn record(&mut self, at: u32, value: f64) -> Recorded {
        if at < self.next() {
            return Recorded::AlreadyThere;
        }
        while self.next() < at {
            self.push(f64::NAN);
        }
        self.push(value);
        Recorded::New
    }

    /// Calls `each(scrape, value)` for scrapes `from..until`, absent ones at the end included as NaN.
    pub(super) fn read(&self, from: u32, until: u32, mut each: impl FnMut(u32, f64)) {
        for chunk in self.sealed.iter().filter(|chunk| chunk.first + chunk.len > from) {
            decode(&chunk.bytes, chunk.first, |at, value| {
                if (from..until).contains(&at) {
                    each(at, value);
                }
            });
        }
        let head = &self.head;
        let last = decode(&head.bytes, head.first, |at, value| {
            if (from..until).contains(&at) {
                each(at, value);
            }
        });
        for at in last..self.next() {
            if (from..until).contains(&at) {
                each(at, f64::from_bits(head.previous));
            }
        }
        for at in self.next().max(from)..until {
            each(at, f64::NAN);
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.sealed.iter().map(|chunk| chunk.bytes.len()).sum::<usize>() + self.head.bytes.capacity()
    }

    fn push(&mut self, value: f64) {
        self.head.push(if value.is_nan() { STALE } else { value.to_bits() });
        if self.head.len == CHUNK_VALUES {
            let next = self.next();
            self.head.flush_repeats();
            let full = std::mem::replace(&mut self.head, Head::starting_at(next));
            self.sealed.push(Chunk { first: full.first, len: full.len, bytes: full.bytes.into_boxed_slice() });
        }
    }
}

/// Whether a value was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It was.
    New,
    /// The scrape has a value already; the first one stays.
    AlreadyThere,
}

impl Head {
    fn starting_at(first: u32) -> Self {
        Self { first, len: 0, previous: 0, repeats: 0, bytes: Vec::new() }
    }

    fn push(&mut self, bits: u64) {
        self.len += 1;
        if bits == self.previous {
            self.repeats += 1;
            return;
        }
        self.flush_repeats();
        match integer_step(self.previous, bits) {
            _ if bits == STALE => self.bytes.push(STALE_TAG),
            Some(step @ 1..=128) => self.bytes.push(STEP + (step - 1) as u8),
            Some(step) => {
                self.bytes.push(INTEGER);
                varint(&mut self.bytes, ((step << 1) ^ (step >> 63)) as u64);
            }
            None => self.push_xor(bits),
        }
        self.previous = bits;
    }

    fn push_xor(&mut self, bits: u64) {
        let xor = bits ^ self.previous;
        let leading = (xor.leading_zeros() / 8) as u8;
        let trailing = (xor.trailing_zeros() / 8) as u8;
        self.bytes.push(XOR + 8 * leading + trailing);
        self.bytes.extend_from_slice(&xor.to_be_bytes()[usize::from(leading)..8 - usize::from(trailing)]);
    }

    fn flush_repeats(&mut self) {
        if self.repeats > 0 {
            self.bytes.push(REPEAT);
            varint(&mut self.bytes, u64::from(self.repeats));
            self.repeats = 0;
        }
    }
}

/// The difference of two values that are integers exactly representable in both types.
fn integer_step(previous: u64, bits: u64) -> Option<i64> {
    let whole = |bits: u64| {
        let value = f64::from_bits(bits);
        let cast = value as i64;
        (value.abs() < 9.0e15 && (cast as f64).to_bits() == bits).then_some(cast)
    };
    Some(whole(bits)? - whole(previous)?)
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Decodes what [`Head`] wrote; returns the scrape after the last value.
fn decode(bytes: &[u8], first: u32, mut each: impl FnMut(u32, f64)) -> u32 {
    let mut at = first;
    let mut bits = 0_u64;
    let mut rest = bytes.iter().copied();
    let read_varint = |rest: &mut std::iter::Copied<std::slice::Iter<u8>>| {
        let mut value = 0_u64;
        for (shift, byte) in (0..64).step_by(7).zip(rest) {
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    };
    while let Some(tag) = rest.next() {
        match tag {
            REPEAT => {
                for _ in 0..read_varint(&mut rest) {
                    each(at, f64::from_bits(bits));
                    at += 1;
                }
                continue;
            }
            INTEGER => {
                let zigzag = read_varint(&mut rest);
                bits = plus(bits, (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
            STALE_TAG => bits = STALE,
            STEP.. => bits = plus(bits, i64::from(tag - STEP) + 1),
            _ => {
                let (leading, trailing) = ((tag & 0x3f) / 8, tag & 7);
                let kept = 8 - leading.min(8) - trailing.min(8 - leading.min(8));
                let xor = rest.by_ref().take(usize::from(kept)).fold(0_u64, |xor, byte| xor << 8 | u64::from(byte));
                bits ^= xor << (8 * u32::from(trailing));
            }
        }
        each(at, f64::from_bits(bits));
        at += 1;
    }
    at
}

fn plus(bits: u64, step: i64) -> u64 {
    ((f64::from_bits(bits) as i64 + step) as f64).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            3 => any::<f64>(),
            3 => (-10_000_i64..10_000).prop_map(|whole| whole as f64),
            1 => Just(f64::NAN),
            1 => Just(-0.0),
            2 => Just(7.0),
            1 => Just(f64::INFINITY),
            1 => (0_u64..u64::MAX).prop_map(|whole| whole as f64),
        ];
        prop::collection::vec(value, 0..3000)
    }

    fn same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn columns_round_trip(values in values(), first in 0_u32..100, cut in 0_u32..3000) {
            let mut column = Column::starting_at(first);
            for (at, value) in (first..).zip(&values) {
                prop_assert_eq!(column.record(at, *value), Recorded::New);
            }
            let until = first + values.len() as u32 + 3;
            let from = first + cut.min(values.len() as u32);
            let mut read = Vec::new();
            column.read(from, until, |at, value| read.push((at, value)));
            let wanted: Vec<(u32, f64)> =
                (first..).zip(values.into_iter().chain([f64::NAN; 3])).filter(|(at, _)| *at >= from).collect();
            prop_assert_eq!(read.len(), wanted.len());
            for (got, want) in read.iter().zip(&wanted) {
                prop_assert_eq!(got.0, want.0);
                prop_assert!(same(got.1, want.1), "{:?} {:?}", got, want);
            }
        }
    }

    #[test]
    fn absent_scrapes_are_marked_and_a_second_value_is_refused() {
        let mut column = Column::starting_at(5);
        assert_eq!(column.record(5, 1.0), Recorded::New);
        assert_eq!(column.record(5, 2.0), Recorded::AlreadyThere);
        assert_eq!(column.record(8, 3.0), Recorded::New);
        let mut read = Vec::new();
        column.read(0, 9, |at, value| read.push((at, value.to_string())));
        let wanted = [(5, "1"), (6, "NaN"), (7, "NaN"), (8, "3")].map(|(at, value)| (at, value.to_owned()));
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_moving_counter_costs_one_byte_a_sample() {
        let mut column = Column::starting_at(0);
        for at in 0..10_240_u32 {
            column.record(at, f64::from(at) * 100.0);
        }
        assert_eq!(column.sealed.len(), 10);
        // The first value of a chunk follows 0.0 and costs up to four bytes more.
        assert!(column.bytes() <= 10_240 + 10 * 4, "{} bytes", column.bytes());
    }
}
