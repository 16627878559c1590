//! What a crash of the host leaves is undone at the next start: no process is left then that could do it.

use crate::component::{Component, SETTINGS};
use crate::orders::{Holder, entry, order};
use chaos::act::{Fill, Hold};
use chaos::holder::{open_files_limit, restore_kept};
use chaos::proc_table::{descendants, entry as entry_of, snapshot};
use nix::sys::signal::Signal;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_changed_file_is_put_back_with_its_rights() {
    let component = Component::start("sound");
    let file = component.stage.folder.join("settings.txt");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let inode = file.metadata().unwrap().ino();
    let hold = Hold::File { path: "settings.txt".into(), content: "colour = red\n".into() };
    let mut holder = Holder::start(&order(&component, hold));
    assert_eq!(holder.says(), "in");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "colour = red\n");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    // A power cut takes the guard, too.
    let me = entry(holder.child.id());
    let guards = descendants(&snapshot().unwrap(), me.pid);
    assert_eq!(guards.len(), 1);
    guards[0].signal(Signal::SIGSTOP).unwrap();
    me.signal(Signal::SIGKILL).unwrap();
    guards[0].signal(Signal::SIGKILL).unwrap();
    holder.child.wait().unwrap();
    crate::component::until("the guard is gone", || entry_of(guards[0].pid).is_none_or(|now| now.zombie));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "colour = red\n");

    let undone = restore_kept(component.stage.folder.parent().unwrap());
    assert!(undone.len() == 1 && undone[0].1.is_ok(), "{undone:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SETTINGS);
    let now = file.metadata().unwrap();
    assert_eq!((now.permissions().mode() & 0o777, now.ino()), (0o640, inode));
    assert_eq!(names(&component.stage.folder), ["settings.txt", "toggles.yaml"]);
    assert!(restore_kept(component.stage.folder.parent().unwrap()).is_empty());
}

#[test]
fn every_moment_of_a_change_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // The digest of `new`, as the name of a kept file carries it.
    let digest = "11507a0e2f5e69d5";
    let (kept, new) = (at(&format!("a.mettle-kept-{digest}")), at(&format!("a.mettle-new-{digest}")));
    let back = || {
        let undone = restore_kept(folder.path());
        assert!(undone.iter().all(|(_, undone)| undone.is_ok()), "{undone:?}");
        assert_eq!((names(folder.path()), std::fs::read_to_string(at("a")).unwrap()), (vec!["a".into()], "old".into()));
    };
    std::fs::write(at("a"), "old").unwrap();
    std::fs::write(&new, "ne").unwrap();
    back();
    std::fs::write(&new, "new").unwrap();
    std::fs::hard_link(at("a"), &kept).unwrap();
    back();
    std::fs::write(&kept, "old").unwrap();
    std::fs::write(at("a"), "new").unwrap();
    back();
    // The component has written its file meanwhile: nothing is thrown away, and somebody has to look.
    std::fs::write(&kept, "old").unwrap();
    std::fs::write(at("a"), "its own").unwrap();
    let undone = restore_kept(folder.path());
    assert!(undone[0].1.as_ref().is_err_and(|e| e.to_string().contains("changed by somebody else")), "{undone:?}");
    assert_eq!(std::fs::read_to_string(at("a")).unwrap(), "its own");
}

#[test]
fn a_filled_disk_is_empty_again() {
    let component = Component::start("sound");
    let holders = [Hold::Disk { fill: Fill::Bytes(32 << 20) }, Hold::Inodes { count: 50 }];
    for hold in holders {
        let mut holder = Holder::start(&order(&component, hold));
        assert_eq!(holder.says(), "in");
        // No name leads to what fills the disk: the file system itself frees it, also after a power cut.
        assert_eq!(names(&component.stage.folder), ["settings.txt", "toggles.yaml"]);
        entry(holder.child.id()).signal(Signal::SIGKILL).unwrap();
        holder.child.wait().unwrap();
    }
    // Where a file system cannot make a file without a name, it has one for an instant.
    let filler = component.stage.folder.join(".mettle-filler-0123");
    std::fs::write(&filler, vec![0; 4096]).unwrap();
    let undone = restore_kept(&component.stage.folder);
    assert!(undone.len() == 1 && undone[0].1.is_ok() && !filler.exists(), "{undone:?}");
}

#[test]
fn what_a_component_starts_meanwhile_gets_its_limit_back_too() {
    let component = Component::start("sound");
    let before = open_files_limit(component.stage.tree()[0]).unwrap();
    let mut holder = Holder::start(&order(&component, Hold::Fds { leave: 32 }));
    assert_eq!(holder.says(), "in");
    let mut stream = std::net::TcpStream::connect(component.stage.address()).unwrap();
    stream.write_all(b"GET /fork HTTP/1.1\r\n\r\n").unwrap();
    crate::component::until("another process runs", || component.stage.tree().len() == 3);
    for pid in component.stage.tree() {
        assert!(open_files_limit(pid).unwrap().0 < before.0, "{pid}");
    }
    // The guard does it, too.
    entry(holder.child.id()).signal(Signal::SIGKILL).unwrap();
    holder.child.wait().unwrap();
    crate::component::until("every limit is back", || {
        component.stage.tree().into_iter().all(|pid| open_files_limit(pid).is_ok_and(|limit| limit == before))
    });
}
