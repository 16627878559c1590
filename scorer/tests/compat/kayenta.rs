//! The cases that spinnaker/kayenta publishes.

use crate::agreement::{Agreement, Table, agrees, check, list, near, real, reals, text, truth};
use scorer::compat::kayenta::classifier::{Band, Classified, Criticality, DataNeed, Label, Rule, classify};
use scorer::compat::kayenta::config::EffectSize;
use scorer::compat::kayenta::effect_size::{cles, mean_ratio};
use scorer::compat::kayenta::mann_whitney::{shift, standardised};
use scorer::compat::kayenta::score::{MetricResult, weighted_sum};
use scorer::compat::kayenta::statistics::{Summary, mean, percentile, summary, variance};
use scorer::compat::kayenta::transforms::{Fences, NanStrategy, handle_nans, outliers, with_noise, without_outliers};
use scorer::special::normal_quantile;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[test]
fn published_cases_agree() {
    let tables = [
        Table { file: "mann_whitney.json", case: mann_whitney },
        Table { file: "classifier.json", case: classifier },
        Table { file: "detector.json", case: detector },
        Table { file: "transform.json", case: transform },
        Table { file: "statistics.json", case: statistics },
        Table { file: "scorer.json", case: scorer },
        Table { file: "utils.json", case: utils },
    ];
    check("kayenta", &tables, &[], [84, 84, 20]);
}

fn word<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{value}: {e}"))
}

fn mann_whitney(case: &Value) -> Agreement {
    let want = &case["expected"];
    let samples = || (reals(&case["x"]), reals(&case["y"]));
    match case["kind"].as_str() {
        Some("quantile") => near("the quantile", normal_quantile(real(&case["p"])), want, real(&case["within"])),
        Some("difference") => {
            let (x, y) = samples();
            list(want).iter().try_for_each(|row| {
                let got = standardised(real(&row[0]), 0.0, &x, &y).map_err(|e| e.to_string())?;
                near("the standardised sum", got, &row[1], real(&case["within"]))
            })
        }
        Some("interval") => {
            let (x, y) = samples();
            let got = shift(&x, &y, real(&case["confidence"])).map_err(|e| e.to_string())?;
            [("lower", got.lower), ("upper", got.upper), ("estimate", got.estimate)]
                .into_iter()
                .try_for_each(|(key, got)| near(key, got, &want[key][0], real(&want[key][1])))
        }
        _ => steps(case),
    }
}

fn steps(case: &Value) -> Agreement {
    let (x, y) = (reals(&case["x"]), reals(&case["y"]));
    let bound = |v: &[f64], f: fn(f64, f64) -> f64| v.iter().copied().fold(f64::NAN, f);
    let low = bound(&x, f64::min) - bound(&y, f64::max);
    let high = bound(&x, f64::max) - bound(&y, f64::min);
    let quantile = -normal_quantile((1.0 - real(&case["confidence"])) / 2.0);
    let z = |at: f64, q: f64| standardised(at, q, &x, &y).map_err(|e| e.to_string());
    let found = shift(&x, &y, real(&case["confidence"])).map_err(|e| e.to_string())?;
    let got = [
        ("Mumin", low),
        ("Mumax", high),
        ("ZqLower", quantile),
        ("ZqUpper", -quantile),
        ("Flower1", z(low, quantile)?),
        ("Fupper1", z(high, quantile)?),
        ("Flower2", z(low, -quantile)?),
        ("Fupper2", z(high, -quantile)?),
        ("Cil", found.lower),
        ("Ciu", found.upper),
        ("Est", found.estimate),
    ];
    got.into_iter().try_for_each(|(key, got)| near(key, got, &case["expected"][key], real(&case["within"])))
}

fn classifier(case: &Value) -> Agreement {
    let band = |key: &str| Band { decrease: real(&case[key][0]), increase: real(&case[key][1]) };
    let rule = Rule {
        tolerance: real(&case["tolerance"]),
        confidence: real(&case["confidence"]),
        allowed: band("allowed"),
        critical: band("criticalBand"),
        measure: word(&case["measure"]),
        direction: word(&case["direction"]),
        nan_strategy: word(&case["nanStrategy"]),
        criticality: if truth(&case["critical"]) { Criticality::Critical } else { Criticality::Ordinary },
        data_need: DataNeed::Optional,
    };
    let got = classify(&reals(&case["control"]), &reals(&case["experiment"]), &rule).map_err(|e| e.to_string())?;
    let want = case["expected"].as_object().expect("what is expected");
    want.iter().try_for_each(|(key, want)| match key.as_str() {
        "label" => agrees(*want == got.label.to_string(), key, &got.label, want),
        "critical" => agrees(*want == got.critical, key, &got.critical, want),
        "reason" => agrees(*want == got.reason.is_some(), key, &got.reason, want),
        _ => near(key, got.deviation, want, 0.0),
    })
}

