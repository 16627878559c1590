//! `id: kill-pods`.

use super::super::aim::Aim;
use super::super::node::Node;
use super::super::units;
use super::super::wish::known;
use super::{Work, hold, machinery, step};
use crate::document::Choose;

pub(super) fn read(item: &Node, work: &mut Work) {
    let config = item.get("config").unwrap_or_else(|| item.clone());
    let aim = aim(&config);
    let asks = item.get("id").unwrap_or_else(|| item.clone());
    let stops = known("process.stop");
    let mut wish = aim.process(if stops { "process.stop" } else { "process.kill" }, &asks, &mut work.draft);
    if !stops {
        wish.but(
            "pods get the time to end well there (SIGTERM); this build has no fault `process.stop`: SIGKILL at once",
        );
    }
    if let Some(recovery) = config.some("krkn_pod_recovery_time") {
        match units::span(&recovery, 1e3) {
            Ok((span, caveat)) => {
                work.draft.recover_within = Some(span);
                wish.becomes(&recovery, "hypothesis.recoverWithin", caveat);
            }
            Err(why) => wish.lost(&recovery, why),
        }
    }
    let mut wishes = [wish];
    machinery(&config, &mut wishes);
    let span = hold(&config, "krkn_pod_recovery_time", &mut wishes);
    step(item, Vec::from(wishes), span, work);
}

/// The pods of `label_selector` or `name_pattern`, and how many of them.
pub(super) fn aim<'a>(config: &Node<'a>) -> Aim<'a> {
    let mut aim = Aim::unknown("neither a label nor a pattern names a single component; write the experiment by hand");
    if let Some(selector) = config.some("label_selector") {
        aim.by_selector(&selector);
    }
    for key in ["name_pattern", "pod_name", "target"] {
        let Some(name) = config.some(key) else { continue };
        match aim.component.is_ok() {
            true => aim.note(&name, "the selector names the component already; which replica is drawn"),
            false => aim.by_pod_name(&name),
        }
    }
    for key in ["kill", "count", "instance_count"] {
        let Some(node) = config.some(key) else { continue };
        match node.number().filter(|n| n.fract() == 0.0 && (1.0..=1000.0).contains(n)) {
            Some(n) => aim.choose(&node, Choose::count(n as u32), None),
            None => aim.lost(&node, "not a number of pods; one is chosen"),
        }
    }
    aim
}
