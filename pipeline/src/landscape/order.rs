//! The order in which components start: what is reached comes before what reaches it.

use super::processes::Component;
use std::collections::BTreeSet;

/// A start order and what had to be bent for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartOrder {
    /// Component names, first to start first.
    pub(crate) names: Vec<String>,
    /// One sentence for each cycle that was cut.
    pub(crate) warnings: Vec<String>,
}

/// Orders the components so that each starts after those it reaches. A cycle is cut at the component that has the
/// fewest dependencies still to come (first in the document among equals) and named in a warning.
pub(crate) fn start_order(components: &[Component]) -> StartOrder {
    let mut names: Vec<String> = Vec::with_capacity(components.len());
    let mut warnings = Vec::new();
    let mut left: Vec<&Component> = components.iter().collect();
    let mut started: BTreeSet<&str> = BTreeSet::new();
    while !left.is_empty() {
        let waiting = |c: &Component, left: &[&Component]| -> Vec<String> {
            c.reaches
                .keys()
                .filter(|t| !started.contains(t.as_str()) && left.iter().any(|l| &l.name == *t))
                .cloned()
                .collect()
        };
        let (index, missing) = left
            .iter()
            .enumerate()
            .map(|(i, c)| (i, waiting(c, &left)))
            .min_by_key(|(i, missing)| (missing.len(), *i))
            .expect("left is not empty");
        let next = left.remove(index);
        if !missing.is_empty() {
            warnings.push(format!(
                "{} starts before {}, which it reaches: they reach each other in a circle",
                next.name,
                missing.join(", ")
            ));
        }
        started.insert(&next.name);
        names.push(next.name.clone());
    }
    StartOrder { names, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn component(name: &str, reaches: &[&str]) -> Component {
        let reaches: serde_json::Map<_, _> =
            reaches.iter().map(|t| ((*t).to_owned(), json!(format!("{t}_URL")))).collect();
        serde_json::from_value(json!({"name": name, "command": ["x", "{port}"], "reaches": reaches})).unwrap()
    }

    #[test]
    fn what_is_reached_starts_first() {
        let order = start_order(&[
            component("a", &["b", "c"]),
            component("b", &["c"]),
            component("c", &[]),
            component("d", &[]),
        ]);
        assert_eq!(order.names, ["c", "b", "a", "d"]);
        assert!(order.warnings.is_empty());
    }

    #[test]
    fn a_circle_is_cut_and_named() {
        let order = start_order(&[component("a", &["b"]), component("b", &["a"]), component("c", &["a"])]);
        assert_eq!(order.names, ["a", "b", "c"]);
        assert_eq!(order.warnings.len(), 1);
        assert!(order.warnings[0].starts_with("a starts before b"));
    }
}
