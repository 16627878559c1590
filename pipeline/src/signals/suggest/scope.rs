//! What a person narrowed the look to holds for the signals, too: otherwise they would select series that nobody looked
//! at, such as those of another namespace.

use crate::signals::proposal::Proposal;
use scorer::signal::{MatchOp, Matcher, Selector};

/// The conditions that all of these selectors have. The name of a metric is none of them.
pub fn scope(selectors: &[Selector]) -> Vec<Matcher> {
    let Some((first, others)) = selectors.split_first() else { return Vec::new() };
    let everywhere = |m: &&Matcher| others.iter().all(|other| other.matchers.contains(m));
    // These tell parts of one histogram or summary apart.
    let of_series = |m: &&Matcher| !["le", "quantile", "__name__"].contains(&m.label.as_str());
    first.matchers.iter().filter(everywhere).filter(of_series).cloned().collect()
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
