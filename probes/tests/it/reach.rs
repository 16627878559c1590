//! Reaching a component: what stands before it may accept connections while it is away.

use probes::metrics::registry::Registry;
use probes::reach::{self, PROBES, PROBES_OK, ReachProbe, ReachTarget};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Probes made and answered, once five were made.
async fn probed(target: ReachTarget) -> (f64, f64) {
    let (registry, stop) = (Registry::new(), CancellationToken::new());
    let probe = ReachProbe { job: "web".into(), target, every: Duration::from_millis(100) };
    let running = tokio::spawn(reach::run(probe, registry.clone(), stop.clone()));
    let labels = [("job", "web")];
    let (attempts, answered) = (registry.counter(PROBES, &labels), registry.counter(PROBES_OK, &labels));
    let all = async {
        while attempts.value() < 5.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("five probes are made");
    stop.cancel();
    running.await.expect("the probe ends").expect("it could start");
    (attempts.value(), answered.value())
}

#[tokio::test]
async fn a_proxy_without_anybody_behind_it_is_not_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let (attempts, answered) = probed(ReachTarget::Tcp(address)).await;
    assert_eq!((attempts >= 5.0, answered), (true, 0.0));
    proxy.abort();
}

#[tokio::test]
async fn a_silent_server_is_reached_and_a_closed_port_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            kept.push(connection);
        }
    });
    let (attempts, answered) = probed(ReachTarget::Tcp(address)).await;
    assert_eq!(answered, attempts);
    server.abort();
    let _ = server.await;
    assert_eq!(probed(ReachTarget::Tcp(address)).await.1, 0.0);
}
