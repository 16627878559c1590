//! StressChaos, IOChaos, TimeChaos and DNSChaos.

use super::super::node::Node;
use super::super::units;
use super::super::wish::Wish;
use super::{Work, selector};
use nix::errno::Errno;

/// An address that is kept for documents (RFC 5737).
const NOBODY: &str = "192.0.2.1";

pub(super) fn stress<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let aim = selector::read(spec);
    let mut wishes = Vec::new();
    if let Some(raw) = spec.some("stressngStressors") {
        let mut wish = aim.process("stress.cpu", &raw, &mut work.draft);
        wish.refuse("arguments for stress-ng are not run; only `stressors` can be read");
        wishes.push(wish);
        return wishes;
    }
    if let Some(cpu) = spec.at(&["stressors", "cpu"]) {
        let mut wish = aim.process("stress.cpu", &cpu, &mut work.draft);
        match cpu.get("workers").map(|node| (node.number().filter(|n| *n > 0.0), node)) {
            Some((Some(workers), node)) => wish.set(&node, "cores", units::count(workers), None),
            _ => wish.refuse("`workers` says no number of cores"),
        }
        match cpu.some("load").map(|node| (units::share_of_percent(&node), node)) {
            Some((Ok(share), node)) => wish.set(&node, "load", share, None),
            Some((Err(why), node)) => wish.lost(&node, why),
            None => wish.with("load", 1.0),
        }
        if let Some(options) = cpu.some("options") {
            wish.lost(&options, "options for stress-ng are not run");
        }
        wishes.push(wish);
    }
    if let Some(memory) = spec.at(&["stressors", "memory"]) {
        let mut wish = aim.process("stress.memory", &memory, &mut work.draft);
        match memory.some("size").map(|node| (node.word().and_then(|text| units::bytes(&text, 1.0)), node)) {
            Some((Some(bytes), node)) => wish.set(&node, "bytes", units::size(bytes), None),
            Some((None, node)) => {
                wish.lost(&node, "a share of the memory has no equal; write a size");
                wish.refuse("`size` is not a number of bytes");
            }
            None => wish.refuse("`size` is missing"),
        }
        if let Some(workers) = memory.some("workers") {
            wish.note(&workers, "the size counts; how many workers hold it does not matter");
        }
        for key in ["oomScoreAdj", "options", "time"] {
            if let Some(node) = memory.some(key) {
                wish.lost(&node, "the memory is taken at once, by a process with the usual standing");
            }
        }
        wishes.push(wish);
    }
    wishes
}

pub(super) fn io<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let aim = selector::read(spec);
    let Some(action) = spec.some("action") else { return Vec::new() };
    let mut wish = match action.text().unwrap_or_default() {
        "latency" => {
            let mut wish = aim.process("io.latency", &action, &mut work.draft);
            match spec.some("delay").map(|node| (units::span(&node, 1e3), node)) {
                Some((Ok((span, caveat)), node)) => wish.set(&node, "delay", span.to_string(), caveat),
                _ => wish.refuse("`delay` is not a duration"),
            }
            wish
        }
        "fault" => {
            let mut wish = aim.process("io.error", &action, &mut work.draft);
            match spec.some("errno").map(|node| (node.number(), node)) {
                Some((Some(errno), node)) if (1.0..4096.0).contains(&errno) => {
                    wish.set(&node, "errno", format!("{:?}", Errno::from_raw(errno as i32)), None);
                }
                _ => wish.refuse("`errno` is not the number of an error"),
            }
            wish
        }
        other => {
            let mut wish = aim.process("io.error", &action, &mut work.draft);
            wish.refuse(format!("`{other}` on files has no equal in the catalogue"));
            for key in ["attr", "mistake"] {
                if let Some(node) = spec.some(key) {
                    wish.lost(&node, "attributes and contents of files are not changed");
                }
            }
            wish
        }
    };
    match spec.some("percent").map(|node| (units::share_of_percent(&node), node)) {
        Some((Ok(share), node)) => wish.set(&node, "share", share, None),
        Some((Err(why), node)) => wish.lost(&node, why),
        None => (),
    }
    for key in ["path", "volumePath", "methods"] {
        if let Some(node) = spec.some(key) {
            wish.note(&node, "every file of the component's data folder is meant");
        }
    }
    vec![wish]
}

pub(super) fn time<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let aim = selector::read(spec);
    let Some(offset) = spec.some("timeOffset") else { return Vec::new() };
    let mut wish = aim.process("time.offset", &offset, &mut work.draft);
    match offset.word().and_then(|text| units::milliseconds(&text, 1e3)) {
        Some(ms) => {
            let rounded = ms.round();
            let caveat = (rounded != ms).then(|| format!("rounded to {rounded} ms"));
            let side = if rounded < 0.0 { "behind" } else { "ahead" };
            wish.with(side, format!("{}ms", rounded.abs() as i64));
            if let Some(caveat) = caveat {
                wish.but(caveat);
            }
        }
        None => wish.refuse("`timeOffset` is not a duration"),
    }
    if let Some(clocks) = spec.some("clockIds") {
        wish.note(&clocks, "the wall clock is moved, whichever clocks are listed");
    }
    vec![wish]
}

pub(super) fn dns<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let aim = selector::read(spec);
    let Some(action) = spec.some("action") else { return Vec::new() };
    let kind = match action.text().unwrap_or_default() {
        "error" => "dns.error",
        "random" => "dns.wrong",
        _ => return Vec::new(),
    };
    let mut wish = aim.process(kind, &action, &mut work.draft);
    if kind == "dns.wrong" {
        wish.with("address", NOBODY);
        wish.but(format!("the wrong address is always {NOBODY}, which nobody has"));
    }
    if let Some(patterns) = spec.some("patterns") {
        let names: Vec<String> = patterns.children().iter().filter_map(|name| name.text().map(str::to_owned)).collect();
        let single = names.iter().any(|name| name.contains('?'));
        let caveat = single.then(|| "`?` is read as `*`: more names may be meant".to_owned());
        let names: Vec<String> = names.iter().map(|name| name.replace('?', "*")).collect();
        patterns.children().iter().for_each(|name| wish.same(name));
        wish.set(&patterns, "names", names, caveat);
    }
    vec![wish]
}
