//! Looks for the smallest fault that breaks a tag: which fault, which dose, how long.

use super::dose::{LEVEL, estimate};
use super::laboratory::{Laboratory, Trial, TrialError};
use super::shrunk::SHORTEST;
use chaos::candidates::{Candidate, candidates};
use chaos::covering::pairs;
use chaos::document::Experiment;
use chaos::fault::Fault;
use chaos::shrink::{Trials, mostly, shrink};
use chaos::span::Span;
use chaos::threshold::{Interval, Threshold};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What trials of faults together came to.
#[derive(Debug, Default)]
pub struct Interactions {
    /// Those that break the tag only together.
    pub findings: Vec<Finding>,
    /// Pairs of which nothing can be said.
    pub void: Vec<Vec<Fault>>,
}

fn without(faults: &[Fault], part: &Fault) -> Vec<Fault> {
    faults.iter().filter(|fault| *fault != part).cloned().collect()
}

/// What one trial of each candidate came to.
#[derive(Debug, Default)]
pub struct Screened {
    /// Those that break the tag, with the signal that broke.
    pub breaking: Vec<(Candidate, String)>,
    /// Those that it bears.
    pub borne: Vec<Candidate>,
    /// Those of which nothing can be said.
    pub void: Vec<Candidate>,
}

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

