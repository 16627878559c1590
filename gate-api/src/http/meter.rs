//! What the gate says about itself and about the newest tags, for Prometheus.

use super::Api;
use super::refusal::Refusal;
use crate::decide::{Status, decide};
use crate::gate::Gate;
use crate::question::Question;
use crate::store::{GateStore, Overview, StoreError};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Tags with series of their own: the newest. Older ones are released or forgotten, and series cost their readers.
const TAGS_MEASURED: usize = 50;

/// OpenMetrics, which Prometheus has read since 2.5.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of the answer histogram in seconds: 100 ms is what a caller is promised, 5 s what it is ever made to wait.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    gate: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GateLabels {
    gate: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AllowLabels {
    gate: &'static str,
    product: String,
    tag: String,
    landscape: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScoreLabels {
    product: String,
    tag: String,
    landscape: String,
}

/// What is counted while the gate answers.
pub(super) struct Meter {
    registry: Registry,
    answers: Family<AnswerLabels, Counter>,
    seconds: Family<GateLabels, Histogram, fn() -> Histogram>,
}

impl Meter {
    pub(super) fn new() -> Meter {
        let mut registry = Registry::default();
        let answers = Family::<AnswerLabels, Counter>::default();
        let seconds: Family<GateLabels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("mettle_build_info", "The release that answers", build);
        registry.register(
            "mettle_gate_answers",
            "Answers by gate and status; refused requests are `error`",
            answers.clone(),
        );
        let help = "Time to look an answer up; the waiting of long polls is not in it";
        registry.register("mettle_gate_answer_seconds", help, seconds.clone());
        Meter { registry, answers, seconds }
    }

    /// A question was answered.
    pub(super) fn answered(&self, gate: Gate, status: Status, took: Duration) {
        self.answers.get_or_create(&AnswerLabels { gate: gate.name(), status: status.name() }).inc();
        self.seconds.get_or_create(&GateLabels { gate: gate.name() }).observe(took.as_secs_f64());
    }

    /// A request was refused; the names of gates are bounded, whatever callers write.
    pub(super) fn refused(&self, gate: Option<Gate>) {
        let gate = gate.map_or("unknown", Gate::name);
        self.answers.get_or_create(&AnswerLabels { gate, status: Status::Error.name() }).inc();
    }
}

/// The newest tags as series, decided as of now.
fn of_tags(overview: &Overview, now: DateTime<Utc>) -> Registry {
    let allow = Family::<AllowLabels, Gauge>::default();
    let score = Family::<ScoreLabels, Gauge<f64, AtomicU64>>::default();
    for facts in &overview.tags {
        let (Some(tag), Some(landscape)) = (&facts.tag, &facts.landscape) else { continue };
        let (product, tag, landscape) = (tag.product.clone(), tag.tag.clone(), landscape.landscape.clone());
        for gate in [Gate::Stage, Gate::Release] {
            let decision = decide(&Question::new(gate, &product, &tag, &landscape), facts, now);
            let (product, tag, landscape) = (product.clone(), tag.clone(), landscape.clone());
            let labels = AllowLabels { gate: gate.name(), product, tag, landscape };
            allow.get_or_create(&labels).set(i64::from(decision.status == Status::Allow));
        }
        if let Some([middle, ..]) = facts.verdicts.last().and_then(|record| record.score()) {
            score.get_or_create(&ScoreLabels { product, tag, landscape }).set(middle);
        }
    }
    let mut registry = Registry::default();
    registry.register("mettle_gate_allow", "1: the gate allows this tag now; the newest tags only", allow);
    registry.register("mettle_score", "Score of the newest verdict, of 100; the newest tags only", score);
    registry
}

/// Metrics of the gate and of the newest tags.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text"),
    (status = 503, description = "The store cannot be read.", body = crate::wire::ErrorBody),
))]
pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Refusal> {
    let read = |store: &dyn GateStore| -> Result<Registry, StoreError> {
        Ok(of_tags(&store.overview(TAGS_MEASURED)?, Utc::now()))
    };
    let tags = api.look(read).await?;
    let mut text = String::new();
    let written = encode_registry(&mut text, &api.meter.registry)
        .and_then(|()| encode_registry(&mut text, &tags))
        .and_then(|()| encode_eof(&mut text));
    match written {
        Ok(()) => Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()),
        Err(_) => Err(Refusal::unwell("the metrics cannot be written", "see the log of the gate")),
    }
}
