//! The observation: the phases of the programme, one after the other, with a look whenever one is due.

use super::bundle::{Bundle, SuiteDocument};
use super::faults::{self, Experimented, StoreJournal};
use super::guard::Watch;
use super::session::{Session, settle};
use crate::documents::programme::{Phase, Programme};
use crate::soak::Event;
use crate::soak::machine::INTERRUPTED;
use chaos::plan::Overrides;
use scorer::assess::Ended;
use scorer::evidence::PhaseLabel;
use scorer::verdict::{Judgement, Verdict};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often processes are followed and looks are checked.
const TURN: Duration = Duration::from_millis(200);

/// Why an observation ends that records nothing any more.
const BLIND: &str = "the recorder ended by itself";

/// Whoever drives the soak: stores states, judges at looks, tells people.
pub trait Driver {
    /// A phase began.
    fn began(&mut self, phase: usize, label: PhaseLabel);
    /// A look of `samples` is due; `ended` says whether more of the programme will come.
    fn look(&mut self, session: &Session, samples: usize, ended: Ended) -> impl Future<Output = Judgement>;
    /// Where the observation stands; `done` of all samples.
    fn stands(&mut self, phase: &str, done: usize);
    /// The extension began.
    fn extended(&mut self);
}

/// One observation.
pub struct Observation<'a, D> {
    /// Recorder, suites, landscape.
    pub session: &'a mut Session,
    /// Documents.
    pub bundle: &'a Bundle,
    /// Journal of faults.
    pub journal: Arc<StoreJournal>,
    /// Asks for the end.
    pub stop: &'a CancellationToken,
    /// Whoever drives.
    pub driver: &'a mut D,
    /// Looks before the end, in samples.
    pub looks: Vec<usize>,
    /// Samples of finished phases.
    pub counted: usize,
    /// Time at which the next phase begins.
    pub cursor_ms: i64,
}

enum PhaseEnd {
    /// The recorder ended by itself: nothing would be seen any more.
    Blind,
    Over,
    Failed,
    Stopped,
    Residue(String),
}

