//! Chunks of native histograms: one bucket layout for the whole chunk, counts as deltas of deltas or changed bits.

use super::ChunkError;
use super::bits::Bits;
use super::xor::Meaningful;

/// Most buckets of one chunk. Servers merge buckets long before: clients are limited to 160 by default.
const MAX_BUCKETS: usize = 10_000;

/// Most counts of one chunk: a server ends a chunk after a few hundred samples.
const MAX_COUNTS: usize = 4_000_000;

/// Farthest index of a bucket: the finest schema has 256 in each of the 2,100 octaves of a float.
const MAX_INDEX: i32 = 1 << 20;

/// Schemas whose bucket bounds are powers of 2^(2^-schema).
const EXPONENTIAL: std::ops::RangeInclusive<i64> = -4..=8;

/// Schema whose bounds are written down.
const CUSTOM: i64 = -53;

/// The sum of a histogram that ended: the staleness marker, a NaN with this payload.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Where the buckets of a chunk lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// -4 to 8: positive bucket `i` ends at 2^(i 2^-schema), negative buckets mirror it. -53: `custom` has the bounds.
    pub schema: i32,
    /// Observations of at most this magnitude are in the zero bucket.
    pub zero_threshold: f64,
    /// Upper bounds of custom buckets, rising.
    pub custom: Vec<f64>,
    /// Indices of the positive buckets, rising.
    pub positive: Vec<i32>,
    /// Indices of the negative buckets, rising in magnitude.
    pub negative: Vec<i32>,
}

/// One histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeSample {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Observations in the zero bucket.
    pub zero: f64,
    /// Observations in each positive bucket of the chunk.
    pub positive: Vec<f64>,
    /// Observations in each negative bucket of the chunk.
    pub negative: Vec<f64>,
}

impl NativeSample {
    /// Whether it marks the end of the series.
    pub fn is_stale(&self) -> bool {
        self.sum.to_bits() == STALE_BITS
    }

    fn stale(at_ms: i64) -> Self {
        let sum = f64::from_bits(STALE_BITS);
        NativeSample { at_ms, count: sum, sum, zero: sum, positive: Vec::new(), negative: Vec::new() }
    }
}

/// Reads a chunk of histograms with integer counts.
///
/// # Errors
/// The bytes are no whole chunk.
pub fn histogram(data: &[u8]) -> Result<(Buckets, Vec<NativeSample>), ChunkError> {
    let (count, mut bits, buckets) = head(data)?;
    let mut samples = Vec::new();
    let (mut time, mut total, mut zero) = (Second::default(), Second::default(), Second::default());
    let mut cells = vec![Second::default(); buckets.positive.len() + buckets.negative.len()];
    let (mut sum, mut meaningful) = (0, Meaningful::default());
    for at in 0..count {
        if at == 0 {
            time.value = varbit(&mut bits)?;
            total.value = varbit_unsigned(&mut bits)? as i64;
            zero.value = varbit_unsigned(&mut bits)? as i64;
            sum = bits.take(64)?;
        } else {
            time.step(varbit(&mut bits)?);
            total.step(varbit(&mut bits)?);
            zero.step(varbit(&mut bits)?);
            sum = meaningful.next(&mut bits, sum)?;
        }
        if sum == STALE_BITS {
            // A marker has no buckets, and nothing comes after it.
            samples.push(NativeSample::stale(time.value));
            break;
        }
        for cell in &mut cells {
            let step = varbit(&mut bits)?;
            if at == 0 { cell.value = step } else { cell.step(step) }
        }
        let (positive, negative) = cells.split_at(buckets.positive.len());
        samples.push(NativeSample {
            at_ms: time.value,
            count: total.value as u64 as f64,
            sum: f64::from_bits(sum),
            zero: zero.value as u64 as f64,
            positive: summed(positive),
            negative: summed(negative),
        });
    }
    Ok((buckets, samples))
}

