//! Durations: the share of answers above a bound, whole distributions, and means where nothing else is there (the D of
//! RED).

use super::draft::Draft;
use super::requests::base;
use super::view::{Component, MOST_COMPONENTS, View, is_client, is_of_a_mesh, is_request, named, protocol, usualness};
use crate::documents::quantity::Span;
use crate::documents::signals::{FormKind, WorseSpec};
use crate::signals::proposal::{Proposal, Rank, matcher, selector};
use probes::metrics::catalogue::{Family, FamilyKind};
use scorer::signal::MatchOp;
use std::collections::BTreeSet;
use std::time::Duration;

/// Where a threshold is looked for first, seconds: about when people notice that they wait.
const NOTICED_S: f64 = 0.25;

/// One point in a hundred answers.
const MARGIN: &str = "1pp";

/// Unit of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
}

/// Unit of a family of durations, by its declaration or its name; `None`: it is no duration, or nothing says so.
fn unit(family: &Family) -> Option<Unit> {
    let name = family.name.as_str();
    match family.unit.as_str() {
        "seconds" | "s" => return Some(Unit::Seconds),
        "milliseconds" | "ms" => return Some(Unit::Millis),
        _ => {}
    }
    let has = |words: &[&str]| words.iter().any(|word| name.ends_with(word) || name.contains(&format!("{word}_")));
    if has(&["_milliseconds", "_millis", "_ms"]) {
        Some(Unit::Millis)
    } else if has(&["_seconds"]) {
        Some(Unit::Seconds)
    } else {
        // Envoy's histograms are milliseconds and do not say so.
        (name.starts_with("envoy_") && name.ends_with("_time")).then_some(Unit::Millis)
    }
}

/// Answered requests: one histogram for each component and protocol.
pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    let mut told: BTreeSet<(Component, &str)> = BTreeSet::new();
    let about = |family: &&Family| is_request(&family.name) && !is_client(&family.name) && unit(family).is_some();
    let mut families: Vec<&Family> = view.families().filter(about).collect();
    // What components say themselves comes first; histograms say more than summaries, usual names more than others.
    families
        .sort_by_key(|f| (is_of_a_mesh(&f.name), f.kind != FamilyKind::Histogram, usualness(&f.name), f.name.clone()));
    for family in families {
        let components = view.components(family);
        if components.len() > MOST_COMPONENTS {
            continue;
        }
        // It has the bounds of its filled buckets only, so that no share within one of them can be promised.
        let mut used = family.kind == FamilyKind::NativeHistogram;
        for component in components {
            let key = (component, protocol(&family.name));
            if told.contains(&key) {
                continue;
            }
            let Some(proposal) = of_component(view, draft, family, &key.0) else { continue };
            let twin = told.iter().any(|(other, protocol)| *protocol == key.1 && key.0.is_twin_of(other));
            let ranked = !view.is_exporter(&key.0) && !twin;
            draft.add(&family.name, if ranked { proposal } else { Proposal { rank: None, ..proposal } });
            told.insert(key);
            used = true;
        }
        if used && matches!(family.kind, FamilyKind::Histogram | FamilyKind::NativeHistogram) {
            let proposal = whole(view, draft, family);
            draft.add(&family.name, proposal);
        }
    }
}

/// Every other duration: its whole distribution, or its mean.
pub(super) fn propose_beside(view: &View<'_>, draft: &mut Draft) {
    for family in view.families().filter(|family| unit(family).is_some()) {
        // What became of calls says nothing of how long they took.
        let told = draft.has(&family.name) && !is_client(&family.name);
        if told || is_request(&family.name) && !is_client(&family.name) {
            continue;
        }
        let proposal = match family.kind {
            FamilyKind::Histogram if !common_bounds(family, &Component { label: None }).is_empty() => {
                whole(view, draft, family)
            }
            FamilyKind::NativeHistogram => whole(view, draft, family),
            FamilyKind::Histogram | FamilyKind::Summary => {
                mean(view, draft.name(&[stem(&family.name), "mean"]), family)
            }
            _ => continue,
        };
        draft.add(&family.name, proposal);
    }
}

fn of_component(view: &View<'_>, draft: &mut Draft, family: &Family, component: &Component) -> Option<Proposal> {
    match family.kind {
        FamilyKind::Histogram => share(draft, family, component),
        FamilyKind::Summary => {
            let mut proposal =
                mean(view, draft.name(&[&component.prefix(), &named(&family.name, "mean-latency")]), family);
            proposal.spec.group_by.clear();
            proposal.spec.component = component.name();
            let all = base(family, component);
            proposal.spec.series = Some(selector(&format!("{}_sum", family.name), all.clone()));
            proposal.spec.per = Some(selector(&format!("{}_count", family.name), all));
            Some(proposal.ranked(Rank::Latency, "10%"))
        }
        _ => None,
    }
}

