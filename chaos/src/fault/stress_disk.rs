//! `stress.disk`: the disk of a component gets full.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Fill, Hold};
use crate::amount::Bytes;
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.disk",
    summary: "fills the disk of a component; on a disk that is not the component's own, 512MiB stay free",
    parameters: &[
        ("bytes", "how much, 1MiB to 16TiB; or `leave`"),
        ("leave", "fill until so much is left, 0B to 16TiB; or `bytes`"),
    ],
    example: ", bytes: 256MiB",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder closes the file; it has no name, so the kernel frees it",
    dose: "blocks of the file as another process sees them through /proc: filled_bytes; what is still free: free_bytes, left_as_asked",
    never_with: &["stress.disk", "stress.io"],
};

/// Fill the disk of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressDisk {
    /// Key in `targets`.
    pub target: String,
    /// How much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// Fill until so much is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave: Option<Bytes>,
}

impl Kind for StressDisk {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        let left = Fill::AllBut(self.leave.unwrap_or_default().0);
        Act::Held(Hold::Disk { fill: self.bytes.map_or(left, |bytes| Fill::Bytes(bytes.0)) })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let given = |name, amount: Option<Bytes>| amount.map(|amount| (name, amount.to_string()));
        given("bytes", self.bytes).into_iter().chain(given("leave", self.leave)).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        self.bytes.map_or(vec![("left_as_asked", 1.0)], |bytes| vec![("filled_bytes", bytes.0 as f64)])
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.bytes.is_some() == self.leave.is_some() {
            let remedy = "write exactly one of `bytes` and `leave`";
            problems.push(Problem::new(key, "", "does not say how much", remedy));
        }
        let most = Bytes(16 << 40);
        let bytes = self.bytes.and_then(|bytes| range_problem(&format!("{key}.bytes"), bytes, (Bytes(1 << 20), most)));
        let leave = self.leave.and_then(|leave| range_problem(&format!("{key}.leave"), leave, (Bytes(0), most)));
        problems.extend(bytes.into_iter().chain(leave));
        problems
    }
}
