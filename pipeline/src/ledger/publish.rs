//! Publishing: build the commit without a work tree, push all refs at once, start again when another was faster.

use super::chain::{FIRST, TRAILER};
use super::{BRANCH, Ledger, LedgerError, MAX_TRIES, VerdictRecord, git};
use crate::changelog::{Changelog, render};
use crate::git::{Change, NewCommit, NewTag, ObjectStore, Oid, PushOutcome, RefUpdate, Signature};
use crate::report::{Report, canonical};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use scorer::Verdict;
use std::time::Duration;

/// First step of the pause after a lost race; it doubles, and the pause is drawn from 0 up to it.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause: another writer's push takes less.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether this soak is the one that `report.json` and `release.md` show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It decides about the tag.
    Decides,
    /// It is only recorded. The first published soak of a tag is shown in any case.
    Recorded,
}

/// One soak to be published. All of it is decided before: publishing makes no choices.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Report; its tag, soak and digest name the publication.
    pub report: Report,
    /// Changelog of the tag.
    pub changelog: Changelog,
    /// Release note, `release.md`.
    pub note: String,
    /// Whether it decides.
    pub standing: Standing,
    /// Who commits, and when.
    pub by: Signature,
}

/// How a publication ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is in the ledger now.
    New {
        /// Commit of the ledger.
        commit: Oid,
        /// What became of `release/<tag>`.
        release: ReleaseTag,
        /// Pushes that were made.
        tries: u32,
    },
    /// It was in the ledger before; nothing was pushed.
    Already {
        /// Head of the ledger.
        head: Oid,
    },
}

/// What became of the tag `release/<tag>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseTag {
    /// Made: this is the first pass.
    Made,
    /// It was there.
    Standing,
    /// The verdict is not a pass that decides.
    NotAPass,
    /// The product tag, or the release tag itself, leads to another commit than the one that was soaked: the
    /// record is kept, and nothing is released.
    Withheld {
        /// Where the tag leads now; none when it is gone.
        now: Option<Oid>,
    },
}

