//! Columns of a Parquet or CSV file, chosen by name, as text and numbers.

use crate::parquet;
use polars::prelude::{Column, DataType};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Problems that an error tells; the rest are counted.
const TOLD: usize = 20;

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be opened.
    #[error("failed to open {} (check the path, and that you may read it)", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is no Parquet.
    #[error("failed to read {} as Parquet (a file of comma-separated values ends in .csv)", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What Polars said.
        #[source]
        source: polars::error::PolarsError,
    },
    /// It is no CSV.
    #[error("failed to read {} as CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader said, with the line.
        #[source]
        source: csv::Error,
    },
    /// What it holds is wrong.
    #[error("{}: {}", path.display(), list(problems))]
    Problems {
        /// The file.
        path: PathBuf,
        /// All problems; at least one.
        problems: Vec<String>,
    },
}

fn list(problems: &[String]) -> String {
    let told = problems.iter().take(TOLD).map(|p| format!("\n  {p}")).collect::<String>();
    let more = problems.len().saturating_sub(TOLD);
    let rest = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    format!("{} problem{}{told}{rest}", problems.len(), if problems.len() == 1 { "" } else { "s" })
}

/// Texts by number, so that millions of rows do not become millions of texts. Nothing is the empty text.
#[derive(Clone, Default)]
pub(crate) struct Coded {
    /// Place in `texts` of every row.
    pub(crate) codes: Vec<u32>,
    /// Every text once.
    pub(crate) texts: Vec<String>,
}

impl Coded {
    fn of<T: AsRef<str>>(cells: impl Iterator<Item = T>) -> Coded {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut coded = Coded::default();
        for cell in cells {
            let text = cell.as_ref();
            let code = known.get(text).copied().unwrap_or_else(|| {
                let code = coded.texts.len() as u32;
                coded.texts.push(text.to_owned());
                known.insert(text.to_owned(), code);
                code
            });
            coded.codes.push(code);
        }
        coded
    }
}

/// Cells of one column.
pub(crate) enum Cells {
    /// Texts.
    Texts(Coded),
    /// Numbers; `None`: null.
    Numbers(Vec<Option<f64>>),
}

impl Cells {
    /// Text of a cell; `None` for nothing.
    pub(crate) fn text(&self, row: usize) -> Option<String> {
        match self {
            Cells::Texts(coded) => coded.codes.get(row).map(|code| coded.texts[*code as usize].clone()),
            Cells::Numbers(numbers) => numbers.get(row).copied().flatten().map(|n| n.to_string()),
        }
    }

    /// Number of a cell.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        match self {
            Cells::Numbers(numbers) => numbers.get(row).copied().flatten(),
            _ => self.text(row)?.trim().parse().ok(),
        }
    }

    /// Number of a cell, NaN where it is empty or null; `None`: something else is in it.
    pub(crate) fn number_or_absent(&self, row: usize) -> Option<f64> {
        match self {
            Cells::Numbers(numbers) => Some(numbers.get(row).copied().flatten().unwrap_or(f64::NAN)),
            _ => match self.text(row).unwrap_or_default().trim() {
                "" => Some(f64::NAN),
                text => text.parse().ok(),
            },
        }
    }

    /// Yes or no of a cell.
    pub(crate) fn flag(&self, row: usize) -> Option<bool> {
        match self.text(row)?.trim().to_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

/// Chosen columns of a file.
pub(crate) struct Table {
    pub(crate) rows: usize,
    columns: Vec<(String, Cells)>,
    first_line: Option<usize>,
}

impl Table {
    /// A column, if the file has it.
    pub(crate) fn column(&self, name: &str) -> Option<&Cells> {
        self.columns.iter().find(|(own, _)| own == name).map(|(_, cells)| cells)
    }

    /// Texts of a column; empty texts where the file has none.
    pub(crate) fn coded(&self, name: &str) -> Coded {
        match self.column(name) {
            None => Coded { codes: vec![0; self.rows], texts: vec![String::new()] },
            Some(Cells::Texts(coded)) => coded.clone(),
            Some(numbers) => Coded::of((0..self.rows).map(|row| numbers.text(row).unwrap_or_default())),
        }
    }

    /// Where a row is, for people.
    pub(crate) fn place(&self, row: usize) -> String {
        match self.first_line {
            Some(first) => format!("line {}", first + row),
            None => format!("row {}", row + 1),
        }
    }
}

/// The columns of `wanted` that a file has. `.csv` is read as CSV, everything else as Parquet.
pub(crate) fn read_table(path: &Path, wanted: &[&str]) -> Result<Table, TableError> {
    let file = File::open(path).map_err(|source| TableError::Open { path: path.to_owned(), source })?;
    match path.extension().and_then(|e| e.to_str()) {
        Some(ending) if ending.eq_ignore_ascii_case("csv") => {
            read_csv(file, wanted).map_err(|source| TableError::Csv { path: path.to_owned(), source })
        }
        _ => read_parquet(file, wanted).map_err(|source| TableError::Parquet { path: path.to_owned(), source }),
    }
}

fn read_csv(file: File, wanted: &[&str]) -> Result<Table, csv::Error> {
    let mut reader = csv::Reader::from_reader(io::BufReader::new(file));
    let heads: Vec<String> = reader.headers()?.iter().map(|h| h.trim().to_owned()).collect();
    let chosen: Vec<usize> = (0..heads.len()).filter(|&i| wanted.contains(&heads[i].as_str())).collect();
    let mut cells = vec![Vec::new(); chosen.len()];
    let mut rows = 0;
    for record in reader.records() {
        let record = record?;
        for (cells, &i) in cells.iter_mut().zip(&chosen) {
            cells.push(record.get(i).unwrap_or_default().to_owned());
        }
        rows += 1;
    }
    let columns = chosen
        .iter()
        .map(|&i| heads[i].clone())
        .zip(cells.into_iter().map(|c: Vec<String>| Cells::Texts(Coded::of(c.iter()))))
        .collect();
    Ok(Table { rows, columns, first_line: Some(2) })
}

fn read_parquet(file: File, wanted: &[&str]) -> Result<Table, polars::error::PolarsError> {
    let frame = parquet::read(file)?;
    let mut columns = Vec::new();
    for column in frame.columns() {
        if wanted.contains(&column.name().as_str()) {
            columns.push((column.name().to_string(), cells(column)?));
        }
    }
    Ok(Table { rows: frame.height(), columns, first_line: None })
}

fn cells(column: &Column) -> Result<Cells, polars::error::PolarsError> {
    if column.dtype().is_numeric() {
        let numbers = column.cast(&DataType::Float64)?;
        return Ok(Cells::Numbers(numbers.f64()?.iter().collect()));
    }
    let texts = column.cast(&DataType::String)?;
    Ok(Cells::Texts(Coded::of(texts.str()?.iter().map(Option::unwrap_or_default))))
}
