//! Guarantees G6, G7, G9 and G10 on generated tags.

use proptest::prelude::*;
use scorer::judge::{JudgeInput, Numbers, judge};
use scorer::metric::{Kind, Metric, Samples};
use scorer::policy::Policy;
use scorer::signal::Worse;
use scorer::verdict::Verdict;

/// Enough for every feature.
const SAMPLES: usize = 130;
const RUNS: usize = 4;
/// Place, in every four metrics, of the one that is a share.
const SHARE: usize = 3;

/// Values of one metric: baseline runs, then the candidate.
type Raw = Vec<Vec<f64>>;

/// Noise about 100 with a run effect.
fn run() -> impl Strategy<Value = Vec<f64>> {
    (prop::collection::vec(-10.0..10.0_f64, SAMPLES), -2.0..2.0_f64)
        .prop_map(|(noise, effect)| noise.into_iter().map(|v| 100.0 + effect + v).collect())
}

fn raws(count: usize) -> impl Strategy<Value = Vec<Raw>> {
    prop::collection::vec(prop::collection::vec(run(), RUNS + 1), count)
}

/// How the raw values are told: in another unit, from another zero.
#[derive(Clone, Copy)]
struct Told {
    unit: f64,
    offset: f64,
    by: f64,
}

const PLAIN: Told = Told { unit: 1.0, offset: 0.0, by: 5.0 };

fn metric(i: usize, raw: &Raw, told: Told) -> Metric {
    let values = |r: &Vec<f64>| Samples::Values(r.iter().map(|v| v * told.unit + told.offset).collect());
    // Of a hundred requests, those that are slower than most: a count has no other unit and no other zero.
    let events = |r: &Vec<f64>| Samples::Events {
        events: r.iter().map(|v| (v - 95.0).clamp(0.0, 100.0).round()).collect(),
        total: vec![100.0; r.len()],
    };
    if i % 4 == SHARE {
        return Metric {
            kind: Kind::Share,
            worse: Worse::Up,
            baselines: raw[..RUNS].iter().map(events).collect(),
            candidate: events(&raw[RUNS]),
            by: Some(told.by / 100.0),
            name: format!("m{i}"),
            ..metric(0, raw, told)
        };
    }
    Metric {
        name: format!("m{i}"),
        kind: if i.is_multiple_of(2) { Kind::Gauge } else { Kind::Rate },
        worse: if i.is_multiple_of(3) { Worse::Down } else { Worse::Up },
        baselines: raw[..RUNS].iter().map(values).collect(),
        candidate: values(&raw[RUNS]),
        by: Some(told.by * told.unit),
        rise: None,
        relative: false,
        aligned: true,
        offsets: None,
    }
}

fn metrics(raws: &[Raw], told: Told) -> Vec<Metric> {
    raws.iter().enumerate().map(|(i, r)| metric(i, r, told)).collect()
}

fn judged(gate: &[Metric]) -> Numbers {
    judge(&JudgeInput {
        gate,
        watch: &[],
        policy: &Policy::new(SAMPLES, 20),
        look: SAMPLES,
        resilience: None,
        hard_rules: &[],
    })
}

/// Makes every sample of the candidate worse; of a share, at most all events are bad.
fn worsen(m: &mut Metric, by: f64) {
    let sign = if m.worse == Worse::Down { -1.0 } else { 1.0 };
    match &mut m.candidate {
        Samples::Values(values) => values.iter_mut().for_each(|v| *v += sign * by),
        Samples::Events { events, total } => {
            events.iter_mut().zip(total).for_each(|(e, t)| *e = (*e + by.round()).min(*t));
        }
    }
}

