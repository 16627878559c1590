//! Whatever mixture of faults that only slow things down: nothing is lost, repeated or put in another order.

use crate::stage::within;
use crate::wired::{Wired, pattern};
use chaos::proxy::{Bottleneck, Direction, EdgeFault, PartitionMode};
use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BYTES: usize = 60_000;

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::To), Just(Direction::From), Just(Direction::Both)]
}

fn slow_fault() -> impl Strategy<Value = EdgeFault> {
    let micros = (0..8_000u64).prop_map(Duration::from_micros);
    let delay = (micros.clone(), 0..100u32, direction()).prop_map(|(delay, percent, direction)| EdgeFault::Delay {
        delay,
        jitter: delay * percent / 100,
        direction,
    });
    let per = prop_oneof![Just(Bottleneck::Edge), Just(Bottleneck::Connection)];
    let bandwidth = (500_000..20_000_000u64, per, direction())
        .prop_map(|(bytes_per_second, per, direction)| EdgeFault::Bandwidth { bytes_per_second, per, direction });
    let slice = (200..9_000u32, 0..200u32, 0..40u64, direction()).prop_map(|(average, variation, us, direction)| {
        let average = NonZeroU32::new(average).expect("at least 200");
        EdgeFault::Slice { average, variation, delay: Duration::from_micros(us), direction }
    });
    let slow_close = (micros, direction()).prop_map(|(delay, direction)| EdgeFault::SlowClose { delay, direction });
    let drop = direction().prop_map(|direction| EdgeFault::Partition { mode: PartitionMode::Drop, direction });
    prop_oneof![delay, bandwidth, slice, slow_close, drop]
}

/// Sends the pattern in chunks of these lengths, in turns, and ends the stream.
async fn send(mut stream: tokio::net::tcp::OwnedWriteHalf, chunks: &[usize]) {
    let bytes = pattern(BYTES);
    let (mut at, mut turn) = (0, 0);
    while at < bytes.len() {
        let end = (at + chunks[turn % chunks.len()]).min(bytes.len());
        stream.write_all(&bytes[at..end]).await.unwrap();
        tokio::task::yield_now().await;
        (at, turn) = (end, turn + 1);
    }
    stream.shutdown().await.unwrap();
}

async fn receive(mut stream: tokio::net::tcp::OwnedReadHalf) -> Vec<u8> {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    got
}

async fn both_ways(caller: TcpStream, target: TcpStream, chunks: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let (caller_read, caller_write) = caller.into_split();
    let (target_read, target_write) = target.into_split();
    let (_, _, to, from) = tokio::join!(
        send(caller_write, chunks),
        send(target_write, chunks),
        receive(target_read),
        receive(caller_read)
    );
    (to, from)
}

async fn passes_whole(faults: Vec<(EdgeFault, u64)>, chunks: Vec<usize>) {
    let wired = Wired::new().await;
    let (caller, target) = wired.connect().await;
    // Each fault comes when so many bytes have passed, and goes when as many more have, or nothing moves any more.
    let meddle = async {
        for (n, (fault, after)) in faults.into_iter().enumerate() {
            wait_for_bytes(&wired, after).await;
            let id = wired.inject(&n.to_string(), fault);
            wait_for_bytes(&wired, after).await;
            if n % 3 > 0 {
                wired.remove(&id);
            }
        }
        for entry in wired.edge.entries() {
            if matches!(entry.fault, EdgeFault::Partition { .. }) {
                wired.edge.remove(&entry.id);
            }
        }
    };
    let ((to, from), ()) = within(async { tokio::join!(both_ways(caller, target, &chunks), meddle) }).await;
    assert!(to == pattern(BYTES) && from == pattern(BYTES), "{} to, {} from", to.len(), from.len());
}

/// Returns when `more` bytes have passed, or when it has asked 200 times: faults may hold everything.
async fn wait_for_bytes(wired: &Wired, more: u64) {
    let passed = || wired.edge.stats().bytes_to + wired.edge.stats().bytes_from;
    let start = passed();
    for _ in 0..200 {
        if passed() >= start + more {
            return;
        }
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn slow_faults_keep_every_byte(
        faults in prop::collection::vec((slow_fault(), 0..30_000u64), 0..6),
        chunks in prop::collection::vec(1..9_000usize, 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(passes_whole(faults, chunks));
    }
}
