//! A commented experiment to start from.

use crate::fault::CATALOGUE;

/// An experiment with one fault of `kind` on the last of `components`, called by the first; `None` for an unknown
/// kind or no component. The text is valid as it stands.
pub fn template(kind: &str, components: &[&str]) -> Option<String> {
    let declaration = CATALOGUE.iter().find(|declaration| declaration.kind == kind)?;
    let target = components.last()?;
    let on_edges = declaration.parameters.iter().any(|(name, _)| *name == "from");
    let caller = components.first().filter(|caller| *caller != target && on_edges);
    let values = declaration.example;
    let from = caller.map(|caller| format!(", from: {caller}")).unwrap_or_default();
    let name = format!("{target}-{}", kind.replace('.', "-"));
    // A local landscape runs one replica: a fault on it leaves none.
    let keep = if kind.starts_with("process.") || kind == "stress.fds" { 0 } else { 1 };
    let which = if keep == 0 {
        "# Which replicas: count or percent, of all or of some: {zone: a, labels: {tier: gold}}.\n"
    } else {
        ""
    };
    let parameters: String = declaration.parameters.iter().map(|(n, what)| format!("# {n}: {what}\n")).collect();
    Some(format!(
        "# {}\n{parameters}# undo: {}\n# dose: {}\n\
         apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: {name}, owners: []}}\n\
         # What should hold, the signals that show it, and how fast it must be well again.\n\
         hypothesis: {{title: the product holds while {target} suffers, signals: [], recoverWithin: 10s}}\n\
         {which}targets: {{{target}: {{component: {target}, choose: {{count: 1}}}}}}\n\
         # Load beside it: parallel: [{{fault: ...}}, {{load: {{suite: NAME}}}}] in place of fault.\n\
         method:\n  - fault: {{kind: {kind}, target: {target}{from}{values}}}\n    hold: 10s\n    rest: 10s\n\
         # Ends the experiment early: [{{signal: NAME, below: 0.9, for: 10s, then: abort}}]\n\
         guards: []\n\
         # keepHealthy: replicas that a kill must leave.\n\
         blast: {{maxTargets: 1, keepHealthy: {keep}, maxDuration: 10m, forbid: []}}\n\
         # Add until: decided, and as soon as the signals of the hypothesis tell, no repetition follows.\n\
         repeat: {{min: 3, max: 12}}\nseed: 7\n",
        declaration.summary, declaration.undo, declaration.dose
    ))
}
