//! YAML text to a JSON value, with the line of every node.

use super::problem::Problem;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, ScanError, YamlData};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// Deepest nesting that is read; deeper documents are refused rather than recursed into.
const MAX_DEPTH: usize = 64;

/// Most bytes that aliases may stand for.
const MAX_COPIED: usize = 64 << 20;

/// A document's value and where each node stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Located {
    /// The value.
    pub value: Value,
    /// Line (from 1) by JSON pointer; for a mapping's entry the line of its key.
    lines: BTreeMap<String, usize>,
}

impl Located {
    /// Line of the node at `pointer`, or of its nearest ancestor.
    pub fn line(&self, pointer: &str) -> usize {
        let mut at = pointer;
        loop {
            if let Some(line) = self.lines.get(at) {
                return *line;
            }
            match at.rfind('/') {
                Some(cut) => at = &at[..cut],
                None => return 0,
            }
        }
    }

    /// Takes out the key of a mapping at `pointer`; whether there was one.
    pub fn take(&mut self, pointer: &str) -> bool {
        let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
        let parent = self.value.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.is_some_and(|map| map.remove(&key.replace("~1", "/").replace("~0", "~")).is_some())
    }

    /// Line of a dotted key path such as `phases[2].repeat`.
    pub fn line_of_key(&self, key: &str) -> usize {
        self.line(&pointer_of_key(key))
    }
}

/// `phases[2].repeat` to `/phases/2/repeat`.
fn pointer_of_key(key: &str) -> String {
    let mut out = String::new();
    for part in key.split(['.', '[']).filter(|p| !p.is_empty()) {
        out.push('/');
        out.push_str(&part.trim_end_matches(']').replace('~', "~0").replace('/', "~1"));
    }
    out
}

/// Reads one YAML document.
///
/// # Errors
/// Unparsable text, more than one document, aliases without end, keys that are not text, keys given twice: each with its
/// line.
pub fn parse(file: &str, text: &str) -> Result<Located, Vec<Problem>> {
    match <[Located; 1]>::try_from(parse_all(file, text)?) {
        Ok([only]) => Ok(only),
        Err(all) => {
            let message = format!("{} YAML documents in one file", all.len());
            Err(vec![problem(file, 1, message, "write exactly one document")])
        }
    }
}

fn problem(file: &str, line: usize, message: String, remedy: &str) -> Problem {
    Problem {
        file: file.to_owned(),
        line,
        key: String::new(),
        value: String::new(),
        message,
        remedy: remedy.to_owned(),
    }
}

/// Reads every YAML document of a file.
///
/// # Errors
/// As [`parse`], but for the number of documents.
pub fn parse_all(file: &str, text: &str) -> Result<Vec<Located>, Vec<Problem>> {
    look_ahead(file, text)?;
    let docs = MarkedYaml::load_from_str(text).map_err(|error| vec![unreadable(file, &error)])?;
    let mut all = Vec::new();
    let mut flaws = Vec::new();
    for doc in &docs {
        let mut out = Located::default();
        out.value = walk(doc, "", &mut out.lines, &mut flaws);
        all.push(out);
    }
    if flaws.is_empty() {
        Ok(all)
    } else {
        Err(flaws.into_iter().map(|(line, message, remedy)| problem(file, line, message, remedy)).collect())
    }
}

fn unreadable(file: &str, error: &ScanError) -> Problem {
    let message = format!("not readable as YAML: {} (column {})", error.info(), error.marker().col() + 1);
    problem(file, error.marker().line(), message, "check indentation, quotes and colons of this line")
}

