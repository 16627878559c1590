//! A holder alone, with an order of the test's own.

use crate::component::{Component, actor};
use chaos::act::Hold;
use chaos::holder::Order;
use chaos::proc_table::{self, Entry};
use chaos::sandbox::Settings;
use chaos::shifted_clock;
use rustix::process::{Resource, Rlimit};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Holder {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Holder {
    pub(crate) fn start(order: &Order) -> Self {
        let mut child = Command::new(actor())
            .arg("holder")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the holder starts");
        let mut stdin = child.stdin.take().expect("it has a stdin");
        let line = serde_json::to_string(order).expect("an order is plain data");
        writeln!(stdin, "{line}").expect("the holder reads");
        let stdout = BufReader::new(child.stdout.take().expect("it has a stdout"));
        Self { child, stdin: Some(stdin), stdout }
    }

    pub(crate) fn says(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it writes text");
        line.trim_end().to_owned()
    }

    pub(crate) fn end(mut self) -> String {
        drop(self.stdin.take());
        let said = self.says();
        self.child.wait().expect("it is our child");
        said
    }
}

pub(crate) fn entry(pid: u32) -> Entry {
    proc_table::entry(i32::try_from(pid).expect("process ids are positive 32-bit numbers")).expect("it runs")
}

pub(crate) fn order(component: &Component, hold: Hold) -> Order {
    Order {
        hold,
        ttl_ms: 5_000,
        processes: component.stage.tree().into_iter().filter_map(proc_table::entry).collect(),
        mark: component.stage.mark.clone(),
        folder: Some(component.stage.folder.clone()),
        address: Some(component.stage.address()),
        clock: Some(shifted_clock::page(&component.stage.clocks, "payments")),
        sandbox: Some(Settings::address(&component.stage.mark, "payments")),
        seed: 7,
    }
}

/// A shell that ends with the test, however that ends.
struct Shell(Child);

impl Shell {
    /// Runs a script up to the first line that it prints, and then on.
    fn start(script: &str, mark: &str) -> Self {
        let (name, value) = mark.split_once('=').expect("a mark has a value");
        let mut command = Command::new("sh");
        command.args(["-c", script]).env(name, value).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = Self(command.spawn().expect("there is a shell"));
        let stdout = shell.0.stdout.as_mut().expect("it has a stdout");
        BufReader::new(stdout).read_line(&mut String::new()).expect("it writes text");
        shell
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_pause_among_real_time_signals_holds_and_kills_nobody() {
    let component = Component::start("sound");
    // A signal without a handler would end it.
    let mut target = Shell::start("trap : 35; echo ready; while :; do :; done", &component.stage.mark);
    let pid = target.0.id();
    // What waits for it must not use up what the user may have waiting.
    let few = Rlimit { current: Some(8), maximum: Some(8) };
    let of = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a process id"));
    rustix::process::prlimit(of, Resource::Sigpending, few).expect("it is our child");
    let _flood = Shell::start(&format!("echo ready; while kill -35 {pid} || kill -0 {pid}; do :; done"), "SHELL=none");
    for _ in 0..40 {
        let processes = vec![entry(pid)];
        let mut holder = Holder::start(&Order { processes, ..order(&component, Hold::Pause) });
        assert_eq!(holder.says(), "in");
        assert_eq!(holder.end(), "out");
        assert!(target.0.try_wait().expect("it is our child").is_none());
    }
}
