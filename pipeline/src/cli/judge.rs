//! `mettle judge`: the scorer alone, on files.

use super::Exit;
use super::junit::{Case, suite};
use super::output::{Format, counted, table, unusable, write_out};
use crate::files::judge::{judge, load};
use crate::worker::score_text;
use clap::Args;
use scorer::assess::PROVISIONAL_BELOW;
use scorer::quantity::{self, Unit, digits};
use scorer::signal::Tier;
use scorer::verdict::{Judgement, MetricReport, Reason, ReasonSeverity, Verdict};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Metrics that a text lists.
const LISTED: usize = 20;

/// What the columns of the table are.
const LEGEND: &str = "\
TIER    gate: a pass needs it shown to be within ALLOWED; watch: it can fail a candidate, a pass does not need it
CHANGE  against the baseline, + is worse (where any change is: + is up); LIMITS hold the true one in 95 of 100 soaks
SCORE   100: not worse, 85: as much worse as is ALLOWED, 0: far beyond; in brackets, at the two ends of LIMITS
P       how often a metric no worse than ALLOWED looks this bad by chance: 0.01 is 1 of 100
";

const EXAMPLES: &str = "Examples:
  mettle judge --candidate v2.parquet --baseline v1-a.parquet v1-b.parquet v1-c.parquet
  mettle judge --candidate new.csv --baseline old.csv --policy policy.yaml -o junit > mettle.xml

Files are Parquet, or CSV where the name ends in .csv, one row per sample: metric, timestamp (Unix
seconds or RFC 3339), value; optional run, role (baseline or candidate), kind (gauge, or counter for
values that only rise), total (then value counts bad events of it). A baseline file may hold several
runs. Fewer than three runs only warn.

A policy says how much worse which metric may get; `mettle schema judge-policy` describes it:
  apiVersion: mettle/v1
  kind: JudgePolicy
  signals:
    - {name: latency, kind: gauge, series: latency_seconds, tier: gate, worse: up, margin: 20ms}
Metrics that it does not name only watch. Without a policy every metric decides, any change is
worse, and the margin is the larger of a quarter of the usual spread and 5 %.

Exit: 0 pass, 10 fail, 11 not decided, 2 the files or the policy cannot be read.";

/// Judges a run against earlier good ones, all in files: the scorer without the rest of Mettle.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Judging {
    /// File of the run to judge.
    #[arg(long, value_name = "FILE")]
    candidate: PathBuf,
    /// Files of the runs that it is judged against.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    baseline: Vec<PathBuf>,
    /// Policy: signals with margins, length, error rates.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How the answer is written.
    #[arg(short = 'o', long = "output", value_enum, default_value = "text", value_name = "FORMAT")]
    format: ReportFormat,
}

/// How a judgement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ReportFormat {
    /// For people.
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// JUnit XML: one test case for the verdict and one per metric.
    Junit,
}

pub(super) fn run(asked: &Judging) -> anyhow::Result<u8> {
    let loaded = match load(&asked.candidate, &asked.baseline, asked.policy.as_deref()) {
        Ok(loaded) => loaded,
        Err(errors) => return Ok(unusable(&errors)),
    };
    let judgement = judge(&loaded);
    match asked.format {
        ReportFormat::Text => write_out(&text(&judgement, loaded.terms.policy.kpi, loaded.terms.interval_ms))?,
        ReportFormat::Json => Format::Json.print(&judgement, String::new)?,
        ReportFormat::Yaml => Format::Yaml.print(&judgement, String::new)?,
        ReportFormat::Junit => write_out(&suite("mettle judge", &cases(&judgement, loaded.terms.policy.kpi)))?,
    }
    Ok(match judgement.verdict {
        Verdict::Pass => Exit::Ok,
        Verdict::Fail => Exit::Deny,
        Verdict::Insufficient | Verdict::None => Exit::Insufficient,
    } as u8)
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Insufficient | Verdict::None => "not decided",
    }
}

