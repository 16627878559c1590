//! SHA-256 as text.

use sha2::{Digest, Sha256};

/// The digest in 64 hexadecimal digits.
pub(crate) fn hex(of: impl AsRef<[u8]>) -> String {
    Sha256::digest(of).iter().map(|byte| format!("{byte:02x}")).collect()
}
