//! Real repositories in temporary folders.

use chrono::{DateTime, TimeZone, Utc};
use pipeline::changelog::Changelog;
use pipeline::git::{Change, Git, NewCommit, NewTag, ObjectStore, Oid, Signature};
use pipeline::ledger::{Publication, Standing};
use pipeline::report::{API_VERSION, Report, SoakOutcome};
use scorer::Verdict;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) fn at(second: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_790_000_000 + second, 0).unwrap()
}

/// A bare repository with one commit and the annotated tag `v1.0.0`.
pub(crate) async fn product(path: &Path) -> Oid {
    let git = Git::default();
    let store = ObjectStore::init(&git, path).await.unwrap();
    let by = Signature::mettle(at(0));
    let changes = [Change::Write { path: "product.yaml".into(), content: b"kind: Product\n".to_vec() }];
    let commit =
        store.commit(&NewCommit { parents: &[], changes: &changes, message: "feat: shop\n", by: &by }).await.unwrap();
    let tag = store.annotate(&NewTag { name: "v1.0.0", commit: &commit, message: "v1.0.0", by: &by }).await.unwrap();
    store.set_refs(&[("refs/heads/main", &commit, None), ("refs/tags/v1.0.0", &tag, None)]).await.unwrap();
    commit
}

pub(crate) fn publication(tag: &str, soak: &str, commit: &Oid) -> Publication {
    let changelog = Changelog {
        missing: vec![],
        api_version: API_VERSION.into(),
        kind: "Changelog".into(),
        product: "shop".into(),
        from: None,
        to: tag.into(),
        incomplete: false,
        components: vec![],
        entries: vec![],
    };
    let report = Report {
        api_version: API_VERSION.into(),
        kind: "Report".into(),
        product: "shop".into(),
        tag: tag.into(),
        commit: commit.to_string(),
        landscape: "staging".into(),
        cluster: "here".into(),
        soak: soak.into(),
        attempt: 1,
        outcome: SoakOutcome::Done,
        outcome_detail: None,
        judgement: None,
        verdict: Verdict::Pass,
        started_at: at(10),
        ended_at: at(130),
        phases: vec![],
        classes: vec![],
        exposures: vec![],
        policy_digest: "sha256:p".into(),
        programme_digest: "sha256:q".into(),
        toggles: BTreeMap::new(),
        risk: None,
        overrides: vec![],
        evidence: vec![],
        valid_until: Some(at(9_999)),
        against: vec![],
        way_back: None,
        method: scorer::METHOD.into(),
        changelog: changelog.clone(),
        terms: None,
    };
    let note = pipeline::note::render(&report, "release.md.j2", pipeline::note::TEMPLATE).unwrap();
    Publication { report, changelog, note, standing: Standing::Decides, by: Signature::mettle(at(140)) }
}
