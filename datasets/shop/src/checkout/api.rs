//! The routes of checkout.

use super::journal::Kind;
use super::order::{self, Cart, Line, LineView, Order, State as OrderState, item_id, item_number};
use super::recommend::Found;
use super::retry::Again;
use super::settle::Uncharged;
use super::{AfterFailure, Checkout};
use crate::metrics::Registry;
use crate::outgoing::lane::CallError;
use crate::payments::{Charge, Receipt};
use crate::release::{Delivery, Outgoing, Recommendations};
use crate::serve::{observed, problem};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// Most lines of a cart or an order.
const MAX_LINES: usize = 10;

/// Longest gift note, bytes.
const MAX_NOTE: usize = 200;

#[derive(Deserialize)]
struct NewLine {
    item: String,
    #[serde(default = "one")]
    quantity: u16,
}

fn one() -> u16 {
    1
}

/// An order is either a cart or a list of lines.
#[derive(Deserialize)]
struct NewOrder {
    cart: Option<String>,
    #[serde(default)]
    items: Vec<NewLine>,
    gift_note: Option<String>,
}

/// What catalog says of an item; it says more.
#[derive(Deserialize)]
pub(super) struct Priced {
    name: String,
    price_cents: u64,
}

#[derive(Serialize)]
struct CartView {
    id: String,
    lines: Vec<LineView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    related: Option<[String; 2]>,
}

#[derive(Serialize)]
struct OrderView {
    id: String,
    state: OrderState,
    total_cents: u64,
    lines: Vec<LineView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    related: Option<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gift_note: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_days: Option<u64>,
}

/// An answer that ends a request early; boxed, because it is rare and large.
struct Early(Box<Response>);

impl IntoResponse for Early {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn early(code: StatusCode, error: impl Into<String>) -> Early {
    Early(Box::new(problem(code, error)))
}

/// Routes.
pub(crate) fn router(checkout: Arc<Checkout>, registry: &Arc<Registry>) -> Router {
    let codes = [200, 201, 404, 503];
    Router::new()
        .route("/carts", observed(registry, "/carts", &[201], post(open_cart)))
        .route("/carts/{id}/items", observed(registry, "/carts/{id}/items", &codes, post(add_line)))
        .route("/orders", observed(registry, "/orders", &[201, 202, 402, 404, 422, 503], post(place_order)))
        .route("/orders/{id}", observed(registry, "/orders/{id}", &codes, get(read_order)))
        .with_state(checkout)
}

async fn open_cart(State(checkout): State<Arc<Checkout>>) -> Response {
    let number = checkout.carts().push(Instant::now(), Cart::default());
    let shown = (number % crate::catalog::ITEMS as u64) as u16 + 1;
    let related = checkout.note(Kind::CartOpened, shown, number).await;
    let view = CartView { id: order::id("cart", checkout.boot, number), lines: Vec::new(), related };
    (StatusCode::CREATED, Json(view)).into_response()
}

async fn add_line(
    State(checkout): State<Arc<Checkout>>,
    Path(id): Path<String>,
    Json(line): Json<NewLine>,
) -> Result<Response, Early> {
    let number = order::number("cart", checkout.boot, &id);
    let known = number.filter(|number| checkout.carts().get(*number).is_some());
    let Some(number) = known else {
        return Err(early(StatusCode::NOT_FOUND, "no such cart, or it expired"));
    };
    let line = parse_line(&line)?;
    checkout.priced(line.item).await?;
    let lines = {
        let mut carts = checkout.carts();
        let Some(cart) = carts.get_mut(number) else {
            return Err(early(StatusCode::NOT_FOUND, "the cart expired"));
        };
        if cart.lines.len() >= MAX_LINES {
            return Err(early(StatusCode::UNPROCESSABLE_ENTITY, format!("a cart has at most {MAX_LINES} lines")));
        }
        cart.lines.push(line);
        cart.lines.iter().map(LineView::from).collect()
    };
    let related = checkout.note(Kind::LineAdded, line.item, number).await;
    Ok(Json(CartView { id, lines, related }).into_response())
}

async fn place_order(State(checkout): State<Arc<Checkout>>, Json(new): Json<NewOrder>) -> Result<Response, Early> {
    let lines = checkout.lines_of(&new)?;
    let mut total_cents = 0;
    for line in &lines {
        total_cents += checkout.priced(line.item).await?.price_cents * u64::from(line.quantity);
    }
    let gift_note = match checkout.recommender.mode() {
        Recommendations::None => None,
        _ => new.gift_note.filter(|note| note.len() <= MAX_NOTE).map(String::into_boxed_str),
    };
    let first = lines[0].item;
    let order = Order { lines, total_cents, state: OrderState::Pending, gift_note };
    let number = checkout.orders().push(Instant::now(), order);
    let (code, state) = charge(&checkout, number, total_cents).await;
    if let Some(order) = checkout.orders().get_mut(number)
        // The background may have been quicker.
        && order.state == OrderState::Pending
    {
        order.state = state;
    }
    let related = checkout.note(Kind::Ordered, first, number).await;
    match code {
        StatusCode::CREATED | StatusCode::ACCEPTED => {
            let order = checkout.orders().get(number).cloned();
            let Some(order) = order else {
                return Err(early(StatusCode::NOT_FOUND, "the order expired"));
            };
            Ok((code, Json(checkout.view(number, order, None, related))).into_response())
        }
        StatusCode::PAYMENT_REQUIRED => Err(early(code, "the charge was declined")),
        _ => Err(early(code, "the charge did not come through")),
    }
}

async fn read_order(State(checkout): State<Arc<Checkout>>, Path(id): Path<String>) -> Result<Response, Early> {
    let number = order::number("ord", checkout.boot, &id);
    let found = number.and_then(|number| Some((number, checkout.orders().get(number).cloned()?)));
    let Some((number, order)) = found else {
        return Err(early(StatusCode::NOT_FOUND, "no such order, or it is with the warehouse"));
    };
    let first = order.lines[0].item;
    let title = match (checkout.priced(first).await, checkout.outgoing) {
        (Ok(priced), _) => Some(priced.name),
        // An order can be read without its title.
        (Err(_), Outgoing::Isolated) => None,
        (Err(answer), Outgoing::Shared) => return Err(answer),
    };
    let related = checkout.note(Kind::Looked, first, number).await;
    Ok(Json(checkout.view(number, order, title, related)).into_response())
}

fn parse_line(line: &NewLine) -> Result<Line, Early> {
    match item_number(&line.item) {
        Some(item) if (1..=99).contains(&line.quantity) => Ok(Line { item, quantity: line.quantity }),
        Some(_) => Err(early(StatusCode::UNPROCESSABLE_ENTITY, "a quantity is 1 to 99")),
        None => Err(early(StatusCode::UNPROCESSABLE_ENTITY, "no such item")),
    }
}

/// Charges an order; the answer's code, and where the order stands now.
async fn charge(checkout: &Arc<Checkout>, number: u64, amount_cents: u64) -> (StatusCode, OrderState) {
    let body = Charge { key: order::id("ord", checkout.boot, number), amount_cents };
    let (code, state, label) = match checkout.lanes.payments.post::<Receipt>("/charges", &body).await {
        Ok(_) => (StatusCode::CREATED, OrderState::Paid, "state=\"paid\""),
        Err(CallError::Status(StatusCode::PAYMENT_REQUIRED)) => {
            (StatusCode::PAYMENT_REQUIRED, OrderState::Failed, "state=\"declined\"")
        }
        Err(_) => {
            let uncharged = Uncharged { number, amount_cents };
            let accepted = match &checkout.after_failure {
                AfterFailure::Settle(settler) => settler.accept(uncharged).is_ok(),
                AfterFailure::Retry(retries) => {
                    retries.start(checkout, Again::Charge(uncharged));
                    false
                }
            };
            match accepted {
                true => (StatusCode::ACCEPTED, OrderState::Pending, "state=\"pending\""),
                false => (StatusCode::SERVICE_UNAVAILABLE, OrderState::Failed, "state=\"failed\""),
            }
        }
    };
    checkout.registry.add("orders_total", label, 1);
    (code, state)
}

impl Checkout {
    /// Lines of a new order, from its cart or its own list.
    fn lines_of(&self, new: &NewOrder) -> Result<Vec<Line>, Early> {
        let lines = match &new.cart {
            Some(id) => {
                let number = order::number("cart", self.boot, id);
                let lines = number.and_then(|number| Some(self.carts().get(number)?.lines.clone()));
                lines.ok_or_else(|| early(StatusCode::NOT_FOUND, "no such cart, or it expired"))?
            }
            None => new.items.iter().take(MAX_LINES + 1).map(parse_line).collect::<Result<_, _>>()?,
        };
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(early(StatusCode::UNPROCESSABLE_ENTITY, format!("an order has 1 to {MAX_LINES} lines")));
        }
        Ok(lines)
    }

