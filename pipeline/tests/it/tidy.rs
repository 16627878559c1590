//! The arrows between the crates are data, compared with the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ALLOWED: &[(&str, &[&str])] = &[
    ("scorer", &[]),
    ("chaos", &[]),
    ("probes", &["scorer"]),
    ("gate-api", &["scorer"]),
    ("datasets", &["scorer"]),
    ("datasets/shop", &[]),
    ("pipeline", &["scorer", "probes", "chaos", "gate-api", "datasets"]),
];

/// Names on the left of the dependency tables of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut out = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if let Some((name, _)) = line.split_once(['.', '=', ' ']).filter(|_| inside) {
            out.insert(name.trim().to_owned());
        }
    }
    out
}

#[test]
fn arrows_are_the_allowed_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ours: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let mut found = BTreeMap::new();
    for (name, _) in ALLOWED {
        let manifest = std::fs::read_to_string(root.join(name).join("Cargo.toml")).unwrap();
        let arrows: BTreeSet<String> =
            dependencies(&manifest).into_iter().filter(|d| ours.contains(d.as_str())).collect();
        found.insert(*name, arrows);
    }
    let wanted = ALLOWED.iter().map(|(name, to)| (*name, to.iter().map(|t| (*t).to_owned()).collect())).collect();
    assert_eq!(found, wanted);
    let workspace = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace.lines().find(|l| l.starts_with("members")).unwrap();
    assert_eq!(members.matches('"').count() / 2, ALLOWED.len(), "every member has its arrows here: {members}");
}

#[test]
fn polars_is_known_to_one_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, _) in ALLOWED.iter().filter(|(name, _)| *name != "datasets") {
        let manifest = std::fs::read_to_string(root.join(name).join("Cargo.toml")).unwrap();
        assert!(!dependencies(&manifest).contains("polars"), "{name}");
    }
}
