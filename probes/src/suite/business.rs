//! The business suite's document.

use super::{ApiVersion, Problem, Span, SuiteKind};
use crate::business::compile;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Journeys that run continuously through all phases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BusinessSuite {
    /// `mettle/v1`.
    pub api_version: ApiVersion,
    /// `Suite`.
    pub kind: SuiteKind,
    /// `business`.
    pub class: BusinessClass,
    /// Name, unique among the product's suites.
    pub name: String,
    /// Seed of `{{random}}` and `{{uuid}}`.
    #[serde(default)]
    pub seed: u64,
    /// Time between two runs of a journey of weight 1.
    #[serde(default = "default_every")]
    pub every: Span,
    /// Values that steps use as `{{name}}`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Journeys.
    pub journeys: Vec<JourneyDocument>,
}

/// The class `business`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BusinessClass {
    /// Journeys.
    #[default]
    Business,
}

/// What a user does, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JourneyDocument {
    /// Name, unique within the suite.
    pub name: String,
    /// How many times as often as a journey of weight 1 it runs.
    #[serde(default = "default_weight")]
    #[schemars(range(min = 1, max = 100))]
    pub weight: u32,
    /// Steps in order; the first that fails ends the journey.
    pub steps: Vec<StepDocument>,
    /// Steps that always run at the end, also when the journey failed or was stopped. A step that needs a capture
    /// which was never made is left out: there is nothing to clean.
    #[serde(default)]
    pub cleanup: Vec<StepDocument>,
}

/// One request and what must be true of its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StepDocument {
    /// Name, for the results.
    pub name: String,
    /// The request.
    pub request: RequestDocument,
    /// Values taken from the answer for later steps, by name, in Hurl's words: `jsonpath "$.id"`.
    #[serde(default)]
    pub captures: BTreeMap<String, String>,
    /// What must be true, in Hurl's words: `status == 200`, `jsonpath "$.id" isInteger`. Without any, an answer of
    /// status 400 or above is wrong.
    #[serde(default)]
    pub asserts: Vec<String>,
    /// An answer later than this is slow.
    #[serde(default = "default_time_limit")]
    pub time_limit: Span,
}

/// A request; `{{name}}` is replaced in path, headers and body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RequestDocument {
    /// Method.
    #[serde(default = "default_method")]
    pub method: String,
    /// Component whose user-side address is the base.
    pub component: String,
    /// Path and query under that address.
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body as text; not together with `json`.
    #[serde(default)]
    pub body: Option<String>,
    /// Body as JSON.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
}

impl BusinessSuite {
    /// Everything that a schema cannot say; `components` are the names of the product's components.
    pub fn problems(&self, components: &[String]) -> Vec<Problem> {
        let mut problems = compile::compile(self).err().unwrap_or_default();
        for (j, journey) in self.journeys.iter().enumerate() {
            for (block, steps) in [("steps", &journey.steps), ("cleanup", &journey.cleanup)] {
                for (s, step) in steps.iter().enumerate() {
                    if !components.contains(&step.request.component) {
                        problems.push(Problem::new(
                            &format!("journeys[{j}].{block}[{s}].request.component"),
                            &step.request.component,
                            "unknown component",
                            format!("use one of: {}", components.join(", ")),
                        ));
                    }
                }
            }
        }
        problems
    }
}

fn default_every() -> Span {
    Span::from_millis(1_000)
}

fn default_weight() -> u32 {
    1
}

fn default_time_limit() -> Span {
    Span::from_millis(1_000)
}

fn default_method() -> String {
    "GET".to_owned()
}
