//! The freeze test: 1,000 requests a second for 10 s against a server that stops answering for one second.
//!
//! A tenth of the requests is intended within the freeze and waits for its rest, evenly from 1 s down to 0: the true
//! p95 is 500 ms and the true p99 is 900 ms. A generator that waits for answers before it goes on hides this.

use probes::load::{Engine, Load, Targets};
use probes::metrics::Registry;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(10);
const FREEZE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(5));
const TRUTH_MS: (f64, f64) = (500.0, 900.0);

/// Answers on one connection; what is read while frozen waits for the thaw.
fn serve(mut stream: TcpStream, origin: Instant) {
    let mut request = [0; 4096];
    while stream.read(&mut request).is_ok_and(|read| read > 0) {
        if (FREEZE.0..FREEZE.1).contains(&origin.elapsed()) {
            std::thread::sleep(FREEZE.1.saturating_sub(origin.elapsed()));
        }
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let targets = Targets::from([("web".to_owned(), listener.local_addr()?)]);
    let origin = Instant::now();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, origin));
        }
    });
    let load: Load = serde_json::from_value(serde_json::json!({
        "rate": "1000/s", "requests": [{"name": "get", "component": "web", "path": "/"}],
    }))?;
    let engine = Engine::start("freeze", &load, None, &targets, &Registry::new())?;
    tokio::time::sleep(LENGTH).await;
    let report = engine.stop().await?;
    let off = |measured: f64, truth: f64| 100.0 * (measured - truth).abs() / truth;
    println!("load_freeze_p95 {:.1} ms", report.response.p95_ms);
    println!("load_freeze_p95_deviation {:.2} %", off(report.response.p95_ms, TRUTH_MS.0));
    println!("load_freeze_p99 {:.1} ms", report.response.p99_ms);
    println!("load_freeze_p99_deviation {:.2} %", off(report.response.p99_ms, TRUTH_MS.1));
    Ok(())
}
