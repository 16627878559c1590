//! The environment of an experiment: its parameters.

use super::super::aim::Aim;
use super::super::draft::REST_MS;
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use crate::document::Choose;
use crate::span::Span;
use std::collections::BTreeMap;

/// Variables about the machinery of the tool.
const MACHINERY: [&str; 16] = [
    "CONTAINER_RUNTIME",
    "SOCKET_PATH",
    "LIB",
    "LIB_IMAGE",
    "TC_IMAGE",
    "STRESS_IMAGE",
    "CONTAINER_PATH",
    "NETWORK_INTERFACE",
    "PROXY_PORT",
    "DEFAULT_HEALTH_CHECK",
    "STATUS_CHECK_TIMEOUTS",
    "INSTANCE_ID",
    "CHAOS_NAMESPACE",
    "AUXILIARY_APPINFO",
    "SET_HELPER_DATA",
    "SEQUENCE",
];

/// Values by name of the variable; unset ones are left out.
pub(super) struct Environment<'a> {
    values: BTreeMap<&'a str, Node<'a>>,
    /// Each entry with its name.
    pub entries: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Environment<'a> {
    pub fn read(experiment: &Node<'a>) -> Self {
        let items = experiment.at(&["spec", "components", "env"]).map(|env| env.items()).unwrap_or_default();
        let entry = |item: &Node<'a>| Some((item.get("name")?.value.as_str()?, item.clone()));
        let entries: Vec<_> = items.iter().filter_map(entry).collect();
        let value = |(name, item): &(&'a str, Node<'a>)| Some((*name, item.some("value")?));
        Self { values: entries.iter().filter_map(value).collect(), entries }
    }

    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        self.values.get(name).cloned()
    }

    /// The aim, narrowed by the variables about pods.
    pub fn narrow(&self, aim: &Aim<'a>) -> Aim<'a> {
        let mut aim = aim.clone();
        if let Some(node) = self.get("PODS_AFFECTED_PERC") {
            match node.number() {
                Some(0.0) => aim.choose(&node, Choose::count(1), None),
                Some(n) if (0.0..=100.0).contains(&n) => {
                    aim.choose(&node, Choose::percent(n.ceil() as u8), None);
                }
                _ => aim.lost(&node, "not a percentage; one replica is chosen"),
            }
        }
        if let Some(node) = self.get("TARGET_PODS") {
            match aim.component.is_ok() {
                true => aim.note(&node, "which replicas is drawn"),
                false => aim.by_pod_name(&node),
            }
        }
        for name in ["TARGET_CONTAINER", "NODE_LABEL"] {
            if let Some(node) = self.get(name) {
                aim.note(&node, "a component is a whole; neither containers nor nodes are told apart");
            }
        }
        aim
    }

    /// The time that the fault stays in, and the ramp around it.
    pub fn times(&self, wish: &mut Wish<'a>, standard: Span) -> (Span, Span) {
        let hold = self.time("TOTAL_CHAOS_DURATION", "method.hold", standard, wish);
        (hold, self.ramp(wish))
    }

    /// The ramp around the fault.
    pub fn ramp(&self, wish: &mut Wish<'a>) -> Span {
        self.time("RAMP_TIME", "method.rest", Span::from_ms(REST_MS), wish)
    }

    fn time(&self, name: &str, place: &str, standard: Span, wish: &mut Wish<'a>) -> Span {
        let Some(node) = self.get(name) else { return standard };
        match units::span(&node, 1e3) {
            Ok((span, caveat)) if span.ms() > 0 => {
                wish.becomes(&node, place, caveat);
                span
            }
            Ok(_) => {
                wish.note(&node, "no time at all");
                standard
            }
            Err(why) => {
                wish.lost(&node, format!("{why}; it is {standard}"));
                standard
            }
        }
    }

    /// Lines for the names, and for variables of the machinery.
    pub fn rest(&self, wish: &mut Wish<'a>) {
        for (name, item) in &self.entries {
            if let Some(node) = item.get("name") {
                wish.becomes(&node, "the parameter below", None);
            }
            let Some(node) = item.some("value").filter(|node| !wish.has(node)) else { continue };
            match MACHINERY.contains(name) {
                true => wish.note(&node, "belongs to how the other tool works; nothing here needs it"),
                false => wish.lost(&node, "the fault has no parameter for it"),
            }
        }
    }
}
