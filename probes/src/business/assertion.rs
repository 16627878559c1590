//! Assertions in Hurl's words: `jsonpath "$.items" count > 0`, `header "Location" not exists`.

use super::answer::Answer;
use super::template::{NoValue, Values};
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

/// What a reader should have written.
pub(super) const WORDS: &str = "write QUERY [count] [not] PREDICATE, for instance `status == 200`, \
    `jsonpath \"$.id\" isInteger`, `header \"Content-Type\" contains \"json\"`; queries: status, duration, body, \
    header, cookie, jsonpath, regex; predicates: ==, !=, >, >=, <, <=, contains, startsWith, endsWith, matches, \
    exists, isEmpty, isInteger, isFloat, isNumber, isBoolean, isString, isCollection";

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Status,
    Duration,
    Body,
    Header(String),
    Cookie(String),
    JsonPath(Box<JsonPath>),
    Regex(Regex),
}

/// What is done to a value before it is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Filter {
    Count,
}

/// A query on an answer.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) source: Source,
    pub(super) filter: Option<Filter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Holds,
    HoldsNot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Exists,
    Empty,
    Integer,
    Float,
    Number,
    Boolean,
    String,
    Collection,
}

#[derive(Clone, Debug)]
enum Predicate {
    Compare(Comparison, Value),
    Matches(Regex),
    Is(Shape),
}

/// One assertion.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub(super) text: String,
    query: Query,
    expect: Expect,
    predicate: Predicate,
}

/// An assertion that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The answer came too late.
    Late(String),
    /// The answer is not what it should be.
    Wrong(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Bare(String),
    Quoted(String),
}

impl Query {
    /// Reads a query alone, as captures have it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let (query, rest) = query(&words)?;
        if rest.is_empty() { Ok(query) } else { Err("text after the query".to_owned()) }
    }
}

impl Assertion {
    /// Reads a line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let (query, rest) = query(&words)?;
        let (expect, rest) = match rest {
            [Word::Bare(not), rest @ ..] if not == "not" => (Expect::HoldsNot, rest),
            rest => (Expect::Holds, rest),
        };
        let predicate = match rest {
            [Word::Bare(word)] => Predicate::Is(shape(word)?),
            [Word::Bare(word), Word::Bare(value) | Word::Quoted(value)] if word == "matches" => {
                let pattern = value.strip_prefix('/').and_then(|inner| inner.strip_suffix('/')).unwrap_or(value);
                Predicate::Matches(Regex::new(pattern).map_err(|error| error.to_string())?)
            }
            [Word::Bare(word), value] => Predicate::Compare(comparison(word)?, literal(value)?),
            [] => return Err("no predicate".to_owned()),
            _ => return Err("too many words".to_owned()),
        };
        Ok(Self { text: text.to_owned(), query, expect, predicate })
    }

    /// Templates in the wanted value.
    pub(super) fn wanted_text(&self) -> Option<&str> {
        match &self.predicate {
            Predicate::Compare(_, Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Looks at an answer.
    pub(super) fn check(&self, answer: &Answer, values: &mut Values) -> Result<Option<Failed>, NoValue> {
        let observed = answer.value(&self.query);
        let holds = match (&self.predicate, &observed) {
            (Predicate::Is(Shape::Exists), observed) => observed.is_some(),
            (_, None) => return Ok(Some(self.failed("nothing"))),
            (Predicate::Is(shape), Some(value)) => has_shape(value, *shape),
            (Predicate::Matches(pattern), Some(value)) => pattern.is_match(&plain(value)),
            (Predicate::Compare(how, wanted), Some(value)) => compare(value, *how, &values.fill_json(wanted)?),
        };
        if holds == (self.expect == Expect::Holds) {
            return Ok(None);
        }
        Ok(Some(self.failed(&observed.map_or_else(|| "nothing".to_owned(), |value| value.to_string()))))
    }

    fn failed(&self, observed: &str) -> Failed {
        let line = format!("`{}` does not hold: observed {}", self.text, crate::metrics::exposition::excerpt(observed));
        match self.query.source {
            Source::Duration => Failed::Late(line),
            _ => Failed::Wrong(line),
        }
    }
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            blank if blank.is_whitespace() => {}
            '"' => {
                let mut inner = String::new();
                loop {
                    match chars.next().ok_or("a quote is not closed")? {
                        '"' => break,
                        '\\' => match chars.next().ok_or("a quote is not closed")? {
                            'n' => inner.push('\n'),
                            't' => inner.push('\t'),
                            escaped @ ('"' | '\\') => inner.push(escaped),
                            // Patterns keep their backslashes.
                            other => inner.extend(['\\', other]),
                        },
                        plain => inner.push(plain),
                    }
                }
                found.push(Word::Quoted(inner));
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = chars.next_if(|next| !next.is_whitespace()) {
                    word.push(next);
                }
                found.push(Word::Bare(word));
            }
        }
    }
    Ok(found)
}

