//! `mettle chaos import`: experiments of Chaos Toolkit, Chaos Mesh, Litmus and Krkn as ours.

use super::Exit;
use super::output::{Output, tell, unusable, yaml_text};
use crate::documents::{Problems, yaml};
use ::chaos::document::Experiment;
use ::chaos::import::{Imported, Outcome, Variables, embedded, import_with, text};
use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Largest file that is read; experiments are a few kilobytes.
const MAX_BYTES: u64 = 8 << 20;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos import experiment.json
  mettle chaos import network-delay.yaml --out mettle/experiments
  mettle chaos import experiment.yaml --set HOST=127.0.0.1

What maps exactly, what maps with a caveat, and what does not map and why: nothing is dropped
silently. No command of the file is run.
Exit: 0 when an experiment could be made of every file, 2 when not.";

/// `mettle chaos import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Files, YAML or JSON; a file may hold several documents.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Value that the file takes from outside.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    values: Vec<(String, String)>,
    /// Folder that gets one file for each experiment; none is overwritten.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}

pub(super) fn run(args: &ImportArgs) -> anyhow::Result<u8> {
    let variables: Variables = args.values.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let (mut all, mut refused) = (Vec::new(), false);
    for file in &args.files {
        match import_with(&documents(file)?, &variables) {
            Ok(imported) => {
                refused |= imported.iter().all(|one| one.outcome() == Outcome::Refused);
                all.extend(imported);
            }
            Err(error) => {
                tell!("error: {}: {error}", file.display());
                refused = true;
            }
        }
    }
    // The reports first: what cannot be written must not hide them.
    args.output.print(&all, || report(&all, args.out.is_some()))?;
    if let Some(folder) = &args.out {
        let experiments = all.iter().filter_map(|one| one.experiment.as_ref());
        let unwritten: Vec<_> = experiments.filter_map(|experiment| write(folder, experiment).err()).collect();
        if !unwritten.is_empty() {
            return Ok(unusable(&unwritten));
        }
    }
    Ok(if refused { Exit::Usage } else { Exit::Ok } as u8)
}

fn documents(file: &Path) -> anyhow::Result<Vec<Value>> {
    let name = file.display().to_string();
    let size = file.metadata().with_context(|| format!("cannot read {name}"))?.len();
    anyhow::ensure!(size <= MAX_BYTES, "{name} has {size} bytes; an experiment has at most {MAX_BYTES}");
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    // JSON is YAML but for a few escapes; its own reader is exact.
    let mut all: Vec<Value> = match serde_json::from_str(&text) {
        Ok(value) => vec![value],
        Err(_) => yaml::parse_all(&name, &text).map_err(Problems)?.into_iter().map(|document| document.value).collect(),
    };
    all.iter_mut().for_each(unfold);
    Ok(all)
}

/// Puts documents that a document carries as texts in place of the texts; one that cannot be read stays a text, and the
/// report says that it does not map.
fn unfold(document: &mut Value) {
    for pointer in embedded(document) {
        let Some(place) = document.pointer_mut(&pointer) else { continue };
        let parsed = place.as_str().and_then(|text| yaml::parse_all("", text).ok());
        if let Some([only]) = parsed.as_deref() {
            *place = only.value.clone();
        }
    }
}

/// Every report, and, unless they went into files, the experiments.
fn report(all: &[Imported], written: bool) -> String {
    let mut out = String::new();
    for one in all {
        out += &text(one);
        if let (Some(experiment), false) = (&one.experiment, written) {
            match yaml_text(experiment) {
                Ok(yaml) => {
                    let _ = writeln!(out, "\n---\n{yaml}");
                }
                Err(error) => {
                    let _ = writeln!(out, "\nit cannot be written: {error:#}");
                }
            }
        }
        out.push('\n');
    }
    let count = |outcome| all.iter().filter(|one| one.outcome() == outcome).count();
    let _ = writeln!(
        out,
        "{} accepted, {} with caveats, {} refused",
        count(Outcome::Accepted),
        count(Outcome::WithCaveat),
        count(Outcome::Refused)
    );
    out
}

/// A new file named after the experiment. The name came from a stranger: only what is harmless of it is used.
fn write(folder: &Path, experiment: &Experiment) -> anyhow::Result<()> {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = experiment.metadata.name.chars().map(harmless).collect();
    let path = folder.join(format!("{name}.yaml"));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let made = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file =
        made.with_context(|| format!("cannot make {}; an earlier one is not overwritten", path.display()))?;
    file.write_all(yaml_text(experiment)?.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    tell!("wrote {}", path.display());
    Ok(())
}
