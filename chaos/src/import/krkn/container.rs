//! Container scenarios.

use super::super::node::Node;
use super::super::units;
use super::super::wish::known;
use super::{Work, hold, machinery, pod, step};

pub(super) fn read(item: &Node, work: &mut Work) {
    let mut aim = pod::aim(item);
    if let Some(container) = item.some("container_name") {
        match aim.component.is_ok() {
            true => aim.note(&container, "a component is a whole; containers of a pod are not told apart"),
            false => aim.by_name(&container, "container"),
        }
    }
    let signal = item.get("action");
    let number = signal.as_ref().and_then(|signal| signal.number()).unwrap_or(9.0);
    let kind = if number == 15.0 && known("process.stop") { "process.stop" } else { "process.kill" };
    let asks = signal.clone().unwrap_or_else(|| item.clone());
    let mut wish = aim.process(kind, &asks, &mut work.draft);
    let exact = number == 9.0 || kind == "process.stop";
    if !exact {
        wish.but(format!("signal {number} is sent there, SIGKILL here"));
    }
    if let Some(recovery) = item.some("expected_recovery_time") {
        match units::span(&recovery, 1e3) {
            Ok((span, caveat)) => {
                work.draft.recover_within = Some(span);
                wish.becomes(&recovery, "hypothesis.recoverWithin", caveat);
            }
            Err(why) => wish.lost(&recovery, why),
        }
    }
    let mut wishes = [wish];
    machinery(item, &mut wishes);
    let span = hold(item, "expected_recovery_time", &mut wishes);
    step(item, Vec::from(wishes), span, work);
}
