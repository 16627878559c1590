//! The local landscape with real processes: shell and Python programs under the real binary.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pipeline::landscape::deployment::{Deployed, NotDeployable, Rollback};
use pipeline::landscape::events::system_clock;
use pipeline::landscape::local::{Local, LocalConfig, Release, Unchanged};
use pipeline::landscape::ports::{self, Listener};
use pipeline::landscape::residual::{self, Fate};
use scorer::evidence::Event;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Deadline of every wait: far more than a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Answers every request with its version and the addresses it was given; appends its start to `../starts`.
const SERVER: &str = r#"
import http.server, json, os, sys
name, version, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if version == "exits": print("cannot go on", flush=True); sys.exit(3)
open("../starts", "a").write(f"{name} {version}\n")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = 503 if version == "unready" and self.path == "/healthz" else 200
        if self.path == "/crash": os._exit(7)
        body = json.dumps({"version": version, "env": dict(os.environ)}).encode()
        self.send_response(code); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

/// A program with a child in a session of its own and a daemon that forked twice; both ignore polite signals.
const DAEMONS: &str = r#"
import os, signal, sys, time
def stay():
    signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)
    while True: time.sleep(60)
if os.fork() == 0:
    os.setsid(); stay()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: stay()
    os._exit(0)
open("up", "w").close()
while True: time.sleep(60)
"#;

struct World {
    dir: tempfile::TempDir,
    id: String,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("server.py"), SERVER).unwrap();
        fs::write(dir.path().join("daemons.py"), DAEMONS).unwrap();
        let id = format!("test-{}", dir.path().file_name().unwrap().to_str().unwrap());
        Self { dir, id }
    }

    fn local(&self, components: Value) -> Local {
        local(self.dir.path(), &self.id, components)
    }

    fn starts(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("work/starts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Processes that carry the mark of this world, by a reading of /proc of the test's own.
    fn survivors(&self) -> Vec<i32> {
        let mark = format!("METTLE_LANDSCAPE={}", self.id);
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|f| f.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|b| *b == 0).any(|item| item == mark.as_bytes())
        })
        .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = residual::clear(&self.id);
    }
}

fn local(dir: &Path, id: &str, components: Value) -> Local {
    let processes =
        json!({"apiVersion": "mettle/v1", "kind": "Processes", "metadata": {"name": "t"}, "components": components});
    Local::new(LocalConfig {
        processes: serde_json::from_value(processes).unwrap(),
        here: dir.to_owned(),
        work_dir: dir.join("work"),
        log_dir: dir.join("logs"),
        installation: id.to_owned(),
        mettle: env!("CARGO_BIN_EXE_mettle").into(),
        grace: Duration::from_secs(2),
        clock: system_clock(),
    })
    .unwrap()
}

fn server(name: &str, reaches: Value) -> Value {
    json!({"name": name, "command": ["python3", "{here}/server.py", name, "{version}", "{port}"],
        "health": {"http": "/healthz", "deadline": "30s"}, "metrics": "/metrics", "reaches": reaches,
        "restart": {"max": 2, "within": "60s", "delay": "10ms"}})
}

fn release(tag: &str, versions: &[(&str, &str)]) -> Release {
    let versions = versions.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
    Release { tag: tag.to_owned(), versions }
}

/// A deployment that nobody gives up.
fn never() -> CancellationToken {
    CancellationToken::new()
}

