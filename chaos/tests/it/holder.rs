//! Faults that a holder keeps in place: their dose, their end, and holders that do not do what they say.

use crate::component::{Component, SETTINGS, is_prepared};
use crate::experiment::experiment;
use crate::faults;
use crate::landscape::OneTarget;
use crate::stage::Memory;
use chaos::act::Act;
use chaos::clock::SystemClock;
use chaos::execute::{Context, Ended, ExposureRecord, Report, run};
use chaos::fault::{CATALOGUE, Fault};
use chaos::landscape::Landscape;
use chaos::plan::{Overrides, build};
use chaos::proxy::EdgeFault;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Kinds that a holder keeps in place.
fn held(component: &Component) -> Vec<(&'static str, Value)> {
    let all = CATALOGUE.iter().map(|declaration| (declaration.kind, faults::fault(declaration.kind)));
    let is_held = |fault: &Value| {
        let fault: Fault = serde_json::from_value(fault.clone()).unwrap();
        matches!(fault.act(), Act::Held(_) | Act::Edge(EdgeFault::Packets { .. }))
    };
    all.filter(|(kind, fault)| is_held(fault) && is_prepared(&component.stage, kind)).collect()
}

async fn report(component: &Component, fault: &Value) -> Report {
    let landscape = Arc::new(OneTarget::open(component.stage.clone()));
    let experiment = experiment(fault, "1500ms", 1);
    let plan = build(&experiment, &landscape.inventory(), Overrides::default(), 7).unwrap();
    let (_abort, watch) = watch::channel(None);
    let (send, mut events) = mpsc::channel(64);
    let ctx = Context {
        run: uuid::Uuid::new_v4().to_string(),
        landscape,
        journal: Arc::new(Memory::default()),
        clock: Arc::new(SystemClock),
    };
    let running = tokio::spawn(async move { run(&plan, ctx, watch, send).await });
    while events.recv().await.is_some() {}
    running.await.unwrap()
}

pub(crate) async fn exposure(component: &Component, fault: &Value) -> ExposureRecord {
    let report = report(component, fault).await;
    assert!(report.residue.is_empty(), "{report:?}");
    let settings = std::fs::read_to_string(component.stage.folder.join("settings.txt")).unwrap();
    assert_eq!(settings, SETTINGS);
    report.exposures.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_held_fault_arrives_as_asked_and_leaves_nothing() {
    let component = Component::start("sound");
    for (kind, fault) in held(&component) {
        let exposure = exposure(&component, &fault).await;
        assert!(exposure.verified && exposure.ended == Ended::Completed, "{kind}: {exposure:?}");
        let asked = serde_json::from_value::<Fault>(fault).unwrap().asked();
        assert!(!asked.is_empty(), "{kind} asks for nothing that could be measured");
        for (name, _) in asked {
            assert!(exposure.achieved.contains_key(name), "{kind}: {exposure:?}");
        }
        eprintln!("{kind}: {:?} {:?}", exposure.achieved, exposure.detail);
    }
    component.is_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_does_nothing_or_hits_somebody_else_is_void() {
    for broken in ["nothing", "wrong"] {
        let component = Component::start(broken);
        // Memory has no place: whoever takes it takes the host's.
        for (kind, fault) in
            held(&component).into_iter().filter(|(kind, _)| broken == "nothing" || *kind != "stress.memory")
        {
            let exposure = exposure(&component, &fault).await;
            let void = !exposure.verified && exposure.ended == Ended::NotRun;
            assert!(void, "{kind}, {broken}: {exposure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_does_half_is_void_or_told() {
    let component = Component::start("half");
    for (kind, fault) in held(&component) {
        let exposure = exposure(&component, &fault).await;
        let detail = exposure.detail.clone().unwrap_or_default();
        assert!(!exposure.verified || detail.contains("asked"), "{kind}: {exposure:?}");
    }
}
