//! How this installation runs the processes of its landscape.

use super::installation::Installation;
use crate::landscape::events::system_clock;
use crate::landscape::local::LocalConfig;
use crate::landscape::processes::Processes;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// From the request to stop a component until the kill.
const GRACE: Duration = Duration::from_secs(3);

/// Below it each component has its `{dir}`.
pub(super) fn components_folder(installation: &Installation) -> PathBuf {
    installation.work("components")
}

/// The supervisor's settings. `mettle` is this binary, which is also the reaper.
pub(super) fn supervise(installation: &Installation, processes: &Processes, mettle: &Path) -> LocalConfig {
    LocalConfig {
        processes: processes.clone(),
        here: installation.dir.clone(),
        work_dir: components_folder(installation),
        log_dir: installation.dir.join("logs"),
        installation: installation.mark(),
        mettle: mettle.to_owned(),
        grace: GRACE,
        clock: system_clock(),
    }
}