/// Reads a chunk of histograms with float counts.
///
/// # Errors
/// The bytes are no whole chunk.
pub fn float_histogram(data: &[u8]) -> Result<(Buckets, Vec<NativeSample>), ChunkError> {
    let (count, mut bits, buckets) = head(data)?;
    let mut samples = Vec::new();
    let mut time = Second::default();
    // Count, zero count, sum, then the buckets: each keeps its own window of changed bits.
    let mut cells = vec![(0_u64, Meaningful::default()); 3 + buckets.positive.len() + buckets.negative.len()];
    for at in 0..count {
        if at == 0 {
            time.value = varbit(&mut bits)?;
        } else {
            time.step(varbit(&mut bits)?);
        }
        let mut ended = false;
        for (place, (value, meaningful)) in cells.iter_mut().enumerate() {
            *value = if at == 0 { bits.take(64)? } else { meaningful.next(&mut bits, *value)? };
            ended = place == 2 && *value == STALE_BITS;
            if ended {
                break;
            }
        }
        if ended {
            samples.push(NativeSample::stale(time.value));
            break;
        }
        let floats: Vec<f64> = cells.iter().map(|(value, _)| f64::from_bits(*value)).collect();
        let (positive, negative) = floats[3..].split_at(buckets.positive.len());
        samples.push(NativeSample {
            at_ms: time.value,
            count: floats[0],
            zero: floats[1],
            sum: floats[2],
            positive: positive.to_vec(),
            negative: negative.to_vec(),
        });
    }
    Ok((buckets, samples))
}

/// A number that is written as the change of its change.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    value: i64,
    delta: i64,
}

impl Second {
    fn step(&mut self, change: i64) {
        self.delta = self.delta.wrapping_add(change);
        self.value = self.value.wrapping_add(self.delta);
    }
}

/// Buckets are written as differences to the bucket before.
fn summed(cells: &[Second]) -> Vec<f64> {
    let running = cells.iter().scan(0_i64, |sum, cell| {
        *sum = sum.wrapping_add(cell.value);
        Some(*sum as f64)
    });
    running.collect()
}

fn head(data: &[u8]) -> Result<(usize, Bits<'_>, Buckets), ChunkError> {
    let count = super::announced(data);
    let mut bits = Bits::new(data);
    // The number of samples, and flags that say whether counters were reset before this chunk: resets are seen in the
    // counts themselves, as with plain counters.
    bits.skip(24)?;
    let zero_threshold = match bits.take(8)? {
        0 => 0.0,
        255 => f64::from_bits(bits.take(64)?),
        power => 2_f64.powi(power as i32 - 244),
    };
    let schema = varbit(&mut bits)?;
    if !(EXPONENTIAL.contains(&schema) || schema == CUSTOM) {
        return Err(ChunkError::Layout { what: "schema" });
    }
    let (positive, negative) = (spans(&mut bits)?, spans(&mut bits)?);
    let custom = if schema == CUSTOM { bounds(&mut bits)? } else { Vec::new() };
    if schema == CUSTOM && (!negative.is_empty() || positive.iter().any(|at| *at < 0 || *at as usize > custom.len())) {
        return Err(ChunkError::Layout { what: "custom bounds" });
    }
    if count.saturating_mul(positive.len() + negative.len()) > MAX_COUNTS {
        return Err(ChunkError::Layout { what: "number of counts" });
    }
    Ok((count, bits, Buckets { schema: schema as i32, zero_threshold, custom, positive, negative }))
}

/// Indices of the buckets that spans of (length, distance to the span before) describe.
fn spans(bits: &mut Bits<'_>) -> Result<Vec<i32>, ChunkError> {
    let wrong = ChunkError::Layout { what: "bucket layout" };
    let count = varbit_unsigned(bits)?;
    let (mut indices, mut next) = (Vec::new(), 0_i32);
    for _ in 0..count {
        let (length, offset) = (varbit_unsigned(bits)?, varbit(bits)?);
        next = i32::try_from(offset).ok().and_then(|offset| next.checked_add(offset)).ok_or(wrong)?;
        if length > (MAX_BUCKETS - indices.len()) as u64 {
            return Err(wrong);
        }
        let end = next.checked_add(length as i32).ok_or(wrong)?;
        indices.extend(next..end);
        next = end;
    }
    if indices.iter().any(|index: &i32| !(-MAX_INDEX..=MAX_INDEX).contains(index)) {
        return Err(wrong);
    }
    let rising = indices.windows(2).all(|pair| pair[0] < pair[1]);
    if rising { Ok(indices) } else { Err(wrong) }
}

/// Bounds of custom buckets: thousandths where that is exact, else the whole number.
fn bounds(bits: &mut Bits<'_>) -> Result<Vec<f64>, ChunkError> {
    let count = varbit_unsigned(bits)?;
    let mut bounds: Vec<f64> = Vec::new();
    for _ in 0..count {
        let bound = match varbit_unsigned(bits)? {
            0 => f64::from_bits(bits.take(64)?),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        };
        if bound.is_nan() || bounds.last().is_some_and(|last| *last >= bound) || bounds.len() == MAX_BUCKETS {
            return Err(ChunkError::Layout { what: "custom bounds" });
        }
        bounds.push(bound);
    }
    Ok(bounds)
}

