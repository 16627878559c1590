//! `mettle signals` against the sample product, a real Prometheus, files, and places that are none.

use crate::cli_support::{Ran, mettle};
use crate::signals_suggest::path;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that ends with the test.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A component of the sample product, and its address.
pub(crate) fn shop(args: &[&str]) -> (Running, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_mettle")).with_file_name("shop");
    let mut command = Command::new(&program);
    let child = command.args(args).stdout(Stdio::piped()).stdin(Stdio::null()).spawn();
    let mut running = Running(child.unwrap_or_else(|e| panic!("{}: {e}; build the workspace", program.display())));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening ").unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
    (running, address)
}

pub(crate) fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The port is free now; somebody who takes it in between makes the server end, and the wait for it fails.
fn free_address() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("127.0.0.1:{port}")
}

/// A server in a folder of its own.
fn server(program: &str, args: &[&str], folder: &Path) -> Running {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The document is valid; its lines.
fn validated(ran: &Ran) -> String {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("signals.yaml"), &ran.stdout).unwrap();
    let checked = mettle(folder.path(), &["validate", "signals.yaml"]);
    assert_eq!(checked.code, 0, "{}\n{}", checked.stderr, ran.stdout);
    ran.stdout.clone()
}

#[test]
fn the_shop_gets_the_signals_that_a_person_would_write() {
    let (_payments, payments) = shop(&["payments", "--release", "1.7.0"]);
    let (_catalog, catalog) = shop(&["catalog", "--release", "2.1.0"]);
    let urls = [format!("http://{catalog}"), format!("http://{payments}")];
    let (_checkout, checkout) =
        shop(&["checkout", "--release", "3.4.0", "--catalog-url", &urls[0], "--payments-url", &urls[1]]);
    let places = [("catalog", catalog), ("checkout", checkout), ("payments", payments)];
    let places: Vec<String> = places.iter().map(|(name, address)| format!("{name}=http://{address}/metrics")).collect();
    let args: Vec<&str> =
        ["signals", "suggest"].into_iter().chain(places.iter().flat_map(|p| ["--metrics", p.as_str()])).collect();
    let ran = mettle(Path::new("/"), &args);
    let text = validated(&ran);
    assert!(ran.stderr.contains("8 gate signals"), "{}", ran.stderr);
    for component in ["catalog", "checkout", "payments"] {
        for line in [
            format!("good: 'http_requests_total{{job=\"{component}\",code!~\"5..\"}}'"),
            format!("buckets: 'http_request_duration_seconds_bucket{{job=\"{component}\"}}'"),
            format!("series: 'process_resident_memory_bytes{{job=\"{component}\"}}'"),
            format!("series: 'process_cpu_seconds_total{{job=\"{component}\"}}'"),
        ] {
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }
    assert!(text.contains("http_client_requests_total{job=\"checkout\",result=\"ok\"}"), "{text}");
    assert_eq!(
        mettle(Path::new("/"), &args).stdout.lines().skip(3).collect::<Vec<_>>(),
        text.lines().skip(3).collect::<Vec<_>>()
    );

    let narrowed: Vec<&str> = args.iter().copied().chain(["--match", "{job=\"catalog\"}"]).collect();
    let text = validated(&mettle(Path::new("/"), &narrowed));
    assert!(text.contains("catalog-success") && !text.contains("checkout"), "{text}");
}

#[test]
fn a_prometheus_server_is_asked_for_what_it_has() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        println!("unavailable: prometheus is not installed");
        return;
    }
    let (_catalog, catalog) = shop(&["catalog", "--release", "2.1.0"]);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - {{job_name: catalog, static_configs: [{{targets: ['{catalog}']}}]}}\n"
    );
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let address = free_address();
    let listen = format!("--web.listen-address={address}");
    let args = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error", &listen];
    let _server = server("prometheus", &args, folder.path());
    until("the server has metadata and series of the catalog", || {
        let has = |path: &str| get(&address, path).is_some_and(|answer| answer.contains("http_requests_total"));
        has("/api/v1/metadata") && has("/api/v1/series?match[]=http_requests_total")
    });
    let url = format!("http://{address}");
    let text = validated(&mettle(Path::new("/"), &["signals", "suggest", "--metrics", &url]));
    assert!(text.contains("good: 'http_requests_total{job=\"catalog\",code!~\"5..\"}'"), "{text}");
    assert!(text.contains("threshold: 250ms"), "{text}");
    let text = validated(&mettle(
        Path::new("/"),
        &["signals", "suggest", "--metrics", &url, "--match", "process_resident_memory_bytes"],
    ));
    assert_eq!(text.matches("- name:").count(), 1, "{text}");
    let ran = mettle(Path::new("/"), &["signals", "suggest", "--metrics", &format!("catalog={url}")]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("leave out `catalog=`"), "{}", ran.stderr);
}

