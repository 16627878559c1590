//! Reading numbers of any number of bits, most significant bit first.

use super::ChunkError;

/// Bytes that are read at once.
const WORD: usize = 8;

/// Bytes, one bit after the other. Beyond the last byte nothing is read.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Position in bits.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Bits { data, at: 0 }
    }

    /// The next 57 bits or more, from the highest bit on; zeros beyond the end, which [`Self::skip`] notices.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        let byte = self.at / 8;
        let word = match self.data.get(byte..byte + WORD).and_then(|word| word.first_chunk::<WORD>()) {
            Some(word) => u64::from_be_bytes(*word),
            None => self.last_word(byte),
        };
        word << (self.at % 8)
    }

    #[cold]
    fn last_word(&self, byte: usize) -> u64 {
        let mut word = [0; WORD];
        let left = self.data.get(byte..).unwrap_or_default();
        let len = left.len().min(WORD);
        word[..len].copy_from_slice(&left[..len]);
        u64::from_be_bytes(word)
    }

    /// Goes on by `count` bits, which must be there.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) -> Result<(), ChunkError> {
        self.at += count as usize;
        if self.at > self.data.len() * 8 { Err(ChunkError::Truncated) } else { Ok(()) }
    }

    /// The next `count` bits, 1 to 64.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u64, ChunkError> {
        if count <= 56 {
            let bits = self.peek() >> (64 - count);
            self.skip(count)?;
            return Ok(bits);
        }
        let high = self.take(count - 32)?;
        Ok(high << 32 | self.take(32)?)
    }

    /// How many ones come before the next zero, at most `most`; that zero is passed, too.
    #[inline]
    pub(super) fn ones(&mut self, most: u32) -> Result<u32, ChunkError> {
        let ones = (!self.peek()).leading_zeros().min(most);
        self.skip(if ones < most { ones + 1 } else { ones })?;
        Ok(ones)
    }

    /// A number of `count` bits between -(2^(count-1) - 1) and 2^(count-1).
    #[inline]
    pub(super) fn signed(&mut self, count: u32) -> Result<i64, ChunkError> {
        let bits = self.take(count)? as i64;
        if count == 64 {
            return Ok(bits);
        }
        Ok(if bits > 1 << (count - 1) { bits - (1 << count) } else { bits })
    }

    /// A number of 64 bits in groups of seven, the lowest group first (`uvarint` of Go's `encoding/binary`).
    pub(super) fn uvarint(&mut self) -> Result<u64, ChunkError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(8)?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ChunkError::Layout { what: "number" })
    }

    /// As [`Self::uvarint`], the sign in the lowest bit.
    pub(super) fn varint(&mut self) -> Result<i64, ChunkError> {
        let number = self.uvarint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_width_are_read_up_to_the_last_bit() {
        let data: Vec<u8> = (0..20).map(|i| i * 13 + 7).collect();
        let text: String = data.iter().map(|byte| format!("{byte:08b}")).collect();
        for width in 1..=64_usize {
            let mut bits = Bits::new(&data);
            let mut at = 0;
            while at + width <= text.len() {
                let wanted = u64::from_str_radix(&text[at..at + width], 2).unwrap();
                assert_eq!(bits.take(width as u32), Ok(wanted), "{width} bits at {at}");
                at += width;
            }
            assert_eq!(bits.take(width as u32), Err(ChunkError::Truncated));
        }
    }

    #[test]
    fn ones_stop_at_a_zero_or_at_the_most() {
        let mut bits = Bits::new(&[0b1101_0111, 0b1111_0000]);
        assert_eq!((bits.ones(4), bits.ones(4), bits.ones(4)), (Ok(2), Ok(1), Ok(4)));
        assert_eq!((bits.ones(4), bits.ones(4)), (Ok(3), Ok(0)));
    }

    #[test]
    fn signed_numbers_and_varints() {
        assert_eq!(Bits::new(&[0b1001_0000]).signed(4), Ok(-7));
        assert_eq!(Bits::new(&[0b1000_0000]).signed(4), Ok(8));
        assert_eq!(Bits::new(&[0b1000_0000, 0x80]).uvarint(), Err(ChunkError::Truncated));
        assert_eq!(Bits::new(&[0xac, 0x02]).uvarint(), Ok(300));
        assert_eq!(Bits::new(&[0x03]).varint(), Ok(-2));
        assert_eq!(Bits::new(&[0xff; 11]).uvarint(), Err(ChunkError::Layout { what: "number" }));
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Bits::new(&most).uvarint(), Ok(u64::MAX));
        assert_eq!(Bits::new(&most).varint(), Ok(i64::MIN));
    }
}
