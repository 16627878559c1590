//! Simulated metrics and what the judge says of them.

use crate::changes::Change;
use crate::rng::Rng;
use crate::shapes::Shape;
use scorer::combine::simes;
use scorer::judge::{JudgeInput, Numbers, judge};
use scorer::metric::{Kind, Metric, Samples};
use scorer::policy::Policy;
use scorer::report::MetricNumbers;
use scorer::signal::Worse;
use scorer::single::Single;
use scorer::special::{normal_quantile, t_sf};
use std::cell::RefCell;

/// Metrics of a simulated tag.
pub(crate) const TAG: usize = 20;

/// Baseline runs and samples of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) runs: usize,
    pub(crate) samples: usize,
}

/// A gauge of which any change is worse, without a margin.
pub(crate) fn gauge(mut runs: Vec<Vec<f64>>) -> Metric {
    let candidate = Samples::Values(runs.pop().expect("the candidate is the last run"));
    Metric {
        name: "simulated".to_owned(),
        kind: Kind::Gauge,
        worse: Worse::Either,
        baselines: runs.into_iter().map(Samples::Values).collect(),
        candidate,
        by: Some(0.0),
        rise: None,
        relative: false,
        aligned: true,
        offsets: None,
    }
}

/// Events that are counted, one unit of exposure a sample.
fn count(runs: Vec<Vec<f64>>) -> Metric {
    let events = |run: Samples| match run {
        Samples::Values(events) => Samples::Events { total: vec![1.0; events.len()], events },
        already @ Samples::Events { .. } => already,
    };
    let gauge = gauge(runs);
    Metric {
        kind: Kind::Count,
        worse: Worse::Up,
        baselines: gauge.baselines.into_iter().map(events).collect(),
        candidate: events(gauge.candidate),
        ..gauge
    }
}

/// One metric of a shape whose candidate is changed.
pub(crate) fn metric(shape: Shape, change: Change, size: Size, rng: &mut Rng) -> Metric {
    let start = shape.start(rng);
    let mut runs: Vec<Vec<f64>> = (0..size.runs).map(|_| shape.run(rng, size.samples, start)).collect();
    let candidate = shape.run(rng, size.samples, start);
    runs.push(change.apply(candidate, rng));
    if shape == Shape::Sparse { count(runs) } else { gauge(runs) }
}

thread_local! {
    static SINGLE: RefCell<Single> = RefCell::default();
}

/// What each metric of a tag says by itself.
pub(crate) fn alone(metrics: &[Metric], samples: usize) -> Vec<MetricNumbers> {
    SINGLE.with_borrow_mut(|single| single.metrics(metrics, &Policy::new(samples, samples), samples))
}

/// The judgement of a tag of gate metrics.
pub(crate) fn judged(gate: &[Metric], policy: &Policy, look: usize) -> Numbers {
    judge(&JudgeInput { gate, watch: &[], policy, look, resilience: None, hard_rules: &[] })
}

/// p of a tag of gate metrics, or 1 where it is certainly above `limit`.
///
/// Replays make a judgement several times as slow, and can only raise p: most tags need none. A test below holds this.
pub(crate) fn tag_p(gate: &[Metric], policy: &Policy, look: usize, limit: f64) -> f64 {
    if least_tag_p(gate, policy, look) > limit { 1.0 } else { judged(gate, policy, look).tag_p }
}

/// What the tag's p would be if no replay had found anything.
fn least_tag_p(gate: &[Metric], policy: &Policy, look: usize) -> f64 {
    let numbers = alone(gate, look);
    let shifts: Vec<f64> = numbers.iter().map(|m| m.p_fail).collect();
    let peaks: Vec<f64> = numbers.iter().map(|m| m.p_peak).collect();
    let dense = gate.len() >= 8;
    let runs = gate.first().map_or(0, |m| m.baselines.len());
    let [shift, peak, rest] = policy.gate_weights;
    let total = shift + peak + if dense { rest } else { 0.0 };
    let channel_p = if dense {
        let z = |p: &f64| (-normal_quantile(p.clamp(1e-9, 1.0 - 1e-9))).clamp(0.0, 5.0);
        let mean = shifts.iter().map(z).sum::<f64>() / shifts.len() as f64;
        t_sf(mean / 0.2 / (1.0 + 1.0 / runs as f64).sqrt(), runs as f64 + 3.0)
    } else {
        1.0
    };
    [simes(&shifts) / (shift / total), simes(&peaks) / (peak / total), channel_p / (rest / total)]
        .into_iter()
        .fold(1.0, f64::min)
}

#[test]
fn replays_only_raise_p() {
    for round in 0..40 {
        let mut rng = Rng::of("replays only raise p", round);
        let shape = Shape::REFERENCE[round % Shape::REFERENCE.len()];
        let size = Size { runs: 3 + round % 3, samples: 120 };
        let gate: Vec<Metric> = (0..[1, 7, 8, 20][round % 4])
            .map(|i| metric(shape, if i == 0 { Change::Step(1.0) } else { Change::None }, size, &mut rng))
            .collect();
        let policy = Policy::new(120, 120);
        let (least, p) = (least_tag_p(&gate, &policy, 120), judged(&gate, &policy, 120).tag_p);
        assert!(least <= p * (1.0 + 1e-9), "{}: {least} and {p}", shape.name());
    }
}

#[test]
fn a_metric_alone_is_what_the_judge_reports() {
    let mut rng = Rng::of("alone", 0);
    let size = Size { runs: 5, samples: 120 };
    let gate: Vec<Metric> = Shape::REFERENCE.iter().map(|s| metric(*s, Change::Step(1.0), size, &mut rng)).collect();
    let mut judged = judged(&gate, &Policy::new(120, 120), 120).metrics;
    // What the tag would be without a metric is known to the judge only.
    judged.iter_mut().for_each(|m| m.tag_p_without = None);
    assert_eq!(alone(&gate, 120), judged);
}
