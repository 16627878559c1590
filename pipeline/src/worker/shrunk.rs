//! The smallest part of an experiment that still breaks a tag.

use super::laboratory::{Laboratory, TrialError};
use super::search::describe_all;
use chaos::document::{Branch, Experiment};
use chaos::fault::Fault;
use chaos::shrink::{Trials, mostly, shrink};
use chaos::span::Span;

/// Shortest hold that is tried: a few samples of the recorder.
pub const SHORTEST: Span = Span::from_ms(2_000);

/// Place of a fault: its step, and its number there.
type Place = (usize, usize);

/// Parts of one experiment, tried on one tag.
struct Parts<'a> {
    laboratory: &'a mut Laboratory,
    experiment: &'a Experiment,
    seed: u64,
    /// Hold of every step at most.
    hold: Span,
    told: &'a dyn Fn(&str),
}

impl Parts<'_> {
    fn of(&self, places: &[Place]) -> Experiment {
        part(self.experiment, places, self.hold)
    }

    /// Whether these break the tag in one trial; `None` when it says nothing.
    async fn broke(&mut self, places: &[Place]) -> Result<Option<bool>, TrialError> {
        let part = self.of(places);
        let faults: Vec<_> = part.method.iter().flat_map(|step| step.faults("")).collect();
        let what = format!("{} for at most {}", describe_all(faults.iter().map(|(_, fault)| *fault)), self.hold);
        Ok(self.laboratory.told(&part, self.seed, (&what, self.told)).await?.trial.broke())
    }

    /// Whether the whole breaks the tag in two of three trials; `None` when one of them says nothing.
    async fn whole(&mut self, places: &[Place]) -> Result<Option<bool>, TrialError> {
        let (mut broke, mut held) = (0, 0);
        while broke < 2 && held < 2 {
            match self.broke(places).await? {
                Some(true) => broke += 1,
                Some(false) => held += 1,
                None => return Ok(None),
            }
        }
        Ok(Some(broke > held))
    }
}

/// Only these faults, each step at most so long under fault. A step that loses all of its faults is left out.
fn part(experiment: &Experiment, places: &[Place], hold: Span) -> Experiment {
    let mut part = experiment.clone();
    part.method.clear();
    for (s, step) in experiment.method.iter().enumerate() {
        let kept = |(n, (_, fault)): (usize, (String, &Fault))| places.contains(&(s, n)).then(|| fault.clone());
        let mut faults: Vec<Fault> = step.faults("").into_iter().enumerate().filter_map(kept).collect();
        let mut step = step.clone();
        step.hold = step.hold.min(hold);
        if faults.is_empty() {
            continue;
        }
        // The load stays: it is what the faults are felt under.
        step.parallel.retain(|branch| matches!(branch, Branch::Load(_)));
        step.fault = if faults.len() == 1 && step.parallel.is_empty() { faults.pop() } else { None };
        step.parallel.extend(faults.into_iter().map(Branch::Fault));
        part.method.push(step);
    }
    part
}

impl Trials<Place> for Parts<'_> {
    type Error = TrialError;

    async fn breaks(&mut self, places: &[Place]) -> Result<bool, TrialError> {
        // A part that says nothing is no part that breaks.
        Ok(self.broke(places).await? == Some(true))
    }
}

/// What became of an experiment that was to be shrunk.
#[derive(Clone, Debug, PartialEq)]
pub enum Shrunk {
    /// The smallest part that breaks the tag in most of three trials: no fault of it can be left out, and none of its
    /// holds can be halved.
    To(Box<Experiment>),
    /// The whole does not break the tag.
    Holds,
    /// A trial of the whole says nothing.
    SaysNothing,
}

/// Shrinks an experiment as long as it breaks the tag.
///
/// # Errors
/// Stopped, or a trial could not be run.
pub async fn smallest(
    laboratory: &mut Laboratory,
    (experiment, seed): (&Experiment, u64),
    told: &dyn Fn(&str),
) -> Result<Shrunk, TrialError> {
    let faults = |(s, step): (usize, &chaos::document::Step)| (0..step.faults("").len()).map(move |n| (s, n));
    let whole: Vec<Place> = experiment.method.iter().enumerate().flat_map(faults).collect();
    let hold = experiment.method.iter().map(|step| step.hold).max().unwrap_or_default();
    let mut parts = Parts { laboratory, experiment, seed, hold, told };
    match parts.whole(&whole).await? {
        Some(true) => (),
        Some(false) => return Ok(Shrunk::Holds),
        None => return Ok(Shrunk::SaysNothing),
    }
    let least = shrink(whole, &mut parts).await?;
    parts.hold = parts.of(&least).method.iter().map(|step| step.hold).max().unwrap_or_default();
    while parts.hold > SHORTEST {
        let longer = parts.hold;
        parts.hold = Span::from_ms((longer.ms() / 2).max(SHORTEST.ms()));
        if !mostly(&mut parts, &least).await? {
            parts.hold = longer;
            break;
        }
    }
    let mut smallest = parts.of(&least);
    smallest.seed = Some(seed);
    Ok(Shrunk::To(Box::new(smallest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_has_only_its_faults_and_no_empty_step() {
        let kill = |target: &str| json!({"kind": "process.kill", "target": target});
        let whole: Experiment = serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment",
            "metadata": {"name": "x"}, "hypothesis": {"title": "t"},
            "targets": {"a": {"component": "a"}, "b": {"component": "b"}, "c": {"component": "c"}},
            "method": [{"fault": kill("a"), "hold": "3s", "rest": "1s"},
                {"parallel": [{"fault": kill("b")}, {"fault": kill("c")}], "hold": "9s", "rest": "1s"}]}))
        .unwrap();
        let targets = |part: &Experiment| -> Vec<Vec<String>> {
            let of =
                |step: &chaos::document::Step| step.faults("").iter().map(|(_, f)| f.target().to_owned()).collect();
            part.method.iter().map(of).collect()
        };
        let one = part(&whole, &[(1, 1)], Span::from_ms(4_000));
        assert_eq!((targets(&one), one.method[0].hold), (vec![vec!["c".to_owned()]], Span::from_ms(4_000)));
        assert!(one.problems(None).is_empty());
        let all = part(&whole, &[(0, 0), (1, 0), (1, 1)], Span::from_ms(60_000));
        assert_eq!(all, whole);
    }
}