#[test]
fn a_server_that_keeps_no_types_is_read_by_names() {
    if Command::new("victoria-metrics").arg("--version").output().is_err() {
        println!("unavailable: victoria-metrics is not installed");
        return;
    }
    let (_catalog, catalog) = shop(&["catalog", "--release", "2.1.0"]);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "scrape_configs:\n  - {{job_name: catalog, scrape_interval: 1s, static_configs: [{{targets: ['{catalog}']}}]}}\n"
    );
    fs::write(folder.path().join("scrape.yml"), config).unwrap();
    let address = free_address();
    let listen = format!("-httpListenAddr={address}");
    let args = ["-promscrape.config=scrape.yml", "-storageDataPath=data", "-loggerLevel=ERROR", &listen];
    let _server = server("victoria-metrics", &args, folder.path());
    until("the server has series of the catalog", || {
        let answer = get(&address, "/api/v1/series?match[]=process_resident_memory_bytes").unwrap_or_default();
        answer.contains("catalog")
    });
    let url = format!("http://{address}");
    let text =
        validated(&mettle(Path::new("/"), &["signals", "suggest", "--metrics", &url, "--match", "{job=\"catalog\"}"]));
    for line in
        ["good: 'http_requests_total{job=\"catalog\",code!~\"5..\"}'", "threshold: 250ms", "name: catalog-memory"]
    {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(text.contains("1 without a type") && text.contains("catalog_items"), "{text}");
}

#[test]
fn what_is_no_place_is_told_with_a_remedy() {
    let suggest = |args: &[&str]| mettle(Path::new("/"), &[&["signals", "suggest"], args].concat());
    let ran = suggest(&["--metrics", "nowhere", "--match", "a{b=}", "--match", "{x=~\"(\"}"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    for told in ["neither a file nor an http URL", "--match a{b=}: at position 4", "is not a regular expression"] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    // Nobody listens where a listener was closed.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ran = suggest(&["--metrics", &format!("http://user:secret@127.0.0.1:{port}/metrics")]);
    assert!(ran.code != 0 && ran.stderr.contains("is it up") && !ran.stderr.contains("secret"), "{}", ran.stderr);
    let ran = suggest(&["--metrics", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert!(ran.code != 0 && ran.stderr.contains("no exposition"), "{}", ran.stderr);
    let file = path("go_service").display().to_string();
    let ran = suggest(&["--metrics", &file, "--match", "nothing_at_all"]);
    assert_eq!(ran.code, 11, "{}", ran.stderr);
    assert!(ran.stdout.contains("signals: []") && ran.stderr.contains("hint: does --match select"), "{}", ran.stderr);
    assert!(suggest(&["--metrics", &file]).stderr.contains(&format!("hint: --metrics COMPONENT={file}")));
}

#[test]
fn objectives_of_others_are_imported_and_what_is_not_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let sloth = "version: prometheus/v1\nservice: shop\nslos:\n  - name: availability\n    objective: 99.9\n    sli:\n      events:\n        error_query: sum(rate(http_requests_total{job=\"checkout\",code=~\"5..\"}[{{.window}}]))\n        total_query: sum(rate(http_requests_total{job=\"checkout\"}[{{.window}}]))\n";
    let rules = "groups:\n  - name: a\n    rules:\n      - record: job:latency:p99\n        expr: histogram_quantile(0.99, sum by (le) (rate(x_seconds_bucket[5m])))\n";
    fs::write(folder.path().join("sloth.yaml"), sloth).unwrap();
    fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    let ran = mettle(folder.path(), &["signals", "import", "sloth.yaml"]);
    let text = validated(&ran);
    assert!(text.contains("good: 'http_requests_total{job=\"checkout\",code!~\"5..\"}'"), "{text}");
    assert!(
        text.contains("objective: 0.999\n") && text.contains("margin: 0.05pp") && text.contains("tier: gate"),
        "{text}"
    );
    let ran = mettle(folder.path(), &["signals", "import", "sloth.yaml", "rules.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("not imported: rules.yaml:4  job:latency:p99  is a quantile without a bound"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("# - rules.yaml:4 job:latency:p99"), "{}", ran.stdout);
    fs::write(folder.path().join("other.yaml"), "kind: Deployment\napiVersion: apps/v1\n").unwrap();
    let ran = mettle(folder.path(), &["signals", "import", "other.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("other.yaml:1  apps/v1 Deployment is no document that is read here"), "{}", ran.stderr);
}
