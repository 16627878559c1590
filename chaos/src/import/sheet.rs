//! Where each key of a source document went: the lines of the report.
//!
//! Invariant: after `finish` every leaf of the source has a line of its own or one of an ancestor.

use super::node::Node;
use super::{Fit, Line};
use crate::fault::CATALOGUE;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Words in a key whose value is nobody's business.
const SECRET: [&str; 7] = ["password", "passwd", "token", "secret", "authorization", "credential", "apikey"];
/// Starts the reason of a key whose fault is left out; another line of the same key outweighs it.
pub(super) const GOES_WITH: &str = "goes with ";
/// Keys that name what stands next to them, and the keys that hold it.
const NAMES: [&str; 2] = ["name", "key"];
const VALUES: [&str; 2] = ["value", "default"];
const HIDDEN: &str = "(hidden)";

/// Lines under construction.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    lines: Vec<Line>,
    /// Faults that this build does not have, as documents.
    pub missing: Vec<Value>,
}

impl Sheet {
    /// The key maps as it is.
    pub fn exact(&mut self, node: &Node, becomes: &str) {
        self.line(node, Fit::Exact, Some(becomes));
    }

    /// The key says nothing about the effect, and nothing is lost without it.
    pub fn plain(&mut self, node: &Node) {
        self.line(node, Fit::Exact, None);
    }

    /// The key maps, but not fully.
    pub fn caveat(&mut self, node: &Node, becomes: Option<&str>, why: impl Into<String>) {
        self.line(node, Fit::Caveat(why.into()), becomes);
    }

    /// The key does not map.
    pub fn not(&mut self, node: &Node, why: impl Into<String>) {
        self.line(node, Fit::Not { why: why.into() }, None);
    }

    /// The key asks for a fault of that kind; what stands below it has lines of its own.
    pub fn fault(&mut self, node: &Node, kind: &str, caveat: Option<String>) {
        self.line(node, caveat.map_or(Fit::Exact, Fit::Caveat), Some(kind));
    }

    pub fn line(&mut self, node: &Node, fit: Fit, becomes: Option<&str>) {
        let value = shown(node, is_secret(&node.path));
        let line = Line { key: node.path.clone(), value, fit, becomes: becomes.map(str::to_string) };
        self.lines.push(line);
    }

    /// Adds a line for each leaf that has none, and puts all into the order of the document.
    pub fn finish(mut self, root: &Node) -> Vec<Line> {
        let mut spoken = Spoken::new();
        for line in &self.lines {
            // A key that became a fault may hold keys that did not: those need lines of their own.
            *spoken.entry(line.key.clone()).or_insert(false) |= !is_fault(line);
        }
        let mut order = BTreeMap::new();
        self.rest(root, &spoken, (false, false), &mut order);
        // What was read may have been substituted before; the report shows what the file says.
        for line in &mut self.lines {
            if let Some((_, value)) = order.get(&line.key) {
                line.value.clone_from(value);
            }
        }
        let follows = |line: &Line| matches!(&line.fit, Fit::Not { why } if why.starts_with(GOES_WITH));
        let told: BTreeSet<String> = self.lines.iter().filter(|l| !follows(l)).map(|line| line.key.clone()).collect();
        self.lines.retain(|line| !(follows(line) && told.contains(&line.key)));
        let mut seen = BTreeSet::new();
        self.lines.retain(|line| seen.insert((line.key.clone(), format!("{:?} {:?}", line.fit, line.becomes))));
        self.lines.sort_by_key(|line| order.get(&line.key).map_or(usize::MAX, |(n, _)| *n));
        self.lines
    }

    fn rest(&mut self, node: &Node, spoken: &Spoken, (covered, hidden): (bool, bool), order: &mut Order) {
        let told = spoken.get(&node.path);
        let children = node.children();
        if told.is_some() || children.is_empty() {
            order.insert(node.path.clone(), (order.len(), shown(node, hidden)));
        }
        let covered = covered || told == Some(&true);
        if children.is_empty() && !covered && told.is_none() {
            match node.says_nothing() {
                true => self.plain(node),
                false => self.not(node, "this importer does not know the key at this place"),
            }
        }
        for (key, child) in node.members() {
            self.rest(&child, spoken, (covered, hidden || hides(node.value, key)), order);
        }
        for item in node.items() {
            self.rest(&item, spoken, (covered, hidden), order);
        }
    }
}

/// Place of each key in the document, and its value as it is shown.
type Order = BTreeMap<String, (usize, String)>;

/// Keys that have a line, and whether it also speaks for what is below.
type Spoken = BTreeMap<String, bool>;

fn is_fault(line: &Line) -> bool {
    CATALOGUE.iter().any(|declaration| line.becomes.as_deref() == Some(declaration.kind))
}

fn shown(node: &Node, hidden: bool) -> String {
    match (hidden, node.value) {
        (true, _) if !node.says_nothing() => HIDDEN.into(),
        (_, Value::String(text)) => text.clone(),
        (_, value) => redacted(value).to_string(),
    }
}

/// Whether a key, or the last key of a path, names a secret.
fn is_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key).to_ascii_lowercase();
    SECRET.iter().any(|word| last.contains(word))
}

/// Whether a member of an object holds a secret: by its own key, or by the name that stands next to it, as in
/// `{name: DB_PASSWORD, value: …}`.
fn hides(holder: &Value, key: &str) -> bool {
    let named = |name: &&str| holder.get(name).and_then(Value::as_str).is_some_and(is_secret);
    is_secret(key) || (VALUES.contains(&key) && NAMES.iter().any(named))
}

fn redacted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::Object(members) => {
            let member = |(key, inner): (&String, &Value)| {
                let hide = hides(value, key) && !inner.is_null();
                (key.clone(), if hide { HIDDEN.into() } else { redacted(inner) })
            };
            members.iter().map(member).collect()
        }
        scalar => scalar.clone(),
    }
}
