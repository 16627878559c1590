//! Faults on the streams of an edge, seen from both of its ends.

use crate::stage::{until, within};
use crate::wired::{Wired, crosses, is_reset, pattern, rest};
use chaos::lease::{FaultId, Lease};
use chaos::proxy::{Bottleneck, Change, Direction, Dose, EdgeFault, PartitionMode, Share};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn bandwidth(bytes_per_second: u64, per: Bottleneck) -> EdgeFault {
    EdgeFault::Bandwidth { bytes_per_second, per, direction: Direction::To }
}

fn partition(mode: PartitionMode, direction: Direction) -> EdgeFault {
    EdgeFault::Partition { mode, direction }
}

fn slice(average: u32, variation: u32, delay: Duration) -> EdgeFault {
    let average = NonZeroU32::new(average).unwrap();
    EdgeFault::Slice { average, variation, delay, direction: Direction::To }
}

#[tokio::test]
async fn a_rate_is_never_exceeded_and_loses_nothing() {
    for (per, rate) in [(Bottleneck::Edge, 1_000_000), (Bottleneck::Connection, 500_000)] {
        let wired = Wired::new().await;
        wired.inject("slow", bandwidth(rate, per));
        let (mut a, mut a_target) = wired.connect().await;
        let (mut b, mut b_target) = wired.connect().await;
        let bytes = pattern(300_000);
        let start = Instant::now();
        tokio::join!(crosses(&mut a, &mut a_target, &bytes), crosses(&mut b, &mut b_target, &bytes));
        let least = 0.98 * 0.6; // 600 kB through 1 MB/s, or 300 kB through 500 kB/s each
        assert!(start.elapsed().as_secs_f64() >= least, "{per:?}: too fast, {:?}", start.elapsed());
        // The other way is not concerned.
        crosses(&mut a_target, &mut a, &pattern(2_000_000)).await;
    }
}

#[tokio::test]
async fn a_changed_rate_holds_at_once_and_zero_holds_everything() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let id = wired.inject("stop", bandwidth(0, Bottleneck::Edge));
    let bytes = pattern(100_000);
    caller.write_all(&bytes).await.unwrap();
    crosses(&mut target, &mut caller, b"the other way goes").await;
    assert_eq!(wired.edge.stats().bytes_to, 0);
    let dose = |rate| Dose { fault: bandwidth(rate, Bottleneck::Edge), seed: 7, connections: Share::ALL };
    assert_eq!(wired.edge.set_dose(&id, dose(10_000_000)), Change::Changed);
    let mut got = vec![0; bytes.len()];
    within(target.read_exact(&mut got)).await.unwrap();
    assert!(got == bytes);
    wired.remove(&id);
    assert_eq!(wired.edge.set_dose(&id, dose(1)), Change::Gone);
}

#[tokio::test]
async fn a_dropping_partition_goes_on_without_a_hole() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let id = wired.inject("cut", partition(PartitionMode::Drop, Direction::To));
    // Far more than every buffer on the way: the sender must wait, and nothing may be lost.
    let bytes = pattern(40_000_000);
    let sending = bytes.clone();
    let sender = tokio::spawn(async move {
        caller.write_all(&sending).await.unwrap();
        caller
    });
    target.write_all(b"one way alone").await.unwrap();
    until(|| wired.edge.stats().bytes_from == 13).await;
    assert_eq!(wired.edge.stats().bytes_to, 0);
    assert!(!sender.is_finished());
    assert_eq!(wired.remove(&id).hits, 1);
    let mut got = vec![0; bytes.len()];
    within(target.read_exact(&mut got)).await.unwrap();
    assert!(got == bytes);
    let mut caller = sender.await.unwrap();
    caller.shutdown().await.unwrap();
    assert!(rest(&mut target).await.is_empty());
}

