//! From what an expression means to a signal of the same meaning.

use super::expression::labels;
use super::found::Found;
use super::selectors::{extra_of, rest_of, same};
use super::value::{By, Counted, Pace, Value};
use super::words::{Counts, by_condition, by_words};
use crate::documents::quantity::Span;
use crate::documents::signals::{DimensionSpec, FormKind, SignalSpec, WorseSpec};
use crate::signals::proposal::{Proposal, Rank};
use crate::signals::suggest::{is_failure, is_rare};
use scorer::signal::{MatchOp, Matcher, Selector};
use std::time::Duration;

/// The signal that says the same.
///
/// # Errors
/// One sentence: no signal does.
pub(super) fn signal(found: &Found, value: Value, counts: Counts) -> Result<Proposal, String> {
    let mut proposal = Proposal::new(found.name.clone(), FormKind::Ratio, found.title());
    match value {
        Value::Quotient(above, below) => {
            let counts = if counts == Counts::Unsaid {
                agreed(by_words(&found.rule), by_selectors(&above, &below))
            } else {
                counts
            };
            share(&mut proposal, found.objective, above, below, counts)?;
        }
        Value::Complement(above, below) => {
            // What is taken from one is the opposite of what the whole counts.
            let counts = if counts == Counts::Unsaid {
                agreed(by_words(&found.rule).opposite(), by_selectors(&above, &below))
            } else {
                counts.opposite()
            };
            if counts == Counts::Unsaid {
                return Err("says neither what is good nor what is bad".into());
            }
            share(&mut proposal, found.objective, above, below, counts)?;
        }
        Value::Counted(counted) => counted_alone(&mut proposal, counted)?,
        Value::Level(series, by) => level(&mut proposal.spec, &series, &by)?,
        Value::Quantile(..) => {
            return Err("is a quantile without a bound; a signal is the share of answers above a bound: write \
                        `kind: latency` with the threshold that you promise, or `kind: distribution`"
                .into());
        }
        Value::Less(..) => return Err("is a difference of counters, which has no signal".into()),
        Value::Number(_) => return Err("is a constant, not a measurement".into()),
    }
    proposal.spec.component.clone_from(&found.component);
    weigh(&mut proposal);
    Ok(proposal)
}

/// A latency objective of a quantile that stays below a bound: the same as a share of answers within the bound.
pub(super) fn within(found: &Found, quantile: f64, counted: &Counted, bound_s: f64) -> Result<Proposal, String> {
    if counted.by != By::All {
        return Err("has a quantile for each group, and `kind: latency` has no groups".into());
    }
    if !counted.series.name.ends_with("_bucket") {
        return Err(format!("takes a quantile of `{}`, which by its name has no buckets", counted.series.name));
    }
    if !counted.series.name.contains("_seconds") {
        return Err("is a histogram whose bounds are not said to be seconds".into());
    }
    if !(f64::MIN_POSITIVE..1.0).contains(&quantile) {
        return Err(format!("takes the quantile {quantile}, which is not between 0 and 1"));
    }
    let mut proposal = Proposal::new(found.name.clone(), FormKind::Latency, found.title());
    proposal.spec.buckets = Some(counted.series.to_string());
    proposal.spec.threshold = Some(seconds(bound_s)?);
    proposal.spec.objective = Some(rounded(quantile));
    proposal.spec.component.clone_from(&found.component);
    proposal.why.push(format!(
        "The quantile was interpolated within a bucket, and a share is counted at a bound: has the histogram none at \
         {bound_s} s, the next one above it is judged, which is looser."
    ));
    weigh(&mut proposal);
    Ok(proposal)
}

fn share(
    proposal: &mut Proposal,
    objective: Option<f64>,
    above: Counted,
    below: Counted,
    counts: Counts,
) -> Result<(), String> {
    let spec = &mut proposal.spec;
    spec.dimension = DimensionSpec::Business;
    let groups = labels(&above.by)?;
    let (good, rest) = (counts == Counts::Good, rest_of(&above.series, &below.series));
    if groups.is_empty() && good && latency(spec, &above.series, &below.series)? {
        spec.objective = objective;
        return Ok(());
    }
    match (counts, rest) {
        (Counts::Good, _) if groups.is_empty() => {
            spec.good = Some(above.series.to_string());
            spec.total = Some(below.series.to_string());
            spec.objective = objective;
        }
        (Counts::Bad, Some(rest)) if groups.is_empty() => {
            spec.good = Some(rest.to_string());
            spec.total = Some(below.series.to_string());
            spec.objective = objective;
            proposal.why.push(format!("Good are the events that are no {}.", above.series));
        }
        (counts, _) => {
            spec.kind = FormKind::Rate;
            spec.series = Some(above.series.to_string());
            spec.per = Some(below.series.to_string());
            spec.group_by = groups;
            (spec.worse, spec.objective) = match counts {
                Counts::Bad => (Some(WorseSpec::Up), objective.map(|o| rounded(1.0 - o))),
                Counts::Good => (Some(WorseSpec::Down), objective),
                Counts::Unsaid => (Some(WorseSpec::Either), None),
            };
            if counts == Counts::Unsaid {
                spec.dimension = DimensionSpec::Performance;
                proposal.why.push("It is not said whether more of it is worse: any change is, until you say.".into());
            } else if counts == Counts::Bad {
                proposal
                    .why
                    .push("Counted as bad events for each event: what is good has no selector of its own.".into());
            }
        }
    }
    Ok(())
}

