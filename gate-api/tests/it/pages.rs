//! Pages: what is said, in which order, that nothing foreign becomes markup.

use crate::served::serve;
use crate::story::{RUNNING, TAGS, commit, page, told};
use chrono::Utc;
use gate_api::facts::*;
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore};
use scorer::Verdict;
use std::sync::Arc;

/// Sections of a tag's page in their order; each stands on its own.
const SECTIONS: [&str; 10] =
    ["verdict", "gates", "reasons", "scores", "charts", "watched", "faults", "evidence", "soaks", "note"];

/// Places of the sections that a page has, in the order of [`SECTIONS`].
fn places(html: &str) -> Vec<usize> {
    SECTIONS.iter().filter_map(|id| html.find(&format!("id=\"{id}\""))).collect()
}

fn at(tag: &str) -> String {
    format!("/products/shop/tags/{tag}")
}

#[tokio::test]
async fn every_verdict_has_its_page_and_the_verdict_comes_first() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let words = [
        ("v1.0.0", "judged by its objectives"),
        ("v1.1.0", "stable: watched 2.1 min under load and 3 faults"),
        ("v1.1.1", "worse: load-latency: 5.8 % of requests slower than 250 ms"),
        ("v1.2.0", "not decided: memory{job=checkout}"),
        ("v1.3.0", "the tag could not be deployed: checkout did not become healthy"),
    ];
    for ((tag, verdict), (same, sentence)) in TAGS.into_iter().zip(words) {
        assert_eq!(tag, same);
        let got = gate.get(&at(tag)).await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "text/html; charset=utf-8"));
        let (html, places) = (&got.text, places(&got.text));
        assert!(html.contains(sentence), "{tag}: {html}");
        assert!(places.is_sorted() && places.len() >= 2, "{tag}: {places:?}");
        assert_eq!(places[0], html.find("<section").unwrap() + "<section ".len(), "{tag}: the verdict is not first");
        assert_eq!(html.matches("<figure").count(), if verdict == Verdict::None { 0 } else { 4 }, "{tag}");
        assert!(!html.contains("http-equiv=\"refresh\""), "{tag} is over and needs no refresh");
    }
}

#[tokio::test]
async fn the_page_of_a_fail_says_which_metric_with_effect_interval_faults_and_digests() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let html = gate.get(&at("v1.1.1")).await.text;
    assert_eq!(places(&html).len(), 9, "all sections but other soaks");
    for wanted in [
        "<title>fail: shop v1.1.1 in staging · Mettle</title>",
        "+3.7 pp (+3.38 pp to +4.02 pp), allowed +2 pp",
        "judged worse",
        "share of requests slower than 250 ms",
        "delay 400ms",
        "delay ms p50 402",
        "after 1 s",
        "sha256:4f6b2f4cf2b1",
        scorer::METHOD,
        "cpu{job=checkout}",
        "Baseline and margin: 4.1 %. ",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert_eq!(html.matches("judged worse").count(), 2);
    // Three faults in each of four charts, each shaded and hatched.
    assert_eq!(html.matches("<rect fill=\"url(#hatch)\"").count(), 3 * 4 + 1);
    // The value that is absent breaks the line once.
    let line = html.split("class=\"candidate\" d=\"").nth(2).unwrap().split('"').next().unwrap();
    assert_eq!(line.matches('M').count(), 2, "{line}");
}

#[tokio::test]
async fn a_page_loads_itself_again_only_while_a_soak_runs() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    for path in ["/".to_owned(), at(RUNNING)] {
        let html = gate.get(&path).await.text;
        assert!(html.contains("http-equiv=\"refresh\""), "{path}");
        for wanted in ["55 %", "27 of 60 samples", "at 20 samples", "88 (61..100)"] {
            assert!(html.contains(wanted), "{path}: {wanted}");
        }
    }
    let facts = story.store.facts("shop", "staging", RUNNING).unwrap();
    let ended = Ended { outcome: Outcome::Aborted, at: Utc::now(), superseded_by: None, detail: Some("asked".into()) };
    let over = SoakFact { state: SoakState::Ended(ended), ..facts.soaks[0].clone() };
    story.store.put_soak(&over, Act { by: "test", at: Utc::now() }).unwrap();
    for path in ["/".to_owned(), at(RUNNING)] {
        assert!(!gate.get(&path).await.text.contains("http-equiv=\"refresh\""), "{path}");
    }
}

