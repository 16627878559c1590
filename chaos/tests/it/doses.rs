//! Every fault on the bytes of an edge is seen from outside: in its dose when it is in, as void when it is not, and with a word when
//! it is another dose than what was asked.

use crate::component;
use crate::experiment::experiment;
use crate::faults::fault;
use crate::stage::{Memory, Small, server_with};
use axum::{Router, routing::get};
use chaos::act::Act;
use chaos::clock::SystemClock;
use chaos::execute::{Context, Ended, ExposureRecord, run};
use chaos::fault::{CATALOGUE, Fault};
use chaos::landscape::Landscape;
use chaos::lease::{FaultId, Lease};
use chaos::plan::{Overrides, build};
use chaos::proxy::{Dose, Edge, EdgeFault, EdgeName, Share};
use serde_json::{Value, json};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// One fault of every kind that acts on edges, and those forms of it that are measured in another way.
fn faults() -> Vec<Value> {
    let kinds = CATALOGUE.iter().map(|declaration| declaration.kind);
    let plain = kinds.filter(|kind| kind.starts_with("net.") || kind.starts_with("http.")).map(fault);
    let forms = [
        ("net.partition", json!({"mode": "reject"})),
        ("net.partition", json!({"mode": "half-open"})),
        ("net.bandwidth", json!({"per": "connection"})),
        ("net.corrupt", json!({"direction": "both"})),
        ("net.loss", json!({"burst": 3, "direction": "both"})),
        ("http.delay", json!({"jitter": "20ms"})),
        ("http.header", json!({"on": "request", "remove": ["user-agent", "x-trace"]})),
        ("http.body", json!({"change": {"find": {"text": "k", "with": "kay"}}})),
        ("http.body", json!({"change": {"replace": {"with": "no"}}})),
        ("http.body", json!({"change": {"truncate": {"bytes": "1B", "how": "broken"}}})),
    ];
    let able = |fault: &Value| component::is_able(fault["kind"].as_str().unwrap());
    let form = |(kind, changes): (&str, Value)| {
        let mut fault = fault(kind);
        for (key, value) in changes.as_object().unwrap() {
            fault[key] = value.clone();
        }
        fault
    };
    plain.chain(forms.map(form)).filter(able).collect()
}

/// The same with the whole for a share: of that less is told with few probes.
fn whole(mut fault: Value) -> Value {
    if fault.get("share").is_some() {
        fault["share"] = 1.into();
    }
    fault
}

fn edge_fault(fault: &Value) -> EdgeFault {
    let fault: Fault = serde_json::from_value(fault.clone()).unwrap();
    let Act::Edge(edge_fault) = fault.act() else { panic!("{fault:?} acts on no edge") };
    edge_fault
}

pub(crate) async fn expose(small: Small, fault: &Value) -> ExposureRecord {
    let landscape = Arc::new(small);
    let plan = build(&experiment(fault, "50ms", 1), &landscape.inventory(), Overrides::default(), 7).unwrap();
    let ctx = Context {
        run: "r1".into(),
        landscape: landscape.clone(),
        journal: Arc::new(Memory::default()),
        clock: Arc::new(SystemClock),
    };
    let ((_abort, aborts), (events, _seen)) = (watch::channel(None), mpsc::channel(64));
    let report = run(&plan, ctx, aborts, events).await;
    assert!(report.residue.is_empty() && landscape.edges[0].entries().is_empty(), "{report:?}");
    report.exposures.into_iter().next().unwrap()
}

/// A landscape in which this is done to every edge between an injection and the first look at it.
async fn sabotaged(how: impl Fn(&Edge) + Send + Sync + 'static) -> Small {
    Small { sabotage: Some(Box::new(how)), ..Small::with_server().await }
}

pub(crate) fn take_away(edge: &Edge) {
    for entry in edge.entries() {
        edge.remove(&entry.id);
    }
}

