//! Clears what an earlier worker of this installation left, however it ended: processes, holders, changed files.

use super::faults::UNDONE;
use super::installation::Installation;
use super::supervise::components_folder;
use crate::landscape::residual::{self, Fate, Residue};
use anyhow::Context as _;
use chaos::holder::restore_kept;
use chrono::Utc;
use std::io;
use std::path::PathBuf;

/// What was cleared.
pub(super) struct Cleared {
    pub(super) processes: usize,
    pub(super) files: usize,
}

/// Clears; to be called while holding the installation's lock, before anything is started.
///
/// # Errors
/// Something cannot be looked for or cleared; what is measured beside it would say nothing.
pub(super) async fn clear(installation: &Installation) -> anyhow::Result<Cleared> {
    let (mark, folder) = (installation.mark(), components_folder(installation));
    let (processes, files) =
        tokio::task::spawn_blocking(move || residual::clear(&mark).map(|left| (left, restore_kept(&folder))))
            .await?
            .context("cannot clear what an earlier worker left")?;
    refuse_processes(&processes)?;
    refuse_files(&files)?;
    // What held a fault was a process of the earlier worker, or an entry of its proxies: it ended with it. What such
    // an end does not undo is undone now.
    for (id, body) in installation.store.faults_not(UNDONE)? {
        installation.store.put_fault(&id, UNDONE, &body, Utc::now())?;
    }
    Ok(Cleared { processes: processes.len(), files: files.len() })
}

/// Nobody can vouch for a landscape in which strangers run on.
fn refuse_processes(left: &[Residue]) -> anyhow::Result<()> {
    let stuck: Vec<String> =
        left.iter().filter(|r| r.fate == Fate::Left).map(|r| format!("{} ({})", r.pid, r.command)).collect();
    anyhow::ensure!(
        stuck.is_empty(),
        "an earlier worker left processes that cannot be ended: {}; what is measured beside them says nothing: end them (kill -9 PID, as their user), then start again",
        stuck.join(", ")
    );
    Ok(())
}

/// A component must not run with a file that a fault has changed.
fn refuse_files(files: &[(PathBuf, io::Result<()>)]) -> anyhow::Result<()> {
    let failed = |(path, undone): &(PathBuf, io::Result<()>)| {
        undone.as_ref().err().map(|error| format!("{}: {error}", path.display()))
    };
    let stuck: Vec<String> = files.iter().filter_map(failed).collect();
    anyhow::ensure!(
        stuck.is_empty(),
        "a fault of an earlier worker changed files that cannot be put back: {}; put them back, then start again",
        stuck.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_cleared_refuses_the_start_by_name() {
        let residue = |pid, fate| Residue { pid, command: "stuck server".into(), fate };
        assert!(refuse_processes(&[residue(7, Fate::Ended)]).is_ok());
        let refused = refuse_processes(&[residue(7, Fate::Ended), residue(8, Fate::Left)]);
        let text = refused.expect_err("one is left").to_string();
        assert!(text.contains("8 (stuck server)") && !text.contains("7 ("), "{text}");
        assert!(refuse_files(&[("a.conf".into(), Ok(()))]).is_ok());
        let text = refuse_files(&[("a.conf".into(), Err(io::Error::other("read only")))]).expect_err("one is left");
        assert!(text.to_string().contains("a.conf: read only"), "{text}");
    }
}
