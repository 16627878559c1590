//! A Compose file as a sketch. What cannot be mapped is told, never dropped.

mod command;
mod environment;
mod health;
mod ports;
mod service;

use super::sketch::{Flags, LANDSCAPE, Sketch};
use super::substitute::{Unset, substitute};
use crate::documents::yaml::{self, Located};
use crate::documents::{Problem, Problems};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Keys at the top of the file that say nothing about a product.
const SILENT: [&str; 3] = ["version", "name", "services"];

/// A Compose file that was read: its values with variables filled in.
struct Source<'a> {
    file: &'a str,
    located: Located,
    /// Looks up a variable of the environment or of `.env`.
    value: &'a dyn Fn(&str) -> Option<String>,
}

impl Source<'_> {
    fn problem(&self, key: &str, value: &str, message: String, remedy: String) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: self.located.line_of_key(key),
            key: key.to_owned(),
            value: value.to_owned(),
            message,
            remedy,
        }
    }
}

/// Reads the text of a Compose file; `value` looks variables up, `flags` win over the file.
///
/// # Errors
/// Text that is no Compose file, services without a command, and flags that cannot be used: all at once.
pub fn read(file: &str, text: &str, value: &dyn Fn(&str) -> Option<String>, flags: &Flags) -> Result<Sketch, Problems> {
    let mut located = yaml::parse(file, text).map_err(Problems)?;
    let mut unset = Unset::default();
    located.value = filled(&located.value, value, &mut unset);
    let source = Source { file, located, value };
    let Some(services) = source.located.value.get("services").and_then(Value::as_object).filter(|s| !s.is_empty())
    else {
        let problem = source.problem(
            "services",
            "",
            "is missing or empty".into(),
            "give a Compose file with `services:`, or describe the components with --component".into(),
        );
        return Err(Problems(vec![problem]));
    };
    let mut problems: Vec<Problem> = unset
        .demanded
        .iter()
        .map(|(name, why)| Problem {
            file: file.to_owned(),
            line: 0,
            key: format!("${{{name}}}"),
            value: String::new(),
            message: format!("is demanded and not set: {why}"),
            remedy: format!("run again with {name}=... in front of the command"),
        })
        .collect();
    let mut sketch = Sketch {
        product: flags.product.clone().unwrap_or_else(|| name_of(file, &source.located.value)),
        landscape: flags.landscape.clone().unwrap_or_else(|| LANDSCAPE.into()),
        parts: vec![],
        notes: top_notes(&source.located.value, &unset),
    };
    service::parts(&source, services, flags, (&mut sketch, &mut problems));
    problems.extend(flags.apply(&mut sketch));
    problems.extend(without_command(&source, &sketch));
    problems.extend(sketch.problems());
    Problems(problems).or(sketch)
}

/// Services whose program nobody knows: an image brings its own, a local landscape cannot run it.
fn without_command(source: &Source<'_>, sketch: &Sketch) -> Vec<Problem> {
    let missing = sketch.parts.iter().filter(|part| part.command.is_empty());
    missing
        .map(|part| {
            let key = format!("services.{}", part.name);
            let image = source.located.value.pointer(&format!("/services/{}/image", part.name)).and_then(Value::as_str);
            let why = image.map_or_else(String::new, |image| format!(" (its image {image} brings one)"));
            source.problem(
                &key,
                "",
                format!("has no command{why}; a local landscape runs programs, not images"),
                format!(
                    "give it: --component '{name}=PROGRAM ARGUMENTS {{port}}', or leave it out: --without {name}",
                    name = part.name
                ),
            )
        })
        .collect()
}

/// The value with variables filled in and merge keys (`<<`) resolved.
fn filled(value: &Value, look: &dyn Fn(&str) -> Option<String>, unset: &mut Unset) -> Value {
    match value {
        Value::String(text) => Value::String(substitute(text, look, unset)),
        Value::Array(items) => items.iter().map(|item| filled(item, look, unset)).collect(),
        Value::Object(map) => {
            let mut out = Map::new();
            let merged: Vec<&Value> = match map.get("<<") {
                Some(Value::Array(list)) => list.iter().collect(),
                Some(one) => vec![one],
                None => vec![],
            };
            // The first of several merged maps wins, and the map's own keys win over all.
            for below in merged.into_iter().rev().filter_map(Value::as_object) {
                out.extend(below.iter().map(|(k, v)| (k.clone(), filled(v, look, unset))));
            }
            out.extend(map.iter().filter(|(k, _)| *k != "<<").map(|(k, v)| (k.clone(), filled(v, look, unset))));
            Value::Object(out)
        }
        other => other.clone(),
    }
}

/// `name:` of the file, else the name of its folder, as a name of a product.
fn name_of(file: &str, value: &Value) -> String {
    let named = value.get("name").and_then(Value::as_str).map(str::to_owned);
    let folder = || {
        let path = Path::new(file);
        let folder = path.canonicalize().ok()?.parent()?.file_name()?.to_string_lossy().into_owned();
        Some(folder)
    };
    let name = named.or_else(folder).unwrap_or_default().to_lowercase();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name.to_owned() } else { format!("product-{name}") }
}

fn top_notes(value: &Value, unset: &Unset) -> Vec<String> {
    let mut notes: Vec<String> = unset
        .empty
        .iter()
        .map(|name| format!("variable {name} is not set: written as nothing, as Compose does"))
        .collect();
    if !unset.taken.is_empty() {
        let names = unset.taken.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        notes.push(format!(
            "values of {names} are now in the documents as they are; remove secrets before you share the repositories"
        ));
    }
    let ignored: Vec<&str> = value
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .filter(|key| !SILENT.contains(key) && !key.starts_with("x-"))
        .collect();
    if !ignored.is_empty() {
        notes.push(format!("not mapped at the top of the file: {}", ignored.join(", ")));
    }
    notes
}

/// Lines `NAME=VALUE` of a `.env` file; comments and quotes as Compose reads them.
pub fn dot_env(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let line = line.trim().trim_start_matches("export ");
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let value = value.trim();
        let quoted = |q: char| value.len() >= 2 && value.starts_with(q) && value.ends_with(q);
        let value = match value {
            v if quoted('"') || quoted('\'') => &v[1..v.len() - 1],
            v => v.split(" #").next().unwrap_or_default().trim_end(),
        };
        Some((name.trim().to_owned(), value.to_owned()))
    };
    text.lines().filter_map(pair).collect()
}
