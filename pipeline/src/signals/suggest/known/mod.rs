//! Tables of common exporters and runtimes: what of theirs is worth watching, and why.
//!
//! Names are those that the projects document. A table says what a name alone cannot: which direction is worse, by which
//! labels it is told apart, and which series are aggregates of others.

mod cadvisor;
mod envoy;
mod go;
mod jvm;
mod kafka;
mod kube_state;
mod nginx;
mod node_exporter;
mod nodejs;
mod postgres;
mod process;
mod python;
mod rabbitmq;
mod redis;
mod tokio;

use super::draft::Draft;
use super::leaks::RISE;
use super::view::{View, is_fulfilled};
use crate::documents::signals::{DimensionSpec, FormKind, WorseSpec};
use crate::signals::proposal::{Proposal, selector};
use probes::metrics::catalogue::Family;
use scorer::signal::{Matcher, Selector};

/// How a family is watched.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// A gauge of what is held: its level, and its growth.
    Leak,
    /// A gauge of which more is worse.
    High,
    /// A gauge of which more is worse, and whose series are maxima: their sum means nothing.
    Peak,
    /// A gauge of which less is worse.
    Low,
    /// A counter of which more a second is worse.
    Fast,
    /// A counter of which less a second is worse.
    Slow,
    /// A counter, for each of this other one.
    Per(&'static str),
    /// A counter of rare events.
    Rare,
}

/// One row.
struct Known {
    /// Name of the series; with `*` in front any name that ends so.
    name: &'static str,
    /// Conditions, as within the braces of a selector.
    only: &'static str,
    shape: Shape,
    /// Labels to group by, where the family has them; else its component label.
    by: &'static [&'static str],
    why: &'static str,
}

const fn known(name: &'static str, shape: Shape, by: &'static [&'static str], why: &'static str) -> Known {
    Known { name, only: "", shape, by, why }
}

impl Known {
    const fn only(self, only: &'static str) -> Known {
        Known { only, ..self }
    }

    fn conditions(&self) -> Vec<Matcher> {
        match self.only {
            "" => Vec::new(),
            only => Selector::parse(&format!("x{{{only}}}")).expect("conditions of a table are a selector's").matchers,
        }
    }
}

const TABLES: [&[Known]; 15] = [
    process::TABLE,
    go::TABLE,
    jvm::TABLE,
    python::TABLE,
    nodejs::TABLE,
    tokio::TABLE,
    node_exporter::TABLE,
    cadvisor::TABLE,
    kube_state::TABLE,
    nginx::TABLE,
    envoy::TABLE,
    postgres::TABLE,
    redis::TABLE,
    kafka::TABLE,
    rabbitmq::TABLE,
];

pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    for row in TABLES.into_iter().flatten() {
        for (series, family) in found(view, row) {
            if !draft.has(&family.name) {
                row_of(view, draft, row, (&series, family));
            }
        }
    }
}

/// Families that a row means, with the name of the series.
fn found<'a>(view: &View<'a>, row: &Known) -> Vec<(String, &'a Family)> {
    if let Some(ending) = row.name.strip_prefix('*') {
        let fits = |f: &&Family| f.name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
        return view.families().filter(fits).map(|f| (f.name.clone(), f)).collect();
    }
    // The sum and the count of a summary or histogram are series, too.
    let part = || ["_sum", "_count"].iter().find_map(|p| row.name.strip_suffix(p)).and_then(|base| view.family(base));
    view.family(row.name).or_else(part).map(|family| (row.name.to_owned(), family)).into_iter().collect()
}

fn row_of(view: &View<'_>, draft: &mut Draft, row: &Known, (series, family): (&str, &Family)) {
    let conditions = row.conditions();
    if !is_fulfilled(family, &conditions) {
        return;
    }
    let kind = match row.shape {
        Shape::Leak | Shape::High | Shape::Peak | Shape::Low => FormKind::Gauge,
        Shape::Fast | Shape::Slow | Shape::Per(_) => FormKind::Rate,
        Shape::Rare => FormKind::Count,
    };
    let per = match row.shape {
        Shape::Per(other) if !view.has_series(other) => return,
        Shape::Per(other) => Some(selector(other, conditions.clone())),
        _ => None,
    };
    let groups = view.group_by(family, row.by);
    if matches!(row.shape, Shape::Peak) && groups.is_empty() && family.count > 1 {
        return;
    }
    let mut proposal = Proposal::new(draft.name(&[series.trim_end_matches("_total")]), kind, row.why);
    proposal.spec.series = Some(selector(series, conditions));
    proposal.spec.per = per;
    proposal.spec.group_by = groups;
    proposal.spec.worse = match row.shape {
        Shape::Rare => None,
        Shape::Low | Shape::Slow => Some(WorseSpec::Down),
        Shape::Leak | Shape::High | Shape::Peak | Shape::Fast | Shape::Per(_) => Some(WorseSpec::Up),
    };
    match row.shape {
        Shape::Leak => proposal.spec.rise = Some(RISE.to_owned()),
        Shape::Rare => proposal.spec.dimension = DimensionSpec::Resilience,
        _ => {}
    }
    if let Shape::Per(other) = row.shape {
        draft.uses(other);
    }
    draft.add(&family.name, proposal);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn tables_name_each_series_once_and_their_conditions_are_selectors() {
        let mut seen = BTreeSet::new();
        for row in TABLES.into_iter().flatten() {
            row.conditions();
            assert!(seen.insert((row.name, row.only)), "{} is there twice", row.name);
            assert!(row.why.ends_with('.') && row.why.len() < 120, "{}", row.why);
        }
    }
}
