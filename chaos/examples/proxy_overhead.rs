//! Added latency of an edge: round trips of 64 bytes straight to an echo server and through an edge, in turns.

use chaos::proxy::{Edge, EdgeName};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 20_000;

async fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn trip(stream: &mut TcpStream) -> std::io::Result<Duration> {
    let mut bytes = [7; 64];
    let start = Instant::now();
    stream.write_all(&bytes).await?;
    stream.read_exact(&mut bytes).await?;
    Ok(start.elapsed())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let edge = Edge::open(EdgeName::new("bench", "echo"), Some(addr))?;
    let (mut direct, mut through) = (connect(addr).await?, connect(edge.addr()).await?);
    let (mut direct_times, mut through_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct_times.push(trip(&mut direct).await?);
        through_times.push(trip(&mut through).await?);
    }
    direct_times.sort();
    through_times.sort();
    let (d, t) = (direct_times[ROUNDS / 2], through_times[ROUNDS / 2]);
    let (ratio, added) = (t.as_secs_f64() / d.as_secs_f64(), t.saturating_sub(d));
    println!("| proxy overhead p50 | direct {d:?} | edge {t:?} | ratio {ratio:.2} | added {added:?} (aim < 50us) |");
    edge.shutdown().await;
    echo.abort();
    Ok(())
}
