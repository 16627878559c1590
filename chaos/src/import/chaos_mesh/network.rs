//! NetworkChaos.

use super::super::aim::Aim;
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::{Work, selector};
use crate::fault::MAX_BURST;

/// The edge that is meant: between which components, and which way.
struct Edge<'a> {
    aim: Aim<'a>,
    from: Option<(Node<'a>, String)>,
    direction: &'static str,
    /// The key that gives the direction, and what to say about it.
    way: Option<(Node<'a>, Option<String>)>,
    /// What to say about the fault as a whole.
    caveat: &'static str,
    external: Option<Node<'a>>,
}

pub(super) fn wishes<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let edge = edge(spec);
    let action = spec.get("action").and_then(|action| action.text()).unwrap_or_default();
    let asked = |name: &str| action == name || action == "netem";
    let mut wishes = Vec::new();
    for (name, kind) in
        [("loss", "net.loss"), ("duplicate", "net.duplicate"), ("corrupt", "net.corrupt"), ("reorder", "net.reorder")]
    {
        if let (true, Some(node)) = (asked(name), spec.some(name)) {
            wishes.push(share(kind, &node, name, &edge, work));
        }
    }
    if let (true, Some(node)) = (asked("delay"), spec.some("delay")) {
        wishes.push(delay(&node, &edge, work));
        if let Some(reorder) = node.some("reorder") {
            wishes.push(share("net.reorder", &reorder, "reorder", &edge, work));
        }
    }
    for key in ["bandwidth", "rate"] {
        if let (true, Some(node)) = (action == key || action == "netem", spec.some(key)) {
            // A `rate` goes to netem as it is; the daemon computes the bytes of a `bandwidth` on its own.
            let read = if key == "rate" { units::bytes_per_second } else { units::bytes_per_second_binary };
            wishes.push(bandwidth(&node, &edge, read, work));
        }
    }
    if let (true, Some(node)) = (action == "partition", spec.get("action")) {
        let mut wish = edge.wish("net.partition", &node, work);
        wish.with("mode", "drop");
        wishes.push(wish);
    }
    if let (true, Some(node)) = (action != "partition", spec.get("action")) {
        for wish in &mut wishes {
            wish.same(&node);
        }
    }
    wishes
}

fn edge<'a>(spec: &Node<'a>) -> Edge<'a> {
    let source = selector::read(spec);
    let external = spec.some("externalTargets");
    let way = spec.some("direction");
    let word = way.as_ref().and_then(|way| way.text()).unwrap_or("to");
    let Some(target) = spec.some("target") else {
        // Without a target the packets that leave the pod are hurt: seen from its callers, the answers.
        let (direction, why) = match word {
            "both" => ("both", "both ways between the component and its callers"),
            "from" => ("to", "packets to the pod are the requests of its callers"),
            _ => ("from", "packets that leave the pod are the answers to its callers"),
        };
        let caveat = "every packet of the pod is hurt there; here the edges to the component are, and its own calls \
                      to others need a fault of their own";
        let way = way.map(|way| (way, Some(why.to_string())));
        return Edge { aim: source, from: None, direction, way, caveat, external };
    };
    let mut aim = selector::read(&target);
    let from = match &source.component {
        Ok(component) => spec.get("selector").map(|node| (node, component.clone())),
        Err(why) => {
            aim.component = Err(why.clone());
            None
        }
    };
    // What names the source is the caller of the edge, not a target.
    let as_caller = |becomes: Option<String>| becomes.map(|_| "the caller of the edge, `from`".to_string());
    aim.keys.extend(source.keys.into_iter().map(|(node, fit, becomes)| (node, fit, as_caller(becomes))));
    aim.share.extend(source.share);
    let direction = match word {
        "both" => "both",
        "from" => "from",
        _ => "to",
    };
    let caveat = "the selected component is taken as the caller of the target; if the target calls it, swap them";
    Edge { aim, from, direction, way: way.map(|way| (way, None)), caveat, external }
}

