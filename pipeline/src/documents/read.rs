//! Reading one document: text, positions, schema, value.

use super::problem::{Complaint, Problem, Problems};
use super::schema::{self, Flaw, Violation};
use super::yaml;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Largest document that is read.
const MAX_BYTES: u64 = 4 << 20;

/// A value and the text it came from.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// The value.
    pub value: T,
    /// File as the person named it.
    pub file: String,
    located: yaml::Located,
    /// What was left out of the value; empty in a document that can be used.
    without: Vec<Gap>,
}

impl<T> Document<T> {
    /// Gives complaints of the document's own rules their file and line. Nothing is said of what may only follow from
    /// what was left out of the value: that is told already.
    pub fn place(&self, complaints: impl IntoIterator<Item = Complaint>) -> Problems {
        let place = |c: Complaint| Problem {
            file: self.file.clone(),
            line: self.located.line_of_key(&c.key),
            key: c.key,
            value: c.value,
            message: c.message,
            remedy: c.remedy,
        };
        let stands = |c: &Complaint| !self.without.iter().any(|gap| gap.silences(&c.key));
        Problems(complaints.into_iter().filter(stands).map(place).collect())
    }

    /// The value as JSON, for digests: keys sorted, comments and layout gone.
    pub fn json(&self) -> &serde_json::Value {
        &self.located.value
    }
}

/// A node that violates the schema and was left out of the value.
#[derive(Clone, Debug)]
struct Gap {
    key: String,
    /// The key that was probably meant.
    near: Option<String>,
}

impl Gap {
    /// Whether a complaint about `key` may follow from what is missing here: within the same entry of the document
    /// (`phases[2]`); for a key of the document itself, where its name or the one that was meant is spoken of.
    fn silences(&self, key: &str) -> bool {
        let names = || key.split(['.', '[']);
        match self.key.split_once('.') {
            Some((entry, _)) => key.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            None => names().any(|name| name == self.key || Some(name) == self.near.as_deref()),
        }
    }
}

/// Reads `text`, which came from `file`; `rules` are the document's own.
///
/// # Errors
/// Every problem that YAML, the schema, the types or the rules find.
pub fn read_text<T: DeserializeOwned + JsonSchema>(
    file: &str,
    text: &str,
    rules: impl FnOnce(&T) -> Vec<Complaint>,
) -> Result<Document<T>, Problems> {
    let (document, mut problems) = salvage::<T>(file, text);
    if let Some(document) = &document {
        problems.0.extend(document.place(rules(&document.value)).0);
    }
    match document {
        Some(document) if problems.0.is_empty() => Ok(document),
        _ => Err(problems),
    }
}

/// Reads what can be read of `text` although it violates its schema, so that its own rules can be asked as well: all
/// problems are told at once. Without problems the document is whole; with any it must not be used.
pub fn salvage<T: DeserializeOwned + JsonSchema>(file: &str, text: &str) -> (Option<Document<T>>, Problems) {
    let mut located = match yaml::parse(file, text) {
        Ok(located) => located,
        Err(problems) => return (None, Problems(problems)),
    };
    let schema = schemars::schema_for!(T).to_value();
    let violations = schema::violations(file, &schema, &located);
    let without: Option<Vec<Gap>> = violations.iter().map(|violation| left_out(&mut located, violation)).collect();
    let mut problems: Vec<Problem> = violations.into_iter().map(|violation| violation.problem).collect();
    let Some(without) = without else { return (None, Problems(problems)) };
    let value = serde_json::from_value(located.value.clone());
    match value {
        Ok(value) => (Some(Document { value, file: file.to_owned(), located, without }), Problems(problems)),
        // What was left out may be wanted; that it is wrong is told already.
        Err(_) if !problems.is_empty() => (None, Problems(problems)),
        Err(error) => {
            problems.push(Problem {
                file: file.to_owned(),
                line: 1,
                key: String::new(),
                value: String::new(),
                message: error.to_string(),
                remedy: "compare with `mettle schema`".into(),
            });
            (None, Problems(problems))
        }
    }
}

