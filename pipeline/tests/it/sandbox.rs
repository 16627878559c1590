//! A component that is prepared for faults of its files and its resolver, under the real binary.

use chaos::clock::SystemClock;
use chaos::execute::{Context, Progress, run};
use chaos::fault::Needs;
use chaos::journal::{Intent, Journal, JournalError};
use chaos::landscape::Landscape;
use chaos::lease::FaultId;
use chaos::plan::{Overrides, build, check};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pipeline::landscape::events::system_clock;
use pipeline::landscape::local::{Local, LocalConfig, Release, Unchanged};
use pipeline::landscape::residual;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Deadline of every wait: far more than a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Writes, and asks the resolver that its `resolv.conf` names, and says what came of it.
const SERVER: &str = r#"
import errno, http.server, os, socket, struct, sys
def write():
    try:
        with open("data.txt", "wb") as file: file.write(b"x" * 4096); file.flush(); os.fsync(file.fileno())
        return "ok"
    except OSError as error: return errno.errorcode[error.errno]
def ask():
    server = [line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver")][0]
    name = b"".join(bytes([len(part)]) + part for part in b"shop.invalid".split(b".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5); asking.sendto(struct.pack(">6H", 7, 256, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1), (server, 53))
        return "rcode " + str(asking.recv(512)[3] & 15)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"/write": write, "/ask": ask}.get(self.path, lambda: "ok")().encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

struct Nowhere;

impl Journal for Nowhere {
    fn intent(&self, _: &Intent) -> Result<(), JournalError> {
        Ok(())
    }
    fn injected(&self, _: &FaultId, _: i64) -> Result<(), JournalError> {
        Ok(())
    }
    fn undone(&self, _: &FaultId, _: i64) -> Result<(), JournalError> {
        Ok(())
    }
}

/// Processes with this mark whose command line has `word`.
fn marked(installation: &str, word: &str) -> Vec<i32> {
    let mark = [format!("{}={installation}", residual::MARK)];
    let all = chaos::proc_table::snapshot().unwrap().into_iter().filter(|entry| !entry.zombie).map(|entry| entry.pid);
    let is_one = |pid: &i32| {
        chaos::proc_table::environment_has(*pid, &mark) && chaos::proc_table::command_line(*pid).contains(word)
    };
    all.filter(is_one).collect()
}

async fn get(local: &Local, path: &str) -> String {
    let url = local.peek()["payments"].user_url.clone().unwrap() + path;
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
    match client.get(url).send().await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Holds a fault; what the component says to `path` must come true meanwhile.
async fn meets(local: &Arc<Local>, fault: Value, path: &str, says: &str) {
    let document = json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "holds"}, "targets": {"p": {"component": "payments"}},
        "method": [{"fault": fault, "hold": "10m", "rest": "0ms"}], "blast": {"keepHealthy": 0, "maxDuration": "1h"},
        "repeat": {"min": 1, "max": 1}});
    let experiment = serde_json::from_value(document).unwrap();
    let inventory = Landscape::inventory(local.as_ref());
    let plan = build(&experiment, &inventory, Overrides::default(), 7).unwrap();
    assert_eq!(check(&plan, &inventory), []);
    let (abort, aborts) = watch::channel(None);
    let (events, mut seen) = mpsc::channel(64);
    let context = Context {
        run: uuid::Uuid::new_v4().to_string(),
        landscape: local.clone(),
        journal: Arc::new(Nowhere),
        clock: Arc::new(SystemClock),
    };
    let running = tokio::spawn(async move { run(&plan, context, aborts, events).await });
    let (tell, told) = watch::channel(false);
    let drained = tokio::spawn(async move {
        while let Some(event) = seen.recv().await {
            if let Progress::Injected { verified, .. } = event {
                tell.send_replace(verified);
            }
        }
    });
    until("the dose is seen", async || *told.borrow() || running.is_finished()).await;
    until(says, async || running.is_finished() || get(local, path).await == says).await;
    abort.send_replace(Some(chaos::execute::Abort::SoakAborted));
    let report = running.await.unwrap();
    drained.await.unwrap();
    assert!(report.exposures[0].verified && report.residue.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_component_meets_faults_of_its_files_and_its_resolver() {
    if let Some(lack) = [Needs::OwnFiles, Needs::OwnResolver].into_iter().find_map(chaos::host::lack) {
        eprintln!("SKIPPED: {}; {}", lack.why, lack.remedy);
        return;
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("server.py"), SERVER).unwrap();
    let installation = format!("test-{}", dir.path().file_name().unwrap().to_str().unwrap());
    let processes = json!({"apiVersion": "mettle/v1", "kind": "Processes", "metadata": {"name": "t"}, "components": [
        {"name": "payments", "command": ["python3", "{here}/server.py", "{port}"], "prepare": ["io", "dns"],
         "health": {"http": "/healthz", "deadline": "30s"}, "restart": {"max": 9, "within": "60s", "delay": "10ms"}}]});
    let local = Arc::new(
        Local::new(LocalConfig {
            processes: serde_json::from_value(processes).unwrap(),
            here: dir.path().to_owned(),
            work_dir: dir.path().join("work"),
            log_dir: dir.path().join("logs"),
            installation: installation.clone(),
            mettle: env!("CARGO_BIN_EXE_mettle").into(),
            grace: Duration::from_secs(2),
            clock: system_clock(),
        })
        .unwrap(),
    );
    let release = Release { tag: "v1".into(), versions: [("payments".into(), "1".into())].into() };
    local.deploy(&release, Unchanged::Keep, &CancellationToken::new()).await.unwrap();

    let sandboxes = marked(&installation, " sandbox ");
    assert_eq!(sandboxes.len(), 1);
    assert!(!local.pids("payments").contains(&sandboxes[0]), "the sandbox is no part of the component");
    assert_eq!(get(&local, "/write").await, "ok");
    assert_eq!(fs::read(dir.path().join("work/payments/data.txt")).unwrap().len(), 4_096, "it lies on the disk below");
    assert_eq!(fs::read_to_string("/proc/self/mounts").unwrap(), mounts, "nothing is mounted on the host");

    let fault = json!({"kind": "io.error", "target": "p", "errno": "ENOSPC", "operations": ["write"]});
    meets(&local, fault, "/write", "ENOSPC").await;
    until("files are sound", async || get(&local, "/write").await == "ok").await;
    let fault = json!({"kind": "dns.error", "target": "p", "rcode": "REFUSED"});
    meets(&local, fault, "/ask", "rcode 5").await;

    local.drain_events();
    let before = local.pids("payments");
    kill(Pid::from_raw(sandboxes[0]), Signal::SIGKILL).unwrap();
    until("it is started again", async || local.ready("payments") && local.pids("payments") != before).await;
    until("its files are back", async || get(&local, "/write").await == "ok").await;
    let events = local.drain_events();
    assert!(events.iter().any(|e| e.kind == "crash" && e.detail.contains("its sandbox has ended")), "{events:?}");

    local.shutdown().await;
    assert_eq!(marked(&installation, ""), Vec::<i32>::new());
    assert_eq!(fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
}