impl Ledger {
    /// Puts a soak into the ledger, once.
    ///
    /// # Errors
    /// The remote cannot be reached or refuses; the soak is there with other content; every try was lost.
    pub async fn publish(&self, publication: &Publication) -> Result<Published, LedgerError> {
        let prepared = Prepared::of(publication)?;
        let mut chance = StdRng::seed_from_u64(self.seed);
        let mut pause = FIRST_PAUSE;
        let mut last = String::new();
        for tries in 1..=MAX_TRIES {
            // Held over fetch, build and push, so that nobody else moves the refs of the mirror in between.
            let turn = self.mirror.turn().await;
            self.mirror.fetch_in_turn().await.map_err(git("fetch"))?;
            let head = self.head().await?;
            if let Some(head) = &head
                && self.holds(head, &prepared).await?
            {
                return Ok(Published::Already { head: head.clone() });
            }
            let (updates, commit, release) = self.build(&prepared, head).await?;
            match self.mirror.push(&updates).await.map_err(git("push"))? {
                PushOutcome::Accepted => {
                    return Ok(Published::New { commit, release, tries });
                }
                PushOutcome::Refused { detail } => {
                    return Err(LedgerError::Refused { remote: self.mirror.remote().to_string(), detail });
                }
                PushOutcome::Lost { detail } => last = detail,
            }
            drop(turn);
            tokio::time::sleep(pause.mul_f64(chance.random::<f64>())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(LedgerError::Raced { remote: self.mirror.remote().to_string(), tries: MAX_TRIES, detail: last })
    }

    async fn holds(&self, head: &Oid, prepared: &Prepared<'_>) -> Result<bool, LedgerError> {
        let path = prepared.verdict_path();
        let Some(bytes) = self.mirror.read_file(head, &path).await.map_err(git("read"))? else {
            return Ok(false);
        };
        let record: VerdictRecord =
            serde_json::from_slice(&bytes).map_err(|source| LedgerError::Document { path, source })?;
        if record.report_digest == prepared.digest {
            return Ok(true);
        }
        let Report { tag, soak, .. } = &prepared.publication.report;
        Err(LedgerError::Conflict {
            tag: tag.clone(),
            soak: soak.clone(),
            published: record.report_digest,
            offered: prepared.digest.clone(),
        })
    }

    async fn build(
        &self,
        prepared: &Prepared<'_>,
        head: Option<Oid>,
    ) -> Result<(Vec<RefUpdate>, Oid, ReleaseTag), LedgerError> {
        let objects = ObjectStore::new(self.mirror.git(), self.mirror.path());
        let Publication { report, by, standing, .. } = prepared.publication;
        let shown = match &head {
            Some(head) => self
                .mirror
                .read_file(head, &format!("tags/{}/report.json", report.tag))
                .await
                .map_err(git("read"))?
                .is_some(),
            None => false,
        };
        let changes = if *standing == Standing::Decides || !shown { &prepared.all } else { &prepared.verdict };
        let before = match &head {
            Some(head) => self.commit_digest(head).await?,
            None => FIRST.to_owned(),
        };
        let message = format!(
            "{} {}: {}\n\nSoak: {}\nReport: {}\n{TRAILER}{before}\n",
            report.product,
            report.tag,
            prepared.word(),
            report.soak,
            prepared.digest
        );
        let parents: Vec<Oid> = head.iter().cloned().collect();
        let commit = objects
            .commit(&NewCommit { parents: &parents, changes, message: &message, by })
            .await
            .map_err(git("commit"))?;
        let mut updates = vec![RefUpdate { name: BRANCH.to_owned(), new: commit.clone(), expected: head }];
        let release = self.release(prepared).await?;
        if release == ReleaseTag::Made {
            updates.push(self.first_pass(&objects, prepared).await?);
        }
        Ok((updates, commit, release))
    }

    async fn first_pass(&self, objects: &ObjectStore, prepared: &Prepared<'_>) -> Result<RefUpdate, LedgerError> {
        let Publication { report, by, .. } = prepared.publication;
        let name = format!("release/{}", report.tag);
        let soaked = Oid::parse(&report.commit).ok_or_else(|| LedgerError::Name { name: report.commit.clone() })?;
        let message = format!(
            "{} {} passed its soak\n\nSoak: {}\nReport: {}",
            report.product, report.tag, report.soak, prepared.digest
        );
        let tag = NewTag { name: &name, commit: &soaked, message: &message, by };
        let new = objects.annotate(&tag).await.map_err(git("tag"))?;
        Ok(RefUpdate { name: format!("refs/tags/{name}"), new, expected: None })
    }

    async fn release(&self, prepared: &Prepared<'_>) -> Result<ReleaseTag, LedgerError> {
        let Publication { report, standing, .. } = prepared.publication;
        if report.verdict != Verdict::Pass || *standing != Standing::Decides {
            return Ok(ReleaseTag::NotAPass);
        }
        let leads = async |name: &str| -> Result<Option<Oid>, LedgerError> {
            Ok(self.mirror.tag(name).await.map_err(git("read tags"))?.map(|tag| tag.commit))
        };
        let now = leads(&report.tag).await?;
        if now.as_ref().map(Oid::as_str) != Some(report.commit.as_str()) {
            return Ok(ReleaseTag::Withheld { now });
        }
        Ok(match leads(&format!("release/{}", report.tag)).await? {
            None => ReleaseTag::Made,
            Some(commit) if commit.as_str() == report.commit => ReleaseTag::Standing,
            Some(commit) => ReleaseTag::Withheld { now: Some(commit) },
        })
    }
}

/// The files of a publication; the same for every try.
struct Prepared<'a> {
    publication: &'a Publication,
    digest: String,
    verdict: Vec<Change>,
    all: Vec<Change>,
}

impl<'a> Prepared<'a> {
    fn of(publication: &'a Publication) -> Result<Self, LedgerError> {
        let Publication { report, changelog, note, .. } = publication;
        for name in [&report.tag, &report.soak] {
            let legal = !name.is_empty()
                && !name.starts_with(['.', '-'])
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
            if !legal {
                return Err(LedgerError::Name { name: name.clone() });
            }
        }
        let bytes = report.to_bytes().map_err(|source| LedgerError::Report { tag: report.tag.clone(), source })?;
        let digest = canonical::digest(&bytes);
        let file =
            |name: &str, content: Vec<u8>| Change::Write { path: format!("tags/{}/{name}", report.tag), content };
        let json = |name: &str, value: Result<Vec<u8>, serde_json::Error>| {
            value
                .map(|bytes| file(name, bytes))
                .map_err(|source| LedgerError::Document { path: name.to_owned(), source })
        };
        let verdict =
            json(&format!("verdicts/{}.json", report.soak), canonical::to_bytes(&VerdictRecord::of(report, &digest)))?;
        let all = vec![
            json("changelog.json", canonical::to_bytes(changelog))?,
            file("changelog.md", render(changelog).into_bytes()),
            file("report.json", bytes),
            file("release.md", note.clone().into_bytes()),
            verdict.clone(),
        ];
        Ok(Prepared { publication, digest, verdict: vec![verdict], all })
    }

    fn verdict_path(&self) -> String {
        let Report { tag, soak, .. } = &self.publication.report;
        format!("tags/{tag}/verdicts/{soak}.json")
    }

    fn word(&self) -> &'static str {
        match self.publication.report.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Insufficient => "insufficient",
            Verdict::None => "none",
        }
    }
}
