//! What was looked at and not proposed, and why.

use super::draft::Draft;
use super::leaks::is_limit;
use super::levels::is_stamp;
use super::view::{MOST_COMPONENTS, View, is_client, is_machinery, is_request, is_sayable};
use probes::metrics::catalogue::{Catalogue, Family, FamilyKind};
use std::collections::BTreeMap;

/// Why a family is not proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// What scrapers and Mettle count of themselves.
    Machinery,
    /// Info families.
    Describes,
    /// Moments in time.
    Stamp,
    /// Limits.
    Limit,
    /// Native histograms that are no durations.
    Native,
    /// A second counter or histogram of requests that another one speaks for.
    SameRequests,
    /// Quantiles without sum and count, or of no duration.
    Quantiles,
    /// Counters that tell no failures.
    NoFailures,
    /// Gauges of which nobody knows which direction is worse.
    NoDirection,
    /// No declared type.
    NoType,
    /// Components that nobody would read signals of.
    TooMany,
    /// Names or values that no selector can say.
    Unwritten,
}

impl Reason {
    /// Behind a number of families.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Machinery => "about scrapers or Mettle itself, not about the product",
            Reason::Describes => "that describe and do not measure",
            Reason::Stamp => "that are moments in time",
            Reason::Limit => "that are limits, which do not move by themselves",
            Reason::Native => {
                "with native histograms of no duration; `kind: distribution` of NAME_bucket reads one through a metrics server"
            }
            Reason::SameRequests => "of requests that a signal above counts already, or of their sizes",
            Reason::Quantiles => "of quantiles or sizes, which tell nobody what is worse",
            Reason::NoFailures => "that count events but not which of them failed",
            Reason::NoDirection => "whose worse direction no convention tells; write `kind: gauge` for what you know",
            Reason::TooMany => "with more than 30 components; narrow the look with --match",
            Reason::Unwritten => {
                "of which a signal cannot be written: its name has other characters than letters, digits, `_` and `:`, or \
                 its selector is longer than 4096 bytes"
            }
            Reason::NoType => "without a type: `# TYPE` or the server's metadata would tell",
        }
    }
}

/// Families of one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Why.
    pub reason: Reason,
    /// Names, sorted.
    pub families: Vec<String>,
}

/// Every family that no proposal speaks for, or of which one cannot be written.
pub(super) fn of(catalogue: &Catalogue, view: &View<'_>, draft: &Draft) -> Vec<PassedOver> {
    let mut all: BTreeMap<Reason, Vec<String>> = BTreeMap::new();
    let untold = |family: &&Family| !draft.has(&family.name) || draft.is_unwritten(&family.name);
    for family in catalogue.families.iter().filter(untold) {
        let reason = if draft.is_unwritten(&family.name) || !is_sayable(&family.name) {
            Reason::Unwritten
        } else if view.components(family).len() > MOST_COMPONENTS {
            Reason::TooMany
        } else {
            reason(family)
        };
        all.entry(reason).or_default().push(family.name.clone());
    }
    all.into_iter().map(|(reason, families)| PassedOver { reason, families }).collect()
}

fn reason(family: &Family) -> Reason {
    let name = family.name.as_str();
    if is_machinery(name) {
        return Reason::Machinery;
    }
    match family.kind {
        FamilyKind::Info => Reason::Describes,
        FamilyKind::NativeHistogram if !is_request(name) || is_client(name) => Reason::Native,
        FamilyKind::NativeHistogram => Reason::SameRequests,
        _ if is_stamp(name) => Reason::Stamp,
        FamilyKind::Gauge if is_limit(name) => Reason::Limit,
        FamilyKind::Counter | FamilyKind::Histogram | FamilyKind::Summary if is_request(name) && !is_client(name) => {
            Reason::SameRequests
        }
        FamilyKind::Histogram | FamilyKind::Summary => Reason::Quantiles,
        FamilyKind::Counter => Reason::NoFailures,
        FamilyKind::Gauge => Reason::NoDirection,
        FamilyKind::Unknown => Reason::NoType,
    }
}
