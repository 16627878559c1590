//! From the commits of one component to its entries: cancel reverts, fold duplicates, keep what speaks to users.

use super::{Entry, Group};
use crate::git::{CommitRecord, Oid, Side};
use git_conventional::Commit;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// What is left of a history.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    pub(super) entries: Vec<Entry>,
    pub(super) hidden: u32,
}

/// Entries of one component. `commits`: newest first, children before parents.
pub(super) fn sift(component: &str, commits: &[CommitRecord]) -> Sifted {
    let side = |side: Side| commits.iter().filter(|commit| commit.side == side).collect::<Vec<_>>();
    let (gained, lost) = (uncancelled(&side(Side::New)), uncancelled(&side(Side::Old)));
    // The same patch on both sides (a hotfix and its forward-port): nothing changed for users.
    let patches = |commits: &[&CommitRecord]| {
        commits.iter().filter_map(|commit| commit.patch_id.clone()).collect::<BTreeSet<_>>()
    };
    let shared: BTreeSet<String> = patches(&gained).intersection(&patches(&lost)).cloned().collect();
    let unshared = |commits: Vec<&CommitRecord>| -> Vec<CommitRecord> {
        commits
            .into_iter()
            .filter(|commit| !commit.patch_id.as_ref().is_some_and(|id| shared.contains(id)))
            .cloned()
            .collect()
    };
    let mut sifted = Sifted::default();
    for (commit, also) in folded(&unshared(gained)) {
        match entry(component, commit) {
            Some(entry) => sifted.entries.push(Entry { also, ..entry }),
            None => sifted.hidden += 1,
        }
    }
    for (commit, also) in folded(&unshared(lost)) {
        match entry(component, commit) {
            Some(entry) => sifted.entries.push(Entry { group: Group::Withdrawn, also, ..entry }),
            None => sifted.hidden += 1,
        }
    }
    sifted.entries.sort_by_key(|entry| entry.group);
    sifted
}

/// Commits that no later one takes back. A revert and what it reverts vanish together; a revert of a revert
/// brings the first commit back, hence newest first.
fn uncancelled<'a>(commits: &[&'a CommitRecord]) -> Vec<&'a CommitRecord> {
    let mut gone: BTreeSet<&Oid> = BTreeSet::new();
    for (at, commit) in commits.iter().enumerate() {
        if gone.contains(&commit.id) {
            continue;
        }
        let older = &commits[at + 1..];
        let targets: Vec<&Oid> = targets(commit, older).into_iter().filter(|id| !gone.contains(id)).collect();
        if targets.is_empty() {
            continue;
        }
        gone.insert(&commit.id);
        for target in targets {
            gone.insert(target);
            let Some(target) = older.iter().find(|commit| &commit.id == target) else {
                continue;
            };
            // Its twins (branch commit of a merge, cherry-pick) are taken back with it.
            gone.extend(older.iter().filter(|other| twins(target, other)).map(|other| &other.id));
        }
    }
    commits.iter().copied().filter(|commit| !gone.contains(&commit.id)).collect()
}

fn targets<'a>(commit: &CommitRecord, older: &[&'a CommitRecord]) -> Vec<&'a Oid> {
    static HASH: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?im)^(?:this reverts commit |refs?: |reverts: ?)([0-9a-f]{7,64}(?:[ ,]+[0-9a-f]{7,64})*)")
            .expect("a constant pattern that the tests compile")
    });
    let subject = subject(commit);
    let quoted = subject.strip_prefix("Revert \"").and_then(|rest| rest.rsplit_once('"')).map(|(quoted, _)| quoted);
    let conventional = Commit::parse(&commit.message).ok().filter(|commit| commit.type_() == "revert");
    if quoted.is_none() && conventional.is_none() {
        return Vec::new();
    }
    let hashes: Vec<&str> = HASH
        .captures_iter(&commit.message)
        .filter_map(|found| found.get(1))
        .flat_map(|found| found.as_str().split([' ', ',']))
        .filter(|hash| !hash.is_empty())
        .collect();
    if !hashes.is_empty() {
        return older
            .iter()
            .filter(|commit| hashes.iter().any(|hash| commit.id.as_str().starts_with(&hash.to_lowercase())))
            .map(|commit| &commit.id)
            .collect();
    }
    // No name of a commit: the newest older one with that subject.
    let wanted = quoted.or(conventional.as_ref().map(Commit::description)).unwrap_or_default();
    older.iter().find(|commit| self::subject(commit) == wanted).map(|commit| vec![&commit.id]).unwrap_or_default()
}

