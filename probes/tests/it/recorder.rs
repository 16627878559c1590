use crate::server::{Server, eventually};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use probes::clock::RunClock;
use probes::metrics::selection::{Selection, increase, ratio};
use probes::metrics::{Recorder, RecorderConfig, Registry, Target};
use scorer::RawSeries;
use scorer::signal::{Labels, Selector};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(200);

fn start(registry: &Registry) -> Recorder {
    Recorder::start(RecorderConfig::every(INTERVAL, RunClock::start_now()), registry.clone())
}

fn at(server: &Server) -> Option<Target> {
    Some(Target { metrics: Some(server.url("/metrics")), pids: vec![] })
}

async fn serving(body: impl Fn() -> Body + Clone + Send + Sync + 'static) -> Server {
    Server::start(Router::new().route("/metrics", get(async move || body()))).await
}

fn series(recorder: &Recorder, name: &str, job: &str) -> Option<RawSeries> {
    recorder.snapshot().into_iter().find(|s| s.name == name && s.labels.get("job").is_some_and(|own| own == job))
}

fn values(recorder: &Recorder, name: &str, job: &str) -> Vec<f64> {
    series(recorder, name, job).map(|s| s.values).unwrap_or_default()
}

fn selection(name: &str) -> Selection {
    Selection::named(name)
}

#[tokio::test]
async fn a_restart_elsewhere_continues_the_series_and_its_gap_is_marked() {
    let hits = Arc::new(AtomicU64::new(100));
    let count = Arc::clone(&hits);
    let first = serving(move || format!("hits_total {}\n", count.fetch_add(10, Ordering::Relaxed)).into()).await;
    let recorder = start(&Registry::new());
    recorder.set_target("shop", at(&first));
    eventually("two samples", || (values(&recorder, "hits_total", "shop").len() >= 2).then_some(())).await;
    recorder.set_target("shop", None);
    drop(first);
    eventually("down", || values(&recorder, "up", "shop").contains(&0.0).then_some(())).await;
    let second = serving(|| "hits_total 3\n".into()).await;
    recorder.set_target("shop", at(&second));
    eventually("up again", || (values(&recorder, "hits_total", "shop").last() == Some(&3.0)).then_some(())).await;
    let hits = series(&recorder, "hits_total", "shop").unwrap();
    assert!(hits.values.iter().any(|value| value.is_nan()), "{hits:?}");
    assert!(hits.times_ms.is_sorted_by(|a, b| a < b));
    let before = hits.values.iter().copied().filter(|value| *value >= 100.0).fold(0.0, f64::max);
    assert_eq!(increase(&hits), Some(before - 100.0 + 3.0));
    let window = recorder.latest_window(&selection("hits_total"), Duration::from_secs(60));
    assert_eq!(ratio(&window, &window), Some(1.0));
    recorder.stop().await.unwrap();
}

/// Never ends its answer.
async fn dripping() -> Server {
    serving(|| {
        Body::from_stream(stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"#\n")), ()))
        }))
    })
    .await
}

#[tokio::test]
async fn bad_targets_cost_only_their_own_samples() {
    let good = serving(|| "a 1\nnan NaN\n".into()).await;
    let garbage = serving(|| "<html>\nno\n".into()).await;
    let drip = dripping().await;
    let recorder = start(&Registry::new());
    for (job, server) in [("good", &good), ("garbage", &garbage), ("drip", &drip)] {
        recorder.set_target(job, at(server));
    }
    let gone = Some(Target { metrics: Some("http://127.0.0.1:1/metrics".parse().unwrap()), pids: vec![] });
    recorder.set_target("gone", gone);
    let causes = eventually("an error of each", || {
        let events = recorder.events();
        let cause = |job: &str| {
            let of = |event: &&scorer::evidence::Event| event.component.as_deref() == Some(job);
            events.iter().find(of).map(|event| event.detail.clone())
        };
        Some([cause("garbage")?, cause("drip")?, cause("gone")?])
    })
    .await;
    assert!(causes[0].contains("line 1"), "{causes:?}");
    assert!(causes[1].contains("no whole answer within"), "{causes:?}");
    assert!(causes[2].contains("no connection to 127.0.0.1:1"), "{causes:?}");
    eventually("three good samples", || (values(&recorder, "a", "good").len() >= 3).then_some(())).await;
    let recording = recorder.stop().await.unwrap();
    let of = |name: &str, job: &str| {
        recording.series.iter().find(|s| s.name == name && s.labels["job"] == job).map(|s| s.values.clone())
    };
    assert!(of("nan", "good").unwrap().iter().all(|value| value.is_nan()));
    assert!(of("up", "good").unwrap().iter().all(|up| *up == 1.0));
}

