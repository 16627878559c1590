//! The long layout: one row per sample, as labelled cases and people's own exports lie on the disk. Parquet or CSV.
//!
//! Columns: `metric`, `timestamp` (Unix seconds, or RFC 3339 text, of the years 2000 to 2100) and `value`; optional
//! `case_id`, `role`, `run`, `kind` and `total` (then `value` counts bad events of that total). Other columns are left
//! alone. An empty value is a sample that is absent.

use crate::table::{Cells, Table, TableError, read_table};
use chrono::DateTime;
use std::collections::HashMap;
use std::path::Path;

/// One series of a table: samples of one metric in one run, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LongSeries {
    /// Case, empty where the table has no such column.
    pub case_id: String,
    /// `baseline` or `candidate`, empty where the table has no such column.
    pub role: String,
    /// Run, 0 where the table has no such column.
    pub run: i64,
    /// Metric.
    pub metric: String,
    /// Kind of the values, empty where the table has no such column.
    pub kind: String,
    /// Unix milliseconds, strictly rising.
    pub times_ms: Vec<i64>,
    /// Values; NaN: absent.
    pub values: Vec<f64>,
    /// Totals of which the values are events; empty where the table has no such column.
    pub totals: Vec<f64>,
}

/// Times that a sample can have: the years 2000 to 2100. A time outside of them is one in another unit, or a slip, and
/// a single one makes a run of centuries.
const TIMES_MS: std::ops::Range<f64> = 946_684_800_000.0..4_102_444_800_000.0;

/// Columns that tell whose series a row belongs to, beside the run.
const OWNERS: [&str; 4] = ["case_id", "role", "metric", "kind"];

/// Columns that hold words, and the words that they may hold; none at all is fine.
const WORDS: [(&str, &[&str]); 2] = [("role", &["baseline", "candidate"]), ("kind", &["gauge", "counter"])];

/// Every series of a file, in order of its first row. `.csv` is read as CSV, everything else as Parquet.
///
/// # Errors
/// The file cannot be read, a column is missing, a cell is no number, a role or kind is unknown, or two rows of a
/// series have the same time: all problems at once, with line or row.
pub fn read_long(path: &Path) -> Result<Vec<LongSeries>, TableError> {
    let wanted = ["case_id", "role", "run", "metric", "kind", "timestamp", "value", "total"];
    let table = read_table(path, &wanted)?;
    let mut problems = Vec::new();
    for needed in ["metric", "timestamp", "value"] {
        if table.column(needed).is_none() {
            problems.push(format!("no column `{needed}`; a long table has metric, timestamp and value"));
        }
    }
    if !problems.is_empty() {
        return Err(TableError::Problems { path: path.to_owned(), problems });
    }
    problems.extend(WORDS.into_iter().flat_map(|(name, known)| unknown(&table, name, known)));
    let owners = OWNERS.map(|name| table.coded(name));
    let mut out: Vec<LongSeries> = Vec::new();
    let mut places: HashMap<([u32; 4], i64), usize> = HashMap::new();
    for row in 0..table.rows {
        let text = |name: &str| table.column(name).and_then(|c| c.text(row)).unwrap_or_default();
        let complain =
            |name: &str, wanted: &str| format!("{}: {name} = {:?} is not {wanted}", table.place(row), text(name));
        let run = match table.column("run").map(|c| c.number(row)) {
            None => 0,
            Some(Some(run)) if run.fract() == 0.0 => run as i64,
            Some(_) => {
                problems.push(complain("run", "a whole number"));
                continue;
            }
        };
        let time = match table.column("timestamp").map(|c| time_ms(c, row)) {
            Some(Ok(time)) => time,
            wrong => {
                problems.push(complain("timestamp", &wrong.and_then(Result::err).unwrap_or_default()));
                continue;
            }
        };
        let number = |name: &str| table.column(name).map(|c| c.number_or_absent(row));
        let Some(Some(value)) = number("value") else {
            problems.push(complain("value", "a number"));
            continue;
        };
        let total = match number("total") {
            None => None,
            Some(Some(total)) => Some(total),
            Some(None) => {
                problems.push(complain("total", "a number"));
                continue;
            }
        };
        let codes = std::array::from_fn(|i| owners[i].codes[row]);
        let place = *places.entry((codes, run)).or_insert_with(|| {
            let [case_id, role, metric, kind] = std::array::from_fn(|i| owners[i].texts[codes[i] as usize].clone());
            out.push(LongSeries { case_id, role, run, metric, kind, ..LongSeries::default() });
            out.len() - 1
        });
        let series = &mut out[place];
        series.times_ms.push(time);
        series.values.push(value);
        series.totals.extend(total);
    }
    for series in &mut out {
        problems.extend(in_order(series));
    }
    if problems.is_empty() { Ok(out) } else { Err(TableError::Problems { path: path.to_owned(), problems }) }
}

