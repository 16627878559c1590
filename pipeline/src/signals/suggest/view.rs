//! The catalogue as conventions look at it: families by name, components, and what a name says.

use crate::signals::proposal::matcher;
use probes::metrics::catalogue::{Catalogue, Family, FamilyKind, Series};
use scorer::signal::{MatchOp, Matcher, Selector};
use std::collections::{BTreeMap, BTreeSet};

/// Most components of one family that get signals of their own; beyond it signals are grouped by the label.
pub(super) const MOST_COMPONENTS: usize = 30;

/// Most groups of one signal; more of them are summed instead.
pub(super) const MOST_GROUPS: usize = 50;

/// Labels that name a component, the usual one first. The recorder adds `job`.
const COMPONENT: [&str; 5] = ["job", "service_name", "service", "app", "application"];

/// Labels that name components where one job speaks for several, as a collector of OpenTelemetry does. `service` is none
/// of them: clients write the name of their peer there.
const BEHIND_A_JOB: [&str; 3] = ["service_name", "app", "application"];

/// Labels that name the component where `job` names the exporter that speaks for it.
const COMPONENT_OF: [(&str, &[&str]); 8] = [
    ("istio_", &["destination_service_name", "destination_workload", "destination_app"]),
    ("envoy_cluster_", &["envoy_cluster_name", "cluster_name"]),
    ("envoy_http_", &["envoy_http_conn_manager_prefix"]),
    ("container_", &["container", "name"]),
    ("kube_", &["deployment", "container", "pod"]),
    ("nginx_ingress_controller_", &["service", "ingress"]),
    ("traefik_service_", &["service"]),
    ("haproxy_backend_", &["proxy"]),
];

/// Families that only an exporter has: the process behind its `job` is not the product.
const EXPORTER_MARKS: [&str; 12] = [
    "node_exporter_build_info",
    "node_uname_info",
    "pg_up",
    "redis_up",
    "mysql_up",
    "kafka_exporter_build_info",
    "nginx_up",
    "nginxexporter_build_info",
    "kube_state_metrics_build_info",
    "kube_pod_info",
    "container_spec_cpu_period",
    "probe_success",
];

/// Prefixes of what scrapers and Mettle count about themselves.
const MACHINERY: [&str; 7] =
    ["promhttp_", "prometheus_", "scrape_", "net_conntrack_", "alertmanager_", "mettle_", "otelcol_"];

/// Words of names that say that a cache or a database is asked.
const STORES: [&str; 11] =
    ["cache", "caches", "db", "database", "redis", "memcached", "mongo", "mongodb", "postgres", "cassandra", "etcd"];

/// A component as a family names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Component {
    /// Label and value; `None`: the family tells no components apart.
    pub(super) label: Option<(String, String)>,
}

impl Component {
    /// What selects its series.
    pub(super) fn matcher(&self) -> Option<Matcher> {
        self.label.as_ref().map(|(label, value)| matcher(label, MatchOp::Equal, value))
    }

    /// Name as a product has it: `checkout` of `shop/checkout`.
    pub(super) fn name(&self) -> Option<String> {
        let (_, value) = self.label.as_ref()?;
        let short = value.rsplit('/').next().filter(|short| !short.is_empty()).unwrap_or(value);
        Some(short.to_owned())
    }

    /// The same, or nothing.
    pub(super) fn prefix(&self) -> String {
        self.name().unwrap_or_default()
    }

    /// ` of checkout`, for explanations.
    pub(super) fn of(&self) -> String {
        self.name().map(|name| format!(" of {name}")).unwrap_or_default()
    }

    /// Whether `job` names it.
    pub(super) fn is_job(&self) -> bool {
        self.label.as_ref().is_some_and(|(label, _)| label == "job")
    }

    /// Whether another label names the same component, as a mesh and the component itself do.
    pub(super) fn is_twin_of(&self, other: &Component) -> bool {
        let label = |c: &Component| c.label.as_ref().map(|(label, _)| label.clone());
        self.name().is_some() && self.name() == other.name() && label(self) != label(other)
    }

    /// Whether a series is its own.
    pub(super) fn has(&self, series: &Series) -> bool {
        self.label.as_ref().is_none_or(|(label, value)| series.labels.get(label) == Some(value))
    }
}

