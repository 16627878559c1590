//! Catalog: items and prices, kept in memory.

use crate::metrics::Registry;
use crate::release::{self, Related};
use crate::serve::{observed, problem};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Items in the shop.
pub(crate) const ITEMS: usize = 200;

/// Items of one page of the list.
const PAGE: usize = 20;

/// Items of one shelf are related to each other.
const SHELF: usize = 10;

const NAMES: [&str; 10] =
    ["Kettle", "Teapot", "Cup", "Saucer", "Strainer", "Tray", "Caddy", "Spoon", "Cosy", "Infuser"];

/// An item as it is sold.
#[derive(Serialize)]
struct Item {
    id: String,
    name: String,
    price_cents: u64,
    description: String,
}

#[derive(Serialize)]
struct ListedItem<'a> {
    id: &'a str,
    name: &'a str,
    price_cents: u64,
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    page: usize,
}

/// The API of catalog `release`.
pub(crate) fn router(release: &Version, registry: &Arc<Registry>) -> Router {
    let items: Arc<[Item]> = (1..=ITEMS).map(item).collect();
    let count = items.len() as f64;
    registry.gauge("catalog_items", "", Box::new(move || count));
    let mut router = Router::new()
        .route("/items", observed(registry, "/items", &[200], get(list)))
        .route("/items/{id}", observed(registry, "/items/{id}", &[200, 404], get(one)));
    if release::catalog(release) == Related::Served {
        let route = observed(registry, "/items/{id}/related", &[200, 404], get(related));
        router = router.route("/items/{id}/related", route);
    }
    router.with_state(items)
}

fn item(number: usize) -> Item {
    let name = format!("{} No. {number}", NAMES[number % NAMES.len()]);
    let description = format!("{name}, made by hand, glazed twice and fired at 1240 degrees. ").repeat(6);
    Item { id: format!("item-{number:03}"), name, price_cents: 500 + (number as u64 * 37) % 4_500, description }
}

fn find(items: &[Item], id: &str) -> Option<usize> {
    let number: usize = id.strip_prefix("item-")?.parse().ok()?;
    let index = number.checked_sub(1)?;
    items.get(index).filter(|item| item.id == id).map(|_| index)
}

fn listed(item: &Item) -> ListedItem<'_> {
    ListedItem { id: &item.id, name: &item.name, price_cents: item.price_cents }
}

async fn list(State(items): State<Arc<[Item]>>, Query(query): Query<ListQuery>) -> Response {
    let from = query.page.saturating_mul(PAGE).min(items.len());
    let page: Vec<_> = items[from..].iter().take(PAGE).map(listed).collect();
    Json(page).into_response()
}

async fn one(State(items): State<Arc<[Item]>>, Path(id): Path<String>) -> Response {
    match find(&items, &id) {
        Some(index) => Json(&items[index]).into_response(),
        None => problem(StatusCode::NOT_FOUND, "no such item"),
    }
}

async fn related(State(items): State<Arc<[Item]>>, Path(id): Path<String>) -> Response {
    let Some(index) = find(&items, &id) else {
        return problem(StatusCode::NOT_FOUND, "no such item");
    };
    let shelf = index - index % SHELF;
    let next = |step: usize| &items[shelf + (index - shelf + step) % SHELF];
    Json([listed(next(1)), listed(next(2))]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_by_their_exact_id() {
        let items: Vec<Item> = (1..=ITEMS).map(item).collect();
        assert_eq!(find(&items, "item-001"), Some(0));
        assert_eq!(find(&items, "item-200"), Some(199));
        for wrong in ["item-000", "item-201", "item-1", "item-+1", "1", ""] {
            assert_eq!(find(&items, wrong), None, "{wrong}");
        }
    }
}
