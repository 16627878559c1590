//! A random soak: experiments drawn by weight with a seed, one after the other, for as long as somebody wants.

use super::experiment::Wanted;
use super::laboratory::{Laboratory, Trial, Tried, Watched};
use chaos::document::{Experiment, Quiet};
use chaos::execute::Progress;
use chaos::inventory::Inventory;
use chaos::plan::{Plan, PlanError};
use chaos::proxy::draw;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Bits of the seed of a run: JSON keeps so many exactly.
const SEED_BITS: u32 = 53;

/// An experiment that may be drawn.
#[derive(Clone, Debug)]
pub struct Lot {
    /// The document.
    pub experiment: Experiment,
    /// How often it is drawn, beside the weights of the others; 0 is never.
    pub weight: u32,
}

/// A seeded order of experiments: equal arguments, equal order.
#[derive(Clone, Debug)]
pub struct Lots {
    lots: Vec<Lot>,
    seed: u64,
}

/// What a draw came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Number of the draw, from 0.
    pub number: u64,
    /// Which of the lots.
    pub lot: usize,
    /// Seed of its run.
    pub seed: u64,
}

impl Lots {
    /// Lots of which at least one has a weight; `None` otherwise.
    pub fn new(lots: Vec<Lot>, seed: u64) -> Option<Self> {
        lots.iter().any(|lot| lot.weight > 0).then_some(Self { lots, seed })
    }

    /// All of them.
    pub fn all(&self) -> &[Lot] {
        &self.lots
    }

    /// Draw number `number`.
    pub fn draw(&self, number: u64) -> Drawn {
        let weights = || self.lots.iter().map(|lot| u64::from(lot.weight));
        // Below the sum, whatever the rounding: a draw is below 1.
        let mut point = (draw(self.seed, number * 2) * weights().sum::<u64>() as f64) as u64;
        let mut lot = 0;
        for (n, weight) in weights().enumerate() {
            lot = n;
            if point < weight {
                break;
            }
            point -= weight;
        }
        let seed = (draw(self.seed, number * 2 + 1) * (1u64 << SEED_BITS) as f64) as u64;
        Drawn { number, lot, seed }
    }

    /// What a drawn experiment would do, once.
    ///
    /// # Errors
    /// Why it must not, in words.
    pub fn plan(&self, drawn: Drawn, inventory: &Inventory) -> Result<Plan, String> {
        let experiment = self.lots[drawn.lot].experiment.clone();
        let wanted = Wanted { experiment, repeat: Some(1), seed: drawn.seed, replay_of: None };
        let (plan, objections) = wanted.plan(inventory).map_err(|error| refused(&error))?;
        match objections.first() {
            None => Ok(plan),
            Some(first) => Err(format!("{}: {}; {}", first.rule, first.message, first.remedy)),
        }
    }
}

fn refused(error: &PlanError) -> String {
    let PlanError::Document { problems, .. } = error;
    problems.first().map_or_else(|| error.to_string(), |p| format!("{} {}; {}", p.key, p.message, p.remedy))
}

/// What became of an experiment over all its draws.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Its name.
    pub name: String,
    /// Its weight.
    pub weight: u32,
    /// How often it was run.
    pub run: u32,
    /// Objectives held.
    pub held: u32,
    /// An objective broke.
    pub broken: u32,
    /// Nothing can be said.
    pub void: u32,
    /// How often it was drawn and its plan refused.
    pub refused: u32,
    /// Signals that broke.
    pub signals: BTreeSet<String>,
}

/// What a roam came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Roamed {
    /// Tag that ran.
    pub tag: String,
    /// Seed of all draws.
    pub seed: u64,
    /// Number of the draw that would be next.
    pub next_draw: u64,
    /// Each experiment.
    pub experiments: Vec<Tally>,
}

impl Roamed {
    /// Nothing was drawn yet; the first draw has this number.
    pub fn begin(lots: &Lots, (tag, from): (&str, u64)) -> Self {
        let tally = |lot: &Lot| {
            let name = lot.experiment.metadata.name.clone();
            Tally { name, weight: lot.weight, ..Tally::default() }
        };
        let experiments = lots.all().iter().map(tally).collect();
        Self { tag: tag.to_owned(), seed: lots.seed, next_draw: from, experiments }
    }
}

