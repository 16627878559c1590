//! Which component a Kubernetes selector means.

use serde_json::Value;

/// Labels that name an application, the most telling first.
const NAMING: [&str; 12] = [
    "app",
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
    "k8s-app",
    "component",
    "name",
    "run",
    "service",
    "deployment",
    "faas_function",
    "io.kubernetes.container.name",
];

/// What every selector loses on its way.
pub(super) const NO_NAMESPACE: &str = "a landscape has no namespaces; the component is meant wherever it runs";

/// The pair of a selector that names the component, from pairs of label and value.
pub(super) fn naming<'a>(pairs: &[(&'a str, &'a str)]) -> Option<(&'a str, &'a str)> {
    let told = pairs.iter().filter(|(_, value)| !value.is_empty() && !is_placeholder(value));
    let rank = |label: &str| NAMING.iter().position(|name| *name == label).unwrap_or(NAMING.len());
    let best = told.clone().min_by_key(|(label, _)| rank(label))?;
    // A label that is not known to name an application is taken only when there is no choice.
    (rank(best.0) < NAMING.len() || told.count() == 1).then_some(*best)
}

/// Pairs of a selector text: `app=web,tier in (front)`. Nothing when it is more than pairs.
pub(super) fn pairs(selector: &str) -> Option<Vec<(&str, &str)>> {
    let terms = split_terms(selector);
    terms.into_iter().filter(|term| !term.is_empty()).map(pair).collect()
}

fn pair(term: &str) -> Option<(&str, &str)> {
    if let Some((label, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return (!label.ends_with('!')).then(|| (label.trim(), value.trim()));
    }
    let (label, set) = term.split_once(" in ")?;
    let set = set.trim().strip_prefix('(')?.strip_suffix(')')?;
    (!set.contains(',')).then(|| (label.trim(), set.trim()))
}

/// Splits at commas outside of parentheses.
fn split_terms(selector: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let outside = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth <= 0
    };
    selector.split(outside).map(str::trim).collect()
}

/// Pairs of an object of labels, text values only.
pub(super) fn object_pairs(value: &Value) -> Vec<(&str, &str)> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(label, value)| Some((label.as_str(), value.as_str()?))).collect()
}

/// The component that a pod's name or a pattern for pods' names speaks of: without anchors, wild cards, and the
/// ordinal or hashes that Kubernetes appends.
pub(super) fn of_pod_name(name: &str) -> Option<String> {
    let name = name.trim_start_matches('^').trim_end_matches('$').trim_matches('*');
    let end = name.find(['[', '(', '\\', '*', '+', '?', '|', '{', '<', '.']).unwrap_or(name.len());
    let mut name = name[..end].trim_end_matches('-');
    while let Some((stem, last)) = name.rsplit_once('-') {
        let hash = last.len() >= 5 && last.bytes().any(|b| b.is_ascii_digit());
        let ordinal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
        if !(hash || ordinal) {
            break;
        }
        name = stem;
    }
    (!name.is_empty() && !is_placeholder(name)).then(|| name.to_string())
}

/// Whether a value stands for one that somebody has to fill in.
pub(super) fn is_placeholder(value: &str) -> bool {
    value.starts_with('<') || value.contains("{{") || value.contains("${")
}
