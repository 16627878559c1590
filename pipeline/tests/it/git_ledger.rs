//! The ledger over real bare repositories: races, kills, moved tags, tampering.

use crate::git_support::{at, product, publication};
use pipeline::git::{Change, Git, GitError, Mirror, NewCommit, ObjectStore, Remote, Signature};
use pipeline::ledger::{BRANCH, Ledger, LedgerError, Published, ReleaseTag};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

async fn ledger(git: &Git, dir: &Path, name: &str, seed: u64) -> Ledger {
    let mirror = Mirror::open(git, &dir.join(name), "shop", Remote::folder(&dir.join("shop.git"))).await.unwrap();
    Ledger::new(mirror, seed)
}

#[tokio::test]
async fn published_once_and_readable() {
    let dir = tempfile::tempdir().unwrap();
    let commit = product(&dir.path().join("shop.git")).await;
    let ledger = ledger(&Git::default(), dir.path(), "a", 1).await;
    let publication = publication("v1.0.0", "s1", &commit);
    let first = ledger.publish(&publication).await.unwrap();
    assert!(matches!(first, Published::New { release: ReleaseTag::Made, tries: 1, .. }), "{first:?}");
    assert!(matches!(ledger.publish(&publication).await.unwrap(), Published::Already { .. }));
    ledger.refresh().await.unwrap();
    assert_eq!(ledger.read("v1.0.0").await.unwrap(), Some(publication.report.clone()));
    assert_eq!(ledger.read("v9.9.9").await.unwrap(), None);
    let note = ledger.read_file("v1.0.0", "release.md").await.unwrap().unwrap();
    assert!(String::from_utf8(note).unwrap().contains("# shop v1.0.0: pass"));
    let mut other = publication.clone();
    other.report.attempt = 2;
    let error = ledger.publish(&other).await.unwrap_err();
    assert!(matches!(error, LedgerError::Conflict { .. }), "{error}");
    let verified = ledger.verify().await.unwrap();
    assert_eq!((verified.commits, verified.breaks.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_publishers_lose_and_double_nothing() {
    const EACH: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    let commit = product(&dir.path().join("shop.git")).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..2_u64 {
        let ledger = ledger(&Git::default(), dir.path(), &format!("w{writer}"), writer).await;
        let commit = commit.clone();
        tasks.spawn(async move {
            let mut tries = 0;
            for soak in 0..EACH {
                match ledger.publish(&publication("v1.0.0", &format!("w{writer}-{soak}"), &commit)).await.unwrap() {
                    Published::New { tries: pushes, .. } => tries += pushes,
                    Published::Already { .. } => panic!("published twice"),
                }
            }
            tries
        });
    }
    let tries: u32 = tasks.join_all().await.into_iter().sum();
    let reader = ledger(&Git::default(), dir.path(), "reader", 9).await;
    reader.refresh().await.unwrap();
    let listed = reader.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].soaks.len(), 2 * EACH);
    let verified = reader.verify().await.unwrap();
    assert_eq!((verified.commits, verified.breaks), (2 * EACH, vec![]), "{tries} pushes");
}

/// A git that dies by SIGKILL before or after its first push.
fn dying_git(dir: &Path, moment: &str) -> Git {
    let (before, after) = if moment == "before" { ("kill -9 $$", "") } else { ("", "kill -9 $$") };
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' push '*) if [ ! -e {0}/died ]; then touch {0}/died; {before}\ngit \"$@\"; {after}\nfi;; esac\nexec git \"$@\"\n",
        dir.display()
    );
    let path = dir.join("git.sh");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Git::new(path, Duration::from_secs(60), Duration::from_secs(60))
}

#[tokio::test]
async fn killed_around_the_push_then_again() {
    for moment in ["before", "after"] {
        let dir = tempfile::tempdir().unwrap();
        let commit = product(&dir.path().join("shop.git")).await;
        let ledger = ledger(&dying_git(dir.path(), moment), dir.path(), "a", 1).await;
        let publication = publication("v1.0.0", "s1", &commit);
        ledger.publish(&publication).await.unwrap_err();
        let again = ledger.publish(&publication).await.unwrap();
        assert_eq!(matches!(again, Published::Already { .. }), moment == "after", "{moment}: {again:?}");
        ledger.refresh().await.unwrap();
        assert_eq!(ledger.verify().await.unwrap().commits, 1, "{moment}");
    }
}

