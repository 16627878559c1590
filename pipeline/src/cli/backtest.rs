//! `mettle backtest`: what the judges make of labelled cases.

use super::Exit;
use super::output::{Output, table, tell, unusable};
use crate::files::backtest::{Backtest, JudgeName, Row, backtest};
use crate::files::labelled::problems;
use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  mettle backtest cases
  mettle backtest cases --dataset smd --judge native --false-block 0.05 -o json

FOLDER holds cases.parquet (case_id, dataset, label: stable or unstable; optional source, aligned:
true or false) and for each data set DATASET.parquet in the long layout (case_id, role: baseline or
candidate, run, metric, timestamp, value). CSV files do as well.

AUC: how often an unstable case scores below a stable one. FOUND AT 5 %: share of the unstable cases
below a limit at which at most 5 % of the stable ones fail; UNSTABLE FAILED and STABLE FAILED are at
the limits of each judge, with Wilson intervals at 95 %.

Exit: 0 judged, 2 the cases cannot be read.";

/// Judges labelled cases with every judge, and says how many each found and how many it failed wrongly.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Backtesting {
    /// Folder of the cases.
    folder: PathBuf,
    /// Only this data set; may be given more than once.
    #[arg(long = "dataset", value_name = "NAME")]
    datasets: Vec<String>,
    /// Only cases whose source contains this text; may be given more than once. Splits what is tuned on from the rest.
    #[arg(long = "source", value_name = "TEXT")]
    sources: Vec<String>,
    /// Only this judge; may be given more than once.
    #[arg(long = "judge", value_enum, value_name = "JUDGE")]
    judges: Vec<JudgeName>,
    /// Declared rate at which the native judge may fail a harmless case.
    #[arg(long, default_value = "0.01", value_parser = rate)]
    false_block: f64,
    #[command(flatten)]
    output: Output,
}

/// Reads a rate for clap.
fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| *rate > 0.0 && *rate < 1.0)
        .ok_or_else(|| "a rate is a number above 0 and below 1: write 0.01".to_owned())
}

pub(super) fn run(asked: &Backtesting) -> anyhow::Result<u8> {
    let mut cases = match datasets::read_cases(&asked.folder) {
        Ok(cases) => cases,
        Err(errors) => return Ok(unusable(&errors.into_iter().map(anyhow::Error::from).collect::<Vec<_>>())),
    };
    cases.retain(|c| asked.datasets.is_empty() || asked.datasets.contains(&c.dataset));
    cases.retain(|c| asked.sources.is_empty() || asked.sources.iter().any(|s| c.source.contains(s)));
    if cases.is_empty() {
        tell!("error: no case in {} is of the data sets and sources that were asked for", asked.folder.display());
        return Ok(Exit::Usage as u8);
    }
    let problems: Vec<anyhow::Error> = cases.iter().flat_map(problems).map(anyhow::Error::msg).collect();
    if !problems.is_empty() {
        return Ok(unusable(&problems));
    }
    let judges = if asked.judges.is_empty() { JudgeName::ALL.to_vec() } else { asked.judges.clone() };
    let bar = ProgressBar::new(cases.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} cases").context("the progress bar")?);
    let found = backtest(&cases, &judges, asked.false_block, || bar.inc(1));
    bar.finish_and_clear();
    asked.output.print(&found, || text(&found))?;
    Ok(Exit::Ok as u8)
}

fn text(found: &Backtest) -> String {
    let heads = ["DATA SET", "JUDGE", "AUC", "FOUND AT 5 %", "UNSTABLE FAILED", "STABLE FAILED", "INSUFFICIENT"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (dataset, judges) in &found.datasets {
        for (judge, row) in judges {
            rows.push(line(dataset, *judge, row));
        }
    }
    table(&rows)
}

fn line(dataset: &str, judge: JudgeName, row: &Row) -> Vec<String> {
    let share = |share: Option<f64>, interval: [f64; 2], of: usize| match share {
        Some(share) => {
            let [low, high] = interval.map(|v| v * 100.0);
            format!("{:3.0} % ({low:.0}..{high:.0}) of {of}", share * 100.0)
        }
        None => "none".to_owned(),
    };
    vec![
        dataset.to_owned(),
        judge.name().to_owned(),
        row.auc.map_or("-".to_owned(), |auc| format!("{auc:.3}")),
        row.found_at_five_percent.map_or("-".to_owned(), |found| format!("{:3.0} %", found * 100.0)),
        share(row.tpr, row.tpr_interval, row.n_unstable),
        share(row.fpr, row.fpr_interval, row.n_stable),
        format!("{} of {}", row.insufficient, row.n_stable + row.n_unstable),
    ]
}
