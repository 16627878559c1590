//! Takes the text of a series, `name{label="value"}`, apart: done once per series, not once per scrape.

use super::exposition::{Fault, excerpt};
use scorer::signal::Labels;

/// Name and labels of a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesName {
    /// Metric name.
    pub name: String,
    /// Labels without the name.
    pub labels: Labels,
}

/// Reads `name`, `name{a="b",c="d"}` and the quoted form `{"name",a="b"}`.
pub(super) fn parse(series: &str) -> Result<SeriesName, Fault> {
    let bad_labels = || Fault::Labels(excerpt(series));
    let bad_name = || Fault::Name(excerpt(series));
    let (name, body) = series.split_once('{').unwrap_or((series, "}"));
    let mut name = name.trim_end_matches([' ', '\t']).to_owned();
    if !name.is_empty() && !is_metric_name(&name) {
        return Err(bad_name());
    }
    let mut labels = Labels::new();
    let mut rest = body.trim_start_matches([' ', '\t']);
    while rest != "}" {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted).ok_or_else(bad_labels)?,
            None => bare_name(rest).ok_or_else(bad_labels)?,
        };
        rest = after.trim_start_matches([' ', '\t']);
        match rest.strip_prefix('=') {
            Some(after) => {
                let value = after.trim_start_matches([' ', '\t']).strip_prefix('"').ok_or_else(bad_labels)?;
                let (value, after) = unquote(value).ok_or_else(bad_labels)?;
                rest = after.trim_start_matches([' ', '\t']);
                if key.is_empty() || key == "__name__" || labels.insert(key, value).is_some() {
                    return Err(bad_labels());
                }
            }
            None if name.is_empty() && labels.is_empty() => name = key,
            None => return Err(bad_labels()),
        }
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start_matches([' ', '\t']),
            None if rest == "}" => rest,
            None => return Err(bad_labels()),
        };
    }
    if name.is_empty() {
        return Err(bad_name());
    }
    // An empty label is an absent label, in Prometheus and in selectors.
    labels.retain(|_, value| !value.is_empty());
    Ok(SeriesName { name, labels })
}

fn is_metric_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

fn bare_name(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, rest) = text.split_at(end);
    let legal = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    legal.then(|| (name.to_owned(), rest))
}

/// Reads up to the closing quote; `\\`, `\"` and `\n` are escapes, any other backslash stands for itself.
fn unquote(text: &str) -> Option<(String, &str)> {
    let (mut out, mut rest) = (String::new(), text);
    loop {
        let special = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
        out.push_str(&rest[..special]);
        let mut chars = rest[special..].chars();
        if chars.next()? == '"' {
            return Some((out, chars.as_str()));
        }
        match chars.next()? {
            'n' => out.push('\n'),
            escaped @ ('"' | '\\') => out.push(escaped),
            other => out.extend(['\\', other]),
        }
        rest = chars.as_str();
    }
}
