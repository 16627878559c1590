//! The security suite's document.

use super::{ApiVersion, Problem, SuiteKind};
use crate::security::ALL_CHECKS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Checks of what is exposed on the user's side, and of who may call what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecuritySuite {
    /// `mettle/v1`.
    pub api_version: ApiVersion,
    /// `Suite`.
    pub kind: SuiteKind,
    /// `security`.
    pub class: SecurityClass,
    /// Name, unique among the product's suites.
    pub name: String,
    /// Ids of the checks to run; empty: all.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Roles from the least to the most powerful.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Bearer tokens by role.
    #[serde(default)]
    pub tokens: BTreeMap<String, TokenSource>,
    /// A token that was valid once.
    #[serde(default)]
    pub expired_token: Option<TokenSource>,
    /// Endpoints whose protection is checked.
    #[serde(default)]
    pub endpoints: Vec<EndpointDocument>,
}

/// The class `security`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecurityClass {
    /// Security checks.
    #[default]
    Security,
}

/// Where a token comes from: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TokenSource {
    /// Name of an environment variable that holds it.
    #[serde(default)]
    pub env: Option<String>,
    /// The token itself, for test users only.
    #[serde(default)]
    pub value: Option<String>,
}

/// A declared endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EndpointDocument {
    /// Component.
    pub component: String,
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// How it is protected.
    pub auth: Auth,
    /// Least role that may call it; every role before it in `roles` must be refused.
    #[serde(default)]
    pub role: Option<String>,
    /// Whether callers who must be refused may send a method that changes something, should they not be refused.
    #[serde(default)]
    pub probe: Probe,
}

/// What a check may send to an endpoint as a caller who must be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// GET, HEAD and OPTIONS alone: a hole in the product costs nothing.
    #[default]
    SafeOnly,
    /// Every method: where the caller is not refused, the request takes effect.
    UnsafeOk,
}

/// How an endpoint is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Open to everybody, on purpose.
    None,
    /// By a bearer token.
    Bearer,
}

impl SecuritySuite {
    /// Everything that a schema cannot say; `components` are the names of the product's components.
    pub fn problems(&self, components: &[String]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, id) in self.checks.iter().enumerate() {
            if !ALL_CHECKS.iter().any(|check| check.id() == id) {
                let known: Vec<&str> = ALL_CHECKS.iter().map(|check| check.id()).collect();
                let remedy = format!("use one of: {}", known.join(", "));
                problems.push(Problem::new(&format!("checks[{index}]"), id, "unknown check", remedy));
            }
        }
        let tokens = self.tokens.iter().map(|(role, token)| (format!("tokens.{role}"), token));
        for (key, token) in tokens.chain(self.expired_token.iter().map(|token| ("expiredToken".to_owned(), token))) {
            if token.env.is_some() == token.value.is_some() {
                let remedy = "write exactly one of `env` and `value`";
                problems.push(Problem::new(&key, "", "the token has no single source", remedy));
            }
        }
        let roles = format!("use one of `roles`: {}", self.roles.join(", "));
        for role in self.tokens.keys().filter(|role| !self.roles.contains(role)) {
            problems.push(Problem::new(&format!("tokens.{role}"), role, "unknown role", &roles));
        }
        problems.extend(self.endpoint_problems(components, &roles));
        problems
    }

    fn endpoint_problems(&self, components: &[String], roles: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let key = |name: &str| format!("endpoints[{index}].{name}");
            if !components.contains(&endpoint.component) {
                let remedy = format!("use one of: {}", components.join(", "));
                problems.push(Problem::new(&key("component"), &endpoint.component, "unknown component", remedy));
            }
            if let Some(role) = endpoint.role.as_ref().filter(|role| !self.roles.contains(role)) {
                problems.push(Problem::new(&key("role"), role, "unknown role", roles));
            }
            if endpoint.method.parse::<http::Method>().is_err() {
                let remedy = "write GET, POST, PUT, PATCH or DELETE";
                problems.push(Problem::new(&key("method"), &endpoint.method, "not a method", remedy));
            }
            if !endpoint.path.starts_with('/') {
                problems.push(Problem::new(&key("path"), &endpoint.path, "no leading slash", "write `/path`"));
            }
        }
        problems
    }
}