#[tokio::test]
async fn new_connections_hang_in_a_dropping_partition_and_those_that_give_up_never_arrive() {
    let wired = Wired::new().await;
    let id = wired.inject("cut", partition(PartitionMode::Drop, Direction::From));
    let mut gives_up = TcpStream::connect(wired.edge.addr()).await.unwrap();
    gives_up.write_all(b"gone").await.unwrap();
    until(|| wired.stats(&id).hits == 1).await;
    drop(gives_up);
    until(|| wired.edge.stats().active == 0).await;
    let mut waits = TcpStream::connect(wired.edge.addr()).await.unwrap();
    waits.write_all(b"still ").await.unwrap();
    until(|| wired.stats(&id).hits == 2).await;
    wired.remove(&id);
    let (mut target, _) = wired.target.accept().await.unwrap();
    waits.write_all(b"here").await.unwrap();
    waits.shutdown().await.unwrap();
    assert_eq!(rest(&mut target).await, b"still here");
}

#[tokio::test]
async fn a_partition_whose_executor_died_ends_by_itself() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    wired.inject("cut", partition(PartitionMode::Drop, Direction::Both));
    crosses(&mut caller, &mut target, b"late").await;
    assert!(wired.edge.entries().is_empty());
}

#[tokio::test]
async fn a_rejecting_partition_resets_what_is_open_and_what_comes() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let id = wired.inject("cut", partition(PartitionMode::Reject, Direction::Both));
    is_reset(&mut caller).await;
    is_reset(&mut target).await;
    is_reset(&mut TcpStream::connect(wired.edge.addr()).await.unwrap()).await;
    assert_eq!(wired.remove(&id).hits, 2);
    let (mut caller, mut target) = wired.connect().await;
    crosses(&mut caller, &mut target, b"back").await;
}

#[tokio::test]
async fn a_half_open_connection_is_dead_on_one_side_only() {
    for direction in [Direction::To, Direction::From, Direction::Both] {
        let wired = Wired::new().await;
        let (mut caller, mut target) = wired.connect().await;
        let id = wired.inject("half", partition(PartitionMode::HalfOpen, direction));
        until(|| wired.stats(&id).hits == 1).await;
        let (dead, believes) =
            if direction == Direction::From { (&mut caller, &mut target) } else { (&mut target, &mut caller) };
        if direction == Direction::Both {
            dead.write_all(&pattern(1_000_000)).await.unwrap();
        } else {
            is_reset(dead).await;
        }
        // It can send as much as it likes, and hears nothing.
        believes.write_all(&pattern(20_000_000)).await.unwrap();
        assert_eq!(wired.edge.stats().active, 1);
        wired.remove(&id);
        is_reset(believes).await;
        if direction == Direction::Both {
            is_reset(dead).await;
        }
    }
}

#[tokio::test]
async fn the_end_comes_late_and_the_bytes_do_not() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let id = wired.inject("slow", EdgeFault::SlowClose { delay: ms(150), direction: Direction::To });
    let start = Instant::now();
    crosses(&mut caller, &mut target, b"now").await;
    caller.shutdown().await.unwrap();
    assert!(rest(&mut target).await.is_empty());
    assert!(start.elapsed() >= ms(149), "the end came after {:?}", start.elapsed());
    assert_eq!(wired.remove(&id).hits, 1);
    // An end that is held goes as soon as nothing holds it.
    let (mut caller, mut target) = wired.connect().await;
    let id =
        wired.inject("never", EdgeFault::SlowClose { delay: Duration::from_secs(3_600), direction: Direction::To });
    caller.shutdown().await.unwrap();
    until(|| wired.stats(&id).hits == 1).await;
    wired.remove(&id);
    assert!(rest(&mut target).await.is_empty());
}

#[tokio::test]
async fn connections_beyond_the_cap_are_reset() {
    let wired = Wired::new().await;
    let open = wired.connect().await;
    let id = wired.inject("cap", EdgeFault::LimitConnections { max: 2 });
    let second = wired.connect().await;
    is_reset(&mut TcpStream::connect(wired.edge.addr()).await.unwrap()).await;
    drop(open);
    until(|| wired.edge.stats().active == 1).await;
    let (mut caller, mut target) = wired.connect().await;
    crosses(&mut caller, &mut target, b"room again").await;
    drop(second);
    let stats = wired.remove(&id);
    assert_eq!((stats.seen, stats.hits), (3, 1));
}

