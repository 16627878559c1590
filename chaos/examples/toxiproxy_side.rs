//! Side by side with Toxiproxy itself: latency, throughput and memory of both on loopback, in turns, in one run.
//!
//! Both run as processes of their own and are set up through the same API. METTLE_TOXIPROXY_SERVER names the program
//! to compare with.

use chaos::toxiproxy::{Settings, Toxiproxy};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Round trips of a latency figure.
const TRIPS: usize = 10_000;
/// Round trips of a latency figure with a delay in it.
const SLOW_TRIPS: usize = 1_000;
/// Turns of a throughput figure, and the length of each.
const TURNS: usize = 5;
const TURN: Duration = Duration::from_millis(1_000);
/// Connections of the memory figure.
const CROWD: usize = 10_000;
/// Descriptors: two of a connection here, two in each proxy.
const DESCRIPTORS: u64 = 24_000;

/// One of the two, with a proxy to an echo and one to a sink.
struct Side {
    name: &'static str,
    child: Child,
    api: SocketAddr,
    echo: SocketAddr,
    sink: SocketAddr,
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Side {
    async fn ours() -> Outcome<(Child, SocketAddr)> {
        let mut child = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok((child, line.trim().parse()?))
    }

    async fn theirs(program: &str) -> Outcome<(Child, SocketAddr)> {
        let addr = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let port = addr.port().to_string();
        let mut quiet = Command::new(program);
        quiet.args(["-host", "127.0.0.1", "-port", &port]).env("LOG_LEVEL", "error").stdout(Stdio::null());
        let child = quiet.spawn()?;
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(addr).await.is_err() {
            if Instant::now() > end {
                return Err(format!("{program} does not listen on {addr}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok((child, addr))
    }

    async fn new(name: &'static str, (child, api): (Child, SocketAddr), targets: [SocketAddr; 2]) -> Outcome<Self> {
        let mut side = Self { name, child, api, echo: api, sink: api };
        side.echo = side.proxy("echo", targets[0]).await?;
        side.sink = side.proxy("sink", targets[1]).await?;
        Ok(side)
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(self.api).await?;
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).await?;
        let mut got = String::new();
        stream.read_to_string(&mut got).await?;
        if !got.starts_with("HTTP/1.1 20") {
            return Err(format!("{method} {path}: {got}").into());
        }
        Ok(got.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default())
    }

    async fn proxy(&self, name: &str, upstream: SocketAddr) -> Outcome<SocketAddr> {
        let body = format!(r#"{{"name":"{name}","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let made: serde_json::Value = serde_json::from_str(&self.call("POST", "/proxies", &body).await?)?;
        Ok(made["listen"].as_str().ok_or("no address")?.parse()?)
    }

    async fn toxic(&self, proxy: &str, kind: &str, stream: &str, attributes: &str) -> Outcome<()> {
        let body = format!(r#"{{"name":"t","type":"{kind}","stream":"{stream}","attributes":{attributes}}}"#);
        self.call("POST", &format!("/proxies/{proxy}/toxics"), &body).await.map(drop)
    }

    async fn well(&self, proxy: &str) -> Outcome<()> {
        self.call("DELETE", &format!("/proxies/{proxy}/toxics/t"), "").await.map(drop)
    }

    /// Resident memory in KiB.
    fn memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

async fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Listens, and gives every connection to `serve`.
async fn target<F: Future<Output = ()> + Send + 'static>(serve: fn(TcpStream) -> F) -> Outcome<SocketAddr> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener: TcpListener = socket.listen(4_096)?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(addr)
}

async fn echo(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut bytes = [0; 64];
    while stream.read_exact(&mut bytes).await.is_ok() && stream.write_all(&bytes).await.is_ok() {}
}

/// Tells how many bytes came, and when the last one did: not through the proxy, which may know no half-closed stream.
static ENDED: OnceLock<UnboundedSender<(u64, Instant)>> = OnceLock::new();

async fn sink(mut stream: TcpStream) {
    let (mut bytes, mut total) = (vec![0; 256 << 10], 0u64);
    while let Ok(read) = stream.read(&mut bytes).await {
        if read == 0 {
            break;
        }
        total += read as u64;
    }
    if let Some(ended) = ENDED.get() {
        let _ = ended.send((total, Instant::now()));
    }
}

async fn trip(stream: &mut TcpStream) -> Outcome<Duration> {
    let mut bytes = [7; 64];
    let start = Instant::now();
    stream.write_all(&bytes).await?;
    stream.read_exact(&mut bytes).await?;
    Ok(start.elapsed())
}

/// Nearest rank, in microseconds.
fn quantile(times: &mut [Duration], q: f64) -> f64 {
    times.sort();
    let rank = (q * times.len() as f64).ceil() as usize;
    times[rank.clamp(1, times.len()) - 1].as_secs_f64() * 1e6
}

/// Median and 99th percentile that each side adds to the direct way, in microseconds; the three take turns, and the
/// order of the turns changes.
async fn added(direct: SocketAddr, sides: &[Side; 2], trips: usize) -> Outcome<[[f64; 2]; 2]> {
    let mut streams = [connect(direct).await?, connect(sides[0].echo).await?, connect(sides[1].echo).await?];
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for n in 0..trips + 50 {
        for turn in 0..3 {
            let which = (n + turn * (1 + n % 2)) % 3;
            let took = trip(&mut streams[which]).await?;
            if n >= 50 {
                times[which].push(took);
            }
        }
    }
    let [mut base, mut ours, mut theirs] = times;
    let base = [quantile(&mut base, 0.5), quantile(&mut base, 0.99)];
    let over = |times: &mut Vec<Duration>| [quantile(times, 0.5) - base[0], quantile(times, 0.99) - base[1]];
    Ok([over(&mut ours), over(&mut theirs)])
}

/// Bytes per second of one turn, from the first byte until the receiver has all.
async fn pour(addr: SocketAddr, ended: &mut UnboundedReceiver<(u64, Instant)>) -> Outcome<f64> {
    let mut stream = connect(addr).await?;
    let bytes = vec![7; 256 << 10];
    let start = Instant::now();
    while start.elapsed() < TURN {
        stream.write_all(&bytes).await?;
    }
    stream.shutdown().await?;
    let (total, end) = ended.recv().await.ok_or("the sink is gone")?;
    Ok(total as f64 / (end - start).as_secs_f64())
}

/// Median rate of each side in MB/s, in turns.
async fn rates(sides: &[Side; 2], ended: &mut UnboundedReceiver<(u64, Instant)>) -> Outcome<[f64; 2]> {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (side, rates) in sides.iter().zip(&mut rates) {
            rates.push(pour(side.sink, ended).await? / 1e6);
        }
    }
    Ok(rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    }))
}

/// Connections that the limit of descriptors allows, with some to spare.
fn crowd_size() -> Outcome<usize> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(CROWD.min(usize::try_from(soft / 2)?.saturating_sub(100)))
}

/// KiB that the process holds more with the crowd connected than without: after a trip of each, then idle.
async fn crowd(side: &Side, size: usize) -> Outcome<u64> {
    let before = side.memory()?;
    let mut streams = Vec::new();
    for _ in 0..size {
        let mut stream = connect(side.echo).await?;
        trip(&mut stream).await?;
        streams.push(stream);
    }
    Ok(side.memory()?.saturating_sub(before))
}

fn row(what: &str, [ours, theirs]: [f64; 2], unit: &str, less_is_better: bool) {
    let ahead = if less_is_better { ours <= theirs } else { ours >= theirs };
    let word = if ahead { "ahead" } else { "BEHIND" };
    println!("| {what} | {ours:.1} {unit} | {theirs:.1} {unit} | {word} |");
}

async fn both(sides: &[Side; 2], proxy: &str, kind: &str, stream: &str, attributes: &str) -> Outcome<()> {
    for side in sides {
        side.toxic(proxy, kind, stream, attributes).await?;
    }
    Ok(())
}

async fn neither(sides: &[Side; 2], proxy: &str) -> Outcome<()> {
    for side in sides {
        side.well(proxy).await?;
    }
    Ok(())
}

/// A row in which the nearer to the aim is the better.
fn near(what: &str, [ours, theirs]: [f64; 2], aim: f64, unit: &str) {
    let word = if (ours - aim).abs() <= (theirs - aim).abs() { "ahead" } else { "BEHIND" };
    println!("| {what} | {ours:.2} {unit} | {theirs:.2} {unit} | {word} |");
}

async fn start(program: &str, targets: [SocketAddr; 2]) -> Outcome<[Side; 2]> {
    Ok([
        Side::new("mettle", Side::ours().await?, targets).await?,
        Side::new("toxiproxy", Side::theirs(program).await?, targets).await?,
    ])
}

async fn measure(program: &str) -> Outcome<()> {
    let (tell, mut ended) = tokio::sync::mpsc::unbounded_channel();
    ENDED.get_or_init(|| tell);
    let targets = [target(echo).await?, target(sink).await?];
    let sides = start(program, targets).await?;
    println!("| figure | {} | {} | |\n|---|---|---|---|", sides[0].name, sides[1].name);
    let [ours, theirs] = added(targets[0], &sides, TRIPS).await?;
    row("added latency p50", [ours[0], theirs[0]], "us", true);
    row("added latency p99", [ours[1], theirs[1]], "us", true);
    both(&sides, "echo", "latency", "downstream", r#"{"latency":20,"jitter":0}"#).await?;
    let [ours, theirs] = added(targets[0], &sides, SLOW_TRIPS).await?;
    near("latency of 20 ms, p50", [ours[0] / 1e3, theirs[0] / 1e3], 20.0, "ms");
    near("latency of 20 ms, p99", [ours[1] / 1e3, theirs[1] / 1e3], 20.0, "ms");
    neither(&sides, "echo").await?;
    row("throughput", rates(&sides, &mut ended).await?, "MB/s", false);
    both(&sides, "sink", "bandwidth", "upstream", r#"{"rate":50000}"#).await?;
    near("bandwidth of 50 MB/s", rates(&sides, &mut ended).await?, 50.0, "MB/s");
    neither(&sides, "sink").await?;
    both(&sides, "sink", "latency", "upstream", r#"{"latency":100,"jitter":0}"#).await?;
    row("throughput at a latency of 100 ms", rates(&sides, &mut ended).await?, "MB/s", false);
    neither(&sides, "sink").await?;
    // Fresh ones: what was freed after the figures above still counts as resident.
    drop(sides);
    let sides = start(program, targets).await?;
    let size = crowd_size()?;
    let mut held = [0.0, 0.0];
    for (held, side) in held.iter_mut().zip(&sides) {
        *held = crowd(side, size).await? as f64 / size as f64;
    }
    row(&format!("memory of {size} idle connections, each"), held, "KiB", true);
    Ok(())
}

async fn be_server() -> Outcome<()> {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), max_connections: 20_000, ..Settings::default() };
    let server = Toxiproxy::bind(settings).await?;
    println!("{}", server.addr());
    server.run(CancellationToken::new()).await;
    Ok(())
}

fn main() -> Outcome<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // Who may not go beyond the limit measures what fits below it.
    if setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, most.max(DESCRIPTORS)).is_err() {
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return runtime.block_on(be_server());
    }
    let Ok(program) = std::env::var("METTLE_TOXIPROXY_SERVER") else {
        println!("unavailable: toxiproxy: METTLE_TOXIPROXY_SERVER is not set");
        return Ok(());
    };
    runtime.block_on(measure(&program))
}
