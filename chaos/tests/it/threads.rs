//! Some threads of a component stand still, and only they.

use crate::component::{Component, until};
use crate::faults::fault;
use crate::holder::exposure;
use crate::orders::{Holder, entry, order};
use chaos::ThreadChoice;
use chaos::act::Hold;
use chaos::execute::Ended;
use nix::sys::signal::Signal;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A thread as this test reads it: its name, its state and how often it left a processor.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    name: String,
    state: char,
    switches: u64,
}

/// The threads of a process, by number.
fn threads(pid: i32) -> BTreeMap<i32, Seen> {
    let of = |tid: i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
        let field = |name: &str| Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned());
        let switches = |kind: &str| field(&format!("{kind}_ctxt_switches:"))?.parse::<u64>().ok();
        let switches = switches("voluntary")? + switches("nonvoluntary")?;
        Some((tid, Seen { name: field("Name:")?, state: field("State:")?.chars().next()?, switches }))
    };
    let tids = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tids.filter_map(|file| of(file.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Numbers of the threads that a tracer has stopped.
fn standing(pid: i32) -> Vec<i32> {
    threads(pid).into_iter().filter(|(_, seen)| seen.state == 't').map(|(tid, _)| tid).collect()
}

fn choice(name: Option<&str>, count: u32) -> Hold {
    Hold::Threads(ThreadChoice { name: name.map(str::to_owned), count })
}

/// Whether the component answers a request.
fn answers(component: &Component) -> bool {
    let mut stream = TcpStream::connect(component.stage.address()).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\n\r\n").unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).is_ok() && &head == b"HTTP/1.1 200 OK"
}

#[test]
fn one_thread_stands_and_the_others_work() {
    let component = Component::start("sound");
    let pid = component.stage.tree()[0];
    let mut holder = Holder::start(&order(&component, choice(Some("worker-*"), 1)));
    assert_eq!(holder.says(), "in");
    let before = threads(pid);
    let [tid] = standing(pid)[..] else { panic!("{before:?}") };
    assert!(before[&tid].name.starts_with("worker-"), "{before:?}");
    let workers = || threads(pid).into_iter().filter(|(other, seen)| *other != tid && seen.name.starts_with("worker-"));
    assert_eq!(workers().count(), 2);
    until("the other workers work", || workers().all(|(other, seen)| seen.switches > before[&other].switches + 5));
    assert_eq!(threads(pid)[&tid], before[&tid], "the stopped thread did something");
    assert!(answers(&component));
    // However the holder ends, the thread works again.
    entry(holder.child.id()).signal(Signal::SIGKILL).unwrap();
    holder.child.wait().unwrap();
    until("the thread works again", || threads(pid)[&tid].switches > before[&tid].switches + 5);
    assert!(standing(pid).is_empty());
}

#[test]
fn a_seed_holds_the_same_threads() {
    let component = Component::start("sound");
    let pid = component.stage.tree()[0];
    let held = |seed: u64, hold: Hold| {
        let mut holder = Holder::start(&chaos::holder::Order { seed, ..order(&component, hold) });
        assert_eq!(holder.says(), "in");
        let held = standing(pid);
        assert_eq!(holder.end(), "out");
        assert!(standing(pid).is_empty());
        held
    };
    let first: Vec<_> = (0..8).map(|seed| held(seed, choice(Some("worker-*"), 1))).collect();
    let again: Vec<_> = (0..8).map(|seed| held(seed, choice(Some("worker-*"), 1))).collect();
    assert_eq!(first, again);
    assert!(first.iter().any(|held| held != &first[0]), "every seed holds the same: {first:?}");
    // The main thread is held when it is named, and only then.
    assert_eq!(held(7, choice(Some("chaos-actor"), 1)), [pid]);
    assert_eq!(held(7, choice(None, 3)).len(), 3);
    assert!(!held(7, choice(None, 3)).contains(&pid));
}

#[test]
fn too_few_threads_are_refused_with_what_there_is() {
    let component = Component::start("sound");
    for (name, count, why) in [
        (Some("none-*"), 1, "0 threads named `none-*` may be held, 1 asked for"),
        (Some("worker-*"), 4, "3 threads named `worker-*` may be held, 4 asked for"),
    ] {
        let mut holder = Holder::start(&order(&component, choice(name, count)));
        let said = holder.says();
        holder.child.wait().unwrap();
        assert!(said.starts_with("refused ") && said.contains(why), "{said}");
        assert!(said.contains("worker-0, worker-1, worker-2"), "{said}");
        assert!(component.stage.tree().iter().all(|pid| standing(*pid).is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_thread_of_that_name_is_void_with_the_reason() {
    let component = Component::start("sound");
    let absent = json!({"kind": "process.pauseThread", "target": "p", "thread": "none-*"});
    let exposure = exposure(&component, &absent).await;
    let detail = exposure.detail.unwrap();
    assert!(exposure.ended == Ended::NotRun && !exposure.verified, "{detail}");
    assert!(detail.contains("threads named `none-*` may be held") && detail.contains("worker-0"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_stops_the_whole_process_is_void() {
    let component = Component::start("more");
    let exposure = exposure(&component, &fault("process.pauseThread")).await;
    assert!(!exposure.verified && exposure.ended == Ended::NotRun, "{exposure:?}");
    assert!(exposure.detail.as_ref().is_some_and(|why| why.contains("others_running is 0.00")), "{exposure:?}");
}
