//! A question as the domain sees it: parsed, bounded, with nothing unknown in it.

use crate::gate::Gate;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Longest name (product, tag, landscape, cluster, requester) in bytes: git refuses refs beyond 255.
pub const MAX_NAME: usize = 255;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The gate.
    pub gate: Gate,
    /// Product name.
    pub product: String,
    /// Product tag, `v1.42.0`.
    pub tag: String,
    /// Commit that the caller believes the tag to be; different from the stored one: `deny` `tag_moved`.
    pub commit: Option<String>,
    /// Landscape name.
    pub landscape: String,
    /// One cluster; `None`: the worst of all clusters of the landscape.
    pub cluster: Option<String>,
    /// Wave, echoed; only `prod-step` reads it.
    pub wave: Option<u32>,
    /// Toggle vector that the caller will run with; `None`: not compared.
    pub toggles: Option<BTreeMap<String, String>>,
    /// Who asks, for the log of decisions.
    pub requester: Option<String>,
    /// Whether the answer is recorded.
    pub recording: Recording,
}

/// Whether an answer goes into the log of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// A real question.
    #[default]
    Recorded,
    /// A dry run leaves no trace.
    DryRun,
}

impl Question {
    /// A question with the required parts; the rest is unset.
    pub fn new(gate: Gate, product: &str, tag: &str, landscape: &str) -> Self {
        Question {
            gate,
            product: product.to_owned(),
            tag: tag.to_owned(),
            commit: None,
            landscape: landscape.to_owned(),
            cluster: None,
            wave: None,
            toggles: None,
            requester: None,
            recording: Recording::Recorded,
        }
    }

    /// Identity of the evaluation: asking again with the same identity yields the same id.
    ///
    /// SHA-256 over (gate, product, commit, landscape, cluster, wave, toggle vector, policy digest), shortened to
    /// 128 bits. Parts are length-prefixed, so that no two tuples collide by concatenation.
    pub fn identity(&self, commit: &str, policy_digest: &str) -> String {
        let wave = self.wave.map(|wave| wave.to_string()).unwrap_or_default();
        let mut parts = vec![self.gate.name(), &self.product, commit, &self.landscape];
        parts.extend([self.cluster.as_deref().unwrap_or_default(), &wave, policy_digest]);
        for (key, state) in self.toggles.iter().flatten() {
            parts.extend([key.as_str(), state.as_str()]);
        }
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        format!("eval-{}", hex(&digest[..16]))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
