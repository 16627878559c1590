//! One connection: two pumps in one task, and the faults that concern it as a whole.

use super::conversation::Conversation;
use super::edge::Shared;
use super::pump::{self, Ended, Wire};
use super::stats::{Active, add};
use super::table::Direction;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tracing::debug;

/// How long a target may take to accept: on loopback it is microseconds unless its backlog is full.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Makes the close of `stream` a reset (RST) instead of an orderly end.
pub(super) fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone, which is what is wanted.
    let _ = stream.set_zero_linger();
}

async fn connect(upstream: SocketAddr) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(upstream)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Carries one client connection until both sides have ended or a fault ends it.
pub(super) async fn serve(shared: Arc<Shared>, mut client: TcpStream) {
    let _active = Active::enter(&shared.counters.active);
    let mut changes = shared.table.subscribe();
    let mut drawn = Vec::new();
    if !shared.table.is_quiet() && shared.table.resets(&mut drawn) {
        add(&shared.counters.resets_injected, 1);
        return reset(&client);
    }
    let mut upstream = match shared.upstream() {
        None => None,
        Some(addr) => connect(addr).await.ok(),
    };
    let (Some(upstream), Ok(())) = (&mut upstream, client.set_nodelay(true)) else {
        add(&shared.counters.refused, 1);
        return reset(&client);
    };

    let wire = Wire::new(&shared, Conversation::default());
    let outcome = {
        let (client_read, client_write) = client.split();
        let (upstream_read, upstream_write) = upstream.split();
        let pumps = async {
            tokio::try_join!(
                pump::run(&wire, Direction::To, client_read, upstream_write),
                pump::run(&wire, Direction::From, upstream_read, client_write),
            )
        };
        tokio::pin!(pumps);
        loop {
            tokio::select! {
                ended = &mut pumps => break match ended {
                    Ok((Ended::Orderly, Ended::Orderly)) => Close::Orderly,
                    Ok(_) => Close::Reset,
                    Err(pump::Broken(error)) => {
                        debug!(%error, "connection of {} broke", shared.name);
                        Close::Reset
                    }
                },
                _ = changes.changed() => {
                    if shared.table.resets(&mut drawn) {
                        add(&shared.counters.resets_injected, 1);
                        break Close::Reset;
                    }
                    wire.wake();
                }
            }
        }
    };
    if outcome == Close::Reset {
        reset(&client);
        reset(upstream);
    }
}

#[derive(PartialEq, Eq)]
enum Close {
    Orderly,
    Reset,
}
