//! One run of one journey.

use super::answer::Answer;
use super::assertion::Failed;
use super::compile::{Journey, Step};
use super::template::{NoValue, Values};
use rand::Rng as _;
use reqwest::{Client, Url};
use scorer::evidence::Outcome;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Without an answer after this many time limits a step is unreachable; until then a late answer is slow.
const GIVE_UP_AFTER_LIMITS: u32 = 4;

/// Bounds of that: a short limit must not turn a pause into an outage, a long one must not hold a journey forever.
const GIVE_UP: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Longest answer that is read; journeys look at documents, not at downloads.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Time of a whole cleanup: a stop waits for it.
pub(super) const CLEANUP_WITHIN: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    pub(super) detail: Option<String>,
    pub(super) took: Duration,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) client: Client,
    pub(super) bases: BTreeMap<String, Url>,
}

/// A step that did not go well.
enum Trouble {
    Late(String),
    Wrong(String),
    Unreachable(String),
    NotRun(String),
}

impl From<NoValue> for Trouble {
    fn from(NoValue(name): NoValue) -> Self {
        Trouble::NotRun(format!("`{{{{{name}}}}}` has no value"))
    }
}

/// Runs the steps until one fails or `stop`, then always the cleanup.
pub(super) async fn run(journey: &Journey, way: &Way, mut values: Values, stop: &CancellationToken) -> Ran {
    let started = Instant::now();
    let steps = run_steps(&journey.steps, way, &mut values);
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => Err(Trouble::NotRun("stopped before its end".to_owned())),
        ended = steps => ended,
    };
    let took = started.elapsed();
    let (outcome, detail) = match ended {
        Ok(None) => (Outcome::Ok, None),
        Ok(Some(late)) | Err(Trouble::Late(late)) => (Outcome::Slow, Some(late)),
        Err(Trouble::Wrong(why)) => (Outcome::Wrong, Some(why)),
        Err(Trouble::Unreachable(why)) => (Outcome::Unreachable, Some(why)),
        Err(Trouble::NotRun(why)) => (Outcome::NotRun, Some(why)),
    };
    let unclean = cleanup(&journey.cleanup, way, &mut values).await;
    let detail = match (detail, unclean) {
        (detail, None) => detail,
        (None, Some(unclean)) => Some(format!("cleanup: {unclean}")),
        (Some(detail), Some(unclean)) => Some(format!("{detail}; cleanup: {unclean}")),
    };
    Ran { outcome, detail, took }
}

/// The first late step, if all are right.
async fn run_steps(steps: &[Step], way: &Way, values: &mut Values) -> Result<Option<String>, Trouble> {
    let mut late = None;
    for step in steps {
        match run_step(step, way, values).await {
            Ok(()) => {}
            Err(Trouble::Late(why)) => {
                late.get_or_insert(format!("step `{}`: {why}", step.name));
            }
            Err(Trouble::Wrong(why)) => {
                return Err(Trouble::Wrong(format!("step `{}`: {why}", step.name)));
            }
            Err(Trouble::NotRun(why)) => {
                return Err(Trouble::NotRun(format!("step `{}`: {why}", step.name)));
            }
            Err(Trouble::Unreachable(why)) => {
                return Err(Trouble::Unreachable(format!("step `{}`: {why}", step.name)));
            }
        }
    }
    Ok(late)
}

/// Every step is tried; one that fails does not keep the next from cleaning.
async fn cleanup(steps: &[Step], way: &Way, values: &mut Values) -> Option<String> {
    let all = async {
        let mut first = None;
        for step in steps {
            match run_step(step, way, values).await {
                // Without its capture there is nothing to clean.
                Ok(()) | Err(Trouble::Late(_) | Trouble::NotRun(_)) => {}
                Err(Trouble::Wrong(why) | Trouble::Unreachable(why)) => {
                    first.get_or_insert(format!("step `{}`: {why}", step.name));
                }
            }
        }
        first
    };
    match tokio::time::timeout(CLEANUP_WITHIN, all).await {
        Ok(first) => first,
        Err(_) => Some(format!("not done within {CLEANUP_WITHIN:?}")),
    }
}

async fn run_step(step: &Step, way: &Way, values: &mut Values) -> Result<(), Trouble> {
    let request = request(step, way, values)?;
    let give_up = (step.time_limit * GIVE_UP_AFTER_LIMITS).clamp(GIVE_UP.0, GIVE_UP.1);
    let answer = match tokio::time::timeout(give_up, ask(request)).await {
        Ok(answer) => answer?,
        Err(_) => {
            return Err(Trouble::Unreachable(format!("no whole answer within {give_up:?}")));
        }
    };
    let mut missing = None;
    for (name, query) in &step.captures {
        match answer.value(query) {
            Some(value) => {
                values.known.insert(name.clone(), value);
            }
            None => missing = Some(format!("nothing to capture as `{name}` (status {})", answer.status)),
        }
    }
    let mut late = None;
    for assertion in &step.asserts {
        match assertion.check(&answer, values)? {
            None => {}
            Some(Failed::Wrong(why)) => return Err(Trouble::Wrong(why)),
            Some(Failed::Late(why)) => late = Some(why),
        }
    }
    if let Some(why) = missing {
        return Err(Trouble::Wrong(why));
    }
    // A step that asserts nothing still claims that the user was served.
    if step.asserts.is_empty() && answer.status >= 400 {
        return Err(Trouble::Wrong(format!("status {}, and nothing is asserted", answer.status)));
    }
    if answer.took > step.time_limit {
        late = Some(format!("took {} ms, limit {} ms", answer.took.as_millis(), step.time_limit.as_millis()));
    }
    late.map_or(Ok(()), |why| Err(Trouble::Late(why)))
}

fn request(step: &Step, way: &Way, values: &mut Values) -> Result<reqwest::RequestBuilder, Trouble> {
    let document = &step.request;
    let component = &document.component;
    let base =
        way.bases.get(component).ok_or_else(|| Trouble::NotRun(format!("no address of component `{component}`")))?;
    let path = values.fill(&document.path)?;
    let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
    let url = Url::parse(&url).map_err(|error| Trouble::NotRun(format!("`{url}` is no URL: {error}")))?;
    // Both halves are random: who samples by the low 64 bits must see even numbers. An id of zero is not allowed.
    let trace = (u128::from(values.chance.next_u64()) << 64 | u128::from(values.chance.next_u64())).max(1);
    let span = values.chance.next_u64().max(1);
    let mut request =
        way.client.request(step.method.clone(), url).header("traceparent", format!("00-{trace:032x}-{span:016x}-01"));
    for (name, value) in &document.headers {
        request = request.header(name, values.fill(value)?);
    }
    if let Some(json) = &document.json {
        let json: Value = values.fill_json(json)?;
        request = request.json(&json);
    }
    if let Some(body) = &document.body {
        request = request.body(values.fill(body)?);
    }
    Ok(request)
}

async fn ask(request: reqwest::RequestBuilder) -> Result<Answer, Trouble> {
    let started = Instant::now();
    let unreachable = |error: reqwest::Error| {
        // The URL names a port, which says nothing to a reader and differs between runs.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Trouble::Unreachable(format!("{error}{cause}"))
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Trouble::Wrong(format!("the answer is longer than {MAX_BODY_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
        took: started.elapsed(),
    })
}