/// A share of observations within a bound, if that is what the two are.
fn latency(spec: &mut SignalSpec, above: &Selector, below: &Selector) -> Result<bool, String> {
    let Some(base) = above.name.strip_suffix("_bucket").filter(|base| base.contains("_seconds")) else {
        return Ok(false);
    };
    let le =
        |s: &Selector| s.matchers.iter().find(|m| m.label == "le" && m.op == MatchOp::Equal).map(|m| m.value.clone());
    let (mut buckets, mut total) = (above.clone(), below.clone());
    buckets.matchers.retain(|m| m.label != "le");
    total.matchers.retain(|m| m.label != "le");
    let whole = match below.name.strip_prefix(base) {
        Some("_count") => le(below).is_none(),
        Some("_bucket") => le(below).is_some_and(|bound| bound == "+Inf"),
        _ => false,
    };
    total.name.clone_from(&buckets.name);
    let bound = le(above).and_then(|bound| bound.parse::<f64>().ok()).filter(|bound| bound.is_finite() && *bound > 0.0);
    let (Some(bound), true, true) = (bound, whole, same(&buckets, &total)) else { return Ok(false) };
    spec.kind = FormKind::Latency;
    spec.dimension = DimensionSpec::Performance;
    spec.buckets = Some(buckets.to_string());
    spec.threshold = Some(seconds(bound)?);
    Ok(true)
}

fn counted_alone(proposal: &mut Proposal, counted: Counted) -> Result<(), String> {
    let spec = &mut proposal.spec;
    let counted = counted.settled();
    spec.group_by = labels(&counted.by)?;
    spec.series = Some(counted.series.to_string());
    (spec.kind, spec.worse) = match counted.pace {
        // More of a count is worse, which holds for failures and for what is rare because it is bad, not for traffic.
        Pace::Window if is_of_trouble(&counted.series) => (FormKind::Count, None),
        Pace::Window => {
            proposal.why.push("An increase of what may be good: its rate, of which any change is worse.".to_owned());
            (FormKind::Rate, Some(WorseSpec::Either))
        }
        Pace::Second => (FormKind::Rate, Some(WorseSpec::Either)),
        Pace::Raw => return Err("is a counter and neither its rate nor a share of it".into()),
    };
    Ok(())
}

/// Whether a selector counts failures or rare events, by its name or by one of its conditions.
fn is_of_trouble(series: &Selector) -> bool {
    is_failure(&series.name)
        || is_rare(&series.name)
        || series.matchers.iter().any(|condition| by_condition(condition) == Counts::Bad)
}

fn level(spec: &mut SignalSpec, series: &Selector, by: &By) -> Result<(), String> {
    if ["_total", "_count", "_sum", "_bucket"].iter().any(|ending| series.name.ends_with(ending)) {
        return Err(format!(
            "takes `{}` as it is, which by its name is a counter; its rate can be a signal",
            series.name
        ));
    }
    spec.group_by = labels(by)?;
    spec.kind = FormKind::Gauge;
    spec.series = Some(series.to_string());
    spec.worse = Some(WorseSpec::Either);
    Ok(())
}

/// What a name and a condition say together; where they contradict each other, nothing is said.
fn agreed(name: Counts, selectors: Counts) -> Counts {
    match (name, selectors) {
        (Counts::Unsaid, said) | (said, Counts::Unsaid) => said,
        (a, b) if a == b => a,
        _ => Counts::Unsaid,
    }
}

/// What the condition says that makes the part of the whole.
fn by_selectors(above: &Counted, below: &Counted) -> Counts {
    let within = |m: &Matcher| m.label == "le" && m.op == MatchOp::Equal;
    if above.series.name.ends_with("_bucket") && above.series.matchers.iter().any(within) {
        return Counts::Good;
    }
    match extra_of(&above.series, &below.series).as_deref() {
        Some([only]) => by_condition(only),
        _ => Counts::Unsaid,
    }
}

/// What has an objective asks to decide. Its margin is half of what the objective leaves: the tag before may use the
/// other half.
fn weigh(proposal: &mut Proposal) {
    let Some(objective) = proposal.spec.objective else { return };
    let (rank, left) = match proposal.spec.kind {
        FormKind::Ratio => (Rank::Success, 1.0 - objective),
        FormKind::Latency => (Rank::Latency, 1.0 - objective),
        FormKind::Rate if proposal.spec.worse == Some(WorseSpec::Up) => (Rank::Success, objective),
        FormKind::Rate => (Rank::Success, 1.0 - objective),
        FormKind::Gauge | FormKind::Count | FormKind::Distribution | FormKind::Query => return,
    };
    let half = rounded(left * 100.0 / 2.0);
    if half > 0.0 {
        proposal.rank = Some(rank);
        proposal.gate_margin = Some(format!("{half}pp"));
        proposal.why.push(format!("The margin is half of what its objective of {objective} leaves."));
    }
}

fn seconds(bound_s: f64) -> Result<Span, String> {
    let span =
        Duration::try_from_secs_f64(bound_s).map_err(|_| format!("has the bound {bound_s}, which is no time"))?;
    if span.as_micros() == 0 {
        Err(format!("has the bound {bound_s} s, too small to be written"))
    } else {
        Ok(Span(span))
    }
}

/// Without what binary fractions add: 99.9 by 100 is 0.9990000000000001.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}
