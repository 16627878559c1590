//! Looks for the smallest fault that breaks a tag: which fault, which dose, how long.

use super::laboratory::{Laboratory, Trial};
use chaos::candidates::{Candidate, candidates};
use chaos::document::Experiment;
use chaos::fault::Fault;
use chaos::shrink::{Trials, mostly};
use chaos::span::Span;
use chaos::threshold::{Interval, Threshold};
use serde::Serialize;
use serde_json::json;

/// Probability with which a threshold lies in its interval.
pub const LEVEL: f64 = 0.9;
/// A threshold is known well enough when its interval is as narrow as this factor.
const NARROW: f64 = 1.5;
/// Most trials for one threshold.
const TRIALS_MAX: usize = 12;
/// Shortest hold that is tried: a few samples of the recorder.
const SHORTEST: Span = Span::from_ms(2_000);

/// Time under fault and after it, and where chance comes from.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest time under fault.
    pub hold: Span,
    /// Time in which the objectives must be met again.
    pub rest: Span,
    /// Seed of every trial.
    pub seed: u64,
}

/// A fault that breaks the tag.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The fault at its largest dose.
    pub fault: Fault,
    /// Signal that broke.
    pub signal: String,
    /// Dose at which it begins to break, with its interval; `None` for a fault that has only one dose.
    pub threshold: Option<Interval>,
    /// The smallest experiment that was found to break it.
    pub reproducer: Experiment,
}

/// Ended before it was over.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Somebody asked for the end.
    #[error("stopped")]
    Stopped,
    /// A trial could not be run.
    #[error(transparent)]
    Trial(#[from] anyhow::Error),
}

/// Trials of one tag, told one by one.
pub struct Search<'a> {
    laboratory: &'a mut Laboratory,
    settings: Settings,
    told: &'a dyn Fn(&str),
}

impl<'a> Search<'a> {
    /// A search on a deployed tag.
    pub fn on(laboratory: &'a mut Laboratory, settings: Settings, told: &'a dyn Fn(&str)) -> Self {
        Self { laboratory, settings, told }
    }