/// Takes the candidate's samples from `kept` on away: absent, or not there at all.
fn without(m: &Metric, kept: usize, absent: bool) -> Metric {
    let mut less = m.clone();
    let take = |values: &mut Vec<f64>| if absent { values[kept..].fill(f64::NAN) } else { values.truncate(kept) };
    match &mut less.candidate {
        Samples::Values(values) => take(values),
        Samples::Events { events, total } => {
            take(events);
            take(total);
        }
    }
    less
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn worse_never_helps(raws in raws(4), which in 0..4_usize) {
        let mut last: Option<Numbers> = None;
        for constant in [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 1000.0] {
            let mut tag = metrics(&raws, PLAIN);
            worsen(&mut tag[which], constant);
            let now = judged(&tag);
            if let Some(before) = &last {
                let (a, b) = (&before.metrics[which], &now.metrics[which]);
                prop_assert!(b.scores.score <= a.scores.score + 1e-9, "score at {constant}");
                prop_assert!(b.scores.score_low <= a.scores.score_low + 1e-9, "score_low at {constant}");
                prop_assert!(now.scores.score_low <= before.scores.score_low + 1e-9, "tag score_low at {constant}");
                prop_assert!(b.p_fail <= a.p_fail + 1e-9 && b.p_peak <= a.p_peak + 1e-9, "p at {constant}");
                prop_assert!(now.tag_p <= before.tag_p + 1e-9, "tag p at {constant}");
            }
            last = Some(now);
        }
    }

    #[test]
    fn order_unit_and_offset_do_not_matter(raws in raws(5), shift in 0.0..20.0_f64, exponent in -8..9_i32) {
        let mut raws = raws;
        raws[1][RUNS].iter_mut().for_each(|v| *v += shift);
        let plain = metrics(&raws, PLAIN);
        let want = judged(&plain);
        let reversed: Vec<Metric> = plain.into_iter().rev().collect();
        let told = |unit: f64, offset: f64| judged(&metrics(&raws, Told { unit, offset, ..PLAIN }));
        // Powers of two change no digit; other units and zeros do, in the last places.
        let ways = [
            ("order", judged(&reversed), 1e-9),
            ("unit", told(2.0_f64.powi(exponent), 0.0), 1e-9),
            ("offset", told(1.0, 512.0), 1e-9),
            ("another unit and zero", told(7.3, 500.0), 1e-6),
            ("milliseconds for seconds", told(1000.0, 0.0), 1e-6),
        ];
        for (how, got, tolerance) in ways {
            let close = |a, b| close(a, b, tolerance);
            prop_assert!(close(got.tag_p, want.tag_p), "{how}: tag p {} and {}", got.tag_p, want.tag_p);
            prop_assert!(close(got.scores.score_low, want.scores.score_low), "{how}: score_low");
            prop_assert_eq!(got.verdict, want.verdict);
            for m in &got.metrics {
                let own = want.metrics.iter().find(|w| w.name == m.name).expect("the same metrics");
                prop_assert!(close(m.p_fail, own.p_fail) && close(m.p_peak, own.p_peak), "{how}: {}", m.name);
            }
        }
    }

    #[test]
    fn removing_never_passes(raws in raws(4), which in 0..4_usize, kept in 0..100_usize) {
        // A margin wide enough that the whole tag passes: only the removal can be the reason.
        let whole = metrics(&raws, Told { by: 40.0, ..PLAIN });
        prop_assert_eq!(judged(&whole).verdict, Verdict::Pass);
        for absent in [true, false] {
            let mut less = whole.clone();
            less[which] = without(&whole[which], kept, absent);
            prop_assert_ne!(judged(&less).verdict, Verdict::Pass);
        }
        let mut alone = whole.clone();
        alone[which].baselines.clear();
        prop_assert_ne!(judged(&alone).verdict, Verdict::Pass);
        let mut empty = whole.clone();
        empty.iter_mut().for_each(|m| m.baselines.iter_mut().for_each(|b| *b = Samples::Values(Vec::new())));
        prop_assert_ne!(judged(&empty).verdict, Verdict::Pass);
        prop_assert_ne!(judged(&[]).verdict, Verdict::Pass);
    }

    #[test]
    fn names_do_not_matter(raws in raws(5), names in prop::collection::vec(".{0,12}", 5)) {
        let plain = metrics(&raws, PLAIN);
        let named: Vec<Metric> =
            plain.iter().zip(&names).map(|(m, name)| Metric { name: name.clone(), ..m.clone() }).collect();
        let (want, mut got) = (judged(&plain), judged(&named));
        got.metrics.iter_mut().zip(&want.metrics).for_each(|(g, w)| g.name.clone_from(&w.name));
        prop_assert_eq!(format!("{want:?}"), format!("{got:?}"));
    }

    #[test]
    fn the_same_evidence_gives_the_same_bits(raws in raws(9)) {
        let tag = metrics(&raws, PLAIN);
        let want = format!("{:?}", judged(&tag));
        prop_assert_eq!(&want, &format!("{:?}", judged(&tag)));
        let elsewhere: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| format!("{:?}", judged(&tag)))).collect();
            threads.into_iter().map(|t| t.join().expect("the judge answers")).collect()
        });
        prop_assert!(elsewhere.iter().all(|got| *got == want));
    }
}
