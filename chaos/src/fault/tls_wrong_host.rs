//! `tls.wrongHost`: presents a certificate for another host to callers of a component.

use super::{Declaration, IssuerFiles, Kind, Needs};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::EdgeFault;
use crate::tls::TlsDefect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "tls.wrongHost",
    summary: "presents a certificate for another host to callers of a component",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        (
            "issuer",
            "certificate and key, PEM files below the folder of the component, of an issuer that callers trust; without it the issuer is unknown too, and callers see both defects",
        ),
    ],
    example: "",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; connections that saw the certificate are closed",
    dose: "handshakes through the edge: another certificate than straight to the target, with this defect alone, of all",
    never_with: &["process.*", "net.*", "http.*", "tls.*"],
};

/// Presents a certificate for another host to callers of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TlsWrongHost {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Issuer that callers trust; without it they see an unknown issuer too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerFiles>,
}

impl Kind for TlsWrongHost {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::Tls { defect: TlsDefect::WrongHost, presents: None })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        self.issuer.iter().flat_map(IssuerFiles::requested).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("tls_wrong_host_share", 1.0)]
    }

    fn issuer(&self) -> Option<&IssuerFiles> {
        self.issuer.as_ref()
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        self.issuer.iter().flat_map(|issuer| issuer.problems(&format!("{key}.issuer"))).collect()
    }
}
