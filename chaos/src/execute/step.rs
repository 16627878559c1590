//! One step: faults that go in together, hold together and come out together.

use super::Executor;
use super::grip::{Grip, Keeper};
use super::record::{Abort, Ended, ExposureRecord, Progress};
use crate::document::Quiet;
use crate::lease::{FaultId, LEASE_RENEW_EVERY};
use crate::load::LoadRecord;
use crate::plan::{self, PlannedFault, PlannedStep};
use crate::residual::Residue;
use chrono::DateTime;
use futures_util::future::{FutureExt, join};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::warn;

/// Faults that go in, are sampled or come out at once: more would measure the host and not the faults.
const AT_ONCE: usize = 32;
/// How often the dose is sampled while a fault holds.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// A fault that may be in.
struct Live<'a> {
    fault: &'a PlannedFault,
    id: FaultId,
    grip: Grip,
    record: ExposureRecord,
    /// Why it is not in.
    void: Option<String>,
    /// Ended by itself: what was hit is back.
    over: bool,
    /// When it was out.
    out_ms: i64,
}

impl Live<'_> {
    /// It was in, but not under what was asked for beside it: it says nothing.
    fn doubt(&mut self, why: &str) {
        self.record.verified = false;
        self.record.detail = Some(why.to_owned());
    }

    /// What is left of it.
    async fn take_out(&mut self, executor: &Executor<'_>) -> Option<Residue> {
        let taken = self.grip.take_out().await;
        self.out_ms = executor.now_ms();
        let left = taken.err()?;
        warn!(left, "{} is not undone", self.id);
        Some(Residue { id: self.id.clone(), place: left })
    }
}

enum End {
    Held,
    Void,
    LeaseLost,
    Aborted(Abort),
}

impl End {
    /// What kept a fault from being verified.
    fn word(&self) -> String {
        match self {
            End::Void | End::Held => "another fault of the step was void".to_owned(),
            End::LeaseLost => "the lease was lost".to_owned(),
            End::Aborted(Abort::GuardTripped { signal }) => format!("the guard on {signal} tripped"),
            End::Aborted(Abort::SoakAborted) => "somebody asked for the end".to_owned(),
        }
    }
}

