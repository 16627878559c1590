//! A small product that is soaked for real in seconds: two Python programs, git repositories, one installation.
#![allow(dead_code)] // every test target uses its own part

pub mod ledger;
pub mod leftovers;

use chrono::{DateTime, TimeZone, Utc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pipeline::documents::signals::Signals;
use pipeline::git::{Change, Git, NewCommit, NewTag, ObjectStore, Oid, Signature};
use pipeline::soak::{Soak, State};
use pipeline::store::Store;
use scorer::evidence::PhaseLabel;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Deadline of every wait: far more than a busy machine needs.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Product and landscape of the world.
pub const PRODUCT: &str = "tiny";
pub const LANDSCAPE: &str = "staging";

/// Answers every request, asks its peer when it has one, and starts a daemon that left its session and forked twice.
/// Version 9.x exits at once; the metrics of 7.x vanish after some scrapes.
const SERVER: &str = r##"
import http.server, os, sys, time, urllib.request
version, port = sys.argv[1], int(sys.argv[2])
if version.startswith("9."): print("cannot go on", flush=True); sys.exit(3)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(60)
    os._exit(0)
peer, scrapes = os.environ.get("BACK_URL"), 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global scrapes
        code, body = 200, version.encode()
        if self.path == "/metrics":
            scrapes += 1
            body = b"# TYPE tiny_level gauge\ntiny_level 5\n"
            if version.startswith("7.") and scrapes > 12: code = 404
        if peer and self.path == "/":
            try: body = urllib.request.urlopen(peer, timeout=2).read()
            except Exception: code = 503
        self.send_response(code); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"##;

const PROCESSES: &str = r#"
apiVersion: mettle/v1
kind: Processes
metadata: {name: tiny}
components:
  - name: back
    command: [python3, "{here}/server.py", "{version}", "{port}"]
    health: {http: /healthz, deadline: 30s}
    user: false
  - name: front
    command: [python3, "{here}/server.py", "{version}", "{port}"]
    health: {http: /healthz, deadline: 30s}
    reaches: {back: BACK_URL}
"#;

const LANDSCAPE_FILE: &str = r#"
apiVersion: mettle/v1
kind: Landscape
metadata: {name: staging, product: tiny, tier: staging}
clusters:
  - {name: here, backend: local, processes: processes.yaml}
deployer: {kind: local}
stagingTriggers: [{bump: patch}]
"#;

/// Less than three seconds of phases, with one fault.
pub const PROGRAMME: &str = r#"
apiVersion: mettle/v1
kind: Programme
metadata: {name: tiny-soak}
interval: 100ms
seed: 7
phases:
  - {name: warmup, samples: 2}
  - {name: steady, samples: 12}
  - {name: faults, experiments: [back-slow], repeat: 1, hold: 1s, rest: 300ms}
looks: {first: 10}
"#;

/// The fault: the back answers late.
pub const EXPERIMENT: &str = r#"
apiVersion: mettle/v1
kind: Experiment
metadata: {name: back-slow}
hypothesis: {title: the front answers while the back is slow, signals: [front-reach]}
targets: {back: {component: back}}
method:
  - {fault: {kind: net.delay, target: back, from: front, delay: 50ms}, hold: 1s, rest: 300ms}
"#;

/// Mettle's own probe of the front, as a gate signal.
pub const SIGNALS: &str = r#"
apiVersion: mettle/v1
kind: Signals
signals:
  - {name: front-reach, kind: ratio, good: 'mettle_probe_ok_total{job="front"}', total: 'mettle_probe_attempts_total{job="front"}', component: front, tier: gate, dimension: business, objective: 0.9, margin: 5pp}
"#;

/// A gauge that the front exposes itself.
pub const METRICS_SIGNALS: &str = r#"
apiVersion: mettle/v1
kind: Signals
signals:
  - {name: front-reach, kind: ratio, good: 'mettle_probe_ok_total{job="front"}', total: 'mettle_probe_attempts_total{job="front"}', component: front, tier: gate, dimension: business, objective: 0.9, margin: 5pp}
  - {name: level, kind: gauge, series: 'tiny_level{job="front"}', component: front, tier: gate, dimension: performance, worse: up, margin: 50%}
"#;

const VAIN_SIGNALS: &str = r#"
apiVersion: mettle/v1
kind: Signals
signals:
  - {name: absent, kind: gauge, series: 'no_such_series', tier: gate, dimension: performance, margin: 10%}
"#;

const SETTINGS: &str = r#"
apiVersion: mettle/v1
kind: Installation
product: {repo: product.git}
landscape: {repo: staging.git}
listen: 127.0.0.1:0
idle: rest
"#;

/// The world; ends what is left of its processes when it is dropped, so that a failed test leaks nothing.
pub struct World {
    dir: tempfile::TempDir,
    /// What the workers say; not on the installation's disk, which may be full.
    log: tempfile::NamedTempFile,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// The installation and its repositories, without a tag.
    pub fn new() -> Self {
        World::new_in(&std::env::temp_dir())
    }

    /// The same below a folder.
    pub fn new_in(folder: &Path) -> Self {
        let dir = tempfile::tempdir_in(folder).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let world = World { dir, log, runtime };
        fs::write(world.path().join("server.py"), SERVER).unwrap();
        fs::write(world.path().join("mettle.yaml"), SETTINGS).unwrap();
        world.commit("staging.git", &[("landscape.yaml", LANDSCAPE_FILE), ("processes.yaml", PROCESSES)], None);
        world
    }

    /// Folder of the installation.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Commits files to `main` of a repository, made when need be, and tags the commit.
    pub fn commit(&self, repository: &str, files: &[(&str, &str)], tag: Option<&str>) -> Oid {
        let path = self.path().join(repository);
        let by = Signature::mettle(day());
        self.runtime.block_on(async {
            let git = Git::default();
            let fresh = !path.exists();
            let store =
                if fresh { ObjectStore::init(&git, &path).await.unwrap() } else { ObjectStore::new(&git, &path) };
            let head = if fresh { None } else { rev_parse(&path, "refs/heads/main") };
            let changes: Vec<Change> = files
                .iter()
                .map(|(path, text)| Change::Write { path: (*path).into(), content: text.as_bytes().to_vec() })
                .collect();
            let parents: Vec<Oid> = head.iter().cloned().collect();
            let commit = NewCommit { parents: &parents, changes: &changes, message: "feat: as told\n", by: &by };
            let commit = store.commit(&commit).await.unwrap();
            store.set_refs(&[("refs/heads/main", &commit, head.as_ref())]).await.unwrap();
            if let Some(name) = tag {
                let object = NewTag { name, commit: &commit, message: name, by: &by };
                let object = store.annotate(&object).await.unwrap();
                store.set_refs(&[(&format!("refs/tags/{name}"), &object, None)]).await.unwrap();
            }
            commit
        })
    }

    /// Pushes the product tag `v<version>`, whose components have that version. Versions 8.x ask for evidence that does
    /// not exist, and for an extension.
    pub fn push(&self, version: &str) {
        let extended = format!("{PROGRAMME}extend: {{once: 50%}}\n");
        let vain = version.starts_with("8.");
        let mut files = vec![("mettle/experiments/back-slow.yaml", EXPERIMENT)];
        files.push(("mettle/programme.yaml", if vain { &extended } else { PROGRAMME }));
        files.push(("mettle/signals.yaml", if vain { VAIN_SIGNALS } else { SIGNALS }));
        self.push_with(version, &files);
    }

    /// Pushes a product tag with other documents.
    pub fn push_with(&self, version: &str, files: &[(&str, &str)]) {
        let product = format!(
            "apiVersion: mettle/v1\nkind: Product\nmetadata: {{name: {PRODUCT}}}\ncomponents:\n\
             - {{name: back, repo: ../back.git, version: {version}}}\n\
             - {{name: front, repo: ../front.git, version: {version}, dependsOn: [back]}}\n"
        );
        for component in ["back", "front"] {
            self.commit(&format!("{component}.git"), &[("VERSION", version)], Some(&format!("v{version}")));
        }
        let mut all = vec![("product.yaml", product.as_str())];
        all.extend_from_slice(files);
        self.commit("product.git", &all, Some(&format!("v{version}")));
    }

    /// A file on `main` of a repository.
    pub fn file(&self, repository: &str, file: &str) -> String {
        let path = self.path().join(repository);
        let output = Command::new("git").arg("-C").arg(path).args(["show", &format!("main:{file}")]).output().unwrap();
        assert!(output.status.success(), "{file} is not in {repository}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Changes a file of the landscape.
    pub fn set_landscape(&self, file: &str, change: impl Fn(&str) -> String) {
        let before = self.file("staging.git", file);
        let after = change(&before);
        assert_ne!(before, after, "{file} is changed");
        self.commit("staging.git", &[(file, &after)], None);
    }

    /// Starts `mettle up`.
    pub fn up(&self, environment: &[(&str, &str)]) -> Up {
        let log = self.log.path().to_owned();
        let starts = fs::read_to_string(&log).unwrap_or_default().matches(ANSWERS).count();
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
        command.args(["up", "--dir"]).arg(self.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.envs(environment.iter().copied()).spawn().unwrap();
        Up { child, log, starts }
    }

    /// The worker's store, opened beside it.
    pub fn store(&self) -> Store {
        Store::open(&self.path().join("store.db")).unwrap()
    }

    /// Soaks so far.
    pub fn soaks(&self) -> Vec<Soak> {
        if self.path().join("store.db").exists() { self.store().soaks(PRODUCT).unwrap() } else { vec![] }
    }

    /// The verdict of the gate `release`: exit code and body.
    pub fn gate(&self, tag: &str) -> (i32, serde_json::Value) {
        self.ask("release", tag)
    }

    /// The verdict of a gate by `mettle gate check`: exit code and body.
    pub fn ask(&self, gate: &str, tag: &str) -> (i32, serde_json::Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
        let asked = ["--product", PRODUCT, "--tag", tag, "--landscape", LANDSCAPE, "-o", "json", "--dir"];
        let output = command.args(["gate", "check", gate]).args(asked).arg(self.path()).output().unwrap();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the worker said:\n{}", fs::read_to_string(self.log.path()).unwrap_or_default());
        }
        leftovers::end_all(self.path());
    }
}

/// What a worker says once it listens, also to signals.
const ANSWERS: &str = "the gate answers on";

/// A running `mettle up`.
pub struct Up {
    /// The process.
    pub child: Child,
    log: PathBuf,
    starts: usize,
}

impl Up {
    /// Waits until it says that its gate answers.
    pub fn ready(self) -> Self {
        until("the gate answers", || self.said().matches(ANSWERS).count() > self.starts);
        self
    }

    /// Waits for its end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("mettle up did not end; it said:\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Asks politely and waits.
    pub fn interrupt(&mut self) -> i32 {
        self.signal(Signal::SIGINT);
        self.wait().code().unwrap_or(-1)
    }

    /// Everything that was said by all starts so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Signals of a document, as the judge takes them.
pub fn signals(text: &str) -> Vec<scorer::Signal> {
    let document = pipeline::documents::read_text("signals.yaml", text, |_: &Signals| vec![]);
    document.unwrap().value.signals().unwrap()
}

/// Whether the last soak of a tag is in its steady phase.
pub fn soaking(world: &World, tag: &str) -> bool {
    let running = |s: &Soak| matches!(&s.state, State::Soaking { label: PhaseLabel::Steady, .. });
    world.soaks().iter().any(|s| s.tag == tag && running(s))
}

/// Waits for a condition.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn day() -> DateTime<Utc> {
    Utc.timestamp_opt(1_790_000_000, 0).unwrap()
}

/// Says what could not be tested, past the capture of the test harness, so that the summary counts it.
pub fn unavailable(what: &str) {
    let _ = writeln!(std::io::stdout(), "unavailable: {what}");
}

/// A ref of a bare repository.
pub fn rev_parse(repository: &Path, name: &str) -> Option<Oid> {
    let output = Command::new("git").arg("-C").arg(repository).args(["rev-parse", "-q", "--verify", name]).output();
    Oid::parse(String::from_utf8(output.unwrap().stdout).unwrap().trim())
}
