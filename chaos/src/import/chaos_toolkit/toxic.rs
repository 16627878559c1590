//! Functions of the extension for Toxiproxy.

use super::super::aim::Aim;
use super::super::draft::Draft;
use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::action::{Call, Refusal};

pub(super) fn wish<'a>(call: &Call<'a>, draft: &mut Draft) -> Result<Wish<'a>, Refusal> {
    let mut aim = Aim::unknown("no argument names a proxy");
    if let Some(name) = call.argument("for_proxy").or_else(|| call.argument("proxy_name")) {
        aim.by_name(&name, "upstream of the proxy");
    }
    let direction = if call.func.contains("upstream") && !call.func.contains("downstream") { "to" } else { "from" };
    let kind = match call.func {
        "create_latency_toxic" | "create_downstream_latency_toxic" | "create_upstream_latency_toxic" => "latency",
        "create_bandwith_degradation_toxic" | "create_bandwidth_degradation_toxic" => "bandwidth",
        "create_slow_connection_close_toxic" => "slow_close",
        "create_timeout_toxic" => "timeout",
        "create_slicer_toxic" => "slicer",
        "create_limiter_toxic" => "limit_data",
        _ => "",
    };
    let made = match call.func {
        "create_proxy" => {
            let why = "the edges between components have proxies of the landscape; none has to be made";
            return Err(Refusal::Harmless(why.into()));
        }
        "disable_proxy" => {
            let mut wish = aim.edge("net.partition", &call.asks, draft);
            wish.with("mode", "reject");
            wish.with("direction", "both");
            Some(wish)
        }
        "create_toxic" => of_type(call, &aim, draft),
        _ => make(kind, call, (&call.arguments, direction), &aim, draft),
    };
    let Some(mut wish) = made else {
        return Err(Refusal::Lost(format!("`{}` of Toxiproxy has no equal here", call.func)));
    };
    if let Some(name) = call.argument("toxic_name") {
        wish.note(&name, "our faults carry ids of their own");
    }
    Ok(wish)
}

/// `create_toxic`: type, stream, toxicity and attributes are arguments.
fn of_type<'a>(call: &Call<'a>, aim: &Aim<'a>, draft: &mut Draft) -> Option<Wish<'a>> {
    let kind = call.argument("toxic_type")?;
    let stream = call.argument("stream");
    let upstream = stream.as_ref().and_then(|stream| stream.text()) == Some("upstream");
    let attributes = call.argument("attributes").unwrap_or_else(|| call.arguments.clone());
    let direction = if upstream { "to" } else { "from" };
    let mut wish = make(kind.text()?, call, (&attributes, direction), aim, draft)?;
    wish.same(&kind);
    match stream {
        Some(stream) if matches!(stream.text(), Some("upstream" | "downstream")) => wish.same(&stream),
        Some(stream) => wish.lost(&stream, "neither upstream nor downstream"),
        None => (),
    }
    if let Some(toxicity) = call.argument("toxicity") {
        match toxicity.number() {
            Some(1.0) => wish.same(&toxicity),
            _ => wish.lost(&toxicity, "every connection meets the fault, not a share of them"),
        }
    }
    Some(wish)
}

fn make<'a>(
    kind: &str,
    call: &Call<'a>,
    (attributes, direction): (&Node<'a>, &'static str),
    aim: &Aim<'a>,
    draft: &mut Draft,
) -> Option<Wish<'a>> {
    let milliseconds = |name: &str, parameter: &str, wish: &mut Wish<'a>| {
        let read = attributes.some(name).map(|node| (units::span(&node, 1.0), node));
        match read {
            Some((Ok((span, caveat)), node)) => wish.set(&node, parameter, span.to_string(), caveat),
            Some((Err(why), node)) => {
                wish.lost(&node, why.clone());
                wish.refuse(why);
            }
            None if parameter == "jitter" => (),
            None => wish.refuse(format!("`{name}` is missing")),
        }
    };
    let mut wish = match kind {
        "latency" => {
            let mut wish = aim.edge("net.delay", &call.asks, draft);
            milliseconds("latency", "delay", &mut wish);
            milliseconds("jitter", "jitter", &mut wish);
            wish
        }
        "bandwidth" => {
            let mut wish = aim.edge("net.bandwidth", &call.asks, draft);
            match attributes.some("rate").map(|node| (node.number().filter(|rate| (0.0..1e12).contains(rate)), node)) {
                // Toxiproxy counts kilobytes a second, of 1000 bytes.
                Some((Some(rate), node)) => {
                    let bytes = (rate * 1000.0).round() as u64;
                    wish.set(&node, "rate", units::rate(bytes), None);
                }
                _ => wish.refuse("`rate` is not a number of kilobytes a second"),
            }
            wish
        }
        "slow_close" => {
            let mut wish = aim.edge("net.slowClose", &call.asks, draft);
            milliseconds("delay", "delay", &mut wish);
            wish
        }
        "slicer" | "limit_data" => cut(kind, call, attributes, aim, draft),
        "timeout" => {
            let mut wish = aim.edge("net.partition", &call.asks, draft);
            wish.with("mode", "drop");
            if let Some(timeout) = attributes.some("timeout") {
                wish.note(&timeout, "data stops as there; the connection stays open until the end of the hold");
            }
            wish
        }
        "reset_peer" => {
            let mut wish = aim.edge("net.reset", &call.asks, draft);
            if let Some(timeout) = attributes.some("timeout") {
                wish.note(&timeout, "the reset comes at once");
            }
            return Some(wish);
        }
        _ => return None,
    };
    wish.with("direction", direction);
    Some(wish)
}

/// `slicer` and `limit_data`: streams in pieces, and streams that end.
fn cut<'a>(kind: &str, call: &Call<'a>, attributes: &Node<'a>, aim: &Aim<'a>, draft: &mut Draft) -> Wish<'a> {
    let slices = kind == "slicer";
    let mut wish = aim.edge(if slices { "net.slice" } else { "net.limitData" }, &call.asks, draft);
    let mut size = |names: [&str; 2], parameter: &str| {
        let node = names.iter().find_map(|name| attributes.some(name));
        match node.map(|node| (node.word().and_then(|text| units::bytes(&text, 1.0)), node)) {
            Some((Some(bytes), node)) => wish.set(&node, parameter, units::size(bytes), None),
            Some((None, node)) => {
                wish.lost(&node, "not a number of bytes");
                wish.refuse(format!("`{}` is not a number of bytes", names[0]));
            }
            None => wish.refuse(format!("`{}` is missing", names[0])),
        }
    };
    if !slices {
        size(["bytes_limit", "bytes"], "bytes");
        return wish;
    }
    size(["average_size", "average_size"], "size");
    size(["size_variation", "size_variation"], "variation");
    // Toxiproxy counts the rest between two pieces in microseconds.
    match attributes.some("delay").map(|node| (units::span(&node, 1e-3), node)) {
        Some((Ok((span, caveat)), node)) => wish.set(&node, "delay", span.to_string(), caveat),
        _ => wish.refuse("`delay` is not a number of microseconds"),
    }
    wish
}
