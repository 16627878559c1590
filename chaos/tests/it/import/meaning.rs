//! What the sources mean, in steps, targets and doses.

use chaos::document::{Choose, Experiment};
use chaos::import::{Fit, Imported, import};
use serde_json::{Value, json};

fn one(document: Value) -> Imported {
    import(&[document]).expect("the tool is known").remove(0)
}

fn experiment(imported: &Imported) -> &Experiment {
    imported.experiment.as_ref().unwrap_or_else(|| panic!("no experiment: {:#?}", imported.lines))
}

fn method(imported: &Imported) -> Value {
    serde_json::to_value(&experiment(imported).method).expect("a method is JSON")
}

fn mesh(kind: &str, spec: Value) -> Imported {
    one(json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "n"}, "spec": spec}))
}

fn litmus(name: &str, label: &str, env: Value) -> Imported {
    let env: Vec<_> = env.as_object().expect("an object").iter().map(|(k, v)| json!({"name": k, "value": v})).collect();
    one(json!({"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine", "metadata": {"name": "n"}, "spec":
        {"appinfo": {"applabel": label}, "experiments": [{"name": name, "spec": {"components": {"env": env}}}]}}))
}

fn says(imported: &Imported, key: &str, words: &str) -> bool {
    imported.lines.iter().any(|line| match &line.fit {
        Fit::Caveat(why) | Fit::Not { why } => line.key == key && why.contains(words),
        Fit::Exact => false,
    })
}

#[test]
fn modes_choose_replicas() {
    let chosen = |mode: &str, value: Option<&str>| {
        let spec = json!({"action": "pod-kill", "mode": mode, "value": value,
            "selector": {"labelSelectors": {"app": "web", "tier": "front"}}});
        mesh("PodChaos", spec).experiment.map(|experiment| experiment.targets["web"].choose.clone())
    };
    let count = |n| Some(Choose::count(n));
    let percent = |n| Some(Choose::percent(n));
    assert_eq!(chosen("one", None), count(1));
    assert_eq!(chosen("all", None), percent(100));
    assert_eq!(chosen("fixed", Some("3")), count(3));
    assert_eq!(chosen("fixed-percent", Some("25")), percent(25));
    assert_eq!(chosen("random-max-percent", Some("50")), percent(50));
    for (mode, value) in [("fixed", Some("0")), ("fixed", Some("2.5")), ("fixed-percent", None), ("some", None)] {
        assert_eq!(chosen(mode, value), None, "{mode} {value:?}");
    }
}

#[test]
fn selectors_name_components() {
    let named = |selector: Value| {
        let imported = mesh("PodChaos", json!({"action": "pod-kill", "mode": "one", "selector": selector}));
        imported.experiment.map(|experiment| experiment.targets.keys().next().cloned().expect("one target"))
    };
    let web = Some("web".to_string());
    assert_eq!(named(json!({"labelSelectors": {"app.kubernetes.io/name": "web", "x": "y"}})), web);
    assert_eq!(named(json!({"labelSelectors": {"x": "web"}})), web, "the only label is taken");
    assert_eq!(named(json!({"labelSelectors": {"x": "web", "y": "z"}})), None, "no label is known to name it");
    assert_eq!(named(json!({"pods": {"ns": ["web-0", "web-1"]}})), web);
    assert_eq!(named(json!({"pods": {"ns": ["web-5d89f4bdc8-x2x7k"]}})), web);
    assert_eq!(named(json!({"pods": {"ns": ["web-0", "db-0"]}})), None);
    assert_eq!(named(json!({"expressionSelectors": [{"key": "app", "operator": "In", "values": ["web"]}]})), web);
    assert_eq!(named(json!({"expressionSelectors": [{"key": "app", "operator": "In", "values": ["a", "b"]}]})), None);
    assert_eq!(named(json!({"namespaces": ["web"]})), None);
}

#[test]
fn a_schedule_keeps_its_rhythm() {
    let schedule = |every: &str| {
        let delay = json!({"action": "delay", "mode": "all", "selector": {"labelSelectors": {"app": "web"}},
            "delay": {"latency": "50ms"}, "duration": "20s"});
        mesh(
            "Schedule",
            json!({"schedule": every, "type": "NetworkChaos", "historyLimit": 5,
            "concurrencyPolicy": "Forbid", "networkChaos": delay}),
        )
    };
    let step = method(&schedule("@every 1m"))[0].clone();
    assert_eq!((&step["hold"], &step["rest"]), (&json!("20s"), &json!("40s")));
    assert!(says(&schedule("0 3 * * 1"), "spec.schedule", "up to the soak"));
}