/// A catalogue with its families by name.
pub(super) struct View<'a> {
    families: &'a [Family],
    by_name: BTreeMap<&'a str, &'a Family>,
    exporters: BTreeSet<(&'a str, &'a str)>,
    /// Jobs that speak for several components, and the label that tells these apart; no job at all is one.
    collectors: BTreeMap<&'a str, &'static str>,
}

impl<'a> View<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let by_name: BTreeMap<&str, &Family> = catalogue.families.iter().map(|f| (f.name.as_str(), f)).collect();
        let marked = EXPORTER_MARKS.iter().filter_map(|mark| by_name.get(mark));
        let named = |f: &&'a Family| COMPONENT.iter().flat_map(|l| f.values(l).into_iter().map(|v| (*l, v))).collect();
        let exporters = marked.flat_map(|family| -> Vec<(&str, &str)> { named(family) }).collect();
        View { families: &catalogue.families, by_name, exporters, collectors: collectors(&catalogue.families) }
    }

    /// The label by which a family tells components apart.
    fn component_label(&self, family: &Family) -> Option<&'static str> {
        let has = |label: &&&'static str| !family.values(label).is_empty();
        let special = COMPONENT_OF.iter().find(|(prefix, _)| family.name.starts_with(prefix));
        let special = special.and_then(|(_, labels)| labels.iter().find(has));
        let mut jobs = family.series.iter().map(|one| one.labels.get("job").map_or("", String::as_str));
        let mut behind = || {
            let label = self.collectors.get(jobs.next()?)?;
            jobs.all(|job| self.collectors.get(job) == Some(label)).then_some(label)
        };
        special.or_else(|| behind().filter(has)).or_else(|| COMPONENT.iter().find(has)).copied()
    }

    /// The components of a family, in the order of their values.
    pub(super) fn components(&self, family: &Family) -> Vec<Component> {
        let Some(label) = self.component_label(family) else { return vec![Component { label: None }] };
        let values = family.values(label).into_iter();
        values.map(|value| Component { label: Some((label.to_owned(), value.to_owned())) }).collect()
    }

    /// Labels to group by: those of `wanted` that the family has, else its component label; none where that makes too
    /// many groups.
    pub(super) fn group_by(&self, family: &Family, wanted: &[&str]) -> Vec<String> {
        let there = family.labels();
        let mut labels: Vec<String> = wanted.iter().filter(|l| there.contains(**l)).map(|l| (*l).to_owned()).collect();
        if labels.is_empty() {
            labels.extend(self.component_label(family).map(str::to_owned));
        }
        let groups: BTreeSet<Vec<Option<&String>>> =
            family.series.iter().map(|one| labels.iter().map(|label| one.labels.get(label)).collect()).collect();
        if groups.len() > MOST_GROUPS { Vec::new() } else { labels }
    }

    pub(super) fn family(&self, name: &str) -> Option<&'a Family> {
        self.by_name.get(name).copied()
    }

    /// Families that are worth a look, in the order of their names.
    pub(super) fn families(&self) -> impl Iterator<Item = &'a Family> {
        let worth = |family: &&Family| !is_machinery(&family.name) && is_sayable(&family.name) && !is_snapshot(family);
        self.families.iter().filter(worth)
    }

    /// Whether series of this name are there, also as parts of a histogram or summary.
    pub(super) fn has_series(&self, name: &str) -> bool {
        let part = |suffix| name.strip_suffix(suffix).and_then(|base| self.family(base));
        let whole = |family: &Family| {
            matches!(family.kind, FamilyKind::Histogram | FamilyKind::NativeHistogram | FamilyKind::Summary)
        };
        self.family(name).is_some() || [part("_sum"), part("_count")].into_iter().flatten().any(whole)
    }

    /// Whether a component is an exporter, whose own process is not the product.
    pub(super) fn is_exporter(&self, component: &Component) -> bool {
        let named = component.label.as_ref().map(|(label, value)| (label.as_str(), value.as_str()));
        named.is_some_and(|named| self.exporters.contains(&named))
    }
}

