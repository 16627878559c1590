//! `mettle signals`: from what is there, or was declared elsewhere, to signals.yaml.

use super::output::{counted, tell, write_out};
use super::{Dir, Exit};
use crate::signals::import::import;
use crate::signals::place::{Place, Source};
use crate::signals::proposal::{GATES, MOST_GATES, Proposal};
use crate::signals::suggest::{scope, suggest, widened};
use crate::signals::write::harmless;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use probes::metrics::catalogue::Catalogue;
use scorer::signal::Selector;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Largest file that is imported.
const MAX_BYTES: u64 = 8 << 20;

/// Signals.
#[derive(Debug, Subcommand)]
pub(super) enum Signals {
    /// Proposes signals from the names, types, labels and units of what is there.
    #[command(after_help = SUGGEST)]
    Suggest(Suggest),
    /// Imports objectives that were declared elsewhere: Prometheus rules, Sloth, Pyrra, OpenSLO.
    #[command(after_help = IMPORT)]
    Import(Import),
}

const SUGGEST: &str = "Examples:
  mettle signals suggest --metrics http://127.0.0.1:9090 --match '{namespace=\"shop\"}' > signals.yaml
  mettle signals suggest --metrics checkout=http://127.0.0.1:8002/metrics \\
                         --metrics catalog=http://127.0.0.1:8001/metrics
  mettle signals suggest --metrics checkout=checkout.txt      an exposition that was saved
  mettle signals suggest --landscape soak/staging/landscape.yaml --dir soak

A server that asks for credentials, certificates or headers is the `metrics.server` of a landscape
(docs/metrics.md); files that it names and that are not absolute lie below --dir.

stdout is the document, with a reason above each signal and, at its end, what was looked at and
not proposed. Objectives are left open; margins are starting points. docs/signals.md has the rules.
Conditions of --match hold for the signals, too.
Exit: 0 when there is a signal, 11 when nothing here is one, 1 when a place does not answer,
2 when an argument is wrong.";

