//! Which scenarios a document holds.

use super::super::node::Node;

/// A kind of scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scenario {
    KillPods,
    Container,
    PodNetworkChaos,
    PodShaping,
    PodNetworkFilter,
    PodNetworkOutage,
    ApplicationOutage,
    ServiceHijacking,
    /// It has no equal here: the reason.
    Without(&'static str),
}

const NODE: &str = "acts on nodes of a cluster; a local landscape has none";
const CLOUD: &str = "acts on machines of a cloud; a landscape has none";
const VM: &str = "acts on virtual machines inside a cluster; a landscape has none";
const LOAD: &str = "load is a suite of its own; a fault sends none";

impl Scenario {
    pub fn title(self) -> &'static str {
        match self {
            Scenario::KillPods => "kill-pods",
            Scenario::Container => "container",
            Scenario::PodNetworkChaos => "pod-network-chaos",
            Scenario::PodShaping => "pod-network-shaping",
            Scenario::PodNetworkFilter => "pod-network-filter",
            Scenario::PodNetworkOutage => "pod-network-outage",
            Scenario::ApplicationOutage => "application-outage",
            Scenario::ServiceHijacking => "service-hijacking",
            Scenario::Without(_) => "scenario",
        }
    }
}

/// Scenarios of a document with the values that describe them; none for a document of another tool.
pub(super) fn scenarios<'a>(root: &Node<'a>) -> Vec<(Scenario, Node<'a>)> {
    let items = root.items();
    if !items.is_empty() {
        return items.into_iter().filter_map(|item| Some((of_item(&item)?, item))).collect();
    }
    if root.get("apiVersion").is_some() {
        return Vec::new();
    }
    of_object(root)
}

fn of_item(item: &Node) -> Option<Scenario> {
    if item.get("http_load_scenario").is_some() {
        return Some(Scenario::Without(LOAD));
    }
    let id = item.get("id")?.text()?;
    let described = ["config", "test_duration"].iter().any(|key| item.get(key).is_some());
    Some(match id {
        "kill-pods" => Scenario::KillPods,
        "pod_network_chaos" => Scenario::PodNetworkChaos,
        "pod_egress_shaping" | "pod_ingress_shaping" => Scenario::PodShaping,
        "pod_network_filter" => Scenario::PodNetworkFilter,
        "pod_network_outage" => Scenario::PodNetworkOutage,
        "node_network_chaos" | "node_network_filter" | "node_interface_down" | "network_chaos" => {
            Scenario::Without(NODE)
        }
        "vmi_network_chaos" | "vmi_network_filter" => Scenario::Without(VM),
        _ if described => Scenario::Without("a scenario of this id is not known here"),
        _ => return None,
    })
}

fn of_object<'a>(root: &Node<'a>) -> Vec<(Scenario, Node<'a>)> {
    const WITHOUT: [(&str, &str); 9] = [
        ("node_scenarios", NODE),
        ("network_chaos", NODE),
        ("hog-type", "burdens whole nodes of a cluster; a fault `stress.*` on a component is written by hand"),
        ("zone_outage", CLOUD),
        ("cluster_shut_down_scenario", CLOUD),
        ("managedcluster_scenarios", "acts on whole clusters"),
        ("pvc_scenario", "fills a volume up to a share of it; `stress.disk` takes bytes to write or to leave"),
        ("storage_throttle_scenario", "limits a volume through its control group; that has no equal here"),
        ("time_scenarios", "sets clocks to a fixed date or time of day; `time.offset` moves them by a length of time"),
    ];
    if let Some(outage) = root.get("application_outage") {
        return vec![(Scenario::ApplicationOutage, outage)];
    }
    if let Some((_, why)) = WITHOUT.iter().find(|(key, _)| root.get(key).is_some()) {
        return vec![(Scenario::Without(why), root.clone())];
    }
    if root.get("plan").is_some() && root.get("service_name").is_some() {
        return vec![(Scenario::ServiceHijacking, root.clone())];
    }
    if root.get("target-service").is_some() && root.get("packet-size").is_some() {
        return vec![(Scenario::Without("forges packets from other hosts; a fault never does"), root.clone())];
    }
    let scenarios = root.get("scenarios").map(|scenarios| scenarios.items()).unwrap_or_default();
    scenarios.into_iter().filter_map(|item| Some((of_listed(&item)?, item))).collect()
}

fn of_listed(item: &Node) -> Option<Scenario> {
    if item.get("container_name").is_some() {
        return Some(Scenario::Container);
    }
    if item.get("scenario").is_some() {
        return Some(Scenario::Without(VM));
    }
    item.get("namespace")?;
    Some(Scenario::Without("deletes the objects of a namespace; a landscape has neither"))
}
