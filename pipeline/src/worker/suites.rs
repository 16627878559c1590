//! The suites of an attempt: journeys all the time, security once, load through all phases.

use super::bundle::{Bundle, SuiteDocument};
use crate::landscape::local::Local;
use crate::landscape::processes::Check;
use probes::business::{self, BusinessConfig};
use probes::clock::RunClock;
use probes::load::{Engine, LoadReport, Targets, Validity};
use probes::metrics::registry::Registry;
use probes::reach::{self, ReachProbe, ReachTarget};
use probes::security::{ScanContext, scan};
use probes::suite::{BusinessSuite, SecuritySuite};
use reqwest::Url;
use scorer::evidence::{CheckResult, Class, Finding, Outcome, WHOLE_SUITE};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Results that wait to be collected; journeys are few a second.
const RESULTS_WAITING: usize = 1024;
/// Most check results that are kept of one attempt; a day of one journey a second is 86,400.
const CHECKS_MAX: usize = 200_000;
/// How long suites may take to end: a whole cleanup and a little.
const END_WITHIN: Duration = Duration::from_secs(15);
/// Bounds of the time between probes of a component's user side: 2 to 20 a second, two in each sample where that fits.
const REACH_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

#[derive(Debug, Default)]
struct Kept {
    checks: Vec<CheckResult>,
    findings: Vec<Finding>,
    /// By suite and check: how many results are not kept, and the first of them.
    left_out: BTreeMap<(String, String), (usize, CheckResult)>,
}

/// Suites under way.
#[derive(Debug)]
pub struct Running {
    kept: Arc<Mutex<Kept>>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    load: Load,
}

#[derive(Debug)]
enum Load {
    None,
    Running(Engine),
    Over,
}

/// Starts all suites that the programme names.
///
/// # Errors
/// Which suite cannot start, and why.
pub fn start(
    bundle: &Bundle,
    local: &Local,
    rate: Option<f64>,
    registry: &Registry,
    clock: RunClock,
) -> Result<Running, String> {
    let bases = user_sides(local);
    let (kept, stop) = (Arc::new(Mutex::new(Kept::default())), CancellationToken::new());
    let (sender, receiver) = mpsc::channel(RESULTS_WAITING);
    let mut tasks = JoinSet::new();
    tasks.spawn(collect(receiver, kept.clone()));
    for name in &bundle.programme.suites {
        match bundle.suites.get(name) {
            Some(SuiteDocument::Business(suite)) => {
                let config = business_config(suite, &bases, registry, clock, sender.clone())?;
                tasks.spawn(journeys(suite.name.clone(), config, stop.clone(), kept.clone(), clock));
            }
            Some(SuiteDocument::Security(suite)) => {
                tasks.spawn(security(suite.clone(), bases.clone(), clock, stop.clone(), kept.clone()));
            }
            Some(SuiteDocument::Performance(_)) | None => {}
        }
    }
    for (job, base) in bases.iter().filter(|(name, _)| bundle.user_sides.contains(*name)) {
        if let Some(target) = reach_target(local, job, base) {
            let every = (bundle.programme.interval.0 / 2).clamp(REACH_EVERY.0, REACH_EVERY.1);
            let probe = ReachProbe { job: job.clone(), target, every };
            let (registry, stop) = (registry.clone(), stop.clone());
            // A probe that cannot start leaves its signal without evidence, which the judge reports.
            tasks.spawn(async move { drop(reach::run(probe, registry, stop).await) });
        }
    }
    let load = match &bundle.programme.load {
        None => Load::None,
        Some(of) => {
            let Some(SuiteDocument::Performance(suite)) = bundle.suites.get(&of.suite) else {
                return Err(format!("`{}` is not a performance suite", of.suite));
            };
            let engine = Engine::start(&suite.name, &suite.load, rate, &targets(local), registry);
            Load::Running(engine.map_err(|e| e.to_string())?)
        }
    };
    Ok(Running { kept, tasks, stop, load })
}

/// Where the user's side of a component is probed: its health path, because its edge accepts connections even while
/// nobody is behind it.
fn reach_target(local: &Local, component: &str, base: &Url) -> Option<ReachTarget> {
    let described = local.components().find(|c| c.name == component)?;
    match described.health.check() {
        Check::Http(path) => base.join(&path).ok().map(ReachTarget::Http),
        Check::Tcp | Check::Alive(_) => local.user_address(component).map(ReachTarget::Tcp),
    }
}

/// Where load goes: the user's side of every component that has one.
pub(super) fn targets(local: &Local) -> Targets {
    local.peek().into_keys().filter_map(|name| Some((name.clone(), local.user_address(&name)?))).collect()
}

fn user_sides(local: &Local) -> BTreeMap<String, Url> {
    local.peek().into_iter().filter_map(|(name, state)| Some((name, state.user_url?.parse().ok()?))).collect()
}

fn business_config(
    suite: &BusinessSuite,
    bases: &BTreeMap<String, Url>,
    registry: &Registry,
    clock: RunClock,
    results: mpsc::Sender<CheckResult>,
) -> Result<BusinessConfig, String> {
    let compiled = business::compile(suite).map_err(|problems| {
        problems.iter().map(|p| format!("{}: {}", p.key, p.message)).collect::<Vec<_>>().join("; ")
    })?;
    Ok(BusinessConfig { suite: Arc::new(compiled), bases: bases.clone(), clock, registry: registry.clone(), results })
}

