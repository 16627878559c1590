//! Keeps the component of the tests running, as a supervisor does.

use crate::landscape::Stage;
use chaos::fault::Needs;
use chaos::host;
use chaos::inventory::Preparation;
use chaos::sandbox::{self, Settings, Started};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Program that becomes component, executor and holder: tests know where it is, examples find it above themselves.
pub(crate) fn actor() -> PathBuf {
    let above = || std::env::current_exe().ok()?.parent()?.parent().map(|folder| folder.join("chaos-actor"));
    option_env!("CARGO_BIN_EXE_chaos-actor").map(PathBuf::from).or_else(above).expect("it is built")
}

/// Content of the file `settings.txt` of the component.
pub(crate) const SETTINGS: &str = "colour = blue\n";
/// Content of its file `toggles.yaml`, which it answers with.
pub(crate) const TOGGLES: &str = "# of the shop\nfeatures:\n  newCheckout: true   # since March\n  colour: blue\n";
/// Longest wait for a condition.
const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until `true`.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A component that is started again whenever it ends.
pub(crate) struct Component {
    pub(crate) stage: Stage,
    _dir: TempDir,
    stop: Arc<AtomicBool>,
    supervisor: Option<JoinHandle<()>>,
}

impl Component {
    /// Starts it; `holder` is the name under which the program of holders is called.
    pub(crate) fn start(holder: &str) -> Self {
        // A folder in memory would never reach a disk.
        let dir = option_env!("CARGO_TARGET_TMPDIR").map_or_else(tempfile::tempdir, tempfile::tempdir_in);
        let dir = dir.expect("a folder");
        let folder = dir.path().join("payments");
        for folder in [&folder, &dir.path().join("elsewhere")] {
            std::fs::create_dir(folder).expect("a folder");
            std::fs::write(folder.join("settings.txt"), SETTINGS).expect("a file");
            std::fs::write(folder.join("toggles.yaml"), TOGGLES).expect("a file");
        }
        let program = dir.path().join(holder);
        std::os::unix::fs::symlink(actor(), &program).expect("a link");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a port").port();
        let stop = Arc::new(AtomicBool::new(false));
        let resolver = resolver(stop.clone());
        let mark = format!("METTLE_LANDSCAPE={}", uuid::Uuid::new_v4());
        let (clocks, prepared) = (dir.path().join("clocks"), preparations());
        let stage = Stage { pid_file: dir.path().join("pid"), port, folder, mark, clocks, program, prepared, resolver };
        let (of, stopped) = (stage.clone(), stop.clone());
        let supervisor = Some(std::thread::spawn(move || supervise(&of, &stopped)));
        let component = Self { stage, _dir: dir, stop, supervisor };
        component.is_up();
        component
    }

    /// Waits until it runs and answers.
    pub(crate) fn is_up(&self) {
        until("the component is up", || {
            self.stage.tree().len() == 2 && std::net::TcpStream::connect(self.stage.address()).is_ok()
        });
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.join();
        }
    }
}

/// Whether this host can hold faults of this kind; the rest is told, so that nobody takes it for tested.
pub(crate) fn is_able(kind: &str) -> bool {
    let declared = chaos::fault::CATALOGUE.iter().find(|declaration| declaration.kind == kind);
    let lack = declared.filter(|declared| declared.prepared.is_none()).and_then(|declared| host::lack(declared.needs));
    if let Some(lack) = &lack {
        eprintln!("SKIPPED: {kind} cannot be held here: {}; {}", lack.why, lack.remedy);
    }
    lack.is_none()
}

/// What this host can prepare a component for; the rest is told, so that nobody takes it for tested.
fn preparations() -> BTreeSet<Preparation> {
    let families =
        [(Preparation::Time, Needs::Clock), (Preparation::Io, Needs::OwnFiles), (Preparation::Dns, Needs::OwnResolver)];
    let able = |(family, needs): (Preparation, Needs)| match host::lack(needs) {
        None => Some(family),
        Some(lack) => {
            eprintln!("SKIPPED: faults of `{family}` cannot be held here: {}; {}", lack.why, lack.remedy);
            None
        }
    };
    families.into_iter().filter_map(able).collect()
}

/// Whether the component is started for faults of this kind.
pub(crate) fn is_prepared(stage: &Stage, kind: &str) -> bool {
    let declared = chaos::fault::CATALOGUE.iter().find(|declaration| declaration.kind == kind);
    let prepared = declared.and_then(|declaration| declaration.prepared);
    prepared.is_none_or(|family| stage.prepared.contains(&family)) && is_able(kind)
}

/// Sandbox of the component, as its supervisor starts it.
fn sandbox(stage: &Stage) -> Option<Started> {
    let settings = Settings {
        mark: stage.mark.clone(),
        component: "payments".into(),
        folder: stage.prepared.contains(&Preparation::Io).then(|| stage.folder.clone()),
        resolvers: stage.prepared.contains(&Preparation::Dns).then(|| vec![stage.resolver]),
    };
    let mark = stage.mark.split_once('=').expect("a mark is NAME=value");
    let needed = settings.folder.is_some() || settings.resolvers.is_some();
    needed.then(|| sandbox::start(&actor(), &settings, &[mark]).expect("the host can hold it"))
}

/// A resolver that knows one address for every name, and takes datagrams only; it answers until `stop`.
fn resolver(stop: Arc<AtomicBool>) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("it is not zero");
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while !stop.load(Ordering::Acquire) {
            let Ok((length, from)) = socket.recv_from(&mut question) else { continue };
            // The question, a response with one answer: its name by reference, A, IN, one second, four bytes.
            let mut answer = question[..length].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 77]);
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}

fn supervise(stage: &Stage, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let mut sandbox = sandbox(stage);
        let mut child = spawn(stage, sandbox.as_ref());
        let lines = BufReader::new(child.stdout.take().expect("it has a stdout")).lines().next();
        if lines.is_some() {
            write_pid(&stage.pid_file, &child);
        }
        while child.try_wait().expect("it is our child").is_none() {
            let is_alone = sandbox.as_mut().is_some_and(|s| !matches!(s.child.try_wait(), Ok(None)));
            if stop.load(Ordering::Acquire) || is_alone {
                child.kill().expect("it is our child");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_file(&stage.pid_file);
        if let Some(mut sandbox) = sandbox {
            sandbox.child.kill().and_then(|()| sandbox.child.wait()).expect("it is our child");
        }
    }
}

fn spawn(stage: &Stage, sandbox: Option<&Started>) -> Child {
    let (name, value) = stage.mark.split_once('=').expect("a mark is NAME=value");
    let clock = chaos::shifted_clock::prepare(&stage.clocks, "payments").expect("the folder can be written");
    Command::new(actor())
        .envs(clock)
        .args(["target", &stage.port.to_string()])
        .args(sandbox.map(|sandbox| sandbox.child.id().to_string()))
        .env(name, value)
        .current_dir(&stage.folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the component starts")
}

/// In one step, so that a number that can be read is whole.
fn write_pid(file: &Path, child: &Child) {
    let new = file.with_extension("new");
    std::fs::write(&new, child.id().to_string()).and_then(|()| std::fs::rename(&new, file)).expect("a file");
}
