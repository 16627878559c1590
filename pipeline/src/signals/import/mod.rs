//! Imports what others declared: rule files of Prometheus, Sloth, Pyrra and OpenSLO.
//!
//! What has a signal of the same meaning on raw series becomes one. Everything else is named with file, line and reason;
//! nothing is loosened, guessed or dropped in silence.

mod expression;
mod found;
mod meaning;
mod openslo;
mod part;
mod pyrra;
mod rules;
mod selectors;
mod sloth;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_forms;
mod value;
mod words;

use self::found::Found;
use self::part::Part;
use super::proposal::seat;
use super::write;
use crate::documents::problem::Problem;
use crate::documents::{Problems, yaml};

pub use self::found::{Imported, Refused};

/// What stands for a window in the queries of Sloth and OpenSLO, and what they are read with.
const WINDOW: &str = "5m";

/// Imports files of which the texts are given with their names.
///
/// # Errors
/// Everything that is no YAML, or no document that is known.
pub fn import(files: &[(String, String)]) -> Result<Imported, Problems> {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in files {
        match yaml::parse_all(file, text) {
            Ok(documents) => read.extend(documents.into_iter().map(|document| (file.as_str(), document))),
            Err(flaws) => problems.extend(flaws),
        }
    }
    let wholes = read.iter().map(|(file, located)| Part::whole(file, located));
    let documents: Vec<Part<'_>> = wholes.flat_map(apart).filter(|part| !part.value.is_null()).collect();
    let mut imported = Imported::default();
    // Rules of all files first, because rules and documents may refer to what another file records.
    let rules = rules::Rules::of(&documents);
    let slis = openslo::Slis::of(&documents);
    for document in &documents {
        match kind(document) {
            Some(Kind::Rules) => rules.import(document, &mut imported),
            Some(Kind::Sloth) => sloth::import(document, &rules, &mut imported),
            Some(Kind::Pyrra) => pyrra::import(document, &mut imported),
            Some(Kind::OpenSlo) => openslo::import(document, &slis, &rules, &mut imported),
            None => problems.push(unknown(document)),
        }
    }
    Problems(problems).or(imported)
}

/// The documents of a YAML document: itself, or the entries of a list.
fn apart<'a>(whole: Part<'a>) -> Vec<Part<'a>> {
    if whole.value.is_array() {
        return whole.items(&[]);
    }
    let is_list = whole.text(&["kind"]).is_some_and(|kind| kind.ends_with("List")) && whole.at(&["items"]).is_some();
    if is_list { whole.items(&["items"]) } else { vec![whole] }
}

/// Kinds of documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rules,
    Sloth,
    Pyrra,
    OpenSlo,
}

fn kind(document: &Part<'_>) -> Option<Kind> {
    let api = document.text(&["apiVersion"]).unwrap_or_default();
    let named = document.text(&["kind"]).unwrap_or_default();
    let group = api.split('/').next().unwrap_or_default();
    match (group, named.as_str()) {
        ("monitoring.coreos.com", "PrometheusRule") => Some(Kind::Rules),
        ("sloth.slok.dev", "PrometheusServiceLevel") => Some(Kind::Sloth),
        ("pyrra.dev", "ServiceLevelObjective") => Some(Kind::Pyrra),
        ("openslo", _) if api == "openslo/v1" => Some(Kind::OpenSlo),
        _ if document.text(&["version"]).as_deref() == Some("prometheus/v1") => Some(Kind::Sloth),
        _ if document.at(&["groups"]).is_some() => Some(Kind::Rules),
        _ => None,
    }
}

fn unknown(document: &Part<'_>) -> Problem {
    let named = document.text(&["kind"]).or_else(|| document.text(&["version"])).unwrap_or_default();
    let api = document.text(&["apiVersion"]).unwrap_or_default();
    Problem {
        file: document.file.to_owned(),
        line: document.line(),
        key: String::new(),
        value: String::new(),
        message: format!("{api} {named} is no document that is read here").trim().to_owned(),
        remedy: "give rule files of Prometheus (`groups:`), Sloth (`version: prometheus/v1`, PrometheusServiceLevel), \
                 Pyrra (ServiceLevelObjective) or OpenSLO (`apiVersion: openslo/v1`)"
            .into(),
    }
}

/// An indicator at a part of a document.
fn found(part: &Part<'_>, rule: String, name: String) -> Found {
    Found { file: part.file.to_owned(), line: part.line(), rule, name, component: None, objective: None }
}

/// A query with its window filled in.
fn filled(query: &str) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        // Only the window has a meaning here; what else is a template stays, and is no PromQL.
        if inside.trim() == ".window" {
            out.push_str(WINDOW);
        } else {
            out.extend(["{{", inside, "}}"]);
        }
        rest = behind;
    }
    out + rest
}

/// A target as a share: of 100 where it is a percentage.
fn target(value: Option<f64>, of: f64) -> Result<f64, String> {
    let share = value.map(|v| meaning::rounded(v / of)).ok_or("has no target that is a number")?;
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(format!("has a target of {share}, which is no share below one"))
    }
}

impl Imported {
    /// Lets at most `gates` of the signals decide; names of those that asked in vain.
    pub fn seat(&mut self, gates: usize) -> Vec<String> {
        seat(&mut self.proposals, gates)
    }

    /// The commented document.
    pub fn document(&self, standing: &[String]) -> String {
        let head = vec![
            "Imported from objectives that were declared elsewhere. Windows are gone: a soak judges all of its samples, \
             and an objective that is broken ten samples in a row fails it."
                .to_owned(),
            "Read it, and keep it as mettle/signals.yaml. `mettle power` says which margin a soak of yours can show."
                .to_owned(),
        ];
        let mut tail = Vec::new();
        if !standing.is_empty() {
            tail.push(format!(
                "Would decide as well, but there are enough gate signals above: {}.",
                standing.join(", ")
            ));
        }
        if !self.refused.is_empty() {
            tail.push("Not imported:".to_owned());
        }
        tail.extend(self.refused.iter().map(|refused| format!("- {refused}")));
        write::document(&head, &self.proposals, &tail)
    }
}
