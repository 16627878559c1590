//! Which release does what: the only place that compares versions.
//!
//! Comparison is by strict semver precedence, so a pre-release of 3.5.0 still behaves as 3.4.

use semver::Version;

const fn v(major: u64, minor: u64, patch: u64) -> Version {
    Version::new(major, minor, patch)
}

/// What a release of checkout does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkout {
    pub(crate) recommendations: Recommendations,
    pub(crate) outgoing: Outgoing,
    pub(crate) delivery: Delivery,
}

/// Related items in every answer, since 3.5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recommendations {
    /// Before 3.5.0.
    None,
    /// 3.5.0: the cache key holds the request number, so that nothing is ever found again.
    KeyedByRequest,
    /// Since 3.5.1: keyed by item.
    KeyedByItem,
}

/// How checkout calls its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// A pool and a time limit per peer; an order that cannot be charged in time is accepted as pending.
    Isolated,
    /// 3.6.0: one pool for all peers, no time limit, failed charges retried from within the pool.
    Shared,
}

/// Estimate of the delivery in an order, since 3.6.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Unknown,
    Estimated,
}

/// Behaviour of checkout `release`.
pub(crate) fn checkout(release: &Version) -> Checkout {
    let recommendations = if *release < v(3, 5, 0) {
        Recommendations::None
    } else if *release < v(3, 5, 1) {
        Recommendations::KeyedByRequest
    } else {
        Recommendations::KeyedByItem
    };
    let outgoing = if *release >= v(3, 6, 0) && *release < v(3, 6, 1) { Outgoing::Shared } else { Outgoing::Isolated };
    let delivery = if *release < v(3, 6, 0) { Delivery::Unknown } else { Delivery::Estimated };
    Checkout { recommendations, outgoing, delivery }
}

/// What a release of catalog does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Related {
    /// Before 2.2.0.
    NotServed,
    /// Since 2.2.0: `GET /items/{id}/related`.
    Served,
}

/// Behaviour of catalog `release`.
pub(crate) fn catalog(release: &Version) -> Related {
    if *release < v(2, 2, 0) { Related::NotServed } else { Related::Served }
}

/// Largest charge of a release of payments, cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChargeLimit {
    /// Before 1.7.1.
    Unlimited,
    /// Since 1.7.1: a larger charge is declined with 402.
    Cents(u64),
}

/// Behaviour of payments `release`.
pub(crate) fn payments(release: &Version) -> ChargeLimit {
    if *release < v(1, 7, 1) { ChargeLimit::Unlimited } else { ChargeLimit::Cents(1_000_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Checkout {
        checkout(&Version::parse(text).unwrap())
    }

    #[test]
    fn each_release_has_its_own_paths() {
        let table = [
            ("3.4.0", Recommendations::None, Outgoing::Isolated, Delivery::Unknown),
            ("3.4.1", Recommendations::None, Outgoing::Isolated, Delivery::Unknown),
            ("3.5.0-rc.1", Recommendations::None, Outgoing::Isolated, Delivery::Unknown),
            ("3.5.0", Recommendations::KeyedByRequest, Outgoing::Isolated, Delivery::Unknown),
            ("3.5.1", Recommendations::KeyedByItem, Outgoing::Isolated, Delivery::Unknown),
            ("3.6.0", Recommendations::KeyedByItem, Outgoing::Shared, Delivery::Estimated),
            ("3.6.1", Recommendations::KeyedByItem, Outgoing::Isolated, Delivery::Estimated),
            ("3.10.0", Recommendations::KeyedByItem, Outgoing::Isolated, Delivery::Estimated),
        ];
        for (text, recommendations, outgoing, delivery) in table {
            assert_eq!(of(text), Checkout { recommendations, outgoing, delivery }, "{text}");
        }
    }

    #[test]
    fn peers_change_in_their_own_releases() {
        assert_eq!(catalog(&v(2, 1, 9)), Related::NotServed);
        assert_eq!(catalog(&v(2, 2, 0)), Related::Served);
        assert_eq!(payments(&v(1, 7, 0)), ChargeLimit::Unlimited);
        assert_eq!(payments(&v(1, 7, 1)), ChargeLimit::Cents(1_000_000));
    }
}
