//! Whether anything of a fault is left. This looks by itself, at the kernel, and shares with the scan of the product only
//! how the processes of the component are listed; in the end it asks that scan, too.

use crate::component::Component;
use crate::landscape::OneTarget;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Seconds by which a clock may be off: it tells whole ones, and an answer takes a while.
const CLOCK_SLACK: i64 = 3;

/// What was there before the first fault.
pub(crate) struct Before {
    mounts: String,
    devices: Vec<String>,
    routes: String,
    namespaces: Vec<String>,
    limits: String,
    files: BTreeMap<String, Vec<u8>>,
    /// Processes that the component is allowed to have beside it.
    sandboxes: usize,
}

impl Before {
    pub(crate) fn look(component: &Component) -> Self {
        let main = component.stage.tree()[0];
        Self {
            mounts: text("/proc/self/mounts"),
            devices: devices(),
            routes: text("/proc/net/route"),
            namespaces: names(Path::new("/run/netns")),
            limits: open_files(main),
            files: files(&component.stage.folder),
            sandboxes: usize::from(!component.stage.prepared.is_empty()),
        }
    }

    /// Everything that is not as it was.
    pub(crate) fn left(&self, component: &Component, run: &str) -> Vec<String> {
        let mut left = Vec::new();
        let mut unless = |same: bool, what: String| {
            if !same {
                left.push(what);
            }
        };
        unless(text("/proc/self/mounts") == self.mounts, "mounts".into());
        unless(devices() == self.devices, "network devices".into());
        unless(text("/proc/net/route") == self.routes, "routes".into());
        unless(names(Path::new("/run/netns")) == self.namespaces, "network namespaces".into());
        let now = files(&component.stage.folder);
        unless(now == self.files, format!("files {:?}", now.keys()));
        for pid in pids() {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let wanted = format!("METTLE_FAULT={run}");
            let ours = environment.split(|b| *b == 0).any(|v| v.starts_with(wanted.as_bytes()));
            unless(!ours || state(&format!("/proc/{pid}")) == 'Z', format!("process {pid}"));
        }
        let sandboxes = sandboxes(&component.stage.mark);
        unless(sandboxes.len() == self.sandboxes, format!("sandboxes {sandboxes:?}"));
        let tree = component.stage.tree();
        let inside: Vec<String> = tree.iter().map(ToString::to_string).chain(sandboxes).collect();
        for pid in pids().into_iter().filter(|pid| !inside.contains(pid)) {
            let ours = text(&format!("/proc/{pid}/mounts")).contains(component.stage.folder.to_string_lossy().as_ref());
            unless(!ours, format!("process {pid} sees a mount of the sandbox"));
        }
        unless(tree.len() == 2, format!("the component has the processes {tree:?}"));
        for pid in tree {
            for task in names(Path::new(&format!("/proc/{pid}/task"))) {
                let task = format!("/proc/{pid}/task/{task}");
                let status = text(&format!("{task}/status"));
                unless(!matches!(state(&task), 't' | 'T'), format!("{task} stands still"));
                unless(status.is_empty() || status.contains("TracerPid:\t0\n"), format!("{task} is traced"));
            }
            let limits = open_files(pid);
            unless(limits.is_empty() || limits == self.limits, format!("limits of {pid}: {limits}"));
        }
        unless(nameless(&component.stage.folder) == 0, "a file without a name is held open".into());
        unless(established(component.stage.port) == 0, "connections to the component".into());
        let off = told(component).map_or(0, |told| told - chrono::Utc::now().timestamp());
        unless(off.abs() <= CLOCK_SLACK, format!("the component's clock is off by {off} s"));
        left.extend(scanned(component, run));
        left
    }
}

/// The time that the component tells, seconds; `None` while it does not answer.
fn told(component: &Component) -> Option<i64> {
    let mut stream = TcpStream::connect(component.stage.address()).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").ok()?;
    let answer = BufReader::new(stream).lines().map_while(Result::ok);
    let date =
        answer.take_while(|line| !line.is_empty()).find_map(|line| Some(line.strip_prefix("date: ")?.to_owned()));
    let date = httpdate::parse_http_date(&date?).ok()?;
    Some(chrono::DateTime::<chrono::Utc>::from(date).timestamp())
}

/// What the product's own scan finds.
fn scanned(component: &Component, run: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let landscape = OneTarget::open(component.stage.clone());
        chaos::residual::scan(&landscape, run).iter().map(|residue| format!("{residue:?}")).collect()
    })
}

/// Processes of sandboxes of the landscape with this mark.
pub(crate) fn sandboxes(mark: &str) -> Vec<String> {
    let is_one = |pid: &String| {
        let command = text(&format!("/proc/{pid}/cmdline"));
        let of_ours = command.split('\0').nth(1) == Some("sandbox");
        of_ours && text(&format!("/proc/{pid}/environ")).split('\0').any(|variable| variable == mark)
    };
    pids().into_iter().filter(is_one).collect()
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn pids() -> Vec<String> {
    names(Path::new("/proc")).into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

fn devices() -> Vec<String> {
    names(Path::new("/sys/class/net"))
}

/// State letter of a process or thread; `X` when it is gone.
fn state(folder: &str) -> char {
    let status = text(&format!("{folder}/status"));
    let line = status.lines().find(|line| line.starts_with("State:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.chars().next()).unwrap_or('X')
}

fn open_files(pid: i32) -> String {
    let limits = text(&format!("/proc/{pid}/limits"));
    limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default().to_owned()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap_or_default())).collect()
}

/// Files in the folder that somebody has open and that have no name.
fn nameless(folder: &Path) -> usize {
    let folder = folder.canonicalize().expect("the folder is there");
    let links = pids().into_iter().flat_map(|pid| {
        let fds = format!("/proc/{pid}/fd");
        names(Path::new(&fds)).into_iter().map(move |fd| format!("{fds}/{fd}"))
    });
    let is_ours = |link: &String| {
        fs::read_link(link).is_ok_and(|to| to.starts_with(&folder) && to.to_string_lossy().ends_with(" (deleted)"))
    };
    links.filter(is_ours).count()
}

/// Connections that somebody else holds to this port.
fn established(port: u16) -> usize {
    let port = format!(":{port:04X}");
    let table = text("/proc/net/tcp");
    let to_it = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(2).is_some_and(|to| to.ends_with(&port)) && words.get(3) == Some(&"01")
    };
    table.lines().skip(1).filter(to_it).count()
}
