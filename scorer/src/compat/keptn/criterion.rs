//! One criterion of an objective, such as `<=+10%` or `<600`, and sets of them.
//!
//! The grammar of the lighthouse service of keptn/keptn: operator, optional sign, number, optional `%`. A sign or a
//! `%` makes the criterion relative to earlier results; without sign `%` means an increase.

use serde::Serialize;

/// How the measured value is compared with the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Operator {
    /// The longer spellings come before those that they start with.
    const SPELLINGS: [(&'static str, Self); 5] =
        [("<=", Self::AtMost), ("<", Self::Less), ("=", Self::Equal), (">=", Self::AtLeast), (">", Self::Greater)];

    /// Whether `measured` keeps the relation to `target`; never for NaN.
    pub fn holds(self, measured: f64, target: f64) -> bool {
        match self {
            Self::Less => measured < target,
            Self::AtMost => measured <= target,
            Self::Equal => measured == target,
            Self::AtLeast => measured >= target,
            Self::Greater => measured > target,
        }
    }
}

/// Side on which the target of a relative criterion lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Above the earlier value.
    Increase,
    /// Below the earlier value.
    Decrease,
}

/// Unit of a relative criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Percent of the earlier value.
    Percent,
    /// The unit of the value itself.
    Own,
}

/// What the number of a criterion means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The target itself.
    Fixed,
    /// Distance from the earlier value.
    Earlier(Change, Unit),
}

/// A criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// The criterion as it was written.
    pub text: String,
    /// Relation.
    pub operator: Operator,
    /// Number.
    pub value: f64,
    /// What the number means.
    pub reference: Reference,
}

/// Why a criterion cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CriterionError {
    /// It does not start with an operator.
    #[error("no operator; start with one of <, <=, =, >=, >, as in \"<=+10%\"")]
    NoOperator,
    /// What follows the operator is no finite number.
    #[error("no number after the operator; write a limit as in \"<600\" or a change as in \"<=+10%\"")]
    NoNumber,
}

impl Criterion {
    /// Reads a criterion; spaces do not count.
    pub fn parse(text: &str) -> Result<Self, CriterionError> {
        let compact = text.replace(' ', "");
        let (operator, rest) = Operator::SPELLINGS
            .iter()
            .find_map(|(spelling, operator)| Some((*operator, compact.strip_prefix(spelling)?)))
            .ok_or(CriterionError::NoOperator)?;
        let (rest, unit) = rest.strip_suffix('%').map_or((rest, Unit::Own), |rest| (rest, Unit::Percent));
        let (number, reference) = if let Some(number) = rest.strip_prefix('-') {
            (number, Reference::Earlier(Change::Decrease, unit))
        } else if let Some(number) = rest.strip_prefix('+') {
            (number, Reference::Earlier(Change::Increase, unit))
        } else if unit == Unit::Percent {
            (rest, Reference::Earlier(Change::Increase, unit))
        } else {
            (rest, Reference::Fixed)
        };
        let value = number.parse().ok().filter(|v: &f64| v.is_finite()).ok_or(CriterionError::NoNumber)?;
        Ok(Self { text: text.to_owned(), operator, value, reference })
    }

    /// The target, given the aggregate of earlier results; `None` if there is nothing to compare with.
    pub fn target(&self, earlier: Option<f64>) -> Option<f64> {
        let Reference::Earlier(change, unit) = self.reference else { return Some(self.value) };
        let distance = match change {
            Change::Increase => self.value,
            Change::Decrease => -self.value,
        };
        earlier.map(|earlier| match unit {
            Unit::Percent => earlier * (100.0 + distance) / 100.0,
            Unit::Own => earlier + distance,
        })
    }

    /// Compares a measured value; a relative criterion without earlier results holds.
    pub fn check(&self, measured: f64, earlier: Option<f64>) -> Target {
        let target = self.target(earlier);
        let violated = target.is_some_and(|target| !self.operator.holds(measured, target));
        Target { criterion: self.text.clone(), value: target, violated }
    }

    /// The outcome where nothing was measured: violated; a relative criterion names the earlier value itself.
    pub(crate) fn unmet(&self, earlier: Option<f64>) -> Target {
        let value = match self.reference {
            Reference::Fixed => Some(self.value),
            Reference::Earlier(..) => earlier,
        };
        Target { criterion: self.text.clone(), value, violated: true }
    }
}

/// Outcome of one criterion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The criterion as it was written.
    pub criterion: String,
    /// What the value was compared with; `None` if there was nothing to compare with.
    pub value: Option<f64>,
    /// Whether the criterion does not hold.
    pub violated: bool,
}

/// Whether all criteria of at least one set hold, and the outcome of every criterion. A set without criteria holds.
pub fn any_set(sets: &[Vec<Criterion>], measured: f64, earlier: Option<f64>) -> (bool, Vec<Target>) {
    let outcomes: Vec<Vec<Target>> =
        sets.iter().map(|set| set.iter().map(|c| c.check(measured, earlier)).collect()).collect();
    let satisfied = outcomes.iter().any(|set| set.iter().all(|target| !target.violated));
    (satisfied, outcomes.concat())
}
