//! Functions of the extension for Kubernetes that make Chaos Mesh resources.

use super::super::aim::Aim;
use super::super::draft::Draft;
use super::super::labels;
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::action::{Call, Refusal};
use super::cluster;
use crate::document::Choose;

pub(super) fn wish<'a>(call: &Call<'a>, draft: &mut Draft) -> Result<Wish<'a>, Refusal> {
    let mut aim = Aim::unknown("no argument names a component; write the experiment by hand");
    if let Some(selector) = call.argument("label_selectors") {
        select(&selector, &mut aim);
    }
    if let Some(mode) = call.argument("mode") {
        match mode.text() {
            Some("all") => aim.choose(&mode, Choose::percent(100), None),
            Some("one") => aim.choose(&mode, Choose::count(1), None),
            _ => aim.lost(&mode, "one replica is chosen"),
        }
    }
    let share = |kind, argument, draft: &mut Draft| {
        let mut wish = aim.edge(kind, &call.asks, draft);
        percent(call, argument, "share", &mut wish);
        wish
    };
    let mut wish = match call.func {
        "add_latency" => {
            let mut wish = aim.edge("net.delay", &call.asks, draft);
            cluster::span(call, "latency", "delay", &mut wish);
            if call.argument("jitter").is_some() {
                cluster::span(call, "jitter", "jitter", &mut wish);
            }
            wish
        }
        "set_loss" => share("net.loss", "loss", draft),
        "duplicate_packets" => share("net.duplicate", "duplicate", draft),
        "corrupt_packets" => share("net.corrupt", "corrupt", draft),
        "reorder_packets" => share("net.reorder", "reorder", draft),
        "stress_cpu" => {
            let mut wish = aim.process("stress.cpu", &call.asks, draft);
            match call.argument("workers").map(|node| (node.number(), node)) {
                Some((Some(workers), node)) => wish.set(&node, "cores", units::count(workers), None),
                _ => wish.refuse("`workers` is not a number"),
            }
            percent(call, "load", "load", &mut wish);
            wish
        }
        "stress_memory" => {
            let mut wish = aim.process("stress.memory", &call.asks, draft);
            match call.argument("size").map(|node| (node.word().and_then(|text| units::bytes(&text, 1.0)), node)) {
                Some((Some(bytes), node)) => wish.set(&node, "bytes", units::size(bytes), None),
                _ => wish.refuse("`size` is not a number of bytes"),
            }
            wish
        }
        func => return Err(Refusal::Lost(format!("`{func}` of Chaos Mesh has no equal here"))),
    };
    if let Some(name) = call.argument("name") {
        wish.note(&name, "our faults carry ids of their own");
    }
    if wish.kind().starts_with("net.") {
        wish.but("packets that leave the pods are hurt there; here the answers to their callers");
        wish.with("direction", "from");
        let targets = ["external_targets", "target_label_selectors", "target_namespaces_selectors"];
        if let Some(node) = targets.iter().find_map(|name| call.argument(name)) {
            wish.lost(&node, "traffic to a single target has to be written by hand");
            wish.refuse("the fault is meant for traffic to a single target; write it with `from`");
        }
    }
    Ok(wish)
}

fn select<'a>(selector: &Node<'a>, aim: &mut Aim<'a>) {
    if selector.text().is_some() {
        return aim.by_selector(selector);
    }
    let pairs = labels::object_pairs(selector.value);
    match labels::naming(&pairs) {
        Some((label, value)) => aim.at(selector, value, Some(format!("component taken from the label `{label}`"))),
        None => aim.lost(selector, "the labels name no component"),
    }
}

fn percent<'a>(call: &Call<'a>, argument: &str, parameter: &str, wish: &mut Wish<'a>) {
    match call.argument(argument).map(|node| (units::share_of_percent(&node), node)) {
        Some((Ok(share), node)) => wish.set(&node, parameter, share, None),
        Some((Err(why), node)) => {
            wish.lost(&node, why.clone());
            wish.refuse(why);
        }
        None => wish.refuse(format!("`{argument}` is missing")),
    }
}