fn query(words: &[Word]) -> Result<(Query, &[Word]), String> {
    let (source, rest) = match words {
        [Word::Bare(word), rest @ ..] if word == "status" => (Source::Status, rest),
        [Word::Bare(word), rest @ ..] if word == "duration" => (Source::Duration, rest),
        [Word::Bare(word), rest @ ..] if word == "body" => (Source::Body, rest),
        [Word::Bare(word), Word::Quoted(argument), rest @ ..] => (source_with(word, argument)?, rest),
        _ => return Err("no query".to_owned()),
    };
    match rest {
        [Word::Bare(word), rest @ ..] if word == "count" => Ok((Query { source, filter: Some(Filter::Count) }, rest)),
        rest => Ok((Query { source, filter: None }, rest)),
    }
}

fn source_with(word: &str, argument: &str) -> Result<Source, String> {
    match word {
        "header" => Ok(Source::Header(argument.to_ascii_lowercase())),
        "cookie" => Ok(Source::Cookie(argument.to_owned())),
        "jsonpath" => {
            JsonPath::parse(argument).map(|path| Source::JsonPath(Box::new(path))).map_err(|error| error.to_string())
        }
        "regex" => Regex::new(argument).map(Source::Regex).map_err(|error| error.to_string()),
        _ => Err(format!("unknown query `{word}`")),
    }
}

fn comparison(word: &str) -> Result<Comparison, String> {
    Ok(match word {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        "contains" => Comparison::Contains,
        "startsWith" => Comparison::StartsWith,
        "endsWith" => Comparison::EndsWith,
        _ => return Err(format!("unknown predicate `{word}`")),
    })
}

fn shape(word: &str) -> Result<Shape, String> {
    Ok(match word {
        "exists" => Shape::Exists,
        "isEmpty" => Shape::Empty,
        "isInteger" => Shape::Integer,
        "isFloat" => Shape::Float,
        "isNumber" => Shape::Number,
        "isBoolean" => Shape::Boolean,
        "isString" => Shape::String,
        "isCollection" | "isList" => Shape::Collection,
        _ => return Err(format!("`{word}` is no predicate, or its value is missing")),
    })
}

fn literal(word: &Word) -> Result<Value, String> {
    match word {
        Word::Quoted(text) => Ok(Value::String(text.clone())),
        Word::Bare(text) if text.starts_with("{{") => Ok(Value::String(text.clone())),
        Word::Bare(text) => serde_json::from_str(text).map_err(|_| format!("`{text}` is no value; quote a text")),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn has_shape(value: &Value, shape: Shape) -> bool {
    match shape {
        Shape::Exists => true,
        Shape::Empty => match value {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        },
        Shape::Integer => value.is_i64() || value.is_u64(),
        Shape::Float => value.is_f64(),
        Shape::Number => value.is_number(),
        Shape::Boolean => value.is_boolean(),
        Shape::String => value.is_string(),
        Shape::Collection => value.is_array() || value.is_object(),
    }
}

fn compare(observed: &Value, how: Comparison, wanted: &Value) -> bool {
    use std::cmp::Ordering;
    let order = match (observed, wanted) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) if a == b => Some(Ordering::Equal),
        _ => None,
    };
    let text = |test: fn(&str, &str) -> bool| match (observed, wanted) {
        (Value::Array(items), wanted) if how == Comparison::Contains => items.contains(wanted),
        (observed, Value::String(wanted)) => test(&plain(observed), wanted),
        _ => false,
    };
    match how {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Contains => text(|observed, wanted| observed.contains(wanted)),
        Comparison::StartsWith => text(|observed, wanted| observed.starts_with(wanted)),
        Comparison::EndsWith => text(|observed, wanted| observed.ends_with(wanted)),
    }
}
