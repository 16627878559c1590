//! The same processes seen by three sources: the embedded recorder, a real Prometheus, a real VictoriaMetrics. Their
//! samples fit together, and their verdicts agree.

#[path = "../../../probes/tests/world/servers.rs"]
mod servers;

use crate::world::signals;
use probes::clock::RunClock;
use probes::load::{Engine, PerformanceSuite, Targets};
use probes::metrics::server::{ReadLimits, Server, ServerSettings, Window};
use probes::metrics::{Recorder, RecorderConfig, Registry, Target};
use scorer::assess::{Assessment, Ended, Reference, assess};
use scorer::evidence::{Context, Evidence, Phase, PhaseLabel, Subject};
use scorer::signal::Selector;
use scorer::verdict::{Judgement, Verdict};
use scorer::{Policy, RawSeries};
use servers::MetricsServer;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(500);
const SAMPLES: u32 = 24;

/// Samples whose scrape began less than this before another one may be newer than it: a scrape may take its interval.
const SAME_MOMENT_MS: i64 = 500;

const SIGNALS: &str = r#"
apiVersion: mettle/v1
kind: Signals
signals:
  - {name: success, kind: ratio, good: 'http_requests_total{job="checkout",code!~"5.."}', total: 'http_requests_total{job="checkout"}', tier: gate, dimension: business, objective: 0.9, margin: 10pp}
  - {name: slow, kind: latency, buckets: 'http_request_duration_seconds_bucket{job="checkout"}', threshold: 500ms, tier: gate, margin: 20pp}
  - {name: throughput, kind: rate, series: 'http_requests_total{job="checkout"}', worse: down, tier: gate, margin: 50%}
"#;

const LOAD: &str = r#"
apiVersion: mettle/v1
kind: Suite
class: performance
name: browse
load:
  rate: 60/s
  connections: 16
  limitMs: 500
  timeoutMs: 2000
  requests:
    - {name: cart, weight: 1, component: checkout, method: POST, path: /carts}
    - {name: buy, weight: 1, component: checkout, method: POST, path: /orders, headers: {Content-Type: application/json}, json: {items: [{item: item-007, quantity: 1}]}}
"#;

/// A component of the shop; dropping it ends it.
struct Component(Child);

