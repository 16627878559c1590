//! One run: a thread of its own with a pacer and a pool.

use super::document::Load;
use super::mix::Mix;
use super::pool::{self, Host, Job, Queued, Shared, Template};
use super::report::{LoadReport, Validity};
use super::schedule::Schedule;
use super::tally::Tally;
use super::timer::Timer;
use crate::metrics::registry::Registry;
use http::Method;
use nix::time::{ClockId as CpuClock, clock_gettime};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

/// Shortest sleep of the pacer; requests due within it start in one burst. A hundredth of the shortest response limit
/// that the documents allow would be shorter than the kernel's own wake-up.
const SHORTEST_SLEEP: Duration = Duration::from_micros(100);

/// A generator that does not answer within this time says nothing of itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Least room of a queue: a burst at a low rate must find some.
const SMALLEST_ROOM: usize = 1024;

/// Addresses of the user's side, by component.
pub type Targets = BTreeMap<String, SocketAddr>;

/// Why a run could not start or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A request goes to a component that has no user's side.
    #[error("request `{request}` goes to component `{component}`, which has no user's side; known: {known}")]
    UnknownComponent {
        /// Request.
        request: String,
        /// Component.
        component: String,
        /// Known components.
        known: String,
    },
    /// A request cannot be written as HTTP.
    #[error("request `{request}` cannot be written as HTTP")]
    Request {
        /// Request.
        request: String,
        /// Cause.
        #[source]
        source: http::Error,
    },
    /// The kernel refused a timer or a thread.
    #[error("cannot start the load generator")]
    Start(#[source] std::io::Error),
    /// The generator's thread panicked.
    #[error("the load generator ended by itself")]
    Ended,
}

/// Whether the run counts so far; the answer is none while it is too short to tell.
type Question = oneshot::Sender<Option<Validity>>;

/// A running load. Dropping it stops the load without a report.
#[derive(Debug)]
pub struct Engine {
    rate: watch::Sender<f64>,
    questions: mpsc::Sender<Question>,
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<LoadReport, LoadError>>>,
}

impl Engine {
    /// Starts the load of `suite` against `targets`, at `rate` requests a second instead of the suite's own if given.
    ///
    /// # Errors
    /// Unknown components and requests that cannot be written are found before anything is sent.
    pub fn start(
        suite: &str,
        load: &Load,
        rate: Option<f64>,
        targets: &Targets,
        registry: &Registry,
    ) -> Result<Self, LoadError> {
        let templates = load.requests.iter().map(|r| template(r, targets)).collect::<Result<Vec<_>, _>>()?;
        let (sender, rates) = watch::channel(rate.unwrap_or_else(|| load.rate.value()));
        let (questions, asked) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let schedule = match (rate, load.steps.is_empty()) {
            (None, false) => Schedule::steps(
                &load.steps.iter().map(|s| (s.rate.value(), Duration::from_secs(s.seconds.into()))).collect::<Vec<_>>(),
            ),
            (rate, _) => Schedule::constant(rate.unwrap_or_else(|| load.rate.value())),
        };
        let run = Run {
            load: load.clone(),
            targets: targets.clone(),
            tally: Tally::new(registry, suite, load),
            templates,
            schedule,
            rates,
            asked,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("mettle-load".into())
            .spawn(move || run.run())
            .map_err(LoadError::Start)?;
        Ok(Self { rate: sender, questions, stop, thread: Some(thread) })
    }

    /// Changes the rate from now on, requests a second.
    pub fn set_rate(&self, per_second: f64) {
        // The thread ends only after `stop`; a rate for a stopped run has no reader.
        let _ = self.rate.send(per_second);
    }

    /// Whether the generator kept its schedule so far. None: nobody knows, because the run is too short to tell or the
    /// generator does not answer.
    pub async fn validity(&self) -> Option<Validity> {
        let (question, answer) = oneshot::channel();
        let asked = async {
            self.questions.send(question).await.ok()?;
            answer.await.ok()?
        };
        tokio::time::timeout(ANSWER_WITHIN, asked).await.ok()?
    }

    /// Stops the load and reports. Requests under way are given up and not counted.
    ///
    /// # Errors
    /// [`LoadError::Ended`] when the generator died.
    pub async fn stop(mut self) -> Result<LoadReport, LoadError> {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return Err(LoadError::Ended) };
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .map_err(|_| LoadError::Ended)?
            .map_err(|_| LoadError::Ended)?
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Lets everything that a run of `suite` counts begin at zero, before it starts.
pub fn announce(suite: &str, load: &Load, registry: &Registry) {
    drop(Tally::new(registry, suite, load));
}

fn template(request: &super::document::LoadRequest, targets: &Targets) -> Result<Template, LoadError> {
    let Some(address) = targets.get(&request.component) else {
        let known = targets.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(LoadError::UnknownComponent {
            request: request.name.clone(),
            component: request.component.clone(),
            known,
        });
    };
    let flawed = |source: http::Error| LoadError::Request { request: request.name.clone(), source };
    Ok(Template {
        method: Method::from_bytes(request.method.as_bytes()).map_err(|e| flawed(e.into()))?,
        path: request.path.clone(),
        headers: pool::headers(&request.headers, *address, request.json.is_some()).map_err(flawed)?,
        body: request.json.as_ref().map(ToString::to_string),
    })
}

/// What the thread owns.
struct Run {
    load: Load,
    targets: Targets,
    tally: Tally,
    templates: Vec<Template>,
    schedule: Schedule,
    rates: watch::Receiver<f64>,
    asked: mpsc::Receiver<Question>,
    stop: CancellationToken,
}

impl Run {
    fn run(self) -> Result<LoadReport, LoadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Start)?;
        LocalSet::new().block_on(&runtime, self.drive())
    }

