//! What the recorder costs with 5,000 series: its share of a core at a scrape a second, and its memory after 20
//! minutes of scrapes.
//!
//! The target is a process of its own (`recorder_cost serve`), whose service moves by a second from scrape to scrape. Those
//! minutes pass faster: what a sample takes does not depend on the time between.

mod service;

use nix::time::{ClockId, clock_gettime};
use probes::clock::RunClock;
use probes::metrics::exposition::Format;
use probes::metrics::selection::Selection;
use probes::metrics::{Recorder, RecorderConfig, Registry, Target};
use service::{SERIES, Service};
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Scrapes of the share of a core, one a second.
const SHARE_SCRAPES: usize = 20;

/// Scrapes of the memory: 20 minutes at one a second.
const MEMORY_SCRAPES: usize = 1_200;

/// Time between those; enough for a busy machine to answer and read each of them.
const FAST: Duration = Duration::from_millis(100);

/// Declared limits.
const MOST_SHARE: f64 = 0.25;
const MOST_BYTES: f64 = 2.0;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if std::env::args().nth(1).is_some_and(|part| part == "serve") {
        return serve();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("series              {SERIES}");
    // First, while nothing was given back that could be used again unseen.
    runtime.block_on(memory())?;
    runtime.block_on(share())
}

/// The target: a line with its address, then one as soon as an answer is sent.
struct Shop {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Shop {
    /// Starts it, and a recorder that scrapes it.
    async fn recorded(interval: Duration) -> Outcome<(Shop, Recorder)> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program).arg("serve").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut shop = Shop { _process: process, lines };
        let url = format!("http://{}/metrics", shop.line().await?).parse()?;
        let recorder = Recorder::start(RecorderConfig::every(interval, RunClock::start_now()), Registry::new());
        recorder.set_target("shop", Some(Target { metrics: Some(url), pids: vec![std::process::id()] }));
        Ok((shop, recorder))
    }

    async fn line(&mut self) -> Outcome<String> {
        Ok(self.lines.next_line().await?.ok_or("the target ended early")?)
    }

    /// Waits until so many answers were sent and read.
    async fn answered(&mut self, count: usize) -> Outcome<()> {
        // An answer was read when the next one is asked for.
        for _ in 0..=count {
            self.line().await?;
        }
        Ok(())
    }
}

/// Processor time at a scrape a second.
async fn share() -> Outcome<()> {
    let (began, cpu_before) = (Instant::now(), thread_cpu_s()?);
    let (mut shop, recorder) = Shop::recorded(Duration::from_secs(1)).await?;
    shop.answered(SHARE_SCRAPES).await?;
    let share = (thread_cpu_s()? - cpu_before) / began.elapsed().as_secs_f64();
    recorder.stop().await?;
    println!("share of a core     {:.2} % (limit {:.0} %)", share * 100.0, MOST_SHARE * 100.0);
    Ok(())
}

/// Bytes after 20 minutes: of the columns, and of the whole process above what it had before.
async fn memory() -> Outcome<()> {
    let before = resident()?;
    let (mut shop, recorder) = Shop::recorded(FAST).await?;
    shop.answered(MEMORY_SCRAPES).await?;
    let grown = resident()?.saturating_sub(before) as f64;
    let (_, held) = recorder.size();
    let all = |name| recorder.select(&Selection::named(name)).into_iter().flat_map(|series| series.values);
    let samples: f64 = all("scrape_samples_scraped").sum();
    let failed = all("up").filter(|up| *up == 0.0).count();
    let dropped = recorder.events().into_iter().find(|event| event.kind == "series_cap");
    recorder.stop().await?;
    assert!(dropped.is_none(), "{dropped:?}");
    // Marks of absence take room and are no samples.
    if failed > MEMORY_SCRAPES / 100 {
        return Err(
            format!("{failed} of {MEMORY_SCRAPES} scrapes failed: this machine is too busy to measure memory").into()
        );
    }
    let held = held as f64;
    println!("samples             {samples} of {MEMORY_SCRAPES} scrapes; {failed} failed");
    println!("columns             {:.2} bytes a sample (limit {MOST_BYTES})", held / samples);
    println!("whole process       {:.2} bytes a sample", grown / samples);
    println!("beside the columns  {:.1} kB a series", (grown - held) / SERIES as f64 / 1e3);
    Ok(())
}

/// Answers scrapes, on one kept-alive connection after the other, until it is killed.
fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let mut service = Service::new();
    for stream in listener.incoming().flatten() {
        // A recorder that hung up comes back with a new connection.
        let _ = answer(stream, &mut service);
    }
    Ok(())
}

fn answer(mut stream: TcpStream, service: &mut Service) -> Outcome<()> {
    let mut request = [0; 4096];
    loop {
        // Before it is asked for, so that the time of a scrape is the recorder's.
        service.tick();
        let body = service.text(Format::Prometheus);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.read(&mut request)? == 0 {
            return Ok(());
        }
        stream.write_all(answer.as_bytes())?;
        println!("answered");
    }
}

/// Processor seconds of this thread.
fn thread_cpu_s() -> Outcome<f64> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?).as_secs_f64())
}

/// Resident memory of this process without its program, in bytes.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
}