impl Component {
    fn start(name: &str, release: &str, at: SocketAddr, environment: &[(&str, String)]) -> Self {
        let shop = std::path::Path::new(env!("CARGO_BIN_EXE_mettle")).with_file_name("shop");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(shop)
            .args([name, "--release", release, "--listen", &at.to_string()])
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdout(Stdio::null())
            .spawn();
        let component = Component(child.expect("the shop is built beside mettle"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(at).is_err() {
            assert!(Instant::now() < deadline, "{name} never listened");
            std::thread::sleep(Duration::from_millis(10));
        }
        component
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where the components listen, whatever their release.
struct Places {
    at: BTreeMap<&'static str, SocketAddr>,
}

impl Places {
    fn new() -> Self {
        let free = |name| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            ((name, listener.local_addr().unwrap()), listener)
        };
        // Held until all are chosen, so that they differ.
        let (at, _held): (BTreeMap<_, _>, Vec<_>) = ["catalog", "payments", "checkout"].map(free).into_iter().unzip();
        Places { at }
    }

    fn url(&self, name: &str) -> String {
        format!("http://{}", self.at[name])
    }

    /// Jobs of a scrape configuration.
    fn jobs(&self) -> String {
        self.at
            .iter()
            .map(|(name, at)| format!("- {{job_name: {name}, static_configs: [{{targets: ['{at}']}}]}}\n"))
            .collect()
    }
}

/// One source.
enum Source {
    Recorder,
    Server(&'static str, Server),
}

/// What one run looked like through one source.
type Seen = BTreeMap<&'static str, Evidence>;

struct Shop {
    places: Places,
    sources: Vec<Source>,
}

/// Whether the catalog is there.
#[derive(Clone, Copy, PartialEq)]
enum Catalog {
    Runs,
    IsGone,
}

impl Shop {
    /// Runs the shop under load for all samples, and looks at it through every source.
    async fn run(&self, catalog: Catalog) -> Seen {
        let at = |name: &str| self.places.at[name];
        let mut components = vec![Component::start("payments", "1.7.0", at("payments"), &[])];
        if catalog == Catalog::Runs {
            components.push(Component::start("catalog", "2.1.0", at("catalog"), &[]));
        }
        let peers = [("CATALOG_URL", self.places.url("catalog")), ("PAYMENTS_URL", self.places.url("payments"))];
        components.push(Component::start("checkout", "3.4.0", at("checkout"), &peers));

        let (clock, registry) = (RunClock::start_now(), Registry::new());
        let config = RecorderConfig::every(INTERVAL, clock).for_signals(&signals(SIGNALS)).unwrap();
        let recorder = Recorder::start(config, registry.clone());
        let metrics = format!("{}/metrics", self.places.url("checkout")).parse().ok();
        recorder.set_target("checkout", Some(Target { metrics, pids: vec![] }));
        let document = pipeline::documents::read_text("load.yaml", LOAD, |_: &PerformanceSuite| vec![]).unwrap().value;
        let targets: Targets = self.places.at.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
        let load = Engine::start(&document.name, &document.load, None, &targets, &registry).unwrap();
        // Every source has seen the target before the first sample.
        tokio::time::sleep(INTERVAL * 4).await;
        let start_ms = clock.now_ms();
        let end_ms = start_ms + i64::from(SAMPLES) * i64::try_from(INTERVAL.as_millis()).unwrap();
        tokio::time::sleep_until(clock.instant_of(end_ms).into()).await;
        load.stop().await.unwrap();
        // The last scrape of every source is over, and later ones find the counters at rest.
        tokio::time::sleep(INTERVAL * 4).await;

        let phase = Phase { label: PhaseLabel::Steady, name: "steady".to_owned(), start_ms, end_ms, samples: SAMPLES };
        let window = Window { from_ms: start_ms - 1500, to_ms: clock.now_ms() };
        let mut seen = Seen::new();
        for source in &self.sources {
            let (name, series) = match source {
                Source::Recorder => ("recorder", recorder.snapshot()),
                Source::Server(name, server) => (*name, read(server, window).await),
            };
            seen.insert(name, evidence(phase.clone(), series));
        }
        recorder.stop().await.unwrap();
        seen
    }
}

/// All series of checkout, once the server shows those of the last moments, too.
async fn read(server: &Server, window: Window) -> Vec<RawSeries> {
    let selector = [Selector::parse(r#"{job="checkout"}"#).unwrap()];
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let series = server.read(&selector, window).await.unwrap();
        let last = series.iter().filter_map(|one| one.times_ms.last()).max();
        if last.is_some_and(|last| *last > window.to_ms - 2 * i64::try_from(INTERVAL.as_millis()).unwrap()) {
            return series;
        }
        assert!(Instant::now() < deadline, "the last samples never came: {last:?} of {window:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn evidence(phase: Phase, series: Vec<RawSeries>) -> Evidence {
    let (interval_ms, start_ms) = (i64::try_from(INTERVAL.as_millis()).unwrap(), phase.start_ms);
    let context = Context { programme: "three sources".to_owned(), interval_ms, ..Context::default() };
    // Every run is a soak of a tag of its own.
    let soak = start_ms.to_string();
    let subject = Subject { tag: format!("v{soak}"), soak, ..Subject::default() };
    Evidence { subject, context, phases: vec![phase], series, ..Evidence::default() }
}

fn judged(candidate: &Evidence, runs: &[&Evidence]) -> Judgement {
    let signals = signals(SIGNALS);
    let policy = Policy::new(SAMPLES as usize, SAMPLES as usize);
    assess(&Assessment {
        candidate,
        reference: Reference::Runs(runs),
        signals: &signals,
        policy: &policy,
        look: SAMPLES as usize,
        ended: Ended::Programme,
        experiments: &[],
        suites: &[],
    })
}

/// How many samples each signal has, and the scrapes that say so, for whoever reads why a test failed.
fn present(evidence: &Evidence) -> String {
    let recording = scorer::recording::Recording::of(evidence);
    let formed = signals(SIGNALS).into_iter().flat_map(|signal| scorer::form::form(&signal, &recording));
    let counts: Vec<String> = formed.map(|one| format!("{} {}", one.name, one.present(SAMPLES as usize))).collect();
    let up = evidence.series.iter().find(|one| one.name == "up");
    let start = evidence.phases[0].start_ms;
    let scrapes: Vec<String> = up
        .into_iter()
        .flat_map(|up| up.times_ms.iter().zip(&up.values))
        .map(|(time, value)| format!("{}:{value}", time - start))
        .collect();
    format!("{}; scrapes {}", counts.join(", "), scrapes.join(" "))
}

/// A counter may only rise, whoever looked: nobody's sample is above one that somebody took clearly later.
fn fit_together(seen: &Seen, name: &str) {
    let of = |evidence: &Evidence| -> Vec<RawSeries> {
        let mut found: Vec<RawSeries> = evidence.series.iter().filter(|one| one.name == name).cloned().collect();
        found.iter_mut().for_each(|one| drop(one.labels.remove("instance")));
        found
    };
    let (_, first) = seen.first_key_value().unwrap();
    assert!(!of(first).is_empty(), "{name} was recorded");
    for one in of(first) {
        let mut all: Vec<(i64, f64, &str)> = Vec::new();
        let mut lasts = Vec::new();
        for (source, evidence) in seen {
            let own = of(evidence).into_iter().find(|own| own.labels == one.labels);
            let own = own.unwrap_or_else(|| panic!("{source} has no {name} {:?}", one.labels));
            let real = own.times_ms.iter().zip(&own.values).filter(|(_, value)| !value.is_nan());
            all.extend(real.map(|(time, value)| (*time, *value, *source)));
            lasts.push(all.last().map(|(_, value, _)| *value));
        }
        // At rest all read the same number, bit for bit.
        assert!(
            lasts.windows(2).all(|pair| pair[0].is_some() && pair[0] == pair[1]),
            "{name} {:?}: {lasts:?}",
            one.labels
        );
        all.sort_by_key(|(time, ..)| *time);
        for (at, (time, value, source)) in all.iter().enumerate() {
            let later = all[at..].iter().filter(|(later, ..)| *later > time + SAME_MOMENT_MS);
            for (later, more, by) in later {
                assert!(value <= more, "{source} read {value} of {name} at {time}, {by} {more} at {later}");
            }
        }
    }
}

#[test]
fn three_sources_see_the_same_soak_and_give_the_same_verdict() {
    let places = Places::new();
    let jobs = places.jobs();
    let Some(prometheus) = MetricsServer::prometheus("500ms", &jobs) else { return };
    let Some(victoria) = MetricsServer::victoria("500ms", &jobs) else { return };
    let server = |of: &MetricsServer| Server::new(ServerSettings::of(of.url.clone()), ReadLimits::default());
    let sources = vec![
        Source::Recorder,
        Source::Server("prometheus", server(&prometheus)),
        Source::Server("victoria-metrics", server(&victoria)),
    ];
    let shop = Shop { places, sources };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // A server begins to scrape some seconds after it says that it is ready.
    for source in &shop.sources {
        if let Source::Server(name, server) = source {
            let up = [Selector::parse(r#"up{job="checkout"}"#).unwrap()];
            let now = probes::clock::wall_ms();
            let seen = || runtime.block_on(server.read(&up, Window { from_ms: now, to_ms: now + 60_000 })).unwrap();
            crate::world::until(&format!("{name} scrapes"), || !seen().is_empty());
        }
    }
    let runs: Vec<Seen> = (0..3).map(|_| runtime.block_on(shop.run(Catalog::Runs))).collect();
    let good = runtime.block_on(shop.run(Catalog::Runs));
    let bad = runtime.block_on(shop.run(Catalog::IsGone));
    for seen in [&good, &bad] {
        fit_together(seen, "http_requests_total");
        fit_together(seen, "http_request_duration_seconds_bucket");
    }
    for source in ["recorder", "prometheus", "victoria-metrics"] {
        let baseline: Vec<&Evidence> = runs.iter().map(|seen| &seen[source]).collect();
        for (seen, verdict) in [(&good, Verdict::Pass), (&bad, Verdict::Fail)] {
            let judgement = judged(&seen[source], &baseline);
            let seen: Vec<String> = baseline.iter().copied().chain([&seen[source]]).map(present).collect();
            assert_eq!(judgement.verdict, verdict, "{source}: {seen:#?} {:#?}", judgement.reasons);
        }
    }
}
