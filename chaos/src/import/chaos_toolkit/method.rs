//! The method and the rollbacks.

use super::super::draft::{Draft, HOLD_MS, REST_MS, TOO_MANY};
use super::super::node::Node;
use super::super::sheet::Sheet;
use super::super::wish::Wish;
use super::{action, probe};
use crate::fault::Fault;
use crate::span::Span;
use serde_json::Value;
use std::collections::BTreeMap;

struct Walk<'w, 'a> {
    sheet: &'w mut Sheet,
    draft: &'w mut Draft,
    /// Faults of background actions, which go in together with the next one.
    pending: Vec<Fault>,
    /// The activities that these faults come from.
    sources: Vec<Node<'a>>,
    hold: Span,
}

pub(super) fn import(root: &Node, sheet: &mut Sheet, draft: &mut Draft) {
    let items = |keys: &[&str]| root.at(keys).map(|node| node.items()).unwrap_or_default();
    let (method, rollbacks) = (items(&["method"]), items(&["rollbacks"]));
    let probes = items(&["steady-state-hypothesis", "probes"]);
    let by_name: BTreeMap<_, _> = probes.iter().chain(&method).chain(&rollbacks).filter_map(named).collect();
    let mut walk = Walk { sheet, draft, pending: Vec::new(), sources: Vec::new(), hold: Span::default() };
    for item in &method {
        match item.get("ref") {
            None => walk.activity(item),
            Some(reference) => {
                let name = reference.text().unwrap_or_default();
                let target = by_name.get(name).copied().map(|value| Node { path: item.path.clone(), value });
                walk.reference(item, &reference, target.as_ref());
            }
        }
    }
    walk.close();
    for item in &rollbacks {
        let name = item.get("ref").and_then(|node| node.text()).unwrap_or_default();
        let target = by_name.get(name).copied().map(|value| Node { path: item.path.clone(), value });
        rollback(item, target.as_ref().unwrap_or(item), sheet);
    }
}

fn named<'a>(item: &Node<'a>) -> Option<(&'a str, &'a Value)> {
    Some((item.get("name")?.text()?, item.value))
}

