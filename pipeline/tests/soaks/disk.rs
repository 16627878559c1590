//! A full disk and a read-only folder, for real: a small file system of the test's own, in a mount namespace that ends
//! with the test.

use crate::world::{World, leftovers, soaking, unavailable, until};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Room of the file system: an installation needs a few megabytes.
const SIZE: &str = "size=24m";

/// Runs `test` in a thread with a file system of its own at a temporary folder. Returns why it could not.
fn on_small_disk(test: impl FnOnce(&Path) + Send + 'static) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let run = move || -> Result<(), nix::Error> {
        // Of this thread and its children only: nothing is mounted outside, and nothing is left when they end.
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some(SIZE))?;
        test(&path);
        Ok(())
    };
    match std::thread::spawn(run).join() {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[test]
fn a_full_disk_ends_the_worker_cleanly_and_loses_nothing() {
    let missing = on_small_disk(|disk| {
        let world = World::new_in(disk);
        world.push("1.0.0");
        let mut up = world.up(&[]).ready();
        until("the soak runs", || soaking(&world, "v1.0.0"));
        let ballast = disk.join("ballast");
        let mut file = File::create(&ballast).unwrap();
        while file.write_all(&[0; 1 << 14]).is_ok() {}
        let status = up.wait();
        assert_eq!(status.code(), Some(1), "{}", up.said());
        until("nothing is left", || leftovers::processes(world.path()).is_empty());
        // What it says goes to another disk than the full one.
        assert!(up.said().contains("free space"), "names the remedy: {}", up.said());
        drop(file);
        fs::remove_file(&ballast).unwrap();
        let mut up = world.up(&[]).ready();
        until("the soak is over and published", || {
            let soaks = world.soaks();
            soaks.iter().all(|s| s.ended()) && world.store().outgoing().unwrap().is_empty()
        });
        assert_eq!(up.interrupt(), 130);
        let soaks = world.soaks();
        assert_eq!(soaks.len(), 1);
        assert!(soaks[0].attempts.len() > 1 && soaks[0].attempts[0].excluded.is_some(), "{soaks:?}");
        assert_eq!(world.ledger().get(soaks[0].id.as_str()), Some(&1));
    });
    if let Some(why) = missing {
        unavailable(&format!("a file system of the test's own: {why}"));
    }
}

#[test]
fn a_read_only_folder_is_refused_with_a_remedy_and_answers_stay_available() {
    let missing = on_small_disk(|disk| {
        let world = World::new_in(disk);
        world.push("1.0.0");
        let mut up = world.up(&[]).ready();
        until("the soak is over", || world.soaks().first().is_some_and(|s| s.ended()));
        assert_eq!(up.interrupt(), 130);
        let (exit, before) = world.gate("v1.0.0");
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(None::<&str>, disk, None::<&str>, flags, None::<&str>).unwrap();
        let refused =
            Command::new(env!("CARGO_BIN_EXE_mettle")).args(["up", "--dir"]).arg(world.path()).output().unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!([Some(1), Some(2)].contains(&refused.status.code()), "{text}");
        assert!(text.contains("writable"), "names the remedy: {text}");
        let (again, after) = world.gate("v1.0.0");
        assert_eq!((again, &after["verdict"]), (exit, &before["verdict"]), "{after}");
    });
    if let Some(why) = missing {
        unavailable(&format!("a file system of the test's own: {why}"));
    }
}
