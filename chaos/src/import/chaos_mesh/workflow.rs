//! Workflow: templates that refer to each other.

use super::super::draft::{REST_MS, TOO_MANY};
use super::super::node::Node;
use super::super::units;
use super::part::{self, Part};
use super::{KINDS, Work, schedule, status_check};
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Most visits of templates: templates that name each other twice could otherwise be visited without end.
const MAX_VISITS: usize = 500;

struct Walk<'a, 'w> {
    templates: BTreeMap<&'a str, Node<'a>>,
    /// Templates that are being visited, outermost first.
    open: Vec<&'a str>,
    visited: BTreeSet<&'a str>,
    visits: usize,
    work: &'w mut Work,
}

pub(super) fn import(spec: &Node, work: &mut Work) {
    let templates = spec.get("templates").map(|templates| templates.items()).unwrap_or_default();
    let named = |template: &Node<'_>| template.value.get("name")?.as_str().map(str::to_string);
    let names: Vec<_> = templates.iter().map(named).collect();
    let by_name = templates.iter().zip(&names).filter_map(|(node, name)| Some((name.as_deref()?, node.clone())));
    let templates_by_name: BTreeMap<_, _> = by_name.collect();
    let mut walk = Walk { templates: templates_by_name, open: Vec::new(), visited: BTreeSet::new(), visits: 0, work };
    match spec.get("entry").map(|entry| (entry.text().unwrap_or_default(), entry)) {
        Some((name, entry)) => {
            walk.work.sheet.exact(&entry, "method");
            walk.visit(name, &entry);
        }
        None => walk.work.sheet.not(spec, "the workflow has no `entry`"),
    }
    let visited: BTreeSet<String> = walk.visited.iter().map(|name| name.to_string()).collect();
    for (template, name) in templates.iter().zip(&names) {
        if !name.as_ref().is_some_and(|name| visited.contains(name)) {
            work.sheet.not(template, "no template that is imported leads here");
        }
    }
}

