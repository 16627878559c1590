//! One experiment of an engine.

use super::super::aim::Aim;
use super::super::draft::TOO_MANY;
use super::super::node::Node;
use super::super::units;
use super::super::wish::{Wish, known};
use super::Work;
use super::environment::Environment;
use crate::fault::Fault;
use crate::span::Span;
use serde_json::{Map, Value, json};

/// What an unset variable means in the published definitions of the faults.
const DEFAULTS: [(&str, &str); 10] = [
    ("NETWORK_LATENCY", "2000"),
    ("NETWORK_PACKET_LOSS_PERCENTAGE", "100"),
    ("NETWORK_PACKET_CORRUPTION_PERCENTAGE", "100"),
    ("NETWORK_PACKET_DUPLICATION_PERCENTAGE", "100"),
    ("NETWORK_BANDWIDTH", "1mbit"),
    ("CPU_CORES", "1"),
    ("CPU_LOAD", "100"),
    ("MEMORY_CONSUMPTION", "500"),
    ("LATENCY", "2000"),
    ("TOXICITY", "100"),
];
/// Seconds of all kills, and between two, when nothing is said.
const KILLS: [(&str, (f64, f64)); 2] = [("pod-delete", (15.0, 5.0)), ("container-kill", (20.0, 10.0))];
/// How long other faults stay in when nothing is said, in milliseconds.
const DURATION_MS: u64 = 60_000;
/// Sizes are counted in these when they have no unit.
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// Longest time between two kills of a loop, in milliseconds; beyond it kills are written out.
const LOOP_MAX_MS: u64 = 600_000;
/// Most kills that are written out one by one.
const MAX_KILLS: u64 = 50;

pub(super) fn read(item: &Node, aim: &Aim, work: &mut Work) {
    let Some(asks) = item.get("name") else {
        return work.sheet.not(item, "the experiment has no name");
    };
    let environment = Environment::read(item);
    let aim = environment.narrow(aim);
    let name = asks.text().unwrap_or_default();
    if matches!(name, "pod-delete" | "container-kill") {
        return kills(name, (item, &asks), (&environment, &aim), work);
    }
    let mut wish = match wish(name, &asks, (&environment, &aim), work) {
        Ok(wish) => wish,
        Err(why) => return work.sheet.not(item, why),
    };
    let (hold, ramp) = environment.times(&mut wish, Span::from_ms(DURATION_MS));
    environment.rest(&mut wish);
    let fault = wish.grant(&mut work.sheet);
    if !work.draft.step(fault.into_iter().collect(), hold, ramp) {
        work.sheet.not(item, TOO_MANY);
    }
}

fn wish<'a>(
    name: &str,
    asks: &Node<'a>,
    (env, aim): (&Environment<'a>, &Aim<'a>),
    work: &mut Work,
) -> Result<Wish<'a>, String> {
    match name {
        _ if name.starts_with("pod-network-") => network(name, asks, (env, aim), work),
        _ if name.starts_with("pod-http-") => http(name, asks, (env, aim), work),
        "pod-cpu-hog" | "pod-cpu-hog-exec" => {
            let mut wish = aim.process("stress.cpu", asks, &mut work.draft);
            // Zero means every core of the node there, and that is no number.
            let cores = |node: &Node| node.number().filter(|cores| *cores > 0.0).map(units::count);
            parameter(env, "CPU_CORES", &mut wish, "cores", cores);
            let load = |node: &Node| units::share_of_percent(node).ok().map(Value::from);
            parameter(env, "CPU_LOAD", &mut wish, "load", load);
            Ok(wish)
        }
        "pod-memory-hog" | "pod-memory-hog-exec" => {
            let mut wish = aim.process("stress.memory", asks, &mut work.draft);
            parameter(env, "MEMORY_CONSUMPTION", &mut wish, "bytes", |node| {
                node.word().and_then(|text| units::bytes(&text, MEBIBYTE)).map(units::size)
            });
            Ok(wish)
        }
        "pod-io-stress" => {
            let mut wish = aim.process("stress.io", asks, &mut work.draft);
            wish.refuse("a share or a size of the file system is filled; `stress.io` takes a rate");
            Ok(wish)
        }
        "disk-fill" => {
            let mut wish = aim.process("stress.disk", asks, &mut work.draft);
            parameter(env, "EPHEMERAL_STORAGE_MEBIBYTES", &mut wish, "bytes", |node| {
                let mib = node.number().filter(|n| (1.0..1e9).contains(n))?;
                Some(units::size((mib * MEBIBYTE) as u64))
            });
            Ok(wish)
        }
        "pod-dns-error" | "pod-dns-spoof" => {
            let kind = if name == "pod-dns-error" { "dns.error" } else { "dns.wrong" };
            let mut wish = aim.process(kind, asks, &mut work.draft);
            if kind == "dns.wrong" {
                wish.refuse("names are spoofed by other names; `dns.wrong` takes an address");
            }
            for name in ["TARGET_HOSTNAMES", "MATCH_SCHEME", "SPOOF_MAP"] {
                if let Some(node) = env.get(name) {
                    wish.note(&node, "every name that the component asks for is meant, not only these");
                }
            }
            Ok(wish)
        }
        _ => Err(without_equal(name)),
    }
}

