//! An installation and its repositories, as commands look at them.

use crate::worker::Installation;
use crate::worker::sources::Sources;
use std::path::Path;
use tempfile::TempDir;

/// An installation, and mirrors of its repositories that end with this value: those in its folder are the worker's.
pub(super) struct Opened {
    pub(super) installation: Installation,
    pub(super) sources: Sources,
    _mirrors: TempDir,
}

impl Opened {
    /// Opens the installation in a folder.
    pub(super) async fn at(dir: &Path) -> anyhow::Result<Self> {
        let (installation, mirrors) = (Installation::open(dir)?, tempfile::tempdir()?);
        let sources = Sources::open_in(&installation, mirrors.path().to_owned()).await?;
        Ok(Opened { installation, sources, _mirrors: mirrors })
    }
}
