//! What Prometheus reads.

use crate::served::{check, serve};
use crate::story::{RUNNING, commit, told};
use chrono::Utc;
use gate_api::GateStore;
use gate_api::facts::TagFact;
use gate_api::store::Act;

#[tokio::test]
async fn answers_tags_and_scores_are_series() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    for tag in ["v1.1.0", "v1.1.0", "v1.1.1", RUNNING] {
        gate.get(&check("release", tag)).await;
    }
    gate.get("/v1/gates/nonsense/check").await;
    gate.get(&check("release", "v9.9.9")).await;
    let got = gate.get("/metrics").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    for line in [
        "mettle_gate_answers_total{gate=\"release\",status=\"allow\"} 2",
        "mettle_gate_answers_total{gate=\"release\",status=\"deny\"} 1",
        "mettle_gate_answers_total{gate=\"release\",status=\"wait\"} 1",
        "mettle_gate_answers_total{gate=\"release\",status=\"error\"} 1",
        "mettle_gate_answers_total{gate=\"unknown\",status=\"error\"} 1",
        "mettle_gate_answer_seconds_count{gate=\"release\"} 4",
        "mettle_gate_allow{gate=\"release\",product=\"shop\",tag=\"v1.1.0\",landscape=\"staging\"} 1",
        "mettle_gate_allow{gate=\"release\",product=\"shop\",tag=\"v1.1.1\",landscape=\"staging\"} 0",
        "mettle_score{product=\"shop\",tag=\"v1.1.0\",landscape=\"staging\"} 96.4",
        concat!("mettle_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(got.text.lines().any(|l| l == line), "{line} is not in\n{}", got.text);
    }
    assert!(got.text.ends_with("# EOF\n"));
    assert!(!got.text.contains("mettle_score{product=\"shop\",tag=\"v1.0.0\""), "a tag without a score has no series");
}

#[tokio::test]
async fn only_the_newest_tags_have_series() {
    let story = told(Utc::now());
    for i in 0..80 {
        let tag = format!("v2.{i}.0");
        let fact = TagFact { commit: commit(&tag), tag, tagged_at: Utc::now(), ..crate::given::tag() };
        story.store.put_tag(&fact, Act { by: "test", at: Utc::now() }).unwrap();
    }
    let gate = serve(story.store.clone()).await;
    let text = gate.get("/metrics").await.text;
    assert_eq!(text.matches("mettle_gate_allow{gate=\"release\"").count(), 50);
    assert!(!text.contains("tag=\"v1.1.0\""), "an old tag is left out");
}