fn network<'a>(
    name: &str,
    asks: &Node<'a>,
    (env, aim): (&Environment<'a>, &Aim<'a>),
    work: &mut Work,
) -> Result<Wish<'a>, String> {
    let percent = |node: &Node| units::share_of_percent(node).ok().map(Value::from);
    let edge = |kind, work: &mut Work| aim.edge(kind, asks, &mut work.draft);
    let (mut wish, variable, parameter_name) = match name {
        "pod-network-latency" => {
            let mut wish = edge("net.delay", work);
            if env.get("JITTER").is_some() {
                parameter(env, "JITTER", &mut wish, "jitter", milliseconds);
            }
            parameter(env, "NETWORK_LATENCY", &mut wish, "delay", milliseconds);
            (wish, "", "")
        }
        "pod-network-loss" => (edge("net.loss", work), "NETWORK_PACKET_LOSS_PERCENTAGE", "share"),
        "pod-network-corruption" => (edge("net.corrupt", work), "NETWORK_PACKET_CORRUPTION_PERCENTAGE", "share"),
        "pod-network-duplication" => (edge("net.duplicate", work), "NETWORK_PACKET_DUPLICATION_PERCENTAGE", "share"),
        "pod-network-rate-limit" => {
            let mut wish = edge("net.bandwidth", work);
            parameter(env, "NETWORK_BANDWIDTH", &mut wish, "rate", |node| {
                let bytes = units::bytes_per_second(node.text()?)?;
                Some(units::rate(bytes))
            });
            (wish, "", "")
        }
        "pod-network-partition" => {
            let mut wish = edge("net.partition", work);
            wish.with("mode", "drop");
            (wish, "", "")
        }
        _ => return Err(without_equal(name)),
    };
    if !variable.is_empty() {
        parameter(env, variable, &mut wish, parameter_name, percent);
    }
    let partition = name == "pod-network-partition";
    wish.with("direction", if partition { "both" } else { "from" });
    wish.but("packets that leave the pod are hurt there; here the answers to its callers, and not its own calls");
    for name in ["DESTINATION_IPS", "DESTINATION_HOSTS"] {
        if let Some(node) = env.get(name) {
            wish.lost(&node, "addresses are no component; a fault with `from` is written by hand");
            wish.refuse("the fault is meant for traffic to single addresses only");
        }
    }
    for name in ["SOURCE_PORTS", "DESTINATION_PORTS", "PORTS", "POLICY_TYPES", "POD_SELECTOR", "NAMESPACE_SELECTOR"] {
        if let Some(node) = env.get(name) {
            wish.note(&node, "all traffic of the edges is meant, not only this");
        }
    }
    Ok(wish)
}