#[tokio::test]
async fn a_connection_is_closed_after_its_bytes() {
    let wired = Wired::new().await;
    let id = wired.inject("limit", EdgeFault::LimitData { bytes: 100_000, direction: Direction::From });
    for _ in 0..2 {
        let (mut caller, mut target) = wired.connect().await;
        let sender = tokio::spawn(async move {
            let bytes = pattern(300_000);
            // The connection ends in the midst of it.
            let _ = target.write_all(&bytes).await;
            target
        });
        assert!(rest(&mut caller).await == pattern(300_000)[..100_000]);
        drop(sender.await.unwrap());
    }
    assert_eq!(wired.edge.stats().closes_injected, 2);
    assert_eq!(wired.remove(&id).hits, 2);
}

#[tokio::test]
async fn a_timeout_swallows_and_closes() {
    let wired = Wired::new().await;
    let timeout = |after| EdgeFault::Timeout { after, direction: Direction::To };
    let (mut caller, mut target) = wired.connect().await;
    let start = Instant::now();
    let id = wired.inject("timeout", timeout(ms(200)));
    until(|| wired.stats(&id).hits == 1).await;
    caller.write_all(b"lost").await.unwrap();
    crosses(&mut target, &mut caller, b"the other way goes").await;
    assert!(rest(&mut target).await.is_empty() && rest(&mut caller).await.is_empty());
    assert!(start.elapsed() >= ms(199));
    wired.remove(&id);
    // Without a time limit it ends with the fault, or with the stream.
    let id = wired.inject("never", timeout(Duration::ZERO));
    let (mut ends, mut ends_target) = wired.connect().await;
    ends.shutdown().await.unwrap();
    assert!(rest(&mut ends_target).await.is_empty() && rest(&mut ends).await.is_empty());
    let (mut caller, mut target) = wired.connect().await;
    caller.write_all(b"lost").await.unwrap();
    until(|| wired.edge.stats().read_to == 8).await;
    wired.remove(&id);
    assert!(rest(&mut target).await.is_empty() && rest(&mut caller).await.is_empty());
}

#[tokio::test]
async fn the_first_bytes_start_the_clock_of_a_reset() {
    let wired = Wired::new().await;
    let id = wired.inject("peer", EdgeFault::ResetAfter { after: ms(100), direction: Direction::To });
    let (mut caller, mut target) = wired.connect().await;
    crosses(&mut target, &mut caller, b"the other way goes").await;
    let start = Instant::now();
    caller.write_all(b"lost").await.unwrap();
    is_reset(&mut caller).await;
    is_reset(&mut target).await;
    assert!(start.elapsed() >= ms(99));
    let stats = wired.remove(&id);
    assert_eq!((stats.seen, stats.hits), (1, 1));
}

#[tokio::test]
async fn slices_arrive_piece_by_piece() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let id = wired.inject("slice", slice(100, 20, ms(2)));
    let bytes = pattern(5_000);
    let start = Instant::now();
    crosses(&mut caller, &mut target, &bytes).await;
    // At least 5,000 / 120 pieces, with a rest of 2 ms before each but the first of every chunk.
    assert!(start.elapsed() >= ms(60), "{:?}", start.elapsed());
    assert!(wired.remove(&id).hits >= 1);
    crosses(&mut caller, &mut target, &pattern(1_000_000)).await;
}

