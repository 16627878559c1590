//! The report of an import, for people.

use super::{Fit, Imported, Line};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Longest value that the report prints.
const MAX_VALUE: usize = 100;

/// What maps exactly, with a caveat, and not at all and why; then how to go on.
pub fn text(imported: &Imported) -> String {
    let name = flat(&imported.name);
    let mut out = format!("{} `{name}`: {}\n", imported.origin.title(), imported.outcome().title());
    let exact = |line: &&Line| matches!(line.fit, Fit::Exact);
    let caveat = |line: &&Line| matches!(line.fit, Fit::Caveat(_));
    let not = |line: &&Line| matches!(line.fit, Fit::Not { .. });
    section(&mut out, "maps exactly", imported.lines.iter().filter(exact));
    section(&mut out, "maps with a caveat", imported.lines.iter().filter(caveat));
    section(&mut out, "does not map", imported.lines.iter().filter(not));
    out.push_str("\nhow to go on\n");
    for hint in hints(imported) {
        let _ = writeln!(out, "  {}", flat(&hint));
    }
    out
}

fn section<'a>(out: &mut String, title: &str, lines: impl Iterator<Item = &'a Line>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for line in lines {
        let becomes = line.becomes.as_ref().map(|becomes| format!("  ->  {}", flat(becomes))).unwrap_or_default();
        let key = if line.key.is_empty() { "(document)".into() } else { flat(&line.key) };
        let _ = writeln!(out, "  {key} = {}{becomes}", short(&line.value));
        if let Fit::Caveat(why) | Fit::Not { why } = &line.fit {
            let _ = writeln!(out, "      {}", flat(why));
        }
    }
}

/// On one line and without anything that steers a terminal: a source must not write lines of the report itself.
pub(super) fn flat(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

fn short(value: &str) -> String {
    let flat = flat(value);
    match flat.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}… ({} characters)", &flat[..end], flat.chars().count()),
        None if flat.is_empty() => "\"\"".into(),
        None => flat,
    }
}

fn hints(imported: &Imported) -> Vec<String> {
    let from_outside = |line: &Line| line.key.starts_with("configuration.") && matches!(line.fit, Fit::Not { .. });
    let outside = imported.lines.iter().any(from_outside);
    let given = "Give the values that the file takes from outside: `--set NAME=VALUE`, once for each.".to_string();
    let kinds: BTreeSet<_> = imported.missing.iter().filter_map(|fault| fault.get("kind")?.as_str()).collect();
    let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
    let lacks = (!kinds.is_empty()).then(|| format!("This build does not have {kinds}: import again when it does."));
    let Some(experiment) = &imported.experiment else {
        let nothing = "No experiment was made: nothing is left that has an effect.".to_string();
        let mend = "Start from `mettle chaos new`, or mend the keys named above and import again.".to_string();
        return [Some(nothing), lacks, outside.then_some(given), Some(mend)].into_iter().flatten().collect();
    };
    let faults = experiment.method.iter().flat_map(|step| step.faults(""));
    let callers: BTreeSet<_> = faults.filter_map(|(_, fault)| fault.from().map(str::to_string)).collect();
    let targets: BTreeSet<_> = experiment.targets.values().map(|target| target.component.clone()).collect();
    let components: Vec<_> = targets.union(&callers).map(String::as_str).collect();
    let mut hints = vec![
        format!("1. Check that your landscape has these components: {}.", components.join(", ")),
        "2. Name signals under hypothesis.signals: without one, nothing is judged.".into(),
        "3. Run `mettle chaos validate`, then `mettle chaos plan`: it shows targets, doses and every objection.".into(),
    ];
    hints.extend(lacks);
    hints
}
