//! Digests of documents: SHA-256 over JSON with sorted keys.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// `sha256:<hex>` of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Digest of a JSON value; `serde_json` keeps object keys sorted, so equal values have equal digests.
pub fn sha256_json(value: &Value) -> String {
    sha256(value.to_string().as_bytes())
}
