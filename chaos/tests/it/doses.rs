//! Every fault of an edge is seen from outside: in its dose when it is in, as void when it is not, and with a word when
//! it is another dose than what was asked.

use crate::experiment::experiment;
use crate::faults::fault;
use crate::stage::{Memory, Small};
use chaos::clock::SystemClock;
use chaos::execute::{Context, Ended, ExposureRecord, run};
use chaos::fault::{CATALOGUE, Fault};
use chaos::landscape::Landscape;
use chaos::plan::{Overrides, build};
use chaos::proxy::{Dose, Edge, EdgeFault, Share};
use serde_json::{Value, json};
use std::num::NonZeroU64;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Kinds that act on edges.
fn kinds() -> impl Iterator<Item = &'static str> {
    CATALOGUE
        .iter()
        .map(|declaration| declaration.kind)
        .filter(|kind| kind.starts_with("net.") || kind.starts_with("http."))
}

async fn expose(small: Small, fault: &Value) -> ExposureRecord {
    let landscape = Arc::new(small);
    let plan = build(&experiment(fault, "50ms", 2), &landscape.inventory(), Overrides::default(), 7).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_edge_shows_its_dose() {
    for kind in kinds() {
        let exposure = expose(Small::with_server().await, &fault(kind)).await;
        assert!(exposure.verified && exposure.ended == Ended::Completed, "{kind}: {exposure:?}");
        let asked: Fault = serde_json::from_value(fault(kind)).unwrap();
        for (name, amount) in asked.asked() {
            let achieved = exposure.achieved[name];
            // A busy machine adds to times; it adds nothing to what a fault allows.
            assert!(achieved >= amount * 0.5 && achieved <= amount * 2.0, "{kind} {name}: {exposure:?}");
        }
        assert!(exposure.achieved["entry_hits"] > 0.0, "{kind}: {exposure:?}");
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
    for kind in kinds() {
        let small = sabotaged(|edge| {
            for entry in edge.entries() {
                edge.remove(&entry.id);
            }
        });
        let exposure = expose(small.await, &fault(kind)).await;
        assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{kind}: {exposure:?}");
    }
}

/// Far less of the same fault; none when it has no amount of which there can be less.
fn less(fault: EdgeFault) -> Option<EdgeFault> {
    let fault = match fault {
        EdgeFault::Delay { delay, direction, .. } => {
            EdgeFault::Delay { delay: delay / 8, jitter: delay / 80, direction }
        }
        EdgeFault::SlowClose { delay, direction } => EdgeFault::SlowClose { delay: delay / 8, direction },
        EdgeFault::HttpDelay { delay, share, .. } => {
            EdgeFault::HttpDelay { delay: delay / 8, jitter: delay / 80, share }
        }
        EdgeFault::Bandwidth { bytes_per_second, per, direction } => {
            EdgeFault::Bandwidth { bytes_per_second: bytes_per_second * 8, per, direction }
        }
        EdgeFault::HttpSlow { bytes_per_second, share } => {
            EdgeFault::HttpSlow { bytes_per_second: bytes_per_second.checked_mul(NonZeroU64::new(8)?)?, share }
        }
        EdgeFault::LimitData { bytes, direction } => EdgeFault::LimitData { bytes: bytes * 8, direction },
        EdgeFault::LimitConnections { max } => EdgeFault::LimitConnections { max: max * 8 },
        EdgeFault::Slice { average, variation, delay, direction } => {
            EdgeFault::Slice { average, variation, delay: delay / 8, direction }
        }
        _ => return None,
    };
    Some(fault)
}

#[tokio::test(flavor = "multi_thread")]
async fn far_less_than_asked_is_void() {
    let mut weakened = 0;
    for kind in kinds() {
        let asked: Fault = serde_json::from_value(fault(kind)).unwrap();
        let chaos::act::Act::Edge(full) = asked.act() else { panic!("{kind} acts on no edge") };
        let Some(weak) = less(full.clone()) else { continue };
        weakened += 1;
        let small = sabotaged(move |edge| {
            for entry in edge.entries().iter().filter(|entry| entry.fault == full) {
                edge.set_dose(&entry.id, Dose { fault: weak.clone(), seed: 7, connections: Share::ALL });
            }
        });
        let exposure = expose(small.await, &fault(kind)).await;
        assert!(!exposure.verified, "{kind}: {exposure:?}");
    }
    assert_eq!(weakened, 8);
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
