//! From a request to a question: parsed, bounded, with nothing unknown in it.

use super::refusal::Refusal;
use crate::gate::Gate;
use crate::question::{MAX_NAME, Question, Recording};
use crate::wire::CheckRequest;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Most toggles of a vector; a product has tens.
const MAX_TOGGLES: usize = 1000;

/// The face that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Face {
    /// 200 with the same body for every decision.
    Data,
}

/// A question by query alone.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AskedQuery {
    /// Product name.
    product: String,
    /// Product tag.
    tag: String,
    /// Landscape name.
    landscape: String,
    /// Commit that the caller believes the tag to be; another one: `deny` `tag_moved`.
    commit: Option<String>,
    /// One cluster; absent: the worst of all.
    cluster: Option<String>,
    /// `data`: 200 with the same body for every decision.
    #[serde(rename = "as")]
    #[param(inline)]
    pub(super) face: Option<Face>,
    /// Long poll, `8s`: answers earlier when it is decided.
    pub(super) wait: Option<String>,
}

/// How a question by body is answered.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Manner {
    /// `data`: 200 with the same body for every decision.
    #[serde(rename = "as")]
    #[param(inline)]
    pub(super) face: Option<Face>,
    /// Long poll, `8s`: answers earlier when it is decided.
    pub(super) wait: Option<String>,
}

/// The gate of that name, whether or not it is answered here.
pub(super) fn gate(name: &str) -> Result<Gate, Refusal> {
    Gate::parse(name).ok_or_else(|| {
        let message = format!("gate `{}` is not known here", shortened(name));
        Refusal::not_found(message, format!("this release answers: {}", Gate::available().join(", ")))
    })
}

impl AskedQuery {
    /// The question, or 400.
    pub(super) fn question(&self, gate: Gate) -> Result<Question, Refusal> {
        let mut question = Question::new(gate, &self.product, &self.tag, &self.landscape);
        question.commit.clone_from(&self.commit);
        question.cluster.clone_from(&self.cluster);
        match excess(&question) {
            None => Ok(question),
            Some(message) => Err(Refusal::bad_request(message, remedy())),
        }
    }
}

/// The question of a body, or 422.
pub(super) fn question(gate: Gate, body: CheckRequest) -> Result<Question, Refusal> {
    let mut question = Question::new(gate, &body.product, &body.subject.tag, &body.landscape);
    question.commit = body.subject.commit;
    question.cluster = body.cluster;
    question.wave = body.wave;
    question.toggles = body.toggles;
    question.requester = body.requester;
    if body.dry_run {
        question.recording = Recording::DryRun;
    }
    match excess(&question) {
        None => Ok(question),
        Some(message) => Err(Refusal::unprocessable(message, remedy())),
    }
}

fn remedy() -> String {
    format!("names have 1 to {MAX_NAME} bytes and no control characters")
}

/// What is wrong with the names of a question; `None`: nothing.
fn excess(question: &Question) -> Option<String> {
    let required = [("product", &question.product), ("tag", &question.tag), ("landscape", &question.landscape)];
    let optional = [("commit", &question.commit), ("cluster", &question.cluster), ("requester", &question.requester)];
    let optional = optional.into_iter().filter_map(|(what, name)| Some((what, name.as_ref()?)));
    if let Some(message) = required.into_iter().chain(optional).find_map(|(what, name)| unfit(what, name)) {
        return Some(message);
    }
    let toggles = question.toggles.as_ref()?;
    if toggles.len() > MAX_TOGGLES {
        return Some(format!("{} toggles, at most {MAX_TOGGLES}", toggles.len()));
    }
    toggles.iter().flat_map(|(key, state)| [key, state]).find_map(|text| unfit("a toggle", text))
}

fn unfit(what: &str, name: &str) -> Option<String> {
    match name {
        "" => Some(format!("{what} is empty")),
        long if long.len() > MAX_NAME => Some(format!("{what} has {} bytes, at most {MAX_NAME}", long.len())),
        odd if odd.chars().any(char::is_control) => Some(format!("{what} has a control character")),
        _ => None,
    }
}

/// A foreign name in a message, cut.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
