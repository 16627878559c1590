//! One attempt while it is observed: recorder, suites, phases, and the evidence that they add up to.

use super::bundle::{Bundle, SuiteDocument};
use super::loads::SuiteLoads;
use super::metrics_push::Push;
use super::metrics_source::MetricsSource;
use super::own_series::Shown;
use super::slices::Slices;
use super::suites::{self, Running};
use crate::landscape::local::Local;
use chaos::load::LoadRecord;
use probes::clock::RunClock;
use probes::load::LoadReport;
use probes::metrics::registry::Registry;
use probes::metrics::selection::Selection;
use probes::metrics::{Recorder, RecorderConfig, Target};
use scorer::Evidence;
use scorer::evidence::{Context, Event, Exposure, Phase, PhaseLabel, Subject};
use scorer::verdict::Judgement;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a look waits for a metrics server: processes and guards are not followed meanwhile.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(5);
/// How long the end waits for the last samples of a metrics server, which some show half a minute late.
const END_WITHIN: Duration = Duration::from_secs(45);

/// Name of the restart counter that the supervisor feeds.
const RESTARTS: &str = "mettle_process_restarts_total";
/// 1 for the phase that runs, else 0, by `phase`: `fault` is the exposure.
const PHASE: &str = "mettle_phase";
/// Score of the last look, by `bound`: `score`, `low`, `high`; NaN while there is none.
const LOOK_SCORE: &str = "mettle_look_score";

/// What belongs to an attempt.
pub struct Session {
    /// Time of the run.
    pub clock: RunClock,
    /// Scrape interval in milliseconds.
    pub interval_ms: i64,
    /// Time of the recorder's first tick.
    pub origin_ms: i64,
    /// The landscape.
    pub local: Arc<Local>,
    /// The recorder.
    pub recorder: Recorder,
    /// Mettle's own counters.
    pub registry: Registry,
    /// Suites and load.
    pub running: Running,
    /// Load beside the faults of experiments.
    pub loads: Arc<SuiteLoads>,
    /// Keeps slices of it, if anybody wants them.
    pub slices: Option<Slices>,
    phases: Vec<Phase>,
    exposures: Vec<Exposure>,
    events: Vec<Event>,
    subject: Subject,
    context: Context,
    targets: BTreeMap<String, Target>,
    /// Suite of the programme's own load.
    load_suite: Option<String>,
    ran_beside: Vec<LoadRecord>,
    /// Whether a metrics server scrapes the product.
    scraped_elsewhere: bool,
    /// Hands our own series over while the session lives.
    push: Option<Push>,
    _shown: Shown,
}

/// Why an attempt could not begin.
#[derive(Debug, thiserror::Error)]
#[error("the observation cannot begin: {0}")]
pub struct SessionError(pub String);

/// What a session is made of.
pub struct Begin<'a> {
    /// Documents.
    pub bundle: &'a Bundle,
    /// The landscape, deployed.
    pub local: Arc<Local>,
    /// Identity of the attempt.
    pub subject: Subject,
    /// Toggle vector.
    pub toggles: BTreeMap<String, String>,
    /// Rate of the load.
    pub rate: Option<f64>,
    /// Suites that experiments may load beside their faults.
    pub loads: BTreeSet<String>,
    /// Where the landscape's metrics come from.
    pub metrics: MetricsSource<'a>,
}