/// Width of the number that follows so many ones.
const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

fn varbit(bits: &mut Bits<'_>) -> Result<i64, ChunkError> {
    match WIDTHS[bits.ones(8)? as usize] {
        0 => Ok(0),
        width => bits.signed(width),
    }
}

fn varbit_unsigned(bits: &mut Bits<'_>) -> Result<u64, ChunkError> {
    match WIDTHS[bits.ones(8)? as usize] {
        0 => Ok(0),
        width => bits.take(width),
    }
}

#[cfg(test)]
mod tests {
    use super::super::xor::tests::Written;
    use super::*;
    use proptest::prelude::*;

    fn put(out: &mut Written, number: i64) {
        put_bits(out, number as u64, |width| {
            width == 64 || (-((1 << (width - 1)) - 1)..=1 << (width - 1)).contains(&number)
        });
    }

    fn put_unsigned(out: &mut Written, number: u64) {
        put_bits(out, number, |width| width == 64 || number < 1 << width);
    }

    fn put_bits(out: &mut Written, number: u64, fits: impl Fn(u32) -> bool) {
        let at = if number == 0 { 0 } else { (1..9).find(|at| fits(WIDTHS[*at])).expect("64 bits fit") };
        out.put((1 << at) - 1, at as u32);
        if at < 8 {
            out.put(0, 1);
        }
        out.put(number & (u64::MAX >> (64 - WIDTHS[at].max(1))), WIDTHS[at]);
    }

    /// Two histograms over the buckets 1, 2 and 5, schema 3, with counts `[4, 0, 2]` and `[5, 1, 9]`.
    fn two() -> Vec<u8> {
        let mut out = Written::default();
        out.put(2, 16);
        out.put(0b0100_0000, 8);
        out.put(116, 8);
        put(&mut out, 3);
        put_unsigned(&mut out, 2);
        for (length, offset) in [(2, 1), (1, 2)] {
            put_unsigned(&mut out, length);
            put(&mut out, offset);
        }
        put_unsigned(&mut out, 0);
        put(&mut out, 1_700_000_000_000);
        put_unsigned(&mut out, 7);
        put_unsigned(&mut out, 1);
        out.put(1.5_f64.to_bits(), 64);
        [4, -4, 2].iter().for_each(|cell| put(&mut out, *cell));
        put(&mut out, 15_000);
        put(&mut out, 9);
        put(&mut out, 0);
        out.put(0, 1);
        [1, 0, 6].iter().for_each(|cell| put(&mut out, *cell));
        out.bytes
    }

    #[test]
    fn counts_and_layout_are_read() {
        let (buckets, samples) = histogram(&two()).unwrap();
        assert_eq!((buckets.schema, &buckets.positive[..], buckets.negative.len()), (3, &[1, 2, 5][..], 0));
        assert_eq!(buckets.zero_threshold, 2_f64.powi(-128));
        let read: Vec<_> = samples.iter().map(|s| (s.at_ms, s.count, s.sum, s.zero, s.positive.clone())).collect();
        assert_eq!(read[0], (1_700_000_000_000, 7.0, 1.5, 1.0, vec![4.0, 0.0, 2.0]));
        assert_eq!(read[1], (1_700_000_015_000, 16.0, 1.5, 1.0, vec![5.0, 1.0, 9.0]));
    }

    #[test]
    fn a_chunk_that_was_cut_is_an_error_at_every_byte() {
        let whole = two();
        for len in 0..whole.len() {
            assert!(histogram(&whole[..len]).is_err(), "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = histogram(&data);
            let _ = float_histogram(&data);
        }

        #[test]
        fn numbers_of_any_size_are_read_back(signed in any::<i64>(), shift in 0..64_u32) {
            let mut out = Written::default();
            put(&mut out, signed >> shift);
            put_unsigned(&mut out, signed as u64 >> shift);
            let mut bits = Bits::new(&out.bytes);
            prop_assert_eq!(varbit(&mut bits), Ok(signed >> shift));
            prop_assert_eq!(varbit_unsigned(&mut bits), Ok(signed as u64 >> shift));
        }
    }
}
