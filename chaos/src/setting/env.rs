//! Lines `KEY=VALUE`, with `export` before the key or without, the value between quotes or not.
//!
//! Comments, `export` and quotes are read as shells do. What could make another reader take other lines for entries is
//! refused, with the number of the line and never with its text, which may be a secret.

use super::key::{KeyPath, Part};
use super::scalar::Scalar;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::Range;

/// What makes a value more than itself outside quotes, to some reader of such files or other.
const SPECIAL: [char; 8] = ['"', '\'', '\\', '$', '`', '#', ';', '&'];
/// What quotes to some reader or other.
const QUOTES: [char; 3] = ['"', '\'', '`'];
const BLANKS: [char; 2] = [' ', '\t'];

/// A key with the place of its value, without its quotes.
type Entry<'t> = (&'t str, Range<usize>);

/// The entries in order.
fn entries(text: &str) -> Result<Vec<Entry<'_>>, String> {
    let (mut all, mut known, mut at) = (Vec::new(), BTreeSet::new(), 0);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let told = |why: &str| format!("line {number}: {why}");
        if let Some((name, place)) = entry(line).map_err(told)? {
            if !known.insert(name) {
                return Err(told(&format!("key `{name}` is given twice; remove one of the lines")));
            }
            all.push((name, at + place.start..at + place.end));
        }
        at += line.len();
    }
    Ok(all)
}

/// The entry of a line; none of an empty one and of a comment.
fn entry(line: &str) -> Result<Option<Entry<'_>>, &'static str> {
    let shown = line.trim_end_matches(['\n', '\r']);
    let assignment = shown.trim_matches(BLANKS);
    if assignment.is_empty() || assignment.starts_with('#') {
        return Ok(None);
    }
    let assignment = assignment.strip_prefix("export").filter(|rest| rest.starts_with(BLANKS)).unwrap_or(assignment);
    let is_name = |name: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        name.chars().all(legal) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    let split = assignment.split_once('=').map(|(name, value)| (name.trim_matches(BLANKS), value));
    let Some((name, value)) = split.filter(|(name, value)| is_name(name) && !is_padding(name, value)) else {
        return Err("is no KEY=VALUE; write one entry a line, an empty value as KEY=\"\"");
    };
    // Blanks at the end of the line were cut off, and none before the value.
    let begin = shown.trim_end_matches(BLANKS).len() - value.len();
    let place = inner(value)?;
    Ok(Some((name, begin + place.start..begin + place.end)))
}

/// Whether this is more likely the end of a base64 text over several lines than a key: nobody is to be told it.
fn is_padding(name: &str, value: &str) -> bool {
    let is_mixed = name.contains(|c: char| c.is_ascii_lowercase()) && name.contains(|c: char| c.is_ascii_uppercase());
    value == "=" || value.is_empty() && is_mixed
}

/// Where in what follows the sign the value itself stands.
fn inner(value: &str) -> Result<Range<usize>, &'static str> {
    let blank = value.len() - value.trim_start_matches(BLANKS).len();
    let shown = &value[blank..];
    let Some(quote) = shown.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        let length = bare(shown)?;
        // An empty value stands right behind the sign, so that what follows stays apart from a new one.
        return Ok(if length == 0 { 0..0 } else { blank..blank + length });
    };
    let length = shown[1..].find(quote).ok_or("a quote is not closed on its line; write the value on one line")?;
    let quoted = &shown[1..=length];
    if quote == '"' && quoted.contains('\\') || quoted.ends_with('\\') {
        return Err("a backslash between quotes, which readers differ about; write the value without it");
    }
    let behind = shown[length + 2..].trim_start_matches(BLANKS);
    if !behind.is_empty() && !behind.starts_with('#') {
        return Err("something follows the closing quote; write one pair of quotes around the whole value");
    }
    Ok(blank + 1..blank + 1 + length)
}

/// Length of a value without quotes around it, up to its comment.
fn bare(shown: &str) -> Result<usize, &'static str> {
    let is_comment = |at: &usize| *at == 0 || shown[..*at].ends_with(BLANKS);
    let comment = shown.match_indices('#').map(|(at, _)| at).find(is_comment).unwrap_or(shown.len());
    let value = shown[..comment].trim_end_matches(BLANKS);
    if QUOTES.iter().any(|quote| value.matches(*quote).count() % 2 == 1) {
        return Err("a quote within a value is not closed; write quotes around the whole value");
    }
    if value.ends_with('\\') || BLANKS.iter().any(|blank| value.contains(&format!("\\{blank}"))) {
        return Err("a backslash before a blank or the end of the line; write quotes around the value instead");
    }
    Ok(value.len())
}

/// The keys with their values; what is wrong says the line, and no value.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let value = |(name, place): Entry<'_>| (name.to_owned(), Value::from(&text[place]));
    Ok(Value::Object(entries(text)?.into_iter().map(value).collect::<Map<_, _>>()))
}

pub(super) fn find(text: &str, key: &KeyPath) -> Option<Range<usize>> {
    let [Part::Name(wanted)] = key.parts() else { return None };
    entries(text).ok()?.into_iter().find(|(name, _)| name == wanted).map(|(_, place)| place)
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
