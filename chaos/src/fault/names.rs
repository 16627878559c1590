//! What all faults of names have in common.

use crate::problem::Problem;
use crate::sandbox::name_problem;

pub(super) const NAMES: (&str, &str) =
    ("names", "patterns of names, such as db.internal or *.example.com; * stands for anything (default: all)");
pub(super) const HELD_BY: &str =
    "the holder's connection to the component's sandbox, and its lease: without either the fault is out";
pub(super) const UNDO: &str = "the connection to the sandbox ends, and the fault with it";

/// Patterns as they are compared: in small letters, without the last dot.
pub(super) fn plain(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect()
}

pub(super) fn requested(names: &[String], share: f64) -> Vec<(&'static str, String)> {
    let names = (!names.is_empty()).then(|| ("names", names.join(" ")));
    [("share", share.to_string())].into_iter().chain(names).collect()
}

pub(super) fn problems(key: &str, names: &[String]) -> Vec<Problem> {
    let remedy = "write names such as db.internal, or patterns such as *.example.com";
    let problem = |(n, name): (usize, &String)| {
        let why = name_problem(plain(std::slice::from_ref(name)).first()?)?;
        Some(Problem::new(format!("{key}.names[{n}]"), name, why, remedy))
    };
    names.iter().enumerate().filter_map(problem).collect()
}
