//! Schedule: the same chaos again and again.

use super::super::draft::TOO_MANY;
use super::super::node::Node;
use super::super::units;
use super::part::Part;
use super::{KINDS, Work, part};
use crate::span::Span;

/// Reads the specification of a Schedule resource into a step.
pub(super) fn import(spec: &Node, work: &mut Work) {
    let part = read(spec, work);
    if !work.draft.step(part.faults, part.hold, part.rest) {
        work.sheet.not(spec, TOO_MANY);
    }
}

/// Reads the chaos of a schedule; its rest keeps the rhythm.
pub(super) fn read(spec: &Node, work: &mut Work) -> Part {
    let kind = spec.get("type").and_then(|kind| kind.text()).unwrap_or_default();
    let field = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
    let inner = field.and_then(|field| spec.get(field).or_else(|| spec.get("physicalMachineChaos")));
    let Some(inner) = inner else {
        let why = format!("there is no specification for `type` {kind:?}");
        work.sheet.not(spec, why);
        return Part { faults: Vec::new(), hold: Span::default(), rest: Span::default() };
    };
    let mut part = part::read(kind, &inner, work);
    if let Some(node) = spec.get("type") {
        work.sheet.plain(&node);
    }
    rhythm(spec, &mut part, work);
    for key in ["concurrencyPolicy", "historyLimit", "startingDeadlineSeconds"] {
        let Some(node) = spec.some(key) else { continue };
        match (key, node.text()) {
            ("concurrencyPolicy", Some("Forbid")) => work.sheet.exact(&node, "steps follow each other"),
            ("concurrencyPolicy", _) => {
                work.sheet.not(&node, "the same fault is never in twice at once; repetitions follow each other")
            }
            _ => work.sheet.caveat(&node, None, "every repetition is recorded; none is started late"),
        }
    }
    part
}

fn rhythm(spec: &Node, part: &mut Part, work: &mut Work) {
    let Some(node) = spec.some("schedule") else { return };
    let text = node.word().unwrap_or_default();
    let every = text.trim().strip_prefix("@every").and_then(|text| units::milliseconds(text, 1e3));
    let day = 24.0 * 3600e3;
    match every.filter(|ms| (1.0..=day).contains(ms)) {
        Some(ms) => {
            let every = Span::from_ms(ms as u64);
            part.hold = part.hold.min(every);
            part.rest = Span::from_ms(every.ms().saturating_sub(part.hold.ms()));
            let why = format!(
                "every {every}: hold and rest of a repetition together take as long; how often is `repeat`, and when is \
                 up to the soak"
            );
            work.sheet.caveat(&node, Some("method.rest"), why);
        }
        None => {
            let why = "times of the day are up to the soak that runs the experiment; how often is `repeat`";
            work.sheet.caveat(&node, Some("repeat"), why);
        }
    }
}
