//! XOR chunks: times as deltas of deltas, values as the bits that changed.

use super::ChunkError;
use super::bits::Bits;

/// The bits of a value that may differ from those of the value before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meaningful {
    leading: u32,
    trailing: u32,
}

impl Meaningful {
    /// The next value after `before`.
    #[inline]
    pub(super) fn next(&mut self, bits: &mut Bits<'_>, before: u64) -> Result<u64, ChunkError> {
        match bits.ones(2)? {
            0 => return Ok(before),
            1 => {}
            _ => {
                let head = bits.take(11)? as u32;
                // 64 does not fit into six bits, and nothing needs 0.
                let width = if head & 63 == 0 { 64 } else { head & 63 };
                let leading = head >> 6;
                let trailing = 64_u32.checked_sub(leading + width).ok_or(ChunkError::Layout { what: "width" })?;
                *self = Meaningful { leading, trailing };
            }
        }
        Ok(before ^ bits.take(64 - self.leading - self.trailing)? << self.trailing)
    }
}

/// Appends the samples of a chunk that lie between `from_ms` and `to_ms`, both inclusive, in the order of the chunk.
///
/// # Errors
/// The bytes are no whole chunk; the samples before the fault are appended.
pub fn xor(
    data: &[u8],
    (from_ms, to_ms): (i64, i64),
    times_ms: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let count = super::announced(data);
    let mut bits = Bits::new(data);
    bits.skip(16)?;
    let (mut time, mut delta, mut value, mut meaningful) = (0_i64, 0_i64, 0_u64, Meaningful::default());
    for at in 0..count {
        if at == 0 {
            time = bits.varint()?;
            value = bits.take(64)?;
        } else {
            delta = if at == 1 { bits.uvarint()? as i64 } else { delta.wrapping_add(delta_of_delta(&mut bits)?) };
            time = time.wrapping_add(delta);
            value = meaningful.next(&mut bits, value)?;
        }
        if (from_ms..=to_ms).contains(&time) {
            times_ms.push(time);
            values.push(f64::from_bits(value));
        }
    }
    Ok(())
}

#[inline]
fn delta_of_delta(bits: &mut Bits<'_>) -> Result<i64, ChunkError> {
    match bits.ones(4)? {
        0 => Ok(0),
        1 => bits.signed(14),
        2 => bits.signed(17),
        3 => bits.signed(20),
        _ => bits.signed(64),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes bits, most significant first.
    #[derive(Default)]
    pub(crate) struct Written {
        pub(crate) bytes: Vec<u8>,
        used: u32,
    }

    impl Written {
        pub(crate) fn put(&mut self, number: u64, count: u32) {
            for bit in (0..count).rev() {
                if self.used.is_multiple_of(8) {
                    self.bytes.push(0);
                }
                *self.bytes.last_mut().expect("was pushed") |= ((number >> bit & 1) as u8) << (7 - self.used % 8);
                self.used += 1;
            }
        }

        fn uvarint(&mut self, mut number: u64) {
            while number >= 0x80 {
                self.put(number & 0x7f | 0x80, 8);
                number >>= 7;
            }
            self.put(number, 8);
        }

        fn value(&mut self, before: u64, now: u64, window: &mut Option<(u32, u32)>) {
            let changed = before ^ now;
            if changed == 0 {
                return self.put(0, 1);
            }
            self.put(1, 1);
            let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
            let (l, t) = match *window {
                Some((l, t)) if leading >= l && trailing >= t => {
                    self.put(0, 1);
                    (l, t)
                }
                _ => {
                    self.put(1, 1);
                    self.put(leading.into(), 5);
                    self.put(u64::from(64 - leading - trailing) & 63, 6);
                    *window = Some((leading, trailing));
                    (leading, trailing)
                }
            };
            self.put(changed >> t, 64 - l - t);
        }
    }

    pub(crate) fn encoded(samples: &[(i64, u64)]) -> Vec<u8> {
        let mut out = Written::default();
        out.put(samples.len() as u64, 16);
        let (mut delta, mut window) = (0_i64, None);
        for (at, &(time, value)) in samples.iter().enumerate() {
            match at {
                0 => {
                    out.uvarint((time << 1 ^ time >> 63) as u64);
                    out.put(value, 64);
                }
                _ => {
                    let (before, last) = samples[at - 1];
                    let now = time.wrapping_sub(before);
                    let dod = now.wrapping_sub(delta);
                    let fits = |bits: u32| (-((1 << (bits - 1)) - 1)..=1 << (bits - 1)).contains(&dod);
                    match dod {
                        _ if at == 1 => out.uvarint(now as u64),
                        0 => out.put(0, 1),
                        _ if fits(14) => (out.put(0b10, 2), out.put(dod as u64, 14)).1,
                        _ if fits(17) => (out.put(0b110, 3), out.put(dod as u64, 17)).1,
                        _ if fits(20) => (out.put(0b1110, 4), out.put(dod as u64, 20)).1,
                        _ => (out.put(0b1111, 4), out.put(dod as u64, 64)).1,
                    }
                    out.value(last, value, &mut window);
                    delta = now;
                }
            }
        }
        out.bytes
    }

    fn decoded(data: &[u8]) -> Result<Vec<(i64, u64)>, ChunkError> {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        xor(data, (i64::MIN, i64::MAX), &mut times, &mut values)?;
        Ok(times.into_iter().zip(values.into_iter().map(f64::to_bits)).collect())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_bit_for_bit(
            start in any::<i64>(),
            steps in prop::collection::vec((prop_oneof![Just(15_000_i64), 0..100_000_i64, any::<i64>()], any::<u64>()), 0..200),
            counter in prop::collection::vec(0..1000_u32, 0..200),
        ) {
            let mut time = start;
            let mut samples = Vec::new();
            for (step, value) in steps {
                time = time.wrapping_add(step);
                samples.push((time, value));
            }
            let mut total = 0.0;
            for step in counter {
                time = time.wrapping_add(1000);
                total += f64::from(step);
                samples.push((time, f64::to_bits(total)));
            }
            prop_assert_eq!(decoded(&encoded(&samples)), Ok(samples));
        }

        #[test]
        fn foreign_bytes_are_an_error_or_samples(data in prop::collection::vec(any::<u8>(), 0..300)) {
            let announced = super::super::announced(&data);
            if let Ok(samples) = decoded(&data) {
                prop_assert!(samples.len() == announced);
            }
        }
    }

    #[test]
    fn a_chunk_that_was_cut_is_an_error_at_every_byte() {
        let whole = encoded(&[(0, 1), (15_000, 2), (30_000, u64::MAX), (45_001, 0x7ff0_0000_0000_0002)]);
        for len in 0..whole.len() {
            assert_eq!(decoded(&whole[..len]), Err(ChunkError::Truncated), "{len} bytes");
        }
    }

    #[test]
    fn only_the_window_is_kept() {
        let samples: Vec<(i64, u64)> = (0..10).map(|i| (i * 1000, i as u64)).collect();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        xor(&encoded(&samples), (2000, 4000), &mut times, &mut values).unwrap();
        assert_eq!(times, [2000, 3000, 4000]);
    }
}
