//! `mettle chaos report`: a recorded experiment as a Markdown text, for a pull request or a wiki.

use super::chaos_run::{exposure_cells, outcome_text};
use crate::worker::chaos_record::ChaosRecord;
use ::chaos::load::LoadRecord;
use serde_json::Value;
use std::fmt::Write as _;

/// Heads of the table of injections, the cells of [`exposure_cells`].
const HEAD: [&str; 7] = ["#", "fault", "target", "held", "asked", "measured", "ended"];

/// The report.
pub(super) fn markdown(record: &ChaosRecord) -> String {
    let experiment = &record.experiment;
    let mut text = format!("# {}: {}\n\n", experiment.metadata.name, outcome_text(record));
    let _ = writeln!(text, "{}\n", experiment.hypothesis.title);
    let facts = [
        ("product", format!("{} {} ({})", record.product, record.tag, record.commit)),
        ("landscape", record.landscape.clone()),
        ("time", format!("{} to {}", moment(record.started_at), moment(record.ended_at))),
        ("signals", experiment.hypothesis.signals.join(", ")),
        ("recovery within", experiment.hypothesis.recover_within.map(|span| span.to_string()).unwrap_or_default()),
        ("hypothesis", record.decided.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("owners", experiment.metadata.owners.join(", ")),
        ("seed", record.seed.to_string()),
        ("plan", record.plan_hash.clone()),
        ("left behind", record.residue.clone().unwrap_or_else(|| "nothing".to_owned())),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "- {name}: {value}");
    }
    let _ = writeln!(text, "\n## Injections\n");
    let row = |cells: &[String]| format!("| {} |\n", cells.iter().map(|c| escaped(c)).collect::<Vec<_>>().join(" | "));
    text += &row(&HEAD.map(str::to_owned));
    text += &format!("|{}\n", "---|".repeat(HEAD.len()));
    for exposure in &record.exposures {
        text += &row(&exposure_cells(exposure));
    }
    for load in &record.loads {
        let _ = write!(text, "\n{}\n", load_text(load));
    }
    let _ = writeln!(text, "\n## Plan\n\n```\n{}```\n", record.plan.gantt());
    let _ = writeln!(text, "The same again: `mettle chaos replay {}`", record.id);
    text
}

/// A load beside faults in one line: how much, how fast, and what was wrong with it.
pub(super) fn load_text(load: &LoadRecord) -> String {
    let number = |path: &str| load.measured.pointer(path).and_then(Value::as_f64).unwrap_or_default();
    let flaw = load.flaw.as_ref().map(|flaw| format!("; it does not count: {flaw}")).unwrap_or_default();
    format!(
        "load {} in #{}: {:.1} s, {} requests, {:.1}/s, response p99 {:.1} ms{flaw}",
        load.suite,
        load.repetition,
        (load.end_ms - load.start_ms).max(0) as f64 / 1e3,
        number("/sent"),
        number("/achievedPerS"),
        number("/response/p99Ms"),
    )
}

fn moment(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A cell must not end early, nor break the line.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace('\n', " ")
}
