//! `mettle evidence prune`: removes old evidence that nothing is bound to.

use super::output::{Output, table};
use super::{Dir, Exit};
use crate::documents::quantity::Span;
use crate::worker::Installation;
use crate::worker::copies::waiting;
use crate::worker::retention::{Known, Stays, sort};
use anyhow::Context as _;
use chrono::{DateTime, Duration, Utc};
use clap::Args;
use datasets::Entry;
use gate_api::GateStore as _;
use gate_api::facts::Deployed;
use serde::Serialize;

pub(super) const EXAMPLES: &str = "Examples:
  mettle evidence prune --keep 90d --dir soak        what would go, and what stays why
  mettle evidence prune --keep 90d --yes --dir soak  removes it

Stays, however old: evidence of a pass that still counts, of a fail by which the gate denies, of
what is deployed, of a soak that has not ended, of the baseline to come, and whatever a verdict
among them was judged against. With a bucket in mettle.yaml: also what the bucket is not known to
have. The bucket is not asked: what it had once counts as there.";

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Prune {
    #[command(flatten)]
    dir: Dir,
    /// Evidence that was recorded within this time stays.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    keep: Duration,
    /// Removes it; otherwise it is only told.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: Output,
}

/// One evidence.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    digest: String,
    tag: String,
    soak: String,
    recorded: DateTime<Utc>,
    bytes: u64,
    /// Why it stays; none for what goes.
    stays: Option<Stays>,
    removed: bool,
}

fn length(text: &str) -> Result<Duration, String> {
    let read = Span::parse(text).and_then(|span| Duration::from_std(span.0).ok());
    read.ok_or_else(|| "a length of time needs a unit: write 90d or 12h".to_owned())
}

pub(super) fn run(asked: &Prune) -> anyhow::Result<u8> {
    let installation = Installation::open(&asked.dir.dir)?;
    // Nobody adds a soak or a baseline between the look and the removal.
    let _lock = asked.yes.then(|| installation.lock()).transpose()?;
    let mut lines = Vec::new();
    for (entry, stays) in sorted(&installation, asked.keep)? {
        let removed = asked.yes && stays.is_none();
        if removed {
            let said = || format!("cannot remove evidence {}", entry.digest);
            installation.evidence.remove(&entry.digest).with_context(said)?;
        }
        lines.push(Line {
            digest: entry.digest.to_string(),
            tag: entry.subject.tag,
            soak: entry.subject.soak,
            recorded: entry.created,
            bytes: entry.bytes,
            stays,
            removed,
        });
    }
    asked.output.print(&lines, || text(&lines, asked.yes))?;
    Ok(Exit::Ok as u8)
}

fn sorted(installation: &Installation, keep: Duration) -> anyhow::Result<Vec<(Entry, Option<Stays>)>> {
    let (soaks, runs) = (installation.store.every_soak()?, installation.store.runs()?);
    let overview = installation.gate.overview(usize::MAX)?;
    let deployed = |fact: &gate_api::facts::LandscapeFact| match &fact.deployed {
        Deployed::Tag { tag, .. } => Some((fact.product.clone(), tag.clone())),
        Deployed::Unknown | Deployed::Nothing => None,
    };
    let deployed: Vec<_> = overview.landscapes.iter().filter_map(deployed).collect();
    let verdicts: Vec<_> = overview.tags.into_iter().flat_map(|facts| facts.verdicts).collect();
    let not_copied = waiting(installation)?.into_iter().collect();
    let known = Known { soaks: &soaks, runs: &runs, verdicts: &verdicts, deployed: &deployed, not_copied: &not_copied };
    Ok(sort(installation.evidence.list()?, &known, keep, Utc::now()))
}

fn text(lines: &[Line], done: bool) -> String {
    let head = ["EVIDENCE", "TAG", "RECORDED", "SIZE", ""].map(str::to_owned).to_vec();
    let row = |line: &Line| {
        let why = match &line.stays {
            Some(stays) => format!("stays: {}", stays.text()),
            None if line.removed => "removed".to_owned(),
            None => "would go".to_owned(),
        };
        let recorded = line.recorded.format("%Y-%m-%d").to_string();
        vec![
            line.digest[..super::evidence::SHORT].to_owned(),
            line.tag.clone(),
            recorded,
            super::evidence::size(line.bytes),
            why,
        ]
    };
    let gone: Vec<&Line> = lines.iter().filter(|line| line.stays.is_none()).collect();
    let bytes = super::evidence::size(gone.iter().map(|line| line.bytes).sum());
    let end = match (gone.len(), done) {
        (0, _) => "nothing is old enough and unbound\n".to_owned(),
        (n, true) => format!("{n} removed, {bytes}\n"),
        (n, false) => format!("{n} would go, {bytes}; with --yes they do\n"),
    };
    table(&std::iter::once(head).chain(lines.iter().map(row)).collect::<Vec<_>>()) + &end
}
