//! A fault that the source asks for, before it is known whether this build has it.

use super::Fit;
use super::aim::Claim;
use super::node::Node;
use super::sheet::{GOES_WITH, Sheet};
use crate::fault::{CATALOGUE, Fault};
use serde_json::{Map, Value};

/// A fault with the keys of the source that make it up.
pub(super) struct Wish<'a> {
    kind: &'static str,
    fields: Map<String, Value>,
    /// The key that asks for the fault; it carries the refusal.
    asks: Node<'a>,
    asks_caveat: Option<String>,
    keys: Vec<Claim<'a>>,
    refusal: Option<String>,
}

/// Whether this build has a fault of that kind.
pub(super) fn known(kind: &str) -> bool {
    CATALOGUE.iter().any(|declaration| declaration.kind == kind)
}

impl<'a> Wish<'a> {
    /// A fault of a kind on a target, asked for by a key of the source.
    pub fn new(kind: &'static str, target: &str, asks: &Node<'a>) -> Self {
        let fields = Map::from_iter([("kind".into(), kind.into()), ("target".into(), target.into())]);
        Self { kind, fields, asks: asks.clone(), asks_caveat: None, keys: Vec::new(), refusal: None }
    }

    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// A parameter that no key of the source writes.
    pub fn with(&mut self, parameter: &str, value: impl Into<Value>) {
        self.fields.insert(parameter.into(), value.into());
    }

    /// A caveat of the fault as a whole.
    pub fn but(&mut self, caveat: impl AsRef<str>) {
        let text = caveat.as_ref();
        self.asks_caveat = Some(self.asks_caveat.take().map_or(text.into(), |before| format!("{before}; {text}")));
    }

    /// A parameter from a key, exactly, or with the caveat.
    pub fn set(&mut self, node: &Node<'a>, parameter: &str, value: impl Into<Value>, caveat: Option<String>) {
        self.with(parameter, value);
        let fit = caveat.map_or(Fit::Exact, Fit::Caveat);
        self.keys.push((node.clone(), fit, Some(format!("{}.{parameter}", self.kind))));
    }

    /// A key that lands outside of the fault, exactly or with the caveat.
    pub fn becomes(&mut self, node: &Node<'a>, place: &str, caveat: Option<String>) {
        self.keys.push((node.clone(), caveat.map_or(Fit::Exact, Fit::Caveat), Some(place.into())));
    }

    /// A key that says how long the fault stays in.
    pub fn set_hold(&mut self, node: &Node<'a>) {
        self.becomes(node, "method.hold", None);
    }

    /// Keys whose fit is settled already.
    pub fn claims(&mut self, claims: impl Iterator<Item = Claim<'a>>) {
        self.keys.extend(claims);
    }

    /// A key that the fault heeds without a parameter of its own.
    pub fn note(&mut self, node: &Node<'a>, caveat: impl Into<String>) {
        self.keys.push((node.clone(), Fit::Caveat(caveat.into()), None));
    }

    /// A key that says what the fault does anyway, with all that it holds.
    pub fn same(&mut self, node: &Node<'a>) {
        node.children().iter().for_each(|child| self.same(child));
        self.keys.push((node.clone(), Fit::Exact, Some(self.kind.into())));
    }

    /// Whether a key has its line already.
    pub fn has(&self, node: &Node) -> bool {
        self.keys.iter().any(|(key, ..)| key.path == node.path)
    }

    /// A key that the fault cannot heed.
    pub fn lost(&mut self, node: &Node<'a>, why: impl Into<String>) {
        self.keys.push((node.clone(), Fit::Not { why: why.into() }, None));
    }

    /// The fault must not be made: a key that it cannot do without has no equal.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.refusal.get_or_insert(why.into());
    }

    /// The fault, if this build has it and takes these parameters; either way every key gets its line.
    pub fn grant(self, sheet: &mut Sheet) -> Option<Fault> {
        match self.fault() {
            Ok(fault) => {
                sheet.fault(&self.asks, self.kind, self.asks_caveat);
                for (node, fit, becomes) in self.keys {
                    sheet.line(&node, fit, becomes.as_deref());
                }
                Some(fault)
            }
            Err(why) => {
                for (node, fit, _) in self.keys.into_iter().filter(|(node, ..)| node.path != self.asks.path) {
                    let why = match fit {
                        Fit::Not { why } => why,
                        Fit::Exact | Fit::Caveat(_) => format!("{GOES_WITH}`{}`, which is left out", self.asks.path),
                    };
                    sheet.not(&node, why);
                }
                if !known(self.kind) && self.refusal.is_none() {
                    sheet.missing.push(Value::Object(self.fields));
                }
                sheet.not(&self.asks, why);
                None
            }
        }
    }

    fn fault(&self) -> Result<Fault, String> {
        if let Some(why) = &self.refusal {
            return Err(why.clone());
        }
        if !known(self.kind) {
            return Err(format!("this build has no fault `{}`", self.kind));
        }
        let fault: Fault = serde_json::from_value(Value::Object(self.fields.clone()))
            .map_err(|error| format!("the fault `{}` cannot take it: {error}", self.kind))?;
        let problems = fault.problems("fault");
        let text = |p: &crate::problem::Problem| format!("{} = {}: {}, {}", p.key, p.value, p.message, p.remedy);
        match problems.is_empty() {
            true => Ok(fault),
            false => Err(problems.iter().map(text).collect::<Vec<_>>().join("; ")),
        }
    }
}