#[tokio::test]
async fn the_list_has_every_tag_newest_first() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let html = gate.get("/").await.text;
    let table = &html[html.find("<table>").unwrap()..];
    let newest_first = ["v1.2.2", RUNNING, "v1.3.0", "v1.2.0", "v1.1.1", "v1.1.0", "v1.0.0"];
    let places: Vec<usize> = newest_first
        .iter()
        .map(|tag| {
            table.find(&format!("/products/shop/tags/{tag}?landscape=staging")).unwrap_or_else(|| panic!("{tag}"))
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(table.contains("96 (90..99)"));
}

#[tokio::test]
async fn the_list_is_bounded_and_says_so() {
    let story = told(Utc::now());
    for i in 0..120 {
        let tag = format!("v2.{i}.0");
        let fact = TagFact { commit: commit(&tag), tag, tagged_at: Utc::now(), ..crate::given::tag() };
        story.store.put_tag(&fact, Act { by: "test", at: Utc::now() }).unwrap();
    }
    let gate = serve(story.store.clone()).await;
    let html = gate.get("/").await.text;
    assert!(html.contains("The newest 100 of 127 tags."), "{html}");
    assert_eq!(html.matches("<tr><td data-label=\"Tag\">").count(), 100);
}

#[tokio::test]
async fn what_is_not_known_says_what_would_make_it_known() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let cases = [
        ("/products/shop/tags/v9.9.9", "push the tag"),
        ("/products/bakery/tags/v1.0.0", "mettle up"),
        ("/products/shop/tags/v1.1.0?landscape=production", "landscapes of shop: staging"),
    ];
    for (path, hint) in cases {
        let got = gate.get(path).await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (404, "text/html; charset=utf-8"), "{path}");
        assert!(got.text.contains(hint), "{path}: {}", got.text);
    }
    assert_eq!(gate.get("/products/shop/tags/v1.1.0?landscpe=x").await.status, 400);
}

/// Whatever the documents of a product hold, it is text.
#[tokio::test]
async fn nothing_foreign_becomes_markup() {
    let evil = "<script>alert(1)</script>\"'&><img src=x onerror=alert(1)>";
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("store.db")).unwrap());
    let act = Act { by: "test", at: Utc::now() };
    let place = LandscapeFact { landscape: evil.into(), product: evil.into(), ..crate::given::landscape() };
    store.put_landscape(&place, act).unwrap();
    let tag = TagFact { product: evil.into(), tag: evil.into(), ..crate::given::tag() };
    store.put_tag(&tag, act).unwrap();
    let soak = SoakFact {
        product: evil.into(),
        landscape: evil.into(),
        tag: evil.into(),
        triggered: Some(evil.into()),
        ..crate::given::soak(evil, 0, Some(Outcome::Done))
    };
    store.put_soak(&soak, act).unwrap();
    let mut record = crate::given::verdict(evil, 0, Verdict::Fail);
    (record.product, record.landscape, record.tag, record.sentence) =
        (evil.into(), evil.into(), evil.into(), evil.into());
    record.toggles.insert(evil.into(), evil.into());
    store.put_verdict(&record, act).unwrap();
    let mut data = page(evil, evil, Verdict::Fail);
    (data.product, data.landscape, data.note) = (evil.into(), evil.into(), Some(evil.into()));
    data.charts.iter_mut().for_each(|c| c.metric = evil.into());
    data.faults.iter_mut().for_each(|f| (f.experiment, f.detail) = (evil.into(), Some(evil.into())));
    data.phases.iter_mut().for_each(|p| p.name = evil.into());
    store.put_page(&data).unwrap();
    let gate = serve(store).await;
    let list = gate.get("/").await.text;
    let link =
        list.split("href=\"").find(|l| l.starts_with("/products/")).unwrap().split('"').next().unwrap().to_owned();
    let tag = gate.get(&link).await;
    assert_eq!(tag.status, 200, "the link of the list leads to the page: {link}");
    assert_eq!(tag.text.matches("<figure").count(), 4);
    for html in [&list, &tag.text] {
        assert!(html.contains("&lt;script&gt;alert(1)"));
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    }
    let csp = tag.header("content-security-policy");
    assert!(csp.starts_with("default-src 'none'; style-src 'self'") && !csp.contains("unsafe"), "{csp}");
}

#[tokio::test]
async fn a_page_without_drawing_data_still_says_everything_else() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let record = crate::given::verdict("soak-again", 550, Verdict::Pass);
    let mut soak = crate::given::soak("soak-again", 550, Some(Outcome::Done));
    (soak.tag, soak.commit, soak.requested_at) = ("v1.1.0".into(), commit("v1.1.0"), Utc::now());
    story.store.put_soak(&soak, Act { by: "test", at: Utc::now() }).unwrap();
    let record = VerdictRecord { tag: "v1.1.0".into(), commit: commit("v1.1.0"), evaluated_at: Utc::now(), ..record };
    let record =
        VerdictRecord { judgement: scorer::Judgement { verdict: Verdict::Fail, ..record.judgement.clone() }, ..record };
    story.store.put_verdict(&record, Act { by: "test", at: Utc::now() }).unwrap();
    let html = gate.get(&at("v1.1.0")).await.text;
    assert!(html.contains("fail: shop v1.1.0") && html.contains("id=\"evidence\""));
    assert!(!html.contains("<figure"), "charts of another soak are not shown");
    assert!(html.contains("id=\"soaks\"") && html.contains("soak-v1.1.0"), "the earlier soak is listed");
}
