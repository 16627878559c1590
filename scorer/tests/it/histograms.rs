//! Histograms: buckets of both kinds, what is formed of them, and runs whose buckets differ.

use crate::assess::{case, judged};
use crate::noise::uniform;
use proptest::prelude::*;
use scorer::Verdict;
use scorer::evidence::Evidence;
use scorer::histogram::Histograms;
use scorer::metric::Samples;
use scorer::native::{Native, NativeError};
use scorer::shape::shape;
use scorer::signal::{Form, Margin, Selector};
use std::collections::BTreeMap;

fn native(schema: i8, zero: (f64, f64), positive: &[(i32, f64)]) -> Native {
    Native::try_new(schema, zero, positive.iter().copied().collect(), BTreeMap::new()).expect("it is legal")
}

fn one(native: Native) -> Histograms {
    Histograms::native(&[Some(native)]).expect("there is a sample")
}

fn classic(bounds: &[f64], upto: &[f64]) -> Histograms {
    let cumulative: Vec<Vec<f64>> = upto.iter().map(|count| vec![*count]).collect();
    Histograms::classic(bounds.to_vec(), &cumulative).expect("the bounds rise")
}

#[test]
fn native_bounds_are_those_of_the_specification() {
    // Schema 0: (0.5, 1] is 0, (1, 2] is 1; schema 3: eight buckets for each doubling.
    assert_eq!(one(native(0, (0.0, 0.0), &[(0, 1.0), (1, 2.0), (4, 3.0)])).bounds(), [0.0, 1.0, 2.0, 16.0]);
    let fine = one(native(3, (0.0, 0.0), &[(1, 1.0), (8, 1.0)]));
    assert_eq!(fine.bounds(), [0.0, 2f64.powf(0.125), 2.0]);
    let negative = Native::try_new(0, (0.25, 1.0), BTreeMap::new(), [(1, 2.0)].into()).expect("it is legal");
    // [-2, -1) ends at -1.
    assert_eq!((one(negative.clone()).bounds(), one(negative).sample(0)), (&[-1.0, 0.25][..], &[2.0, 1.0][..]));
}

#[test]
fn halving_the_resolution_merges_neighbours() {
    let fine = native(2, (0.0, 0.0), &[(-4, 1.0), (-3, 2.0), (0, 4.0), (1, 8.0), (4, 16.0), (5, 32.0)]);
    assert_eq!(fine.coarser(0), native(0, (0.0, 0.0), &[(-1, 1.0), (0, 6.0), (1, 24.0), (2, 32.0)]));
    assert_eq!(fine.coarser(5), fine);
}

#[test]
fn increments_of_native_histograms_know_resets_and_a_wider_zero_bucket() {
    let before = native(1, (0.1, 2.0), &[(0, 3.0), (3, 1.0)]);
    let now = native(1, (0.1, 2.0), &[(0, 5.0), (3, 1.0), (4, 7.0)]);
    assert_eq!(now.since(&before), native(1, (0.1, 0.0), &[(0, 2.0), (4, 7.0)]));
    // Fewer in one bucket: a new counter, all of it is new.
    let restarted = native(1, (0.1, 2.0), &[(0, 1.0), (4, 7.0)]);
    assert_eq!(restarted.since(&before), restarted);
    let wider = native(1, (1.0, 6.0), &[(3, 1.0)]);
    assert_eq!(wider.since(&before), native(1, (1.0, 1.0), &[]));
    assert_eq!(before.since(&wider), before, "a zero bucket never narrows: this is a new counter");
    let coarser = native(0, (0.1, 2.0), &[(0, 5.0), (2, 8.0)]);
    assert_eq!(coarser.since(&before), native(0, (0.1, 0.0), &[(0, 2.0), (2, 7.0)]));
}

#[test]
fn a_native_histogram_that_is_none_says_why() {
    let bad = |schema, zero, count| Native::try_new(schema, zero, [(0, count)].into(), BTreeMap::new()).unwrap_err();
    assert_eq!(bad(9, (0.0, 0.0), 1.0), NativeError::Schema(9));
    let what = bad(3, (0.0, 0.0), f64::NAN).to_string();
    assert_eq!(what, "a bucket's count is NaN: it must be a number of at least 0");
    assert!(matches!(bad(3, (-1.0, 0.0), 1.0), NativeError::Count { what: "the zero threshold", .. }));
}