fn subject(commit: &CommitRecord) -> &str {
    commit.message.lines().next().unwrap_or_default().trim()
}

/// Whether two commits are one change: the same patch, or a merge that repeats the title of its branch's commit.
fn twins(a: &CommitRecord, b: &CommitRecord) -> bool {
    let same_patch = a.patch_id.is_some() && a.patch_id == b.patch_id;
    let one_merge = (a.parents.len() > 1) != (b.parents.len() > 1);
    same_patch || (one_merge && title(a) == title(b))
}

/// Subject without the number of a pull request, in lower case.
fn title(commit: &CommitRecord) -> String {
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\s*\([#!]\d+\)$").expect("a constant pattern that the tests compile"));
    NUMBER.replace(subject(commit), "").to_lowercase()
}

/// One commit per change (the oldest that is no merge) and the other commits of that change.
fn folded(commits: &[CommitRecord]) -> Vec<(&CommitRecord, Vec<String>)> {
    let mut also: BTreeMap<&Oid, Vec<String>> = BTreeMap::new();
    let mut kept: Vec<&CommitRecord> = Vec::new();
    let oldest_first = commits.iter().rev();
    for commit in oldest_first
        .clone()
        .filter(|commit| commit.parents.len() < 2)
        .chain(oldest_first.filter(|commit| commit.parents.len() > 1))
    {
        if is_plain_merge(commit) {
            continue; // what it brings is listed by its own commits
        }
        match kept.iter().find(|other| twins(other, commit)) {
            Some(other) => also.entry(&other.id).or_default().push(commit.id.to_string()),
            None => kept.push(commit),
        }
    }
    commits
        .iter()
        .filter(|commit| kept.iter().any(|other| other.id == commit.id))
        .map(|commit| (commit, also.remove(&commit.id).unwrap_or_default()))
        .collect()
}

fn is_plain_merge(commit: &CommitRecord) -> bool {
    const TITLES: &[&str] = &[
        "Merge branch ",
        "Merge branches ",
        "Merge pull request ",
        "Merge remote-tracking branch ",
        "Merge tag ",
        "Merge commit ",
    ];
    commit.parents.len() > 1 && TITLES.iter().any(|title| commit.message.starts_with(title))
}

/// The entry of a commit; none when it says nothing to users.
fn entry(component: &str, commit: &CommitRecord) -> Option<Entry> {
    const SILENT: &[&str] = &["docs", "style", "refactor", "test", "tests", "chore", "build", "ci", "release"];
    let entry = |group, text: &str| {
        Some(Entry {
            group,
            component: component.to_owned(),
            text: sentence(text),
            commit: commit.id.to_string(),
            also: Vec::new(),
        })
    };
    let note = note(&commit.message);
    if note.as_deref().is_some_and(|note| note.eq_ignore_ascii_case("skip")) {
        return None;
    }
    let note = note.as_deref();
    let Ok(parsed) = Commit::parse(&commit.message) else {
        return entry(Group::Other, note.unwrap_or(subject(commit)));
    };
    let kind = parsed.type_().as_str().to_lowercase();
    let text = note.unwrap_or(parsed.description());
    match kind.as_str() {
        _ if parsed.breaking() => entry(Group::Breaking, note.or(parsed.breaking_description()).unwrap_or(text)),
        "feat" => entry(Group::Features, text),
        "fix" => entry(Group::Fixes, text),
        "perf" => entry(Group::Performance, text),
        "revert" => entry(Group::Reverts, text),
        kind if SILENT.contains(&kind) => note.and_then(|note| entry(Group::Other, note)),
        _ => entry(Group::Other, note.unwrap_or(subject(commit))),
    }
}

/// The footer `Product-Note:`, also of a commit that is not conventional; lines that go on are joined.
fn note(message: &str) -> Option<String> {
    let mut lines = message.lines().skip(1).skip_while(|line| !line.to_ascii_lowercase().starts_with("product-note:"));
    let first = lines.next()?.split_once(':')?.1.trim().to_owned();
    let rest: Vec<&str> = lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect();
    Some([vec![first.as_str()], rest].concat().join(" ")).filter(|note| !note.is_empty())
}

/// One line that starts with a capital letter.
fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
