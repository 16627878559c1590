//! `landscape.yaml`: one environment, its clusters, triggers and policy.

use super::problem::Complaint;
use super::product::{ApiVersion, Bump};
use super::quantity::{Percent, Span};
use chrono::{DateTime, Utc};
use probes::metrics::server::{ServerSettings, SettingsProblem};
use schemars::JsonSchema;
use scorer::signal::Selector;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Landscape {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: LandscapeKind,
    /// Who it is.
    pub metadata: LandscapeMeta,
    /// What should run there.
    #[serde(default)]
    pub desired: Option<Desired>,
    /// Its clusters.
    pub clusters: Vec<Cluster>,
    /// How a tag is deployed.
    #[serde(default)]
    pub deployer: Option<Deployer>,
    /// Toggle states.
    #[serde(default)]
    pub toggles: Toggles,
    /// Windows in which nothing starts.
    #[serde(default)]
    pub freeze: Vec<Freeze>,
    /// Which tags are soaked, and when.
    #[serde(default)]
    pub staging_triggers: Vec<Trigger>,
    /// Programme, a path in the product repository.
    #[serde(default)]
    pub programme: Option<String>,
    /// Policy.
    #[serde(default)]
    pub policy: GatePolicy,
}

/// Kind `Landscape`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LandscapeKind {
    /// `Landscape`.
    Landscape,
}

/// Name and place.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LandscapeMeta {
    /// Name.
    pub name: String,
    /// Product that runs there.
    pub product: String,
    /// Tier.
    pub tier: Tier,
}

/// Tier of a landscape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Continuous integration.
    Ci,
    /// A pull request's own.
    Pr,
    /// Staging.
    Staging,
    /// Canary.
    Canary,
    /// Production.
    Prod,
}

/// What should run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Desired {
    /// Product tag.
    pub tag: String,
}

/// One cluster.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// Backend.
    pub backend: Backend,
    /// Local backend: processes.yaml, a path in the landscape repository.
    #[serde(default)]
    pub processes: Option<String>,
    /// Metrics source.
    #[serde(default)]
    pub metrics: Metrics,
}

/// Backend of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Plain processes on this host.
    Local,
}

/// Metrics source of a cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metrics {
    /// The embedded recorder.
    #[serde(default)]
    pub recorder: RecorderSettings,
    /// The server that scrapes the product, with the HTTP API of Prometheus. The recorder then looks at processes and
    /// at what Mettle measures itself.
    #[serde(default)]
    pub server: Option<ServerSettings>,
    /// Where Mettle's own series go by remote write while a soak runs; `url` is the whole address, as
    /// http://prometheus:9090/api/v1/write.
    #[serde(default)]
    pub push: Option<ServerSettings>,
    /// Selector of series of that server which are recorded beside those that signals ask for.
    #[serde(default)]
    pub watch: Option<String>,
}

impl Metrics {
    fn complaints(&self, key: &str) -> Vec<Complaint> {
        let mut out = Vec::new();
        for (name, settings) in [("server", &self.server), ("push", &self.push)] {
            let problems = settings.iter().flat_map(ServerSettings::problems);
            let complaint =
                |p: SettingsProblem| Complaint::new(format!("{key}.{name}.{}", p.key), p.value, p.message, p.remedy);
            out.extend(problems.map(complaint));
        }
        if let Some(watch) = &self.watch {
            let watch_key = format!("{key}.watch");
            if let Err(error) = Selector::parse(watch) {
                out.push(Complaint::new(
                    watch_key,
                    watch,
                    error.to_string(),
                    "write a selector, as {namespace=\"shop\"}",
                ));
            } else if self.server.is_none() {
                let remedy = "add `server`, or remove it: the recorder keeps every series anyway";
                out.push(Complaint::new(watch_key, watch, "there is no server to watch", remedy));
            }
        }
        out
    }
}

/// Settings of the embedded recorder.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecorderSettings {
    /// Scrape interval; the programme's interval when absent.
    #[serde(default)]
    pub interval: Option<Span>,
}

/// How a tag is deployed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Deployer {
    /// Kind.
    pub kind: Backend,
}

/// Toggle states of the landscape.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Toggles {
    /// State by key; `on` where absent.
    #[serde(default)]
    pub state: BTreeMap<String, String>,
}

/// A freeze window.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Freeze {
    /// Name.
    pub name: String,
    /// Start.
    pub from: DateTime<Utc>,
    /// End.
    pub to: DateTime<Utc>,
    /// Labels that pass all the same.
    #[serde(default)]
    pub except: Vec<String>,
}

