//! What faults act on in a local landscape.

use super::local::Local;
use super::processes::{Check, Component, Processes, USER};
use chaos::inventory::{Inventory, Place};
use chaos::landscape::{Landscape, Site};
use chaos::probe::Probe;
use chaos::proxy::{Edge, EdgeName};
use std::path::PathBuf;
use std::sync::Arc;

/// What faults can act on when these processes run: known before anything is started.
pub fn inventory(processes: &Processes) -> Inventory {
    let mut inventory = Inventory::default();
    for component in &processes.components {
        inventory.components.insert(component.name.clone(), 1);
        inventory.prepared.insert(component.name.clone(), component.prepare.clone());
        inventory.places.insert(component.name.clone(), places(component));
        let user = component.user.then_some(USER);
        let callers = user.into_iter().map(|caller| EdgeName::new(caller, &component.name));
        let called = component.reaches.keys().map(|target| EdgeName::new(&component.name, target));
        inventory.edges.extend(callers.chain(called));
    }
    inventory
}

/// Where the one replica of a component is.
fn places(component: &Component) -> Vec<Place> {
    vec![Place { zone: component.zone.clone(), labels: component.labels.clone() }]
}

impl Landscape for Local {
    fn inventory(&self) -> Inventory {
        Inventory {
            components: self.components().map(|c| (c.name.clone(), 1)).collect(),
            edges: self.edges().iter().map(|e| EdgeName::clone(e.name())).collect(),
            // Undo happens inside our own proxies: no component lies on its way.
            control: Default::default(),
            prepared: self.components().map(|c| (c.name.clone(), c.prepare.clone())).collect(),
            places: self.components().map(|c| (c.name.clone(), places(c))).collect(),
        }
    }

    fn processes(&self, component: &str) -> Vec<Vec<i32>> {
        // One replica: itself first, then what it started.
        Some(Local::pids(self, component)).filter(|tree| !tree.is_empty()).into_iter().collect()
    }

    fn edges(&self, from: Option<&str>, to: &str) -> Vec<Arc<Edge>> {
        let wanted = |e: &Arc<Edge>| e.name().to == to && from.is_none_or(|from| e.name().from == from);
        Local::edges(self).into_iter().filter(wanted).collect()
    }

    fn ready(&self, component: &str) -> bool {
        Local::ready(self, component)
    }

    fn probe(&self, component: &str) -> Probe {
        let check = self.components().find(|c| c.name == component).map(|c| c.health.check());
        match check {
            Some(Check::Http(path)) => Probe::Http { path },
            _ => Probe::HalfClose,
        }
    }

    fn folder(&self, component: &str) -> Option<PathBuf> {
        self.components().any(|c| c.name == component).then(|| Local::folder(self, component))
    }

    fn clock(&self, component: &str) -> Option<PathBuf> {
        Local::clock(self, component)
    }

    fn site(&self) -> Site {
        Local::site(self)
    }
}