#[tokio::test]
async fn two_hundred_thousand_series_are_too_many_and_cost_only_their_target() {
    let huge: Bytes = (0..200_000).map(|i| format!("s{{i=\"{i}\"}} 1\n")).collect::<String>().into();
    let huge = serving(move || huge.clone().into()).await;
    let good = serving(|| "a 1\n".into()).await;
    // Long enough for a slow machine to read them all.
    let config = RecorderConfig::every(Duration::from_secs(8), RunClock::start_now());
    let recorder = Recorder::start(config, Registry::new());
    recorder.set_target("huge", at(&huge));
    recorder.set_target("good", at(&good));
    let cause = eventually("the error of the huge target", || {
        let events = recorder.events();
        events.iter().find(|e| e.component.as_deref() == Some("huge")).map(|e| e.detail.clone())
    })
    .await;
    assert!(cause.contains("more than 100000 series"), "{cause}");
    eventually("a good sample", || (!values(&recorder, "a", "good").is_empty()).then_some(())).await;
    let recording = recorder.stop().await.unwrap();
    let of = |name: &str, job: &str| {
        recording.series.iter().find(|s| s.name == name && s.labels["job"] == job).map(|s| s.values.clone())
    };
    assert!(of("up", "huge").unwrap().iter().all(|up| *up == 0.0));
    assert_eq!(of("s", "huge"), None);
}

/// Answers every request with `text` and the end of the connection, without a length.
async fn unframed(text: &'static str) -> (std::net::SocketAddr, tokio_util::task::AbortOnDropHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{text}").as_bytes()).await;
        }
    });
    (address, tokio_util::task::AbortOnDropHandle::new(task))
}

#[tokio::test]
async fn an_answer_without_a_length_that_ends_within_a_line_is_no_sample() {
    let (whole, _whole) = unframed("a_total 1234\n").await;
    let (cut, _cut) = unframed("a_total 12").await;
    let recorder = start(&Registry::new());
    for (job, address) in [("whole", whole), ("cut", cut)] {
        let url = format!("http://{address}/metrics").parse().unwrap();
        recorder.set_target(job, Some(Target { metrics: Some(url), pids: vec![] }));
    }
    let told = eventually("an error", || recorder.events().into_iter().find(|e| e.kind == "scrape_error")).await;
    assert_eq!(told.component.as_deref(), Some("cut"));
    assert!(told.detail.contains("ends within a line"), "{told:?}");
    eventually("a whole one", || values(&recorder, "a_total", "whole").contains(&1234.0).then_some(())).await;
    assert_eq!(values(&recorder, "a_total", "cut"), [0.0; 0]);
    recorder.stop().await.unwrap();
}

#[tokio::test]
async fn own_metrics_and_the_series_cap_are_recorded() {
    let registry = Registry::new();
    registry.counter("mine_total", &[("suite", "x")]).add(2.0);
    registry.histogram("took_seconds", &[], &[0.1, 1.0]).observe(0.5);
    let server = serving(|| (0..50).map(|i| format!("s{{i=\"{i}\"}} 1\n")).collect::<String>().into()).await;
    let mut config = RecorderConfig::every(INTERVAL, RunClock::start_now());
    config.limits.series = 20;
    let recorder = Recorder::start(config, registry.clone());
    recorder.set_target("shop", at(&server));
    let dropped = eventually("a drop", || {
        recorder.events().into_iter().find(|e| e.component.as_deref() == Some("shop")).map(|event| event.detail)
    })
    .await;
    assert_eq!(dropped, "30 series are not recorded: of those that no signal asks for, 20 are kept");
    assert_eq!(recorder.select(&selection("s")).len(), 20);
    assert_eq!(values(&recorder, "mine_total", "mettle")[0], 2.0);
    let buckets = recorder.latest_window(&selection("took_seconds_bucket"), Duration::from_secs(60));
    let last = |series: &RawSeries| (series.labels["le"].clone(), series.values[0]);
    assert_eq!(
        buckets.iter().map(last).collect::<Vec<_>>(),
        [("+Inf".into(), 1.0), ("0.1".into(), 0.0), ("1".into(), 1.0)]
    );
    assert!(registry.render(&Labels::new()).contains("mine_total{suite=\"x\"} 2\n"));
    recorder.stop().await.unwrap();
}

