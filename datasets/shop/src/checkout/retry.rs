//! The retries of 3.6.0: every failed call is tried again by a task of its own, through the pool of the users.
//!
//! A task takes its connection first and waits with it in hand. While many wait, users find the pool empty, their
//! calls fail, and that makes more retries: long after payments is quick again, the backlog keeps the pool busy.

use super::settle::Uncharged;
use super::{Checkout, order};
use crate::payments::{Charge, Receipt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Retries under way; beyond them a failed call stays failed.
const MAX_RETRIES: usize = 320;

/// Retries started in one second: less than the pool works off in a second when all peers are quick, so that the
/// backlog ends at last.
const BUDGET_PER_S: u32 = 40;

/// Pause before an attempt, with the connection in hand: 32 connections make 58 attempts a second.
const BACK_OFF: Duration = Duration::from_millis(550);

/// Attempts for one call.
const ATTEMPTS: u32 = 3;

/// A call that failed.
pub(crate) enum Again {
    /// The price of an item, so that it is known when the user comes back.
    Price(u16),
    /// A charge.
    Charge(Uncharged),
}

/// Retries under way.
pub(crate) struct Retries {
    under_way: TaskTracker,
    all: TaskTracker,
    stop: CancellationToken,
    /// Start of the current second of the budget, and what was started in it.
    started: Mutex<(Instant, u32)>,
}

impl Retries {
    /// None yet; `all` is where the component waits for its tasks.
    pub(crate) fn new(all: TaskTracker, stop: CancellationToken) -> Self {
        Retries { under_way: TaskTracker::new(), all, stop, started: Mutex::new((Instant::now(), 0)) }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.under_way.len()
    }

    /// Tries a call again, later, while there is budget.
    pub(crate) fn start(&self, checkout: &Arc<Checkout>, again: Again) {
        if self.under_way.len() < MAX_RETRIES && self.in_budget() {
            let work = self.under_way.track_future(retry(Arc::clone(checkout), again));
            self.all.spawn(self.stop.clone().run_until_cancelled_owned(work));
        }
    }

    fn in_budget(&self) -> bool {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if started.0.elapsed() >= Duration::from_secs(1) {
            *started = (Instant::now(), 0);
        }
        started.1 += 1;
        started.1 <= BUDGET_PER_S
    }
}

async fn retry(checkout: Arc<Checkout>, again: Again) {
    for _ in 0..ATTEMPTS {
        let permit = checkout.lanes.payments.enter_whenever().await;
        tokio::time::sleep(BACK_OFF).await;
        let done = match &again {
            Again::Price(item) => {
                drop(permit);
                checkout.price(*item).await.is_ok()
            }
            Again::Charge(Uncharged { number, amount_cents }) => {
                let key = order::id("ord", checkout.boot, *number);
                let charge = Charge { key, amount_cents: *amount_cents };
                let paid = checkout.lanes.payments.post_with::<Receipt>(permit, "/charges", &charge).await.is_ok();
                if paid {
                    checkout.paid_later(*number);
                }
                paid
            }
        };
        if done {
            return;
        }
    }
}