fn http<'a>(
    name: &str,
    asks: &Node<'a>,
    (env, aim): (&Environment<'a>, &Aim<'a>),
    work: &mut Work,
) -> Result<Wish<'a>, String> {
    let edge = |kind, work: &mut Work| aim.edge(kind, asks, &mut work.draft);
    let mut wish = match name {
        "pod-http-latency" => {
            let mut wish = edge("http.delay", work);
            parameter(env, "LATENCY", &mut wish, "delay", milliseconds);
            wish
        }
        "pod-http-status-code" => {
            let mut wish = edge("http.abort", work);
            wish.but("the request does not reach the component here; there it does, and the answer is changed");
            parameter(env, "STATUS_CODE", &mut wish, "status", |node| {
                node.number().filter(|code| (100.0..600.0).contains(code)).map(|code| (code as u16).into())
            });
            if let Some(node) = env.get("MODIFY_RESPONSE_BODY").filter(|node| node.flag() == Some(true)) {
                wish.lost(&node, "the answer has a status and no body of its own");
            }
            wish
        }
        "pod-http-modify-body" => {
            let mut wish = edge("http.body", work);
            let replace = |node: &Node| Some(json!({"replace": {"with": node.word()?}}));
            parameter(env, "RESPONSE_BODY", &mut wish, "change", replace);
            wish
        }
        "pod-http-modify-header" => {
            let mut wish = edge("http.header", work);
            let side = env.get("HEADER_MODE");
            wish.with("on", "response");
            if let Some(node) = side.filter(|node| matches!(node.text(), Some("request" | "response"))) {
                wish.set(&node, "on", node.value.clone(), None);
            }
            headers(env, &mut wish);
            wish
        }
        "pod-http-reset-peer" => {
            let mut wish = edge("net.reset", work);
            if let Some(node) = env.get("RESET_TIMEOUT") {
                wish.note(&node, "new connections are reset at once, without waiting");
            }
            wish
        }
        _ => return Err(without_equal(name)),
    };
    if env.get("TOXICITY").is_some() {
        let share = |node: &Node| units::share_of_percent(node).ok().map(Value::from);
        parameter(env, "TOXICITY", &mut wish, "share", share);
    }
    if let Some(node) = env.get("TARGET_SERVICE_PORT") {
        wish.note(&node, "the port of the edge is meant, whatever its number");
    }
    Ok(wish)
}

/// Headers to set, and those to remove, which have an empty value.
fn headers<'a>(env: &Environment<'a>, wish: &mut Wish<'a>) {
    let read = |node: &Node| serde_json::from_str::<Map<String, Value>>(node.text()?).ok();
    let map = env.get("HEADERS_MAP").and_then(|node| read(&node)).unwrap_or_default();
    let (remove, set): (Vec<_>, Vec<_>) = map.into_iter().partition(|(_, value)| value.as_str() == Some(""));
    let remove: Vec<_> = remove.into_iter().map(|(name, _)| name).collect();
    if !remove.is_empty() {
        wish.with("remove", remove.clone());
    }
    parameter(env, "HEADERS_MAP", wish, "set", |_| {
        let set: Map<String, Value> = set.iter().cloned().collect();
        (!set.is_empty() || !remove.is_empty()).then_some(Value::Object(set))
    });
}

/// A variable as a parameter; the fault is refused when the variable is missing or cannot be read.
fn parameter<'a>(
    env: &Environment<'a>,
    variable: &str,
    wish: &mut Wish<'a>,
    parameter: &str,
    read: impl Fn(&Node) -> Option<Value>,
) {
    match env.get(variable).map(|node| (read(&node), node)) {
        Some((Some(value), node)) => wish.set(&node, parameter, value, None),
        Some((None, node)) => {
            wish.lost(&node, "cannot be read as the parameter that it should be");
            wish.refuse(format!("`{variable}` cannot be read"));
        }
        None => {
            let default = DEFAULTS.iter().find(|(name, _)| *name == variable).map(|(_, value)| Value::from(*value));
            let value = default.as_ref().and_then(|default| read(&Node::root(default)));
            match (default, value) {
                (Some(default), Some(value)) => {
                    wish.with(parameter, value);
                    wish.but(format!("`{variable}` is not set; its default there, {default}, is taken"));
                }
                _ => wish.refuse(format!("`{variable}` is not set")),
            }
        }
    }
}

fn milliseconds(node: &Node) -> Option<Value> {
    units::span(node, 1.0).ok().map(|(span, _)| span.to_string().into())
}

