//! Lines `KEY=VALUE`, with `export` before the key or without, the value between quotes or not.

use super::key::{KeyPath, Part};
use super::scalar::Scalar;
use serde_json::{Map, Value};
use std::ops::Range;

/// What makes a value more than itself outside quotes, to some reader of such files or other.
const SPECIAL: [char; 8] = ['"', '\'', '\\', '$', '`', '#', ';', '&'];

/// Each key with the place of its value, without its quotes.
fn lines(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let assignment = line.trim_start();
        let assignment = assignment.strip_prefix("export ").unwrap_or(assignment);
        let (name, value) = assignment.split_once('=')?;
        let name = name.trim();
        if name.starts_with('#') || name.is_empty() {
            return None;
        }
        let begin = start + line.len() - value.len();
        let place = inner(value);
        Some((name, begin + place.start..begin + place.end))
    })
}

/// Where in what follows the sign the value itself stands.
fn inner(value: &str) -> Range<usize> {
    let blank = value.len() - value.trim_start_matches([' ', '\t']).len();
    let shown = value[blank..].trim_end();
    let quote = shown.chars().next().filter(|first| matches!(first, '"' | '\''));
    let closed = quote.and_then(|quote| shown[1..].find(quote));
    match closed {
        Some(length) => blank + 1..blank + 1 + length,
        None => {
            let comment = shown.find(" #").unwrap_or(shown.len());
            blank..blank + shown[..comment].trim_end().len()
        }
    }
}

/// The last of several lines with one key counts.
pub(super) fn read(text: &str) -> Value {
    let entry = |(name, place): (&str, Range<usize>)| (name.to_owned(), Value::from(&text[place]));
    Value::Object(lines(text).map(entry).collect::<Map<_, _>>())
}

pub(super) fn find(text: &str, key: &KeyPath) -> Option<Range<usize>> {
    let [Part::Name(wanted)] = key.parts() else { return None };
    lines(text).filter(|(name, _)| name == wanted).last().map(|(_, place)| place)
}

/// Written so that every reader of such files reads the same; the quotes around it stay.
pub(super) fn write(before: &str, value: &Scalar) -> Result<String, &'static str> {
    let plain = value.plain();
    let is_quoted = before.ends_with(['"', '\'']);
    let is_special = |c: char| SPECIAL.contains(&c) || c.is_control() || c.is_whitespace() && !is_quoted;
    if plain.contains(is_special) {
        return Err("readers of such files differ in what quotes, \\ $ ` # ; & and spaces without quotes mean");
    }
    Ok(plain)
}