    async fn drive(self) -> Result<LoadReport, LoadError> {
        let timer = Timer::create().map_err(LoadError::Start)?;
        let limit = self.load.timeout();
        let fastest = self.load.steps.iter().map(|step| step.rate.value()).fold(*self.rates.borrow(), f64::max);
        let room = room(fastest, limit);
        let hosts: BTreeMap<&str, Rc<Host>> =
            self.targets.iter().map(|(name, address)| (name.as_str(), Rc::new(Host::new(*address, room)))).collect();
        let by_step: Vec<Rc<Host>> =
            self.load.requests.iter().filter_map(|r| hosts.get(r.component.as_str()).cloned()).collect();
        let shared = Rc::new(Shared {
            tally: RefCell::new(self.tally),
            templates: self.templates,
            timeout: self.load.timeout(),
        });
        let used = hosts.values().filter(|h| by_step.iter().any(|b| Rc::ptr_eq(b, h)));
        let mut pool = Vec::new();
        for host in used {
            pool.extend(
                (0..self.load.connections).map(|_| tokio::task::spawn_local(pool::serve(host.clone(), shared.clone()))),
            );
        }
        let (start, cpu) = (Instant::now(), thread_cpu());
        let mut pacer = Pacer {
            start,
            schedule: self.schedule,
            mix: Mix::new(self.load.requests.iter().map(|r| r.weight)),
            number: 0,
        };
        let (mut rates, mut asked) = (self.rates, self.asked);
        loop {
            let sleep = pacer.issue(&by_step, &shared);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                changed = rates.changed() => if changed.is_ok() {
                    let rate = *rates.borrow_and_update();
                    hosts.values().for_each(|host| host.set_room(self::room(rate, limit)));
                    pacer.schedule.set_rate(rate, start.elapsed());
                } else {
                    break;
                },
                Some(question) = asked.recv() => {
                    let (length, cpu) = (start.elapsed(), thread_cpu().saturating_sub(cpu));
                    let so_far = LoadReport::so_far(&shared.tally.borrow(), length, cpu, self.load.limit());
                    // Whoever asked may have given up.
                    let _ = question.send(so_far);
                },
                waited = timer.sleep(sleep) => waited.map_err(LoadError::Start)?,
            }
        }
        let (length, cpu) = (start.elapsed(), thread_cpu().saturating_sub(cpu));
        pool.iter().for_each(tokio::task::JoinHandle::abort);
        let mut tally = shared.tally.borrow_mut();
        for job in hosts.values().flat_map(|host| host.drain()) {
            if job.intended.elapsed() >= limit { tally.drop_one(job.step) } else { tally.give_up() }
        }
        Ok(LoadReport::new(&tally, length, cpu, self.load.limit()))
    }
}

/// How many requests may wait: those of one time limit, because what waits longer has failed anyway.
fn room(per_second: f64, limit: Duration) -> usize {
    ((per_second * limit.as_secs_f64()) as usize).max(SMALLEST_ROOM)
}

struct Pacer {
    start: Instant,
    schedule: Schedule,
    mix: Mix,
    number: u64,
}

impl Pacer {
    /// Queues every request that is due, and says how long to sleep until the next one.
    fn issue(&mut self, hosts: &[Rc<Host>], shared: &Shared) -> Duration {
        let now = self.start.elapsed();
        while let Some(intended) = self.schedule.due(now) {
            self.number += 1;
            let step = self.mix.next();
            let mut tally = shared.tally.borrow_mut();
            tally.schedule(now - intended);
            let job = Job { step, intended: self.start + intended, number: self.number };
            if hosts[step].push(job) == Queued::Full {
                tally.drop_one(step);
            }
        }
        self.schedule.next().saturating_sub(self.start.elapsed()).max(SHORTEST_SLEEP)
    }
}

/// CPU time of the calling thread.
fn thread_cpu() -> Duration {
    clock_gettime(CpuClock::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}
