//! Parts of a whole: which share of connections, requests or chunks a fault takes, and how it is drawn.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A share in (0, 1]: of connections, of requests or of chunks.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// A number that is not a share.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{value} is not a share; it must be more than 0 and at most 1")]
pub struct ShareError {
    /// What was given.
    pub value: f64,
}

impl Share {
    /// Everything.
    pub const ALL: Share = Share(1.0);

    /// A share, if `value` lies in (0, 1].
    ///
    /// # Errors
    /// Any other number.
    pub fn try_new(value: f64) -> Result<Self, ShareError> {
        if value > 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(ShareError { value }) }
    }

    /// The share as a number in (0, 1].
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = ShareError;
    fn try_from(value: f64) -> Result<Self, ShareError> {
        Self::try_new(value)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

/// Draw number `n` of the sequence `seed`: uniform in [0, 1). Equal arguments give equal draws on any machine.
pub fn draw(seed: u64, n: u64) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_word_pos(u128::from(n) * 2); // one draw takes two 32-bit words
    // The 53 bits of a double's fraction.
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
