//! Makes the real git repositories of the demo. Authors and dates are fixed, so that the commits are the same each time.

use crate::git::{Change, Git, GitError, Mirror, NewCommit, NewTag, ObjectStore, Oid, Remote, Signature};
use chrono::{DateTime, Utc};
use std::path::Path;

/// Product tags in the order of the story.
pub const TAGS: [&str; 5] = ["v1.0.0", "v1.1.0", "v1.1.1", "v1.2.0", "v1.2.1"];

/// First day of the histories, seconds since the Unix epoch.
const FIRST_DAY: i64 = 1_788_220_800;

/// A commit of a component: message, and the version that is tagged on it.
type Told = (&'static str, Option<&'static str>);

const CATALOG: &[Told] = &[
    ("feat: items with prices in pages of twenty", Some("2.1.0")),
    ("feat: serve related items of an item", None),
    ("docs: how related items are chosen", Some("2.2.0")),
];

const PAYMENTS: &[Told] = &[
    ("feat: charges are idempotent by key", Some("1.7.0")),
    ("fix: a charge of zero cents is refused\n\nProduct-Note: Orders of zero value are refused at once.", None),
    ("chore: name the limits", Some("1.7.1")),
];

const CHECKOUT: &[Told] = &[
    ("feat: carts and orders", None),
    ("feat: accept orders while payments is slow, charge them later", Some("3.4.0")),
    ("feat: recommend related items in cart and order", None),
    ("perf: cache recommendations by request", None),
    ("tidy up after the review", None),
    ("feat: gift notes on orders", Some("3.5.0")),
    ("fix: recommendations are cached by item again", Some("3.5.1")),
    ("feat: estimate the delivery of an order", None),
    ("refactor: one outgoing pool for all peers", Some("3.6.0")),
    ("fix: every peer has its own pool and time limit", Some("3.6.1")),
];

const STORY: [(&str, [&str; 3], &str); 5] = [
    ("v1.0.0", ["2.1.0", "1.7.0", "3.4.0"], "feat: the shop"),
    ("v1.1.0", ["2.2.0", "1.7.0", "3.5.0"], "feat: related items and gift notes"),
    ("v1.1.1", ["2.2.0", "1.7.0", "3.5.1"], "fix: checkout 3.5.1"),
    ("v1.2.0", ["2.2.0", "1.7.1", "3.6.0"], "feat: delivery estimates"),
    ("v1.2.1", ["2.2.0", "1.7.1", "3.6.1"], "fix: checkout 3.6.1"),
];

const PRODUCT_FILES: [(&str, &str); 8] = [
    ("README.md", include_str!("../../demo/product/README.md")),
    ("mettle/programme.yaml", include_str!("../../demo/product/mettle/programme.yaml")),
    ("mettle/signals.yaml", include_str!("../../demo/product/mettle/signals.yaml")),
    ("mettle/suites/browse-and-buy.yaml", include_str!("../../demo/product/mettle/suites/browse-and-buy.yaml")),
    ("mettle/suites/checkout-journeys.yaml", include_str!("../../demo/product/mettle/suites/checkout-journeys.yaml")),
    ("mettle/suites/exposure.yaml", include_str!("../../demo/product/mettle/suites/exposure.yaml")),
    ("mettle/experiments/payments-slow.yaml", include_str!("../../demo/product/mettle/experiments/payments-slow.yaml")),
    ("mettle/experiments/payments-dies.yaml", include_str!("../../demo/product/mettle/experiments/payments-dies.yaml")),
];

const LANDSCAPE_FILES: [(&str, &str); 3] = [
    ("README.md", include_str!("../../demo/landscape/README.md")),
    ("landscape.yaml", include_str!("../../demo/landscape/landscape.yaml")),
    ("processes.yaml", include_str!("../../demo/landscape/processes.yaml")),
];

fn signature(day: i64) -> Signature {
    let at: DateTime<Utc> = DateTime::from_timestamp(FIRST_DAY + day * 86_400, 0).unwrap_or_default();
    Signature { name: "Shop Team".into(), email: "team@shop.example".into(), at }
}

fn write(path: &str, content: &str) -> Change {
    Change::Write { path: path.to_owned(), content: content.as_bytes().to_vec() }
}

