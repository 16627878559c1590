//! What a landscape has, as data: the planner and the checker see nothing else of it.

use crate::proxy::EdgeName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Components with their replicas, and who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Replicas of each component, by name.
    pub components: BTreeMap<String, u32>,
    /// Edges between components; callers may be outside (the user's side).
    pub edges: BTreeSet<EdgeName>,
    /// Components through which an undo travels: a fault on one of them would cut its own way back.
    pub control: BTreeSet<String>,
    /// What each component was started with, by name, so that more faults find their place.
    #[serde(default)]
    pub prepared: BTreeMap<String, BTreeSet<Preparation>>,
    /// Where the replicas of each component are, by number; one that is not told of is in no zone and has no label.
    #[serde(default)]
    pub places: BTreeMap<String, Vec<Place>>,
}

/// Zone and labels: those of a replica, or those that a replica has to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Place {
    /// Whether it has everything that is wanted.
    fn has(&self, wanted: &Place) -> bool {
        wanted.zone.as_ref().is_none_or(|zone| self.zone.as_ref() == Some(zone))
            && wanted.labels.iter().all(|(name, value)| self.labels.get(name) == Some(value))
    }

    /// Each of its parts in words: `zone a`, `label tier=gold`.
    fn words(&self) -> impl Iterator<Item = String> {
        let zone = self.zone.iter().map(|zone| format!("zone {zone}"));
        zone.chain(self.labels.iter().map(|(name, value)| format!("label {name}={value}")))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(" with "))
    }
}

/// What a component can be started with so that a family of faults finds its place: these faults cannot be put on a
/// process that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Preparation {
    /// `time.*`: its clock is read through a library that is loaded into it.
    Time,
    /// `io.*`: its folder is a pass-through file system.
    Io,
    /// `dns.*`: it asks a resolver of ours.
    Dns,
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Preparation::Time => "time",
            Preparation::Io => "io",
            Preparation::Dns => "dns",
        })
    }
}

impl Inventory {
    /// Whether the component was started with this.
    pub fn is_prepared(&self, component: &str, with: Preparation) -> bool {
        self.prepared.get(component).is_some_and(|prepared| prepared.contains(&with))
    }

    /// Replicas of a component in a place, by number; all of them without one.
    pub fn replicas(&self, component: &str, place: Option<&Place>) -> Vec<u32> {
        let all = 0..self.components.get(component).copied().unwrap_or(0);
        all.filter(|replica| place.is_none_or(|place| self.place(component, *replica).has(place))).collect()
    }

    fn place(&self, component: &str, replica: u32) -> Place {
        let of = self.places.get(component).and_then(|places| places.get(replica as usize));
        of.cloned().unwrap_or_default()
    }

    /// Zones and labels of a component, each with its replicas: `zone a (0, 2), label tier=gold (0)`.
    pub fn known_places(&self, component: &str) -> String {
        let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for replica in self.replicas(component, None) {
            for word in self.place(component, replica).words() {
                known.entry(word).or_default().push(replica.to_string());
            }
        }
        let told = known.iter().rev().map(|(word, replicas)| format!("{word} ({})", replicas.join(", ")));
        told.collect::<Vec<_>>().join(", ")
    }

    /// Edges to `to`, from `from` or from everybody.
    pub fn edges_to(&self, from: Option<&str>, to: &str) -> Vec<EdgeName> {
        let wanted = |edge: &&EdgeName| edge.to == to && from.is_none_or(|from| edge.from == from);
        self.edges.iter().filter(wanted).cloned().collect()
    }
}
