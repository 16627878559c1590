//! What is not the landscape's is refused, whoever asks; a holder keeps no right that it does not need.

use crate::component::Component;
use crate::orders::{Holder, entry, order};
use chaos::ThreadChoice;
use chaos::act::{Fill, Hold};
use chaos::holder::Order;
use chaos::proc_table::{self, Entry};
use std::os::unix::fs::symlink;
use std::process::Command;

fn refused(order: &Order) -> String {
    let mut holder = Holder::start(order);
    let said = holder.says();
    holder.child.wait().expect("it is our child");
    assert!(said.starts_with("refused "), "{said}");
    said
}

#[test]
fn foreign_processes_are_refused() {
    let component = Component::start("sound");
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let gone = Entry { started: 1, ..entry(stranger.id()) };
    let threads = Hold::Threads(ThreadChoice { name: None, count: 1 });
    for hold in [Hold::Pause, threads, Hold::Fds { leave: 0 }, Hold::Cpu { cores: 1, load: 0.1 }] {
        let on = |processes: Vec<Entry>| refused(&Order { processes, ..order(&component, hold.clone()) });
        assert!(on(vec![entry(1)]).contains("the first process of the host"));
        assert!(on(vec![entry(std::process::id())]).contains("the holder itself or started it"));
        assert!(on(vec![entry(stranger.id())]).contains("is not the landscape's"));
        assert!(on(vec![gone]).contains("is gone"));
        // One stranger among its own is enough.
        let mut mixed = order(&component, hold.clone()).processes;
        mixed.push(entry(stranger.id()));
        assert!(on(mixed).contains("is not the landscape's"));
        assert!(on(vec![]).contains("there is no process"));
        let unmarked = Order { mark: "METTLE_LANDSCAPE=".into(), ..order(&component, hold.clone()) };
        assert!(refused(&unmarked).contains("names no mark"));
    }
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
    assert_eq!(proc_table::process(entry(stranger.id()).pid).unwrap().state, 'S');
    stranger.kill().and_then(|()| stranger.wait()).unwrap();
}

#[test]
fn files_outside_the_folder_are_refused() {
    let component = Component::start("sound");
    let outside = component.stage.folder.with_file_name("elsewhere").join("settings.txt");
    symlink(&outside, component.stage.folder.join("link")).unwrap();
    symlink(outside.parent().unwrap(), component.stage.folder.join("folder")).unwrap();
    let before = std::fs::read_to_string(&outside).unwrap();
    let home = std::env::var("HOME").unwrap();
    let paths = [
        "../elsewhere/settings.txt",
        outside.to_str().unwrap(),
        "link",
        "folder/settings.txt",
        "/etc/passwd",
        &format!("{home}/.profile"),
        ".",
        "missing.txt",
    ];
    for path in paths {
        refused(&order(&component, Hold::File { path: path.to_owned(), content: "ours".into() }));
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), before);
    let documented = serde_json::json!({"kind": "config.file", "target": "p", "file": "../x", "content": ""});
    let fault: chaos::fault::Fault = serde_json::from_value(documented).unwrap();
    assert_eq!(fault.problems("method[0].fault")[0].message, "leads out of the folder");
}

#[test]
fn a_shared_host_keeps_its_reserve() {
    let component = Component::start("sound");
    let said = refused(&order(&component, Hold::Disk { fill: Fill::AllBut(0) }));
    assert!(said.contains("must stay so on a disk that others share"), "{said}");
    let said = refused(&order(&component, Hold::Memory { bytes: 1 << 50 }));
    assert!(said.contains("must stay free"), "{said}");
    let remote = Order { address: Some("192.0.2.1:80".parse().unwrap()), ..order(&component, Hold::Pause) };
    let said = refused(&Order { hold: Hold::Connections { count: 1 }, ..remote });
    assert!(said.contains("is not on this host"), "{said}");
    let nowhere = Order { folder: None, ..order(&component, Hold::Inodes { count: 1 }) };
    assert!(refused(&nowhere).contains("has no folder"));
}

/// The masks of the rights of a process that are not empty; plain users have none to begin with.
fn rights(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    mask("CapEff:") | mask("CapPrm:") | mask("CapInh:")
}

#[test]
fn a_holder_gives_up_the_rights_that_it_does_not_need() {
    const SYS_PTRACE: u64 = 1 << 19;
    let component = Component::start("sound");
    for (hold, allowed) in [(Hold::Memory { bytes: 1 << 24 }, 0), (Hold::Pause, SYS_PTRACE)] {
        let mut holder = Holder::start(&order(&component, hold));
        assert_eq!(holder.says(), "in");
        let pid = holder.child.id();
        assert_eq!(rights(pid) & !allowed, 0);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert_eq!(holder.end(), "out");
    }
}
