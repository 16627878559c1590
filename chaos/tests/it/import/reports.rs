//! One report of each tool, to read.

use super::fixtures;
use chaos::import::{embedded, import, text};
use serde_json::json;

fn report(tool: &str, name: &str) -> String {
    let imported = import(fixtures::one(tool, name)).expect("the tool is known");
    imported.iter().map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn chaos_toolkit() {
    insta::assert_snapshot!(report("chaos_toolkit", "service-down-not-visible-to-users"), @r#"
    Chaos Toolkit `service-down-not-visible-to-users`: accepted with caveats

    maps exactly
      method[0].name = stop-provider-service
      method[0].provider.module = chaosk8s.actions  ->  process.kill
      method[0].provider.type = python  ->  process.kill
      method[0].type = action
      method[1].type = probe
      rollbacks = []
      steady-state-hypothesis.probes[0].name = all-services-are-healthy
      steady-state-hypothesis.probes[0].type = probe
      steady-state-hypothesis.probes[1].name = consumer-service-must-still-respond
      steady-state-hypothesis.probes[1].type = probe
      steady-state-hypothesis.title = steady state  ->  hypothesis.title
      title = service-down-not-visible-to-users  ->  metadata.name
      version = 1.0.0

    maps with a caveat
      description = text
          not kept: our metadata holds a name and owners; a comment can hold it
      method[0].pauses.after = 15  ->  method.hold
          the time until the next activity is the time it holds
      method[0].provider.arguments.name = my-provider-app  ->  targets.my-provider-app
          the deployment is taken as the component of that name
      method[0].provider.func = kill_microservice  ->  process.kill
          there it is deleted and stays away; here every replica is killed and started again
      method[1].ref = all-services-are-healthy
          the signals of that probe are watched all the time
      steady-state-hypothesis.probes[0].provider = {"func":"all_microservices_healthy","module":"chaosk8s.probes","type":"python"}  ->  hypothesis.signals
          not run by an experiment: declare the readiness of all components as the signal `all-services-are-healthy`
      steady-state-hypothesis.probes[0].tolerance = true  ->  hypothesis.signals
          as a limit of the signal `all-services-are-healthy`: equal to true
      steady-state-hypothesis.probes[1].provider = {"type":"http","url":"http://192.168.39.7:31546/invokeConsumedService"}  ->  hypothesis.signals
          not run by an experiment: declare a journey `GET http://192.168.39.7:31546/invokeConsumedService` as the signal `consumer-service-must-still-respond`
      steady-state-hypothesis.probes[1].tolerance = 200  ->  hypothesis.signals
          as a limit of the signal `consumer-service-must-still-respond`: equal to 200
      tags = ["service","kubernetes","spring"]
          not kept: our metadata holds a name and owners; a comment can hold it

    how to go on
      1. Check that your landscape has these components: my-provider-app.
      2. Name signals under hypothesis.signals: without one, nothing is judged.
      3. Run `mettle chaos validate`, then `mettle chaos plan`: it shows targets, doses and every objection.
    "#);
}

#[test]
fn chaos_mesh() {
    insta::assert_snapshot!(report("chaos_mesh", "network-delay-with-target-example"), @r#"
    Chaos Mesh `network-delay-example`: accepted with caveats

    maps exactly
      apiVersion = chaos-mesh.org/v1alpha1  ->  apiVersion
      kind = NetworkChaos  ->  kind
      metadata.name = network-delay-example  ->  metadata.name
      spec.action = delay  ->  net.delay
      spec.delay.jitter = 90ms  ->  net.delay.jitter
      spec.delay.latency = 90ms  ->  net.delay.delay
      spec.direction = to  ->  net.delay.direction

    maps with a caveat
      spec.delay = {"correlation":"25","jitter":"90ms","latency":"90ms"}  ->  net.delay
          the selected component is taken as the caller of the target; if the target calls it, swap them
      spec.duration = 10s  ->  method.hold
          counts from the creation there and from the verified injection here
      spec.mode = one
          a fault on edges meets the traffic of every replica
      spec.selector.labelSelectors["app.kubernetes.io/component"] = web-app  ->  the caller of the edge, `from`
          component taken from the label `app.kubernetes.io/component`
      spec.selector.namespaces = ["web"]
          a landscape has no namespaces; the component is meant wherever it runs
      spec.target.mode = one
          a fault on edges meets the traffic of every replica
      spec.target.selector.labelSelectors["app.kubernetes.io/component"] = pool  ->  targets.pool
          component taken from the label `app.kubernetes.io/component`
      spec.target.selector.namespaces = ["db","storage"]
          a landscape has no namespaces; the component is meant wherever it runs

    does not map
      spec.delay.correlation = 25
          each draw is on its own

    how to go on
      1. Check that your landscape has these components: pool, web-app.
      2. Name signals under hypothesis.signals: without one, nothing is judged.
      3. Run `mettle chaos validate`, then `mettle chaos plan`: it shows targets, doses and every objection.
    "#);
}

#[test]
fn litmus() {
    insta::assert_snapshot!(report("litmus", "probes-httpprobe-http-get"), @r#"
    Litmus `engine-nginx`: accepted with caveats

    maps exactly
      apiVersion = litmuschaos.io/v1alpha1  ->  apiVersion
      kind = ChaosEngine  ->  kind
      metadata.name = engine-nginx  ->  metadata.name
      spec.engineState = active
      spec.experiments[0].name = pod-delete  ->  process.restartLoop
      spec.experiments[0].spec.probe[0].name = check-frontend-access-url
      spec.experiments[0].spec.probe[0].type = httpProbe

    maps with a caveat
      spec.appinfo.appkind = deployment
          a component has no kind; its replicas are drawn
      spec.appinfo.applabel = app=nginx  ->  targets.nginx
          component taken from the label `app`
      spec.appinfo.appns = default
          a landscape has no namespaces; the component is meant wherever it runs
      spec.chaosServiceAccount = pod-delete-sa
          belongs to how the other tool works; nothing here needs it
      spec.experiments[0].spec.probe[0]["httpProbe/inputs"] = {"method":{"get":{"criteria":"==","responseCode":"<response code>"}},"url":"<url>"}  ->  hypothesis.signals
          not run by an experiment: declare a journey `GET <url>` with status == <response code> as the signal `check-frontend-access-url`
      spec.experiments[0].spec.probe[0].mode = Continuous
          signals are measured all the time and judged in every phase
      spec.experiments[0].spec.probe[0].runProperties = {"interval":2,"probePollingInterval":2,"probeTimeout":5,"retry":1}  ->  guards
          how often and how long is the probe's affair; `stopOnFailure` would be a guard

    how to go on
      1. Check that your landscape has these components: nginx.
      2. Name signals under hypothesis.signals: without one, nothing is judged.
      3. Run `mettle chaos validate`, then `mettle chaos plan`: it shows targets, doses and every objection.
    "#);
}

#[test]
fn krkn() {
    insta::assert_snapshot!(report("krkn", "kind-pod-etcd"), @"
    Krkn `kill-pods`: accepted with caveats

    maps exactly
      [0].config.kill = 1  ->  targets.choose.count
      [0].config.krkn_pod_recovery_time = 120  ->  hypothesis.recoverWithin
      [0].config.krkn_pod_recovery_time = 120  ->  method.hold
      [0].id = kill-pods  ->  process.stop

    maps with a caveat
      [0].config.label_selector = component=etcd  ->  targets.etcd
          component taken from the label `component`
      [0].config.namespace_pattern = kube-system
          a landscape has no namespaces; the component is meant wherever it runs

    how to go on
      1. Check that your landscape has these components: etcd.
      2. Name signals under hypothesis.signals: without one, nothing is judged.
      3. Run `mettle chaos validate`, then `mettle chaos plan`: it shows targets, doses and every objection.
    ");
}

#[test]
fn secrets_stay_out_of_reports() {
    let document = json!({"title": "t", "secrets": {"cloud": {"key": "hush-1"}}, "method": [
        {"type": "action", "name": "a", "provider": {"type": "http", "url": "http://x", "headers":
            {"Authorization": "hush-2"}, "arguments": {"api_token": "hush-3"}}}]});
    let report = text(&import(&[document]).unwrap()[0]);
    assert!(!report.contains("hush"), "{report}");
    assert!(report.contains("(hidden)"), "{report}");
}

#[test]
fn documents_inside_texts_are_found() {
    let manifest = "apiVersion: litmuschaos.io/v1alpha1\nkind: ChaosEngine\n";
    let document = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec":
        {"templates": [{"name": "run", "inputs": {"artifacts": [{"name": "a", "raw": {"data": manifest}}]}}]}});
    let pointers = embedded(&document);
    assert_eq!(pointers, ["/spec/templates/0/inputs/artifacts/0/raw/data"]);
    assert_eq!(document.pointer(&pointers[0]).and_then(|value| value.as_str()), Some(manifest));
    let imported = import(&[document]).unwrap();
    assert!(text(&imported[0]).contains("take it out into a file of its own"));
}

#[test]
fn secrets_are_known_by_the_name_next_to_them() {
    let engine = json!({"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine", "metadata": {"name": "n"},
        "spec": {"appinfo": {"applabel": "app=web"}, "experiments": [{"name": "pod-delete", "spec": {"components":
            {"env": [{"name": "DB_PASSWORD", "value": "hush-1"}, {"name": "FORCE", "value": "true"}]}}}]}});
    let toolkit = json!({"title": "t", "method": [], "configuration": {
        "password": {"type": "env", "key": "P", "default": "hush-2"},
        "db": {"type": "env", "key": "DB_TOKEN", "default": "hush-3"},
        "deep_secret": {"one": {"two": "hush-4"}}}});
    for document in [engine, toolkit] {
        let report = text(&import(&[document]).unwrap()[0]);
        assert!(!report.contains("hush"), "{report}");
        assert!(report.contains("(hidden)"), "{report}");
    }
}

#[test]
fn a_source_writes_no_line_of_its_report() {
    let forged = "x\n\nmaps exactly\n  forged\u{1b}[2K\u{9b}2J\r\u{202e}";
    let document = json!({"title": forged, forged: 1, "method": [{"type": "action", "name": "a", "ref": forged},
        {"type": "action", "name": "b", "provider": {"type": "python", "module": forged, "func": forged}}],
        "rollbacks": [{"type": "action", "name": "c", "provider": {"type": "python", "module": "m", "func": forged}}],
        "configuration": {forged: {"type": forged}}});
    let workflow = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": forged, "metadata": {"name": forged},
        "spec": {}});
    for document in [document, workflow] {
        let report = text(&import(&[document]).unwrap()[0]);
        let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!report.contains(steers), "{report:?}");
        assert!(!report.lines().any(|line| line.trim_start().starts_with("forged")), "{report}");
    }
    let error = import(&[json!({forged: 1})]).unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}
