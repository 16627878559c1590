//! What faults act on in a local landscape.

use super::local::Local;
use super::processes::Check;
use chaos::inventory::Inventory;
use chaos::landscape::Landscape;
use chaos::probe::Probe;
use chaos::proxy::{Edge, EdgeName};
use std::sync::Arc;

impl Landscape for Local {
    fn inventory(&self) -> Inventory {
        Inventory {
            components: self.components().map(|c| (c.name.clone(), 1)).collect(),
            edges: self.edges().iter().map(|e| EdgeName::clone(e.name())).collect(),
            // Undo happens inside our own proxies: no component lies on its way.
            control: Default::default(),
        }
    }

    fn pids(&self, component: &str) -> Vec<u32> {
        Local::pids(self, component).first().and_then(|pid| u32::try_from(*pid).ok()).into_iter().collect()
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
}