/// Positive bounds that every histogram of a component has, rising, with their texts; the endless one is none.
fn common_bounds(family: &Family, component: &Component) -> Vec<(f64, String)> {
    let mut own = family.series.iter().filter(|one| component.has(one));
    let finite =
        |text: &String| text.parse::<f64>().ok().filter(|b| b.is_finite() && *b > 0.0).map(|b| (b, text.clone()));
    let Some(first) = own.next() else { return Vec::new() };
    let mut common: Vec<(f64, String)> = first.bounds.iter().filter_map(finite).collect();
    for one in own {
        let bounds: Vec<f64> = one.bounds.iter().filter_map(|text| text.parse().ok()).collect();
        common.retain(|(bound, _)| bounds.contains(bound));
    }
    common
}

/// The share of answers above the bound that comes next after what people notice.
fn share(draft: &mut Draft, family: &Family, component: &Component) -> Option<Proposal> {
    let unit = unit(family)?;
    let noticed = if unit == Unit::Seconds { NOTICED_S } else { NOTICED_S * 1000.0 };
    let bounds = common_bounds(family, component);
    let (bound, text) = bounds.iter().find(|(bound, _)| *bound >= noticed).or(bounds.last())?.clone();
    let threshold = match unit {
        Unit::Seconds => Some(threshold(bound)?),
        Unit::Millis => None,
    };
    let (buckets, all) = (format!("{}_bucket", family.name), base(family, component));
    let why = format!(
        "Share of answers{} within {text} {}, a bound of the histogram; take the one that your users feel (there are: {}).",
        component.of(),
        if unit == Unit::Seconds { "s" } else { "ms" },
        bounds.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ")
    );
    let kind = if unit == Unit::Seconds { FormKind::Latency } else { FormKind::Ratio };
    let mut proposal = Proposal::new(draft.name(&[&component.prefix(), &named(&family.name, "latency")]), kind, why);
    match unit {
        Unit::Seconds => {
            proposal.spec.buckets = Some(selector(&buckets, all));
            proposal.spec.threshold = threshold;
        }
        Unit::Millis => {
            // `threshold` is compared with bounds in seconds; the bucket itself says the same in any unit. Servers may
            // write a whole bound with a point.
            let whole = format!("{}(\\.0)?", regex::escape(text.trim_end_matches(".0")));
            let within = matcher("le", MatchOp::Matches, &whole);
            proposal.spec.good = Some(selector(&buckets, all.iter().cloned().chain([within])));
            proposal.spec.total = Some(selector(&format!("{}_count", family.name), all));
            proposal.why.push(
                "Its buckets are milliseconds, which `kind: latency` does not read: the bucket stands for the good ones."
                    .to_owned(),
            );
        }
    }
    proposal.spec.component = component.name();
    proposal.open_objective = Some("0.95");
    Some(proposal.ranked(Rank::Latency, MARGIN))
}

/// A bound as a threshold; `None`: it is no length of time, or too short to be written.
fn threshold(bound_s: f64) -> Option<Span> {
    Duration::try_from_secs_f64(bound_s).ok().filter(|bound| bound.as_micros() > 0).map(Span)
}

/// The whole distribution.
fn whole(view: &View<'_>, draft: &mut Draft, family: &Family) -> Proposal {
    let why = format!("All of {}, not one bound of it: how probable a longer one than before is.", family.name);
    let mut proposal = Proposal::new(draft.name(&[stem(&family.name), "distribution"]), FormKind::Distribution, why);
    proposal.spec.buckets =
        Some(selector(&format!("{}_bucket", family.name), base(family, &Component { label: None })));
    proposal.spec.group_by = view.group_by(family, &[]);
    if family.kind == FamilyKind::NativeHistogram {
        proposal
            .why
            .push("A native histogram: read through a metrics server, which makes its buckets `le` series.".into());
    }
    proposal
}

/// The mean, from sum and count.
fn mean(view: &View<'_>, name: String, family: &Family) -> Proposal {
    let of = &family.name;
    let why = format!("Mean of {of}: it has no buckets, and quantiles that a client computed cannot be judged.");
    let mut proposal = Proposal::new(name, FormKind::Rate, why);
    proposal.spec.series = Some(format!("{of}_sum"));
    proposal.spec.per = Some(format!("{of}_count"));
    proposal.spec.worse = Some(WorseSpec::Up);
    proposal.spec.group_by = view.group_by(family, &[]);
    proposal
}

/// A name without its unit.
pub(super) fn stem(name: &str) -> &str {
    ["_seconds", "_milliseconds", "_ms"].iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name)
}
