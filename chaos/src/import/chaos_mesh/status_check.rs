//! StatusCheck: a probe, not a fault.

use super::super::node::Node;
use super::super::sheet::Sheet;

/// A check becomes a signal that somebody has to declare.
pub(super) fn import(spec: &Node, sheet: &mut Sheet) {
    let at = |keys: &[&str]| spec.at(keys).and_then(|node| node.word()).unwrap_or_else(|| "unknown".into());
    let check = format!("{} {}", at(&["http", "method"]).replace("unknown", "GET"), at(&["http", "url"]));
    let status = at(&["http", "criteria", "statusCode"]);
    let why = format!(
        "not run by an experiment: declare a journey `{check}` that answers with status {status}, and name its signal \
         under hypothesis.signals"
    );
    for (key, node) in spec.members() {
        match key {
            "http" | "type" => sheet.caveat(&node, Some("hypothesis.signals"), why.clone()),
            "mode"
            | "duration"
            | "timeoutSeconds"
            | "intervalSeconds"
            | "failureThreshold"
            | "successThreshold"
            | "recordsHistoryLimit" => {
                sheet.caveat(&node, None, "how often a signal is measured is the probe's affair")
            }
            _ => (),
        }
    }
}
