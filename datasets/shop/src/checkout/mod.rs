//! Checkout: carts and orders; asks catalog for prices and payments for charges.

mod api;
mod journal;
mod lanes;
mod order;
mod recommend;
mod retry;
mod settle;

use crate::metrics::Registry;
use crate::outgoing::peer::Peer;
use crate::release::{self, Delivery, Outgoing};
use crate::shelf::Shelf;
use axum::Router;
use journal::Journal;
use lanes::Lanes;
use order::{Cart, Order};
use recommend::Recommender;
use retry::Retries;
use semver::Version;
use settle::Settler;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Carts live this long without becoming an order.
const CART_KEEP: Duration = Duration::from_secs(20);

/// Orders can be read this long; then they belong to the warehouse.
const ORDER_KEEP: Duration = Duration::from_secs(30);

/// Most carts and most orders kept at once: 30 seconds of 500 a second.
const MAX_KEPT: usize = 16_384;

/// Time for work in the background to end.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// Where the other components answer.
pub(crate) struct Peers {
    pub(crate) catalog: Peer,
    pub(crate) payments: Peer,
}

/// What follows a charge that did not come through.
enum AfterFailure {
    /// The order is accepted as pending and charged later, beside the requests of users.
    Settle(Settler),
    /// 3.6.0: the order fails, and its charge is retried through the pool that users wait for.
    Retry(Retries),
}

/// The component.
struct Checkout {
    /// Part of every id, so that ids of an earlier process are never given twice.
    boot: u64,
    outgoing: Outgoing,
    delivery: Delivery,
    carts: Mutex<Shelf<Cart>>,
    orders: Mutex<Shelf<Order>>,
    journal: Journal,
    recommender: Recommender,
    lanes: Arc<Lanes>,
    after_failure: AfterFailure,
    registry: Arc<Registry>,
}

impl Checkout {
    fn carts(&self) -> MutexGuard<'_, Shelf<Cart>> {
        self.carts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orders(&self) -> MutexGuard<'_, Shelf<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks an order whose charge came through later.
    fn paid_later(&self, number: u64) {
        if let Some(order) = self.orders().get_mut(number) {
            order.state = order::State::Paid;
        }
        self.registry.add("orders_settled_total", "", 1);
    }
}

/// Tasks of checkout that no request waits for.
pub(crate) struct Background {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    /// Ends them, within a limit.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        // What is left after the limit ends with the process.
        let _ = tokio::time::timeout(STOP_LIMIT, self.tasks.wait()).await;
    }
}

/// The API of checkout `release` and its background work.
pub(crate) fn start(release: &Version, peers: Peers, registry: &Arc<Registry>) -> (Router, Background) {
    let behaviour = release::checkout(release);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let lanes = Arc::new(Lanes::new(behaviour.outgoing, peers, registry));
    let (after_failure, settling) = match behaviour.outgoing {
        Outgoing::Isolated => {
            let (settler, queue) = settle::channel();
            (AfterFailure::Settle(settler), Some(queue))
        }
        Outgoing::Shared => (AfterFailure::Retry(Retries::new(tasks.clone(), stop.clone())), None),
    };
    let boot = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let checkout = Arc::new(Checkout {
        boot,
        outgoing: behaviour.outgoing,
        delivery: behaviour.delivery,
        carts: Mutex::new(Shelf::new(CART_KEEP, MAX_KEPT)),
        orders: Mutex::new(Shelf::new(ORDER_KEEP, MAX_KEPT)),
        journal: Journal::new(),
        recommender: Recommender::new(behaviour.recommendations),
        lanes,
        after_failure,
        registry: Arc::clone(registry),
    });
    if let Some(queue) = settling {
        tasks.spawn(stop.clone().run_until_cancelled_owned(settle::run(queue, Arc::clone(&checkout))));
    }
    declare(registry, &checkout);
    (api::router(checkout, registry), Background { tasks, stop })
}

fn declare(registry: &Registry, checkout: &Arc<Checkout>) {
    for state in ["state=\"paid\"", "state=\"pending\"", "state=\"declined\"", "state=\"failed\""] {
        registry.add("orders_total", state, 0);
    }
    registry.add("orders_settled_total", "", 0);
    registry.add("journal_batches_total", "", 0);
    let gauge = |name, read: fn(&Checkout) -> usize| {
        let checkout = Arc::downgrade(checkout);
        registry.gauge(name, "", Box::new(move || checkout.upgrade().map_or(0.0, |held| read(&held) as f64)));
    };
    gauge("checkout_carts", |checkout| checkout.carts().len());
    gauge("checkout_orders", |checkout| checkout.orders().len());
    gauge("checkout_related_cached", |checkout| checkout.recommender.cached());
    gauge("checkout_uncharged", |checkout| match &checkout.after_failure {
        AfterFailure::Settle(settler) => settler.waiting(),
        AfterFailure::Retry(retries) => retries.waiting(),
    });
}
