//! The load engine at 20,000 requests a second, and the highest rate at which it is still valid.
//!
//! The server answers from a thread of its own; the engine's thread alone is what `cpu_share` counts.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use probes::load::{Engine, Load, LoadReport, Targets};
use probes::metrics::Registry;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

const RATES: [u32; 5] = [10_000, 15_000, 20_000, 25_000, 30_000];
const SHOWN: u32 = 20_000;
const LENGTH: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Answers every request with two bytes until the process ends.
fn serve(listener: std::net::TcpListener) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = |_: hyper::Request<Incoming>| async {
                Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from_static(b"ok"))))
            };
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    })
}

async fn run(rate: u32, address: SocketAddr) -> Result<LoadReport, Failure> {
    let document = serde_json::json!({
        "rate": format!("{rate}/s"), "requests": [{"name": "get", "component": "web", "path": "/"}],
    });
    let load: Load = serde_json::from_value(document)?;
    let targets = Targets::from([("web".to_owned(), address)]);
    let engine = Engine::start("bench", &load, None, &targets, &Registry::new())?;
    tokio::time::sleep(LENGTH).await;
    Ok(engine.stop().await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || serve(listener));
    let mut highest = 0;
    for rate in RATES {
        let report = run(rate, address).await?;
        eprintln!("{rate}/s: {:?}", report.validity);
        if report.is_valid() && report.achieved_per_s >= 0.99 * f64::from(rate) {
            highest = highest.max(rate);
        }
        if rate == SHOWN {
            println!("load_rate_achieved {:.0} requests/s", report.achieved_per_s);
            println!("load_rate_lag_p99 {:.3} ms", report.lag_p99_ms);
            println!("load_rate_cpu {:.1} %", report.cpu_share * 100.0);
            println!("load_rate_response_p99 {:.3} ms", report.response.p99_ms);
        }
    }
    println!("load_rate_highest_valid {highest} requests/s");
    Ok(())
}
