//! JSON Schema violations in the words of the document's author: key, value, remedy.

use super::problem::Problem;
use super::yaml::Located;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

/// Longest value that an error quotes.
const QUOTE_MAX: usize = 60;

/// A place where a document violates its schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// JSON pointer of the node.
    pub pointer: String,
    /// How.
    pub flaw: Flaw,
    /// What is wrong there.
    pub problem: Problem,
}

/// How a node violates a schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Flaw {
    /// The schema does not know its key.
    UnknownKey {
        /// The key that was probably meant.
        near: Option<String>,
    },
    /// A key is missing in it.
    MissingKey,
    /// It has a wrong value.
    Value,
}

/// All violations of `schema` in `located`, in the order of the text.
pub fn violations(file: &str, schema: &Value, located: &Located) -> Vec<Violation> {
    let validator = jsonschema::validator_for(schema).expect("a schema derived from a type is valid");
    let mut out: Vec<Violation> = Vec::new();
    for error in validator.iter_errors(&located.value) {
        explain(file, schema, located, &error, &mut out);
    }
    out.sort_by_key(|violation| violation.problem.line);
    out.dedup();
    out
}

fn explain(file: &str, schema: &Value, located: &Located, error: &ValidationError<'_>, out: &mut Vec<Violation>) {
    let pointer = error.instance_path().as_str().to_owned();
    let node = resolve(schema, error.schema_path().as_str());
    let mut told = |pointer: &str, flaw: Flaw, (value, message, remedy): (String, String, String)| {
        let (file, line, key) = (file.to_owned(), located.line(pointer), key_of_pointer(pointer));
        let problem = Problem { file, line, key, value, message, remedy };
        out.push(Violation { pointer: pointer.to_owned(), flaw, problem });
    };
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = known_keys(schema, error.schema_path().as_str());
            for name in unexpected {
                let near = known.iter().find(|k| close(k, name)).cloned();
                let remedy = match &near {
                    Some(k) => format!("did you mean `{k}`?"),
                    None => format!("known: {}", known.join(", ")),
                };
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                told(&below, Flaw::UnknownKey { near }, (String::new(), "unknown key".into(), remedy));
            }
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            let remedy = format!("add `{name}:`{}", describe_property(schema, error.schema_path().as_str(), &name));
            told(&pointer, Flaw::MissingKey, (String::new(), format!("missing key `{name}`"), remedy));
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            // Report the branch that the author meant: the one whose tag, or only key, fits, else the one with the fewest
            // complaints.
            let fits = |b: &&Vec<ValidationError<'static>>| {
                !b.iter().any(|e| matches!(e.kind(), Kind::Constant { .. } | Kind::Enum { .. }) || is_null_type(e))
            };
            let fitting: Vec<_> = context.iter().filter(fits).collect();
            let best = match fitting.as_slice() {
                [one] => Some(*one),
                several => several.iter().copied().filter(|b| !has_other_key(b, &pointer)).min_by_key(|b| b.len()),
            };
            match best {
                Some(branch) => branch.iter().for_each(|e| explain(file, schema, located, e, out)),
                None => {
                    let found = (quote(error.instance()), "not one of the allowed forms".into(), tags(context));
                    told(&pointer, Flaw::Value, found);
                }
            }
        }
        kind => {
            let (message, remedy) = in_words(kind, node, error);
            told(&pointer, Flaw::Value, (quote(error.instance()), message, remedy));
        }
    }
}

/// What is wrong with a value, and the remedy.
fn in_words(kind: &Kind, node: Option<&Value>, error: &ValidationError<'_>) -> (String, String) {
    match kind {
        Kind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            ("not known".into(), format!("known: {}", options.join(", ")))
        }
        Kind::Constant { expected_value } => {
            ("not the value that belongs here".into(), format!("write {}", plain(expected_value)))
        }
        Kind::Pattern { .. } | Kind::Format { .. } => ("not readable".into(), description(node)),
        Kind::Type { .. } => ("has the wrong type".into(), wanted_type(node, error)),
        _ => (error.to_string(), description(node)),
    }
}

fn is_null_type(e: &ValidationError<'_>) -> bool {
    matches!(e.kind(), Kind::Type { .. })
        && e.schema_path().as_str().ends_with("/1/type")
        && e.to_string().contains("\"null\"")
}

