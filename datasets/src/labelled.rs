//! Labelled cases: a folder with `cases.parquet` (or `.csv`) and one long table per data set.
//!
//! `cases` has `case_id`, `dataset` and `label` (`stable`, `unstable`), optional `source` and `aligned` (sample i of
//! every run is at the same phase).

use crate::long::{LongSeries, read_long};
use crate::table::{TableError, read_table};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is known of a case before it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Nothing was wrong.
    Stable,
    /// A fault was in, or an incident is known.
    Unstable,
}

/// One case: baseline runs, a candidate, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledCase {
    /// Case.
    pub case_id: String,
    /// Data set.
    pub dataset: String,
    /// What is known.
    pub label: Label,
    /// Where it comes from: what a split must keep together.
    pub source: String,
    /// Sample i of every run is at the same phase.
    pub aligned: bool,
    /// Its series, baseline and candidate.
    pub series: Vec<LongSeries>,
}

/// All cases of a folder, data sets by name, cases in the order of the list.
///
/// # Errors
/// What is wrong with any of the files: it cannot be read, a label is unknown, a data set or a case has no table or rows,
/// a case has two candidates.
pub fn read_cases(folder: &Path) -> Result<Vec<LabelledCase>, Vec<TableError>> {
    let list = one_of(folder, "cases");
    let mut cases = read_list(&list).map_err(|error| vec![error])?;
    let (mut errors, mut problems) = (Vec::new(), Vec::new());
    let mut names: Vec<String> = cases.iter().map(|c| c.dataset.clone()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut by_case: BTreeMap<String, Vec<LongSeries>> = BTreeMap::new();
        let series = match read_long(&one_of(folder, &name)) {
            Ok(series) => series,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for series in series {
            by_case.entry(series.case_id.clone()).or_default().push(series);
        }
        for case in cases.iter_mut().filter(|c| c.dataset == name) {
            match by_case.remove(&case.case_id) {
                Some(series) => {
                    problems.extend(of_roles(&case.case_id, &series));
                    case.series = series;
                }
                None => problems.push(format!("case {} has no rows in {name}", case.case_id)),
            }
        }
    }
    cases.sort_by(|a, b| a.dataset.cmp(&b.dataset));
    if !problems.is_empty() {
        errors.insert(0, TableError::Problems { path: list, problems });
    }
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}

/// A case has one candidate, and every row of it a role.
fn of_roles(case: &str, series: &[LongSeries]) -> Option<String> {
    if let Some(bare) = series.iter().find(|s| s.role.is_empty()) {
        return Some(format!("case {case}: rows of metric {} have no role; write baseline or candidate", bare.metric));
    }
    let runs: BTreeSet<i64> = series.iter().filter(|s| s.role == "candidate").map(|s| s.run).collect();
    (runs.len() > 1).then(|| format!("case {case}: {} runs are candidates; leave one, or make more cases", runs.len()))
}

/// The Parquet file of a name, or the CSV file where there is none.
fn one_of(folder: &Path, name: &str) -> PathBuf {
    let parquet = folder.join(format!("{name}.parquet"));
    let csv = folder.join(format!("{name}.csv"));
    if !parquet.exists() && csv.exists() { csv } else { parquet }
}

fn read_list(path: &Path) -> Result<Vec<LabelledCase>, TableError> {
    let table = read_table(path, &["case_id", "dataset", "label", "source", "aligned"])?;
    let mut problems = Vec::new();
    for needed in ["case_id", "dataset", "label"] {
        if table.column(needed).is_none() {
            problems.push(format!("no column `{needed}`"));
        }
    }
    let mut cases: Vec<LabelledCase> = Vec::new();
    for row in 0..if problems.is_empty() { table.rows } else { 0 } {
        let text = |name: &str| table.column(name).and_then(|c| c.text(row)).unwrap_or_default();
        let label = match text("label").as_str() {
            "stable" => Label::Stable,
            "unstable" => Label::Unstable,
            other => {
                problems.push(format!("{}: label = {other:?}; known: stable, unstable", table.place(row)));
                continue;
            }
        };
        let case_id = text("case_id");
        if cases.iter().any(|c| c.case_id == case_id) {
            problems.push(format!("{}: case_id = {case_id:?} is given twice", table.place(row)));
        }
        let aligned = match table.column("aligned").and_then(|cells| cells.text(row)).unwrap_or_default().trim() {
            "" => Some(false),
            _ => table.column("aligned").and_then(|cells| cells.flag(row)),
        };
        if aligned.is_none() {
            problems.push(format!("{}: aligned = {:?}; known: true, false", table.place(row), text("aligned")));
        }
        cases.push(LabelledCase {
            case_id,
            dataset: text("dataset"),
            label,
            source: text("source"),
            aligned: aligned.unwrap_or(false),
            series: Vec::new(),
        });
    }
    if problems.is_empty() { Ok(cases) } else { Err(TableError::Problems { path: path.to_owned(), problems }) }
}
