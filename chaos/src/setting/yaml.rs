//! YAML as a value, and where one stands. References stay references: what they would copy is not changed by a change
//! of them, and copying may have no end.

use super::MAX_DEPTH;
use super::key::{KeyPath, Part};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Value, json};
use std::ops::Range;

/// A part of a document, with the number under which references name it; 0 without one.
struct Node {
    anchor: usize,
    content: Content,
}

enum Content {
    Single { value: Value, place: Option<Span> },
    Reference(usize),
    List(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

pub(super) fn read(text: &str) -> Result<Value, String> {
    parse(text)?.value()
}

pub(super) fn find(text: &str, key: &KeyPath) -> Option<Range<usize>> {
    let whole = parse(text).ok()?;
    let found = key.parts().iter().try_fold(&whole, step)?;
    let Content::Single { place: Some(place), .. } = &found.content else { return None };
    // The parser counts characters.
    let byte = |index: usize| text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index);
    let (start, end) = (byte(place.start.index())?, byte(place.end.index())?);
    let written = text.get(start..end)?.trim_end();
    let value = behind_anchor(written)?;
    Some(start + written.len() - value.len()..start + written.len())
}

/// A scalar without the anchor that its place begins with; none when a comment stands between them.
fn behind_anchor(written: &str) -> Option<&str> {
    let value = match written.strip_prefix('&') {
        Some(anchored) => anchored.trim_start_matches(|c: char| !c.is_whitespace()).trim_start(),
        None => written,
    };
    (!value.starts_with('#')).then_some(value)
}

/// Whether something else in the text refers to the value, or to what holds it: it would change, too.
pub(super) fn is_referred_to(text: &str, key: &KeyPath) -> bool {
    let Ok(whole) = parse(text) else { return false };
    let below = key.parts().iter().scan(&whole, |node, part| {
        *node = step(node, part)?;
        Some(*node)
    });
    std::iter::once(&whole).chain(below).any(|node| node.anchor != 0 && whole.refers_to(node.anchor))
}

fn step<'n>(node: &'n Node, part: &Part) -> Option<&'n Node> {
    match (&node.content, part) {
        (Content::Mapping(entries), Part::Name(name)) => {
            entries.iter().find(|(key, _)| key == name).map(|(_, node)| node)
        }
        (Content::List(entries), Part::Entry(number)) => entries.get(*number),
        _ => None,
    }
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
        Event::Scalar(text, style, anchor, tag) => {
            Ok(Node { anchor, content: single(&text, style, tag.is_some(), place) })
        }
        Event::Alias(of) => Ok(Node { anchor: 0, content: Content::Reference(of) }),
        Event::SequenceStart(anchor, _) => {
            let mut entries = Vec::new();
            loop {
                match next(parser)? {
                    (Event::SequenceEnd, _) => return Ok(Node { anchor, content: Content::List(entries) }),
                    entry => entries.push(node(parser, entry, depth + 1)?),
                }
            }
        }
        Event::MappingStart(anchor, _) => {
            let mut entries: Vec<(String, Node)> = Vec::new();
            loop {
                let name = match next(parser)? {
                    (Event::MappingEnd, _) => return Ok(Node { anchor, content: Content::Mapping(entries) }),
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

fn single(text: &str, style: ScalarStyle, is_tagged: bool, place: Span) -> Content {
    let value = match style {
        ScalarStyle::Plain => resolved(text),
        _ => text.into(),
    };
    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    let is_replaceable = !is_block && !is_tagged && !place.is_empty();
    Content::Single { value, place: is_replaceable.then_some(place) }
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
    /// Whether a reference at or below this node names the anchor.
    fn refers_to(&self, anchor: usize) -> bool {
        match &self.content {
            Content::Single { .. } => false,
            Content::Reference(of) => *of == anchor,
            Content::List(entries) => entries.iter().any(|node| node.refers_to(anchor)),
            Content::Mapping(entries) => entries.iter().any(|(_, node)| node.refers_to(anchor)),
        }
    }

    fn value(self) -> Result<Value, String> {
        Ok(match self.content {
            Content::Single { value, .. } => value,
            Content::Reference(of) => json!({"reference": of}),
            Content::List(entries) => entries.into_iter().map(Node::value).collect::<Result<_, _>>()?,
            Content::Mapping(entries) => {
                let entry = |(name, node): (String, Node)| Ok((name, node.value()?));
                Value::Object(entries.into_iter().map(entry).collect::<Result<_, String>>()?)
            }
        })
    }
}
