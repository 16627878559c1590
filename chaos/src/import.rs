//! Experiments of other tools, made into ours.
//!
//! Pure: documents in, reports and experiments out; whoever calls has parsed the files. Invariant: every leaf of a
//! source document is covered by a line of its report, so nothing is dropped silently. A fault that this build does
//! not know yet is named and left out.

mod aim;
mod chaos_mesh;
mod chaos_toolkit;
mod draft;
mod krkn;
mod labels;
mod litmus;
mod node;
mod sheet;
mod text;
mod units;
mod wish;

pub use litmus::embedded;
pub use text::text;

use crate::document::Experiment;
use node::Node;
use serde::Serialize;
use serde_json::Value;
use sheet::Sheet;
use std::collections::BTreeMap;

/// Deepest nesting of a document that is looked at.
const MAX_DEPTH: usize = 64;

/// Where a document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Chaos Toolkit experiments.
    ChaosToolkit,
    /// Chaos Mesh resources.
    ChaosMesh,
    /// Litmus engines and schedules, alone or inside an Argo workflow.
    Litmus,
    /// Krkn scenarios.
    Krkn,
}

impl Origin {
    /// All four.
    pub const ALL: [Origin; 4] = [Origin::ChaosToolkit, Origin::ChaosMesh, Origin::Litmus, Origin::Krkn];

    /// The name that people use.
    pub fn title(self) -> &'static str {
        match self {
            Origin::ChaosToolkit => "Chaos Toolkit",
            Origin::ChaosMesh => "Chaos Mesh",
            Origin::Litmus => "Litmus",
            Origin::Krkn => "Krkn",
        }
    }

    fn recognises(self, document: &Value) -> bool {
        match self {
            Origin::ChaosToolkit => chaos_toolkit::recognises(document),
            Origin::ChaosMesh => chaos_mesh::recognises(document),
            Origin::Litmus => litmus::recognises(document),
            Origin::Krkn => krkn::recognises(document),
        }
    }
}

/// How well a key of the source maps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It means the same, or it says nothing about the effect.
    Exact,
    /// It maps, but not fully: the difference.
    Caveat(String),
    /// It does not map.
    Not {
        /// The reason.
        why: String,
    },
}

/// What became of a key of the source, or of everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Path in the source, `spec.delay.latency`.
    pub key: String,
    /// Its value, as JSON where it is no text; values of secrets are hidden.
    pub value: String,
    /// How well it maps.
    pub fit: Fit,
    /// Path in our document or parameter of a fault, `net.delay.delay`.
    pub becomes: Option<String>,
}

/// How an import ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An experiment, and every key maps exactly.
    Accepted,
    /// An experiment, and some keys map with a caveat or not at all.
    WithCaveat,
    /// No experiment.
    Refused,
}

impl Outcome {
    /// In a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::WithCaveat => "accepted with caveats",
            Outcome::Refused => "refused",
        }
    }
}

/// What became of one experiment of the source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Imported {
    /// The tool.
    pub origin: Origin,
    /// Name in the source.
    pub name: String,
    /// What became of each key, in the order of the source.
    pub lines: Vec<Line>,
    /// Faults that the source asks for and this build does not have, as documents with `kind` and parameters.
    pub missing: Vec<Value>,
    /// Ours; `None` when nothing with an effect is left.
    pub experiment: Option<Experiment>,
}

impl Imported {
    /// Accepted, with caveats, or refused.
    pub fn outcome(&self) -> Outcome {
        let exact = self.lines.iter().all(|line| line.fit == Fit::Exact);
        match (&self.experiment, exact) {
            (None, _) => Outcome::Refused,
            (Some(_), true) => Outcome::Accepted,
            (Some(_), false) => Outcome::WithCaveat,
        }
    }
}