impl<'a> Walk<'a, '_> {
    /// Visits a template; `by` is the key that names it.
    fn visit(&mut self, name: &str, by: &Node) {
        let Some((name, template)) = self.templates.get_key_value(name).map(|(name, node)| (*name, node.clone()))
        else {
            return self.work.sheet.not(by, format!("there is no template `{name}`"));
        };
        self.visits += 1;
        if self.open.contains(&name) || self.visits > MAX_VISITS {
            return self.work.sheet.not(by, format!("`{name}` leads back to itself, or there are too many steps"));
        }
        self.visited.insert(name);
        self.open.push(name);
        for key in ["name", "templateType"] {
            if let Some(node) = template.get(key) {
                self.work.sheet.plain(&node);
            }
        }
        self.template(&template);
        self.open.pop();
    }

    fn template(&mut self, template: &Node<'a>) {
        let kind = template.get("templateType").and_then(|kind| kind.text()).unwrap_or_default();
        match kind {
            "Serial" => self.serial(template),
            "Parallel" => self.parallel(template),
            "Suspend" => self.suspend(template),
            "Task" => {
                let sheet = &mut self.work.sheet;
                if let Some(task) = template.get("task") {
                    sheet.not(&task, "runs a command; an experiment from a file never does");
                }
                if let Some(branches) = template.get("conditionalBranches") {
                    sheet.not(&branches, "steps do not depend on the outcome of a command");
                }
            }
            "StatusCheck" => {
                if let Some(check) = template.get("statusCheck") {
                    status_check::import(&check, &mut self.work.sheet);
                }
                for key in ["abortWithStatusCheck", "deadline"] {
                    if let Some(node) = template.some(key) {
                        self.work.sheet.caveat(
                            &node,
                            Some("guards"),
                            "a guard on the signal ends the experiment early",
                        );
                    }
                }
            }
            _ => {
                if let Some(part) = self.leaf(kind, template) {
                    self.step(template, part);
                }
            }
        }
    }

    fn step(&mut self, template: &Node, part: Part) {
        if !self.work.draft.step(part.faults, part.hold, part.rest) {
            self.work.sheet.not(template, TOO_MANY);
        }
    }

    /// A template with chaos of its own.
    fn leaf(&mut self, kind: &str, template: &Node<'a>) -> Option<Part> {
        let field = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
        let mut part = match (kind, field.and_then(|field| template.get(field))) {
            ("Schedule", _) => {
                let spec = template.get("schedule")?;
                if let Some(times) = spec.get("schedule") {
                    let why = "once in a repetition here; there again and again until the deadline";
                    self.work.sheet.caveat(&times, None, why);
                }
                schedule::read(&spec, self.work)
            }
            (kind, Some(spec)) => part::read(kind, &spec, self.work),
            (_, None) => {
                self.work.sheet.not(template, format!("a template of type {kind:?} is not known here"));
                return None;
            }
        };
        part.rest = part.rest.min(Span::from_ms(REST_MS));
        if let Some(deadline) = template.some("deadline") {
            match units::span(&deadline, 1e3) {
                Ok((span, _)) if span.ms() > 0 => {
                    part.hold = span;
                    let why = "counts from the creation there and from the verified injection here";
                    self.work.sheet.caveat(&deadline, Some("method.hold"), why);
                }
                Ok(_) => self.work.sheet.not(&deadline, "no time at all"),
                Err(why) => self.work.sheet.not(&deadline, why),
            }
        }
        Some(part)
    }

    fn children(&mut self, template: &Node<'a>) -> Vec<(String, Node<'a>)> {
        if let Some(deadline) = template.some("deadline") {
            let why = "the steps together are bounded by blast.maxDuration, which is set from their sum";
            self.work.sheet.caveat(&deadline, Some("blast.maxDuration"), why);
        }
        let children = template.get("children").map(|children| children.items()).unwrap_or_default();
        children.into_iter().filter_map(|child| Some((child.text()?.to_string(), child))).collect()
    }

    fn serial(&mut self, template: &Node<'a>) {
        for (name, child) in self.children(template) {
            self.work.sheet.exact(&child, "method, one step after the other");
            self.visit(&name, &child);
        }
    }

    /// Steps of the children become one step; a child of several steps cannot go in together with others.
    fn parallel(&mut self, template: &Node<'a>) {
        let mark = self.work.draft.steps();
        let mut faults = Vec::new();
        let (mut hold, mut rest, mut alike) = (Span::default(), Span::default(), true);
        let mut children = Vec::new();
        for (name, child) in self.children(template) {
            self.visit(&name, &child);
            let mut steps = self.work.draft.take_from(mark);
            if steps.len() > 1 {
                self.work
                    .sheet
                    .not(&child, format!("`{name}` has several steps; only its first goes in with the others"));
            }
            steps.truncate(1);
            for step in steps {
                alike &= hold.ms() == 0 || hold == step.hold;
                hold = hold.max(step.hold);
                rest = rest.max(step.rest);
                faults.extend(step.faults("").into_iter().map(|(_, fault)| fault.clone()));
            }
            children.push(child);
        }
        for child in children {
            if alike {
                self.work.sheet.exact(&child, "method.parallel");
            } else {
                let why = format!("faults of one step come out together: all hold {hold}, the longest of them");
                self.work.sheet.caveat(&child, Some("method.parallel"), why);
            }
        }
        self.step(template, Part { faults, hold, rest });
    }

    fn suspend(&mut self, template: &Node) {
        let Some(deadline) = template.some("deadline") else { return };
        match units::span(&deadline, 1e3) {
            Ok((span, _)) if self.work.draft.wait(span) => {
                self.work.sheet.exact(&deadline, "method.rest of the step before");
            }
            Ok(_) => self.work.sheet.caveat(&deadline, None, "nothing is in before it that could rest"),
            Err(why) => self.work.sheet.not(&deadline, why),
        }
    }
}
