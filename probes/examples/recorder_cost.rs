//! Processor time of the recorder for 5,000 series a second, as a share of one core.
//!
//! The target answers from a thread of its own with moving counters; only the recorder's runtime thread is counted.

use probes::clock::RunClock;
use probes::metrics::{Recorder, RecorderConfig, Registry, Target};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const SERIES: usize = 5_000;
const SECONDS: u64 = 10;

/// Answers scrapes on one kept-alive connection until it is closed.
fn serve(mut stream: TcpStream) {
    let mut scrape = 0_u64;
    let mut request = [0; 4096];
    while stream.read(&mut request).is_ok_and(|read| read > 0) {
        scrape += 1;
        let mut body = String::new();
        for index in 0..SERIES {
            let value = scrape * (index as u64 % 97);
            let (route, code) = (index / 5, 200 + index % 5);
            let _ = writeln!(
                body,
                "http_requests_total{{component=\"shop\",route=\"/r/{route}\",code=\"{code}\"}} {value}"
            );
        }
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

/// Processor seconds of the calling thread.
fn thread_cpu_s() -> Option<f64> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?;
    Some(time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/metrics", listener.local_addr()?).parse()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (cpu_s, samples, bytes) = runtime.block_on(async move {
        let config = RecorderConfig::every(Duration::from_secs(1), RunClock::start_now());
        let recorder = Recorder::start(config, Registry::new());
        recorder.set_target("shop", Some(Target { metrics: Some(url), pids: vec![std::process::id()] }));
        let before = thread_cpu_s();
        tokio::time::sleep(Duration::from_secs(SECONDS)).await;
        let after = thread_cpu_s();
        let bytes = recorder.size().1;
        let recording = recorder.stop().await?;
        let samples: usize = recording.series.iter().map(|series| series.values.len()).sum();
        let spent = before.zip(after).map(|(before, after)| after - before).ok_or("no thread clock")?;
        Ok::<_, Box<dyn std::error::Error>>((spent, samples, bytes))
    })?;
    println!("series            {SERIES}");
    println!("samples           {samples}");
    println!("share of a core   {:.2} %", 100.0 * cpu_s / SECONDS as f64);
    println!("value bytes       {:.2} per sample", bytes as f64 / samples as f64);
    Ok(())
}
