//! The check of what is left notices each kind of leftover.

use crate::clean::Before;
use crate::component::{self, Component, actor};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::process::Command;

#[test]
fn every_kind_of_leftover_is_noticed() {
    let component = Component::start("sound");
    let before = Before::look(&component);
    let left = || before.left(&component, "r").join("; ");
    assert_eq!(left(), "");

    let file = component.stage.folder.join("settings.txt.mettle-kept-0123456789abcdef");
    std::fs::write(&file, "old").expect("a file");
    assert!(left().contains("files") && left().contains("Residue"), "{}", left());
    std::fs::remove_file(&file).expect("it is there");

    let nameless = tempfile::tempfile_in(&component.stage.folder).expect("a file");
    assert_eq!(left(), "a file without a name is held open");
    drop(nameless);

    let connection = TcpStream::connect(component.stage.address()).expect("the component listens");
    assert_eq!(left(), "connections to the component");
    drop(connection);
    component::until("the connection is gone", || left().is_empty());

    let main = component.stage.tree()[0];
    kill(Pid::from_raw(main), Signal::SIGSTOP).expect("it is ours");
    component::until("the stop is seen", || left().contains("stands still"));
    kill(Pid::from_raw(main), Signal::SIGCONT).expect("it is ours");

    let pid = rustix::process::Pid::from_raw(main);
    let limit = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(20), ..limit }).expect("it is ours");
    assert!(left().contains("limits of"), "{}", left());
    prlimit(pid, Resource::Nofile, limit).expect("it is ours");

    let page = chaos::shifted_clock::page(&component.stage.clocks, "payments");
    let true_time = std::fs::read(&page).expect("it is prepared");
    // Token, an hour behind, no gain, an anchor, and no end: see the layout of the page.
    let fields = [2, 7, -3_600_000_000_000, 0, 0, i64::MAX].map(i64::to_ne_bytes).concat();
    let write = |fields: &[u8]| {
        let file = std::fs::OpenOptions::new().write(true).open(&page).expect("it is prepared");
        file.write_all_at(fields, 8).expect("it can be written");
    };
    write(&fields);
    assert!(left().contains("clock is off by -36") && left().contains("Residue"), "{}", left());
    write(&true_time[8..]);

    let mut holder = Command::new(actor()).arg("idle").env("METTLE_FAULT", "r/x").spawn().expect("it starts");
    component::until("the process is seen", || left().contains("process ") && left().contains("Residue"));
    holder.kill().and_then(|()| holder.wait()).expect("it is our child");
    component::until("nothing is left", || left().is_empty());
}
