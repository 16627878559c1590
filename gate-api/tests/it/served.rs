//! The gate on a loopback port, and what it answers.

use gate_api::GateStore;
use gate_api::http::{Limits, router_until};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Limits of the tests: what ends by itself ends soon.
pub const LIMITS: Limits =
    Limits { answer: Duration::from_secs(5), wait: Duration::from_secs(8), poll: Duration::from_millis(10) };

/// A gate that listens until it is dropped.
pub struct Served {
    pub url: String,
    pub stop: CancellationToken,
    client: Client,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came back.
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

pub async fn serve(store: Arc<dyn GateStore>) -> Served {
    serve_within(store, LIMITS).await
}

pub async fn serve_within(store: Arc<dyn GateStore>, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let router = router_until(store, limits, stop.clone());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    Served { url, stop, client, task }
}

impl Served {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Got {
        got(self.request(Method::GET, path)).await
    }

    /// Posts bytes as JSON.
    pub async fn post(&self, path: &str, body: &str) -> Got {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        got(request.body(body.to_owned())).await
    }
}

pub async fn got(request: RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Got { status, headers, text: response.text().await.unwrap() }
}

/// Path of a question about a tag of the story.
pub fn check(gate: &str, tag: &str) -> String {
    format!("/v1/gates/{gate}/check?product=shop&tag={tag}&landscape=staging")
}
