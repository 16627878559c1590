//! Pages over HTTP.

use super::Api;
use super::refusal::Refusal;
use crate::facts::Facts;
use crate::page::{self, TagView};
use crate::store::{GateStore, StoreError};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use maud::Markup;
use serde::Deserialize;

/// Tags of the list: more than a screen, few enough to read them all in one go.
const TAGS_SHOWN: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    landscape: Option<String>,
}

/// A page that was not found, with what would help.
struct Missing {
    message: String,
    hint: String,
}

/// What a look at the store brings.
type Found = Result<Markup, Missing>;

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE).into_response()
}

pub(super) async fn list(State(api): State<Api>) -> Response {
    let read = |store: &dyn GateStore| Ok::<_, StoreError>(Ok(page::list(&store.overview(TAGS_SHOWN)?, Utc::now())));
    shown(api.look(read).await)
}

pub(super) async fn tag(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
    place: Result<Query<Where>, QueryRejection>,
) -> Response {
    let asked = path.map_err(|e| e.body_text()).and_then(|p| Ok((p, place.map_err(|e| e.body_text())?)));
    match asked {
        Ok((Path((product, tag)), Query(place))) => {
            shown(api.look(move |store| found(store, (&product, &tag), place.landscape.as_deref())).await)
        }
        Err(message) => {
            refused(&Refusal::bad_request(message, "an address is /products/PRODUCT/tags/TAG?landscape=NAME"))
        }
    }
}

fn found(store: &dyn GateStore, (product, tag): (&str, &str), landscape: Option<&str>) -> Result<Found, StoreError> {
    let everywhere = store.tag(product, tag)?;
    let name = |facts: &Facts| facts.landscape.as_ref().map(|l| l.landscape.clone()).unwrap_or_default();
    let names: Vec<String> = everywhere.iter().map(name).collect();
    let missing = |message: String, hint: &str| Ok(Err(Missing { message, hint: hint.to_owned() }));
    if everywhere.is_empty() {
        return missing(
            format!("product {product} is not known here"),
            "a worker that watches it makes it known: `mettle up --dir DIR`",
        );
    }
    let chosen = match landscape {
        Some(wanted) => everywhere.iter().find(|facts| name(facts) == wanted),
        // The landscape in which the tag was last heard of.
        None => everywhere.iter().max_by_key(|facts| facts.soaks.iter().map(|s| s.updated_at).max()),
    };
    let Some(facts) = chosen else {
        let hint = format!("landscapes of {product}: {}", names.join(", "));
        return missing(format!("{product} has no landscape {}", landscape.unwrap_or_default()), &hint);
    };
    let Some(view) = TagView::of(facts, Utc::now()) else {
        return missing(
            format!("tag {tag} of product {product} is not known here"),
            "push the tag to the product repository; the worker sees it within seconds",
        );
    };
    // Written once a soak: a page that is read after its verdict belongs to it all the same.
    let data = view.record().map(|record| store.page(&record.soak)).transpose()?.flatten();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(Ok(page::tag(&view, data.as_ref(), &names)))
}

fn shown(looked: Result<Found, Refusal>) -> Response {
    match looked {
        Ok(Ok(page)) => html(StatusCode::OK, page),
        Ok(Err(missing)) => refused(&Refusal::not_found(missing.message, missing.hint)),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let title = match refusal.status {
        StatusCode::NOT_FOUND => "Not known",
        StatusCode::BAD_REQUEST => "Not an address",
        _ => "The gate is unwell",
    };
    html(refusal.status, page::refusal(title, &refusal.message, &refusal.hints))
}

fn html(status: StatusCode, page: Markup) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}