fn detector(case: &Value) -> Agreement {
    let got = outliers(&reals(&case["values"]), real(&case["factor"]), Fences::Quartiles);
    agrees(json!(got) == case["expected"], "the list of outliers", &got, &case["expected"])
}

fn transform(case: &Value) -> Agreement {
    let (values, want) = (reals(&case["values"]), &case["expected"]);
    let got = match case["kind"].as_str() {
        Some("remove") => handle_nans(&values, NanStrategy::Remove),
        Some("replace") => handle_nans(&values, NanStrategy::Replace),
        Some("outliers") => without_outliers(&values, 1.5, Fences::Quartiles),
        _ => return moments(&with_noise(&values, real(&case["mean"]), real(&case["sd"])), want),
    };
    agrees(json!(got) == *want, "the series", &got, want)
}

fn moments(got: &[f64], want: &Value) -> Agreement {
    agrees(want["count"] == got.len(), "the count", &got.len(), &want["count"])?;
    near("the mean", mean(got), &want["mean"], real(&want["within"]))?;
    let (key, spread) = if want["sd"].is_null() { ("variance", variance(got)) } else { ("sd", variance(got).sqrt()) };
    near(key, spread, &want[key], real(&want["within"]))
}

fn statistics(case: &Value) -> Agreement {
    let want = &case["expected"];
    match case["kind"].as_str() {
        Some("summary") => {
            let Summary { min, max, mean, std, count } = summary(&reals(&case["values"]));
            agrees(want["count"] == count, "count", &count, &want["count"])?;
            [("min", min), ("max", max), ("mean", mean), ("std", std)]
                .into_iter()
                .try_for_each(|(key, got)| near(key, got, &want[key], real(&want["within"])))
        }
        Some("percentile") => {
            let values = reals(&case["values"]);
            list(want)
                .iter()
                .try_for_each(|row| near("percentile", percentile(&values, real(&row[0])), &row[1], real(&row[2])))
        }
        kind => {
            let effect = if kind == Some("cles") { cles } else { mean_ratio };
            let got = effect(&reals(&case["control"]), &reals(&case["experiment"]));
            near("the effect", got, &want["value"], real(&want["within"]))
        }
    }
}

fn label(value: &Value) -> Label {
    match value.as_str() {
        Some("Pass") => Label::Pass,
        Some("High") => Label::High,
        Some("Low") => Label::Low,
        Some("Nodata") => Label::Nodata,
        _ => panic!("no label {value}"),
    }
}

fn scorer(case: &Value) -> Agreement {
    let metric = |m: &Value| MetricResult {
        name: text(&m["name"]),
        groups: word(&m["groups"]),
        classified: Classified {
            label: label(&m["label"]),
            reason: None,
            deviation: 1.0,
            critical: truth(&m["critical"]),
        },
        muted: false,
        experiment: Summary::default(),
        control: Summary::default(),
    };
    let metrics: Vec<MetricResult> = list(&case["metrics"]).iter().map(metric).collect();
    let got = weighted_sum(&metrics, &word(&case["weights"]));
    let want = &case["expected"];
    near("the score", got.summary, &want["score"], 0.0)?;
    let mut scores: Vec<f64> = got.groups.iter().map(|g| g.score).collect();
    scores.sort_by(f64::total_cmp);
    let groups = &want["groupScores"];
    agrees(groups.is_null() || json!(scores) == *groups, "scores of the groups", &scores, groups)
}

fn utils(case: &Value) -> Agreement {
    let want = &case["expected"];
    if case["kind"] == "config" {
        let got: EffectSize = word(&json!({ text(&case["key"]): case["value"] }));
        return near("the number", got.allowed_increase.unwrap_or(f64::NAN), want, 0.0);
    }
    let count = case["count"].as_u64().expect("a count") as usize;
    let got = with_noise(&vec![0.0; count], real(&case["mean"]), real(&case["sd"]));
    if want["first"].is_null() { moments(&got, want) } else { near("the first value", got[0], &want["first"], 0.0) }
}