impl Session {
    /// Starts recorder, suites and load.
    ///
    /// # Errors
    /// A suite or the load cannot start, or the metrics server cannot be read.
    pub async fn begin(begin: Begin<'_>) -> Result<Self, SessionError> {
        let bundle = begin.bundle;
        let interval = bundle.programme.interval.0;
        let (clock, registry) = (RunClock::start_now(), Registry::new());
        let config = RecorderConfig::every(interval, clock).for_signals(&crate::builtin::signals(bundle));
        let feed = begin.metrics.feed(bundle, clock).await.map_err(SessionError)?;
        let scraped_elsewhere = feed.is_some();
        let recorder = Recorder::start(config.map_err(|e| SessionError(e.to_string()))?, registry.clone());
        let recorder = match feed {
            Some(feed) => recorder.with_feed(feed),
            None => recorder,
        };
        let origin_ms = clock.now_ms();
        let loads = Arc::new(SuiteLoads::new(bundle, begin.local.clone(), registry.clone()));
        loads.announce(begin.loads.iter().map(String::as_str));
        let push = begin.metrics.push(&registry, clock, &begin.subject);
        let shown = begin.metrics.show(&registry, &begin.subject);
        let running = suites::start(bundle, &begin.local, begin.rate, &registry, clock).map_err(SessionError)?;
        let context = Context {
            programme: bundle.programme_digest.clone(),
            interval_ms: bundle.programme.interval.ms(),
            topology: begin.local.peek().into_keys().collect(),
            versions: bundle.product.versions(),
            resources: resources(),
            toggles: begin.toggles,
            load_per_s: None,
            load_valid: None,
        };
        let mut session = Session {
            clock,
            interval_ms: bundle.programme.interval.ms(),
            origin_ms,
            local: begin.local,
            recorder,
            registry,
            running,
            loads,
            slices: None,
            load_suite: bundle.programme.load.as_ref().map(|load| load.suite.clone()),
            phases: Vec::new(),
            exposures: Vec::new(),
            events: Vec::new(),
            subject: begin.subject,
            context,
            targets: BTreeMap::new(),
            ran_beside: Vec::new(),
            scraped_elsewhere,
            push,
            _shown: shown,
        };
        session.follow();
        Ok(session)
    }

    /// Follows the processes: restarts move them to other ports and ids.
    pub fn follow(&mut self) {
        for (name, state) in self.local.peek() {
            let scraped = !state.pids.is_empty() && !self.scraped_elsewhere;
            let metrics = state.metrics_url.as_deref().filter(|_| scraped).and_then(|u| u.parse().ok());
            let pids = state.pids.first().and_then(|p| u32::try_from(*p).ok()).into_iter().collect();
            let target = Target { metrics, pids };
            if self.targets.get(&name) != Some(&target) {
                self.recorder.set_target(&name, (!target.pids.is_empty()).then(|| target.clone()));
                self.targets.insert(name.clone(), target);
            }
            let counter = self.registry.counter(RESTARTS, &[("job", &name)]);
            counter.add(state.restarts as f64 - counter.value());
        }
        self.events.extend(self.local.drain_events());
        if let Some(from_ms) = self.slices.as_ref().and_then(Slices::due) {
            // Before the samples: what comes in between is looked at again.
            let from_ms = from_ms.min(self.recorder.news_from_ms());
            let so_far = Evidence { series: self.recorder.since(from_ms), ..self.rest(None) };
            if let Some(slices) = &mut self.slices {
                slices.write(so_far, from_ms);
            }
        }
    }

    /// The first grid time that is not before `at_ms`.
    pub fn grid(&self, at_ms: i64) -> i64 {
        let ahead = (at_ms - self.origin_ms).max(0);
        let steps = (ahead + self.interval_ms - 1) / self.interval_ms;
        self.origin_ms + steps * self.interval_ms
    }

    /// Adds a phase.
    pub fn open_phase(&mut self, label: PhaseLabel, name: &str, start_ms: i64, samples: u32) {
        self.told_phase(label);
        let end_ms = start_ms + i64::from(samples) * self.interval_ms;
        self.phases.push(Phase { label, name: name.to_owned(), start_ms, end_ms, samples });
    }

    /// Says in our own series which phase it is.
    fn told_phase(&self, now: PhaseLabel) {
        for label in PhaseLabel::ALL {
            self.registry.gauge(PHASE, &[("phase", label.name())]).set(if label == now { 1.0 } else { 0.0 });
        }
    }

    /// Says in our own series what a look judged.
    pub fn told_look(&self, judgement: &Judgement) {
        let bounds = [("score", judgement.score), ("low", judgement.score_low), ("high", judgement.score_high)];
        for (bound, score) in bounds {
            self.registry.gauge(LOOK_SCORE, &[("bound", bound)]).set(score.unwrap_or(f64::NAN));
        }
    }

    /// Ends the last phase at `at_ms`.
    pub fn close_phase(&mut self, at_ms: i64) {
        if let Some(phase) = self.phases.last_mut() {
            phase.end_ms = at_ms.max(phase.start_ms);
        }
    }

    /// Phases so far.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Keeps what an experiment left.
    pub fn expose(&mut self, exposures: impl IntoIterator<Item = Exposure>) {
        self.exposures.extend(exposures);
    }