/// One trigger; exactly one key is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Trigger {
    /// A tag whose step against the last soaked tag is at least this.
    pub bump: Option<Bump>,
    /// After so many patch tags.
    pub patches: Option<u32>,
    /// By the clock (cron, UTC): the newest tag that was not soaked yet.
    pub every: Option<String>,
}

/// Policy of a landscape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct GatePolicy {
    /// Score that `scoreLow` must reach, 0 to 100.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub kpi: f64,
    /// How long the current tag must have been observed before the next one may replace it: until then the gate `stage`
    /// answers `observing`, and what a trigger asked for waits.
    pub min_observation: Span,
    /// How long an allow holds.
    pub valid_for: Span,
    /// Total false-fail rate of a tag, above 0 and at most 0.2.
    #[schemars(range(min = 0.0001, max = 0.2))]
    pub false_block: f64,
    /// Whether a provisional pass may go on.
    pub provisional: Answer,
    /// Age limits by class, at the soak's end.
    pub classes: BTreeMap<ClassName, Span>,
    /// Share of samples that every gate metric needs.
    pub coverage: Percent,
}

impl Default for GatePolicy {
    fn default() -> Self {
        GatePolicy {
            kpi: 85.0,
            min_observation: Span(std::time::Duration::ZERO),
            valid_for: Span(std::time::Duration::from_secs(7 * 86_400)),
            false_block: 0.01,
            provisional: Answer::Deny,
            classes: BTreeMap::new(),
            coverage: Percent(0.8),
        }
    }
}

/// Deny or allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Deny.
    Deny,
    /// Allow.
    Allow,
}

/// Class of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClassName {
    /// Business.
    Business,
    /// Performance.
    Performance,
    /// Chaos.
    Chaos,
    /// Security.
    Security,
}

impl Landscape {
    /// What the schema cannot say.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut out = Vec::new();
        if self.clusters.len() != 1 {
            out.push(Complaint::new(
                "clusters",
                self.clusters.len(),
                "one cluster is supported by the local backend",
                "list exactly one cluster with `backend: local`",
            ));
        }
        if let Some(desired) = &self.desired {
            out.push(Complaint::new(
                "desired.tag",
                &desired.tag,
                "is not obeyed: a landscape runs what its triggers and people ask for",
                "remove `desired`, and soak the tag with `mettle soak run --tag`",
            ));
        }
        for (i, c) in self.clusters.iter().enumerate().filter(|(_, c)| c.processes.is_none()) {
            out.push(Complaint::new(
                format!("clusters[{i}].processes"),
                "",
                format!("cluster `{}` does not say which processes run", c.name),
                "add `processes: processes.yaml`",
            ));
        }
        for (i, c) in self.clusters.iter().enumerate() {
            out.extend(c.metrics.complaints(&format!("clusters[{i}].metrics")));
        }
        for (i, t) in self.staging_triggers.iter().enumerate() {
            let given =
                usize::from(t.bump.is_some()) + usize::from(t.patches.is_some()) + usize::from(t.every.is_some());
            if given != 1 {
                out.push(Complaint::new(
                    format!("stagingTriggers[{i}]"),
                    given,
                    "a trigger has exactly one key",
                    "write one of {bump: minor}, {patches: 5}, {every: \"0 2 * * *\"}",
                ));
            }
            if let Some(Err(e)) = t.every.as_deref().map(croner::Cron::from_str) {
                out.push(Complaint::new(
                    format!("stagingTriggers[{i}].every"),
                    t.every.as_deref().unwrap_or_default(),
                    format!("is not a cron line: {e}"),
                    "write five fields such as \"0 2 * * *\" (UTC)",
                ));
            }
        }
        for (i, f) in self.freeze.iter().enumerate().filter(|(_, f)| f.from >= f.to) {
            out.push(Complaint::new(
                format!("freeze[{i}].to"),
                f.to,
                "is not after `from`",
                "give the end of the window",
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desired_tag_is_refused_and_not_ignored() {
        let text = "apiVersion: mettle/v1\nkind: Landscape\nmetadata: {name: s, product: p, tier: staging}\n\
                    desired: {tag: v1.0.0}\n\
                    clusters: [{name: here, backend: local, processes: processes.yaml}]\n";
        let document = crate::documents::read_text::<Landscape>("landscape.yaml", text, |_| vec![]).expect("reads");
        let complaints = document.value.complaints();
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert_eq!((complaints[0].key.as_str(), complaints[0].value.as_str()), ("desired.tag", "v1.0.0"));
        let without = read_without_desired(text);
        assert!(without.complaints().is_empty());
    }

    fn read_without_desired(text: &str) -> Landscape {
        let text = text.replace("desired: {tag: v1.0.0}\n", "");
        crate::documents::read_text::<Landscape>("landscape.yaml", &text, |_| vec![]).expect("reads").value
    }
}