/// A fault that breaks the tag, or several that do so only together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The faults at their largest doses.
    pub faults: Vec<Fault>,
    /// Signal that broke.
    pub signal: String,
    /// Dose at which it begins to break, with its interval; `None` for a fault that has only one dose.
    pub threshold: Option<Interval>,
    /// The smallest experiment that was found to break it.
    pub reproducer: Experiment,
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

    /// Every candidate at its largest dose, in one trial.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn screen(&mut self) -> Result<Screened, TrialError> {
        let mut screened = Screened::default();
        for candidate in candidates(&self.laboratory.inventory()) {
            match self.try_once(&candidate).await? {
                Trial::Broke(signal) => screened.breaking.push((candidate, signal)),
                Trial::Held => screened.borne.push(candidate),
                Trial::Void(_) | Trial::Stopped => screened.void.push(candidate),
            }
        }
        Ok(screened)
    }

    /// Faults that break the tag together though each alone is borne: every two of them on different components are
    /// tried together in the few rows of a covering array, and what breaks is shrunk.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn interactions(&mut self, borne: &[Candidate]) -> Result<Interactions, TrialError> {
        let mut levels: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
        for candidate in borne {
            levels.entry(&candidate.target).or_default().push(candidate);
        }
        let levels: Vec<Vec<&Candidate>> = levels.into_values().collect();
        let counts: Vec<usize> = levels.iter().map(Vec::len).collect();
        let mut found = Interactions::default();
        for row in pairs(&counts) {
            let chosen = row.iter().zip(&levels).filter_map(|(level, of)| Some(of[(*level)?].most()));
            let mut open = vec![chosen.collect::<Vec<Fault>>()];
            while let Some(faults) = open.pop() {
                // What is known already would hide what is not: the rest is tried without each part of it.
                let known = found.findings.iter().find(|known| known.faults.iter().all(|fault| faults.contains(fault)));
                if let Some(known) = known {
                    open.extend(known.faults.iter().map(|part| without(&faults, part)).filter(|rest| rest.len() > 1));
                    continue;
                }
                self.together(faults, &mut open, &mut found).await?;
            }
        }
        Ok(found)
    }

    /// Tries these faults at once; what cannot be said of all of them is tried two by two.
    async fn together(
        &mut self,
        faults: Vec<Fault>,
        open: &mut Vec<Vec<Fault>>,
        found: &mut Interactions,
    ) -> Result<(), TrialError> {
        match self.once(&self.experiment(&faults, self.settings.hold)).await? {
            Trial::Broke(signal) if mostly(self, &faults).await? => {
                let least = shrink(faults.clone(), self).await?;
                let reproducer = self.experiment(&least, self.settings.hold);
                found.findings.push(Finding { faults: least, signal, threshold: None, reproducer });
                // The others of the row are looked at without what was found.
                open.push(faults);
            }
            Trial::Void(_) if faults.len() > 2 => {
                for (n, one) in faults.iter().enumerate() {
                    open.extend(faults[n + 1..].iter().map(|other| vec![one.clone(), other.clone()]));
                }
            }
            Trial::Void(_) => found.void.push(faults),
            Trial::Broke(_) | Trial::Held | Trial::Stopped => (),
        }
        Ok(())
    }

    /// What one trial of a candidate at its largest dose comes to.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn try_once(&mut self, candidate: &Candidate) -> Result<Trial, TrialError> {
        self.once(&self.experiment(&[candidate.most()], self.settings.hold)).await
    }

    /// Whether a candidate breaks the tag at its largest dose in two of three trials.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn breaks_mostly(&mut self, candidate: &Candidate) -> Result<bool, TrialError> {
        mostly(self, &[candidate.most()]).await
    }

    /// The dose at which a candidate begins to break the tag; `None` when it has only one dose.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn threshold(&mut self, candidate: &Candidate) -> Result<Option<Threshold>, TrialError> {
        let Some((low, high)) = candidate.dose.range() else {
            return Ok(None);
        };
        let mut threshold = Threshold::between(low, high);
        // Known from the screening.
        threshold.observe(high, true);
        let hold = self.settings.hold;
        // Cut short or not, what is known is in the interval.
        estimate(&mut threshold, async |dose| {
            let trial = self.once(&self.experiment(&[candidate.at(dose)], hold)).await?;
            Ok(trial.broke().map(|broke| (dose, broke)))
        })
        .await?;
        Ok(Some(threshold))
    }

    /// Threshold, and the shortest experiment that still breaks the tag.
    ///
    /// # Errors
    /// Stopped, or a trial could not be run.
    pub async fn smallest(&mut self, candidate: &Candidate, signal: String) -> Result<Finding, TrialError> {
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
        let reproducer = self.experiment(std::slice::from_ref(&fault), self.settings.hold);
        self.settings.hold = full;
        Ok(Finding { faults: vec![candidate.most()], signal, threshold: interval, reproducer })
    }

    fn experiment(&self, faults: &[Fault], hold: Span) -> Experiment {
        let mut targets: Vec<&str> = faults.iter().map(Fault::target).collect();
        targets.dedup();
        let part = |fault: &Fault| format!("{}-{}", fault.target(), fault.kind().replace('.', "-").to_lowercase());
        let named: BTreeMap<&str, _> = targets.iter().map(|target| (*target, json!({"component": target}))).collect();
        let mut step = json!({"hold": hold, "rest": self.settings.rest});
        match faults {
            [fault] => step["fault"] = json!(fault),
            several => step["parallel"] = several.iter().map(|fault| json!({"fault": fault})).collect(),
        }
        let document = json!({
            "apiVersion": "mettle/v1", "kind": "Experiment",
            "metadata": {"name": faults.iter().map(part).collect::<Vec<_>>().join("-and-")},
            "hypothesis": {
                "title": format!("the product holds while {} suffers", targets.join(" and ")),
                "recoverWithin": self.settings.rest,
            },
            "targets": named,
            "method": [step],
            "blast": {"maxTargets": targets.len(), "keepHealthy": 0, "maxDuration": "1h"},
            "seed": self.settings.seed,
        });
        serde_json::from_value(document).expect("candidates make a whole document")
    }

    /// One trial, told.
    ///
    /// # Errors
    /// Stopped, or the trial could not be run.
    pub async fn once(&mut self, experiment: &Experiment) -> Result<Trial, TrialError> {
        let step = &experiment.method[0];
        let faults = step.faults("");
        let what = format!("{} for {}", describe_all(faults.iter().map(|(_, fault)| *fault)), step.hold);
        Ok(self.laboratory.told(experiment, self.settings.seed, (&what, self.told)).await?.trial)
    }
}

impl Trials<Fault> for Search<'_> {
    type Error = TrialError;

    async fn breaks(&mut self, part: &[Fault]) -> Result<bool, TrialError> {
        let trial = self.once(&self.experiment(part, self.settings.hold)).await?;
        Ok(trial.broke() == Some(true))
    }
}

/// Several faults in words.
pub fn describe_all<'a>(faults: impl IntoIterator<Item = &'a Fault>) -> String {
    faults.into_iter().map(describe).collect::<Vec<_>>().join(" with ")
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
