//! `mettle judge`: the scorer alone, on files.

use super::Exit;
use super::junit::{Case, suite};
use super::output::{Format, table, write_out};
use crate::files::judge::{Loaded, judge, load};
use crate::worker::score_text;
use clap::Args;
use scorer::quantity::Unit;
use scorer::signal::Tier;
use scorer::verdict::{Judgement, MetricReport, ReasonSeverity, Verdict};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Metrics that a text lists.
const LISTED: usize = 20;

const EXAMPLES: &str = "Examples:
  mettle judge --candidate v2.parquet --baseline v1-a.parquet v1-b.parquet v1-c.parquet
  mettle judge --candidate new.csv --baseline old.csv --policy policy.yaml -o junit > mettle.xml

Files are Parquet, or CSV where the name ends in .csv, one row per sample: metric, timestamp (Unix seconds or RFC 3339),
value; optional run, kind (gauge, or counter for values that only rise), total (then value counts bad events of it).
A baseline file may hold several runs. Fewer than three runs only warn.
`mettle schema judge-policy` describes the policy; without one every metric decides, any change is worse, and the margin
is the larger of a quarter of the usual spread and 5 %.

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
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(Exit::Usage as u8);
        }
    };
    let judgement = judge(&loaded);
    match asked.format {
        ReportFormat::Text => write_out(&text(&judgement, &loaded))?,
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

fn text(judgement: &Judgement, loaded: &Loaded) -> String {
    let mut out = verdict_word(judgement.verdict).to_owned();
    if let Some(score) = score_text(judgement) {
        let _ = write!(out, ", score {score}");
    }
    let _ = writeln!(
        out,
        ": {} samples against {} baseline runs{}",
        judgement.look,
        judgement.baseline_runs,
        if judgement.provisional { " (fewer than three: statistics only warn)" } else { "" }
    );
    for reason in judgement.reasons.iter().filter(|r| r.severity != ReasonSeverity::Info) {
        let _ = writeln!(out, "- {} ({})", reason.text, reason.code);
    }
    if let Some(extra) = judgement.extra_samples {
        let hours = extra as f64 * loaded.terms.interval_ms as f64 / 3.6e6;
        let _ = writeln!(out, "{extra} more samples ({hours:.1} h) would decide");
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
    out
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
        format!("{:.0} ({:.0}..{:.0})", metric.score, metric.score_low, metric.score_high),
        format!("{:.2e}", metric.p_fail.min(metric.p_peak)),
    ]
}

/// What is not shown to be good is a failure: a caller of JUnit knows nothing in between.
fn cases(judgement: &Judgement, kpi: f64) -> Vec<Case> {
    let reasons = |metric: Option<&str>| -> Vec<String> {
        let own = judgement.reasons.iter().filter(|r| r.severity != ReasonSeverity::Info);
        own.filter(|r| metric.is_none() || r.metric.as_deref() == metric).map(|r| r.text.clone()).collect()
    };
    let failed = |kind: &str, told: Vec<String>| Some((kind.to_owned(), told.join("\n")));
    let verdict = match judgement.verdict {
        Verdict::Pass => None,
        Verdict::Fail => failed("fail", reasons(None)),
        Verdict::Insufficient | Verdict::None => failed("insufficient", reasons(None)),
    };
    let mut cases = vec![Case { name: "verdict".to_owned(), failure: verdict }];
    for metric in &judgement.metrics {
        let gate = metric.tier == Tier::Gate;
        let failure = match () {
            () if judgement.verdict == Verdict::Fail && metric.worse => failed("fail", reasons(Some(&metric.name))),
            () if gate && metric.score_low < kpi => failed("insufficient", reasons(Some(&metric.name))),
            () => None,
        };
        cases.push(Case { name: metric.name.clone(), failure });
    }
    cases
}