#[test]
fn parallel_templates_go_in_together() {
    let delay = |app: &str| {
        json!({"action": "delay", "mode": "all", "selector": {"labelSelectors": {"app": app}},
        "delay": {"latency": "50ms"}})
    };
    let leaf = |name: &str, deadline: &str| {
        json!({"name": name, "templateType": "NetworkChaos", "deadline": deadline,
        "networkChaos": delay(name)})
    };
    let imported = mesh(
        "Workflow",
        json!({"entry": "all", "templates": [leaf("a", "10s"), leaf("b", "20s"),
        {"name": "all", "templateType": "Parallel", "children": ["a", "b"]}]}),
    );
    let method = method(&imported);
    assert_eq!(method.as_array().map(Vec::len), Some(1));
    assert_eq!(method[0]["parallel"].as_array().map(Vec::len), Some(2));
    assert_eq!(method[0]["hold"], "20s");
    assert!(says(&imported, "spec.templates[2].children[0]", "all hold 20s"));
    assert_eq!(experiment(&imported).blast.max_targets, 2);
}

#[test]
fn http_chaos_becomes_faults_of_edges() {
    let imported = mesh(
        "HTTPChaos",
        json!({"mode": "all", "selector": {"labelSelectors": {"app": "web"}},
        "target": "Response", "port": 80, "path": "/api/*", "replace": {"code": 503}, "duration": "5m"}),
    );
    let expected = json!({"kind": "http.abort", "target": "web", "status": 503, "share": 1.0});
    assert_eq!(method(&imported)[0]["fault"], expected);
    assert_eq!(method(&imported)[0]["hold"], "5m");
    assert!(says(&imported, "spec.path", "every request"));
}

#[test]
fn stressors_go_in_together() {
    let imported = mesh(
        "StressChaos",
        json!({"mode": "one", "selector": {"labelSelectors": {"app": "web"}},
        "stressors": {"cpu": {"workers": 2, "load": 20}, "memory": {"workers": 4, "size": "256MB"}}, "duration": "30s"}),
    );
    let parallel = json!([{"fault": {"kind": "stress.cpu", "target": "web", "cores": 2, "load": 0.2}},
        {"fault": {"kind": "stress.memory", "target": "web", "bytes": "256MB"}}]);
    assert_eq!(method(&imported)[0]["parallel"], parallel);
    let share = mesh(
        "StressChaos",
        json!({"mode": "one", "selector": {"labelSelectors": {"app": "web"}},
        "stressors": {"memory": {"workers": 1, "size": "50%"}}}),
    );
    assert!(says(&share, "spec.stressors.memory.size", "a share of the memory"));
}

#[test]
fn background_actions_of_chaos_toolkit_go_in_together() {
    let act = |proxy: &str, background: bool| {
        json!({"type": "action", "name": proxy, "background": background,
        "provider": {"type": "python", "module": "chaostoxi.toxic.actions", "func": "create_latency_toxic",
            "arguments": {"for_proxy": proxy, "toxic_name": "t", "latency": 80, "jitter": 8}},
        "pauses": {"before": 3, "after": 7}})
    };
    let imported = one(json!({"title": "t", "method": [act("a", true), act("b", false), act("c", false)]}));
    let method = method(&imported);
    // The pause before the second one parts it from the first.
    assert_eq!(method.as_array().map(Vec::len), Some(3));
    assert_eq!(method[0]["rest"], "33s");
    let fault = json!({"kind": "net.delay", "target": "c", "delay": "80ms", "jitter": "8ms", "direction": "from"});
    assert_eq!((&method[2]["fault"], &method[2]["hold"]), (&fault, &json!("7s")));
    let mut together = act("b", false);
    together["pauses"] = json!({"after": 9});
    let imported = one(json!({"title": "t", "method": [act("a", true), together]}));
    assert_eq!(experiment(&imported).method[0].parallel.len(), 2);
}

#[test]
fn toxics_of_toxiproxy_are_faults_of_edges() {
    let fault = |func: &str, mut arguments: Value| {
        arguments["for_proxy"] = json!("db");
        arguments["toxic_name"] = json!("t");
        let imported =
            one(json!({"title": "t", "method": [{"type": "action", "name": "a", "provider": {"type": "python",
            "module": "chaostoxi.toxic.actions", "func": func, "arguments": arguments}}]}));
        method(&imported)[0]["fault"].clone()
    };
    let slices = fault("create_slicer_toxic", json!({"average_size": 64, "size_variation": 8, "delay": 5000}));
    assert_eq!(
        slices,
        json!({"kind": "net.slice", "target": "db", "size": "64B", "variation": "8B", "delay": "5ms",
        "direction": "from"})
    );
    let ends = fault("create_limiter_toxic", json!({"bytes_limit": 2048}));
    assert_eq!(ends, json!({"kind": "net.limitData", "target": "db", "bytes": "2KiB", "direction": "from"}));
    let slow = fault("create_bandwith_degradation_toxic", json!({"rate": 100}));
    assert_eq!((&slow["kind"], &slow["rate"]), (&json!("net.bandwidth"), &json!("100KB/s")));
    let shut = fault("create_slow_connection_close_toxic", json!({"delay": 400}));
    assert_eq!((&shut["kind"], &shut["direction"]), (&json!("net.slowClose"), &json!("from")));
}

