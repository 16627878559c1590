//! From the document to journeys whose words are parsed: what compiles can run.

use super::assertion::{Assertion, Query, WORDS};
use super::template::{MADE, names};
use crate::suite::{BusinessSuite, JourneyDocument, Problem, RequestDocument, StepDocument};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// A business suite that can run.
#[derive(Clone, Debug)]
pub struct CompiledSuite {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) variables: Vec<(String, String)>,
    pub(super) journeys: Vec<Journey>,
}

#[derive(Clone, Debug)]
pub(super) struct Journey {
    pub(super) name: String,
    pub(super) every: Duration,
    pub(super) steps: Vec<Step>,
    pub(super) cleanup: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) method: http::Method,
    pub(super) request: RequestDocument,
    pub(super) captures: Vec<(String, Query)>,
    pub(super) asserts: Vec<Assertion>,
    pub(super) time_limit: Duration,
}

/// Parses every word of a suite.
///
/// # Errors
/// Every problem, not the first.
pub fn compile(suite: &BusinessSuite) -> Result<CompiledSuite, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    let variables: BTreeSet<&str> = suite.variables.keys().map(String::as_str).chain(MADE).collect();
    if suite.every.duration().is_zero() {
        problems.push(Problem::new("every", "0ms", "no time between runs", "write \"1s\""));
    }
    if suite.journeys.is_empty() {
        problems.push(Problem::new("journeys", "[]", "no journey", "describe at least one journey"));
    }
    let mut journeys = Vec::new();
    for (index, document) in suite.journeys.iter().enumerate() {
        let key = format!("journeys[{index}]");
        if !seen.insert(&document.name) {
            let message = "a second journey of this name";
            problems.push(Problem::new(&format!("{key}.name"), &document.name, message, "give it its own name"));
        }
        if !(1..=100).contains(&document.weight) {
            let value = document.weight.to_string();
            problems.push(Problem::new(&format!("{key}.weight"), &value, "not a weight", "write 1 to 100"));
        }
        let every = suite.every.duration() / document.weight.max(1);
        journeys.push(journey(document, every, &mut Place { key, known: variables.clone(), problems: &mut problems }));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let variables = suite.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(CompiledSuite { name: suite.name.clone(), seed: suite.seed, variables, journeys })
}

/// Where we are, which names have a value there, and what was found wrong.
struct Place<'a, 'p> {
    key: String,
    known: BTreeSet<&'a str>,
    problems: &'p mut Vec<Problem>,
}

impl Place<'_, '_> {
    fn object(&mut self, key: &str, value: &str, message: String, remedy: &str) {
        self.problems.push(Problem::new(&format!("{}.{key}", self.key), value, message, remedy));
    }

    fn check_names(&mut self, key: &str, text: &str) {
        let unknown: Vec<&str> = names(text).into_iter().filter(|name| !self.known.contains(name)).collect();
        for name in unknown {
            let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
            self.object(key, text, format!("`{{{{{name}}}}}` has no value here"), &format!("known here: {known}"));
        }
    }
}

fn journey<'a>(document: &'a JourneyDocument, every: Duration, place: &mut Place<'a, '_>) -> Journey {
    let key = place.key.clone();
    if document.steps.is_empty() {
        place.object("steps", "[]", "no step".to_owned(), "describe at least one step");
    }
    let mut block = |name: &str, documents: &'a [StepDocument]| {
        let mut steps = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            place.key = format!("{key}.{name}[{index}]");
            steps.extend(step(document, place));
            place.known.extend(document.captures.keys().map(String::as_str));
        }
        steps
    };
    let steps = block("steps", &document.steps);
    let cleanup = block("cleanup", &document.cleanup);
    Journey { name: document.name.clone(), every, steps, cleanup }
}

fn step<'a>(document: &'a StepDocument, place: &mut Place<'a, '_>) -> Option<Step> {
    let request = &document.request;
    check_request(request, place);
    let method = request.method.parse::<http::Method>();
    if method.is_err() {
        let remedy = "write GET, POST, PUT, PATCH or DELETE";
        place.object("request.method", &request.method, "not a method".to_owned(), remedy);
    }
    let mut captures = Vec::new();
    for (name, text) in &document.captures {
        match Query::parse(text) {
            Ok(query) => captures.push((name.clone(), query)),
            Err(message) => {
                let remedy = "write a query, for instance `jsonpath \"$.id\"`, `header \"Location\"`";
                place.object(&format!("captures.{name}"), text, message, remedy);
            }
        }
    }
    // The assertions of a step may use its own captures.
    place.known.extend(document.captures.keys().map(String::as_str));
    let mut asserts = Vec::new();
    for (index, text) in document.asserts.iter().enumerate() {
        let key = format!("asserts[{index}]");
        match Assertion::parse(text) {
            Ok(assertion) => {
                place.check_names(&key, assertion.wanted_text().unwrap_or(""));
                asserts.push(assertion);
            }
            Err(message) => place.object(&key, text, message, WORDS),
        }
    }
    let time_limit = document.time_limit.duration();
    Some(Step {
        name: document.name.clone(),
        method: method.ok()?,
        request: request.clone(),
        captures,
        asserts,
        time_limit,
    })
}

fn check_request(request: &RequestDocument, place: &mut Place<'_, '_>) {
    if !request.path.starts_with('/') {
        place.object("request.path", &request.path, "no leading slash".to_owned(), "write `/path`");
    }
    if request.body.is_some() && request.json.is_some() {
        place.object("request.body", "", "both `body` and `json`".to_owned(), "keep one of them");
    }
    place.check_names("request.path", &request.path);
    for (name, value) in &request.headers {
        place.check_names(&format!("request.headers.{name}"), value);
        if name.parse::<http::HeaderName>().is_err() {
            place.object("request.headers", name, "not a header name".to_owned(), "use letters, digits and `-`");
        }
    }
    place.check_names("request.body", request.body.as_deref().unwrap_or(""));
    let mut waiting: Vec<&Value> = request.json.iter().collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => place.check_names("request.json", text),
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => waiting.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