impl<'a> Walk<'_, 'a> {
    fn reference(&mut self, item: &Node<'a>, reference: &Node, target: Option<&Node>) {
        probe::common(item, self.sheet);
        match target {
            // One step away only: an activity that refers on says nothing more.
            Some(target) if target.get("ref").is_none() && is_action(target) => {
                match action::wish(target, self.draft) {
                    Ok(wish) => {
                        // Its keys are told where the activity itself stands.
                        let mut elsewhere = Sheet::default();
                        match wish.grant(&mut elsewhere) {
                            Some(fault) => {
                                self.sheet.exact(reference, "the fault of that activity, once more");
                                self.enter(vec![fault], item);
                            }
                            None => self.sheet.not(reference, "the activity it names is left out"),
                        }
                    }
                    Err(_) => self.sheet.not(reference, "the activity it names is left out"),
                }
            }
            Some(_) => self.sheet.caveat(reference, None, "the signals of that probe are watched all the time"),
            None => self.sheet.not(reference, "there is no activity of that name"),
        }
    }

    fn activity(&mut self, item: &Node<'a>) {
        if !is_action(item) {
            probe::import(item, self.sheet);
            return self.pauses_of_probe(item);
        }
        probe::common(item, self.sheet);
        if let Some(tolerance) = item.some("tolerance") {
            self.sheet.not(&tolerance, "a fault is verified by its own dose, not by an answer");
        }
        match action::wish(item, self.draft) {
            Ok(wish) => {
                let wish = self.timed(wish, item);
                let fault = wish.grant(self.sheet);
                self.enter(fault.into_iter().collect(), item);
            }
            Err(refusal) => {
                let node = item.get("provider").unwrap_or_else(|| item.clone());
                match refusal {
                    action::Refusal::Harmless(why) => self.sheet.caveat(&node, None, why),
                    action::Refusal::Lost(why) => self.sheet.not(&node, why),
                }
                self.pauses_of_probe(item);
            }
        }
    }

    /// The caveat of a fault that nothing times.
    fn timed<'b>(&self, mut wish: Wish<'b>, item: &Node<'b>) -> Wish<'b> {
        if item.at(&["pauses", "after"]).is_none() {
            wish.but(format!("no pause follows it there; here it holds {}", Span::from_ms(HOLD_MS)));
        }
        wish
    }

    /// Takes the faults of an action in, with its pauses.
    fn enter(&mut self, faults: Vec<Fault>, item: &Node<'a>) {
        let background = item.some("background").filter(|node| node.flag() == Some(true));
        self.before(item);
        let after = item.at(&["pauses", "after"]).map(|node| (probe::pause(&node), node));
        let hold = match after {
            Some((Ok(span), node)) if span.ms() > 0 => {
                self.sheet.caveat(&node, Some("method.hold"), "the time until the next activity is the time it holds");
                span
            }
            Some((Ok(_), node)) => {
                self.sheet.caveat(&node, None, format!("no time at all; it holds {}", Span::from_ms(HOLD_MS)));
                Span::from_ms(HOLD_MS)
            }
            Some((Err(why), node)) => {
                self.sheet.not(&node, why);
                Span::from_ms(HOLD_MS)
            }
            None => Span::from_ms(HOLD_MS),
        };
        self.hold = self.hold.max(hold);
        if !faults.is_empty() {
            self.sources.push(item.clone());
        }
        self.pending.extend(faults);
        match background {
            Some(node) => self.sheet.caveat(&node, Some("method.parallel"), "goes in together with the next action"),
            None => self.close(),
        }
    }

    fn close(&mut self) {
        let faults = std::mem::take(&mut self.pending);
        let hold = std::mem::take(&mut self.hold);
        let sources = std::mem::take(&mut self.sources);
        if !self.draft.step(faults, hold, Span::from_ms(REST_MS)) {
            sources.iter().for_each(|source| self.sheet.not(source, TOO_MANY));
        }
    }

    fn before(&mut self, item: &Node) {
        let Some(node) = item.at(&["pauses", "before"]) else { return };
        match probe::pause(&node) {
            Ok(span) => {
                self.close();
                if span.ms() == 0 {
                    self.sheet.plain(&node);
                } else if self.draft.wait(span) {
                    self.sheet.exact(&node, "method.rest of the step before");
                } else {
                    self.sheet.caveat(&node, None, "nothing is in before it that could rest");
                }
            }
            Err(why) => self.sheet.not(&node, why),
        }
    }

    /// A pause around something that has no effect here lengthens the rest.
    fn pauses_of_probe(&mut self, item: &Node) {
        self.before(item);
        if let Some(background) = item.some("background").filter(|node| node.flag() == Some(true)) {
            self.sheet.caveat(&background, None, "signals are measured all the time");
        }
        let Some(node) = item.at(&["pauses", "after"]) else { return };
        match probe::pause(&node) {
            Ok(span) if span.ms() == 0 => self.sheet.plain(&node),
            Ok(span) if self.pending.is_empty() && self.draft.wait(span) => {
                self.sheet.exact(&node, "method.rest of the step before");
            }
            Ok(_) => self.sheet.caveat(&node, None, "no fault is in before it"),
            Err(why) => self.sheet.not(&node, why),
        }
    }
}

fn is_action(item: &Node) -> bool {
    item.get("type").and_then(|kind| kind.text()) == Some("action")
}

fn rollback(item: &Node, target: &Node, sheet: &mut Sheet) {
    let mut draft = Draft::default();
    let (fit, why) = match action::wish(target, &mut draft) {
        _ if !is_action(target) => (true, "a probe; nothing is left to measure after the rest".to_string()),
        Ok(wish) => (false, format!("has an effect of its own (`{}`); an undo is no place for a fault", wish.kind())),
        Err(action::Refusal::Harmless(why)) => (true, why),
        Err(action::Refusal::Lost(why)) => (false, format!("{why}; our faults are undone by themselves")),
    };
    match fit {
        true => sheet.caveat(item, None, why),
        false => sheet.not(item, why),
    }
}
