//! Every single and tag case of the published vectors, field by field.
//!
//! Tolerances: p, se, df 1e-6 relative (p below 1e-12 absolutely), estimates 1e-9, exact parts 1e-10.
//!
//! The vectors are those of `mettle-1`. Where the method differs since, `CHANGED` has the new number and the reason.

use crate::changed::CHANGED;
use scorer::features::Feature;
use scorer::judge::{JudgeInput, judge};
use scorer::metric::{Kind, Metric, Samples};
use scorer::policy::Policy;
use scorer::report::{Flag, MetricNumbers};
use scorer::signal::Worse;
use scorer::verdict::Verdict;
use serde_json::Value;

/// The vectors, parsed.
pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors.json")).expect("vectors.json is JSON")
}

/// How a number is compared.
#[derive(Clone, Copy)]
pub(crate) enum Tolerance {
    /// 1e-6 relative; below 1e-12 absolutely.
    P,
    /// 1e-6 relative.
    Spread,
    /// 1e-9 relative, or absolutely below 1.
    Estimate,
    /// 1e-10 relative.
    Exact,
}

/// Collects every difference, so that a failure shows all of them.
#[derive(Default)]
pub(crate) struct Comparison {
    compared: usize,
    changed: usize,
    wrong: Vec<String>,
}

impl Comparison {
    /// Compares one number; null is `None`.
    pub(crate) fn number(&mut self, what: &str, got: Option<f64>, want: &Value, tolerance: Tolerance) {
        self.compared += 1;
        let changed = CHANGED.iter().find(|(name, _)| *name == what).map(|(_, now)| Value::from(*now));
        self.changed += usize::from(changed.is_some());
        let want = changed.as_ref().unwrap_or(want);
        let fits = match (got, want.as_f64()) {
            (None, None) => want.is_null(),
            (Some(got), Some(want)) => {
                let limit = match tolerance {
                    Tolerance::P if want < 1e-12 => 1e-12,
                    Tolerance::P | Tolerance::Spread => 1e-6 * want.abs() + 1e-15,
                    Tolerance::Estimate => 1e-9 * want.abs().max(1.0),
                    Tolerance::Exact => 1e-10 * want.abs(),
                };
                (got - want).abs() <= limit
            }
            _ => false,
        };
        if !fits {
            self.wrong.push(format!("{what}: got {got:?}, want {want}"));
        }
    }

    /// Compares anything else.
    pub(crate) fn same(&mut self, what: &str, got: &Value, want: &Value) {
        self.compared += 1;
        if got != want {
            self.wrong.push(format!("{what}: got {got}, want {want}"));
        }
    }

    /// How many numbers were compared with what the method says now.
    pub(crate) fn changed(&self) -> usize {
        self.changed
    }

