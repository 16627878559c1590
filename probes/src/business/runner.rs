//! Keeps the journeys of a suite going on their schedule.

use super::compile::{CompiledSuite, Journey};
use super::counters::Counters;
use super::journey::{self, CLEANUP_WITHIN, Ran, Way};
use super::template::Values;
use crate::clock::RunClock;
use crate::metrics::Registry;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use reqwest::Url;
use scorer::evidence::{CheckResult, Class, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Most runs under way at once in a suite: probing must not become load.
const MAX_UNDER_WAY: usize = 32;

/// How long a stop waits for runs under way: a whole cleanup and a little.
const STOP_WITHIN: Duration = Duration::from_secs(CLEANUP_WITHIN.as_secs() + 2);

/// What a business suite needs.
#[derive(Clone, Debug)]
pub struct BusinessConfig {
    /// The suite.
    pub suite: Arc<CompiledSuite>,
    /// User-side addresses by component.
    pub bases: BTreeMap<String, Url>,
    /// Time of the run.
    pub clock: RunClock,
    /// Where runs are counted.
    pub registry: Registry,
    /// Where results go; a full channel delays later runs, nothing is dropped.
    pub results: mpsc::Sender<CheckResult>,
}

/// A suite that could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No HTTP client.
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// A task of the suite ended by itself.
    #[error("a task of suite `{suite}` ended early")]
    TaskEnded {
        /// Suite.
        suite: String,
        /// Why.
        #[source]
        source: tokio::task::JoinError,
    },
    /// Nobody takes the results any more.
    #[error("the results of suite `{suite}` have no receiver")]
    NoReceiver {
        /// Suite.
        suite: String,
    },
    /// Cleanups did not end in time.
    #[error("suite `{suite}` did not end within {within:?}: cleanups may be missing")]
    StopTimedOut {
        /// Suite.
        suite: String,
        /// Limit.
        within: Duration,
    },
}

/// Runs a suite until `stop`; then ends the runs under way with their cleanup.
///
/// # Errors
/// The suite could not run, or its cleanups did not end in time.
pub async fn run(config: BusinessConfig, stop: CancellationToken) -> Result<(), RunError> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("mettle-journey")
        .build()
        .map_err(RunError::Client)?;
    let suite = config.suite.name.clone();
    let way = Way { client, bases: config.bases.clone() };
    let room = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    // Dropping the set on an early return ends every task.
    let mut loops = JoinSet::new();
    for index in 0..config.suite.journeys.len() {
        let journey = &config.suite.journeys[index].name;
        let counters = Counters::register(&config.registry, &suite, journey);
        let one = Loop { config: config.clone(), index, way: way.clone(), room: Arc::clone(&room), counters };
        loops.spawn(one.run(stop.clone()));
    }
    let within = STOP_WITHIN;
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(within).await;
    };
    tokio::pin!(late);
    loop {
        tokio::select! {
            ended = loops.join_next() => match ended {
                None => return Ok(()),
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(source)) => return Err(RunError::TaskEnded { suite, source }),
            },
            () = &mut late => return Err(RunError::StopTimedOut { suite, within }),
        }
    }
}

/// The schedule of one journey.
struct Loop {
    config: BusinessConfig,
    index: usize,
    way: Way,
    room: Arc<Semaphore>,
    counters: Counters,
}

impl Loop {
    async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let one = Arc::new(self);
        let mut ticks = tokio::time::interval(one.journey().every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut under_way = JoinSet::new();
        let mut number = 0_u64;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = under_way.join_next() => one.settle(ended)?,
                _ = ticks.tick() => {
                    match Arc::clone(&one.room).try_acquire_owned() {
                        Ok(room) => {
                            under_way.spawn(Arc::clone(&one).run_once(number, room, stop.clone()));
                        }
                        // Told here and not in a task: a full channel then holds the schedule, not a growing set.
                        Err(_) => one.report(one.config.clock.now_ms(), Ran {
                            outcome: Outcome::NotRun,
                            detail: Some(format!("{MAX_UNDER_WAY} runs of the suite are still under way")),
                            took: Duration::ZERO,
                        }).await?,
                    }
                    number += 1;
                }
            }
        }
        while let Some(ended) = under_way.join_next().await {
            one.settle(ended)?;
        }
        Ok(())
    }

    fn journey(&self) -> &Journey {
        &self.config.suite.journeys[self.index]
    }

    fn settle(&self, ended: Result<Result<(), RunError>, tokio::task::JoinError>) -> Result<(), RunError> {
        ended.map_err(|source| RunError::TaskEnded { suite: self.config.suite.name.clone(), source })?
    }

    /// One run; its room is given back once its result was taken, so that a receiver that does not keep up stops
    /// new runs.
    async fn run_once(
        self: Arc<Self>,
        number: u64,
        _room: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> Result<(), RunError> {
        let at_ms = self.config.clock.now_ms();
        let ran = journey::run(self.journey(), &self.way, self.values(number), &stop).await;
        self.report(at_ms, ran).await
    }

    async fn report(&self, at_ms: i64, ran: Ran) -> Result<(), RunError> {
        self.counters.count(ran.outcome, ran.took);
        let suite = &self.config.suite.name;
        let result = CheckResult {
            class: Class::Business,
            suite: suite.clone(),
            check: self.journey().name.clone(),
            at_ms,
            took_ms: ran.took.as_secs_f64() * 1000.0,
            outcome: ran.outcome,
            detail: ran.detail,
        };
        self.config.results.send(result).await.map_err(|_| RunError::NoReceiver { suite: suite.clone() })
    }

    /// The values of run `number`: the same seed, journey and number give the same data.
    fn values(&self, number: u64) -> Values {
        let mut chance = ChaCha8Rng::seed_from_u64(self.config.suite.seed);
        chance.set_stream((self.index as u64) << 32 | number & 0xffff_ffff);
        let known = self.config.suite.variables.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        Values { known: known.collect(), chance }
    }
}
