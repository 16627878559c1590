//! A holder alone, with an order of the test's own.

use crate::component::{Component, actor};
use chaos::act::Hold;
use chaos::holder::Order;
use chaos::proc_table::{self, Entry};
use chaos::sandbox::Settings;
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
        sandbox: Some(Settings::address(&component.stage.mark, "payments")),
        seed: 7,
    }
}
