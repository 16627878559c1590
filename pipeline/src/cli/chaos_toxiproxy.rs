//! `mettle chaos toxiproxy`: Toxiproxy's HTTP API over our proxies.

use super::Exit;
use super::output::tell;
use super::run::on_interrupt;
use ::chaos::proxy::{MAX_CONNECTIONS, Reach};
use ::chaos::toxiproxy::{DEFAULT_LISTEN, Settings, Toxiproxy};
use clap::Args;
use std::net::SocketAddr;

pub(super) const EXAMPLES: &str = "Examples:
  mettle chaos toxiproxy
  mettle chaos toxiproxy --listen 127.0.0.1:8474 --seed 7

Client libraries of Toxiproxy work against it unchanged. Everything ends with it; Ctrl-C ends it.";

/// `mettle chaos toxiproxy`.
#[derive(Debug, Args)]
pub(super) struct ToxiproxyArgs {
    /// Where the API listens.
    #[arg(long, default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Lets the API and its proxies listen on, and connect to, addresses other than loopback.
    #[arg(long)]
    anywhere: bool,
    /// Seed of all draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Connections that one proxy carries at once; further ones are reset.
    #[arg(long, default_value_t = MAX_CONNECTIONS, value_name = "N")]
    max_connections: u64,
}

pub(super) async fn run(args: ToxiproxyArgs) -> anyhow::Result<u8> {
    let stop = on_interrupt()?;
    let reach = if args.anywhere { Reach::Anywhere } else { Reach::Loopback };
    let ToxiproxyArgs { listen, seed, max_connections, .. } = args;
    let server = Toxiproxy::bind(Settings { listen, reach, seed, max_connections }).await?;
    tell!("Toxiproxy's API answers on http://{}", server.addr());
    server.run(stop).await;
    Ok(Exit::Ok as u8)
}