#[tokio::test]
async fn a_moved_tag_is_recorded_and_not_released() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.git");
    let commit = product(&path).await;
    let ledger = ledger(&Git::default(), dir.path(), "a", 1).await;
    ledger.refresh().await.unwrap();
    let store = ObjectStore::new(&Git::default(), &path);
    let by = Signature::mettle(at(5));
    let moved = store
        .commit(&NewCommit { parents: std::slice::from_ref(&commit), changes: &[], message: "fix: x\n", by: &by })
        .await
        .unwrap();
    let mirror = Mirror::open(&Git::default(), &dir.path().join("b"), "shop", Remote::folder(&path)).await.unwrap();
    mirror.fetch().await.unwrap();
    let old = mirror.tag("v1.0.0").await.unwrap().unwrap();
    store.set_refs(&[("refs/tags/v1.0.0", &moved, Some(&old.object))]).await.unwrap();
    let fetched = mirror.fetch().await.unwrap();
    assert_eq!((&fetched.moved_tags[0].was, fetched.moved_tags[0].now.as_ref()), (&commit, Some(&moved)));
    let published = ledger.publish(&publication("v1.0.0", "s1", &commit)).await.unwrap();
    assert!(
        matches!(&published, Published::New { release: ReleaseTag::Withheld { now: Some(now) }, .. } if now == &moved),
        "{published:?}"
    );
}

#[tokio::test]
async fn tampering_breaks_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.git");
    let commit = product(&path).await;
    let ledger = ledger(&Git::default(), dir.path(), "a", 1).await;
    ledger.publish(&publication("v1.0.0", "s1", &commit)).await.unwrap();
    ledger.publish(&publication("v1.0.0", "s2", &commit)).await.unwrap();
    ledger.refresh().await.unwrap();
    assert_eq!(ledger.verify().await.unwrap().breaks, vec![]);
    let mirror = Mirror::open(&Git::default(), &dir.path().join("b"), "shop", Remote::folder(&path)).await.unwrap();
    mirror.fetch().await.unwrap();
    let head = mirror.rev_parse(BRANCH).await.unwrap().unwrap();
    let line = mirror.line_of(BRANCH).await.unwrap();
    let store = ObjectStore::new(&Git::default(), &path);
    let by = Signature::mettle(at(140));
    // The first commit again with another report, and the second put on top of it with its old message.
    let message = |raw: String| raw.split_once("\n\n").unwrap().1.to_owned();
    let forged = [Change::Write { path: "tags/v1.0.0/report.json".into(), content: b"{}\n".to_vec() }];
    let first = message(mirror.raw_commit(&line[0]).await.unwrap());
    let root = store.commit(&NewCommit { parents: &[], changes: &forged, message: &first, by: &by }).await.unwrap();
    let second = message(mirror.raw_commit(&line[1]).await.unwrap());
    let top = store.commit(&NewCommit { parents: &[root], changes: &[], message: &second, by: &by }).await.unwrap();
    store.set_refs(&[(BRANCH, &top, Some(&head))]).await.unwrap();
    ledger.refresh().await.unwrap();
    let report = ledger.verify().await.unwrap();
    assert_eq!(report.breaks.len(), 1, "{report:?}");
    assert_eq!(report.breaks[0].commit, top);
}

#[tokio::test]
async fn an_unreachable_remote_is_named_without_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for remote in
        [format!("http://bot:s3cret@127.0.0.1:{port}/shop.git"), dir.path().join("none.git").display().to_string()]
    {
        let mirror = Mirror::open(&Git::default(), dir.path(), "x", Remote::parse(&remote).unwrap()).await.unwrap();
        let error = mirror.fetch().await.unwrap_err();
        assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        assert!(!error.hints().is_empty());
    }
}

#[tokio::test]
async fn a_git_that_hangs_is_killed_at_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("git.sh");
    std::fs::write(&path, format!("#!/bin/sh\necho $$ > {}/pid\nsleep 1000\n", dir.path().display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let git = Git::new(&path, Duration::from_millis(500), Duration::from_millis(500));
    let error = Mirror::open(&git, dir.path(), "x", Remote::folder(dir.path())).await.unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error:?}");
}
