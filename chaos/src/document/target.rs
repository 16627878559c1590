//! Targets: a component, and which of its replicas.

use super::{Experiment, names};
use crate::inventory::{Inventory, Place};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A component, and which of its replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Target {
    /// Component name.
    pub component: String,
    /// Which replicas (for faults on processes).
    #[serde(default)]
    pub choose: Choose,
}

/// Which replicas: a count, or a percentage rounded up, of all or of those in a zone or with labels. One replica
/// without count and percentage. Which ones is drawn by the seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Choose {
    /// So many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// So many of a hundred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Of those in this zone: `zone` in processes.yaml. Only for faults that act on chosen replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Of those with all of these labels: `labels` in processes.yaml. Only for faults that act on chosen replicas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Choose {
    /// So many of all.
    pub fn count(count: u32) -> Self {
        Self { count: Some(count), ..Self::default() }
    }

    /// So many of a hundred of all.
    pub fn percent(percent: u8) -> Self {
        Self { percent: Some(percent), ..Self::default() }
    }

    /// Where the replicas have to be; `None`: anywhere.
    pub fn place(&self) -> Option<Place> {
        let place = Place { zone: self.zone.clone(), labels: self.labels.clone() };
        (place != Place::default()).then_some(place)
    }

    fn problems(&self, key: &str, problems: &mut Vec<Problem>) {
        match self {
            Choose { count: Some(_), percent: Some(_), .. } => {
                problems.push(Problem::new(key, "count, percent", "both given", "write one of them"));
            }
            Choose { count: Some(0), .. } => {
                problems.push(Problem::new(key, 0, "chooses nothing", "write 1 or more"));
            }
            Choose { percent: Some(percent), .. } if !(1..=100).contains(percent) => {
                problems.push(Problem::new(key, percent, "not a percentage", "write 1 to 100"));
            }
            Choose { .. } => (),
        }
    }
}

impl Experiment {
    pub(super) fn target_problems(&self, inventory: Option<&Inventory>, problems: &mut Vec<Problem>) {
        for (name, target) in &self.targets {
            if let Some(inventory) = inventory
                && !inventory.components.contains_key(&target.component)
            {
                let key = format!("targets.{name}.component");
                let remedy = format!("known: {}", names(inventory.components.keys()));
                problems.push(Problem::new(key, &target.component, "unknown component", remedy));
            }
            target.choose.problems(&format!("targets.{name}.choose"), problems);
        }
    }
}
