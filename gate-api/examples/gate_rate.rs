//! Answers of the release gate a second, against a bare axum handler in the same run over the same loopback.
//!
//! `cargo run -p gate-api --example gate_rate`; a few seconds, rounds of both in turn so that a busy machine is busy
//! for both.

use axum::Router;
use axum::routing::get;
use chrono::{DateTime, Utc};
use gate_api::facts::{
    Changelog, Deployed, Ended, EvidenceRef, LandscapeFact, Outcome, PolicyFact, Provisional, SoakFact, SoakState,
    TagFact, VerdictRecord,
};
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore};
use scorer::Judgement;
use scorer::verdict::{Basis, Verdict};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Callers at once.
const CALLERS: usize = 8;
/// Length of one round of one side.
const ROUND: Duration = Duration::from_millis(1500);
/// Rounds of each side.
const ROUNDS: usize = 3;

type Outcomes = Result<Vec<Duration>, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(&folder.path().join("store.db"))?;
    told(&store, Utc::now())?;
    let gate = listen(gate_api::http::router(Arc::new(store))).await?;
    let bare = listen(Router::new().route("/", get(|| async { "ok" }))).await?;
    let question = format!("{gate}/v1/gates/release/check?product=shop&tag=v1.0.0&landscape=staging");
    let (mut gate_took, mut bare_took) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare_took.extend(round(&bare).await?);
        gate_took.extend(round(&question).await?);
    }
    let (gate_rate, bare_rate) = (shown("release gate", gate_took), shown("bare axum", bare_took));
    println!(
        "ratio        {:.2} of the bare handler's rate ({CALLERS} callers, {ROUNDS} rounds each)",
        gate_rate / bare_rate
    );
    Ok(())
}

async fn listen(router: Router) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// Times of all answers of one round; an answer that is no allow ends the benchmark.
async fn round(url: &str) -> Outcomes {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    let until = Instant::now() + ROUND;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (client, url) = (client.clone(), url.to_owned());
        callers.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let answer = client.get(&url).send().await?.error_for_status()?;
                answer.bytes().await?;
                took.push(began.elapsed());
            }
            Outcomes::Ok(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = callers.join_next().await {
        all.extend(took??);
    }
    Ok(all)
}

/// Prints one side and returns its rate.
fn shown(name: &str, mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let seconds = ROUND.as_secs_f64() * f64::from(u32::try_from(ROUNDS).unwrap_or(1));
    let rate = f64::from(u32::try_from(took.len()).unwrap_or(u32::MAX)) / seconds;
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    println!("{name:<12} {rate:>8.0} answers/s, p99 {:>7.2} ms", p99.as_secs_f64() * 1e3);
    rate
}

/// One tag with a valid pass.
fn told(store: &SqliteStore, now: DateTime<Utc>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let act = Act { by: "benchmark", at: now };
    let policy = PolicyFact {
        digest: "sha256:policy".into(),
        kpi: 85.0,
        min_observation_s: 0,
        valid_for_s: 3600,
        provisional: Provisional::Allow,
        classes: BTreeMap::new(),
    };
    let (product, landscape, tag) = ("shop".to_owned(), "staging".to_owned(), "v1.0.0".to_owned());
    let place = LandscapeFact {
        product: product.clone(),
        landscape: landscape.clone(),
        clusters: vec!["a".into()],
        policy,
        deployed: Deployed::Nothing,
    };
    store.put_landscape(&place, act)?;
    let fact = TagFact {
        product: product.clone(),
        tag: tag.clone(),
        commit: "9f3c".into(),
        moved_to: None,
        tagged_at: now,
        changelog: Changelog::Complete,
        note: None,
        hotfix_to: None,
    };
    store.put_tag(&fact, act)?;
    let ended = Ended { outcome: Outcome::Done, at: now, superseded_by: None, detail: None };
    let soak = SoakFact {
        id: "soak".into(),
        product: product.clone(),
        landscape: landscape.clone(),
        cluster: "a".into(),
        tag: tag.clone(),
        commit: "9f3c".into(),
        triggered: None,
        requested_at: now,
        observed_since: Some(now),
        state: SoakState::Ended(ended),
        taint_resolved: None,
        updated_at: now,
    };
    store.put_soak(&soak, act)?;
    Ok(store.put_verdict(&pass((product, landscape, tag), now), act)?)
}

fn pass((product, landscape, tag): (String, String, String), now: DateTime<Utc>) -> VerdictRecord {
    let judgement = Judgement {
        method: scorer::METHOD.into(),
        look: 60,
        level: 0.01,
        verdict: Verdict::Pass,
        basis: Basis::Baseline,
        provisional: false,
        baseline_runs: 5,
        score: Some(96.0),
        score_low: Some(91.0),
        score_high: Some(99.0),
        tag_p: Some(0.5),
        dimensions: vec![],
        reasons: vec![],
        metrics: vec![],
        extra_samples: None,
        missing: vec![],
    };
    VerdictRecord {
        soak: "soak".into(),
        product,
        landscape,
        tag,
        commit: "9f3c".into(),
        judgement,
        sentence: "stable".into(),
        policy_digest: "sha256:policy".into(),
        programme_digest: "sha256:programme".into(),
        toggles: BTreeMap::new(),
        evidence: vec![EvidenceRef { digest: "sha256:evidence".into(), uri: "evidence/evidence".into() }],
        report_digest: "sha256:report".into(),
        classes: BTreeMap::new(),
        evaluated_at: now,
        valid_until: now + chrono::TimeDelta::hours(1),
    }
}
