//! Hostile input: a clear verdict, never a panic, and never a pass that evidence did not earn.

use crate::assess::{case, judged};
use proptest::prelude::*;
use proptest::sample::select;
use scorer::evidence::Evidence;
use scorer::judge::{JudgeInput, Numbers, judge};
use scorer::metric::{Kind, Metric, Samples};
use scorer::policy::Policy;
use scorer::signal::{Tier, Worse};
use scorer::verdict::{MetricReport, ReasonSeverity};
use scorer::{Judgement, Verdict};

/// Flags of a gate metric with which no tag may pass.
const BLOCKING: [&str; 3] = ["no_evidence", "coverage", "signal_vanished"];

/// Numbers that break arithmetic.
const HOSTILE: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-310,
    f64::MIN_POSITIVE,
    f64::EPSILON,
    1e15,
    -1e300,
    1e300,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..110.0_f64, 1 => select(HOSTILE)]
}

/// A run: noise with hostile numbers in it, one number throughout, or hardly anything.
fn values() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        3 => prop::collection::vec(number(), 0..140),
        2 => (number(), 0..140_usize).prop_map(|(v, n)| vec![v; n]),
        2 => (prop::collection::vec(90.0..110.0_f64, 60..140), number(), any::<prop::sample::Index>()).prop_map(|(mut run, v, at)| {
            let at = at.index(run.len());
            run[at] = v;
            run
        }),
        1 => prop::collection::vec(number(), 0..3),
    ]
}

fn samples() -> impl Strategy<Value = Samples> {
    prop_oneof![
        2 => values().prop_map(Samples::Values),
        1 => (values(), values()).prop_map(|(events, total)| Samples::Events { events, total }),
    ]
}

fn metric() -> impl Strategy<Value = Metric> {
    let kinds = select(&[Kind::Gauge, Kind::Rate, Kind::Share, Kind::LatencyShare, Kind::Count][..]);
    let worse = select(&[Worse::Up, Worse::Down, Worse::Either][..]);
    let margin = || prop::option::of(prop_oneof![3 => 0.0..20.0_f64, 1 => select(HOSTILE)]);
    let offsets = prop::option::of(prop::collection::vec(any::<u32>(), 0..100));
    let runs = prop::collection::vec(samples(), 0..6);
    ((kinds, worse, runs, samples()), (margin(), margin(), any::<(bool, bool)>(), offsets)).prop_map(
        |((kind, worse, baselines, candidate), (by, rise, (relative, aligned), offsets))| Metric {
            name: "hostile".to_owned(),
            kind,
            worse,
            baselines,
            candidate,
            by,
            rise,
            relative,
            aligned,
            offsets,
        },
    )
}

fn plain(kind: Kind) -> Metric {
    Metric {
        name: "plain".to_owned(),
        kind,
        worse: Worse::Up,
        baselines: Vec::new(),
        candidate: Samples::Values(Vec::new()),
        by: None,
        rise: None,
        relative: false,
        aligned: false,
        offsets: None,
    }
}

fn numbers(gate: &[Metric], watch: &[Metric], look: usize) -> Numbers {
    judge(&JudgeInput { gate, watch, policy: &Policy::new(60, 20), look, resilience: None, hard_rules: &[] })
}

/// What any judgement must be, whatever it was made from.
fn clear(n: &Numbers) -> Result<(), TestCaseError> {
    prop_assert!((0.0..=1.0).contains(&n.tag_p), "tag p {}", n.tag_p);
    prop_assert!(n.channel_p.iter().all(|p| (0.0..=1.0).contains(p)), "{:?}", n.channel_p);
    for m in &n.metrics {
        for p in [m.p_fail, m.p_peak, m.p_pass] {
            prop_assert!((0.0..=1.0).contains(&p), "p {p} of {m:?}");
        }
        let s = m.scores;
        prop_assert!([s.score, s.score_low, s.score_high].iter().all(|v| (0.0..=100.0).contains(v)), "{s:?}");
    }
    Ok(())
}

/// All digits of a judgement.
fn digits(n: &Numbers) -> String {
    format!("{n:?}")
}

