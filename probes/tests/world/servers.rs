//! Real metrics servers on loopback, from Debian's packages, each in a folder of its own. They end with the test, also
//! when it is killed.

#![allow(dead_code)] // every program that includes this uses a part of it

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use url::Url;

/// How long a server may take to answer.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running server; dropping it ends it.
pub(crate) struct MetricsServer {
    process: Child,
    pub(crate) url: Url,
    _dir: TempDir,
}

impl MetricsServer {
    /// Prometheus with these scrape jobs (the YAML below `scrape_configs:`); `None` where it is not installed.
    pub(crate) fn prometheus(interval: &str, jobs: &str) -> Option<Self> {
        Self::prometheus_over(interval, jobs, Path::new("data"))
    }

    /// The same over a folder of blocks; one that is not absolute lies in the folder of the server.
    pub(crate) fn prometheus_over(interval: &str, jobs: &str, data: &Path) -> Option<Self> {
        Self::start("prometheus", "-/ready", |dir, port| {
            let config = dir.join("prometheus.yml");
            let text =
                format!("global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\nscrape_configs:\n{jobs}");
            std::fs::write(&config, text).expect("writes the configuration");
            vec![
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", dir.join(data).display()),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--web.enable-remote-write-receiver".to_owned(),
                "--enable-feature=native-histograms".to_owned(),
                "--log.level=error".to_owned(),
            ]
        })
    }

    /// VictoriaMetrics with these scrape jobs; `None` where it is not installed.
    pub(crate) fn victoria(interval: &str, jobs: &str) -> Option<Self> {
        Self::start("victoria-metrics", "health", |dir, port| {
            let config = dir.join("scrape.yml");
            let text =
                format!("global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\nscrape_configs:\n{jobs}");
            std::fs::write(&config, text).expect("writes the configuration");
            vec![
                format!("-storageDataPath={}", dir.join("data").display()),
                format!("-httpListenAddr=127.0.0.1:{port}"),
                format!("-promscrape.config={}", config.display()),
                "-retentionPeriod=10y".to_owned(),
                "-memory.allowedBytes=200MB".to_owned(),
                "-loggerLevel=ERROR".to_owned(),
            ]
        })
    }

    fn start(program: &str, ready: &str, arguments: impl FnOnce(&Path, u16) -> Vec<String>) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let log = std::fs::File::create(dir.path().join("log")).expect("a log");
        let started = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", program])
            .args(arguments(dir.path(), port))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        let process = started.expect("setpriv of util-linux runs");
        let url: Url = format!("http://127.0.0.1:{port}/").parse().expect("an address");
        let mut server = MetricsServer { process, url, _dir: dir };
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = server.process.try_wait().expect("can be waited for") {
                // What setpriv says of a program that is not there.
                if status.code() == Some(127) {
                    println!("unavailable: {program} is not installed");
                    return None;
                }
                let log = std::fs::read_to_string(server._dir.path().join("log")).unwrap_or_default();
                panic!("{program} ended with {status}: {log}");
            }
            if answers(port, ready) {
                return Some(server);
            }
            assert!(Instant::now() < deadline, "{program} never answered");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether the server says that it is ready.
fn answers(port: u16, path: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let asked = std::net::TcpStream::connect(("127.0.0.1", port)).and_then(|mut connection| {
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        connection.write_all(format!("GET /{path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut head = [0; 12];
        connection.read_exact(&mut head).map(|()| head)
    });
    asked.is_ok_and(|head| head.ends_with(b" 200"))
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
