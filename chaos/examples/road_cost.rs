//! What a road costs while it loses nothing: round trips of 64 bytes, and a stream, straight to a target, through an edge,
//! and through an edge over a road; in turns. Its fault is one that a packet in a million million meets.

use chaos::act::Hold;
use chaos::holder::{self, Order, RENEW};
use chaos::lease::{FaultId, Lease};
use chaos::proxy::{Direction, Edge, EdgeFault, EdgeName, Share};
use chaos::road::{PacketEffect, PacketFault, Road, address};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MARK: (&str, &str) = ("METTLE_LANDSCAPE", "bench");
const ROUNDS: usize = 5_000;
const STREAM: usize = 64 << 20;
/// A lease for the whole bench would be refused by nobody; one that is renewed is what a fault has.
const RENEW_EVERY: Duration = Duration::from_secs(1);

type Failed = Box<dyn std::error::Error>;

fn lay(fault: PacketFault, id: &FaultId) -> Result<(Child, ChildStdin), Failed> {
    let mut child = Command::new(std::env::current_exe()?.with_file_name("../chaos-actor"))
        .arg(holder::SUBCOMMAND)
        .env(holder::MARK, id.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("it has a stdin")?;
    let order = Order::of_edges(Hold::Packets(fault), format!("{}={}", MARK.0, MARK.1), 7);
    writeln!(stdin, "{}", serde_json::to_string(&order)?)?;
    let mut said = String::new();
    BufReader::new(child.stdout.take().ok_or("it has a stdout")?).read_line(&mut said)?;
    if said.trim() == "in" { Ok((child, stdin)) } else { Err(said.into()) }
}

async fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Microseconds of round trips, sorted.
async fn trips(stream: &mut TcpStream) -> std::io::Result<Vec<f64>> {
    let (mut bytes, mut times) = ([7; 64], Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        stream.write_all(&bytes).await?;
        stream.read_exact(&mut bytes).await?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// MiB per second that come back.
async fn rate(stream: &mut TcpStream) -> std::io::Result<f64> {
    let (mut read, mut write) = stream.split();
    let start = Instant::now();
    let send = async {
        for _ in 0..STREAM >> 16 {
            write.write_all(&[7; 1 << 16]).await?;
        }
        Ok(())
    };
    let receive = async {
        let (mut left, mut buffer) = (STREAM, vec![0; 1 << 16]);
        while left > 0 {
            left -= read.read(&mut buffer).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    tokio::try_join!(send, receive)?;
    Ok(STREAM as f64 / f64::from(1 << 20) / start.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let echo = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    let plain = Edge::open(EdgeName::new("bench", "echo"), Some(addr))?;
    let over = Edge::open(EdgeName::new("bench", "far"), Some(addr))?;
    let effect = PacketEffect::Loss { share: Share::try_new(1e-12)?, burst: None };
    let fault = PacketFault { effect, direction: Direction::Both };
    let id = FaultId::new("bench", "road");
    let (mut child, mut stdin) = lay(fault, &id)?;
    let road = Road::find(&address(id.as_str(), &format!("{}={}", MARK.0, MARK.1)), child.id())?;
    over.inject(&Lease::grant(id.clone()), EdgeFault::Packets { fault, over: Some(road) }, 7)?;
    let measured = async {
        let ways = [("straight", addr), ("edge", plain.addr()), ("edge over a road", over.addr())];
        let mut straight = None;
        for (name, addr) in ways {
            let mut stream = connect(addr).await?;
            let (times, rate) = (trips(&mut stream).await?, rate(&mut stream).await?);
            let (p50, p99) = (times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
            let (trip, most) = *straight.get_or_insert((p50, rate));
            println!(
                "| road cost | {name} | round trip p50 {p50:.0} us (x {:.2}), p99 {p99:.0} us | {rate:.0} MiB/s (x {:.2}) |",
                p50 / trip,
                rate / most
            );
        }
        Ok::<_, Failed>(())
    };
    let renewed = async {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if stdin.write_all(&[RENEW]).is_err() {
                return;
            }
            over.renew(&id);
        }
    };
    tokio::select! {
        done = measured => done?,
        () = renewed => return Err("the road ended".into()),
    }
    over.remove(&id);
    drop(stdin);
    child.wait()?;
    tokio::join!(plain.shutdown(), over.shutdown());
    echo.abort();
    Ok(())
}
