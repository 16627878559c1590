//! Probes: each becomes a signal that somebody has to declare.

use super::super::labels;
use super::super::node::Node;
use super::super::sheet::Sheet;
use super::super::units;
use super::tolerance;

/// Functions that ask a cluster whether something is up.
const READINESS: [&str; 10] = [
    "all_microservices_healthy",
    "microservice_available_and_healthy",
    "microservice_is_not_available",
    "deployment_available_and_healthy",
    "deployment_fully_available",
    "deployment_is_not_fully_available",
    "pods_in_phase",
    "pods_not_in_phase",
    "pods_in_conditions",
    "count_pods",
];

/// Lines for a probe of the hypothesis, the method or the rollbacks.
pub(super) fn import(item: &Node, sheet: &mut Sheet) {
    common(item, sheet);
    let name = item.get("name").and_then(|name| name.word()).unwrap_or_else(|| "unnamed".into());
    let told = item.get("provider").map(|provider| (measure(&provider), provider));
    let declared = matches!(told, Some((Ok(_), _)));
    let limit = item.get("tolerance").map(|node| (tolerance::words(&node), node));
    if let Some((words, node)) = &limit {
        match (words, declared) {
            (Ok(words), true) => {
                let why = format!("as a limit of the signal `{}`: {words}", signal(&name));
                sheet.caveat(node, Some("hypothesis.signals"), why);
            }
            (Ok(words), false) => sheet.not(node, format!("its probe is left out; it wants an answer {words}")),
            (Err(why), _) => sheet.not(node, why.clone()),
        }
    }
    match told {
        Some((Ok(what), provider)) => {
            let why = format!("not run by an experiment: declare {what} as the signal `{}`", signal(&name));
            sheet.caveat(&provider, Some("hypothesis.signals"), why);
        }
        Some((Err(why), provider)) => sheet.not(&provider, why),
        None => (),
    }
}

/// Keys that every activity has; pauses are told by the caller that knows what they mean.
pub(super) fn common(item: &Node, sheet: &mut Sheet) {
    for (key, node) in item.members() {
        match key {
            "name" | "type" => sheet.plain(&node),
            "controls" => sheet.caveat(&node, None, "code around the activity; it is never run"),
            "secrets" | "configuration" => sheet.caveat(&node, None, "a landscape needs no access from outside"),
            "dry" => sheet.caveat(&node, None, "`mettle chaos plan` shows everything without running it"),
            "background" if node.flag() == Some(false) => sheet.plain(&node),
            _ => (),
        }
    }
}

fn signal(name: &str) -> String {
    super::super::draft::legal_name(name).to_lowercase()
}

/// What to declare, or why the probe cannot be had.
fn measure(provider: &Node) -> Result<String, String> {
    let word = |keys: &[&str]| provider.at(keys).and_then(|node| node.word());
    match word(&["type"]).as_deref() {
        Some("http") => {
            let url = word(&["url"]).unwrap_or_default();
            let method = word(&["method"]).unwrap_or_else(|| "GET".into());
            Ok(format!("a journey `{method} {url}`"))
        }
        Some("process") => {
            let path = word(&["path"]).unwrap_or_default();
            Err(format!("the command `{path}` is never run: experiments from files cannot run commands"))
        }
        Some("python") => python(provider),
        other => Err(format!("a provider of type {} is not known here", other.unwrap_or("(none)"))),
    }
}

fn python(provider: &Node) -> Result<String, String> {
    let word = |keys: &[&str]| provider.at(keys).and_then(|node| node.word());
    let (module, func) = (word(&["module"]).unwrap_or_default(), word(&["func"]).unwrap_or_default());
    let package = module.split('.').next().unwrap_or_default();
    match package {
        "chaosprometheus" => {
            let query = word(&["arguments", "query"]).unwrap_or_default();
            Ok(format!("the PromQL query `{query}`"))
        }
        "chaosk8s" if READINESS.contains(&func.as_str()) => {
            let place = word(&["arguments", "name"]).or_else(|| word(&["arguments", "label_selector"]));
            let place = place.filter(|place| !labels::is_placeholder(place)).unwrap_or_else(|| "all components".into());
            Ok(format!("the readiness of {place}"))
        }
        "chaostoxi" => Err("the proxies belong to the landscape; their state is not asked".into()),
        _ => Err(format!("`{module}.{func}` is code; experiments from files cannot run any")),
    }
}

/// Milliseconds of a pause: a number of seconds, also as text.
pub(super) fn pause(node: &Node) -> Result<crate::span::Span, String> {
    units::span(node, 1e3).map(|(span, _)| span)
}
