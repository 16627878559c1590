//! What a dead Mettle may not leave, looked for with code of the tests' own: not the product's scan.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;

/// Processes of the installation: marked by it, or working in its folder.
pub fn processes(dir: &Path) -> Vec<(i32, String)> {
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mark = format!("METTLE_LANDSCAPE={}", dir.display());
    let me = i32::try_from(std::process::id()).unwrap();
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|f| f.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != me)
        .filter(|pid| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let marked = environ.split(|b| *b == 0).any(|item| item == mark.as_bytes());
            let here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&dir));
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let named = String::from_utf8_lossy(&command).contains(&*dir.to_string_lossy());
            (marked || here || named) && !zombie(*pid)
        })
        .map(|pid| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&command).replace('\0', " "))
        })
        .collect()
}

fn zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Files that only a write in progress may have: half-written evidence, locks and indexes of git, parts of SQLite.
pub fn files(dir: &Path) -> Vec<String> {
    let mut left = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let inside = path.parent().is_some_and(|p| p.ends_with("incoming"));
            let unfinished = name.ends_with(".tmp")
                || name.starts_with("tmp_")
                || name.starts_with("mettle-index")
                || (name.ends_with(".lock") && name != "incoming.lock")
                || inside;
            if unfinished {
                left.push(path.display().to_string());
            }
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                folders.push(path);
            }
        }
    }
    left
}

/// Ends whatever is left of an installation, for the end of a test.
pub fn end_all(dir: &Path) {
    for (pid, _) in processes(dir) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}