/// Refuses what the reader of documents would recurse into, or copy without end, before it sees it.
fn look_ahead(file: &str, text: &str) -> Result<(), Vec<Problem>> {
    let (mut depth, mut aliases) = (0_usize, 0_usize);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| vec![unreadable(file, &error)])?;
        let (message, remedy) = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                depth += 1;
                if depth <= MAX_DEPTH {
                    continue;
                }
                (format!("nested deeper than {MAX_DEPTH} levels"), "flatten the document")
            }
            Event::SequenceEnd | Event::MappingEnd => {
                depth = depth.saturating_sub(1);
                continue;
            }
            Event::Alias(_) => {
                aliases += 1;
                // Each may stand for nearly the whole text.
                if aliases.saturating_mul(text.len()) <= MAX_COPIED {
                    continue;
                }
                (format!("more than {aliases} aliases in so long a text"), "write the values themselves")
            }
            _ => continue,
        };
        return Err(vec![problem(file, span.start.line(), message, remedy)]);
    }
    Ok(())
}

type Flaw = (usize, String, &'static str);

fn walk(node: &MarkedYaml<'_>, pointer: &str, lines: &mut BTreeMap<String, usize>, flaws: &mut Vec<Flaw>) -> Value {
    let line = node.span.start.line();
    lines.entry(pointer.to_owned()).or_insert(line);
    if pointer.matches('/').count() > MAX_DEPTH {
        flaws.push((line, format!("nested deeper than {MAX_DEPTH} levels"), "flatten the document"));
        return Value::Null;
    }
    match &node.data {
        YamlData::Value(scalar) => scalar_value(scalar),
        YamlData::Sequence(items) => Value::Array(
            items.iter().enumerate().map(|(i, n)| walk(n, &format!("{pointer}/{i}"), lines, flaws)).collect(),
        ),
        YamlData::Mapping(map) => {
            let mut out = Map::new();
            for (key, value) in map {
                let line = key.span.start.line();
                let Some(name) = key_text(key) else {
                    flaws.push((line, "a key that is not text".into(), "write the key as a word or a quoted string"));
                    continue;
                };
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                lines.insert(below.clone(), line);
                let value = walk(value, &below, lines, flaws);
                if out.insert(name.clone(), value).is_some() {
                    flaws.push((line, format!("key `{name}` is given twice"), "keep one of them"));
                }
            }
            Value::Object(out)
        }
        YamlData::Tagged(_, inner) => walk(inner, pointer, lines, flaws),
        YamlData::Alias(_) | YamlData::BadValue | YamlData::Representation(..) => {
            flaws.push((line, "an alias or a value that YAML cannot resolve".into(), "write the value itself"));
            Value::Null
        }
    }
}

fn key_text(key: &MarkedYaml<'_>) -> Option<String> {
    match &key.data {
        YamlData::Value(Scalar::String(s)) => Some(s.to_string()),
        YamlData::Value(Scalar::Integer(i)) => Some(i.to_string()),
        YamlData::Value(Scalar::Boolean(b)) => Some(b.to_string()),
        _ => None,
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(b) => Value::Bool(*b),
        Scalar::Integer(i) => Value::Number((*i).into()),
        // NaN and infinity have no JSON number; as text they fail the schema with their own spelling.
        Scalar::FloatingPoint(f) => Number::from_f64(f.0).map_or_else(|| Value::String(f.0.to_string()), Value::Number),
        Scalar::String(s) => Value::String(s.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_recursed_into_or_copied_without_end_is_refused() {
        let message = |text: &str| parse_all("f", text).expect_err("it is hostile")[0].message.clone();
        assert!(message(&format!("{}x", "- ".repeat(60_000))).contains("nested deeper"));
        // The parser has a limit of its own for these.
        assert!(message(&format!("{}{}", "[".repeat(9_000), "]".repeat(9_000))).contains("recursion"));
        let long = format!("a: &x {}\nb: [{}]\n", "y".repeat(200_000), ["*x"; 2_000].join(", "));
        assert!(message(&long).contains("aliases in so long a text"));
        assert_eq!(parse("f", "a: &x [1]\nb: *x\n").unwrap().value["b"][0], 1);
        assert_eq!(parse_all("f", "a: 1\n---\nb: 2\n").map(|all| all.len()), Ok(2));
    }
}
