//! `mettle chaos faults`: the catalogue, and what this host can hold.

use super::Exit;
use super::output::{Output, table, tell};
use ::chaos::fault::CATALOGUE;
use ::chaos::host::{Able, abilities};
use std::fmt::Write as _;

/// Prints the faults whose kind is or begins with `kind`, with everything that a document needs; all of them as a table.
pub(super) fn show(kind: Option<&str>, output: Output) -> anyhow::Result<u8> {
    let all = abilities();
    let named = |able: &Able| kind.is_none_or(|name| able.declaration.kind.starts_with(name));
    let wanted: Vec<Able> = all.into_iter().filter(named).collect();
    if let (Some(kind), true) = (kind, wanted.is_empty()) {
        return Ok(unknown(kind));
    }
    output.print(&wanted, || if kind.is_some() { details(&wanted) } else { overview(&wanted) })?;
    Ok(Exit::Ok as u8)
}

/// Says which kinds there are.
pub(super) fn unknown(kind: &str) -> u8 {
    let known: Vec<&str> = CATALOGUE.iter().map(|declaration| declaration.kind).collect();
    tell!("error: `{kind}` is not a kind of fault; known: {}", known.join(", "));
    Exit::Usage as u8
}

fn overview(all: &[Able]) -> String {
    let head = ["FAULT", "HERE", "WHAT IT DOES"].map(str::to_owned).to_vec();
    let row = |able: &Able| {
        let here = if able.able { "yes" } else { "no" };
        vec![able.declaration.kind.to_owned(), here.to_owned(), able.declaration.summary.to_owned()]
    };
    let mut text = table(&std::iter::once(head).chain(all.iter().map(row)).collect::<Vec<_>>());
    for (able, lack) in all.iter().filter_map(|able| Some((able, able.lacks?))) {
        let _ = writeln!(text, "{}: {}; {}", able.declaration.kind, lack.why, lack.remedy);
    }
    text + "\nOne in full: mettle chaos faults net.delay. An experiment to start from: mettle chaos new KIND\n"
}

fn details(all: &[Able]) -> String {
    let mut text = String::new();
    for able in all {
        let fault = able.declaration;
        let _ = writeln!(text, "{}: {}", fault.kind, fault.summary);
        for (name, meaning) in fault.parameters {
            let _ = writeln!(text, "    {name}: {meaning}");
        }
        let _ = writeln!(text, "    example: {{kind: {}, target: NAME{}}}", fault.kind, fault.example);
        let _ = writeln!(text, "    held by: {}\n    undo: {}\n    dose: {}", fault.held_by, fault.undo, fault.dose);
        let _ = writeln!(text, "    never with: {}", fault.never_with.join(", "));
        if let Some(family) = fault.prepared {
            let _ = writeln!(text, "    prepared: `prepare: [{family}]` for the component in processes.yaml");
        }
        match able.lacks {
            None => text.push_str("    here: yes\n"),
            Some(lack) => {
                let _ = writeln!(text, "    here: no: {}; {}", lack.why, lack.remedy);
            }
        }
    }
    text
}
