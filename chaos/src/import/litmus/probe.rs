//! Probes of Litmus: each becomes a signal that somebody has to declare.

use super::super::draft::legal_name;
use super::super::node::Node;
use super::super::sheet::Sheet;

pub(super) fn read(probe: &Node, sheet: &mut Sheet) {
    let name = probe.get("name").and_then(|name| name.word()).unwrap_or_else(|| "unnamed".into());
    let signal = legal_name(&name).to_lowercase();
    for (key, node) in probe.members() {
        match key {
            "name" | "type" => sheet.plain(&node),
            "mode" => sheet.caveat(&node, None, "signals are measured all the time and judged in every phase"),
            "runProperties" | "RunProperties" => {
                let why = "how often and how long is the probe's affair; `stopOnFailure` would be a guard";
                sheet.caveat(&node, Some("guards"), why);
            }
            _ if key.ends_with("/inputs") => match inputs(key, &node) {
                Ok(what) => {
                    let why = format!("not run by an experiment: declare {what} as the signal `{signal}`");
                    sheet.caveat(&node, Some("hypothesis.signals"), why);
                }
                Err(why) => sheet.not(&node, why),
            },
            "data" => sheet.not(&node, "an object of a cluster; none is made"),
            _ => (),
        }
    }
}

/// What to declare, or why the probe cannot be had.
fn inputs(key: &str, node: &Node) -> Result<String, String> {
    let word = |keys: &[&str]| node.at(keys).and_then(|node| node.word()).unwrap_or_default();
    match key.trim_end_matches("/inputs") {
        "httpProbe" => {
            let method = node.get("method").and_then(|method| method.members().into_iter().next());
            let (verb, limit) = match &method {
                Some((verb, inputs)) => {
                    let part = |key: &str| inputs.get(key).and_then(|node| node.word()).unwrap_or_default();
                    (verb.to_ascii_uppercase(), format!("status {} {}", part("criteria"), part("responseCode")))
                }
                None => ("GET".into(), "any status".into()),
            };
            Ok(format!("a journey `{verb} {}` with {limit}", word(&["url"])))
        }
        "promProbe" => {
            let query = node.get("query").and_then(|query| query.word());
            let query = query.ok_or("the query stands in another file (`queryPath`)")?;
            let limit = format!("{} {}", word(&["comparator", "criteria"]), word(&["comparator", "value"]));
            Ok(format!("the PromQL query `{query}` with the limit `{limit}`"))
        }
        "cmdProbe" => Err("runs a command; an experiment from a file never does".into()),
        "k8sProbe" => Err("asks for objects of a cluster; a landscape has none".into()),
        other => Err(format!("a probe of type `{other}` is not known here")),
    }
}