#[test]
fn quantiles_are_those_of_prometheus() {
    // histogram_quantile over le 1: 10, 2: 30, 5: 40, +Inf: 44.
    let histogram = classic(&[1.0, 2.0, 5.0, f64::INFINITY], &[10.0, 30.0, 40.0, 44.0]);
    assert_eq!(histogram.quantiles(0.5), [1.6]);
    assert!((histogram.quantiles(0.1)[0] - 0.44).abs() < 1e-15);
    assert_eq!(histogram.quantiles(0.99), [5.0], "the open bucket has no upper bound");
    let (bound, samples) = histogram.above(1.5).expect("there is a bound");
    assert_eq!((bound, samples), (2.0, Samples::Events { events: vec![14.0], total: vec![44.0] }));
    assert_eq!(histogram.above(6.0), None, "the open bucket would call everything fast");
    // Native buckets have a lower bound of their own, and no place within them is likelier by straight lines: halfway
    // through (512, 1024] is 512 times the root of two.
    let sparse = one(native(0, (0.0, 0.0), &[(0, 4.0), (10, 2.0)]));
    assert!((sparse.quantiles(5.0 / 6.0)[0] - 512.0 * 2f64.sqrt()).abs() < 1e-9, "{:?}", sparse.quantiles(5.0 / 6.0));
    let (bound, samples) = sparse.above(3.0).expect("native buckets have every bound");
    assert_eq!((bound, samples), (4.0, Samples::Events { events: vec![2.0], total: vec![6.0] }));
}

#[test]
fn absent_and_contradicting_buckets_are_absent_in_all() {
    let cumulative = [vec![1.0, f64::NAN, 5.0, 0.0], vec![3.0, 4.0, 4.0, 0.0]];
    let histograms = Histograms::classic(vec![1.0, f64::INFINITY], &cumulative).expect("the bounds rise");
    assert_eq!(histograms.sample(0), [1.0, 2.0]);
    assert!([1, 2].iter().all(|i| histograms.sample(*i).iter().all(|count| count.is_nan())));
    assert!(histograms.quantiles(0.5)[1..].iter().all(|q| q.is_nan()), "nothing was observed in the last");
    assert_eq!(Histograms::classic(vec![1.0, 2.0], &cumulative), None, "no open bucket");
    assert_eq!(Histograms::classic(vec![f64::INFINITY], &cumulative[..1]), None);
}

#[test]
fn an_unchanged_distribution_has_ridit_one_half_and_a_candidate_must_have_the_bounds_of_its_baseline() {
    let bounds = [1.0, 2.0, 5.0, f64::INFINITY];
    let base = classic(&bounds, &[10.0, 30.0, 40.0, 44.0]);
    let found = shape(&[&base, &base], &base).expect("they are alike");
    assert_eq!(found.ridits.candidate, [0.5]);
    // Everything above the baseline's middle: ridits 5/44, 20/44, 35/44, 42/44.
    let slow = classic(&bounds, &[0.0, 0.0, 1.0, 2.0]);
    let found = shape(&[&base], &slow).expect("they are alike");
    assert!((found.ridits.candidate[0] - (35.0 + 42.0) / 2.0 / 44.0).abs() < 1e-15);
    let more = classic(&[1.0, 1.5, 2.0, 5.0, f64::INFINITY], &[10.0, 20.0, 30.0, 40.0, 44.0]);
    assert_eq!(shape(&[&base], &more).expect("further bounds do not hurt").ridits.candidate, [0.5]);
    let hidden = classic(&[5.0, f64::INFINITY], &[40.0, 44.0]);
    assert_eq!(shape(&[&base], &hidden), None);
    assert_eq!(shape(&[&base], &one(native(3, (0.0, 0.0), &[(1, 1.0)]))), None);
    assert_eq!(shape(&[], &base), None);
    // One odd run of three is left out; two of three are what is usual.
    let odd = shape(&[&base, &hidden, &base], &base).expect("most have the bounds of the candidate");
    assert!(odd.ridits.baselines[1].is_none() && odd.ridits.baselines[2].is_some());
    assert_eq!(shape(&[&base, &more, &more], &base), None);
}

/// Observations as a native histogram of this schema.
fn counted(values: &[f64], schema: i8) -> Native {
    let mut counts: BTreeMap<i32, f64> = BTreeMap::new();
    for value in values {
        *counts.entry((value.log2() * f64::from(schema).exp2()).ceil() as i32).or_default() += 1.0;
    }
    native(schema, (0.0, 0.0), &counts.into_iter().collect::<Vec<_>>())
}

