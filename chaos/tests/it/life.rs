//! The whole life of a fault.

use crate::experiment::experiment;
use crate::stage::{Memory, Small, until};
use chaos::clock::SystemClock;
use chaos::document::Experiment;
use chaos::execute::{Abort, Context, Ended, Progress, Report, run};
use chaos::landscape::Landscape;
use chaos::plan::{Overrides, build};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

struct Running {
    report: tokio::task::JoinHandle<Report>,
    events: mpsc::Receiver<Progress>,
    abort: watch::Sender<Option<Abort>>,
    journal: Arc<Memory>,
    landscape: Arc<Small>,
}

fn start(small: Small, experiment: &Experiment) -> Running {
    let (landscape, journal) = (Arc::new(small), Arc::new(Memory::default()));
    let plan = build(experiment, &landscape.inventory(), Overrides::default(), 7).unwrap();
    let (abort, watch) = watch::channel(None);
    let (send, events) = mpsc::channel(64);
    let ctx = Context {
        run: "r1".into(),
        landscape: landscape.clone(),
        journal: journal.clone(),
        clock: Arc::new(SystemClock),
    };
    let report = tokio::spawn(async move { run(&plan, ctx, watch, send).await });
    Running { report, events, abort, journal, landscape }
}

fn delay() -> serde_json::Value {
    json!({"kind": "net.delay", "target": "p", "delay": "80ms", "jitter": "5ms"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_lives_its_whole_life() {
    let running = start(Small::with_server().await, &experiment(&delay(), "300ms", 2));
    let report = running.report.await.unwrap();
    assert_eq!(report.exposures.len(), 2);
    for exposure in &report.exposures {
        assert!(exposure.verified, "{exposure:?}");
        assert_eq!(exposure.ended, Ended::Completed);
        assert!(exposure.achieved["delay_ms_p50"] >= 70.0, "{exposure:?}");
        assert!(exposure.end_ms - exposure.start_ms >= 290 && exposure.observed_until_ms >= exposure.end_ms + 45);
    }
    assert!(report.residue.is_empty());
    assert!(running.landscape.edges[0].entries().is_empty());
    let journal = running.journal.0.lock().unwrap().join("\n");
    insta::assert_snapshot!(journal, @r"
    intent r1/x#1/0.0
    injected r1/x#1/0.0
    undone r1/x#1/0.0
    intent r1/x#2/0.0
    injected r1/x#2/0.0
    undone r1/x#2/0.0
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_and_abort_are_measured() {
    for (kind, name) in [("net.reset", "reset_share"), ("http.abort", "abort_share")] {
        let mut fault = json!({"kind": kind, "target": "p", "share": 0.5});
        if kind == "http.abort" {
            fault["status"] = 503.into();
        }
        let report = start(Small::with_server().await, &experiment(&fault, "50ms", 2)).report.await.unwrap();
        let exposure = &report.exposures[0];
        assert!(exposure.verified && exposure.achieved[name] > 0.0 && exposure.achieved[name] < 1.0, "{exposure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_ends_the_experiment_and_a_soak_abort_too() {
    for (abort, ended) in
        [(Abort::GuardTripped { signal: "s".into() }, Ended::GuardTripped), (Abort::SoakAborted, Ended::Aborted)]
    {
        let mut running = start(Small::with_server().await, &experiment(&delay(), "10m", 2));
        while let Some(event) = running.events.recv().await {
            if matches!(event, Progress::Injected { verified: true, .. }) {
                running.abort.send_replace(Some(abort.clone()));
            }
        }
        let report = running.report.await.unwrap();
        assert_eq!(report.exposures[0].ended, ended, "{report:?}");
        assert_eq!(report.exposures[1].ended, Ended::NotRun);
        assert!(running.landscape.edges[0].entries().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_injection_that_does_nothing_is_void() {
    let small = Small::with_server().await;
    let edge = small.edges[0].clone();
    // Takes every entry away as soon as it is there: an injector without effect.
    let saboteur = tokio::spawn(async move {
        loop {
            for entry in edge.entries() {
                edge.remove(&entry.id);
            }
            tokio::task::yield_now().await;
        }
    });
    let report = start(small, &experiment(&delay(), "300ms", 2)).report.await.unwrap();
    saboteur.abort();
    assert!(
        report.exposures.iter().all(|exposure| !exposure.verified && exposure.ended == Ended::NotRun),
        "{report:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_traffic_path_no_exposure() {
    let small = Small::with_server().await;
    small.edges[0].set_upstream(None);
    let report = start(small, &experiment(&delay(), "300ms", 2)).report.await.unwrap();
    assert!(report.exposures.iter().all(|exposure| !exposure.verified), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_comes_back() {
    let small = Small::with_server().await;
    let (pid, stop) = (small.pid.clone(), tokio_util::sync::CancellationToken::new());
    let stopped = stop.clone();
    let restarter = tokio::spawn(async move {
        let mut starts = 0;
        loop {
            let mut child = tokio::process::Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap();
            *pid.lock().unwrap() = child.id();
            starts += 1;
            tokio::select! {
                _ = child.wait() => {
                    *pid.lock().unwrap() = None;
                    // A start takes its time: the executor asks more than once meanwhile.
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                }
                () = stopped.cancelled() => { child.kill().await.unwrap(); return starts }
            }
        }
    });
    let pid = small.pid.clone();
    until(|| pid.lock().unwrap().is_some()).await;
    let running = start(small, &experiment(&json!({"kind": "process.kill", "target": "p"}), "5s", 2));
    let report = running.report.await.unwrap();
    stop.cancel();
    assert_eq!(restarter.await.unwrap(), 3);
    for exposure in &report.exposures {
        assert!(exposure.verified && exposure.achieved["downtime_ms"] >= 250.0, "{exposure:?}");
        // The rest of 50 ms begins when the process is back, not at the next sample a second later.
        let rested = exposure.observed_until_ms - exposure.end_ms;
        assert!((45..600).contains(&rested), "{exposure:?}");
    }
    // Two while a process is killed, and then one at most every 50 ms.
    let asked = running.landscape.asked.lock().unwrap();
    let (gaps, often): (Vec<_>, usize) = {
        let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let often = gaps.iter().filter(|gap| gap.as_millis() < 45).count();
        (gaps, often)
    };
    assert!(asked.len() >= 8, "{gaps:?}");
    assert!(often <= 2 * 2, "more than around each kill: {gaps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_injected_in_a_quiet_time() {
    let mut quiet = experiment(&delay(), "300ms", 1);
    quiet.quiet = serde_json::from_value(json!([{"from": "00:00", "to": "00:00"}])).unwrap();
    let running = start(Small::with_server().await, &quiet);
    let report = running.report.await.unwrap();
    let exposure = &report.exposures[0];
    assert_eq!(exposure.ended, Ended::NotRun);
    assert_eq!(exposure.detail.as_deref(), Some("quiet_time: from 00:00 to 00:00 UTC"));
    assert!(running.journal.0.lock().unwrap().is_empty(), "an intent was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_injected_that_may_last_into_a_quiet_time() {
    let seen = json!({"path": "/on", "expect": "on", "within": "10m"});
    let toggle =
        json!({"kind": "config.toggle", "target": "p", "file": "a.yaml", "key": "on", "value": true, "seen": seen});
    let mut quiet = experiment(&toggle, "300ms", 1);
    let minutes =
        |from_now: i64| (chrono::Utc::now() + chrono::Duration::minutes(from_now)).format("%H:%M").to_string();
    quiet.quiet = serde_json::from_value(json!([{"from": minutes(5), "to": minutes(65)}])).unwrap();
    let running = start(Small::with_server().await, &quiet);
    let detail = running.report.await.unwrap().exposures[0].detail.clone().unwrap();
    assert!(detail.starts_with("quiet_time: from "), "{detail}");
    assert!(running.journal.0.lock().unwrap().is_empty(), "an intent was written");
}
