//! The document `processes.yaml`: how the components of a product run as processes of this host.

use super::problem::Problem;
use super::quantity::{Size, Span};
use chaos::inventory::Preparation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest list of restarts that one window may allow: a bound for memory and for the patience of a reader.
const MAX_RESTARTS: u32 = 1_000;
/// Most rotated log files that may be kept.
const MAX_KEPT_LOGS: u32 = 100;
/// Smallest log file: below this, rotation would cost more than writing.
const MIN_LOG_BYTES: u64 = 10_000;
/// The name of the user's side of an edge; no component may carry it.
pub const USER: &str = "user";

/// How the components of a product run as processes of this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Processes {
    /// Version of the document.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: Kind,
    /// Whose processes these are.
    pub metadata: Metadata,
    /// The components, in the order in which a person thinks of them.
    #[schemars(length(min = 1))]
    pub components: Vec<Component>,
}

/// Version of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The only one.
    #[serde(rename = "mettle/v1")]
    V1,
}

/// Kind of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// `Processes`.
    Processes,
}

/// Whose document this is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Product name.
    pub name: String,
}

/// One component: a program, how it is told where things are, and how one sees that it is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Component {
    /// Name, as in product.yaml.
    pub name: String,
    /// Program and arguments. `{version}`, `{tag}`, `{port}`, `{dir}` (a folder of its own, kept across versions)
    /// and `{here}` (the folder of this document) are substituted. The program is found on PATH, or, when it is
    /// written with a slash, relative to this document. It runs in `{dir}`.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Environment, with the same substitutions. Of Mettle's own environment a component sees only PATH, HOME,
    /// USER, LANG, TZ and TMPDIR.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How one sees that it is ready; default: its port accepts a connection within 10 s.
    #[serde(default)]
    pub health: Health,
    /// Path of its metrics in Prometheus or OpenMetrics text, if it has any.
    #[serde(default)]
    pub metrics: Option<String>,
    /// Other components that it calls, each with the environment variable that receives the address of the edge.
    #[serde(default)]
    pub reaches: BTreeMap<String, String>,
    /// How an address is written into those variables.
    #[serde(default = "default_reaches_format")]
    pub reaches_format: String,
    /// What happens when it exits by itself.
    #[serde(default)]
    pub restart: Restart,
    /// Limits of its log files.
    #[serde(default)]
    pub logs: Logs,
    /// Whether the user's side reaches it, through an edge of its own.
    #[serde(default = "yes")]
    pub user: bool,
    /// Families of faults that it is started for: they cannot be put on a process that runs already.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub prepare: BTreeSet<Preparation>,
    /// Zone in which it is: an experiment chooses by it with `choose: {zone: a}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Labels that it has: an experiment chooses by them with `choose: {labels: {tier: gold}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn default_reaches_format() -> String {
    "http://{host}:{port}".to_owned()
}

fn yes() -> bool {
    true
}

/// How one sees that a component is ready. At most one of `http`, `tcp`, `alive`; default `tcp: true`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Health {
    /// Path that answers 2xx when ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Ready when its port accepts a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<bool>,
    /// Ready when it has run this long: for programs that listen nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<Span>,
    /// How long it may take to become ready.
    #[serde(default = "default_deadline")]
    pub deadline: Span,
}

fn default_deadline() -> Span {
    Span::from_millis(10_000)
}

impl Default for Health {
    fn default() -> Self {
        Self { http: None, tcp: None, alive: None, deadline: default_deadline() }
    }
}

/// The check that a [`Health`] stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// GET of this path answers 2xx.
    Http(String),
    /// The port accepts a connection.
    Tcp,
    /// The program has run this long.
    Alive(Duration),
}

impl Health {
    /// The check that is meant.
    pub fn check(&self) -> Check {
        match (&self.http, self.alive) {
            (Some(path), _) => Check::Http(path.clone()),
            (None, Some(span)) => Check::Alive(span.duration()),
            (None, None) => Check::Tcp,
        }
    }
}

/// What happens when a component exits by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Restart {
    /// Whether it is started again.
    pub policy: RestartPolicy,
    /// How often within the window before it is left down.
    pub max: u32,
    /// The window.
    pub within: Span,
    /// Wait before each start.
    pub delay: Span,
}

impl Default for Restart {
    fn default() -> Self {
        Self { policy: RestartPolicy::Always, max: 5, within: Span::from_millis(60_000), delay: Span::from_millis(200) }
    }
}

/// Whether a component that exits by itself is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RestartPolicy {
    /// Started again, whatever the exit code.
    Always,
    /// Left down.
    Never,
}

/// Limits of log files: at most `maxSize` times `keep` + 1 bytes per component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Logs {
    /// Size at which the file is rotated.
    pub max_size: Size,
    /// Rotated files that are kept.
    pub keep: u32,
}

impl Default for Logs {
    fn default() -> Self {
        Self { max_size: Size::from_bytes(10_000_000), keep: 3 }
    }
}

impl Processes {
    /// Everything that the schema cannot say, all at once.
    pub fn problems(&self) -> Vec<Problem> {
        let names: BTreeSet<&str> = self.components.iter().map(|c| c.name.as_str()).collect();
        let mut seen = BTreeSet::new();
        let mut found = Findings::default();
        if self.components.is_empty() {
            found.add("components", "[]", "no component", "describe at least one component");
        }
        for (i, component) in self.components.iter().enumerate() {
            found.at = format!("components[{i}].");
            if !seen.insert(component.name.as_str()) {
                found.add(
                    "name",
                    &component.name,
                    "a second component of this name",
                    "give each component its own name",
                );
            }
            component.problems(&names, &mut found);
        }
        found.problems
    }
}