proptest! {
    /// The mean ridit is the share of pairs in which the candidate's observation is larger, ties counted half.
    #[test]
    fn the_mean_ridit_is_the_mann_whitney_statistic(
        seed in 0..1000_u64, schemas in (0..6_i8, 0..6_i8), (n, m) in (1..40_u64, 1..40_u64),
    ) {
        let draw = |from: u64, n: u64| (0..n).map(|i| (6.0 * uniform(seed + from, i) - 3.0).exp2()).collect::<Vec<_>>();
        let (base, candidate) = (draw(0, n), draw(7000, m));
        let found = shape(&[&one(counted(&base, schemas.0))], &one(counted(&candidate, schemas.1)));
        let steps = f64::from(schemas.0.min(schemas.1)).exp2();
        let place = |value: &f64| (value.log2() * steps).ceil();
        let won = |a: &f64, b: &f64| if place(a) == place(b) { 0.5 } else { f64::from(u8::from(a > b)) };
        let wins: f64 = candidate.iter().flat_map(|a| base.iter().map(move |b| won(a, b))).sum();
        let ridit = found.expect("schemas of at least 0 are alike").ridits.candidate[0];
        prop_assert!((ridit - wins / (n * m) as f64).abs() < 1e-12);
    }
}

/// Replaces a bound of every latency bucket of a soak.
fn rebucket(evidence: &mut Evidence, from: &str, to: &str) {
    for series in evidence.series.iter_mut().filter(|s| s.name == "dur_bucket") {
        if series.labels["le"] == from {
            series.labels.insert("le".to_owned(), to.to_owned());
        }
    }
}

#[test]
fn a_candidate_with_another_bound_is_not_compared() {
    let mut case = case();
    // All of its answers are within ten seconds: next to the baseline's 250 ms that would look perfect.
    rebucket(&mut case.candidate, "0.25", "10");
    let judgement = judged(&case);
    assert_eq!(judgement.verdict, Verdict::Insufficient, "{judgement:#?}");
    let gap = judgement.reasons.iter().find(|r| r.code == "not_comparable").expect("the reason is told");
    assert_eq!(
        gap.text,
        "latency counts what is slower than 10 s, its baseline what is slower than 250 ms: they cannot be compared."
    );
    let mut first = self::case();
    first.runs.truncate(4);
    rebucket(&mut first.runs[0], "0.25", "0.5");
    assert_eq!(judged(&first).verdict, Verdict::Pass, "one odd run of four is left out");
}

#[test]
fn a_whole_distribution_is_a_signal_of_its_own() {
    let buckets = Selector::parse("dur_bucket").expect("the selector is legal");
    let mut case = case();
    let signal = &mut case.signals[1];
    signal.form = Form::Distribution { buckets, group_by: vec![] };
    signal.margin = Some(Margin::Absolute(0.02));
    signal.objective = None;
    let judgement = judged(&case);
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
    rebucket(&mut case.candidate, "0.25", "10");
    let judgement = judged(&case);
    assert_eq!(judgement.verdict, Verdict::Insufficient, "{judgement:#?}");
    let texts: Vec<&str> = judgement.reasons.iter().map(|r| r.text.as_str()).collect();
    assert!(texts.contains(&"latency lacks buckets that its baseline has: they cannot be compared."), "{texts:#?}");
}

#[test]
fn a_slower_distribution_fails_in_words() {
    let buckets = Selector::parse("dur_bucket").expect("the selector is legal");
    let mut case = case();
    case.candidate = crate::assess::soak("v2", 9, 0.2);
    let signal = &mut case.signals[1];
    (signal.form, signal.objective) = (Form::Distribution { buckets, group_by: vec![] }, None);
    let judgement = judged(&case);
    assert_eq!(judgement.verdict, Verdict::Fail, "{judgement:#?}");
    let of = |metric: &str| {
        let named =
            |r: &&scorer::verdict::Reason| r.metric.as_deref() == Some(metric) && r.code == "worse_than_baseline";
        judgement.reasons.iter().find(named).map_or("", |r| r.text.as_str())
    };
    assert!(of("latency").contains("larger than one of the baseline in 59"), "{judgement:#?}");
    assert!(of("latency far tail").contains("of requests slower than 250 ms"), "{judgement:#?}");
}