#[tokio::test]
async fn one_bit_flips_in_every_hit_chunk_and_the_seed_decides_which() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let wired = Wired::new().await;
        let (mut caller, mut target) = wired.connect().await;
        let share = Share::try_new(0.3).unwrap();
        let id = wired.inject("flip", EdgeFault::Corrupt { share, direction: Direction::To });
        let bytes = pattern(64);
        let mut flipped = Vec::new();
        for n in 0..60 {
            let mut got = vec![0; bytes.len()];
            caller.write_all(&bytes).await.unwrap();
            within(target.read_exact(&mut got)).await.unwrap();
            let bits: u32 = got.iter().zip(&bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert!(bits <= 1, "{bits} bits");
            if bits == 1 {
                flipped.push((n, got));
            }
        }
        let stats = wired.remove(&id);
        assert_eq!((stats.seen, stats.hits), (60, flipped.len() as u64));
        assert!(!flipped.is_empty() && flipped.len() < 60);
        runs.push(flipped);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_share_of_the_connections_is_drawn_by_seed_and_order() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let wired = Wired::new().await;
        let fault = partition(PartitionMode::Reject, Direction::Both);
        let dose = Dose { fault, seed: 11, connections: Share::try_new(0.5).unwrap() };
        wired.edge.inject_dose(&Lease::grant(FaultId::new("r", "some")), dose).unwrap();
        let mut hit = Vec::new();
        for _ in 0..40 {
            let mut caller = TcpStream::connect(wired.edge.addr()).await.unwrap();
            let through = tokio::select! {
                accepted = wired.target.accept() => Some(accepted.unwrap().0),
                () = is_reset(&mut caller) => None,
            };
            hit.push(through.is_none());
        }
        assert!(hit.contains(&true) && hit.contains(&false));
        runs.push(hit);
    }
    assert_eq!(runs[0], runs[1]);
}

fn cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

#[tokio::test]
async fn what_waits_for_its_rate_costs_no_processor_time() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    wired.inject("slow", bandwidth(20_000, Bottleneck::Edge));
    // Far more than passes: bytes wait in the line behind those that wait for their rate.
    caller.write_all(&pattern(200_000)).await.unwrap();
    caller.write_all(&pattern(200_000)).await.unwrap();
    let (start, before) = (Instant::now(), cpu_time());
    within(target.read_exact(&mut vec![0; 20_000])).await.unwrap();
    let share = (cpu_time() - before).as_secs_f64() / start.elapsed().as_secs_f64();
    assert!(share < 0.3, "{share} of a processor while waiting");
}

#[tokio::test]
async fn bytes_go_when_the_fault_that_held_them_goes_also_beside_another() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let delay = |by| EdgeFault::Delay { delay: by, jitter: Duration::ZERO, direction: Direction::To };
    let long = wired.inject("long", delay(ms(600_000)));
    wired.inject("short", delay(ms(1)));
    caller.write_all(b"held").await.unwrap();
    until(|| wired.edge.stats().read_to == 4).await;
    wired.edge.remove(&long);
    within(target.read_exact(&mut [0; 4])).await.unwrap();
    let slow = wired.inject("slow", delay(ms(600_000)));
    caller.write_all(b"more").await.unwrap();
    until(|| wired.edge.stats().read_to == 8).await;
    let dose = Dose { fault: delay(ms(1)), seed: 7, connections: Share::ALL };
    assert_eq!(wired.edge.set_dose(&slow, dose), Change::Changed);
    within(target.read_exact(&mut [0; 4])).await.unwrap();
}

#[tokio::test]
async fn tiny_pieces_that_wait_count_for_more_than_their_bytes() {
    let wired = Wired::new().await;
    let (mut caller, mut target) = wired.connect().await;
    let slices = wired.inject("slice", slice(1, 0, Duration::ZERO));
    let (direction, jitter) = (Direction::To, Duration::ZERO);
    let delay = wired.inject("delay", EdgeFault::Delay { delay: ms(30_000), jitter, direction });
    let bytes = pattern(8 << 20);
    let sent = bytes.clone();
    let sending = tokio::spawn(async move {
        caller.write_all(&sent).await.unwrap();
        caller
    });
    let read = || wired.edge.stats().read_to;
    until(|| read() > 512 << 10).await;
    let mut before = 0;
    while read() > before {
        before = read();
        wired.edge.renew(&slices);
        wired.edge.renew(&delay);
        tokio::time::sleep(ms(200)).await;
    }
    // 64 MiB, with some hundred bytes for each piece.
    assert!(before < 2 << 20, "{before} pieces wait");
    wired.remove(&slices);
    wired.remove(&delay);
    let mut got = vec![0; bytes.len()];
    within(target.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, bytes);
    sending.await.unwrap();
}