/// Makes every repository of the demo below `repos`, with product tag v1.0.0. Repositories that exist are left.
///
/// # Errors
/// git fails, or the folder cannot be written.
pub async fn init(git: &Git, repos: &Path) -> anyhow::Result<()> {
    for (name, told) in [("catalog", CATALOG), ("payments", PAYMENTS), ("checkout", CHECKOUT)] {
        component(git, &repos.join(format!("{name}.git")), name, told).await?;
    }
    let staging = repos.join("staging.git");
    if !staging.exists() {
        let store = fresh(git, &staging).await?;
        let files: Vec<Change> = LANDSCAPE_FILES.iter().map(|(path, text)| write(path, text)).collect();
        let by = signature(10);
        let commit =
            store.commit(&NewCommit { parents: &[], changes: &files, message: "feat: staging", by: &by }).await?;
        store.set_refs(&[("refs/heads/main", &commit, None)]).await?;
    }
    push_tag(git, repos, TAGS[0]).await
}

async fn fresh(git: &Git, path: &Path) -> anyhow::Result<ObjectStore> {
    std::fs::create_dir_all(path)?;
    Ok(ObjectStore::init(git, path).await?)
}

async fn component(git: &Git, path: &Path, name: &str, told: &[Told]) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let store = fresh(git, path).await?;
    let readme = include_str!("../../demo/component/README.md").replace("@component@", name).replace("@name@", name);
    let mut head: Option<Oid> = None;
    for (day, (message, version)) in (0..).zip(told) {
        let by = signature(day);
        let mut changes = vec![write(
            "CHANGES",
            &told[..=usize::try_from(day).unwrap_or_default()]
                .iter()
                .map(|(m, _)| format!("{}\n", m.lines().next().unwrap_or_default()))
                .collect::<String>(),
        )];
        if head.is_none() {
            changes.push(write("README.md", &readme));
        }
        if let Some(version) = version {
            let manifest = include_str!("../../demo/component/component.yaml")
                .replace("@component@", name)
                .replace("@name@", name)
                .replace("@version@", version);
            changes.push(write("component.yaml", &manifest));
        }
        let parents: Vec<Oid> = head.iter().cloned().collect();
        let commit = store.commit(&NewCommit { parents: &parents, changes: &changes, message, by: &by }).await?;
        store.set_refs(&[("refs/heads/main", &commit, head.as_ref())]).await?;
        if let Some(version) = version {
            tag(&store, &format!("v{version}"), &commit, &by).await?;
        }
        head = Some(commit);
    }
    Ok(())
}

async fn tag(store: &ObjectStore, name: &str, commit: &Oid, by: &Signature) -> Result<(), GitError> {
    let object = store.annotate(&NewTag { name, commit, message: name, by }).await?;
    store.set_refs(&[(&format!("refs/tags/{name}"), &object, None)]).await
}

/// Adds the product commit and annotated tag `name`; a tag that is there is left.
///
/// # Errors
/// git fails, or `name` is not a tag of the story.
pub async fn push_tag(git: &Git, repos: &Path, name: &str) -> anyhow::Result<()> {
    let path = repos.join("shop.git");
    let Some((day, (_, versions, message))) = (20_i64..).zip(&STORY).find(|(_, (tag, ..))| *tag == name) else {
        anyhow::bail!("{name} is not a tag of the demo")
    };
    let store = if path.exists() { ObjectStore::new(git, &path) } else { fresh(git, &path).await? };
    let scratch = tempfile::tempdir()?;
    let mirror = Mirror::open(git, scratch.path(), "shop", Remote::folder(&path)).await?;
    mirror.fetch().await?;
    if mirror.tag(name).await?.is_some() {
        return Ok(());
    }
    let head = mirror.rev_parse("refs/heads/main").await?;
    let [catalog, payments, checkout] = versions;
    let product = include_str!("../../demo/product/product.yaml")
        .replace("@catalog@", catalog)
        .replace("@payments@", payments)
        .replace("@checkout@", checkout);
    let mut changes = vec![write("product.yaml", &product)];
    if head.is_none() {
        changes.extend(PRODUCT_FILES.iter().map(|(path, text)| write(path, text)));
    }
    let by = signature(day);
    let parents: Vec<Oid> = head.iter().cloned().collect();
    let commit = store.commit(&NewCommit { parents: &parents, changes: &changes, message, by: &by }).await?;
    store.set_refs(&[("refs/heads/main", &commit, head.as_ref())]).await?;
    tag(&store, name, &commit, &by).await?;
    Ok(())
}
