//! Output of a command: for people, or for programs.

use saphyr::{LoadableYamlNode as _, Yaml, YamlEmitter};
use serde::Serialize;

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
            Format::Text => print!("{}", text()),
            Format::Json => println!("{}", serde_json::to_string_pretty(value)?),
            Format::Yaml => println!("{}", yaml(&serde_json::to_string(value)?)?),
        }
        Ok(())
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