    /// Ends with all differences; at least `fewest` comparisons must have been made.
    pub(crate) fn finish(self, fewest: usize) {
        let shown = self.wrong.iter().take(100).cloned().collect::<Vec<_>>().join("\n");
        assert!(self.wrong.is_empty(), "{} of {} differ:\n{shown}", self.wrong.len(), self.compared);
        assert!(self.compared >= fewest, "only {} comparisons", self.compared);
    }
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("an array").iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn samples(run: &Value) -> Samples {
    match run.get("events") {
        Some(events) => Samples::Events { events: numbers(events), total: numbers(&run["total"]) },
        None => Samples::Values(numbers(run)),
    }
}

fn metric(v: &Value) -> Metric {
    Metric {
        name: v["name"].as_str().expect("a name").to_owned(),
        kind: match v["kind"].as_str() {
            Some("rate") => Kind::Rate,
            Some("share") => Kind::Share,
            Some("latency_share") => Kind::LatencyShare,
            Some("count") => Kind::Count,
            // The shapes of the simulator are gauges.
            _ => Kind::Gauge,
        },
        worse: match v["worse"].as_str() {
            Some("up") => Worse::Up,
            Some("down") => Worse::Down,
            _ => Worse::Either,
        },
        baselines: v["baselines"].as_array().expect("runs").iter().map(samples).collect(),
        candidate: samples(&v["candidate"]),
        by: v["by"].as_f64(),
        rise: v["rise"].as_f64(),
        relative: v["relative"].as_bool().expect("a boolean"),
        aligned: v["aligned"].as_bool().expect("a boolean"),
        offsets: None,
    }
}

fn flags(flags: &[Flag], known: impl Fn(Flag) -> bool) -> Value {
    flags.iter().filter(|f| known(**f)).map(|f| f.name()).collect::<Vec<_>>().into()
}

fn report(c: &mut Comparison, at: &str, got: &MetricNumbers, want: &Value) {
    use Tolerance::{Estimate, P, Spread};
    c.same(&format!("{at} name"), &got.name.clone().into(), &want["name"]);
    c.same(&format!("{at} n"), &got.n.into(), &want["n"]);
    let mut n =
        |key: &str, value: Option<f64>, tolerance| c.number(&format!("{at} {key}"), value, &want[key], tolerance);
    n("margin", Some(got.margin), Estimate);
    n("rise_margin", Some(got.rise_margin), Estimate);
    n("n_eff", Some(got.n_eff), Spread);
    n("p_fail", Some(got.p_fail), P);
    n("p_peak", Some(got.p_peak), P);
    n("p_pass", Some(got.p_pass), P);
    n("n_star", got.n_star, Spread);
    n("effect", got.effect, Estimate);
    n("se", got.se, Spread);
    n("se_pass", got.se_pass, Spread);
    n("df", got.df, Spread);
    n("tau", got.tau, Spread);
    n("design", got.design, Estimate);
    n("score", Some(got.scores.score), Estimate);
    n("score_low", Some(got.scores.score_low), Spread);
    n("score_high", Some(got.scores.score_high), Spread);
    for f in Feature::ALL {
        let name = format!("{f:?}").to_lowercase();
        c.number(&format!("{at} p of {name}"), got.feature(f).p, &want["p"][&name], P);
    }
}

#[test]
fn single_metrics_agree() {
    use Tolerance::{Estimate, P, Spread};
    let all = vectors();
    let cases = all["single"].as_array().expect("cases");
    assert_eq!(cases.len(), 199);
    let mut c = Comparison::default();
    for case in cases {
        let m = metric(&case["metric"]);
        let programme = case["metric"]["candidate"].get("events").unwrap_or(&case["metric"]["candidate"]);
        let policy = Policy::new(programme.as_array().expect("samples").len(), 20);
        let look = case["look"].as_u64().expect("a look") as usize;
        let got = judge(&JudgeInput {
            gate: std::slice::from_ref(&m),
            watch: &[],
            policy: &policy,
            look,
            resilience: None,
            hard_rules: &[],
        })
        .metrics
        .remove(0);
        let at = case["name"].as_str().expect("a name");
        c.number(&format!("{at} margin"), Some(got.margin), &case["margin"], Estimate);
        c.number(&format!("{at} rise"), Some(got.rise_margin), &case["rise_margin"], Estimate);
        c.same(&format!("{at} flat"), &got.flat.into(), &case["flat"]);
        c.same(&format!("{at} counts"), &got.counts.into(), &case["counts"]);
        c.same(&format!("{at} one run"), &got.run_is_observation.into(), &case["run_is_observation"]);
        for f in Feature::ALL {
            let name = format!("{f:?}").to_lowercase();
            let Some(want) = case["features"].get(&name) else {
                c.same(&format!("{at} {name} unused"), &got.feature(f).p.is_none().into(), &true.into());
                continue;
            };
            let own = got.feature(f);
            c.number(&format!("{at} {name} est"), Some(own.est), &want["est"], Estimate);
            c.number(&format!("{at} {name} se"), own.se, &want["se"], Spread);
            c.number(&format!("{at} {name} df"), own.df, &want["df"], Spread);
            c.number(&format!("{at} {name} tau"), Some(own.tau), &want["tau"], Spread);
            c.number(&format!("{at} {name} p"), own.p, &want["p"], P);
        }
        report(&mut c, at, &got, &case["report"]);
        // Coverage is a fact of the call, not of the single report.
        let own = flags(&got.flags, |f| !matches!(f, Flag::Coverage | Flag::SignalVanished));
        c.same(&format!("{at} flags"), &own, &case["report"]["flags"]);
    }
    assert_eq!(c.changed(), 19, "every entry of CHANGED is one that is compared");
    c.finish(8000);
}

fn policy(v: &Value) -> Policy {
    let whole = |key: &str| v[key].as_u64().expect("a number") as usize;
    let real = |key: &str| v[key].as_f64().expect("a number");
    let defaults = Policy::new(whole("programme"), whole("first_look"));
    Policy { alpha: real("alpha"), alpha_pass: real("alpha_pass"), kpi: real("kpi"), ..defaults }
}

/// Channels of the gate family, then of the watch family.
const CHANNELS: [&str; 6] = ["gate shift", "gate peak", "gate dense", "watch shift", "watch peak", "watch dense"];

fn channel_row(c: &mut Comparison, at: &str, got: &[Option<f64>], want: &Value) {
    let want = want.as_array().expect("channels");
    c.same(&format!("{at} length"), &got.len().into(), &want.len().into());
    for (j, (g, w)) in got.iter().zip(want).enumerate() {
        c.number(&format!("{at} of {}", CHANNELS[j]), *g, w, Tolerance::Spread);
    }
}

#[test]
fn tags_agree() {
    use Tolerance::{Estimate, P, Spread};
    let all = vectors();
    let cases = all["tags"].as_array().expect("cases");
    assert_eq!(cases.len(), 12);
    let mut c = Comparison::default();
    for case in cases {
        let family = |key: &str| -> Vec<Metric> { case[key].as_array().expect("metrics").iter().map(metric).collect() };
        let look = case["look"].as_u64().expect("a look") as usize;
        let got = judge(&JudgeInput {
            gate: &family("gate"),
            watch: &family("watch"),
            policy: &policy(&case["policy"]),
            look,
            resilience: None,
            hard_rules: &[],
        });
        let (at, want) = (case["name"].as_str().expect("a name"), &case["result"]);
        let reports = want["metrics"].as_array().expect("reports");
        c.same(&format!("{at} metrics"), &got.metrics.len().into(), &reports.len().into());
        for (g, w) in got.metrics.iter().zip(reports) {
            report(&mut c, &format!("{at} {}", g.name), g, w);
            c.same(&format!("{at} {} flags", g.name), &flags(&g.flags, |_| true), &w["flags"]);
        }
        channel_row(&mut c, &format!("{at} channel"), &got.channels, &want["channels"]);
        let replays = want["replays"].as_array().expect("replays");
        c.same(&format!("{at} replays"), &got.replays.len().into(), &replays.len().into());
        for (k, (g, w)) in got.replays.iter().zip(replays).enumerate() {
            channel_row(&mut c, &format!("{at} replay {k}"), g, w);
        }
        let p = want["channel_p"].as_array().expect("p");
        c.same(&format!("{at} channel p"), &got.channel_p.len().into(), &p.len().into());
        for (j, (g, w)) in got.channel_p.iter().zip(p).enumerate() {
            c.number(&format!("{at} p of {}", CHANNELS[j]), Some(*g), w, P);
        }
        let mut n =
            |key: &str, value: Option<f64>, tolerance| c.number(&format!("{at} {key}"), value, &want[key], tolerance);
        n("level", Some(got.level), Estimate);
        n("tag_p", Some(got.tag_p), P);
        n("score", Some(got.scores.score), Estimate);
        n("score_low", Some(got.scores.score_low), Spread);
        n("score_high", Some(got.scores.score_high), Spread);
        n("n_star", got.n_star, Spread);
        c.same(&format!("{at} look"), &got.look.into(), &want["look"]);
        c.same(&format!("{at} fail"), &got.fail.into(), &want["fail"]);
        c.same(&format!("{at} warn"), &got.warn.into(), &want["warn"]);
        let verdict = match got.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Insufficient => "insufficient",
            Verdict::None => "none",
        };
        c.same(&format!("{at} verdict"), &verdict.into(), &want["verdict"]);
        assert_eq!(want["method"], "mettle-1", "{at}");
    }
    assert_eq!(c.changed(), 48, "every entry of CHANGED is one that is compared");
    c.finish(2000);
}
