//! The routes of the API and their answers.

use super::address::Book;
use super::error::ApiError;
use super::link::Link;
use super::links::{self, Links};
use super::{VERSION, metrics};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use std::collections::BTreeMap;
use tokio::sync::Mutex;
use uuid::Uuid;

/// Longest body that is read: thousands of proxies.
const BODY_MAX: usize = 4 << 20;

type Answer = Response<Full<Bytes>>;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    Version,
    Metrics,
    Reset,
    Populate,
    Proxies,
    CreateProxy,
    Proxy(String),
    UpdateProxy(String),
    DeleteProxy(String),
    Toxics(String),
    CreateToxic(String),
    Toxic(String, String),
    UpdateToxic(String, String),
    DeleteToxic(String, String),
}

/// Why a request asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoRoute {
    Path,
    Method,
}

fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let path = percent_decode_str(path).decode_utf8().map_err(|_| NoRoute::Path)?;
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(&path).split('/').collect();
    let writes = matches!(method.as_str(), "POST" | "PATCH");
    let route = match (parts.as_slice(), method.as_str()) {
        (["version"], "GET") => Route::Version,
        (["metrics"], _) => Route::Metrics,
        (["reset"], "POST") => Route::Reset,
        (["populate"], "POST") => Route::Populate,
        (["proxies"], "GET") => Route::Proxies,
        (["proxies"], "POST") => Route::CreateProxy,
        (["proxies", proxy], method) if !proxy.is_empty() => match method {
            "GET" => Route::Proxy((*proxy).into()),
            "DELETE" => Route::DeleteProxy((*proxy).into()),
            _ if writes => Route::UpdateProxy((*proxy).into()),
            _ => return Err(NoRoute::Method),
        },
        (["proxies", proxy, "toxics"], "GET") => Route::Toxics((*proxy).into()),
        (["proxies", proxy, "toxics"], "POST") => Route::CreateToxic((*proxy).into()),
        (["proxies", proxy, "toxics", toxic], method) if !toxic.is_empty() => match method {
            "GET" => Route::Toxic((*proxy).into(), (*toxic).into()),
            "DELETE" => Route::DeleteToxic((*proxy).into(), (*toxic).into()),
            _ if writes => Route::UpdateToxic((*proxy).into(), (*toxic).into()),
            _ => return Err(NoRoute::Method),
        },
        (["version" | "reset" | "populate" | "proxies"] | ["proxies", _, "toxics"], _) => return Err(NoRoute::Method),
        _ => return Err(NoRoute::Path),
    };
    Ok(route)
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    if !kind.is_empty() {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    answer
}

/// A plain text with a line end, as errors come.
fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = answer(status, "text/plain; charset=utf-8", format!("{text}\n"));
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers become JSON")
}

fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    answer(status, "application/json", to_json(value))
}

fn no_content() -> Answer {
    answer(StatusCode::NO_CONTENT, "", Bytes::new())
}

/// Answers one request.
pub(super) async fn handle(links: &Mutex<Links>, request: Request<Incoming>) -> Answer {
    let route = match route(request.method(), request.uri().path()) {
        Ok(route) => route,
        Err(NoRoute::Path) => return text(StatusCode::NOT_FOUND, "404 page not found"),
        Err(NoRoute::Method) => return answer(StatusCode::METHOD_NOT_ALLOWED, "", Bytes::new()),
    };
    // A page in a browser must not be able to meddle with the proxies of its user.
    let agent = request.headers().get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    let mut answer = if agent.starts_with(b"Mozilla/") {
        text(StatusCode::FORBIDDEN, "User agent not allowed")
    } else {
        match Limited::new(request.into_body(), BODY_MAX).collect().await {
            Ok(body) => take(links, route, &body.to_bytes()).await,
            Err(error) => Err(ApiError::bad_body(error)),
        }
        .unwrap_or_else(|error| text(error.status, &to_json(&error)))
    };
    let id = HeaderValue::from_str(&Uuid::now_v7().simple().to_string()).expect("hexadecimal digits");
    answer.headers_mut().insert("x-toxiproxy-request-id", id);
    answer
}

/// Addresses that the work of a route needs.
fn addresses(links: &Links, route: &Route, body: &[u8]) -> Vec<String> {
    match route {
        Route::CreateProxy | Route::Populate => links::addresses_in(body),
        Route::UpdateProxy(name) => {
            let known = links.all.get(name).into_iter().flat_map(Link::addresses);
            links::addresses_in(body).into_iter().chain(known).collect()
        }
        Route::Reset => links.all.values().filter(|link| !link.is_enabled()).flat_map(Link::addresses).collect(),
        _ => Vec::new(),
    }
}

async fn take(shared: &Mutex<Links>, route: Route, body: &[u8]) -> Result<Answer, ApiError> {
    let mut book = Book::default();
    let mut links = loop {
        let links = shared.lock().await;
        let unknown = book.lacks(addresses(&links, &route, body));
        if unknown.is_empty() {
            break links;
        }
        // Leases must be renewed while a resolver takes its time.
        drop(links);
        book.look_up(unknown).await;
    };
    let book = &book;
    Ok(match route {
        Route::Version => {
            let version = format!("{{\"version\": \"{VERSION}\"}}\n");
            answer(StatusCode::OK, "application/json;charset=utf-8", version)
        }
        Route::Metrics => answer(StatusCode::OK, metrics::CONTENT_TYPE, metrics::text(links.all.values())),
        Route::Reset => {
            links.reset(book)?;
            no_content()
        }
        Route::Populate => populate(&mut links, body, book).await,
        Route::Proxies => json(StatusCode::OK, &links.all),
        Route::CreateProxy => json(StatusCode::CREATED, links.create(body, book)?),
        Route::Proxy(name) => json(StatusCode::OK, links.get(&name)?),
        Route::UpdateProxy(name) => json(StatusCode::OK, links.update(&name, body, book).await?),
        Route::DeleteProxy(name) => {
            links.remove(&name).await?;
            no_content()
        }
        Route::Toxics(proxy) => json(StatusCode::OK, &links.get(&proxy)?.toxics()),
        Route::CreateToxic(proxy) => {
            let (link, serial) = links.get_mut(&proxy)?;
            json(StatusCode::OK, link.add_toxic(body, serial)?)
        }
        Route::Toxic(proxy, toxic) => json(StatusCode::OK, links.get(&proxy)?.toxic(&toxic)?),
        Route::UpdateToxic(proxy, toxic) => {
            let (link, serial) = links.get_mut(&proxy)?;
            json(StatusCode::OK, link.update_toxic(&toxic, body, serial)?)
        }
        Route::DeleteToxic(proxy, toxic) => {
            links.get_mut(&proxy)?.0.remove_toxic(&toxic)?;
            no_content()
        }
    })
}

async fn populate(links: &mut Links, body: &[u8], book: &Book) -> Answer {
    let (names, error) = links.populate(body, book).await;
    let proxies: Option<Vec<_>> = names
        .filter(|names| !names.is_empty())
        .map(|names| names.iter().filter_map(|name| links.all.get(name)).collect());
    let status = error.as_ref().map_or(StatusCode::CREATED, |error| error.status);
    let mut fields = BTreeMap::from([("proxies", serde_json::json!(proxies))]);
    if let Some(error) = error {
        fields.insert("error", error.message.into());
        fields.insert("status", error.status.as_u16().into());
    }
    json(status, &fields)
}