/// Exposes to `fault` while its entry says something else.
async fn expose_to(fault: &Value, connections: f64, instead: EdgeFault) -> ExposureRecord {
    let asked = edge_fault(fault);
    let dose = Dose { fault: instead, seed: 7, connections: Share::try_new(connections).unwrap() };
    let small = sabotaged(move |edge| {
        for entry in edge.entries().iter().filter(|entry| entry.fault == asked) {
            edge.set_dose(&entry.id, dose.clone());
        }
    });
    expose(small.await, fault).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_edge_shows_its_dose() {
    for fault in faults() {
        let exposure = expose(Small::with_server().await, &fault).await;
        assert!(exposure.verified && exposure.ended == Ended::Completed, "{fault}: {exposure:?}");
        let asked: Fault = serde_json::from_value(fault.clone()).unwrap();
        assert!(
            !asked.asked().is_empty() || fault["kind"] == "net.limitData" || fault["kind"] == "net.slice",
            "{fault}"
        );
        for (name, amount) in asked.asked() {
            let achieved = exposure.achieved[name];
            // A busy machine adds to times; it adds nothing to what a fault allows.
            assert!(achieved >= amount * 0.5 && achieved <= amount * 2.0, "{fault} {name}: {exposure:?}");
        }
        assert!(exposure.achieved["entry_hits"] > 0.0, "{fault}: {exposure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doses_without_end_are_measured_too() {
    for fault in [
        json!({"kind": "http.slow", "target": "p", "rate": "1B/s"}),
        json!({"kind": "net.slice", "target": "p", "size": "1B", "delay": "1s"}),
        json!({"kind": "net.limitConnections", "target": "p", "max": 200}),
        json!({"kind": "net.bandwidth", "target": "p", "rate": "1KiB/s", "direction": "from"}),
    ] {
        let exposure = expose(Small::with_server().await, &fault).await;
        assert!(exposure.verified, "{exposure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_that_is_taken_away_is_void() {
    for fault in faults() {
        let exposure = expose(sabotaged(take_away).await, &fault).await;
        assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{fault}: {exposure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_on_the_edge_to_another_component_is_void() {
    for fault in faults() {
        let small = Small::with_server().await;
        let ledger = Arc::new(Edge::open(EdgeName::new("checkout", "ledger"), small.edges[0].upstream()).unwrap());
        let (to, asked) = (ledger.clone(), edge_fault(&fault));
        let wrong = move |edge: &Edge| {
            for entry in edge.entries() {
                edge.remove(&entry.id);
                let lease = Lease::grant(FaultId::new("elsewhere", "x"));
                to.inject(&lease, entry.fault, 7).unwrap();
            }
        };
        let exposure = expose(Small { sabotage: Some(Box::new(wrong)), ..small }, &fault).await;
        // The road itself is known to none but the edge.
        if !matches!(asked, EdgeFault::Packets { .. }) {
            assert_eq!(ledger.entries()[0].fault, asked);
        }
        assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{fault}: {exposure:?}");
    }
}

/// The same fault with less of each of its amounts in turn.
fn less(fault: EdgeFault, by: u32) -> Vec<EdgeFault> {
    use EdgeFault::*;
    let part = |share: Share| Share::try_new(share.value() / f64::from(by)).unwrap();
    match fault {
        Delay { delay, jitter, direction } => vec![Delay { delay: delay / by, jitter: jitter / by, direction }],
        SlowClose { delay, direction } => vec![SlowClose { delay: delay / by, direction }],
        HttpDelay { delay, jitter, share } => vec![
            HttpDelay { delay: delay / by, jitter: jitter / by, share },
            HttpDelay { delay, jitter, share: part(share) },
        ],
        Bandwidth { bytes_per_second, per, direction } => {
            vec![Bandwidth { bytes_per_second: bytes_per_second * u64::from(by), per, direction }]
        }
        HttpSlow { bytes_per_second, share } => {
            let faster = bytes_per_second.checked_mul(NonZeroU64::new(by.into()).unwrap()).unwrap();
            vec![HttpSlow { bytes_per_second: faster, share }, HttpSlow { bytes_per_second, share: part(share) }]
        }
        LimitData { bytes, direction } => vec![LimitData { bytes: bytes * u64::from(by), direction }],
        LimitConnections { max } => vec![LimitConnections { max: max * u64::from(by) }],
        Slice { average, variation, delay, direction } => {
            vec![Slice { average, variation, delay: delay / by, direction }]
        }
        Reset { share } => vec![Reset { share: part(share) }],
        Corrupt { share, direction } => vec![Corrupt { share: part(share), direction }],
        Abort { status, share } => vec![Abort { status, share: part(share) }],
        HttpHeader { share, on, edit } => vec![HttpHeader { share: part(share), on, edit }],
        HttpBody { share, edit } => vec![HttpBody { share: part(share), edit }],
        // What a road does is its holder's: see the tests of holders.
        Packets { .. } | Partition { .. } | ResetAfter { .. } | Timeout { .. } | Tls { .. } => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_what_was_asked_is_void_or_told() {
    for fault in faults().into_iter().map(whole) {
        for weak in less(edge_fault(&fault), 2) {
            let exposure = expose_to(&fault, 1.0, weak.clone()).await;
            assert!(!exposure.verified || exposure.detail.is_some(), "{fault}, {weak:?}: {exposure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn far_less_than_asked_is_void() {
    for fault in faults().into_iter().map(whole) {
        let weak = less(edge_fault(&fault), 8);
        let of_edges = !matches!(edge_fault(&fault), EdgeFault::Partition { .. } | EdgeFault::Packets { .. });
        assert!(!weak.is_empty() || !of_edges, "{fault}");
        for weak in weak {
            let exposure = expose_to(&fault, 1.0, weak.clone()).await;
            assert!(!exposure.verified, "{fault}, {weak:?}: {exposure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_with_a_hole_is_void() {
    for fault in faults().into_iter().filter(|fault| fault["kind"] == "net.partition") {
        let exposure = expose_to(&fault, 0.5, edge_fault(&fault)).await;
        assert!(!exposure.verified, "{fault}: {exposure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_far_below_what_was_asked_is_void() {
    for fault in faults() {
        let slower = match edge_fault(&fault) {
            EdgeFault::Bandwidth { bytes_per_second, per, direction } => {
                EdgeFault::Bandwidth { bytes_per_second: bytes_per_second / 4, per, direction }
            }
            EdgeFault::HttpSlow { bytes_per_second, share } => {
                let bytes_per_second = NonZeroU64::new(bytes_per_second.get() / 4).unwrap();
                EdgeFault::HttpSlow { bytes_per_second, share }
            }
            _ => continue,
        };
        let exposure = expose_to(&fault, 1.0, slower).await;
        assert!(!exposure.verified, "{fault}: {exposure:?}");
    }
}

/// A landscape whose health path takes its time: so long for each request, by its number.
async fn sluggish(takes: impl Fn(u32) -> Duration + Clone + Send + Sync + 'static) -> Small {
    let asked = Arc::new(AtomicU32::new(0));
    let health = move || {
        let takes = takes(asked.fetch_add(1, Ordering::Relaxed));
        async move {
            tokio::time::sleep(takes).await;
            "ok"
        }
    };
    Small::with(server_with(Router::new().route("/health", get(health))).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_health_path_is_no_partition() {
    let slow = || sluggish(|_| Duration::from_millis(600));
    let partition = fault("net.partition");
    let exposure = expose(Small { sabotage: Some(Box::new(take_away)), ..slow().await }, &partition).await;
    assert!(!exposure.verified, "{exposure:?}");
    let exposure = expose(slow().await, &partition).await;
    assert!(exposure.verified && exposure.detail.is_none(), "{exposure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_edge_hides_behind_another() {
    let on_all = ["net.delay", "net.reset", "net.corrupt", "net.bandwidth", "net.loss", "http.abort"].map(fault);
    let on_all = on_all.into_iter().filter(|fault| component::is_able(fault["kind"].as_str().unwrap()));
    for fault in on_all.map(whole) {
        let mut small = Small::with_server().await;
        let second = Edge::open(EdgeName::new("users", "payments"), small.edges[0].upstream()).unwrap();
        small.edges.insert(0, Arc::new(second));
        small.sabotage = Some(Box::new(|edge| {
            if edge.name().from == "checkout" {
                take_away(edge);
            }
        }));
        let exposure = expose(small, &fault).await;
        assert!(!exposure.verified, "{fault}: {exposure:?}");
        let detail = exposure.detail.unwrap();
        // Probes, or the renewal: whichever comes first.
        assert!(detail.contains("checkout->payments") || detail.contains("lease was lost"), "{fault}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_no_reset() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let small = Small { sabotage: Some(Box::new(take_away)), ..Small::with(nobody) };
    let exposure = expose(small, &fault("net.reset")).await;
    assert!(!exposure.verified, "{exposure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hiccups_of_a_target_hold_no_requests() {
    let delay = fault("http.delay");
    // As long as half of the delay, often; longer than all of it, now and then.
    for (every, takes) in [(3, 60), (10, 95)] {
        let small = sluggish(move |n| Duration::from_millis(if n % every == 0 { takes } else { 0 })).await;
        let exposure = expose(Small { sabotage: Some(Box::new(take_away)), ..small }, &delay).await;
        assert!(!exposure.verified, "{exposure:?}");
    }
}

#[test]
fn parameters_out_of_range_are_told_all_at_once() {
    let wrong = [
        (r#"{"kind": "net.bandwidth", "target": "p", "rate": "1B/s"}"#, 1),
        (r#"{"kind": "net.slowClose", "target": "p", "delay": "1ms"}"#, 1),
        (r#"{"kind": "net.limitConnections", "target": "p", "max": 0}"#, 1),
        (r#"{"kind": "net.limitData", "target": "p", "bytes": "0B"}"#, 1),
        (r#"{"kind": "net.slice", "target": "p", "size": "0B", "variation": "1B", "delay": "0ms"}"#, 3),
        (r#"{"kind": "net.corrupt", "target": "p", "share": 0}"#, 1),
        (r#"{"kind": "net.loss", "target": "p", "share": 0.99, "burst": 3}"#, 1),
        (r#"{"kind": "net.loss", "target": "p", "share": 0, "burst": 200, "direction": "both"}"#, 2),
        (r#"{"kind": "net.duplicate", "target": "p", "share": 2}"#, 1),
        (r#"{"kind": "net.reorder", "target": "p", "share": 1, "by": "2s"}"#, 2),
        (r#"{"kind": "http.delay", "target": "p", "delay": "1ms", "jitter": "2ms", "share": 2}"#, 3),
        (r#"{"kind": "http.slow", "target": "p", "rate": "0B/s"}"#, 1),
        (r#"{"kind": "http.header", "target": "p"}"#, 1),
        (r#"{"kind": "http.header", "target": "p", "set": {"content-length": "1", "a b": "x"}, "remove": ["te"]}"#, 3),
        (r#"{"kind": "io.error", "target": "p", "operations": [], "path": "../*", "share": 0}"#, 3),
        (r#"{"kind": "io.latency", "target": "p", "delay": "1ms", "jitter": "2ms", "path": "a.db"}"#, 3),
        (r#"{"kind": "io.tornWrite", "target": "p", "path": "/etc/*"}"#, 1),
        (r#"{"kind": "dns.error", "target": "p", "names": ["a b", "*.example.com", ""], "share": 2}"#, 3),
        (r#"{"kind": "dns.wrong", "target": "p", "address": "127.0.0.1", "names": ["a/b"]}"#, 1),
        (r#"{"kind": "dns.slow", "target": "p", "delay": "1m", "jitter": "2m"}"#, 2),
        (r#"{"kind": "http.body", "target": "p", "change": {"find": {"text": "", "with": "x"}}}"#, 1),
    ];
    for (document, problems) in wrong {
        let fault: Fault = serde_json::from_str(document).unwrap();
        let found = fault.problems("method[0].fault");
        assert_eq!(found.len(), problems, "{document}: {found:?}");
        assert!(found.iter().all(|problem| problem.key.starts_with("method[0].fault") && !problem.remedy.is_empty()));
    }
}