impl<'a> Edge<'a> {
    fn wish(&self, kind: &'static str, asks: &Node<'a>, work: &mut Work) -> Wish<'a> {
        let mut wish = self.aim.edge(kind, asks, &mut work.draft);
        wish.but(self.caveat);
        if let Some((_, component)) = &self.from {
            wish.with("from", component.clone());
        }
        // `to` is what every fault on edges does without being told.
        if self.direction != "to" || kind == "net.partition" {
            wish.with("direction", self.direction);
        }
        if let Some((node, caveat)) = &self.way {
            wish.set(node, "direction", self.direction, caveat.clone());
        }
        if let Some(external) = &self.external {
            wish.lost(external, "addresses outside of the landscape are no component");
            if self.from.is_none() {
                wish.refuse("the fault is meant for traffic to addresses outside; declare them as a component first");
            }
        }
        wish
    }
}

fn delay<'a>(node: &Node<'a>, edge: &Edge<'a>, work: &mut Work) -> Wish<'a> {
    let mut wish = edge.wish("net.delay", node, work);
    for (key, parameter) in [("latency", "delay"), ("jitter", "jitter")] {
        let Some(value) = node.some(key) else { continue };
        match units::span(&value, 1e3) {
            Ok((span, caveat)) => wish.set(&value, parameter, span.to_string(), caveat),
            Err(why) => {
                wish.lost(&value, why.clone());
                wish.refuse(why);
            }
        }
    }
    correlation(node, None, &mut wish);
    wish
}

/// Draws that depend on the one before. Of losses that makes bursts: in a two-state chain with this correlation from one
/// packet to the next, and in which a `share` is lost, they are 1 / ((1 - share) (1 - correlation)) long on average.
fn correlation<'a>(node: &Node<'a>, share: Option<f64>, wish: &mut Wish<'a>) {
    let Some(value) = node.some("correlation") else { return };
    match (units::share_of_percent(&value), share) {
        (Ok(0.0), _) => wish.same(&value),
        (Ok(correlation), Some(share)) if wish.kind() == "net.loss" && share < 1.0 && correlation < 1.0 => {
            let burst = (1.0 / ((1.0 - share) * (1.0 - correlation))).min(MAX_BURST);
            let caveat =
                "correlated draws there; here losses come in bursts of the mean length that this makes, at most 20";
            wish.set(&value, "burst", burst, Some(caveat.into()));
        }
        (Ok(_), _) => wish.lost(&value, "each draw is on its own"),
        (Err(why), _) => wish.lost(&value, why),
    }
}

fn share<'a>(kind: &'static str, node: &Node<'a>, key: &str, edge: &Edge<'a>, work: &mut Work) -> Wish<'a> {
    let mut wish = edge.wish(kind, node, work);
    let read = node.get(key).map(|value| (units::share_of_percent(&value), value));
    let number = read.as_ref().and_then(|(share, _)| share.as_ref().ok().copied());
    match read {
        Some((Ok(share), value)) => wish.set(&value, "share", share, None),
        Some((Err(why), value)) => {
            wish.lost(&value, why.clone());
            wish.refuse(why);
        }
        None => wish.refuse(format!("`{key}` says no percentage")),
    }
    correlation(node, number, &mut wish);
    if let Some(gap) = node.some("gap") {
        wish.lost(&gap, "packets are drawn by their share; there is no fixed gap");
    }
    wish
}

fn bandwidth<'a>(node: &Node<'a>, edge: &Edge<'a>, read: fn(&str) -> Option<u64>, work: &mut Work) -> Wish<'a> {
    let mut wish = edge.wish("net.bandwidth", node, work);
    let rate = node.get("rate");
    match rate.as_ref().and_then(|rate| rate.text()).and_then(read) {
        Some(bytes) => {
            let value = units::rate(bytes);
            if let Some(rate) = &rate {
                wish.set(rate, "rate", value, None);
            }
        }
        None => wish.refuse("`rate` is not a rate such as 1mbps (bytes) or 8mbit (bits)"),
    }
    for key in ["limit", "buffer", "peakrate", "minburst"] {
        if let Some(node) = node.some(key) {
            wish.note(&node, "the queue of the shaper is not set; only the rate is kept");
        }
    }
    wish
}