/// Collects problems below one key.
#[derive(Default)]
struct Findings {
    at: String,
    problems: Vec<Problem>,
}

impl Findings {
    fn add(&mut self, key: &str, value: &str, message: &str, remedy: &str) {
        self.problems.push(Problem {
            key: format!("{}{key}", self.at),
            value: value.to_owned(),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
}

impl Component {
    fn problems(&self, names: &BTreeSet<&str>, found: &mut Findings) {
        if !is_name(&self.name) {
            found.add(
                "name",
                &self.name,
                "not a component name",
                "use lower-case letters, digits and dashes, at most 63, letter first, not `user`",
            );
        }
        if self.command.first().is_none_or(|program| program.trim().is_empty()) {
            found.add("command", "", "no program", "write the program as first item, the arguments after it");
        }
        self.address_problems(found);
        self.environment_problems(names, found);
        self.place_problems(found);
        if self.restart.max > MAX_RESTARTS {
            found.add("restart.max", &self.restart.max.to_string(), "too many restarts", "write at most 1000");
        }
        if self.restart.within.duration().is_zero() {
            found.add(
                "restart.within",
                "0s",
                "an empty window",
                "write how long restarts are counted, for instance \"60s\"",
            );
        }
        if self.logs.max_size.bytes() < MIN_LOG_BYTES {
            found.add(
                "logs.maxSize",
                &self.logs.max_size.to_string(),
                "too small to be useful",
                "write at least \"10KB\"",
            );
        }
        if self.logs.keep > MAX_KEPT_LOGS {
            found.add("logs.keep", &self.logs.keep.to_string(), "too many files", "write at most 100");
        }
    }

    fn place_problems(&self, found: &mut Findings) {
        let zone = self.zone.iter().map(|zone| ("zone".to_owned(), zone));
        let labels = self.labels.iter().map(|(name, value)| (format!("labels.{name}"), value));
        for (key, value) in zone.chain(labels).filter(|(_, value)| value.trim().is_empty()) {
            found.add(&key, value, "says nothing", "write a word, or remove the key");
        }
    }

    fn address_problems(&self, found: &mut Findings) {
        let health = &self.health;
        let chosen = [health.http.is_some(), health.tcp.is_some(), health.alive.is_some()];
        if chosen.iter().filter(|c| **c).count() > 1 {
            found.add("health", "", "more than one of http, tcp, alive", "keep one of them");
        }
        if health.tcp == Some(false) {
            found.add("health.tcp", "false", "no check is left", "write `http: /path` or `alive: 1s` instead");
        }
        if health.deadline.duration().is_zero() {
            found.add("health.deadline", "0s", "nothing becomes ready in no time", "write for instance \"10s\"");
        }
        for (key, path) in [("health.http", &health.http), ("metrics", &self.metrics)] {
            if let Some(path) = path.as_ref().filter(|p| !p.starts_with('/')) {
                found.add(key, path, "not a path", "begin it with a slash");
            }
        }
        let told = self.command.iter().chain(self.env.values()).any(|text| text.contains("{port}"));
        let needs_port = self.user || self.metrics.is_some() || !matches!(health.check(), Check::Alive(_));
        if needs_port && !told {
            found.add("command", &self.command.join(" "), "the program is never told its port", "write {port} into command or env; for a program that listens nowhere write `health: {alive: 1s}` and `user: false`");
        }
    }

    fn environment_problems(&self, names: &BTreeSet<&str>, found: &mut Findings) {
        for name in self.env.keys() {
            variable_problems(&format!("env.{name}"), name, found);
        }
        let mut variables = BTreeSet::new();
        for (target, variable) in &self.reaches {
            let key = format!("reaches.{target}");
            if target == &self.name {
                found.add(&key, variable, "a component does not reach itself through an edge", "remove it");
            } else if !names.contains(target.as_str()) {
                let known = names.iter().copied().collect::<Vec<_>>().join(", ");
                found.add(&key, variable, "no such component", &format!("known: {known}"));
            }
            variable_problems(&key, variable, found);
            if self.env.contains_key(variable) || !variables.insert(variable) {
                found.add(&key, variable, "this variable is set twice", "use one variable for each address");
            }
        }
        if !self.reaches_format.contains("{port}") {
            found.add(
                "reachesFormat",
                &self.reaches_format,
                "the address lacks the port",
                "write {port} into it, for instance \"{host}:{port}\"",
            );
        }
    }
}

fn variable_problems(key: &str, variable: &str, found: &mut Findings) {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if variable.is_empty() || variable.starts_with(|c: char| c.is_ascii_digit()) || !variable.chars().all(legal) {
        found.add(key, variable, "not a variable name", "use letters, digits and _, not a digit first");
    } else if variable.starts_with("METTLE_") {
        found.add(key, variable, "METTLE_ is kept for Mettle's own marks", "choose another name");
    }
}

/// Component names become file names, labels and host names.
pub(crate) fn is_name(name: &str) -> bool {
    name != USER
        && name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests;