    /// Keeps what ran beside the faults of an experiment.
    pub fn ran_beside(&mut self, loads: Vec<LoadRecord>) {
        let event = |load: &LoadRecord| Event {
            at_ms: load.end_ms,
            kind: "experiment_load".into(),
            component: None,
            detail: serde_json::to_string(load).unwrap_or_default(),
        };
        self.events.extend(loads.iter().map(event));
        self.ran_beside.extend(loads);
    }

    /// Loads that ran beside faults so far.
    pub fn loads_beside(&self) -> &[LoadRecord] {
        &self.ran_beside
    }

    /// The evidence so far, with what the load generator says of itself by now.
    pub async fn evidence(&self) -> Evidence {
        self.recorder.catch_up(CATCH_UP_WITHIN).await;
        self.recorded(self.running.load_valid().await)
    }

    fn recorded(&self, load_valid: Option<bool>) -> Evidence {
        Evidence { series: self.recorder.snapshot(), ..self.rest(load_valid) }
    }

    /// Everything but the samples.
    fn rest(&self, load_valid: Option<bool>) -> Evidence {
        let mut context = self.context.clone();
        if self.running.has_load() {
            context.load_per_s = self.load_in_steady();
            context.load_valid = load_valid;
        }
        let mut events = self.events.clone();
        events.extend(self.recorder.events());
        events.sort_by_key(|e| e.at_ms);
        Evidence {
            subject: self.subject.clone(),
            context,
            phases: self.phases.clone(),
            series: Vec::new(),
            checks: self.running.checks(),
            findings: self.running.findings(),
            exposures: self.exposures.clone(),
            events,
        }
    }

    /// Requests a second that left during the steady phases, from the generator's own counter.
    fn load_in_steady(&self) -> Option<f64> {
        let series = self.recorder.select(&Selection::named("mettle_load_sent_total"));
        let sent = series.iter().find(|sent| sent.labels.get("suite") == self.load_suite.as_ref())?;
        let (mut requests, mut seconds) = (0.0, 0.0);
        for phase in self.phases.iter().filter(|p| p.label == PhaseLabel::Steady) {
            let inside = || {
                sent.times_ms
                    .iter()
                    .zip(&sent.values)
                    .filter(|(t, v)| (phase.start_ms..=phase.end_ms).contains(*t) && !v.is_nan())
            };
            if let (Some((t0, v0)), Some((t1, v1))) = (inside().next(), inside().next_back()) {
                requests += v1 - v0;
                seconds += (t1 - t0) as f64 / 1e3;
            }
        }
        (seconds > 0.0).then(|| requests / seconds)
    }

    /// Ends suites, load and recorder; the evidence is complete then.
    pub async fn end(mut self) -> Evidence {
        self.follow();
        let load = self.running.stop().await;
        let end_ms = self.phases.iter().map(|phase| phase.end_ms).max().unwrap_or(0);
        self.recorder.wait_for(end_ms, END_WITHIN).await;
        if let Some(slices) = self.slices.take() {
            slices.end().await;
        }
        let mut evidence = self.recorded(Some(load.as_ref().is_some_and(LoadReport::is_valid)));
        if let Some(load) = load {
            let detail = serde_json::to_string(&load).unwrap_or_default();
            evidence.events.push(Event {
                at_ms: self.clock.now_ms(),
                kind: "load_report".into(),
                component: None,
                detail,
            });
        }
        if let Some(push) = self.push {
            evidence.events.extend(push.stop().await);
        }
        // The recording is already in the evidence; a recorder that ended early shows as a gap there.
        drop(self.recorder.stop().await);
        evidence
    }
}

/// What shapes the numbers of this host.
fn resources() -> BTreeMap<String, String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    BTreeMap::from([("cores".to_owned(), cores.to_string()), ("host".to_owned(), "local".to_owned())])
}

/// Names of the declared experiments and of the suites that must have run.
pub fn declared(bundle: &Bundle) -> (Vec<String>, Vec<String>) {
    let experiments = bundle.programme.experiments().into_iter().map(str::to_owned).collect();
    let suites = bundle
        .programme
        .suites
        .iter()
        .filter(|s| !matches!(bundle.suites.get(*s), Some(SuiteDocument::Performance(_))))
        .cloned()
        .collect();
    (experiments, suites)
}

/// How long after a grid time its scrape is surely in.
pub fn settle(interval_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(interval_ms * 7 / 10).unwrap_or_default())
}