    /// Name and price of an item.
    pub(super) async fn price(&self, item: u16) -> Result<Priced, CallError> {
        let path = format!("/items/{}", item_id(item));
        self.lanes.catalog.get(&path).await
    }

    /// The same for a user.
    async fn priced(self: &Arc<Self>, item: u16) -> Result<Priced, Early> {
        let answer = self.price(item).await;
        if let (Err(CallError::Refused(_)), AfterFailure::Retry(retries)) = (&answer, &self.after_failure) {
            retries.start(self, Again::Price(item));
        }
        answer.map_err(|error| match error {
            CallError::Status(StatusCode::NOT_FOUND) => early(StatusCode::UNPROCESSABLE_ENTITY, "no such item"),
            error => early(StatusCode::SERVICE_UNAVAILABLE, format!("catalog: {error}")),
        })
    }

    /// Related items of what was shown, and the records that the request leaves in the journal.
    async fn note(&self, kind: Kind, item: u16, number: u64) -> Option<[String; 2]> {
        let request = self.journal.written();
        let related = self.recommender.related(item, request);
        let batches = match related {
            // What was computed is journaled with the request: one record per related item.
            Some((_, Found::Computed)) => {
                self.journal.write(&[kind, Kind::RelatedComputed, Kind::RelatedComputed], number).await
            }
            Some((_, Found::Cached)) | None => self.journal.write(&[kind], number).await,
        };
        self.registry.add("journal_batches_total", "", batches);
        related.map(|(items, _)| items.map(item_id))
    }

    fn view(&self, number: u64, order: Order, title: Option<String>, related: Option<[String; 2]>) -> OrderView {
        let delivery_days = match self.delivery {
            Delivery::Unknown => None,
            // Heavy orders take longer.
            Delivery::Estimated => Some(2 + order.lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>() / 5),
        };
        OrderView {
            id: order::id("ord", self.boot, number),
            state: order.state,
            total_cents: order.total_cents,
            lines: order.lines.iter().map(LineView::from).collect(),
            title,
            related,
            gift_note: order.gift_note,
            delivery_days,
        }
    }
}
