//! The fault catalogue: one file per fault, each declaring its parameters, its undo, and how its dose is read back.

mod http_abort;
mod net_delay;
mod net_reset;
mod process_kill;

pub use http_abort::HttpAbort;
pub use net_delay::NetDelay;
pub use net_reset::NetReset;
pub use process_kill::ProcessKill;

use crate::problem::Problem;
use crate::proxy::EdgeFault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Smallest share that a fault may ask for: below it, verifying takes more probes than a landscape should bear.
pub const MIN_SHARE: f64 = 0.02;

/// What a fault file declares about its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// `net.delay`.
    pub kind: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Name, and meaning with unit and range, of each parameter.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Where it runs.
    pub backends: &'static [&'static str],
    /// How it ends.
    pub undo: &'static str,
    /// How the dose is read back, from outside the injector.
    pub dose: &'static str,
    /// Kinds that must not act on the same target at the same time.
    pub never_with: &'static [&'static str],
}

/// Every fault that this build knows.
pub const CATALOGUE: [Declaration; 4] =
    [process_kill::DECLARATION, net_delay::DECLARATION, net_reset::DECLARATION, http_abort::DECLARATION];

/// A fault with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Fault {
    /// Kill the processes of a component.
    #[serde(rename = "process.kill")]
    ProcessKill(ProcessKill),
    /// Delay the bytes of edges to a component.
    #[serde(rename = "net.delay")]
    NetDelay(NetDelay),
    /// Reset connections to a component.
    #[serde(rename = "net.reset")]
    NetReset(NetReset),
    /// Answer requests to a component with a status.
    #[serde(rename = "http.abort")]
    HttpAbort(HttpAbort),
}

impl Fault {
    /// What the catalogue says about it.
    pub fn declaration(&self) -> Declaration {
        match self {
            Fault::ProcessKill(_) => process_kill::DECLARATION,
            Fault::NetDelay(_) => net_delay::DECLARATION,
            Fault::NetReset(_) => net_reset::DECLARATION,
            Fault::HttpAbort(_) => http_abort::DECLARATION,
        }
    }

    /// `net.delay`.
    pub fn kind(&self) -> &'static str {
        self.declaration().kind
    }

    /// Key in the document's `targets`.
    pub fn target(&self) -> &str {
        match self {
            Fault::ProcessKill(fault) => &fault.target,
            Fault::NetDelay(fault) => &fault.target,
            Fault::NetReset(fault) => &fault.target,
            Fault::HttpAbort(fault) => &fault.target,
        }
    }

    /// The caller whose edge is meant; `None` for every caller.
    pub fn from(&self) -> Option<&str> {
        match self {
            Fault::ProcessKill(_) => None,
            Fault::NetDelay(fault) => fault.from.as_deref(),
            Fault::NetReset(fault) => fault.from.as_deref(),
            Fault::HttpAbort(fault) => fault.from.as_deref(),
        }
    }

    /// The entry that a proxy gets; `None` for a fault that acts on processes.
    pub fn edge_fault(&self) -> Option<EdgeFault> {
        match self {
            Fault::ProcessKill(_) => None,
            Fault::NetDelay(fault) => Some(fault.edge_fault()),
            Fault::NetReset(fault) => Some(fault.edge_fault()),
            Fault::HttpAbort(fault) => Some(fault.edge_fault()),
        }
    }

    /// What is asked for, by parameter, with the unit in the value.
    pub fn requested(&self) -> BTreeMap<String, String> {
        let pairs = match self {
            Fault::ProcessKill(_) => vec![("signal", "SIGKILL".to_string())],
            Fault::NetDelay(fault) => vec![
                ("delay", fault.delay.to_string()),
                ("jitter", fault.jitter.to_string()),
                ("direction", format!("{:?}", fault.direction).to_lowercase()),
            ],
            Fault::NetReset(fault) => vec![("share", fault.share.to_string())],
            Fault::HttpAbort(fault) => vec![("status", fault.status.to_string()), ("share", fault.share.to_string())],
        };
        pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    /// Parameters out of range; `key` is the path of the fault.
    pub fn problems(&self, key: &str) -> Vec<Problem> {
        match self {
            Fault::ProcessKill(_) => Vec::new(),
            Fault::NetDelay(fault) => fault.problems(key),
            Fault::NetReset(fault) => share_problem(key, fault.share).into_iter().collect(),
            Fault::HttpAbort(fault) => fault.problems(key),
        }
    }
}

fn share_problem(key: &str, share: f64) -> Option<Problem> {
    let legal = (MIN_SHARE..=1.0).contains(&share);
    let remedy = format!("write a number from {MIN_SHARE} to 1");
    (!legal).then(|| Problem::new(format!("{key}.share"), share, "out of range", remedy))
}

fn everything() -> f64 {
    1.0
}