/// Takes the violating node out, if it is one key of a mapping: an entry of a list would change the keys behind it, and
/// of a larger part too much else speaks.
fn left_out(located: &mut yaml::Located, violation: &Violation) -> Option<Gap> {
    let Violation { pointer, flaw, problem } = violation;
    let gap = |near: &Option<String>| Gap { key: problem.key.clone(), near: near.clone() };
    match (flaw, located.value.pointer(pointer)) {
        (Flaw::UnknownKey { near }, _) => located.take(pointer).then(|| gap(near)),
        // It violates the schema twice, and is out already.
        (Flaw::Value, None) => Some(gap(&None)),
        (Flaw::Value, Some(node)) if !node.is_array() && !node.is_object() => located.take(pointer).then(|| gap(&None)),
        (Flaw::Value | Flaw::MissingKey, _) => None,
    }
}

/// Reads the document at `path`; `rules` are the document's own.
///
/// # Errors
/// As [`read_text`], and a file that is missing, too large or not UTF-8.
pub fn read_file<T: DeserializeOwned + JsonSchema>(
    path: &Path,
    rules: impl FnOnce(&T) -> Vec<Complaint>,
) -> Result<Document<T>, Problems> {
    let file = path.display().to_string();
    let flaw = |message: String, remedy: &str| {
        Problems(vec![Problem {
            file: file.clone(),
            line: 0,
            key: String::new(),
            value: String::new(),
            message,
            remedy: remedy.into(),
        }])
    };
    let size = std::fs::metadata(path)
        .map_err(|e| flaw(format!("cannot be read: {e}"), "check the path and its permissions"))?
        .len();
    if size > MAX_BYTES {
        return Err(flaw(format!("has {size} bytes, at most {MAX_BYTES} are read"), "split it"));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| flaw(format!("cannot be read as UTF-8 text: {e}"), "save the file as UTF-8"))?;
    read_text(&file, &text, rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::landscape::Landscape;

    const LANDSCAPE: &str = r#"
apiVersion: mettle/v1
kind: Landscape
metadata: {name: staging, product: shop, tier: staging}
clusters:
  - {name: here, backend: local}
deployer: {kind: local}
stagingTriggers:
  - {bump: minr}
  - {every: "no cron line"}
polcy: {kpi: 85}
policy: {kpi: "high"}
"#;

    fn told(text: &str) -> Vec<(usize, String)> {
        let problems = read_text("landscape.yaml", text, Landscape::complaints).expect_err("it is wrong");
        problems.0.into_iter().map(|problem| (problem.line, problem.key)).collect()
    }

    #[test]
    fn what_the_schema_and_what_the_rules_object_to_is_told_at_once() {
        let told = told(LANDSCAPE);
        let schema = [(9, "stagingTriggers[0].bump"), (11, "polcy"), (12, "policy.kpi")];
        for (line, key) in schema.into_iter().chain([(6, "clusters[0].processes"), (10, "stagingTriggers[1].every")]) {
            assert!(told.iter().any(|(l, k)| (*l, k.as_str()) == (line, key)), "{key} in {told:?}");
        }
        assert!(
            !told.iter().any(|(_, key)| key == "stagingTriggers[0]"),
            "nothing follows from what is left out: {told:?}"
        );
    }

    #[test]
    fn a_misspelt_key_is_one_problem() {
        let rest = LANDSCAPE.replace("polcy: {kpi: 85}\npolicy: {kpi: \"high\"}\n", "");
        let rest = rest.replace("minr", "minor").replace("no cron line", "0 2 * * *");
        let text = rest.replace("backend: local}", "backend: local, proceses: processes.yaml}");
        assert_eq!(told(&text), [(6, "clusters[0].proceses".to_owned())]);
        let text = rest.replace(
            "backend: local}",
            "backend: local, processes: p, extra: 1}\n  - {name: there, backend: local, processes: p}",
        );
        let two = told(&text);
        assert!(two.iter().any(|(_, key)| key == "clusters"), "two clusters are one too many all the same: {two:?}");
    }

    #[test]
    fn what_is_missing_leaves_nothing_to_ask_the_rules_about() {
        let text = LANDSCAPE.replace("metadata: {name: staging, product: shop, tier: staging}\n", "");
        assert!(told(&text).iter().all(|(_, key)| key != "clusters[0].processes"));
        let text = LANDSCAPE.replace("  - {name: here, backend: local}", "  - here");
        assert!(told(&text).iter().any(|(_, key)| key == "clusters[0]"));
    }
}