/// When a roam is over, and how it goes on.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Experiments that are run at most.
    pub count: Option<u32>,
    /// Between two experiments.
    pub pause: Duration,
}

/// What happens, when it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// The experiment waits for the end of a quiet time.
    Waits(Drawn, &'a Experiment, DateTime<Utc>),
    /// The experiment is not run.
    Refused(Drawn, &'a Experiment, &'a str),
    /// Something happens in its run.
    Runs(&'a Plan, &'a Progress),
    /// It was run.
    Ran(Drawn, &'a Experiment, &'a Tried),
}

/// A roam on a deployed tag.
pub struct Roam<'a> {
    /// What is drawn.
    pub lots: &'a Lots,
    /// When it is over.
    pub terms: Terms,
    /// Signals that must hold: those that somebody named, for all; else the usual ones, for an experiment that names none.
    pub watched: Watched,
    /// Ends it: at the end of its time, or because somebody asks.
    pub stop: CancellationToken,
    /// Is told what happens.
    pub told: &'a (dyn Fn(Event<'_>) + Sync),
}

/// Why no experiment could be drawn any more.
#[derive(Debug, thiserror::Error)]
#[error("every experiment is refused; the last: {last}")]
pub struct AllRefused {
    last: String,
}

impl Roam<'_> {
    /// Draws and runs until it is over.
    ///
    /// # Errors
    /// Every experiment is refused, the tag does not meet its objectives without any fault, or something is left of one.
    pub async fn run(&self, laboratory: &mut Laboratory, roamed: &mut Roamed) -> anyhow::Result<()> {
        for lot in self.lots.all().iter().filter(|lot| lot.weight > 0) {
            laboratory.watch(self.watched_by(&lot.experiment))?;
        }
        let mut ran = 0;
        while !self.stop.is_cancelled() && self.terms.count.is_none_or(|count| ran < count) {
            if ran > 0 && !self.waits(self.terms.pause).await {
                break;
            }
            let Some((drawn, plan)) = self.next(roamed, &laboratory.inventory()).await? else { break };
            let experiment = &self.lots.all()[drawn.lot].experiment;
            laboratory.watch(self.watched_by(experiment))?;
            let told = |progress: &Progress| (self.told)(Event::Runs(&plan, progress));
            let tried = laboratory.guarded_trial(experiment, drawn.seed, &told).await?;
            if tried.trial == Trial::Stopped {
                // It says nothing, and whoever goes on draws it again.
                roamed.next_draw = drawn.number;
                break;
            }
            ran += 1;
            count(&mut roamed.experiments[drawn.lot], &tried.trial);
            (self.told)(Event::Ran(drawn, experiment, &tried));
        }
        Ok(())
    }

    /// Signals that must hold in an experiment: those that somebody named for all, else its own, else the usual ones.
    fn watched_by(&self, experiment: &Experiment) -> Watched {
        match (&self.watched, experiment.hypothesis.signals.as_slice()) {
            (Watched::Usual(_), [_, ..]) => Watched::Named(experiment.hypothesis.signals.clone()),
            (watched, _) => watched.clone(),
        }
    }

    /// The next draw that may run, when it may; `None` when the end came first.
    async fn next(&self, roamed: &mut Roamed, inventory: &Inventory) -> Result<Option<(Drawn, Plan)>, AllRefused> {
        let mut refused = BTreeSet::new();
        let drawable = self.lots.all().iter().filter(|lot| lot.weight > 0).count();
        let mut last = String::new();
        // One that is not refused is drawn in the end: no weight is out of reach of another.
        while refused.len() < drawable {
            let drawn = self.lots.draw(roamed.next_draw);
            roamed.next_draw += 1;
            if refused.contains(&drawn.lot) {
                continue;
            }
            let experiment = &self.lots.all()[drawn.lot].experiment;
            let planned = self.lots.plan(drawn, inventory).and_then(|plan| Ok((free(&plan, Utc::now())?, plan)));
            match planned {
                Ok((at, plan)) if self.at(at, (drawn, experiment)).await => return Ok(Some((drawn, plan))),
                Ok(_) => {
                    roamed.next_draw = drawn.number;
                    return Ok(None);
                }
                Err(why) => {
                    (self.told)(Event::Refused(drawn, experiment, &why));
                    roamed.experiments[drawn.lot].refused += 1;
                    refused.insert(drawn.lot);
                    last = format!("{}: {why}", experiment.metadata.name);
                }
            }
        }
        Err(AllRefused { last })
    }

    /// Waits for the end of a quiet time; false when the end of the roam came first.
    async fn at(&self, at: DateTime<Utc>, (drawn, experiment): (Drawn, &Experiment)) -> bool {
        let Ok(rest) = (at - Utc::now()).to_std() else { return true };
        if rest.is_zero() {
            return true;
        }
        (self.told)(Event::Waits(drawn, experiment, at));
        self.waits(rest).await
    }

    /// Waits so long; false when the end came first.
    async fn waits(&self, so_long: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(so_long) => true,
            () = self.stop.cancelled() => false,
        }
    }
}

