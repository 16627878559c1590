//! PodChaos.

use super::super::node::Node;
use super::super::wish::{Wish, known};
use super::{Work, selector};

pub(super) fn wishes<'a>(spec: &Node<'a>, work: &mut Work) -> Vec<Wish<'a>> {
    let aim = selector::read(spec);
    let Some(action) = spec.some("action") else { return Vec::new() };
    let grace = spec.get("gracePeriod");
    let seconds = grace.as_ref().and_then(|grace| grace.number()).unwrap_or(0.0);
    let wish = match action.text().unwrap_or_default() {
        "pod-kill" if seconds > 0.0 => {
            let kind = if known("process.stop") { "process.stop" } else { "process.kill" };
            let mut wish = aim.process(kind, &action, &mut work.draft);
            if let Some(grace) = &grace {
                let stop = "how long the process may take is its own affair";
                let kill = "this build has no fault `process.stop`: SIGKILL at once, without the time to end well";
                wish.note(grace, if kind == "process.stop" { stop } else { kill });
            }
            wish
        }
        "pod-kill" => {
            let mut wish = aim.process("process.kill", &action, &mut work.draft);
            match (&grace, grace.as_ref().and_then(|grace| grace.number())) {
                (Some(grace), Some(_)) => wish.same(grace),
                (Some(grace), None) => wish.lost(grace, "not a number of seconds; the kill is at once"),
                (None, _) => (),
            }
            wish
        }
        "container-kill" => {
            let mut wish = aim.process("process.kill", &action, &mut work.draft);
            wish.but("the process of the component is killed; other containers of the pod have no equal");
            wish
        }
        "pod-failure" => {
            let mut wish = aim.edge("net.partition", &action, &mut work.draft);
            wish.with("mode", "reject");
            wish.with("direction", "both");
            wish.but("callers are refused as with a failed pod, but the process lives on");
            wish
        }
        _ => return Vec::new(),
    };
    vec![wish]
}
