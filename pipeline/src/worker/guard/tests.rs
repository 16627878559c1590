//! When a guard trips, over series as a recorder gives them.

use super::*;
use probes::clock::RunClock;
use probes::metrics::{RecorderConfig, Registry};
use scorer::RawSeries;
use scorer::signal::{Dimension, Tier, Worse};

const NAN: f64 = f64::NAN;
const BELOW: Bound = Bound { below: Some(0.9), above: None };
const WINDOW: Duration = Duration::from_secs(3);

fn series(name: &str, le: Option<&str>, values: &[f64]) -> RawSeries {
    let times_ms = (0..).map(|i| i * 1000).take(values.len()).collect();
    let labels = le.map(|le| ("le".to_owned(), le.to_owned())).into_iter().collect();
    RawSeries { name: name.into(), labels, times_ms, values: values.to_vec() }
}

fn trips_on(samples: &[Sample]) -> bool {
    broken_throughout(samples, BELOW, WINDOW)
}

#[test]
fn a_gauge_must_be_broken_in_every_sample_of_the_whole_window() {
    let gauge = |values: &[f64]| trips_on(&samples::sums(&[series("g", None, values)]));
    assert!(gauge(&[1.0, 0.5, 0.5, 0.5, 0.5]));
    assert!(!gauge(&[1.0, 1.0, 1.0, 1.0, 0.5]), "the last value alone is not three seconds");
    assert!(!gauge(&[0.5, 0.5, 0.95, 0.5, 0.5]), "there was a break");
    assert!(!gauge(&[0.5, 0.5, 0.5]), "two seconds are not three");
    assert!(!gauge(&[0.5, 0.5, 0.5, 0.5, 0.95]), "it is over");
    assert!(gauge(&[0.5, NAN, 0.5, 0.5]), "a scrape that failed is no break");
}

#[test]
fn events_that_come_less_often_than_scrapes_trip_whenever_somebody_looks() {
    let sample = |n: i64| Sample { from_ms: n * 500 - 100, until_ms: n * 500, value: 0.0 };
    for now_ms in (20_000..20_500).step_by(10) {
        let from_ms = now_ms - millis(reach(WINDOW));
        let seen = (0..).map(sample).take_while(|sample| sample.until_ms <= now_ms);
        let read: Vec<Sample> = seen.filter(|sample| sample.from_ms >= from_ms).collect();
        assert!(trips_on(&read), "at {now_ms}");
    }
}

#[test]
fn a_recovery_counts_to_the_end_of_the_last_broken_sample() {
    let after = |values: &[f64], from_ms| met_after(&samples::sums(&[series("g", None, values)]), BELOW, from_ms);
    assert_eq!(after(&[0.5, 0.5, 1.0, 0.5, 1.0, 1.0], 1_500), Some(1_500));
    assert_eq!(after(&[0.5, 0.5, 1.0, 1.0], 1_500), Some(0), "what broke before is not held against it");
    assert_eq!(after(&[1.0, 1.0, 0.5], 500), None, "it has not recovered");
    assert_eq!(after(&[1.0, 1.0], 5_000), None, "nothing was measured");
}

#[test]
fn a_ratio_is_judged_scrape_by_scrape_and_not_by_its_mean() {
    let ratio = |good: &[f64], total: &[f64]| {
        trips_on(&samples::shares(&[series("good", None, good)], &[series("total", None, total)]))
    };
    let total = [0.0, 10.0, 20.0, 30.0, 40.0];
    assert!(ratio(&[0.0, 10.0, 15.0, 20.0, 25.0], &total));
    // The mean of the last three is 1/3, but the last one is well.
    assert!(!ratio(&[0.0, 10.0, 10.0, 10.0, 20.0], &total));
    assert!(!ratio(&[0.0, 10.0, 20.0, 20.0, 20.0], &total), "two bad ones are not three seconds");
    assert!(!ratio(&[0.0; 5], &[10.0; 5]), "no event says nothing");
    assert!(ratio(&[9.0, 9.0, 0.0, 0.0, 0.0], &[10.0, 10.0, 4.0, 8.0, 12.0]), "a restart counts from zero");
}

