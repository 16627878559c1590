//! YAML as a value, and where one stands. References stay references: what they would copy is not changed by a change
//! of them, and copying may have no end.

use super::MAX_DEPTH;
use super::key::{KeyPath, Part};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Value, json};
use std::ops::Range;

/// A part of a document.
enum Node {
    Single { value: Value, place: Option<Span> },
    List(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

pub(super) fn read(text: &str) -> Result<Value, String> {
    parse(text)?.value()
}

pub(super) fn find(text: &str, key: &KeyPath) -> Option<Range<usize>> {
    let whole = parse(text).ok()?;
    let found = key.parts().iter().try_fold(&whole, |node, part| match (node, part) {
        (Node::Mapping(entries), Part::Name(name)) => entries.iter().find(|(key, _)| key == name).map(|(_, node)| node),
        (Node::List(entries), Part::Entry(number)) => entries.get(*number),
        _ => None,
    })?;
    let Node::Single { place: Some(place), .. } = found else { return None };
    // The parser counts characters.
    let byte = |index: usize| text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index);
    let (start, end) = (byte(place.start.index())?, byte(place.end.index())?);
    let written = text.get(start..end)?;
    Some(start..start + written.trim_end().len())
}

/// The only document of a text.
fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser::new_from_str(text);
    let mut only = None;
    loop {
        match next(&mut parser)? {
            (Event::StreamEnd, _) => return only.ok_or_else(|| "it has no document".to_owned()),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => (),
            _ if only.is_some() => return Err("it has several documents".to_owned()),
            first => only = Some(node(&mut parser, first, 0)?),
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Result<(Event<'t>, Span), String> {
    let next = parser.next().unwrap_or_else(|| Ok((Event::StreamEnd, Span::default())));
    next.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))
}

/// The node that begins with this event.
fn node<'t>(
    parser: &mut Parser<'t, StrInput<'t>>,
    (event, place): (Event<'t>, Span),
    depth: usize,
) -> Result<Node, String> {
    let line = place.start.line();
    if depth > MAX_DEPTH {
        return Err(format!("line {line}: nested deeper than {MAX_DEPTH} levels"));
    }
    match event {
        Event::Scalar(text, style, _, tag) => Ok(single(&text, style, tag.is_some(), place)),
        Event::Alias(of) => Ok(Node::Single { value: json!({"reference": of}), place: None }),
        Event::SequenceStart(..) => {
            let mut entries = Vec::new();
            loop {
                match next(parser)? {
                    (Event::SequenceEnd, _) => return Ok(Node::List(entries)),
                    entry => entries.push(node(parser, entry, depth + 1)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries: Vec<(String, Node)> = Vec::new();
            loop {
                let name = match next(parser)? {
                    (Event::MappingEnd, _) => return Ok(Node::Mapping(entries)),
                    (Event::Scalar(name, ..), _) => name.into_owned(),
                    (_, place) => return Err(format!("line {}: a key that is not text", place.start.line())),
                };
                // A merge may stand several times.
                if name != "<<" && entries.iter().any(|(known, _)| *known == name) {
                    return Err(format!("line {line}: key `{name}` is given twice"));
                }
                let first = next(parser)?;
                entries.push((name, node(parser, first, depth + 1)?));
            }
        }
        _ => Err(format!("line {line}: no value")),
    }
}

fn single(text: &str, style: ScalarStyle, is_tagged: bool, place: Span) -> Node {
    let value = match style {
        ScalarStyle::Plain => resolved(text),
        _ => text.into(),
    };
    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    let is_replaceable = !is_block && !is_tagged && !place.is_empty();
    Node::Single { value, place: is_replaceable.then_some(place) }
}

/// A plain scalar by the core schema, as far as JSON knows the same.
fn resolved(text: &str) -> Value {
    match text {
        "" | "~" | "Null" | "NULL" => Value::Null,
        "True" | "TRUE" => Value::Bool(true),
        "False" | "FALSE" => Value::Bool(false),
        _ => match serde_json::from_str(text) {
            Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::Null)) => value,
            _ => text.into(),
        },
    }
}

impl Node {
    fn value(self) -> Result<Value, String> {
        Ok(match self {
            Node::Single { value, .. } => value,
            Node::List(entries) => entries.into_iter().map(Node::value).collect::<Result<_, _>>()?,
            Node::Mapping(entries) => {
                let entry = |(name, node): (String, Node)| Ok((name, node.value()?));
                Value::Object(entries.into_iter().map(entry).collect::<Result<_, String>>()?)
            }
        })
    }
}
