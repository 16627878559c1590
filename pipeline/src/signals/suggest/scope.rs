//! What a person narrowed the look to holds for the signals, too: otherwise they would select series that nobody looked
//! at, such as those of another namespace.

use crate::signals::proposal::Proposal;
use scorer::signal::{MatchOp, Matcher, Selector};
use std::collections::BTreeSet;

/// The conditions that hold for whatever one of these selectors selects. The name of a metric is none of them. Labels for
/// which each of them wants one value are joined: `{job="a"}` and `{job="b"}` are `job=~"a|b"`.
pub fn scope(selectors: &[Selector]) -> Vec<Matcher> {
    let Some((first, others)) = selectors.split_first() else { return Vec::new() };
    let everywhere = |m: &Matcher| others.iter().all(|other| other.matchers.contains(m));
    let common = |m: &Matcher| if everywhere(m) { Some(m.clone()) } else { joined(&m.label, selectors) };
    first.matchers.iter().filter(of_series).filter_map(common).collect()
}

/// What to tell of selectors that select less than the signals for them do; `None`: their conditions hold alike.
pub fn widened(selectors: &[Selector]) -> Option<String> {
    let scope = scope(selectors);
    let beside = |m: &&Matcher| of_series(m) && !scope.contains(m);
    let whole = |one: &Selector| one.name.is_empty() && !one.matchers.iter().any(|m| beside(&m));
    let labels: BTreeSet<&str> =
        selectors.iter().flat_map(|one| &one.matchers).filter(beside).map(|m| m.label.as_str()).collect();
    let join = |label: &&str| scope.iter().any(|m| m.label == **label && m.op == MatchOp::Matches);
    let nameless = selectors.iter().all(|one| one.name.is_empty());
    let exact =
        labels.is_empty() || selectors.iter().any(whole) || (nameless && labels.len() == 1 && labels.iter().all(join));
    let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
    (!exact).then(|| {
        format!(
            "The --match differ in conditions on {labels}, which one selector cannot say: signals may select series that \
             nobody looked at here. Look once for each of them, or read the selectors below."
        )
    })
}

/// Of the series, and not of parts of one histogram or summary.
fn of_series(m: &&Matcher) -> bool {
    !["le", "quantile", "__name__"].contains(&m.label.as_str())
}

/// The values of a label of which each selector wants exactly one.
fn joined(label: &str, selectors: &[Selector]) -> Option<Matcher> {
    let value = |one: &Selector| {
        let mut own = one.matchers.iter().filter(|m| m.label == label);
        own.next().filter(|m| m.op == MatchOp::Equal && own.next().is_none()).map(|m| regex::escape(&m.value))
    };
    let values: BTreeSet<String> = selectors.iter().map(value).collect::<Option<_>>()?;
    let pattern = values.into_iter().collect::<Vec<_>>().join("|");
    Some(Matcher { label: label.to_owned(), op: MatchOp::Matches, value: pattern })
}

/// Adds conditions to every selector of a proposal, where none of its own says as much. `false`: one of its texts, with
/// them or without, is no selector, such as one with a value of several thousand bytes.
#[must_use]
pub(super) fn narrow(proposal: &mut Proposal, scope: &[Matcher]) -> bool {
    let spec = &mut proposal.spec;
    for text in
        [&mut spec.good, &mut spec.total, &mut spec.buckets, &mut spec.series, &mut spec.per].into_iter().flatten()
    {
        let Ok(mut selector) = Selector::parse(text) else { return false };
        let pinned =
            |m: &&Matcher| selector.matchers.iter().any(|own| own.label == m.label && own.op == MatchOp::Equal);
        let missing: Vec<Matcher> = scope.iter().filter(|m| !pinned(m)).cloned().collect();
        selector.matchers.extend(missing);
        *text = selector.to_string();
        if Selector::parse(text).is_err() {
            return false;
        }
    }
    true
}
