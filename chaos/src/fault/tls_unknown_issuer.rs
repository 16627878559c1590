//! `tls.unknownIssuer`: presents a certificate of an unknown issuer to callers of a component.

use super::{Declaration, Kind, Needs};
use crate::act::Act;
use crate::proxy::EdgeFault;
use crate::tls::TlsDefect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "tls.unknownIssuer",
    summary: "presents a certificate of an unknown issuer to callers of a component",
    parameters: &[("from", "caller; without it every edge to the target")],
    example: "",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; connections that saw the certificate are closed",
    dose: "handshakes through the edge: another certificate than straight to the target, with this defect alone, of all",
    never_with: &["process.*", "net.*", "http.*", "tls.*"],
};

/// Presents a certificate of an unknown issuer to callers of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TlsUnknownIssuer {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Kind for TlsUnknownIssuer {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::Tls { defect: TlsDefect::UnknownIssuer, presents: None })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("tls_unknown_issuer_share", 1.0)]
    }
}
