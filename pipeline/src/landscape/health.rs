//! Whether a component is ready: one look.

use super::ports::{self, Listener};
use super::processes::Check;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one look; a component that answers later than this is not ready.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is ready.
    Ready,
    /// It is not, and why.
    NotYet(String),
}

/// A client for health paths: loopback only, so without proxies and without redirects to elsewhere.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(LOOK_TIMEOUT)
        .build()
}

/// Looks once. `pids` are the processes of the component: an answer from any other process does not count, because
/// a chosen port may have been taken by another program before the component came to use it.
pub(crate) async fn look(client: &reqwest::Client, check: &Check, port: u16, pids: &[i32]) -> Look {
    let answer = match check {
        Check::Alive(_) => return Look::Ready,
        Check::Tcp => connect(port).await,
        Check::Http(path) => get(client, port, path).await,
    };
    match answer {
        Look::Ready if ports::listener(port, pids) == Listener::Foreign => {
            Look::NotYet(format!("port {port} is answered by a process that does not belong to the component"))
        }
        answer => answer,
    }
}

async fn connect(port: u16) -> Look {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match timeout(LOOK_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Look::Ready,
        Ok(Err(error)) => Look::NotYet(format!("port {port}: {error}")),
        Err(_) => Look::NotYet(format!("port {port}: no answer in {LOOK_TIMEOUT:?}")),
    }
}

async fn get(client: &reqwest::Client, port: u16, path: &str) -> Look {
    match client.get(format!("http://127.0.0.1:{port}{path}")).send().await {
        Ok(answer) if answer.status().is_success() => Look::Ready,
        Ok(answer) => Look::NotYet(format!("{path} answers {}", answer.status())),
        Err(error) if error.is_connect() => Look::NotYet(format!("{path}: port {port} does not accept connections")),
        Err(error) if error.is_timeout() => Look::NotYet(format!("{path}: no answer in {LOOK_TIMEOUT:?}")),
        Err(error) => Look::NotYet(format!("{path}: {error}")),
    }
}
