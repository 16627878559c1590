//! What a performance suite says: rates, pool, requests.

use crate::suite::{ApiVersion, Problem, SuiteKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Requests a second, written `300/s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

impl PerSecond {
    /// A rate above 0 and finite; `None` otherwise.
    pub fn try_new(rate: f64) -> Option<Self> {
        (rate > 0.0 && rate.is_finite()).then_some(Self(rate))
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let rate = text.strip_suffix("/s").and_then(|n| n.trim().parse().ok()).and_then(Self::try_new);
        rate.ok_or_else(|| D::Error::custom("a rate a second: write \"300/s\""))
    }
}

impl Serialize for PerSecond {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{}/s", self.0))
    }
}

impl JsonSchema for PerSecond {
    fn schema_name() -> Cow<'static, str> {
        "RequestsPerSecond".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^\d+(\.\d+)?/s$", "description": "a rate a second: write \"300/s\""})
    }
}

/// The document of a performance suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PerformanceSuite {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: SuiteKind,
    /// Class of the suite.
    pub class: PerformanceClass,
    /// Name.
    pub name: String,
    /// The load.
    pub load: Load,
}

/// Class `performance`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PerformanceClass {
    /// `performance`.
    #[default]
    Performance,
}

impl PerformanceSuite {
    /// What the schema cannot say.
    pub fn problems(&self, components: &[String]) -> Vec<Problem> {
        let mut out = self.load.problems("load");
        for (i, r) in self.load.requests.iter().enumerate().filter(|(_, r)| !components.contains(&r.component)) {
            let remedy = format!("use one of: {}", components.join(", "));
            out.push(Problem {
                key: format!("load.requests[{i}].component"),
                value: r.component.clone(),
                message: "unknown component".into(),
                remedy,
            });
        }
        out
    }
}

/// The load of a performance suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Load {
    /// Rate of the constant profile; a programme may set its own.
    pub rate: PerSecond,
    /// Steps to a breakpoint, one after the other, instead of a constant rate.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Connections to each component, at most.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 1, max = 4096))]
    pub connections: u32,
    /// Response limit in milliseconds: what users would call too slow; a generator later than a tenth of it is invalid.
    #[serde(default = "default_limit_ms")]
    #[schemars(range(min = 1))]
    pub limit_ms: u64,
    /// A request that takes longer, in milliseconds, is an error.
    #[serde(default = "default_timeout_ms")]
    #[schemars(range(min = 1))]
    pub timeout_ms: u64,
    /// What is asked.
    pub requests: Vec<LoadRequest>,
}

/// One step of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Rate.
    pub rate: PerSecond,
    /// How long, in seconds.
    #[schemars(range(min = 1))]
    pub seconds: u32,
}

/// One kind of request. `{{n}}` in path and body is the number of the request, counted from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoadRequest {
    /// Name.
    pub name: String,
    /// Share of the mix, relative to the other weights.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub weight: u32,
    /// Component on whose user side it goes in.
    pub component: String,
    /// Method.
    #[serde(default = "get")]
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON body.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
}

fn default_connections() -> u32 {
    64
}
fn default_limit_ms() -> u64 {
    250
}
fn default_timeout_ms() -> u64 {
    5000
}
fn one() -> u32 {
    1
}
fn get() -> String {
    "GET".into()
}

impl Load {
    /// Response limit.
    pub fn limit(&self) -> Duration {
        Duration::from_millis(self.limit_ms)
    }

    /// Time after which a request is an error.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// What the schema cannot say; keys are below `prefix`.
    pub fn problems(&self, prefix: &str) -> Vec<Problem> {
        let problem = |key: String, value: &str, message: &str, remedy: &str| Problem {
            key: format!("{prefix}.{key}"),
            value: value.to_owned(),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        };
        let mut out = Vec::new();
        if self.requests.is_empty() {
            out.push(problem("requests".into(), "[]", "asks nothing", "list at least one request"));
        }
        for (i, r) in self.requests.iter().enumerate() {
            if http::Method::from_bytes(r.method.as_bytes()).is_err() {
                out.push(problem(
                    format!("requests[{i}].method"),
                    &r.method,
                    "is not an HTTP method",
                    "write GET, POST, PUT, PATCH or DELETE",
                ));
            }
            if !r.path.starts_with('/') {
                out.push(problem(
                    format!("requests[{i}].path"),
                    &r.path,
                    "does not begin with a slash",
                    "write the path on the component, such as /items",
                ));
            }
            if self.requests[..i].iter().any(|o| o.name == r.name) {
                out.push(problem(
                    format!("requests[{i}].name"),
                    &r.name,
                    "is given twice",
                    "give every request its own name",
                ));
            }
        }
        out
    }
}