impl<D: Driver> Observation<'_, D> {
    /// Runs all phases, and the extension where the last look asks for it. The event that ends the observation.
    pub async fn run(mut self) -> Event {
        let programme = self.bundle.programme.clone();
        self.cursor_ms = self.session.grid(self.session.clock.now_ms() + 1);
        for (index, phase) in programme.phases.iter().enumerate() {
            self.driver.began(index, phase.label());
            let end = if phase.experiments.is_empty() {
                self.timed(phase, &programme).await
            } else {
                self.experiments(phase, &programme).await
            };
            match end {
                PhaseEnd::Over => {}
                PhaseEnd::Failed => return Event::LookFailed,
                PhaseEnd::Stopped => return Event::AbortAsked { reason: INTERRUPTED.into() },
                PhaseEnd::Blind => return Event::AbortAsked { reason: BLIND.into() },
                PhaseEnd::Residue(residue) => return Event::ResidueFound { residue },
            }
        }
        self.extend(&programme).await
    }

    async fn extend(&mut self, programme: &Programme) -> Event {
        if programme.extend.is_none() {
            return Event::ProgrammeEnded;
        }
        // The programme is over: what this look cannot decide is what the extension is for.
        let judgement = self.driver.look(self.session, programme.samples(), Ended::Programme).await;
        if judgement.verdict != Verdict::Insufficient {
            return Event::ProgrammeEnded;
        }
        self.driver.extended();
        let samples = u32::try_from(programme.samples().div_ceil(2)).unwrap_or(u32::MAX);
        let phase = Phase {
            name: "extension".into(),
            samples: Some(samples),
            experiments: vec![],
            repeat: None,
            hold: None,
            rest: None,
            load: None,
        };
        match self.timed(&phase, programme).await {
            PhaseEnd::Stopped => Event::AbortAsked { reason: INTERRUPTED.into() },
            PhaseEnd::Blind => Event::AbortAsked { reason: BLIND.into() },
            PhaseEnd::Over | PhaseEnd::Failed | PhaseEnd::Residue(_) => Event::ProgrammeEnded,
        }
    }

    /// A phase of a fixed number of samples.
    async fn timed(&mut self, phase: &Phase, programme: &Programme) -> PhaseEnd {
        let (label, samples) = (phase.label(), phase.samples.unwrap_or(0));
        if let (PhaseLabel::Load, Some(load)) = (label, &phase.load) {
            self.session.running.set_rate(load.rate.0);
        }
        let start_ms = self.cursor_ms;
        self.session.open_phase(label, &phase.name, start_ms, samples);
        let end_ms = start_ms + i64::from(samples) * self.session.interval_ms;
        let counts = label.counts();
        loop {
            let now = self.session.clock.now_ms();
            let settled = now - i64::try_from(settle(self.session.interval_ms).as_millis()).unwrap_or_default();
            let done = usize::try_from((settled - start_ms).max(0) / self.session.interval_ms)
                .unwrap_or_default()
                .min(samples as usize);
            let in_all = self.counted + if counts { done } else { 0 };
            self.driver.stands(&phase.name, in_all);
            while let Some(look) = self.looks.first().copied().filter(|l| *l <= in_all) {
                self.looks.remove(0);
                if self.driver.look(self.session, look, Ended::Running).await.verdict == Verdict::Fail {
                    self.session.close_phase(self.session.clock.now_ms());
                    return PhaseEnd::Failed;
                }
            }
            if settled >= end_ms {
                break;
            }
            if !self.session.recorder.is_running() {
                return PhaseEnd::Blind;
            }
            tokio::select! {
                () = self.stop.cancelled() => {
                    self.session.close_phase(self.session.clock.now_ms());
                    return PhaseEnd::Stopped;
                }
                () = tokio::time::sleep(TURN) => self.session.follow(),
            }
        }
        if label == PhaseLabel::Load
            && let Some(rate) = self.usual_rate(programme)
        {
            self.session.running.set_rate(rate);
        }
        self.counted += if counts { samples as usize } else { 0 };
        self.cursor_ms = self.session.grid(end_ms.max(self.session.clock.now_ms() - self.session.interval_ms));
        self.cursor_ms = self.cursor_ms.max(end_ms);
        PhaseEnd::Over
    }

    /// Rate of the load outside phases with their own: the programme's, or the suite's.
    fn usual_rate(&self, programme: &Programme) -> Option<f64> {
        let of = programme.load.as_ref()?;
        match (of.rate, self.bundle.suites.get(&of.suite)) {
            (Some(rate), _) => Some(rate.0),
            (None, Some(SuiteDocument::Performance(suite))) => Some(suite.load.rate.value()),
            (None, _) => None,
        }
    }

    /// A phase of experiments, each with its repetitions.
    async fn experiments(&mut self, phase: &Phase, programme: &Programme) -> PhaseEnd {
        for name in &phase.experiments {
            let Some(experiment) = self.bundle.experiments.get(name) else { continue };
            let span = |s: crate::documents::quantity::Span| {
                chaos::span::Span::from_ms(u64::try_from(s.ms()).unwrap_or_default())
            };
            let overrides = Overrides { repeat: phase.repeat, hold: phase.hold.map(span), rest: phase.rest.map(span) };
            let prepared = faults::plan(experiment, &self.session.local, overrides, programme.seed)
                .and_then(|plan| Ok((plan, Watch::all(&experiment.guards, &crate::builtin::signals(self.bundle))?)));
            match prepared {
                // Not injected: the judge finds no verified injection of a declared experiment and says so.
                Err(objections) => tracing::warn!("experiment {name} is not run: {objections}"),
                Ok((plan, guards)) => {
                    self.driver.stands(&format!("fault {name}"), self.counted);
                    match faults::run(self.session, &plan, &guards, self.journal.clone(), self.stop).await {
                        Experimented::Over | Experimented::GuardTripped(_) => {}
                        Experimented::Stopped => return PhaseEnd::Stopped,
                        Experimented::Residue(residue) => return PhaseEnd::Residue(residue),
                    }
                }
            }
        }
        self.cursor_ms = self.session.grid(self.session.clock.now_ms());
        PhaseEnd::Over
    }
}

/// Looks before the end of a programme: the first, then doubling.
pub fn looks(programme: &Programme) -> Vec<usize> {
    let (first, samples) = (programme.looks.first as usize, programme.samples());
    std::iter::successors(Some(first.max(1)), |l| Some(l * 2)).take_while(|l| *l < samples).collect()
}
