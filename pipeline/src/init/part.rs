//! One component as it was described.

use std::collections::BTreeMap;

/// How one sees that a component is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// This path answers 2xx.
    Http(String),
    /// Its port accepts a connection.
    Tcp,
    /// It runs; it listens nowhere.
    Alive,
}

/// Who reaches a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Users, and other components.
    User,
    /// Other components only.
    Internal,
}

/// A component that will be written into product.yaml and processes.yaml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Readiness.
    pub ready: Ready,
    /// Longest time until it is ready, with its unit; Mettle's default when absent.
    pub deadline: Option<String>,
    /// Path of its metrics.
    pub metrics: Option<String>,
    /// Components that it calls, with the variable that receives the address.
    pub reaches: BTreeMap<String, String>,
    /// How an address is written into those variables; Mettle's default when absent.
    pub reaches_format: Option<String>,
    /// Components that must be there first.
    pub depends_on: Vec<String>,
    /// Whether it stays down when it exits.
    pub stays_down: StaysDown,
    /// Who reaches it.
    pub side: Side,
    /// Comments for whoever reads processes.yaml.
    pub remarks: Vec<String>,
}

/// What happens when a component exits by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaysDown {
    /// It is started again.
    No,
    /// It stays down.
    Yes,
}

impl Part {
    /// A component with nothing but a name and a command: ready when its port accepts a connection.
    pub fn new(name: &str, command: Vec<String>) -> Self {
        Part {
            name: name.to_owned(),
            command,
            env: BTreeMap::new(),
            ready: Ready::Tcp,
            deadline: None,
            metrics: None,
            reaches: BTreeMap::new(),
            reaches_format: None,
            depends_on: vec![],
            stays_down: StaysDown::No,
            side: Side::User,
            remarks: vec![],
        }
    }

    /// The path that journeys and the exposure suite visit, if users can ask for one.
    pub fn visited(&self) -> Option<&str> {
        match (&self.ready, self.side) {
            (Ready::Http(path), Side::User) => Some(path),
            _ => None,
        }
    }
}