/// What may come before the first fault: a deployment after a break, and the time until every objective is met.
const BEFORE: Duration = Duration::from_secs(90);

/// When a plan meets none of its quiet times any more.
fn free(plan: &Plan, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let lasts = BEFORE + Duration::from_millis(plan.duration_ms());
    let never = || {
        let quiet: Vec<String> = plan.quiet.iter().map(ToString::to_string).collect();
        format!("quiet_time: it takes {:.0} s, and no such time is free of {}", lasts.as_secs_f64(), quiet.join(", "))
    };
    Quiet::first_free(&plan.quiet, now, lasts).ok_or_else(never)
}

fn count(tally: &mut Tally, trial: &Trial) {
    tally.run += 1;
    match trial {
        Trial::Held => tally.held += 1,
        Trial::Broke(signal) => {
            tally.broken += 1;
            tally.signals.insert(signal.clone());
        }
        Trial::Void(_) | Trial::Stopped => tally.void += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lots(weights: &[u32], seed: u64) -> Lots {
        let lot = |(n, weight): (usize, &u32)| {
            let experiment = json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": format!("e{n}")},
                "hypothesis": {"title": "t"}, "targets": {"b": {"component": "b"}},
                "method": [{"fault": {"kind": "process.kill", "target": "b"}, "hold": "2s", "rest": "1s"}]});
            Lot { experiment: serde_json::from_value(experiment).unwrap(), weight: *weight }
        };
        Lots::new(weights.iter().enumerate().map(lot).collect(), seed).unwrap()
    }

    #[test]
    fn a_seed_draws_one_order_by_weight() {
        let order = |seed: u64| (0..4_000).map(|n| lots(&[1, 0, 3], seed).draw(n)).collect::<Vec<_>>();
        let drawn = order(7);
        assert_eq!(drawn, order(7));
        assert_ne!(drawn, order(8));
        // Whoever goes on from a draw gets the same.
        assert_eq!(lots(&[1, 0, 3], 7).draw(3_999), drawn[3_999]);
        let share = |lot: usize| drawn.iter().filter(|drawn| drawn.lot == lot).count();
        assert_eq!(share(1), 0);
        // A quarter of 4,000: five standard deviations are 137.
        assert!((863..=1_137).contains(&share(0)), "{}", share(0));
        let seeds: BTreeSet<u64> = drawn.iter().map(|drawn| drawn.seed).collect();
        assert_eq!(seeds.len(), drawn.len());
        assert!(Lots::new(lots(&[0, 1], 7).lots.into_iter().take(1).collect(), 7).is_none());
    }

    #[test]
    fn what_must_not_run_is_refused_in_words() {
        let lots = lots(&[1], 7);
        let mut inventory = Inventory::default();
        let refused = |inventory: &Inventory| lots.plan(lots.draw(0), inventory).unwrap_err();
        assert!(refused(&inventory).contains("unknown_component: there is no component `b`"));
        inventory.components.insert("b".into(), 1);
        assert!(refused(&inventory).starts_with("keep_healthy: "), "{}", refused(&inventory));
        inventory.components.insert("b".into(), 2);
        assert_eq!(lots.plan(lots.draw(0), &inventory).unwrap().seed, lots.draw(0).seed);
    }
}
