//! `mettle power`: what a soak would find, before it runs.

use super::Exit;
use super::output::{Output, table};
use crate::documents::quantity::Span;
use crate::files::power::{Length, Row, lengths};
use crate::files::terms::Terms;
use clap::Args;
use scorer::quantity::Unit;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "Examples:
  mettle power --baseline v1-a.parquet v1-b.parquet v1-c.parquet --length 1h,4h,12h
  mettle power --baseline old.csv --policy policy.yaml -o json

Each cell is the smallest change towards worse that a soak of that length finds in 80 of 100 cases, at the declared rate of
failing a harmless candidate; margins count as tolerated. Where runs differ more than samples, a longer soak finds no
smaller one: more baseline runs would.

Exit: 0 printed, 2 the files or the policy cannot be read.";

/// Says how small a change soaks of some lengths find of each metric, so that a length can be chosen.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Power {
    /// Files of earlier good runs, as for `mettle judge`.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    baseline: Vec<PathBuf>,
    /// Policy, as for `mettle judge`.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Lengths of soaks, with units [default: that of the longest baseline run, and 4 and 12 times as long].
    #[arg(long, value_name = "LENGTH", value_delimiter = ',', value_parser = length)]
    length: Vec<Duration>,
    #[command(flatten)]
    output: Output,
}

fn length(text: &str) -> Result<Duration, String> {
    Span::parse(text)
        .map(|span| span.0)
        .filter(|length| !length.is_zero())
        .ok_or_else(|| "a length of time needs a unit: write 30m, 4h or 1d".to_owned())
}

pub(super) fn run(asked: &Power) -> anyhow::Result<u8> {
    let terms = match Terms::read(&asked.baseline, asked.policy.as_deref(), None) {
        Ok(terms) => terms,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(Exit::Usage as u8);
        }
    };
    let samples: Vec<usize> = match asked.length.is_empty() {
        true => [1, 4, 12].map(|times| times * terms.policy.programme).to_vec(),
        false => {
            let in_samples = |l: &Duration| (l.as_millis() as f64 / terms.interval_ms as f64).round().max(1.0) as usize;
            asked.length.iter().map(in_samples).collect()
        }
    };
    let lengths = lengths(&terms, &samples);
    asked.output.print(&lengths, || text(&lengths))?;
    Ok(Exit::Ok as u8)
}

fn text(lengths: &[Length]) -> String {
    let mut heads = vec!["METRIC".to_owned(), "LEVEL".to_owned(), "TOLERATED".to_owned()];
    heads.extend(lengths.iter().map(|l| Span(Duration::from_secs_f64(l.seconds)).to_string().to_uppercase()));
    heads.push("A LONGER SOAK".to_owned());
    let mut rows = vec![heads];
    for (i, first) in lengths.first().map_or(&[][..], |l| &l.metrics).iter().enumerate() {
        let unit = Unit::named(&first.unit);
        let mut row =
            vec![first.found.metric.clone(), unit.level(first.found.level), unit.difference(first.found.margin)];
        row.extend(lengths.iter().map(|l| cell(&l.metrics[i], unit)));
        row.push(if first.found.longer_helps { "finds smaller" } else { "finds no smaller" }.to_owned());
        rows.push(row);
    }
    table(&rows)
}

fn cell(row: &Row, unit: Unit) -> String {
    match (row.found.change, row.relative) {
        (Some(change), Some(relative)) => format!("{} ({:.2} %)", unit.difference(change), relative * 100.0),
        (Some(change), None) => unit.difference(change),
        (None, _) => "nothing".to_owned(),
    }
}