/// Jobs with several values of one of the labels that name what is behind them.
fn collectors(families: &[Family]) -> BTreeMap<&str, &'static str> {
    let mut seen: BTreeMap<(&str, usize), BTreeSet<&str>> = BTreeMap::new();
    for one in families.iter().flat_map(|family| &family.series) {
        let job = one.labels.get("job").map_or("", String::as_str);
        for (i, label) in BEHIND_A_JOB.iter().enumerate() {
            if let Some(value) = one.labels.get(*label) {
                seen.entry((job, i)).or_default().insert(value);
            }
        }
    }
    let several = seen.into_iter().filter(|(_, values)| values.len() > 1);
    // The first label of a job that tells anything apart is the one: later ones do not replace it.
    several.rev().map(|((job, i), _)| (job, BEHIND_A_JOB[i])).collect()
}

/// Whether conditions select a series of a family; none at all select every one.
pub(super) fn is_fulfilled(family: &Family, conditions: &[Matcher]) -> bool {
    let compiled = Selector { name: String::new(), matchers: conditions.to_vec() }.compile();
    // What has no condition is no selector, and what cannot be compiled selects nothing in any case.
    let matches = |one: &Series| compiled.as_ref().is_ok_and(|own| own.matches(&family.name, &one.labels));
    conditions.is_empty() || family.series.iter().any(matches)
}

/// Whether a family speaks for components that are not those of its `job`.
pub(super) fn is_of_a_mesh(name: &str) -> bool {
    COMPONENT_OF.iter().any(|(prefix, _)| name.starts_with(prefix))
}

/// Whether a selector can have this name. Newer servers take any text for one, such as OpenTelemetry's names with points.
pub(super) fn is_sayable(name: &str) -> bool {
    let first = |c: char| c == '_' || c == ':' || c.is_ascii_alphabetic();
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// Whether a family has buckets and is no histogram: of what is there now, cumulated, which no form reads.
fn is_snapshot(family: &Family) -> bool {
    family.kind == FamilyKind::Unknown && family.series.iter().any(|one| !one.bounds.is_empty())
}

/// Whether a family counts what scrapers or Mettle do.
pub(super) fn is_machinery(name: &str) -> bool {
    MACHINERY.iter().any(|prefix| name.starts_with(prefix)) || matches!(name, "up" | "ALERTS" | "ALERTS_FOR_STATE")
}

/// Whether a family is about answered requests.
pub(super) fn is_request(name: &str) -> bool {
    ["request", "_rq_", "rpc_", "grpc_", "http_server", "_handled"].iter().any(|part| name.contains(part))
        && !is_of_a_store(name)
        && !["size", "_in_flight", "_inflight", "in_progress", "_active", "body"].iter().any(|part| name.contains(part))
}

/// Whether a name is about requests to a cache or a database, which users do not see; a component that is called so and
/// answers HTTP is none.
fn is_of_a_store(name: &str) -> bool {
    let says = |word: &str| STORES.contains(&word) || word.contains("sql");
    name.split('_').any(says) && usualness(name) == Usualness::Other
}

/// How usual a name is for answered requests, the usual ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Usualness {
    /// What the conventions of Prometheus and OpenTelemetry call them: `http_requests_total`,
    /// `http_server_request_duration_seconds`, `grpc_server_handled_total`.
    Convention,
    /// The same with something in front.
    Prefixed,
    /// Anything else.
    Other,
}

pub(super) fn usualness(name: &str) -> Usualness {
    const USUAL: [&str; 5] = ["http_server_", "http_request", "rpc_server_", "grpc_server_", "graphql_request"];
    if USUAL.iter().any(|usual| name.starts_with(usual)) {
        Usualness::Convention
    } else if USUAL.iter().any(|usual| name.contains(usual)) {
        Usualness::Prefixed
    } else {
        Usualness::Other
    }
}

/// Whether a family is about requests that a component makes, not about those that it answers.
pub(super) fn is_client(name: &str) -> bool {
    ["client", "upstream", "outgoing", "egress", "outbound"].iter().any(|part| name.contains(part))
}

/// Which requests a name is about: a component that answers two protocols has two.
pub(super) fn protocol(name: &str) -> &'static str {
    if name.contains("rpc") {
        "rpc"
    } else if name.contains("graphql") {
        "graphql"
    } else {
        "http"
    }
}

/// `success`, or `rpc-success`: a name of what another protocol than HTTP does.
pub(super) fn named(family: &str, what: &str) -> String {
    match protocol(family) {
        "http" => what.to_owned(),
        other => format!("{other}-{what}"),
    }
}
