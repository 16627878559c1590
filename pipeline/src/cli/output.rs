//! Output of a command: for people, or for programs.

use super::Exit;
use anyhow::Context as _;
use saphyr::{LoadableYamlNode as _, Yaml, YamlEmitter};
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

/// How a command writes its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Which format.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Output {
    /// How the answer is written.
    #[arg(short = 'o', long = "output", value_enum, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

impl Output {
    /// Prints `value`, or its `text` for people.
    pub(super) fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        self.format.print(value, text)
    }
}

impl Format {
    /// Prints `value`, or its `text` for people.
    pub(super) fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        match self {
            Format::Text => write_out(&text()),
            Format::Json => write_line(serde_json::to_string_pretty(value)?),
            Format::Yaml => write_line(yaml_text(value)?),
        }
    }
}

/// `value` as YAML.
pub(super) fn yaml_text(value: &impl Serialize) -> anyhow::Result<String> {
    yaml(&serde_json::to_string(value)?)
}

/// Tells people something on stderr. Where nobody reads it the command goes on: its data and its exit code are the
/// answer.
macro_rules! tell {
    ($($told:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($told)*);
    }};
}
pub(super) use tell;

/// Writes data to stdout.
///
/// A reader that went away, as `head` does, has what it wanted: that is no failure, the command goes on and ends with
/// the exit code of its answer. Everything else that keeps the data from being written is an error, because what a caller
/// finds in the file is not the answer.
pub(super) fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    settled(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes one line of data to stdout.
pub(super) fn write_line(line: impl Display) -> anyhow::Result<()> {
    write_out(&format!("{line}\n"))
}

/// What became of a write to stdout.
pub(super) fn settled(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("failed to write the answer to stdout"),
    }
}

/// JSON is YAML: it is read as such and written in the usual layout.
fn yaml(json: &str) -> anyhow::Result<String> {
    let documents = Yaml::load_from_str(json)?;
    let mut text = String::new();
    for document in &documents {
        YamlEmitter::new(&mut text).dump(document)?;
    }
    Ok(text.trim_start_matches("---\n").to_owned())
}

/// Says everything that is wrong with the files that a command was given; its exit code.
pub(super) fn unusable(errors: &[anyhow::Error]) -> u8 {
    errors.iter().for_each(|error| tell!("error: {error:#}"));
    Exit::Usage as u8
}

/// `1 run`, `2 runs`.
pub(super) fn counted(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

/// Lines with columns of equal width; the first row is the head.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_say_the_same() {
        let value =
            serde_json::json!({"tag": "v1.0.0", "score": null, "list": [{"n": 1.5, "text": "a: b"}], "empty": []});
        let text = yaml(&value.to_string()).unwrap();
        assert_eq!(crate::documents::yaml::parse("t", &text).unwrap().value, value, "{text}");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(table(&[row(["A", "B"]), row(["long", "x"])]), "A     B\nlong  x\n");
    }
}