#[tokio::test]
async fn the_cap_never_drops_what_a_signal_asks_for_and_is_told_once() {
    // The signal's series come last and are new in each scrape up to ten, long after the cap is reached.
    let scrape = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&scrape);
    let server = serving(move || {
        let signal = count.fetch_add(1, Ordering::Relaxed).min(10);
        let other: String = (0..50).map(|i| format!("s{{i=\"{i}\"}} 1\n")).collect();
        let wanted: String = (0..=signal).map(|i| format!("hits_total{{code=\"{i}\"}} 1\n")).collect();
        format!("{other}{wanted}").into()
    })
    .await;
    let gauge = |series: &str| scorer::Signal {
        name: "hits".into(),
        component: None,
        tier: scorer::signal::Tier::Gate,
        dimension: scorer::signal::Dimension::Business,
        worse: scorer::signal::Worse::Up,
        form: scorer::signal::Form::Gauge { series: Selector::parse(series).unwrap(), group_by: vec![] },
        margin: None,
        rise: None,
        objective: None,
        broken_after: 10,
    };
    let config = RecorderConfig::every(INTERVAL, RunClock::start_now());
    let mut config = config.for_signals(&[gauge(r#"hits_total{job="shop"}"#)]).unwrap();
    (config.limits.series, config.limits.signal_series) = (20, 8);
    let recorder = Recorder::start(config, Registry::new());
    recorder.set_target("shop", at(&server));
    let full = eventually("too many series of signals", || {
        recorder.events().into_iter().find(|e| e.kind == "scrape_error").map(|event| event.detail)
    })
    .await;
    assert!(full.contains("the signals ask for more than 8 series"), "{full}");
    let wanted = recorder.select(&selection("hits_total"));
    assert_eq!(wanted.len(), 8, "the ninth fails the scrape: it is never left out");
    let labels = |all: &[RawSeries]| all.iter().map(|one| one.labels.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&recorder.of_signals()), labels(&wanted));
    assert_eq!(recorder.select(&selection("s")).len(), 20);
    assert_eq!(recorder.select(&selection("up"))[0].values.last(), Some(&0.0));
    let told: Vec<_> = recorder.events().into_iter().filter(|event| event.kind == "series_cap").collect();
    assert_eq!(told.len(), 1, "one event, although 30 series are dropped at each scrape: {told:?}");
    recorder.stop().await.unwrap();
}

#[tokio::test]
async fn a_stepping_wall_clock_is_an_event_and_times_still_rise() {
    static WALL: AtomicI64 = AtomicI64::new(0);
    let clock = RunClock::start_now();
    WALL.store(clock.now_ms(), Ordering::Relaxed);
    let mut config = RecorderConfig::every(INTERVAL, clock);
    // Each reading is an hour before the last.
    config.wall = || WALL.fetch_sub(3_600_000, Ordering::Relaxed);
    let registry = Registry::new();
    let gauge = registry.gauge("g", &[]);
    gauge.set(1.0);
    let recorder = Recorder::start(config, registry);
    let is_step = |event: &scorer::evidence::Event| event.kind == "clock_step";
    let step = eventually("a step", || recorder.events().into_iter().find(is_step)).await;
    assert!(step.detail.contains("stepped by -36"), "{step:?}");
    let times = eventually("samples", || series(&recorder, "g", "mettle")).await.times_ms;
    assert!(times.is_sorted_by(|a, b| a < b));
    recorder.stop().await.unwrap();
}

/// Ends the child by its id.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_busy_child_and_its_children_cost_processor_time() {
    // The shell idles in `wait`; its child spins, bounded in case the test is killed.
    let script = "timeout 30 sh -c 'while :; do :; done' & trap 'kill $!' TERM; wait";
    let child = Child(std::process::Command::new("sh").args(["-c", script]).spawn().unwrap());
    let recorder = start(&Registry::new());
    recorder.set_target("busy", Some(Target { metrics: None, pids: vec![child.0.id()] }));
    let cpu = "mettle_process_cpu_seconds_total";
    eventually("0.2 processor seconds", || {
        values(&recorder, cpu, "busy").last().is_some_and(|seconds| *seconds > 0.2).then_some(())
    })
    .await;
    assert!(values(&recorder, "mettle_process_resident_memory_bytes", "busy")[0] > 100_000.0);
    assert_eq!(values(&recorder, "mettle_process_up", "busy")[0], 1.0);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.0.id() as i32), nix::sys::signal::SIGTERM).unwrap();
    drop(child);
    eventually("down", || (values(&recorder, "mettle_process_up", "busy").last() == Some(&0.0)).then_some(())).await;
    let seconds = values(&recorder, cpu, "busy");
    assert!(seconds.is_sorted(), "the counter fell: {seconds:?}");
    recorder.stop().await.unwrap();
}
