//! The exact parts of the published vectors.

use crate::vectors::{Comparison, Tolerance, vectors};
use scorer::combine::{cauchy, simes};
use scorer::looks::looks;
use scorer::rates::{Tally, design_effect, garwood, jeffreys, two_rates};
use scorer::resilience::{Resilience, fault_share};
use scorer::survival::{Recovery, Stratum, kaplan_meier, log_rank, recovers_late, restricted_mean};
use serde_json::Value;
use std::collections::BTreeMap;

fn reals(v: &Value) -> Vec<f64> {
    v.as_array().expect("an array").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn by_type(v: &Value) -> BTreeMap<String, Vec<f64>> {
    v.as_object().expect("an object").iter().map(|(k, v)| (k.clone(), reals(v))).collect()
}

fn recoveries(times: &Value, censored: &Value) -> Vec<Recovery> {
    let censored = censored.as_array().expect("an array");
    let pair = |(time, c): (f64, &Value)| Recovery { time, censored: c.as_bool().expect("a boolean") };
    reals(times).into_iter().zip(censored).map(pair).collect()
}

fn row(c: &mut Comparison, at: &str, got: &[f64], want: &Value) {
    c.same(&format!("{at} length"), &got.len().into(), &want.as_array().map_or(0, Vec::len).into());
    for (i, g) in got.iter().enumerate() {
        c.number(&format!("{at} {i}"), Some(*g), &want[i], Tolerance::Exact);
    }
}

fn survival(c: &mut Comparison, case: &Value, at: &str) {
    let (args, want) = (&case["args"], &case["value"]);
    match at {
        "recovers_late" => {
            let limit = args[1].as_f64().expect("a limit");
            c.same(at, &recovers_late(&by_type(&args[0]), limit).into(), want);
        }
        "kaplan_meier" => {
            let steps = kaplan_meier(&recoveries(&args[0], &args[1]));
            row(c, at, &steps.iter().map(|s| s.time).collect::<Vec<_>>(), &want[0]);
            row(c, at, &steps.iter().map(|s| s.survival).collect::<Vec<_>>(), &want[1]);
            row(c, at, &steps.iter().map(|s| s.variance).collect::<Vec<_>>(), &want[2]);
        }
        "restricted_mean" => {
            let got = restricted_mean(&recoveries(&args[0], &args[1]), args[2].as_f64().expect("a horizon"));
            c.number(at, Some(got), want, Tolerance::Exact);
        }
        "log_rank" => {
            let strata = args.as_array().expect("strata");
            let one = |s: &Value| Stratum { base: recoveries(&s[0], &s[1]), cand: recoveries(&s[2], &s[3]) };
            let got = log_rank(&strata.iter().map(one).collect::<Vec<_>>());
            c.number(at, Some(got), want, Tolerance::Exact);
        }
        other => panic!("unknown exact part {other}"),
    }
}

#[test]
fn exact_parts_agree() {
    let all = vectors();
    let cases = all["exact"].as_array().expect("cases");
    assert_eq!(cases.len(), 30);
    let mut c = Comparison::default();
    for case in cases {
        let (at, args, want) = (case["f"].as_str().expect("a name"), &case["args"], &case["value"]);
        let arg = |i: usize| args[i].as_f64().expect("a number");
        match at {
            "two_rates" => {
                let (x, y) = (Tally { events: arg(0), exposure: arg(1) }, Tally { events: arg(2), exposure: arg(3) });
                c.number(at, Some(two_rates(x, y)), want, Tolerance::Exact);
            }
            "garwood" => {
                let (low, high) = garwood(Tally { events: arg(0), exposure: arg(1) }, arg(2));
                row(&mut c, at, &[low, high], want);
            }
            "jeffreys" => {
                let (low, high) = jeffreys(arg(0), arg(1), arg(2));
                row(&mut c, at, &[low, high], want);
            }
            "design_effect" => c.number(at, Some(design_effect(&reals(&args[0]))), want, Tolerance::Exact),
            "looks" => {
                let got = looks(arg(0) as usize, arg(1) as usize, arg(2) as usize);
                c.same(at, &got.len().into(), &want.as_array().map_or(0, Vec::len).into());
                for (i, l) in got.iter().enumerate() {
                    row(&mut c, at, &[l.samples as f64, l.share], &want[i]);
                }
            }
            "simes" => c.number(at, Some(simes(&reals(&args[0]))), want, Tolerance::Exact),
            "cauchy" => c.number(at, Some(cauchy(&reals(&args[0]))), want, Tolerance::Exact),
            "fault_share" => {
                let input = Resilience { base: by_type(&args[0]), cand: by_type(&args[1]) };
                let got = fault_share(&input).expect("types on both sides");
                c.number("diff", Some(got.diff), &want["diff"], Tolerance::Exact);
                c.number("se", Some(got.se), &want["se"], Tolerance::Exact);
                c.number("df", Some(got.df), &want["df"], Tolerance::Exact);
                c.number("p_fail", Some(got.p_fail), &want["p_fail"], Tolerance::Exact);
                c.number("p_pass", Some(got.p_pass), &want["p_pass"], Tolerance::Exact);
            }
            _ => survival(&mut c, case, at),
        }
    }
    c.finish(60);
}