impl Executor<'_> {
    pub(super) async fn step(&mut self, repetition: u32, step: &PlannedStep) {
        let objections = plan::check(self.plan, &self.ctx.landscape.inventory());
        if let Some(objection) = objections.first() {
            let why = format!("{}: {}", objection.rule, objection.message);
            return self.not_run(repetition, step, &why).await;
        }
        if let Some(quiet) = self.quiet_within(step.in_for().duration()) {
            return self.not_run(repetition, step, &format!("quiet_time: from {quiet}")).await;
        }
        let loads = match self.start_loads(repetition, step) {
            Ok(loads) => loads,
            Err(why) => return self.not_run(repetition, step, &format!("not_injected: {why}")).await,
        };
        let mut lives = Vec::new();
        for fault in &step.faults {
            let id = FaultId::new(&self.ctx.run, &fault.local_id);
            if let Err(error) = self.intend(&id, fault).await {
                warn!(error, "no intent, no injection");
                return self.not_run(repetition, step, "not_injected: the intent could not be written").await;
            }
            lives.push(self.prepare(repetition, fault, id));
        }
        let end = self.expose(repetition, step, &mut lives).await;
        let stopping = loads.stop(self.now_ms());
        let (loads, ()) = join(stopping, self.undo(repetition, &mut lives, &end)).await;
        if let (End::Held | End::LeaseLost, Some(why)) = (&end, flaw(&loads)) {
            lives.iter_mut().for_each(|live| live.doubt(&why));
        }
        self.report.loads.extend(loads);
        self.rest(repetition, step).await;
        let observed_until_ms = self.now_ms();
        let finish = |live: Live<'_>| {
            let mut record = live.record;
            let (measured, remark) = live.grip.afterwards();
            record.achieved.extend(measured);
            let told: Vec<String> = record.detail.into_iter().chain(remark).collect();
            let detail = (!told.is_empty()).then(|| told.join("; "));
            ExposureRecord { observed_until_ms, detail, ..record }
        };
        self.report.exposures.extend(lives.into_iter().map(finish));
    }

    /// The quiet time that faults would meet that are in for so long from now on.
    fn quiet_within(&self, in_for: Duration) -> Option<&Quiet> {
        let now = DateTime::from_timestamp_millis(self.now_ms())?;
        self.plan.quiet.iter().find(|quiet| quiet.meets(now, in_for))
    }

    fn prepare<'f>(&self, repetition: u32, fault: &'f PlannedFault, id: FaultId) -> Live<'f> {
        let grip = Grip::new(fault, &id, self.ctx.landscape.as_ref());
        let record = self.blank(repetition, fault, Some("not_injected".into()));
        Live { fault, id, grip, record, void: None, over: false, out_ms: 0 }
    }

    async fn expose(&self, repetition: u32, step: &PlannedStep, lives: &mut [Live<'_>]) -> End {
        let kept: Vec<_> = lives.iter().filter_map(|live| live.grip.keeper()).collect();
        let mut abort = self.abort.clone();
        let work = async {
            // All at once, as far as the host bears it: whoever waits for the others would be in for longer.
            let mut all = Vec::new();
            for live in lives.iter_mut() {
                all.push(self.inject(repetition, live).boxed());
            }
            let mut injected = stream::iter(all).buffer_unordered(AT_ONCE);
            while let Some(verified) = injected.next().await {
                if !verified {
                    return End::Void;
                }
            }
            drop(injected);
            self.hold(step, lives).await;
            End::Held
        };
        tokio::select! {
            biased;
            abort = tripped(&mut abort) => End::Aborted(abort),
            () = keep(&kept) => End::LeaseLost,
            end = work => end,
        }
    }

    /// Whether the fault is in.
    async fn inject(&self, repetition: u32, live: &mut Live<'_>) -> bool {
        let at_ms = self.now_ms();
        self.tell(Progress::FaultStarting { id: live.id.clone(), repetition, at_ms }).await;
        live.void = live.grip.inject(self.ctx.landscape.as_ref()).await.err();
        let (verified, at_ms) = (live.void.is_none(), self.now_ms());
        live.record.verified = verified;
        live.record.achieved = live.grip.quantities();
        live.record.start_ms = at_ms;
        let dose = live.record.achieved.clone();
        self.tell(Progress::Injected { id: live.id.clone(), repetition, at_ms, verified, dose }).await;
        if verified {
            let id = live.id.clone();
            if let Err(error) = self.journal(move |journal| journal.injected(&id, at_ms)).await {
                warn!(error, "the journal lacks an injection; its intent stands");
            }
        }
        verified
    }

    async fn hold(&self, step: &PlannedStep, lives: &mut [Live<'_>]) {
        let until = Instant::now() + step.hold.duration();
        let landscape = self.ctx.landscape.as_ref();
        let mut sample_at = Instant::now() + SAMPLE_EVERY;
        while Instant::now() < until {
            for live in lives.iter_mut().filter(|live| !live.over) {
                if live.grip.turn(landscape).await {
                    live.over = true;
                    live.record.end_ms = self.now_ms();
                }
            }
            // Here and not at the next sample: nothing is left to hold, unless there is load.
            if step.loads.is_empty() && lives.iter().all(|live| live.over) {
                return;
            }
            if Instant::now() >= sample_at {
                let all: Vec<_> = lives.iter_mut().map(|live| live.grip.sample(landscape).boxed()).collect();
                let samples = stream::iter(all).buffer_unordered(AT_ONCE).collect::<()>();
                // A probe that the end of the hold cuts off is no sample.
                let _ = timeout_at(until, samples).await;
                sample_at = Instant::now() + SAMPLE_EVERY;
            }
            let turns = lives.iter().filter(|live| !live.over).filter_map(|live| live.grip.turn_every());
            let next = turns.min().map_or(sample_at, |every| sample_at.min(Instant::now() + every));
            sleep_until(next.min(until)).await;
        }
    }

    async fn undo(&mut self, repetition: u32, lives: &mut [Live<'_>], end: &End) {
        let mut all = Vec::new();
        for live in lives.iter_mut() {
            all.push(live.take_out(self).boxed());
        }
        let residue: Vec<Option<Residue>> = stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
        self.report.residue.extend(residue.into_iter().flatten());
        // The recovery of the step begins when all of it is out.
        let all_out_ms = lives.iter().map(|live| live.out_ms).max().unwrap_or_else(|| self.now_ms());
        for live in lives.iter_mut() {
            let at_ms = live.out_ms;
            if live.record.verified && !live.over {
                live.record.end_ms = at_ms;
            } else if !live.record.verified {
                live.record.end_ms = live.record.start_ms;
            }
            let void = matches!(end, End::Void) || !live.record.verified;
            live.record.achieved = live.grip.quantities();
            live.record.verified &= !void;
            (live.record.ended, live.record.detail) = match end {
                _ if void => {
                    let early = format!("{} before it was verified", end.word());
                    let why = live.void.as_deref().unwrap_or(&early);
                    (Ended::NotRun, Some(format!("not_injected: the injection could not be verified: {why}")))
                }
                End::Held | End::Void => (Ended::Completed, live.grip.remark(live.fault)),
                End::LeaseLost => (Ended::Aborted, Some("the lease was lost".into())),
                End::Aborted(Abort::GuardTripped { signal }) => {
                    (Ended::GuardTripped, Some(format!("guard on {signal}")))
                }
                End::Aborted(Abort::SoakAborted) => (Ended::Aborted, Some("soak_aborted".into())),
            };
            let id = live.id.clone();
            if let Err(error) = self.journal(move |journal| journal.undone(&id, at_ms)).await {
                warn!(error, "the journal lacks an undo; the next start scans again");
            }
            self.tell(Progress::Undone { id: live.id.clone(), repetition, at_ms: all_out_ms }).await;
        }
    }

    /// Observes the recovery; only the end of the soak cuts it short.
    async fn rest(&self, repetition: u32, step: &PlannedStep) {
        let mut abort = self.abort.clone();
        let aborted = abort.wait_for(|abort| *abort == Some(Abort::SoakAborted));
        tokio::select! {
            () = sleep(step.rest.duration()) => (),
            true = async { aborted.await.is_ok() } => (),
        }
        let at_ms = self.now_ms();
        self.tell(Progress::RestOver { repetition, at_ms }).await;
    }
}

/// Why the loads of a step were not those that were asked for.
fn flaw(loads: &[LoadRecord]) -> Option<String> {
    loads.iter().find_map(|load| load.flaw.as_ref().map(|flaw| format!("load `{}`: {flaw}", load.suite)))
}

/// Waits for an abort that ends a hold.
async fn tripped(abort: &mut watch::Receiver<Option<Abort>>) -> Abort {
    let signal = abort.wait_for(Option::is_some).await.ok().and_then(|abort| abort.clone());
    match signal {
        Some(abort) => abort,
        // The sender is gone: nobody will abort any more.
        None => std::future::pending().await,
    }
}

/// Renews every lease; returns when one is lost.
async fn keep(faults: &[Arc<dyn Keeper>]) {
    loop {
        sleep(LEASE_RENEW_EVERY).await;
        // Every fault gets its renewal, also after a loss of another.
        if faults.iter().filter(|fault| !fault.renew()).count() > 0 {
            return;
        }
    }
}
