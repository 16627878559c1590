//! Functions of the extensions for Kubernetes and Istio.

use super::super::aim::Aim;
use super::super::draft::Draft;
use super::super::node::Node;
use super::super::units;
use super::super::wish::{Wish, known};
use super::action::{Call, Refusal};
use crate::document::Choose;

pub(super) fn kubernetes<'a>(call: &Call<'a>, draft: &mut Draft) -> Result<Wish<'a>, Refusal> {
    match call.func {
        "terminate_pods" | "delete_pods" => Ok(pods(call, draft)),
        "kill_microservice" | "delete_deployment" | "delete_replica_set" | "delete_statefulset" => {
            let mut aim = aim(call);
            aim.choose = Choose::percent(100);
            let mut wish = aim.process("process.kill", &call.asks, draft);
            wish.but("there it is deleted and stays away; here every replica is killed and started again");
            Ok(wish)
        }
        "deny_all_ingress" => {
            let mut wish = aim(call).edge("net.partition", &call.asks, draft);
            wish.with("mode", "drop");
            wish.with("direction", "to");
            Ok(wish)
        }
        "scale_deployment" | "scale_microservice" | "scale_statefulset" => {
            Err(Refusal::Lost("a landscape has a fixed number of replicas".into()))
        }
        func if call.module.contains("node") => {
            Err(Refusal::Lost(format!("`{func}` acts on nodes of a cluster; a local landscape has none")))
        }
        func => Err(Refusal::Lost(format!("`{func}` of a cluster has no equal here"))),
    }
}

/// The pods that the arguments select, as a component.
fn aim<'a>(call: &Call<'a>) -> Aim<'a> {
    let mut aim = Aim::unknown("no argument names a component; write the experiment by hand");
    let selector = call.argument("label_selector").or_else(|| call.argument("label_selectors"));
    if let Some(selector) = &selector {
        aim.by_selector(selector);
    }
    if let Some(name) = call.argument("name") {
        let pods = call.func == "delete_pods";
        match (aim.component.is_ok(), pods) {
            (true, _) => aim.note(&name, "the selector names the component already"),
            (false, true) => aim.by_pod_name(&name),
            (false, false) => aim.by_name(&name, "deployment"),
        }
    }
    if let Some(pattern) = call.argument("name_pattern") {
        match aim.component.is_ok() {
            true => aim.note(&pattern, "the selector names the component already; which replica is drawn"),
            false => aim.by_pod_name(&pattern),
        }
    }
    aim
}

fn pods<'a>(call: &Call<'a>, draft: &mut Draft) -> Wish<'a> {
    let mut aim = aim(call);
    quantity(call, &mut aim);
    let grace = call.argument("grace_period");
    let at_once = grace.as_ref().and_then(|node| node.number()) == Some(0.0);
    let stops = !at_once && known("process.stop");
    let mut wish = aim.process(if stops { "process.stop" } else { "process.kill" }, &call.asks, draft);
    if !at_once && !stops {
        wish.but(
            "pods get the time to end well there (SIGTERM); this build has no fault `process.stop`: SIGKILL at once",
        );
    }
    match grace {
        Some(grace) if at_once => wish.same(&grace),
        Some(grace) => wish.note(&grace, "how long the process may take is its own affair"),
        None => (),
    }
    if let Some(order) = call.argument("order") {
        wish.note(&order, "replicas are drawn by the seed, not by age or name");
    }
    wish
}

/// How many pods: `all`, or `qty` as a number or a percentage; one without either.
fn quantity<'a>(call: &Call<'a>, aim: &mut Aim<'a>) {
    let all = call.argument("all");
    if let Some(node) = all.as_ref().filter(|node| node.flag() == Some(true)) {
        let why = "the plan objects unless blast.maxTargets and blast.keepHealthy allow it";
        aim.choose(node, Choose::percent(100), Some(why));
    }
    let mode = call.argument("mode");
    let percent = mode.as_ref().and_then(|mode| mode.text()) == Some("percentage");
    if let Some(quantity) = call.argument("qty") {
        match quantity.number().filter(|n| *n >= 1.0 && n.fract() == 0.0) {
            Some(n) if percent && n <= 100.0 => {
                aim.choose(&quantity, Choose::percent(n as u8), None);
            }
            Some(n) if !percent && n <= 1000.0 => {
                aim.choose(&quantity, Choose::count(n as u32), None);
            }
            _ => aim.lost(&quantity, "not a number of pods; one is chosen"),
        }
    }
    let known = |node: &Node| node.flag().is_some() || matches!(node.text(), Some("fixed" | "percentage"));
    for node in [mode, call.argument("rand"), all.filter(|node| node.flag() != Some(true))].into_iter().flatten() {
        match known(&node) {
            true => aim.keys.push((node, super::super::Fit::Exact, Some("targets.choose".into()))),
            false => aim.lost(&node, "not a way to choose pods"),
        }
    }
}

pub(super) fn istio<'a>(call: &Call<'a>, draft: &mut Draft) -> Result<Wish<'a>, Refusal> {
    let mut aim = Aim::unknown("`virtual_service_name` is missing");
    if let Some(name) = call.argument("virtual_service_name") {
        aim.by_name(&name, "virtual service");
    }
    let mut wish = match call.func {
        "add_delay_fault" => {
            let mut wish = aim.edge("http.delay", &call.asks, draft);
            span(call, "fixed_delay", "delay", &mut wish);
            wish
        }
        "add_abort_fault" => {
            let mut wish = aim.edge("http.abort", &call.asks, draft);
            match call.argument("http_status").map(|node| (node.number(), node)) {
                Some((Some(status), node)) if (100.0..600.0).contains(&status) => {
                    wish.set(&node, "status", status as u16, None);
                }
                _ => wish.refuse("`http_status` is not a status"),
            }
            wish
        }
        func => return Err(Refusal::Lost(format!("`{func}` of a service mesh has no equal here"))),
    };
    if let Some(node) = call.argument("percentage") {
        let value = node.get("value").unwrap_or_else(|| node.clone());
        match units::share_of_percent(&value) {
            Ok(share) => wish.set(&value, "share", share, None),
            Err(why) => {
                wish.lost(&node, why.clone());
                wish.refuse(why);
            }
        }
    }
    if let Some(routes) = call.argument("routes") {
        wish.note(&routes, "every request to the component is meant, not only these routes");
    }
    if let Some(version) = call.argument("version") {
        wish.note(&version, "no resource of a cluster is written");
    }
    Ok(wish)
}

/// A duration argument as a parameter; the fault is refused when it cannot be read.
pub(super) fn span<'a>(call: &Call<'a>, argument: &str, parameter: &str, wish: &mut Wish<'a>) {
    let read = |node: Node<'a>| (units::span(&node, 1e3), node);
    match call.argument(argument).map(read) {
        Some((Ok((span, caveat)), node)) => wish.set(&node, parameter, span.to_string(), caveat),
        Some((Err(why), node)) => {
            wish.lost(&node, why.clone());
            wish.refuse(why);
        }
        None => wish.refuse(format!("`{argument}` is missing")),
    }
}
