//! An issuer of certificates, as a document names it.

use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

/// Files of an issuer whose certificates callers trust, PEM, below the folder of the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerFiles {
    /// Its certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl IssuerFiles {
    pub(super) fn requested(&self) -> [(&'static str, String); 2] {
        [("issuer.certificate", self.certificate.clone()), ("issuer.key", self.key.clone())]
    }

    pub(super) fn problems(&self, key: &str) -> Vec<Problem> {
        let is_below = |file: &str| Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        let files = [("certificate", &self.certificate), ("key", &self.key)];
        let wrong = files.into_iter().filter(|(_, file)| file.is_empty() || !is_below(file));
        let remedy = "write a path below the folder of the component, without `..`";
        wrong
            .map(|(name, file)| Problem::new(format!("{key}.{name}"), file, "leads out of the folder", remedy))
            .collect()
    }
}