/// Deploys a release; components whose version is the same go on.
async fn keep(local: &Local, tag: &str, versions: &[(&str, &str)]) -> Result<Deployed, NotDeployable> {
    local.deploy(&release(tag, versions), Unchanged::Keep, &never()).await
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn get(url: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
    client.get(url).send().await.unwrap().json().await.unwrap()
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_in_order_and_upgrades_only_what_changed() {
    let world = World::new();
    let local =
        world.local(json!([server("checkout", json!({"payments": "PAYMENTS_URL"})), server("payments", json!({}))]));
    let deployed = keep(&local, "v1", &[("checkout", "1.0.0"), ("payments", "1.0.0")]).await.unwrap();
    assert_eq!(deployed.started, ["payments", "checkout"]);
    assert_eq!(world.starts(), ["payments 1.0.0", "checkout 1.0.0"]);

    let first = local.peek();
    let checkout = first["checkout"].user_url.clone().unwrap();
    let answer = get(&checkout).await;
    let payments = answer["env"]["PAYMENTS_URL"].as_str().unwrap();
    assert_eq!(get(payments).await["version"], "1.0.0", "through the edge of checkout to payments");
    assert_eq!(answer["env"].get("CARGO_MANIFEST_DIR"), None, "Mettle's own environment is not handed on");
    assert_eq!(get(first["checkout"].metrics_url.as_ref().unwrap()).await["version"], "1.0.0");

    let deployed = keep(&local, "v2", &[("checkout", "1.0.0"), ("payments", "2.0.0")]).await.unwrap();
    assert_eq!(deployed.started, ["payments"]);
    let second = local.peek();
    assert_eq!(second["checkout"].pids, first["checkout"].pids, "an unchanged component is not touched");
    assert_ne!(second["payments"].pids, first["payments"].pids);
    assert_eq!(get(payments).await["version"], "2.0.0", "the same edge leads to the new version");

    let ports: Vec<SocketAddr> = local.edges().iter().map(|edge| edge.addr()).collect();
    let pids: Vec<i32> = second.values().flat_map(|state| state.pids.clone()).collect();
    assert!(pids.len() >= 2);
    local.shutdown().await;
    assert_eq!(world.survivors(), Vec::<i32>::new());
    for port in ports {
        assert!(TcpStream::connect(port).is_err(), "{port} still listens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_given_up_restores_what_ran() {
    let world = World::new();
    let local = Arc::new(world.local(json!([server("payments", json!({}))])));
    keep(&local, "v1", &[("payments", "1.0.0")]).await.unwrap();
    let give_up = CancellationToken::new();
    let (deploying, stop) = (local.clone(), give_up.clone());
    let task = tokio::spawn(async move {
        deploying.deploy(&release("v2", &[("payments", "unready")]), Unchanged::Keep, &stop).await
    });
    until("the new version runs", || world.starts().contains(&"payments unready".to_owned())).await;
    give_up.cancel();
    let refused = task.await.unwrap().unwrap_err();
    assert!(refused.reason.contains("stopped before it was ready"), "{refused:?}");
    assert_eq!(refused.rollback, Rollback::To { tag: "v1".to_owned() });
    assert_eq!(get(local.peek()["payments"].user_url.as_ref().unwrap()).await["version"], "1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_not_healthy_is_rolled_back() {
    let world = World::new();
    let mut payments = server("payments", json!({}));
    payments["health"]["deadline"] = json!("3s");
    let local = world.local(json!([server("checkout", json!({"payments": "PAYMENTS_URL"})), payments]));

    let nothing = keep(&local, "v0", &[("payments", "exits")]).await.unwrap_err();
    assert_eq!(nothing.rollback, Rollback::Nothing);
    assert!(local.peek().is_empty());

    keep(&local, "v1", &[("checkout", "1.0.0"), ("payments", "1.0.0")]).await.unwrap();
    let checkout = local.pids("checkout");
    let cases = [("exits", "exited with code 3", Some("cannot go on")), ("unready", "/healthz answers 503", None)];
    for (version, reason, line) in cases {
        let bad = release("v2", &[("checkout", "1.0.0"), ("payments", version)]);
        let refused: NotDeployable = local.deploy(&bad, Unchanged::Keep, &never()).await.unwrap_err();
        assert_eq!(refused.component, "payments");
        assert!(refused.reason.contains(reason), "{refused:?}");
        assert!(line.is_none_or(|line| refused.last_lines.iter().any(|l| l == line)), "{refused:?}");
        assert_eq!(refused.rollback, Rollback::To { tag: "v1".to_owned() });
        let state = local.peek();
        assert_eq!(state["payments"].version, "1.0.0");
        assert_eq!(get(state["payments"].user_url.as_ref().unwrap()).await["version"], "1.0.0");
        assert_eq!(local.pids("checkout"), checkout);
    }
    let unknown = keep(&local, "v3", &[("nobody", "1")]).await.unwrap_err();
    assert_eq!((unknown.component.as_str(), unknown.rollback), ("nobody", Rollback::Untouched));
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_an_event_and_restarts_are_bounded() {
    let world = World::new();
    let local = world.local(json!([server("web", json!({}))]));
    keep(&local, "v1", &[("web", "1")]).await.unwrap();
    let mut events = Vec::new();
    for round in 1..=3_u64 {
        until("ready", || local.ready("web")).await;
        let main = local.pids("web")[0];
        kill(Pid::from_raw(main), Signal::SIGKILL).unwrap();
        until("the crash is seen", || local.peek()["web"].restarts == round || local.peek()["web"].given_up).await;
    }
    until("given up", || local.peek()["web"].given_up).await;
    until("told", || {
        events.extend(local.drain_events());
        events.last().is_some_and(|event: &Event| event.detail.starts_with("left down"))
    })
    .await;
    assert_eq!(kinds(&events), ["crash", "restart", "crash", "restart", "crash", "not_ready"]);
    assert!(events[0].detail.contains("SIGKILL"), "{:?}", events[0]);
    assert_eq!(local.peek()["web"].pids, Vec::<i32>::new());
    // Deploying the same release brings back what was left down.
    assert_eq!(keep(&local, "v1", &[("web", "1")]).await.unwrap().started, ["web"]);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_of_logs_does_not_fill_the_disk() {
    let world = World::new();
    let local = world.local(json!([{"name": "flood", "user": false, "health": {"alive": "10ms"},
        "command": ["sh", "-c", "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo over; exec sleep 600"],
        "logs": {"maxSize": "1MB", "keep": 2}}]));
    keep(&local, "v1", &[("flood", "1")]).await.unwrap();
    let log = world.dir.path().join("logs/flood.log");
    until("all is read", || fs::read(&log).unwrap_or_default().ends_with(b"over\n")).await;
    let sizes: Vec<u64> =
        fs::read_dir(world.dir.path().join("logs")).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 1_000_000), "{sizes:?}");
    assert_eq!(kinds(&local.drain_events()), ["log_truncated"]);
    local.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_component_takes_its_daemons_along() {
    let world = World::new();
    let local = world.local(daemons());
    keep(&local, "v1", &[("d", "1")]).await.unwrap();
    until("daemons run", || local.pids("d").len() == 3).await;
    // The component alone is killed: what it leaves behind ends before it is started again.
    let before = local.pids("d");
    kill(Pid::from_raw(before[0]), Signal::SIGKILL).unwrap();
    until("restarted", || local.peek()["d"].restarts == 1 && local.pids("d").len() == 3).await;
    assert!(local.pids("d").iter().all(|pid| !before.contains(pid)));
    // Its reaper is killed: Mettle itself ends the orphans.
    let before = local.pids("d");
    kill(Pid::from_raw(parent(before[0])), Signal::SIGKILL).unwrap();
    until("restarted", || local.peek()["d"].restarts == 2 && local.pids("d").len() == 3).await;
    // By the mark, which a process that has ended and waits for its new parent to reap it no longer shows. A daemon's
    // way through two forks may still be under way: for a moment there is one process more.
    assert!(world.survivors().iter().all(|pid| !before.contains(pid)), "orphans of the reaper live");
    until("the component, its two daemons and the reaper", || world.survivors().len() == 4).await;
    local.shutdown().await;
    assert_eq!(world.survivors(), Vec::<i32>::new());
}

fn daemons() -> Value {
    json!([{"name": "d", "command": ["python3", "{here}/daemons.py"], "user": false, "health": {"alive": "10ms"},
        "restart": {"delay": "0ms"}}])
}

fn parent(pid: i32) -> i32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    line.trim().parse().unwrap()
}

/// Not a test: the process that holds a landscape until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by other tests as a process of its own"]
async fn holder() {
    let dir = std::env::var("HOLDER_DIR").unwrap();
    let mut components = daemons();
    components.as_array_mut().unwrap().push(server("web", json!({})));
    let local = local(Path::new(&dir), &std::env::var("HOLDER_ID").unwrap(), components);
    keep(&local, "v1", &[("d", "1"), ("web", "1")]).await.unwrap();
    until("daemons run", || local.pids("d").len() == 3).await;
    let edges: Vec<u16> = local.edges().iter().map(|edge| edge.addr().port()).collect();
    let metrics = local.peek()["web"].metrics_url.clone().unwrap();
    println!("\nHELD {}", json!({"d": local.pids("d"), "web": local.pids("web"), "edges": edges, "metrics": metrics}));
    std::future::pending::<()>().await;
}

fn hold(world: &World) -> (std::process::Child, Value) {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "landscape::holder", "--ignored", "--nocapture"])
        .env("HOLDER_DIR", world.dir.path())
        .env("HOLDER_ID", &world.id)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let held = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("HELD ").map(str::to_owned));
    (holder, serde_json::from_str(&held.expect("the holder deployed")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_survives_the_holder() {
    let world = World::new();
    let (mut holder, held) = hold(&world);
    until("three of d, one of web, two reapers", || world.survivors().len() == 6).await;
    holder.kill().unwrap();
    holder.wait().unwrap();
    until("nothing is left", || world.survivors().is_empty()).await;
    let metrics = held["metrics"].as_str().unwrap();
    let port: u16 = metrics.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    let edge = u16::try_from(held["edges"][0].as_u64().unwrap()).unwrap();
    for port in [port, edge] {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} still listens");
    }
    assert_eq!(residual::clear(&world.id).unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_clears_what_outlived_holder_and_reapers() {
    let world = World::new();
    let (mut holder, held) = hold(&world);
    let main = |name: &str| i32::try_from(held[name][0].as_i64().unwrap()).unwrap();
    // First the holder stands still, so that it cannot tidy up, then everything that could end the rest is killed.
    kill(Pid::from_raw(i32::try_from(holder.id()).unwrap()), Signal::SIGSTOP).unwrap();
    for name in ["d", "web"] {
        kill(Pid::from_raw(parent(main(name))), Signal::SIGKILL).unwrap();
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    until("the components die with their reapers", || world.survivors().len() == 2).await;
    let residues = residual::clear(&world.id).unwrap();
    assert_eq!(residues.len(), 2, "{residues:?}");
    assert!(residues.iter().all(|r| r.fate == Fate::Ended && r.command.contains("daemons.py")), "{residues:?}");
    assert_eq!(world.survivors(), Vec::<i32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_answers_is_not_readiness() {
    let world = World::new();
    // The program never listens; the test listens in its place as soon as it knows the port.
    let local = world.local(
        json!([{"name": "w", "command": ["sh", "-c", "echo {port} > port.new; mv port.new port; exec sleep 600"],
        "health": {"deadline": "3s"}}]),
    );
    let file = world.dir.path().join("work/w/port");
    let thief = tokio::spawn(async move {
        until("the port is known", || file.exists()).await;
        let port: u16 = fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_eq!(ports::listener(port, &[i32::try_from(std::process::id()).unwrap()]), Listener::Ours);
        listener
    });
    let refused = keep(&local, "v1", &[("w", "1")]).await.unwrap_err();
    assert!(refused.reason.contains("does not belong to the component"), "{}", refused.reason);
    drop(thief.await.unwrap());
    local.shutdown().await;
}
