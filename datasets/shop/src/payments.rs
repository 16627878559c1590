//! Payments: a ledger of charges with idempotency keys.

use crate::metrics::Registry;
use crate::release::{self, ChargeLimit};
use crate::serve::{observed, problem};
use crate::shelf::Shelf;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a charge can be read and its key is recognised: longer than any retry of checkout.
const KEEP: Duration = Duration::from_secs(60);

/// Most charges kept at once: 60 seconds of 200 a second, and some room.
const MAX_CHARGES: usize = 16_384;

/// Longest idempotency key, characters.
const MAX_KEY: usize = 64;

/// A charge as posted and as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// The same key is the same charge.
    pub(crate) key: String,
    /// Amount, cents.
    pub(crate) amount_cents: u64,
}

/// A charge as answered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) charge: Charge,
}

struct Ledger {
    charges: Shelf<Charge>,
    by_key: HashMap<String, u64>,
}

enum Booked {
    New(u64),
    Again(u64),
    OtherAmount,
}

impl Ledger {
    fn new() -> Self {
        Ledger { charges: Shelf::new(KEEP, MAX_CHARGES), by_key: HashMap::with_capacity(2 * MAX_CHARGES) }
    }

    fn book(&mut self, now: Instant, charge: Charge) -> Booked {
        let known = self.by_key.get(&charge.key).and_then(|number| Some((*number, self.charges.get(*number)?)));
        if let Some((number, earlier)) = known {
            return if earlier.amount_cents == charge.amount_cents {
                Booked::Again(number)
            } else {
                Booked::OtherAmount
            };
        }
        let key = charge.key.clone();
        let number = self.charges.push(now, charge);
        self.by_key.insert(key, number);
        // Keys of charges that left go in one sweep, before the map would have to grow.
        if self.by_key.len() > MAX_CHARGES + MAX_CHARGES / 2 {
            let charges = &self.charges;
            self.by_key.retain(|_, number| charges.get(*number).is_some());
        }
        Booked::New(number)
    }
}

struct Payments {
    ledger: Mutex<Ledger>,
    limit: ChargeLimit,
    registry: Arc<Registry>,
}

impl Payments {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API of payments `release`.
pub(crate) fn router(release: &Version, registry: &Arc<Registry>) -> Router {
    let payments = Arc::new(Payments {
        ledger: Mutex::new(Ledger::new()),
        limit: release::payments(release),
        registry: Arc::clone(registry),
    });
    let counted = Arc::clone(&payments);
    registry.gauge("payments_charges", "", Box::new(move || counted.ledger().charges.len() as f64));
    for state in ["state=\"captured\"", "state=\"declined\"", "state=\"repeated\""] {
        registry.add("charges_total", state, 0);
    }
    Router::new()
        .route("/charges", observed(registry, "/charges", &[200, 201, 402], post(charge)))
        .route("/charges/{id}", observed(registry, "/charges/{id}", &[200, 404], get(one)))
        .with_state(payments)
}

async fn charge(State(payments): State<Arc<Payments>>, Json(charge): Json<Charge>) -> Response {
    if charge.key.is_empty() || charge.key.len() > MAX_KEY || charge.amount_cents == 0 {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "a charge has a key of 1 to 64 bytes and an amount above 0");
    }
    if let ChargeLimit::Cents(limit) = payments.limit
        && charge.amount_cents > limit
    {
        payments.registry.add("charges_total", "state=\"declined\"", 1);
        return problem(StatusCode::PAYMENT_REQUIRED, format!("declined: a charge is at most {limit} cents"));
    }
    let booked = payments.ledger().book(Instant::now(), charge.clone());
    let (code, number, label) = match booked {
        Booked::New(number) => (StatusCode::CREATED, number, "state=\"captured\""),
        Booked::Again(number) => (StatusCode::OK, number, "state=\"repeated\""),
        Booked::OtherAmount => {
            return problem(StatusCode::CONFLICT, "this key was used with another amount");
        }
    };
    payments.registry.add("charges_total", label, 1);
    (code, Json(Receipt { id: format!("charge-{number}"), charge })).into_response()
}

async fn one(State(payments): State<Arc<Payments>>, Path(id): Path<String>) -> Response {
    let number = id.strip_prefix("charge-").and_then(|number| number.parse().ok());
    let charge = number.and_then(|number| payments.ledger().charges.get(number).cloned());
    match charge {
        Some(charge) => Json(Receipt { id, charge }).into_response(),
        None => problem(StatusCode::NOT_FOUND, "no such charge, or it is older than a minute"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_charge() {
        let mut ledger = Ledger::new();
        let now = Instant::now();
        let charge = |amount_cents| Charge { key: "k".to_owned(), amount_cents };
        assert!(matches!(ledger.book(now, charge(5)), Booked::New(1)));
        assert!(matches!(ledger.book(now, charge(5)), Booked::Again(1)));
        assert!(matches!(ledger.book(now, charge(6)), Booked::OtherAmount));
    }

    #[test]
    fn the_ledger_stays_bounded() {
        let mut ledger = Ledger::new();
        let now = Instant::now();
        for number in 0..3 * MAX_CHARGES {
            ledger.book(now, Charge { key: number.to_string(), amount_cents: 1 });
        }
        assert_eq!(ledger.charges.len(), MAX_CHARGES);
        assert!(ledger.by_key.len() <= 2 * MAX_CHARGES);
    }
}
