//! A real landscape in small: an axum server behind an edge, a child process with a restarter, a journal in memory.

use crate::component::actor;
use axum::{
    Router,
    routing::{get, post},
};
use chaos::inventory::Inventory;
use chaos::journal::{Intent, Journal, JournalError};
use chaos::landscape::{Landscape, Site};
use chaos::lease::FaultId;
use chaos::probe::Probe;
use chaos::proxy::{Edge, EdgeName};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) async fn server() -> SocketAddr {
    let app = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/echo", post(|body: String| async { body }))
        .route("/heads", get(heads));
    server_with(app).await
}

pub(crate) async fn server_with(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    addr
}

/// The fields of the request, by name.
async fn heads(fields: axum::http::HeaderMap) -> String {
    let mut all: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    all.sort();
    all.join("|")
}

/// Waits for something that comes in a moment, or never; far longer than any machine takes.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it never came")
}

/// Polls until `true`, at most ten seconds.
pub(crate) async fn until(mut what: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while !what() {
        assert!(tokio::time::Instant::now() < end, "the condition never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Default)]
pub(crate) struct Memory(pub(crate) Mutex<Vec<String>>);

impl Memory {
    fn note(&self, text: String) -> Result<(), JournalError> {
        self.0.lock().unwrap().push(text);
        Ok(())
    }
}

impl Journal for Memory {
    fn intent(&self, intent: &Intent) -> Result<(), JournalError> {
        self.note(format!("intent {}", intent.id))
    }
    fn injected(&self, id: &FaultId, _: i64) -> Result<(), JournalError> {
        self.note(format!("injected {id}"))
    }
    fn undone(&self, id: &FaultId, _: i64) -> Result<(), JournalError> {
        self.note(format!("undone {id}"))
    }
}

#[derive(Default)]
pub(crate) struct Small {
    pub(crate) edges: Vec<Arc<Edge>>,
    pub(crate) pid: Arc<Mutex<Option<u32>>>,
    /// When the processes were asked for.
    pub(crate) asked: Mutex<Vec<std::time::Instant>>,
    /// Done to every edge when a probe is asked for: after an injection, and before anybody looks.
    pub(crate) sabotage: Option<Sabotage>,
    /// Folder of the component.
    pub(crate) folder: Option<std::path::PathBuf>,
}

pub(crate) type Sabotage = Box<dyn Fn(&Edge) + Send + Sync>;

impl Small {
    pub(crate) async fn with_server() -> Self {
        Self::with(server().await)
    }

    pub(crate) fn with(server: SocketAddr) -> Self {
        let edge = Edge::open(EdgeName::new("checkout", "payments"), Some(server)).unwrap();
        Self { edges: vec![Arc::new(edge)], ..Self::default() }
    }
}

impl Landscape for Small {
    fn inventory(&self) -> Inventory {
        let mut inventory =
            Inventory { edges: self.edges.iter().map(|edge| edge.name().clone()).collect(), ..Inventory::default() };
        inventory.components.extend([("checkout".into(), 1), ("payments".into(), 1)]);
        inventory
    }
    fn processes(&self, _: &str) -> Vec<Vec<i32>> {
        self.asked.lock().unwrap().push(std::time::Instant::now());
        self.pid.lock().unwrap().iter().map(|pid| vec![i32::try_from(*pid).unwrap()]).collect()
    }
    fn edges(&self, from: Option<&str>, to: &str) -> Vec<Arc<Edge>> {
        let wanted = |edge: &&Arc<Edge>| edge.name().to == to && from.is_none_or(|from| edge.name().from == from);
        self.edges.iter().filter(wanted).cloned().collect()
    }
    fn ready(&self, _: &str) -> bool {
        // Also right after the kill, as a landscape does that looks now and then.
        true
    }
    fn probe(&self, _: &str) -> Probe {
        if let Some(sabotage) = &self.sabotage {
            self.edges.iter().for_each(|edge| sabotage(edge));
        }
        Probe::Http { path: "/health".into() }
    }
    fn folder(&self, _: &str) -> Option<std::path::PathBuf> {
        self.folder.clone()
    }
    fn site(&self) -> Site {
        Site { program: actor(), mark: "METTLE_LANDSCAPE=none".into() }
    }
}
