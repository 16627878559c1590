//! Krkn scenarios.

mod container;
mod hijack;
mod kind;
mod network;
mod pod;

use super::draft::{Draft, HOLD_MS, REST_MS, TOO_MANY};
use super::node::Node;
use super::sheet::Sheet;
use super::wish::Wish;
use super::{Imported, Origin, finished, units};
use crate::span::Span;
use kind::Scenario;
use serde_json::Value;

/// A report and an experiment under construction.
struct Work {
    sheet: Sheet,
    draft: Draft,
}

pub(super) fn recognises(document: &Value) -> bool {
    !kind::scenarios(&Node::root(document)).is_empty()
}

pub(super) fn import(document: &Value) -> Vec<Imported> {
    let root = Node::root(document);
    let scenarios = kind::scenarios(&root);
    let mut work = Work { sheet: Sheet::default(), draft: Draft::default() };
    for (scenario, node) in &scenarios {
        read(*scenario, node, &mut work);
    }
    let kinds = scenarios.first().map(|(scenario, _)| scenario.title()).unwrap_or("scenario");
    let name = scenarios
        .iter()
        .find_map(|(_, node)| node.get("name")?.text().filter(|name| !name.is_empty()))
        .map_or_else(|| kinds.to_string(), str::to_string);
    let experiment = work.draft.build(&name);
    vec![Imported { name, ..finished(Origin::Krkn, &root, work.sheet, experiment) }]
}

fn read(scenario: Scenario, node: &Node, work: &mut Work) {
    match scenario {
        Scenario::KillPods => pod::read(node, work),
        Scenario::Container => container::read(node, work),
        Scenario::PodNetworkChaos => network::chaos(node, work),
        Scenario::PodShaping => network::shaping(node, work),
        Scenario::PodNetworkFilter | Scenario::PodNetworkOutage => network::filter(node, work),
        Scenario::ApplicationOutage => network::outage(node, work),
        Scenario::ServiceHijacking => hijack::read(node, work),
        Scenario::Without(why) => work.sheet.not(node, why),
    }
}

/// Grants the wishes of an item and makes a step of them.
fn step(item: &Node, wishes: Vec<Wish>, hold: Span, work: &mut Work) {
    let faults = wishes.into_iter().filter_map(|wish| wish.grant(&mut work.sheet)).collect();
    if !work.draft.step(faults, hold, Span::from_ms(REST_MS)) {
        work.sheet.not(item, TOO_MANY);
    }
}

/// A time in seconds, or with a unit, as the hold of every wish.
fn hold<'a>(holder: &Node<'a>, key: &str, wishes: &mut [Wish<'a>]) -> Span {
    let standard = Span::from_ms(HOLD_MS);
    let Some(node) = holder.some(key) else {
        wishes.iter_mut().for_each(|wish| wish.but(format!("no time is given; here it holds {standard}")));
        return standard;
    };
    match units::span(&node, 1e3) {
        Ok((span, _)) if span.ms() > 0 => {
            wishes.iter_mut().for_each(|wish| wish.set_hold(&node));
            span
        }
        Ok(_) => {
            wishes.iter_mut().for_each(|wish| wish.note(&node, format!("no time at all; here it holds {standard}")));
            standard
        }
        Err(why) => {
            wishes.iter_mut().for_each(|wish| wish.lost(&node, format!("{why}; here it holds {standard}")));
            standard
        }
    }
}

/// Keys about the machinery of the tool.
fn machinery<'a>(holder: &Node<'a>, wishes: &mut [Wish<'a>]) {
    const KEYS: [&str; 14] = [
        "image",
        "service_account",
        "taints",
        "interfaces",
        "wait_duration",
        "kubeconfig_path",
        "kraken_config",
        "retry_wait",
        "timeout",
        "execution",
        "execution_type",
        "name",
        "privileged",
        "force",
    ];
    for (key, node) in holder.members() {
        for wish in wishes.iter_mut() {
            match key {
                "namespace" | "namespace_pattern" | "service_namespace" if !node.says_nothing() => {
                    wish.note(&node, super::labels::NO_NAMESPACE);
                }
                "exclude_label" | "node_label_selector" | "node_names" if !node.says_nothing() => {
                    wish.lost(&node, "replicas are drawn from all; none is left out by a label or a node");
                }
                "id" => wish.same(&node),
                key if KEYS.contains(&key) && !node.says_nothing() => {
                    wish.note(&node, "belongs to how the other tool works; nothing here needs it");
                }
                _ => (),
            }
        }
    }
}