/// Whether a branch wants another key here than the one that is written.
fn has_other_key(branch: &[ValidationError<'static>], pointer: &str) -> bool {
    let mut here = branch.iter().filter(|e| e.instance_path().as_str() == pointer).map(ValidationError::kind);
    here.clone().any(|kind| matches!(kind, Kind::Required { .. }))
        && here.any(|kind| matches!(kind, Kind::AdditionalProperties { .. }))
}

fn tags(context: &[Vec<ValidationError<'static>>]) -> String {
    let mut known: Vec<String> = context
        .iter()
        .flatten()
        .filter_map(|e| match e.kind() {
            Kind::Constant { expected_value } => Some(plain(expected_value)),
            Kind::Enum { options } => options.as_array().map(|a| a.iter().map(plain).collect::<Vec<_>>().join(", ")),
            _ => None,
        })
        .collect();
    if known.is_empty() {
        let wanted = context.iter().flatten().filter_map(|e| match e.kind() {
            Kind::Required { property } => property.as_str().map(str::to_owned),
            _ => None,
        });
        known.extend(wanted);
    }
    known.dedup();
    if known.is_empty() {
        "see the schema for the allowed forms".into()
    } else {
        format!("known: {}", known.join(", "))
    }
}

/// The schema node that holds the violated keyword, following `$ref`.
fn resolve<'a>(schema: &'a Value, keyword_path: &str) -> Option<&'a Value> {
    let parts: Vec<&str> = keyword_path.split('/').skip(1).collect();
    let mut node = schema;
    for part in &parts[..parts.len().saturating_sub(1)] {
        node = if *part == "$ref" { deref(schema, node)? } else { step(node, part)? };
    }
    deref(schema, node)
}

fn step<'a>(node: &'a Value, part: &str) -> Option<&'a Value> {
    match node {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => node.get(part.replace("~1", "/").replace("~0", "~")),
    }
}

fn deref<'a>(schema: &'a Value, node: &'a Value) -> Option<&'a Value> {
    match node.get("$ref").and_then(Value::as_str) {
        Some(target) => schema.pointer(target.trim_start_matches('#')),
        None => Some(node),
    }
}

fn known_keys(schema: &Value, keyword_path: &str) -> Vec<String> {
    let node = resolve(schema, keyword_path);
    node.and_then(|n| n.get("properties"))
        .and_then(Value::as_object)
        .map(|m| m.keys().cloned().collect())
        .unwrap_or_default()
}

fn describe_property(schema: &Value, keyword_path: &str, name: &str) -> String {
    let node = resolve(schema, keyword_path)
        .and_then(|n| n.get("properties"))
        .and_then(|p| p.get(name))
        .and_then(|n| deref(schema, n));
    match description(node) {
        text if text.is_empty() => text,
        text => format!(" ({text})"),
    }
}

fn description(node: Option<&Value>) -> String {
    let text = node.and_then(|n| n.get("description")).and_then(Value::as_str).unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ").trim_end_matches('.').to_owned()
}

fn wanted_type(node: Option<&Value>, error: &ValidationError<'_>) -> String {
    let text = description(node);
    if node.and_then(|n| n.get("pattern")).is_some() && !text.is_empty() {
        return text;
    }
    match node.and_then(|n| n.get("type")) {
        Some(Value::String(kind))
            if kind == "string" && (error.instance().is_number() || error.instance().is_boolean()) =>
        {
            format!("write it in quotes: \"{}\"", plain(error.instance()))
        }
        Some(Value::String(kind)) => format!("write {}", article(kind)),
        Some(Value::Array(kinds)) => {
            format!("write {}", kinds.iter().filter_map(Value::as_str).map(article).collect::<Vec<_>>().join(" or "))
        }
        _ => text,
    }
}

fn article(kind: &str) -> &str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping with keys",
        other => other,
    }
}

/// `/phases/2/repeat` to `phases[2].repeat`.
fn key_of_pointer(pointer: &str) -> String {
    let mut out = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            out.push_str(&format!("[{part}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    out
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn quote(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= QUOTE_MAX { text } else { text.chars().take(QUOTE_MAX).chain(['…']).collect() }
}

/// At most two edits apart (Levenshtein), for "did you mean".
fn close(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut last = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = last + usize::from(ca != cb);
            last = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()] <= 2 && row[b.len()] < a.len().min(b.len())
}