const IMPORT: &str = "Examples:
  mettle signals import slo.yaml > mettle/signals.yaml
  mettle signals import rules/*.yaml slos/*.yaml       rules may read what another file records

What has a signal of the same meaning on raw series becomes one, with the objective that was
declared; windows are gone, since a soak judges all of its samples. Everything else is told with
file, line, rule and reason, on stderr and at the end of the document.
Exit: 0 when every file gave a signal, 2 when one gave none.";

/// `mettle signals suggest`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("places").required(true).multiple(true))]
pub(super) struct Suggest {
    /// Prometheus-compatible server, target's `/metrics`, or file; a component's name in front of a target or a file becomes
    /// the label `job`, as the recorder has it. May be given several times.
    #[arg(long, group = "places", value_name = "[COMPONENT=]PLACE")]
    metrics: Vec<String>,
    /// The metrics server of this landscape document, or of the one in this folder.
    #[arg(long, group = "places", value_name = "FILE")]
    landscape: Option<PathBuf>,
    #[command(flatten)]
    dir: Dir,
    /// Only series of this selector; of several, series of any.
    #[arg(long = "match", value_name = "SELECTOR")]
    matching: Vec<String>,
    /// Most signals that decide.
    #[arg(long, default_value_t = GATES, value_name = "N", value_parser = gates)]
    gates: usize,
}

/// `mettle signals import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Files, each with one or several documents.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Most signals that decide.
    #[arg(long, default_value_t = GATES, value_name = "N", value_parser = gates)]
    gates: usize,
}

fn gates(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MOST_GATES).contains(n));
    number.ok_or_else(|| format!("write a number from 1 to {MOST_GATES}"))
}

pub(super) async fn run(command: Signals) -> anyhow::Result<u8> {
    match command {
        Signals::Suggest(asked) => suggested(&asked).await,
        Signals::Import(asked) => imported(&asked),
    }
}

async fn suggested(asked: &Suggest) -> anyhow::Result<u8> {
    let (mut selectors, mut compiled, mut places, mut wrong) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for text in &asked.matching {
        match Selector::parse(text).and_then(|s| Ok((s.compile()?, s))) {
            Ok((one, selector)) => {
                compiled.push(one);
                selectors.push(selector);
            }
            Err(error) => wrong.push(format!("--match {text}: {error}")),
        }
    }
    for text in &asked.metrics {
        match Place::parse(text) {
            Ok(place) => places.push(place),
            Err(error) => wrong.push(format!("--metrics {error}")),
        }
    }
    match asked.landscape.as_deref().map(|path| Place::of_landscape(path, &asked.dir.dir)) {
        Some(Ok(place)) => places.push(place),
        Some(Err(problems)) => wrong.push(problems.to_string()),
        None => {}
    }
    if !wrong.is_empty() {
        wrong.iter().for_each(|error| tell!("error: {error}"));
        return Ok(Exit::Usage as u8);
    }
    let mut catalogues = Vec::new();
    for place in &places {
        let catalogue = place.catalogue(&selectors).await.with_context(|| format!("nothing of {}", place.shown()))?;
        let (families, series) = (catalogue.families.len(), catalogue.series());
        tell!("{}: {families} metric families, {series} series", place.shown());
        nameless(place, &catalogue);
        catalogues.push(catalogue);
    }
    let mut suggestion = suggest(&Catalogue::joined(catalogues).only(&compiled), &scope(&selectors), asked.gates);
    suggestion.remarks.extend(widened(&selectors));
    write_out(&suggestion.document(&places.iter().map(Place::shown).collect::<Vec<_>>()))?;
    narrate(&suggestion.proposals);
    let left: usize = suggestion.passed_over.iter().map(|one| one.families.len()).sum();
    tell!("metric families that no signal uses: {left}; the end of the document says why");
    if suggestion.proposals.is_empty() {
        tell!("hint: does --match select anything here, and does the place know the types of its metrics?");
        return Ok(Exit::Insufficient as u8);
    }
    Ok(Exit::Ok as u8)
}

/// Without the component, selectors would mean every component that the recorder looks at.
fn nameless(place: &Place, catalogue: &Catalogue) {
    let target = match &place.source {
        Source::File(_) => true,
        Source::Url(url) => url.path().ends_with("/metrics"),
        Source::Server(_) => false,
    };
    let told = catalogue.families.iter().any(|family| family.labels().contains("job"));
    if target && !told && place.component.is_none() {
        tell!("hint: --metrics COMPONENT={} makes signals of this component alone", place.shown());
    }
}

fn narrate(proposals: &[Proposal]) {
    let gates = proposals.iter().filter(|proposal| proposal.is_gate()).count();
    tell!("{}, {} watched", counted(gates, "gate signal"), proposals.len() - gates);
}

fn imported(asked: &Import) -> anyhow::Result<u8> {
    let texts = asked.files.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut imported = import(&texts)?;
    let standing = imported.seat(asked.gates);
    write_out(&imported.document(&standing))?;
    narrate(&imported.proposals);
    imported.refused.iter().for_each(|refused| tell!("not imported: {}", harmless(&refused.to_string())));
    let barren: Vec<&str> = texts.iter().map(|(file, _)| file.as_str()).filter(|file| !imported.gave(file)).collect();
    barren.iter().for_each(|file| tell!("error: {} gave no signal", harmless(file)));
    Ok(if barren.is_empty() { Exit::Ok } else { Exit::Usage } as u8)
}

fn read(file: &Path) -> anyhow::Result<(String, String)> {
    let name = file.display().to_string();
    let cannot = || format!("cannot read {name}");
    let mut text = String::new();
    // What grows without end has no length that could be asked for.
    let opened = std::fs::File::open(file).with_context(cannot)?;
    let bytes = opened.take(MAX_BYTES + 1).read_to_string(&mut text).with_context(cannot)?;
    anyhow::ensure!(bytes as u64 <= MAX_BYTES, "{name} is longer than {MAX_BYTES} bytes");
    Ok((name, text))
}