    /// Every candidate that breaks the tag at its largest dose, in one trial, with the signal that broke.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn screen(&mut self) -> Result<Vec<(Candidate, String)>, SearchError> {
        let mut found = Vec::new();
        for candidate in candidates(&self.laboratory.inventory()) {
            if let Trial::Broke(signal) = self.try_once(&candidate).await? {
                found.push((candidate, signal));
            }
        }
        Ok(found)
    }

    /// What one trial of a candidate at its largest dose comes to.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn try_once(&mut self, candidate: &Candidate) -> Result<Trial, SearchError> {
        self.once(&self.experiment(&candidate.most(), self.settings.hold)).await
    }

    /// Whether a candidate breaks the tag at its largest dose in two of three trials.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn breaks_mostly(&mut self, candidate: &Candidate) -> Result<bool, SearchError> {
        mostly(self, &[candidate.most()]).await
    }

    /// The dose at which a candidate begins to break the tag; `None` when it has only one dose.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn threshold(&mut self, candidate: &Candidate) -> Result<Option<Threshold>, SearchError> {
        let Some((low, high)) = candidate.dose.range() else {
            return Ok(None);
        };
        let mut threshold = Threshold::between(low, high);
        // Known from the screening.
        threshold.observe(high, true);
        while threshold.trials().len() < TRIALS_MAX {
            let dose = threshold.next();
            match self.once(&self.experiment(&candidate.at(dose), self.settings.hold)).await? {
                Trial::Broke(_) => threshold.observe(dose, true),
                Trial::Held => threshold.observe(dose, false),
                // What a void trial would have shown is not known: the interval stays as wide as it is.
                Trial::Void(_) | Trial::Stopped => break,
            }
            let Interval { low, high, .. } = threshold.interval(LEVEL);
            if high / low <= NARROW {
                break;
            }
        }
        Ok(Some(threshold))
    }

    /// Threshold, and the shortest experiment that still breaks the tag.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn smallest(&mut self, candidate: &Candidate, signal: String) -> Result<Finding, SearchError> {
        let threshold = self.threshold(candidate).await?;
        let interval = threshold.as_ref().map(|threshold| threshold.interval(LEVEL));
        // The smallest dose of which every trial from there on broke.
        let sure = threshold.as_ref().map(|threshold| {
            let held = threshold.trials().iter().filter(|(_, broke)| !broke).map(|(dose, _)| *dose).fold(0.0, f64::max);
            let broke = threshold.trials().iter().filter(|(dose, broke)| *broke && *dose > held).map(|(dose, _)| *dose);
            broke.fold(f64::INFINITY, f64::min)
        });
        let fault = sure.filter(|dose| dose.is_finite()).map_or_else(|| candidate.most(), |dose| candidate.at(dose));
        let full = self.settings.hold;
        while self.settings.hold > SHORTEST {
            let longer = self.settings.hold;
            self.settings.hold = Span::from_ms((longer.ms() / 2).max(SHORTEST.ms()));
            if !mostly(self, std::slice::from_ref(&fault)).await? {
                self.settings.hold = longer;
                break;
            }
        }
        let reproducer = self.experiment(&fault, self.settings.hold);
        self.settings.hold = full;
        Ok(Finding { fault: candidate.most(), signal, threshold: interval, reproducer })
    }

    fn experiment(&self, fault: &Fault, hold: Span) -> Experiment {
        let target = fault.target();
        let document = json!({
            "apiVersion": "mettle/v1", "kind": "Experiment",
            "metadata": {"name": format!("{target}-{}", fault.kind().replace('.', "-").to_lowercase())},
            "hypothesis": {"title": format!("the product holds while {target} suffers"), "recoverWithin": self.settings.rest},
            "targets": {target: {"component": target}},
            "method": [{"fault": fault, "hold": hold, "rest": self.settings.rest}],
            "blast": {"keepHealthy": 0, "maxDuration": "1h"},
            "seed": self.settings.seed,
        });
        serde_json::from_value(document).expect("a candidate makes a whole document")
    }

    /// One trial, told.
    async fn once(&mut self, experiment: &Experiment) -> Result<Trial, SearchError> {
        let trial = self.laboratory.trial(experiment, self.settings.seed).await?;
        let step = &experiment.method[0];
        let fault = step.fault.as_ref().map(describe).unwrap_or_default();
        let came = match &trial {
            Trial::Held => "held".to_owned(),
            Trial::Broke(signal) => format!("broke {signal}"),
            Trial::Void(why) => format!("says nothing: {why}"),
            Trial::Stopped => return Err(SearchError::Stopped),
        };
        (self.told)(&format!("{}: {fault} for {}: {came}", self.laboratory.tag(), step.hold));
        Ok(trial)
    }
}

impl Trials<Fault> for Search<'_> {
    type Error = SearchError;

    async fn breaks(&mut self, part: &[Fault]) -> Result<bool, SearchError> {
        let mut broke = false;
        for fault in part {
            let trial = self.once(&self.experiment(fault, self.settings.hold)).await?;
            broke |= matches!(trial, Trial::Broke(_));
        }
        Ok(broke)
    }
}

/// A fault in words: `net.delay delay 5s on checkout->payments`.
pub fn describe(fault: &Fault) -> String {
    let doses =
        fault.requested().into_iter().filter(|(name, _)| !matches!(name.as_str(), "jitter" | "direction" | "signal"));
    let doses: Vec<String> = doses.map(|(name, value)| format!("{name} {value}")).collect();
    let on = fault.from().map_or_else(|| fault.target().to_owned(), |from| format!("{from}->{}", fault.target()));
    [fault.kind().to_owned(), doses.join(", "), format!("on {on}")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
