//! The changelog of a product over real component repositories.

use crate::git_support::at;
use pipeline::changelog::{Changelog, ChangelogRequest, ComponentVersion, Group, collect};
use pipeline::git::{Change, Git, NewCommit, NewTag, ObjectStore, Oid, Remote, Signature};
use semver::Version;
use std::path::Path;

/// A repository with one commit for each message; a version after it is tagged.
async fn repository(path: &Path, told: &[(&str, Option<&str>)]) {
    let store = ObjectStore::init(&Git::default(), path).await.unwrap();
    let mut head: Option<Oid> = None;
    for (second, (message, version)) in (0..).zip(told) {
        let by = Signature::mettle(at(second));
        let changes = [Change::Write { path: "CHANGES".into(), content: message.as_bytes().to_vec() }];
        let message = match &head {
            Some(head) => message.replace("@head@", head.as_str()),
            None => (*message).to_owned(),
        };
        let parents: Vec<Oid> = head.iter().cloned().collect();
        let commit = NewCommit { parents: &parents, changes: &changes, message: &message, by: &by };
        let commit = store.commit(&commit).await.unwrap();
        store.set_refs(&[("refs/heads/main", &commit, head.as_ref())]).await.unwrap();
        if let Some(version) = version {
            let name = format!("v{version}");
            let tag = NewTag { name: &name, commit: &commit, message: &name, by: &by };
            let tag = store.annotate(&tag).await.unwrap();
            store.set_refs(&[(&format!("refs/tags/{name}"), &tag, None)]).await.unwrap();
        }
        head = Some(commit);
    }
}

fn component(path: &Path, version: &str) -> ComponentVersion {
    ComponentVersion {
        name: "checkout".into(),
        repo: Remote::folder(path),
        version: Version::parse(version).unwrap(),
        tag_pattern: "v{version}".into(),
    }
}

async fn between(repository: &Path, from: &str, to: &str) -> Changelog {
    let mirrors = tempfile::tempdir().unwrap();
    let (old, new) = ([component(repository, from)], [component(repository, to)]);
    let request = ChangelogRequest { product: "shop", from: Some("v1.0.0"), to: "v1.1.0", old: &old, new: &new };
    collect(&Git::default(), mirrors.path(), &request).await
}

#[tokio::test]
async fn reverts_cancel_notes_override_and_nothing_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkout.git");
    let told = [
        ("feat: carts", Some("1.0.0")),
        ("feat: gift notes", None),
        ("fix: rounding\n\nProduct-Note: Totals are exact to the cent.", None),
        ("feat: wrapping paper", None),
        // Its parent, the wrapping paper, is taken back.
        ("Revert \"feat: wrapping paper\"\n\nThis reverts commit @head@.", None),
        ("tidy up after the review", None),
        ("docs: how carts work", None),
        ("feat: secret\n\nProduct-Note: skip", None),
        ("feat!: orders need an address", Some("2.0.0")),
    ];
    repository(&path, &told).await;
    let changelog = between(&path, "1.0.0", "2.0.0").await;
    assert!(!changelog.incomplete, "{changelog:?}");
    let entries: Vec<(Group, &str)> = changelog.entries.iter().map(|e| (e.group, e.text.as_str())).collect();
    let expected = [
        (Group::Breaking, "Orders need an address"),
        (Group::Features, "Gift notes"),
        (Group::Fixes, "Totals are exact to the cent."),
        (Group::Other, "Tidy up after the review"),
    ];
    assert_eq!(entries, expected);
    assert_eq!(changelog.components[0].hidden, 2, "documentation and what asks to be skipped are counted");
}

#[tokio::test]
async fn a_missing_repository_makes_the_changelog_incomplete_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let changelog = between(&dir.path().join("gone.git"), "1.0.0", "2.0.0").await;
    assert!(changelog.incomplete);
    assert!(changelog.components[0].log_unavailable.is_some(), "{changelog:?}");
}

#[tokio::test]
async fn a_new_component_is_looked_for_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkout.git");
    repository(&path, &[("feat: carts", Some("1.0.0"))]).await;
    let added = async |path: &Path, version: &str, from: Option<&str>| {
        let (mirrors, new) = (tempfile::tempdir().unwrap(), [component(path, version)]);
        let request = ChangelogRequest { product: "shop", from, to: "v1.1.0", old: &[], new: &new };
        collect(&Git::default(), mirrors.path(), &request).await
    };
    for from in [None, Some("v1.0.0")] {
        let there = added(&path, "1.0.0", from).await;
        assert!(!there.incomplete && there.components[0].log_unavailable.is_none(), "{there:?}");
        let no_repository = added(&dir.path().join("gone.git"), "1.0.0", from).await;
        assert!(no_repository.incomplete && no_repository.components[0].log_unavailable.is_some(), "{no_repository:?}");
        let no_version = added(&path, "1.0.1", from).await;
        let why = no_version.components[0].log_unavailable.clone().unwrap_or_default();
        assert!(no_version.incomplete && why.contains("tag v1.0.1"), "{no_version:?}");
    }
}