/// `pod-delete` and `container-kill` kill again and again for the whole duration.
fn kills<'a>(
    name: &str,
    (item, asks): (&Node<'a>, &Node<'a>),
    (env, aim): (&Environment<'a>, &Aim<'a>),
    work: &mut Work,
) {
    let force = env.get("FORCE");
    let gently = name == "pod-delete" && force.as_ref().and_then(|force| force.flag()) == Some(false);
    let standard = KILLS.iter().find(|(kind, _)| *kind == name).map_or((15.0, 5.0), |(_, times)| *times);
    let (total, total_read) = seconds(env, "TOTAL_CHAOS_DURATION", standard.0);
    let (every, every_read) = seconds(env, "CHAOS_INTERVAL", standard.1);
    let there = (total.ms() / every.ms()).max(1);
    let looped = there > 1 && every.ms() <= LOOP_MAX_MS && known("process.restartLoop");
    let (steps, hold) = if looped { (1, total) } else { (there.min(MAX_KILLS), every) };
    let kind = match (looped, gently && known("process.stop")) {
        (true, _) => "process.restartLoop",
        (false, true) => "process.stop",
        (false, false) => "process.kill",
    };
    let mut wish = aim.process(kind, asks, &mut work.draft);
    if looped {
        wish.with("every", every.to_string());
    } else if there > 1 {
        let here = if there > steps { format!("only {steps} times, in as many") } else { format!("as {steps}") };
        wish.but(format!("it kills {there} times there, each time other pods; here {here} steps"));
    }
    if gently && kind != "process.stop" {
        wish.but("pods get the time to end well there (SIGTERM); here SIGKILL at once");
    }
    match force.as_ref().map(|force| (force.flag(), force)) {
        Some((Some(_), force)) => wish.same(force),
        Some((None, force)) => wish.lost(force, "neither true nor false; pods are killed at once"),
        None => (),
    }
    if let Some(node) = env.get("CHAOS_INTERVAL") {
        let place = if looped { "process.restartLoop.every" } else { "method.hold" };
        match every_read {
            Ok(caveat) => wish.becomes(&node, place, caveat),
            Err(why) => wish.lost(&node, format!("{why}; here it is {every}, the default there")),
        }
    }
    if let Some(node) = env.get("TOTAL_CHAOS_DURATION") {
        let sum = Span::from_ms(hold.ms().saturating_mul(steps));
        let differs = (sum != total).then(|| format!("the kills and the times between them take {sum} here"));
        match total_read {
            Ok(caveat) => wish.becomes(&node, "method.hold", caveat.or(differs)),
            Err(why) => wish.lost(&node, format!("{why}; here it is {total}, the default there")),
        }
    }
    notes(env, &mut wish);
    let ramp = env.ramp(&mut wish);
    env.rest(&mut wish);
    let Some(fault) = wish.grant(&mut work.sheet) else { return };
    match write_out(&fault, (steps, hold), ramp, work) {
        0 => work.sheet.not(item, TOO_MANY),
        taken if taken < steps => {
            work.sheet.not(item, format!("{TOO_MANY}: only the first {taken} of {steps} kills are taken"));
        }
        _ => (),
    }
}

/// Variables of the kills that are no parameter.
fn notes<'a>(env: &Environment<'a>, wish: &mut Wish<'a>) {
    if let Some(node) = env.get("SIGNAL") {
        match node.text() {
            Some("SIGKILL" | "9") => wish.same(&node),
            _ => wish.note(&node, "SIGKILL is sent here"),
        }
    }
    for name in ["RANDOMNESS", "CHAOS_LIB"] {
        if let Some(node) = env.get(name) {
            wish.note(&node, "the times between kills are all alike");
        }
    }
}

/// A time of the loop, at least a second: with a caveat when it is rounded, or the default and why it cannot be read.
fn seconds(env: &Environment, variable: &str, standard: f64) -> (Span, Result<Option<String>, String>) {
    let standard = Span::from_ms((standard * 1000.0) as u64);
    match env.get(variable).map(|node| units::span(&node, 1e3)) {
        None => (standard, Ok(None)),
        Some(Ok((span, caveat))) if span.ms() >= 1000 => (span, Ok(caveat)),
        Some(Ok(_)) => (standard, Err("less than a second".into())),
        Some(Err(why)) => (standard, Err(why)),
    }
}

/// A step for each kill; how many of them are taken.
fn write_out(fault: &Fault, (times, every): (u64, Span), ramp: Span, work: &mut Work) -> u64 {
    let rest = |n: u64| if n == times { ramp } else { Span::default() };
    (1..=times).take_while(|n| work.draft.step(vec![fault.clone()], every, rest(*n))).count() as u64
}

fn without_equal(name: &str) -> String {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let what = match name {
        _ if starts(&["node-", "kubelet-", "docker-"]) => "acts on nodes of a cluster; a local landscape has none",
        _ if starts(&["aws-", "ebs-", "ec2-", "rds-", "gcp-", "azure-", "vm-"]) => {
            "acts on machines and disks of a cloud; a landscape has none"
        }
        _ if starts(&["spring-boot-"]) => "acts inside a Java program; that has no equal here",
        "k6-loadgen" => "load is a suite of its own; a fault sends none",
        "pod-autoscaler" => "a landscape has a fixed number of replicas",
        _ => "an experiment of this name is not known here",
    };
    format!("`{name}`: {what}")
}
