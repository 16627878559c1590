//! The dose at which an experiment begins to break a tag, with an interval.

use super::laboratory::{Laboratory, TrialError};
use chaos::document::Scale;
use chaos::threshold::{Interval, Threshold};
use serde::Serialize;

/// Probability with which a threshold lies in its interval.
pub const LEVEL: f64 = 0.9;
/// A threshold is known well enough when its interval is as narrow as this factor.
const NARROW: f64 = 1.5;
/// Trials of the strongest dose that a tag must bear to count as bearing it.
const STRONGEST_TRIALS: u32 = 3;
/// Most trials for one threshold.
const TRIALS_MAX: usize = 12;

/// How a search for a threshold ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Searched {
    /// It is known well enough, or as well as so many trials can tell.
    Whole,
    /// A trial said nothing: what is known is what was known before.
    CutShort,
}

/// Tries one dose after the other, each where the answer tells most, until the threshold is known well enough. `trial`
/// answers which dose was really tried, and whether the tag broke; `None` when that cannot be known.
///
/// # Errors
/// A trial could not be run.
pub async fn estimate(
    threshold: &mut Threshold,
    mut trial: impl AsyncFnMut(f64) -> Result<Option<(f64, bool)>, TrialError>,
) -> Result<Searched, TrialError> {
    while threshold.trials().len() < TRIALS_MAX {
        // What a void trial would have shown is not known: the interval stays as wide as it is.
        let Some((dose, broke)) = trial(threshold.next()).await? else { return Ok(Searched::CutShort) };
        threshold.observe(dose, broke);
        let Interval { low, high, .. } = threshold.interval(LEVEL);
        if high / low <= NARROW {
            break;
        }
    }
    Ok(Searched::Whole)
}

/// What a tag bears of a scale of doses.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The tag.
    pub tag: String,
    /// How the search ended.
    pub searched: Searched,
    /// Doses as documents write them, and whether each broke the tag, in the order of the trials.
    pub trials: Vec<(String, bool)>,
    /// Dose at which it begins to break, as documents write it; `None` when it bore the strongest.
    pub breaks_at: Option<Written>,
    /// What is known, over strengths.
    #[serde(skip)]
    pub threshold: Threshold,
}

/// An interval as documents write doses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// The end that is the weaker dose.
    pub weaker: String,
    /// Median.
    pub median: String,
    /// The end that is the stronger dose.
    pub stronger: String,
}

/// Trials of a tag over a scale: the strongest dose first, because what bears it bears the others; `None` when that says
/// nothing.
///
/// # Errors
/// Stopped, or a trial could not be run.
pub async fn respond(
    laboratory: &mut Laboratory,
    (scale, seed): (&Scale, u64),
    told: &dyn Fn(&str),
) -> Result<Option<Response>, TrialError> {
    let strongest = scale.strongest();
    let mut threshold = Threshold::between(1.0, strongest);
    let mut at = async |strength: f64| -> Result<Option<(f64, bool)>, TrialError> {
        let experiment =
            scale.at(strength).map_err(|problem| anyhow::anyhow!("{}: {}", problem.key, problem.message))?;
        let what = format!("{} {}", scale.name(), scale.written(strength));
        let broke = laboratory.told(&experiment, seed, (&what, told)).await?.trial.broke();
        Ok(broke.map(|broke| (scale.settled(strength), broke)))
    };
    let mut broke = 0;
    for tried in 0..STRONGEST_TRIALS {
        let Some((_, broken)) = at(strongest).await? else {
            return Ok(None);
        };
        threshold.observe(strongest, broken);
        broke += u32::from(broken);
        // One that breaks at once is worth the other doses; one that holds must do so again.
        if broken && tried == 0 {
            break;
        }
    }
    let broke = broke > 0;
    let searched = if broke { estimate(&mut threshold, at).await? } else { Searched::Whole };
    let Interval { low, median, high } = threshold.interval(LEVEL);
    let written =
        || Written { weaker: scale.written(low), median: scale.written(median), stronger: scale.written(high) };
    Ok(Some(Response {
        tag: laboratory.tag().to_owned(),
        searched,
        trials: threshold.trials().iter().map(|(strength, broke)| (scale.written(*strength), *broke)).collect(),
        breaks_at: broke.then(written),
        threshold,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_void_trial_ends_the_search_as_it_stands() {
        let mut threshold = Threshold::between(1.0, 100.0);
        let mut asked = 0;
        let ended = estimate(&mut threshold, async |dose| {
            asked += 1;
            Ok((asked < 3).then_some((dose, true)))
        });
        assert_eq!(ended.await.unwrap(), Searched::CutShort);
        assert_eq!((asked, threshold.trials().len()), (3, 2));
    }

    #[tokio::test]
    async fn trials_are_few_and_end_when_enough_is_known() {
        let mut threshold = Threshold::between(1.0, 100.0);
        threshold.observe(100.0, true);
        let searched = estimate(&mut threshold, async |dose| Ok(Some((dose, dose >= 20.0)))).await.unwrap();
        assert_eq!(searched, Searched::Whole);
        let Interval { low, high, .. } = threshold.interval(LEVEL);
        assert!(low <= 20.0 && high >= 20.0 && high / low <= NARROW, "{low} to {high}");
        assert!(threshold.trials().len() <= TRIALS_MAX);
    }
}