async fn collect(mut results: mpsc::Receiver<CheckResult>, kept: Arc<Mutex<Kept>>) {
    while let Some(result) = results.recv().await {
        lock(&kept).keep(result, CHECKS_MAX);
    }
}

impl Kept {
    /// Keeps a result. Beyond the limit the good ones are counted and the others stay: what went wrong is what people
    /// look for, and the counters of the journeys know all of them.
    fn keep(&mut self, result: CheckResult, max: usize) {
        if self.checks.len() < max || (result.outcome != Outcome::Ok && self.checks.len() < 2 * max) {
            return self.checks.push(result);
        }
        let more = self.left_out.entry((result.suite.clone(), result.check.clone())).or_insert((0, result));
        more.0 += 1;
    }

    /// Everything kept, in order of time, and for each check one line about what was not.
    fn checks(&self) -> Vec<CheckResult> {
        let mut checks = self.checks.clone();
        checks.extend(self.left_out.values().map(|(more, first)| CheckResult {
            outcome: Outcome::NotRun,
            detail: Some(format!("{more} results from here on are counted and not kept")),
            ..first.clone()
        }));
        checks.sort_by_key(|c| c.at_ms);
        checks
    }
}

/// A suite that could not start or ended by itself is recorded as not run from then on: it never counts as passed.
fn whole(class: Class, suite: String, why: String, clock: RunClock) -> CheckResult {
    CheckResult {
        class,
        suite,
        check: WHOLE_SUITE.into(),
        at_ms: clock.now_ms(),
        took_ms: 0.0,
        outcome: Outcome::NotRun,
        detail: Some(why),
    }
}

async fn journeys(
    suite: String,
    config: BusinessConfig,
    stop: CancellationToken,
    kept: Arc<Mutex<Kept>>,
    clock: RunClock,
) {
    if let Err(error) = business::run(config, stop.clone()).await {
        // Asked to end, it only did not clean up in time: nothing that it should have seen is missing.
        if stop.is_cancelled() {
            tracing::warn!("{error}");
            return;
        }
        lock(&kept).checks.push(whole(Class::Business, suite, error.to_string(), clock));
    }
}

async fn security(
    suite: SecuritySuite,
    bases: BTreeMap<String, Url>,
    clock: RunClock,
    stop: CancellationToken,
    kept: Arc<Mutex<Kept>>,
) {
    let name = suite.name.clone();
    match ScanContext::try_new(suite, bases, clock, stop, |variable| std::env::var(variable).ok()) {
        Ok(context) => {
            let report = scan(&context).await;
            let mut kept = lock(&kept);
            kept.checks.extend(report.checks);
            kept.findings.extend(report.findings);
        }
        Err(error) => lock(&kept).checks.push(whole(Class::Security, name, error.to_string(), clock)),
    }
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    /// Whether a load was declared.
    pub fn has_load(&self) -> bool {
        !matches!(self.load, Load::None)
    }

    /// Whether the load counts so far; none without a load, and while nobody knows.
    pub async fn load_valid(&self) -> Option<bool> {
        match &self.load {
            Load::Running(engine) => engine.validity().await.map(|validity| validity == Validity::Valid),
            Load::None | Load::Over => None,
        }
    }

    /// Changes the rate of the load.
    pub fn set_rate(&self, per_second: f64) {
        if let Load::Running(engine) = &self.load {
            engine.set_rate(per_second);
        }
    }

    /// Check results so far, in order of time.
    pub fn checks(&self) -> Vec<CheckResult> {
        lock(&self.kept).checks()
    }

    /// Findings so far.
    pub fn findings(&self) -> Vec<Finding> {
        lock(&self.kept).findings.clone()
    }

    /// Ends load and suites; cleanups run. The load's report, if it could make one.
    pub async fn stop(&mut self) -> Option<LoadReport> {
        self.stop.cancel();
        let report = match std::mem::replace(&mut self.load, Load::Over) {
            Load::Running(engine) => engine.stop().await.ok(),
            none @ Load::None => {
                self.load = none;
                None
            }
            Load::Over => None,
        };
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(END_WITHIN, all).await.is_err() {
            tracing::warn!("suites did not end within {END_WITHIN:?}; they are cut off");
            self.tasks.shutdown().await;
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_bad_results_stay_and_good_ones_are_told_as_a_number() {
        let mut kept = Kept::default();
        for at_ms in 0..10 {
            let outcome = if at_ms == 8 { Outcome::Wrong } else { Outcome::Ok };
            let (class, suite, check) = (Class::Business, "journeys".to_owned(), "buy".to_owned());
            kept.keep(CheckResult { class, suite, check, at_ms, took_ms: 1.0, outcome, detail: None }, 4);
        }
        let told: Vec<_> = kept.checks().into_iter().map(|c| (c.at_ms, c.outcome, c.detail)).collect();
        let line = "5 results from here on are counted and not kept".to_owned();
        assert_eq!(told[4..], [(4, Outcome::NotRun, Some(line)), (8, Outcome::Wrong, None)]);
        assert_eq!(told[..4].iter().filter(|(_, outcome, _)| *outcome == Outcome::Ok).count(), 4);
    }
}
