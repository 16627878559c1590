//! `mettle power`: what a soak would find, before it runs.

use super::Exit;
use super::output::{Output, counted, table, unusable};
use crate::documents::quantity::Span;
use crate::files::power::{Length, Row, lengths};
use crate::files::terms::{Files, Terms};
use clap::Args;
use scorer::assess::PROVISIONAL_BELOW;
use scorer::power::Findable;
use scorer::quantity::Unit;
use scorer::signal::Worse;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "Examples:
  mettle power --baseline v1-a.parquet v1-b.parquet v1-c.parquet --length 1h,4h,12h
  mettle power --baseline old.csv --policy policy.yaml -o json

Each cell is the smallest change towards worse that a soak of that length finds in about 80 of 100
cases against this baseline, at the declared rate of failing a harmless candidate; margins count as
tolerated. For lengths that no baseline run has it is a forecast: 64 to 77 of 100 in simulations.
Where runs differ more than samples, a longer soak finds no smaller one: more baseline runs would.
With fewer than three of them no candidate fails, so nothing is found.

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
    let read = Files::read(&asked.baseline, asked.policy.as_deref()).and_then(|files| Terms::of(files, None));
    let terms = match read {
        Ok(terms) => terms,
        Err(errors) => return Ok(unusable(&errors)),
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
    heads.extend(lengths.iter().map(|l| Span(Duration::from_secs_f64(l.seconds)).to_string()));
    heads.push("A LONGER SOAK".to_owned());
    let mut rows = vec![heads];
    let metrics = lengths.first().map_or(&[][..], |l| &l.metrics);
    for (i, first) in metrics.iter().enumerate() {
        let unit = Unit::named(&first.unit);
        let known = |value: f64, text: String| if value.is_finite() { text } else { "?".to_owned() };
        let Findable { metric, worse, level, margin, longer_helps, .. } = &first.found;
        let tolerated = unit.difference(towards(*worse, *margin));
        let mut row = vec![metric.clone(), known(*level, unit.level(*level)), known(*margin, tolerated)];
        row.extend(lengths.iter().map(|l| cell(l, &l.metrics[i], unit)));
        let mut judged = lengths.iter().filter(|l| !l.too_short).peekable();
        let blind = judged.peek().is_some() && judged.all(|l| l.metrics[i].found.change.is_none());
        row.push(
            match (blind, longer_helps) {
                (true, _) => "finds nothing",
                (false, true) => "finds smaller",
                (false, false) => "finds no smaller",
            }
            .to_owned(),
        );
        rows.push(row);
    }
    let mut out = String::new();
    if let Some(runs) = lengths.first().map(|l| l.baseline_runs).filter(|runs| *runs < PROVISIONAL_BELOW) {
        let _ = writeln!(
            out,
            "With {} of full length the judge fails no candidate: nothing is found. It needs {PROVISIONAL_BELOW}.\n",
            counted(runs, "baseline run")
        );
    }
    out.push_str(&table(&rows));
    let noted = metrics.iter().filter_map(|row| Some((&row.found.metric, row.note.as_ref()?)));
    for (i, (metric, note)) in noted.enumerate() {
        let _ = writeln!(out, "{}- {metric}: {note}", if i == 0 { "\n" } else { "" });
    }
    out
}

/// A size towards worse as the change of the number itself.
fn towards(worse: Worse, size: f64) -> f64 {
    match worse {
        Worse::Up | Worse::Either => size,
        Worse::Down => -size,
    }
}

fn cell(length: &Length, row: &Row, unit: Unit) -> String {
    let told = |size| towards(row.found.worse, size);
    match (row.found.change, row.relative) {
        (Some(change), Some(relative)) => {
            format!("{} ({:.2} %)", unit.difference(told(change)), told(relative) * 100.0)
        }
        (Some(change), None) => unit.difference(told(change)),
        (None, _) if length.too_short => "too short".to_owned(),
        (None, _) => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_less_of_is_worse_falls() {
        let text_of = |worse| {
            let found = Findable {
                metric: "throughput".to_owned(),
                worse,
                samples: 240,
                change: Some(5.0),
                level: 100.0,
                margin: 2.0,
                longer_helps: true,
            };
            let row = Row { relative: found.relative(), found, unit: "/s".to_owned(), note: None };
            text(&[Length { samples: 240, seconds: 3600.0, baseline_runs: 5, too_short: false, metrics: vec![row] }])
        };
        let down = text_of(Worse::Down);
        assert!(down.contains("-2 /s") && down.contains("-5 /s (-5.00 %)"), "{down}");
        let up = text_of(Worse::Up);
        assert!(up.contains("+2 /s") && up.contains("+5 /s (5.00 %)"), "{up}");
    }
}
