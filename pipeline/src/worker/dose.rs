//! The dose at which an experiment begins to break a tag, with an interval.

use super::laboratory::{Laboratory, TrialError};
use chaos::document::Scale;
use chaos::threshold::{Interval, Threshold};
use serde::Serialize;

/// Probability with which a threshold lies in its interval.
pub const LEVEL: f64 = 0.9;
/// A threshold is known well enough when its interval is as narrow as this factor.
const NARROW: f64 = 1.5;
/// Most trials for one threshold.
const TRIALS_MAX: usize = 12;

/// Tries one dose after the other, each where the answer tells most, until the threshold is known well enough. `trial`
/// answers whether the tag broke; `None` when it cannot be known, which ends the search as it stands.
///
/// # Errors
/// A trial could not be run.
pub async fn estimate(
    threshold: &mut Threshold,
    mut trial: impl AsyncFnMut(f64) -> Result<Option<bool>, TrialError>,
) -> Result<(), TrialError> {
    while threshold.trials().len() < TRIALS_MAX {
        let dose = threshold.next();
        // What a void trial would have shown is not known: the interval stays as wide as it is.
        let Some(broke) = trial(dose).await? else { break };
        threshold.observe(dose, broke);
        let Interval { low, high, .. } = threshold.interval(LEVEL);
        if high / low <= NARROW {
            break;
        }
    }
    Ok(())
}

/// What a tag bears of a scale of doses.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The tag.
    pub tag: String,
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
    let mut at = async |strength: f64| -> Result<Option<bool>, TrialError> {
        let experiment =
            scale.at(strength).map_err(|problem| anyhow::anyhow!("{}: {}", problem.key, problem.message))?;
        let what = format!("{} {}", scale.name(), scale.written(strength));
        Ok(laboratory.told(&experiment, seed, (&what, told)).await?.trial.broke())
    };
    let Some(broke) = at(strongest).await? else {
        return Ok(None);
    };
    threshold.observe(strongest, broke);
    if broke {
        estimate(&mut threshold, at).await?;
    }
    let Interval { low, median, high } = threshold.interval(LEVEL);
    let written =
        || Written { weaker: scale.written(low), median: scale.written(median), stronger: scale.written(high) };
    Ok(Some(Response {
        tag: laboratory.tag().to_owned(),
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
        let ended = estimate(&mut threshold, async |_| {
            asked += 1;
            Ok((asked < 3).then_some(true))
        });
        ended.await.unwrap();
        assert_eq!((asked, threshold.trials().len()), (3, 2));
    }

    #[tokio::test]
    async fn trials_are_few_and_end_when_enough_is_known() {
        let mut threshold = Threshold::between(1.0, 100.0);
        threshold.observe(100.0, true);
        estimate(&mut threshold, async |dose| Ok(Some(dose >= 20.0))).await.unwrap();
        let Interval { low, high, .. } = threshold.interval(LEVEL);
        assert!(low <= 20.0 && high >= 20.0 && high / low <= NARROW, "{low} to {high}");
        assert!(threshold.trials().len() <= TRIALS_MAX);
    }
}
