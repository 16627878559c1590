//! Selectors of PromQL as ours. One that ours cannot say is refused, never loosened.

use promql_parser::label::MatchOp as Theirs;
use promql_parser::parser::VectorSelector;
use scorer::signal::{MatchOp, Matcher, Selector};

pub(super) fn selector(theirs: &VectorSelector) -> Result<Selector, String> {
    if theirs.offset.is_some() || theirs.at.is_some() {
        return Err("looks at another time (`offset` or `@`); signals look at the moment of the sample".into());
    }
    if !theirs.matchers.or_matchers.is_empty() {
        return Err("its selector has `or` between conditions; a signal's conditions must all hold".into());
    }
    let mut name = theirs.name.clone().unwrap_or_default();
    let mut matchers = Vec::new();
    for matcher in &theirs.matchers.matchers {
        let op = match &matcher.op {
            Theirs::Equal => MatchOp::Equal,
            Theirs::NotEqual => MatchOp::NotEqual,
            Theirs::Re(_) => MatchOp::Matches,
            Theirs::NotRe(_) => MatchOp::NotMatches,
        };
        match (matcher.name.as_str(), op) {
            ("__name__", MatchOp::Equal) if name.is_empty() => name.clone_from(&matcher.value),
            ("__name__", _) => return Err("selects several metric names; a signal names one".into()),
            _ => matchers.push(Matcher { label: matcher.name.clone(), op, value: matcher.value.clone() }),
        }
    }
    if name.is_empty() {
        return Err("names no metric".into());
    }
    let ours = Selector { name, matchers };
    match Selector::parse(&ours.to_string()) {
        Ok(read) if read == ours => Ok(ours),
        Ok(_) => Err(format!("its selector `{ours}` cannot be written as a signal's")),
        Err(error) => Err(format!("its selector cannot be written as a signal's: {error}")),
    }
}

/// All of `total` that `part` leaves: defined where `part` is `total` with exactly one condition more.
pub(super) fn rest_of(part: &Selector, total: &Selector) -> Option<Selector> {
    let [extra] = extra_of(part, total)?.try_into().ok()?;
    let op = match extra.op {
        MatchOp::Equal => MatchOp::NotEqual,
        MatchOp::NotEqual => MatchOp::Equal,
        MatchOp::Matches => MatchOp::NotMatches,
        MatchOp::NotMatches => MatchOp::Matches,
    };
    let mut rest = total.clone();
    rest.matchers.push(Matcher { op, ..extra });
    Some(rest)
}

/// The conditions that `part` has beyond those of `total`; `None`: it is no part of it.
pub(super) fn extra_of(part: &Selector, total: &Selector) -> Option<Vec<Matcher>> {
    let within = part.name == total.name && total.matchers.iter().all(|m| part.matchers.contains(m));
    within.then(|| part.matchers.iter().filter(|m| !total.matchers.contains(m)).cloned().collect())
}

/// Whether two selectors select the same, whatever the order of their conditions.
pub(super) fn same(a: &Selector, b: &Selector) -> bool {
    extra_of(a, b).is_some_and(|extra| extra.is_empty()) && extra_of(b, a).is_some_and(|extra| extra.is_empty())
}
