//! Network scenarios on pods, and the outage of an application.

use super::super::aim::Aim;
use super::super::labels;
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::{Work, hold, machinery, pod, step};

const CALLS: &str = "only the edges to the component are hurt; its own calls to others need a fault of their own";

/// `pod_network_chaos`: latency, loss in percent, bandwidth.
pub(super) fn chaos(item: &Node, work: &mut Work) {
    let aim = pod::aim(item);
    let (direction, keys) = direction(item);
    let mut wishes = shape(item, (&aim, direction), 1.0, work);
    for wish in &mut wishes {
        keys.iter().for_each(|node| wish.same(node));
    }
    close(item, item, wishes, work);
}

/// `pod_egress_shaping`, `pod_ingress_shaping`: loss is a fraction.
pub(super) fn shaping(item: &Node, work: &mut Work) {
    let config = item.get("config").unwrap_or_else(|| item.clone());
    let aim = pod::aim(&config);
    let ingress = item.get("id").and_then(|id| id.text()) == Some("pod_ingress_shaping");
    let parameters = config.get("network_params").unwrap_or_else(|| config.clone());
    let direction = if ingress { "to" } else { "from" };
    let wishes = shape(&parameters, (&aim, direction), 100.0, work);
    close(item, &config, wishes, work);
}

/// `pod_network_filter`, `pod_network_outage`: packets are dropped.
pub(super) fn filter(item: &Node, work: &mut Work) {
    let config = item.get("config").unwrap_or_else(|| item.clone());
    let aim = pod::aim(&config);
    let asks = item.get("id").unwrap_or_else(|| item.clone());
    let (mut direction, keys) = direction(&config);
    if let Some(list) = config.some("direction") {
        direction = sides(&list);
    }
    let mut wish = aim.edge("net.partition", &asks, &mut work.draft);
    wish.with("mode", "drop");
    wish.with("direction", direction);
    wish.but(CALLS);
    keys.iter().for_each(|node| wish.same(node));
    if let Some(list) = config.some("direction") {
        words(&list, &mut wish);
    }
    for key in ["ports", "protocols", "ingress_ports", "egress_ports"] {
        if let Some(node) = config.some(key) {
            wish.note(&node, "all traffic of the edges is dropped, not only these");
        }
    }
    close(item, &config, vec![wish], work);
}

/// `application_outage`.
pub(super) fn outage(scenario: &Node, work: &mut Work) {
    let mut aim = Aim::unknown("`pod_selector` names no component; write the experiment by hand");
    if let Some(selector) = scenario.some("pod_selector") {
        let pairs = labels::object_pairs(selector.value);
        match labels::naming(&pairs) {
            Some((label, value)) => aim.at(&selector, value, Some(format!("component taken from the label `{label}`"))),
            None => aim.by_selector(&selector),
        }
    }
    let block = scenario.some("block");
    let direction = block.as_ref().map_or("both", sides);
    let asks = block.clone().unwrap_or_else(|| scenario.clone());
    let mut wish = aim.edge("net.partition", &asks, &mut work.draft);
    wish.with("mode", "drop");
    wish.with("direction", direction);
    wish.but(CALLS);
    if let Some(block) = &block {
        words(block, &mut wish);
    }
    let mut wishes = [wish];
    machinery(scenario, &mut wishes);
    let span = hold(scenario, "duration", &mut wishes);
    step(scenario, Vec::from(wishes), span, work);
}

/// Which way a list of sides means, seen from the pod.
fn sides(list: &Node) -> &'static str {
    let items = list.items();
    let has = |side: &str| items.iter().filter_map(Node::text).any(|word| word.eq_ignore_ascii_case(side));
    match (has("ingress"), has("egress")) {
        (true, false) => "to",
        (false, true) => "from",
        _ => "both",
    }
}

/// Lines for a list of sides of the traffic.
fn words<'a>(list: &Node<'a>, wish: &mut Wish<'a>) {
    match list.items() {
        items if items.is_empty() => wish.lost(list, "not a list of sides; both are meant"),
        items => items.iter().for_each(|item| match item.text() {
            Some(word) if ["ingress", "egress"].iter().any(|known| known.eq_ignore_ascii_case(word)) => wish.same(item),
            _ => wish.lost(item, "no side of the traffic; without one both are meant"),
        }),
    }
}

fn close<'a>(item: &Node<'a>, config: &Node<'a>, mut wishes: Vec<Wish<'a>>, work: &mut Work) {
    if wishes.is_empty() {
        return work.sheet.not(item, "neither latency nor loss nor bandwidth is asked for");
    }
    machinery(config, &mut wishes);
    if let Some(id) = item.get("id") {
        wishes.iter_mut().for_each(|wish| wish.same(&id));
    }
    let span = hold(config, "test_duration", &mut wishes);
    step(item, wishes, span, work);
}

/// `ingress` and `egress` as flags, seen from the pod.
fn direction<'a>(holder: &Node<'a>) -> (&'static str, Vec<Node<'a>>) {
    let side = |key: &str| holder.get(key).filter(|node| node.flag().is_some());
    let on = |node: &Option<Node>| node.as_ref().and_then(|node| node.flag()) == Some(true);
    let (ingress, egress) = (side("ingress"), side("egress"));
    let direction = match (on(&ingress), on(&egress)) {
        (true, false) => "to",
        (false, true) => "from",
        _ => "both",
    };
    (direction, ingress.into_iter().chain(egress).collect())
}

/// One wish for each of latency, loss and bandwidth. `scale` makes a percentage of the loss.
fn shape<'a>(
    parameters: &Node<'a>,
    (aim, direction): (&Aim<'a>, &'static str),
    scale: f64,
    work: &mut Work,
) -> Vec<Wish<'a>> {
    let mut wishes = Vec::new();
    let asked = |key: &str| parameters.some(key).filter(|node| !is_nothing(node));
    if let Some(node) = asked("latency") {
        let mut wish = aim.edge("net.delay", &node, &mut work.draft);
        match units::span(&node, 1e3) {
            Ok((span, caveat)) => {
                wish.with("delay", span.to_string());
                caveat.into_iter().for_each(|caveat| wish.but(caveat));
            }
            Err(why) => wish.refuse(why),
        }
        wishes.push(wish);
    }
    if let Some(node) = asked("loss") {
        let mut wish = aim.edge("net.loss", &node, &mut work.draft);
        match node.number().map(|loss| loss * scale / 100.0).filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => wish.with("share", share),
            None => wish.refuse("the loss is no share"),
        }
        wishes.push(wish);
    }
    if let Some(node) = asked("bandwidth") {
        let mut wish = aim.edge("net.bandwidth", &node, &mut work.draft);
        match node.text().and_then(units::bytes_per_second) {
            Some(bytes) => wish.with("rate", units::rate(bytes)),
            None => wish.refuse("the bandwidth is no rate such as 100mbit"),
        }
        wishes.push(wish);
    }
    for wish in &mut wishes {
        wish.with("direction", direction);
        wish.but(CALLS);
    }
    let nothing = ["latency", "loss", "bandwidth"].iter().filter_map(|key| parameters.some(key)).filter(is_nothing);
    for node in nothing {
        work.sheet.plain(&node);
    }
    wishes
}

/// A latency or loss of zero asks for nothing.
fn is_nothing(node: &Node) -> bool {
    node.number() == Some(0.0) || node.text().and_then(|text| units::milliseconds(text, 1.0)) == Some(0.0)
}