/// Bytes changed, lost and doubled.
fn mutated(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (at, how, value) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        match how % 4 {
            0 => bytes[at] = *value,
            1 => drop(bytes.remove(at)),
            // Digits are what numbers are made of: most such changes are still JSON.
            2 => bytes.insert(at, b'0' + value % 10),
            _ => {
                let end = (at + usize::from(*value)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// The number at a place of a JSON text is replaced by another: always JSON, seldom sense.
fn renumbered(text: &str, changes: &[(prop::sample::Index, String)]) -> String {
    let mut text = text.to_owned();
    for (at, number) in changes {
        let starts: Vec<usize> = text.match_indices([':', ',', '[']).map(|(i, _)| i + 1).collect();
        let starts: Vec<usize> =
            starts.into_iter().filter(|i| text[*i..].starts_with(|c: char| c == '-' || c.is_ascii_digit())).collect();
        let start = starts[at.index(starts.len())];
        let number_end = text[start..].find([',', ']', '}']).map_or(text.len(), |i| start + i);
        text.replace_range(start..number_end, number);
    }
    text
}

fn wild_number() -> impl Strategy<Value = String> {
    prop_oneof![
        select(
            &["0", "-1", "9223372036854775807", "-9223372036854775808", "4294967295", "1e300", "-1e300", "null"][..]
        )
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|v| v.to_string()),
        any::<u32>().prop_map(|v| v.to_string()),
    ]
}

/// What any judgement of evidence must be.
fn earned(judgement: &Judgement) -> Result<(), TestCaseError> {
    if let Some(p) = judgement.tag_p {
        prop_assert!((0.0..=1.0).contains(&p), "tag p {p}");
    }
    if judgement.verdict == Verdict::Pass {
        let gates = || judgement.metrics.iter().filter(|m| m.tier == Tier::Gate);
        // The case declares three gate metrics over 60 samples.
        prop_assert_eq!(gates().count(), 3);
        let earned = |m: &MetricReport| {
            m.score_low >= 85.0 && m.n >= 48 && m.flags.iter().all(|f| !BLOCKING.contains(&f.as_str()))
        };
        prop_assert!(gates().all(earned), "{judgement:#?}");
        prop_assert!(judgement.reasons.iter().all(|r| r.severity != ReasonSeverity::Error), "{judgement:#?}");
    }
    for m in &judgement.metrics {
        prop_assert!([m.score, m.score_low, m.score_high].iter().all(|v| (0.0..=100.0).contains(v)), "{m:?}");
    }
    Ok(())
}

/// Rare events whose totals are no number, or none when they are added up.
#[test]
fn totals_beyond_all_numbers_are_no_evidence() {
    for total in [f64::INFINITY, f64::MAX] {
        let counted = |events: f64| Samples::Events { events: vec![events; 60], total: vec![total; 60] };
        let metric = Metric { baselines: vec![counted(0.01); 5], candidate: counted(1.0), ..plain(Kind::Count) };
        let n = numbers(&[metric], &[], 60);
        clear(&n).expect("a clear answer");
        assert_eq!(n.metrics[0].p_pass, 1.0, "{total}: {:?}", n.metrics[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn the_judge_answers_anything(gate in prop::collection::vec(metric(), 0..4), watch in prop::collection::vec(metric(), 0..3), look in 0..150_usize) {
        let first = numbers(&gate, &watch, look);
        clear(&first)?;
        // The same answer again, and on another thread, to the last bit.
        let there = std::thread::scope(|s| s.spawn(|| numbers(&gate, &watch, look)).join().expect("the judge answers"));
        prop_assert_eq!(digits(&first), digits(&numbers(&gate, &watch, look)));
        prop_assert_eq!(digits(&first), digits(&there));
    }

    #[test]
    fn a_hostile_series_gives_a_clear_judgement(
        which in any::<prop::sample::Index>(),
        of_baseline in prop::option::of(0..5_usize),
        times in prop::collection::vec(prop_oneof![4 => 0..100_000_i64, 1 => any::<i64>()], 0..120),
        values in prop::collection::vec(number(), 0..120),
        sorted in 0..3_u8,
    ) {
        let mut case = case();
        let evidence = match of_baseline {
            Some(run) => &mut case.runs[run],
            None => &mut case.candidate,
        };
        let at = which.index(evidence.series.len());
        let series = &mut evidence.series[at];
        series.times_ms = times;
        series.values = values;
        if sorted > 0 {
            series.times_ms.sort_unstable();
        }
        let judgement = judged(&case);
        earned(&judgement)?;
    }

    #[test]
    fn changed_bytes_are_refused_or_judged(changes in prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..6)) {
        let mut case = case();
        let bytes = serde_json::to_vec(&case.candidate).expect("evidence is JSON");
        if let Ok(evidence) = serde_json::from_slice::<Evidence>(&mutated(bytes, &changes)) {
            case.candidate = evidence;
            earned(&judged(&case))?;
        }
    }

    #[test]
    fn changed_numbers_are_refused_or_judged(
        changes in prop::collection::vec((any::<prop::sample::Index>(), wild_number()), 1..6),
        of_baseline in any::<bool>(),
    ) {
        let mut case = case();
        let text = serde_json::to_string(if of_baseline { &case.runs[0] } else { &case.candidate }).expect("evidence is JSON");
        if let Ok(evidence) = serde_json::from_str::<Evidence>(&renumbered(&text, &changes)) {
            *if of_baseline { &mut case.runs[0] } else { &mut case.candidate } = evidence;
            earned(&judged(&case))?;
        }
    }
}