pub(super) fn text(judgement: &Judgement, kpi: f64, interval_ms: i64) -> String {
    let mut out = verdict_word(judgement.verdict).to_owned();
    if let Some(score) = score_text(judgement) {
        let _ = write!(out, ", score {score} of 100, its lower end must reach {}", digits(kpi));
    }
    let _ = writeln!(
        out,
        ": {} against {}{}",
        counted(judgement.look, "sample"),
        counted(judgement.baseline_runs, "baseline run"),
        if judgement.provisional {
            format!(" (fewer than {PROVISIONAL_BELOW}: statistics only warn)")
        } else {
            String::new()
        }
    );
    for reason in judgement.reasons.iter().filter(|r| r.severity != ReasonSeverity::Info) {
        let _ = writeln!(out, "- {} ({})", reason.text, reason.code);
    }
    for odds in judgement.reasons.iter().filter(|r| r.code == "odds") {
        let _ = writeln!(out, "{}", odds.text);
    }
    if !judgement.missing.is_empty() {
        let _ = writeln!(out, "Missing for a pass:");
        judgement.missing.iter().for_each(|one| out.push_str(&format!("- {one}\n")));
    }
    if let Some(extra) = judgement.extra_samples {
        let hours = extra as f64 * interval_ms as f64 / 3.6e6;
        let _ = writeln!(out, "{} ({hours:.1} h) may decide", counted(extra, "more sample"));
    }
    let heads = ["METRIC", "TIER", "CHANGE", "LIMITS", "ALLOWED", "SCORE", "P"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let mut metrics: Vec<&MetricReport> = judgement.metrics.iter().collect();
    metrics.sort_by(|a, b| a.p_fail.min(a.p_peak).total_cmp(&b.p_fail.min(b.p_peak)));
    rows.extend(metrics.iter().take(LISTED).map(|m| row(m)));
    let _ = write!(out, "\n{}", table(&rows));
    if metrics.len() > LISTED {
        let _ = writeln!(out, "and {} more; -o json has all", metrics.len() - LISTED);
    }
    if !metrics.is_empty() {
        let _ = write!(out, "\n{LEGEND}");
    }
    out
}

/// A probability for people: how often, in plain digits while they can be counted.
pub(super) fn chance(p: f64) -> String {
    match p {
        p if p.is_nan() => "?".to_owned(),
        p if p < 1e-12 => "<1e-12".to_owned(),
        p if p < 1e-4 => format!("{p:.0e}"),
        p => {
            let places = (1 - p.log10().floor() as i32).clamp(0, 5) as usize;
            let text = format!("{p:.places$}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

fn row(metric: &MetricReport) -> Vec<String> {
    let unit = Unit::named(&metric.unit);
    let known = |value: Option<f64>| value.filter(|v| v.is_finite()).map_or("?".to_owned(), |v| unit.difference(v));
    vec![
        metric.name.clone(),
        if metric.tier == Tier::Gate { "gate" } else { "watch" }.to_owned(),
        known(metric.effect),
        format!("{} to {}", known(metric.effect_low), known(metric.effect_high)),
        unit.difference(metric.margin),
        quantity::score_text(metric.score, metric.score_low, metric.score_high),
        chance(metric.p_fail.min(metric.p_peak)),
    ]
}

/// What is not shown to be good is a failure: a caller of JUnit knows nothing in between. Metrics that could not be
/// judged have cases, too.
fn cases(judgement: &Judgement, kpi: f64) -> Vec<Case> {
    let verdict = verdict_word(judgement.verdict);
    let all = judgement.reasons.iter().filter(|r| r.severity != ReasonSeverity::Info).map(|r| r.text.as_str());
    let told = all.collect::<Vec<_>>().join("\n");
    let failure = match judgement.verdict {
        Verdict::Pass => None,
        Verdict::Fail => Some(("fail".to_owned(), told)),
        Verdict::Insufficient | Verdict::None => Some(("insufficient".to_owned(), told)),
    };
    let failure = failure.map(|(kind, told)| (kind, if told.is_empty() { verdict.to_owned() } else { told }));
    let mut cases = vec![Case { name: "verdict".to_owned(), failure }];
    let mut names: Vec<&str> = judgement.metrics.iter().map(|m| m.name.as_str()).collect();
    for name in judgement.reasons.iter().filter_map(|r| r.metric.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    cases.extend(names.into_iter().map(|name| Case { name: name.to_owned(), failure: unproven(judgement, kpi, name) }));
    cases
}

/// Why the case of a metric fails: it got worse, it could not be judged, or it was not shown to be good. Where the
/// verdict is a pass no metric stands in its way.
fn unproven(judgement: &Judgement, kpi: f64, name: &str) -> Option<(String, String)> {
    let own = judgement.reasons.iter().filter(|r| r.metric.as_deref() == Some(name));
    // Of a failed tag gaps are told for information; its metrics were not judged all the same.
    let own: Vec<&Reason> = own.filter(|r| r.severity != ReasonSeverity::Info || r.is_gap()).collect();
    let below =
        |m: &&MetricReport| m.name == name && m.tier == Tier::Gate && (m.score_low.is_nan() || m.score_low < kpi);
    let below = judgement.metrics.iter().find(below);
    if judgement.verdict == Verdict::Pass || own.is_empty() && below.is_none() {
        return None;
    }
    let worse =
        judgement.verdict == Verdict::Fail && own.iter().any(|r| r.severity == ReasonSeverity::Error && !r.is_gap());
    let texts: Vec<&str> = own.iter().map(|r| r.text.as_str()).collect();
    let told = match below {
        Some(metric) if texts.is_empty() => {
            format!("{name}: its score is at least {}, {} is needed", digits(metric.score_low), digits(kpi))
        }
        _ => texts.join("\n"),
    };
    Some((if worse { "fail" } else { "insufficient" }.to_owned(), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_plain_numbers() {
        let told = [1.0, 0.9504, 0.05, 0.012_34, 0.000_2, 0.000_032, 1e-12, 1e-40, f64::NAN].map(chance);
        assert_eq!(told, ["1", "0.95", "0.05", "0.012", "0.0002", "3e-5", "1e-12", "<1e-12", "?"]);
    }
}
