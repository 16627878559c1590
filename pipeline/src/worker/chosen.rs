//! Soaks that a query chooses.

use super::across::{Level, bundle_of, scanned};
use super::copies;
use super::installation::Installation;
use super::sources::{Sources, Truth};
use crate::builtin;
use crate::soak::Soak;
use crate::soak::query::{Facts, Query};
use chrono::Utc;
use scorer::Signal;
use scorer::form::unit_of;
use std::collections::BTreeMap;

/// The answer to a query.
#[derive(Clone, Debug, Default)]
pub struct Answer<'a> {
    /// Soaks that were chosen.
    pub chosen: Vec<Chosen<'a>>,
    /// Soaks of which it is open, because their evidence cannot be read.
    pub unread: Vec<&'a Soak>,
}

/// A soak that was chosen.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    /// The soak.
    pub soak: &'a Soak,
    /// Levels of the metrics that the query asks for.
    pub levels: Vec<Level>,
}

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct QueryProblems(pub Vec<String>);

/// Asks `soaks`, which are [`watched`](super::across::watched), the query `text`. What of their evidence the bucket alone
/// has is fetched where the query needs it.
///
/// # Errors
/// [`QueryProblems`], the documents of the newest soak cannot be read, or the bucket cannot be asked.
pub async fn chosen<'a>(
    installation: &Installation,
    sources: &Sources,
    truth: &Truth,
    soaks: &'a [Soak],
    text: &str,
) -> anyhow::Result<Answer<'a>> {
    // Without soaks there is nothing to choose from, and nothing that says which signals there are.
    let Some(newest) = soaks.last() else { return Ok(Answer::default()) };
    let all = builtin::signals(&bundle_of(sources, truth, newest).await?);
    let tags: Vec<&str> = truth.tags.iter().map(|seen| seen.tag.name.as_str()).collect();
    let unit = |metric: &str| all.iter().find(|signal| names(metric, signal)).map(|signal| unit_of(&signal.form));
    let query = Query::parse(text, &tags, unit).map_err(QueryProblems)?;
    let facts = |soak: &'a Soak| {
        let judgement = soak.judgement.as_ref();
        Some(Facts {
            tag: &soak.tag,
            place: tags.iter().position(|tag| *tag == soak.tag)?,
            verdict: judgement.map(|judgement| judgement.verdict),
            score: judgement.and_then(|judgement| judgement.score),
            age: (Utc::now() - soak.ended_at?).to_std().ok(),
            levels: None,
        })
    };
    let mut left: Vec<(&Soak, Facts<'_>)> = soaks.iter().filter_map(|soak| Some((soak, facts(soak)?))).collect();
    left.retain(|(_, facts)| query.chooses(facts));
    let asked = query.metrics();
    if asked.is_empty() {
        let chosen = left.into_iter().map(|(soak, _)| Chosen { soak, levels: Vec::new() }).collect();
        return Ok(Answer { chosen, unread: Vec::new() });
    }
    let signals: Vec<Signal> =
        all.iter().filter(|signal| asked.iter().any(|metric| names(metric, signal))).cloned().collect();
    let looked_at: Vec<&Soak> = left.iter().map(|(soak, _)| *soak).collect();
    copies::bring_missing_of(installation, &looked_at).await?;
    let read = scanned(installation, &looked_at, signals).await?;
    let mut answer = Answer { chosen: Vec::new(), unread: Vec::new() };
    for ((soak, facts), levels) in left.into_iter().zip(read) {
        let Some(mut levels) = levels else {
            answer.unread.push(soak);
            continue;
        };
        levels.retain(|level| asked.contains(level.metric.as_str()));
        let known: BTreeMap<String, f64> = levels.iter().map(|one| (one.metric.clone(), one.level)).collect();
        if query.chooses(&Facts { levels: Some(&known), ..facts }) {
            answer.chosen.push(Chosen { soak, levels });
        }
    }
    Ok(answer)
}

/// Whether a metric is a signal or one of its groups.
fn names(metric: &str, signal: &Signal) -> bool {
    metric.strip_prefix(signal.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}