#[test]
fn a_latency_uses_the_smallest_bound_at_or_above_its_threshold() {
    let buckets = |bounds: &[(&str, f64)]| -> Vec<RawSeries> {
        let counts = |share: f64| [0.0, 10.0, 20.0, 30.0].map(|all| all * share);
        bounds.iter().map(|(le, share)| series("d_bucket", Some(le), &counts(*share))).collect()
    };
    let read = samples::within(&buckets(&[("0.1", 0.1), ("0.25", 0.5), ("1", 1.0), ("+Inf", 1.0)]), 0.2);
    assert_eq!(read.iter().map(|sample| sample.value).collect::<Vec<_>>(), [0.5; 3]);
    assert!(trips_on(&read));
    let unknown = samples::within(&buckets(&[("0.1", 0.1), ("+Inf", 1.0)]), 0.2);
    assert!(unknown.is_empty(), "no bound can tell: it must not read as all is well");
}

#[test]
fn nothing_measured_for_the_whole_window_trips() {
    let nothing = |values: &[f64], now_ms: i64, watched_s: u64| {
        let samples = samples::sums(&[series("g", None, values)]);
        Seen { samples: &samples, now_ms, watched: Duration::from_secs(watched_s) }.nothing(WINDOW)
    };
    assert!(nothing(&[1.0, 1.0, NAN, NAN, NAN], 4_000, 60));
    assert!(!nothing(&[1.0, 1.0, NAN, NAN, NAN], 3_999, 60));
    assert!(nothing(&[], 4_000, 3), "never measured");
    assert!(!nothing(&[], 4_000, 2), "the guard has not watched for that long");
}

fn guard(signal: &str) -> Guard {
    serde_json::from_value(serde_json::json!({"signal": signal, "below": 0.9, "for": "400ms", "then": "abort"}))
        .unwrap()
}

fn gauge(series: &str) -> Signal {
    Signal {
        name: "health".into(),
        component: None,
        tier: Tier::Gate,
        dimension: Dimension::Business,
        worse: Worse::Down,
        form: Form::Gauge { series: Selector { name: series.into(), matchers: vec![] }, group_by: vec![] },
        margin: None,
        rise: None,
        objective: None,
        broken_after: 10,
    }
}

#[test]
fn a_guard_on_an_unknown_signal_names_the_known_ones() {
    let error = Watch::all(&[guard("helth")], &[gauge("g")]).unwrap_err();
    assert_eq!(error, "guard: signal `helth` is not declared; known: health");
}

#[tokio::test]
async fn a_recorder_trips_a_broken_and_an_unmeasured_guard_alone() {
    let registry = Registry::new();
    registry.gauge("bad", &[]).set(0.1);
    registry.gauge("good", &[]).set(1.0);
    let config = RecorderConfig::every(Duration::from_millis(100), RunClock::start_now());
    let recorder = Recorder::start(config, registry);
    let watch = |series: &str| Watch::all(&[guard("health")], &[gauge(series)]).unwrap().remove(0);
    let (bad, good, absent) = (watch("bad"), watch("good"), watch("absent"));
    assert_eq!([&bad, &good, &absent].map(|w| w.tripped(&recorder)), [None; 3]);
    let all = async {
        while bad.tripped(&recorder).is_none() || absent.tripped(&recorder).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("both trip");
    assert_eq!(bad.tripped(&recorder), Some("health"));
    let last = recorder.select(&Selection::named("good"))[0].times_ms.last().copied().unwrap();
    if recorder.now_ms() - last < 400 {
        assert_eq!(good.tripped(&recorder), None);
    }
    recorder.stop().await.unwrap();
}