/// Why documents cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// There is no document.
    #[error("the file holds no document")]
    Empty,
    /// A document is nested too deeply to be looked at.
    #[error("document {document} is nested deeper than {MAX_DEPTH} levels; no experiment needs that")]
    TooDeep {
        /// Its number, from 1.
        document: usize,
    },
    /// None of the documents comes from a known tool.
    #[error(
        "no document comes from a tool that is known here ({found}); known: Chaos Toolkit experiments (`method`, \
         `steady-state-hypothesis`), Chaos Mesh resources (apiVersion chaos-mesh.org), Litmus engines (apiVersion \
         litmuschaos.io), Krkn scenarios (`id: kill-pods`, `node_scenarios`, `hog-type` and others)"
    )]
    Unknown {
        /// What the documents look like.
        found: String,
    },
}

/// Values by name, for what a file takes from outside: names of the configuration of Chaos Toolkit, or of the
/// environment variables that it reads.
pub type Variables = BTreeMap<String, Value>;

/// Imports the documents of one file without any variables.
pub fn import(documents: &[Value]) -> Result<Vec<Imported>, ImportError> {
    import_with(documents, &Variables::new())
}

/// Imports the documents of one file; the tool is recognised from the content. A document that is no experiment, next
/// to one that is, is reported as refused.
pub fn import_with(documents: &[Value], variables: &Variables) -> Result<Vec<Imported>, ImportError> {
    let documents: Vec<_> = documents.iter().filter(|document| !document.is_null()).collect();
    if documents.is_empty() {
        return Err(ImportError::Empty);
    }
    if let Some(deep) = documents.iter().position(|document| deeper_than(document, MAX_DEPTH)) {
        return Err(ImportError::TooDeep { document: deep + 1 });
    }
    let origin_of = |document: &Value| Origin::ALL.into_iter().find(|origin| origin.recognises(document));
    let origins: Vec<_> = documents.iter().map(|document| origin_of(document)).collect();
    let Some(first) = origins.iter().flatten().next().copied() else {
        let found: Vec<_> = documents.iter().map(|document| describe(document)).collect();
        return Err(ImportError::Unknown { found: text::flat(&found.join("; ")) });
    };
    let import = |(document, origin): (&&Value, &Option<Origin>)| match origin {
        Some(Origin::ChaosToolkit) => chaos_toolkit::import(document, variables),
        Some(Origin::ChaosMesh) => chaos_mesh::import(document),
        Some(Origin::Litmus) => litmus::import(document),
        Some(Origin::Krkn) => krkn::import(document),
        None => vec![beside(document, first)],
    };
    Ok(documents.iter().zip(&origins).flat_map(import).collect())
}

/// A document that is no experiment, in a file that has some.
fn beside(document: &Value, origin: Origin) -> Imported {
    let root = Node::root(document);
    let mut sheet = Sheet::default();
    sheet.not(
        &root,
        format!("{}: not an experiment; a landscape is declared in the product's own file", describe(document)),
    );
    finished(origin, &root, sheet, None)
}

/// The report of a document that was read.
fn finished(origin: Origin, root: &Node, sheet: Sheet, experiment: Option<Experiment>) -> Imported {
    let missing = sheet.missing.clone();
    Imported { origin, name: name_of(root), lines: sheet.finish(root), missing, experiment }
}

/// `metadata.name`, `name` or `title`.
fn name_of(root: &Node) -> String {
    let places: [&[&str]; 4] = [&["metadata", "name"], &["metadata", "generateName"], &["name"], &["title"]];
    let name = places.iter().filter_map(|keys| root.at(keys)?.text()).find(|name| !name.is_empty());
    name.unwrap_or("unnamed").to_string()
}

fn describe(document: &Value) -> String {
    match document {
        Value::Object(members) => match (members.get("kind"), members.get("apiVersion")) {
            (Some(kind), Some(version)) => format!("kind {kind} of {version}"),
            _ => format!("an object with {}", members.keys().take(5).cloned().collect::<Vec<_>>().join(", ")),
        },
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::String(_) => "a text".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => "a single value".into(),
    }
}

/// Without recursion, so that a document of any depth can be asked.
fn deeper_than(document: &Value, max: usize) -> bool {
    let mut open = vec![(document, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > max {
            return true;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => open.extend(members.values().map(|member| (member, depth + 1))),
            _ => (),
        }
    }
    false
}