#[test]
fn bodies_and_headers_are_changed() {
    let body = mesh(
        "HTTPChaos",
        json!({"mode": "all", "selector": {"labelSelectors": {"app": "web"}},
        "target": "Response", "replace": {"body": "eyJvayI6IGZhbHNlfQ=="}, "duration": "1m"}),
    );
    assert_eq!(method(&body)[0]["fault"]["change"], json!({"replace": {"with": "{\"ok\": false}"}}));
    let env = json!({"HEADERS_MAP": "{\"X-New\": \"1\", \"X-Old\": \"\"}", "HEADER_MODE": "request"});
    let header = method(&litmus("pod-http-modify-header", "app=web", env))[0]["fault"].clone();
    assert_eq!(
        (&header["set"], &header["remove"], &header["on"]),
        (&json!({"X-New": "1"}), &json!(["X-Old"]), &json!("request"))
    );
}

#[test]
fn percentages_of_litmus_and_their_absence() {
    let chosen = |value: Value| {
        let env = json!({"PODS_AFFECTED_PERC": value, "NETWORK_LATENCY": "300", "TOTAL_CHAOS_DURATION": "60"});
        experiment(&litmus("pod-network-latency", "app=web", env)).targets["web"].choose.clone()
    };
    assert_eq!(chosen(json!("50")), Choose::percent(50));
    assert_eq!(chosen(json!("0")), Choose::count(1));
    assert_eq!(chosen(json!("")), Choose::default());
}

#[test]
fn litmus_without_an_application_or_for_single_hosts_is_refused() {
    assert_eq!(litmus("pod-delete", "", json!({})).experiment, None);
    let env = json!({"NETWORK_LATENCY": "300", "DESTINATION_HOSTS": "db.example"});
    let imported = litmus("pod-network-latency", "app=web", env);
    assert_eq!(imported.experiment, None);
    assert!(says(&imported, "spec.experiments[0].name", "single addresses only"));
}

#[test]
fn defaults_of_litmus_are_named() {
    let imported = litmus("pod-network-latency", "app=web", json!({}));
    let expected = json!({"kind": "net.delay", "target": "web", "delay": "2s", "jitter": "0ms", "direction": "from"});
    assert_eq!(method(&imported)[0]["fault"], expected);
    assert!(says(&imported, "spec.experiments[0].name", "`NETWORK_LATENCY` is not set; its default there"));
}

#[test]
fn krkn_kills_pods_within_a_recovery_time() {
    let imported = one(json!([{"id": "kill-pods", "config": {"namespace_pattern": "^default$",
        "name_pattern": "^nginx-.*$", "kill": 2, "krkn_pod_recovery_time": 120}}]));
    let experiment = experiment(&imported);
    assert_eq!(experiment.targets["nginx"].choose.count, Some(2));
    assert_eq!(experiment.hypothesis.recover_within.map(|span| span.ms()), Some(120_000));
    assert_eq!(experiment.blast.max_targets, 2);
    let everything = one(json!([{"id": "kill-pods", "config": {"namespace_pattern": "^openshift-.*$",
        "name_pattern": ".*", "kill": 3}}]));
    assert_eq!(everything.experiment, None, "a pattern for everything names no component");
}

#[test]
fn krkn_shapes_one_way_or_both() {
    let direction = |ingress: bool, egress: bool| {
        let imported = one(json!([{"id": "pod_network_chaos", "label_selector": "app=web", "test_duration": 60,
            "instance_count": 1, "ingress": ingress, "egress": egress, "latency": "100ms", "loss": 0}]));
        method(&imported)[0]["fault"]["direction"].clone()
    };
    assert_eq!([direction(true, false), direction(false, true), direction(true, true)], ["to", "from", "both"]);
}

#[test]
fn krkn_plans_answers_one_after_the_other() {
    let answer = |status: u16, seconds: u64| json!({"duration": seconds, "status": status, "payload": "p"});
    let imported = one(json!({"service_name": "shop", "service_target_port": 80, "chaos_duration": 30, "plan": [
        {"resource": "/list", "steps": {"GET": [answer(500, 15), answer(201, 15)], "POST": [answer(404, 10)]}}]}));
    let steps: Vec<_> =
        method(&imported).as_array().expect("a list").iter().map(|s| s["fault"]["status"].clone()).collect();
    assert_eq!(steps, [500, 404]);
    assert!(says(&imported, "plan[0].steps.GET[1].status", "only error statuses"));
}

#[test]
fn manifests_beside_experiments_are_told() {
    let documents = [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}),
        json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": {"name": "k"}, "spec":
            {"action": "pod-kill", "mode": "one", "selector": {"labelSelectors": {"app": "web"}}}}),
    ];
    let imported = import(&documents).unwrap();
    assert_eq!(imported.iter().map(|one| one.experiment.is_some()).collect::<Vec<_>>(), [false, true]);
    assert!(says(&imported[0], "", "not an experiment"));
}
