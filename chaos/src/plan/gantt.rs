//! The timeline of a plan as text.

use super::Plan;
use crate::span::Span;

/// Width of the bar, characters: fits a terminal of 100 columns with its label.
const WIDTH: u64 = 48;

pub(super) fn draw(plan: &Plan) -> String {
    let total = plan.duration_ms().max(1);
    let column = |ms: u64| usize::try_from(ms * WIDTH / total).unwrap_or_default();
    let mut steps = plan.repetitions.iter().flat_map(|repetition| &repetition.steps);
    let load = if steps.any(|step| !step.loads.is_empty()) { ", = load" } else { "" };
    let mut text = format!(
        "{}: {} repetitions, {}, seed {} (# fault{load}, . rest)\n",
        plan.experiment,
        plan.repetitions.len(),
        Span::from_ms(plan.duration_ms()),
        plan.seed
    );
    for quiet in &plan.quiet {
        text += &format!("nothing is injected from {quiet}\n");
    }
    for repetition in &plan.repetitions {
        for step in &repetition.steps {
            let (start, undo) = (column(step.at_ms), column(step.at_ms + step.in_for().ms()));
            let end = column(step.at_ms + step.lasts_ms());
            let bar = " ".repeat(start) + &"#".repeat((undo - start).max(1)) + &".".repeat(end.saturating_sub(undo));
            for fault in &step.faults {
                let dose: Vec<_> = fault.fault.requested().into_iter().map(|(k, v)| format!("{k} {v}")).collect();
                let on: Vec<_> = fault.resources.iter().map(ToString::to_string).collect();
                text += &format!(
                    "#{} |{bar:<width$}| {} ({}) on {}\n",
                    repetition.number,
                    fault.fault.kind(),
                    dose.join(", "),
                    on.join(", "),
                    width = WIDTH as usize
                );
                text += &format!("   undo: {}\n", fault.undo);
            }
            for suite in &step.loads {
                let bar = " ".repeat(start) + &"=".repeat((undo - start).max(1));
                text += &format!("#{} |{bar:<width$}| load {suite}\n", repetition.number, width = WIDTH as usize);
                text += "   undo: it stops with the hold\n";
            }
        }
    }
    text
}