/// Words of a column that are not known, each once.
fn unknown(table: &Table, name: &str, known: &[&str]) -> Vec<String> {
    let coded = table.coded(name);
    let told = |(code, word): (usize, &String)| {
        let rows = || coded.codes.iter().enumerate().filter(|(_, own)| **own as usize == code).map(|(row, _)| row);
        let more = match rows().count() {
            0 | 1 => String::new(),
            rows => format!(" and {} more", rows - 1),
        };
        let place = rows().next().map_or_else(String::new, |row| table.place(row));
        format!("{place}{more}: {name} = {word:?}; known: {}", known.join(", "))
    };
    let strange = |(_, word): &(usize, &String)| !word.is_empty() && !known.contains(&word.as_str());
    coded.texts.iter().enumerate().filter(strange).map(told).collect()
}

/// Time of a sample, or what it should have been.
fn time_ms(column: &Cells, row: usize) -> Result<i64, String> {
    let written = || DateTime::parse_from_rfc3339(&column.text(row)?).ok().map(|at| at.timestamp_millis() as f64);
    let seconds = column.number(row).filter(|seconds| seconds.is_finite());
    let time_ms = seconds.map(|seconds| seconds * 1000.0).or_else(written).ok_or("Unix seconds or RFC 3339")?;
    let wanted = || format!("of the years 2000 to 2100; {}", remedy(time_ms));
    TIMES_MS.contains(&time_ms).then_some(time_ms.round() as i64).ok_or_else(wanted)
}

/// What to do about a time that no sample can have.
fn remedy(time_ms: f64) -> String {
    let units = [("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)];
    match units.iter().find(|(_, parts)| TIMES_MS.contains(&(time_ms / parts))) {
        Some((unit, parts)) => format!("it looks like {unit}: divide by {parts}"),
        None => "correct it, or leave the row out".to_owned(),
    }
}

/// Sorts a series by time and forgets totals that are all absent; two samples of one time are a problem, not a choice.
fn in_order(series: &mut LongSeries) -> Option<String> {
    let mut order: Vec<usize> = (0..series.times_ms.len()).collect();
    order.sort_by_key(|&i| series.times_ms[i]);
    let pick = |values: &[f64]| -> Vec<f64> { order.iter().filter_map(|&i| values.get(i)).copied().collect() };
    (series.values, series.totals) = (pick(&series.values), pick(&series.totals));
    // The column is there for other metrics.
    if series.totals.iter().all(|total| total.is_nan()) {
        series.totals.clear();
    }
    series.times_ms = order.iter().map(|&i| series.times_ms[i]).collect();
    let twice = series.times_ms.windows(2).find(|pair| pair[0] == pair[1])?;
    let case = if series.case_id.is_empty() { String::new() } else { format!("case {}, ", series.case_id) };
    let at = DateTime::from_timestamp_millis(twice[0]).map_or_else(String::new, |at| at.to_rfc3339());
    Some(format!("{case}metric {}, run {}: two samples at {at}; keep one of them", series.metric, series.run))
}
