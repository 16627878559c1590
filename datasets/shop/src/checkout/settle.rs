//! Charges accepted orders later, beside the requests of users: one call at a time, within the time limit of the lane.

use super::{Checkout, order};
use crate::outgoing::lane::CallError;
use crate::payments::{Charge, Receipt};
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Orders that may wait for their charge: 30 seconds, the life of an order, of 100 a second, and some room.
const MAX_WAITING: usize = 4_096;

/// Pause after a charge that came through, so that a backlog leaves payments room for users.
const PAUSE: Duration = Duration::from_millis(4);

/// Pause after one that did not.
const BACK_OFF: Duration = Duration::from_millis(200);

/// Attempts for one order, spread over more than its life.
const ATTEMPTS: u32 = 100;

/// Order to be charged.
pub(crate) struct Uncharged {
    pub(crate) number: u64,
    pub(crate) amount_cents: u64,
}

/// Where orders are handed in.
pub(crate) struct Settler(mpsc::Sender<Uncharged>);

impl Settler {
    /// Accepts an order; gives it back when too many wait already.
    pub(crate) fn accept(&self, order: Uncharged) -> Result<(), Uncharged> {
        self.0.try_send(order).map_err(|refused| refused.into_inner())
    }

    pub(crate) fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }
}

/// A settler and the queue that [`run`] works off.
pub(crate) fn channel() -> (Settler, mpsc::Receiver<Uncharged>) {
    let (sender, queue) = mpsc::channel(MAX_WAITING);
    (Settler(sender), queue)
}

/// Charges orders until it is cancelled.
pub(crate) async fn run(mut queue: mpsc::Receiver<Uncharged>, checkout: Arc<Checkout>) {
    while let Some(order) = queue.recv().await {
        settle(&checkout, &order).await;
    }
}

async fn settle(checkout: &Checkout, uncharged: &Uncharged) {
    let charge =
        Charge { key: order::id("ord", checkout.boot, uncharged.number), amount_cents: uncharged.amount_cents };
    for _ in 0..ATTEMPTS {
        match checkout.lanes.payments.post::<Receipt>("/charges", &charge).await {
            Ok(_) => {
                checkout.paid_later(uncharged.number);
                tokio::time::sleep(PAUSE).await;
                return;
            }
            Err(CallError::Status(StatusCode::PAYMENT_REQUIRED)) => return,
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}
