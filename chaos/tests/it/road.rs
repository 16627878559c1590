//! Connections that a road carries: every byte arrives once and in order, whatever becomes of the road.

use crate::component;
use crate::experiment::experiment;
use crate::stage::{Memory, Small, within};
use chaos::clock::SystemClock;
use chaos::execute::{Context, Ended, Progress, Report, run};
use chaos::landscape::Landscape;
use chaos::pidfd::PidFd;
use chaos::plan::{Overrides, build};
use chaos::{holder, proc_table};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// Bytes of one block of a stream: it takes some packets.
const BLOCK: usize = 10_000;

/// A target that says everything back, until its caller ends.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    addr
}

/// Block number `n` of a stream: no other is like it.
fn block(n: u32) -> Vec<u8> {
    (0..BLOCK as u32 / 4).flat_map(|word| (n.wrapping_mul(0x9e37_79b9) ^ word).to_be_bytes()).collect()
}

/// Sends blocks and compares what comes back, until told to end; then to the end of the stream. Number of blocks.
async fn talk(mut stream: TcpStream, mut ended: watch::Receiver<bool>) -> u32 {
    let (mut read, mut write) = stream.split();
    let (counted, mut count) = mpsc::unbounded_channel();
    let send = async {
        for n in 0.. {
            if *ended.borrow_and_update() {
                break;
            }
            write.write_all(&block(n)).await.unwrap();
            counted.send(n).unwrap();
        }
        write.shutdown().await.unwrap();
        drop(counted);
    };
    let receive = async {
        let (mut got, mut blocks) = (vec![0; BLOCK], 0);
        while let Some(n) = count.recv().await {
            read.read_exact(&mut got).await.unwrap();
            assert!(got == block(n), "block {n} is another one");
            blocks += 1;
        }
        assert_eq!(read.read(&mut got).await.unwrap(), 0, "more came than was sent");
        blocks
    };
    let ((), blocks) = tokio::join!(send, receive);
    blocks
}

/// What happened to a fault while connections were open that began before, within, and after it.
async fn under(fault: Value, at_injection: impl Fn(&str) + Send + 'static) -> (Report, Vec<u32>) {
    let landscape = Arc::new(Small::with(echo().await));
    let edge = landscape.edges[0].clone();
    let (end, ended) = watch::channel(false);
    let open = async |edge: SocketAddr| tokio::spawn(talk(TcpStream::connect(edge).await.unwrap(), ended.clone()));
    let mut talks = vec![open(edge.addr()).await];
    let plan = build(&experiment(&fault, "1s", 1), &landscape.inventory(), Overrides::default(), 7).unwrap();
    let name = uuid::Uuid::new_v4().to_string();
    let ctx = Context {
        run: name.clone(),
        landscape: landscape.clone(),
        journal: Arc::new(Memory::default()),
        clock: Arc::new(SystemClock),
    };
    let (_abort, aborts) = watch::channel(None);
    let (events, mut seen) = mpsc::channel(64);
    let running = tokio::spawn(async move { run(&plan, ctx, aborts, events).await });
    while let Some(event) = within(seen.recv()).await {
        if let Progress::Injected { .. } = event {
            at_injection(&name);
            talks.push(open(edge.addr()).await);
        }
    }
    let report = within(running).await.unwrap();
    assert!(report.residue.is_empty() && edge.entries().is_empty(), "{report:?}");
    talks.push(open(edge.addr()).await);
    end.send(true).unwrap();
    let mut blocks = Vec::new();
    for talk in talks {
        blocks.push(within(talk).await.unwrap());
    }
    (report, blocks)
}

fn faults() -> Vec<Value> {
    vec![
        json!({"kind": "net.loss", "target": "p", "share": 0.2, "direction": "both"}),
        json!({"kind": "net.loss", "target": "p", "share": 0.1, "burst": 4, "direction": "from"}),
        json!({"kind": "net.duplicate", "target": "p", "share": 0.5, "direction": "both"}),
        json!({"kind": "net.reorder", "target": "p", "share": 0.3, "by": "5ms", "direction": "both"}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_is_lost_or_doubled_on_the_way_in_or_out() {
    for fault in faults().into_iter().filter(|fault| component::is_able(fault["kind"].as_str().unwrap())) {
        let (report, blocks) = under(fault.clone(), |_| ()).await;
        let exposure = &report.exposures[0];
        assert!(exposure.verified && exposure.ended == Ended::Completed, "{fault}: {exposure:?}");
        // Those that were open before and that came meanwhile, and the probe.
        assert!(exposure.achieved["entry_hits"] >= 2.0, "{fault}: {exposure:?}");
        assert!(blocks[..2].iter().all(|blocks| *blocks > 0), "{fault}: {blocks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_road_that_is_killed_lets_everything_go_on() {
    for fault in faults().into_iter().filter(|fault| component::is_able(fault["kind"].as_str().unwrap())) {
        let kill = |run: &str| {
            let all = proc_table::snapshot().unwrap();
            let is_ours = |pid: i32| proc_table::variable(pid, holder::MARK).is_some_and(|id| id.starts_with(run));
            let ours: Vec<_> = all.into_iter().filter(|entry| is_ours(entry.pid)).collect();
            assert!(!ours.is_empty(), "a process lays the road");
            ours.iter().for_each(|entry| PidFd::open(entry.pid).unwrap().signal(Signal::SIGKILL).unwrap());
        };
        let (report, blocks) = under(fault.clone(), kill).await;
        assert_ne!(report.exposures[0].ended, Ended::Completed, "{fault}: {report:?}");
        assert!(blocks[..2].iter().all(|blocks| *blocks > 0), "{fault}: {blocks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_loss_ends_with_the_fault() {
    let fault = json!({"kind": "net.loss", "target": "p", "share": 1.0});
    if component::is_able("net.loss") {
        let (report, blocks) = under(fault, |_| ()).await;
        assert!(report.exposures[0].verified, "{report:?}");
        assert_eq!(report.exposures[0].achieved["loss_share"], 1.0);
        assert!(blocks[0] > 0, "{blocks:?}");
    }
}
