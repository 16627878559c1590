//! Service hijacking: planned answers in place of a service.

use super::super::aim::Aim;
use super::super::node::Node;
use super::super::units;
use super::{Work, machinery, step};
use crate::span::Span;

/// Longest answer step without a duration, in milliseconds.
const STEP_MS: u64 = 15_000;

pub(super) fn read(scenario: &Node, work: &mut Work) {
    let mut aim = Aim::unknown("`service_name` is missing");
    if let Some(name) = scenario.get("service_name") {
        aim.by_name(&name, "service");
    }
    for resource in scenario.get("plan").map(|plan| plan.items()).unwrap_or_default() {
        for (_, steps) in resource.get("steps").map(|steps| steps.members()).unwrap_or_default() {
            for answer in steps.items() {
                one(scenario, (&resource, &answer), &aim, work);
            }
        }
    }
}

/// One planned answer becomes a step that answers every request with its status.
fn one<'a>(scenario: &Node<'a>, (resource, answer): (&Node<'a>, &Node<'a>), aim: &Aim<'a>, work: &mut Work) {
    let asks = answer.get("status").unwrap_or_else(|| answer.clone());
    let mut wish = aim.edge("http.abort", &asks, &mut work.draft);
    match asks.number().filter(|status| (400.0..600.0).contains(status) && status.fract() == 0.0) {
        Some(status) => wish.with("status", status as u16),
        None => wish.refuse("only error statuses, 400 to 599, can be answered"),
    }
    wish.but(
        "every request gets the answer, whatever its path and method; plans of paths run one after the other here",
    );
    if let Some(path) = resource.some("resource") {
        wish.note(&path, "the answers are not bound to a path");
    }
    for key in ["payload", "mime_type"] {
        if let Some(node) = answer.some(key) {
            wish.lost(&node, "the answer has a status and no body of its own");
        }
    }
    let mut hold = Span::from_ms(STEP_MS);
    if let Some(node) = answer.some("duration") {
        match units::span(&node, 1e3) {
            Ok((span, _)) if span.ms() > 0 => {
                hold = span;
                wish.set_hold(&node);
            }
            _ => wish.lost(&node, format!("not a time; it holds {hold}")),
        }
    }
    for key in ["service_target_port", "chaos_duration"] {
        if let Some(node) = scenario.some(key) {
            wish.note(&node, "the edges of the component and the holds of the steps say it");
        }
    }
    let mut wishes = [wish];
    machinery(scenario, &mut wishes);
    step(answer, Vec::from(wishes), hold, work);
}
