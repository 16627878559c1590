//! What `mettle up` costs while it waits and while it soaks the shop: resident memory, and the answers of its gate.
//!
//! The limits beside the figures are the design's: an answer in under 100 ms (p99).
#![allow(clippy::unwrap_used)] // a measurement that cannot be made ends

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Questions that are asked, one after the other on one connection.
const QUESTIONS: usize = 2_000;
/// Time in which memory settles.
const SETTLE: Duration = Duration::from_secs(10);
/// Longest wait for a phase.
const LIMIT: Duration = Duration::from_secs(120);

fn mettle() -> Command {
    // Examples lie one folder below the programs.
    let programs = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(programs.join("mettle"));
    command.env("PATH", format!("{}:{path}", programs.display())).stdout(Stdio::null());
    command
}

struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn git(repository: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(repository).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn resident_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

async fn ask(url: &str) -> Vec<f64> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut times = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let start = Instant::now();
        client.get(url).send().await.unwrap().bytes().await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    assert!(mettle().args(["demo", "--init-only", "--dir"]).arg(&dir).status().unwrap().success());
    // Without its tag there is nothing to soak.
    let shop = dir.join("repos/shop.git");
    let tag = git(&shop, &["rev-parse", "refs/tags/v1.0.0"]);
    git(&shop, &["update-ref", "-d", "refs/tags/v1.0.0"]);
    let said = folder.path().join("said");
    let log = std::fs::File::create(&said).unwrap();
    let up = mettle().args(["up", "--listen", "127.0.0.1:0", "--dir"]).arg(&dir).stderr(log).spawn().unwrap();
    let up = Up(up);
    let words = || std::fs::read_to_string(&said).unwrap_or_default();
    until("the gate answers", || words().contains("the gate answers on"));
    std::thread::sleep(SETTLE);
    println!("resident memory of `mettle up`, idle        {:6.1} MB", resident_mb(up.0.id()));

    git(&shop, &["update-ref", "refs/tags/v1.0.0", &tag]);
    until("the steady phase", || words().contains("steady"));
    let base = words().lines().find_map(|l| l.split("answers on ").nth(1).map(str::to_owned)).unwrap();
    let url = format!("{base}/v1/gates/release/check?product=shop&tag=v1.0.0&landscape=staging");
    std::thread::sleep(SETTLE);
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let times = runtime.block_on(ask(&url));
    let rate = QUESTIONS as f64 / start.elapsed().as_secs_f64();
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    println!("resident memory of `mettle up`, soaking     {:6.1} MB", resident_mb(up.0.id()));
    println!(
        "gate while a soak runs, one connection      {rate:6.0} answers/s, p50 {:.2} ms, p99 {:.2} ms (limit 100 ms)",
        at(0.5),
        at(0.99)
    );
}
