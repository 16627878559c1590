//! The shop: a small product of three components that call each other over HTTP.
//!
//! One binary holds every component and every release; `shop checkout --release 3.4.1` behaves as that release did.
//! Which release does what is a table in the README and the functions of [`release`].

mod catalog;
mod checkout;
mod metrics;
mod outgoing;
mod payments;
mod process;
mod release;
mod serve;
mod shelf;

use clap::{Args, Parser, Subcommand};
use metrics::Registry;
use outgoing::peer::Peer;
use semver::Version;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

/// The sample product.
#[derive(Parser)]
#[command(name = "shop", version, about = "A small shop: catalog, checkout and payments")]
struct Cli {
    #[command(subcommand)]
    component: Component,
}

#[derive(Subcommand)]
enum Component {
    /// Items and prices.
    Catalog(Start),
    /// Carts and orders; calls catalog and payments.
    Checkout(CheckoutStart),
    /// Charges.
    Payments(Start),
}

#[derive(Args)]
struct Start {
    /// Release to behave as, strict semver.
    #[arg(long)]
    release: Version,
    /// Address to listen on; port 0 lets the system choose. The address is printed as `listening ADDR:PORT`.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[derive(Args)]
struct CheckoutStart {
    #[command(flatten)]
    start: Start,
    /// Where catalog answers, `http://127.0.0.1:8001`.
    #[arg(long, env = "CATALOG_URL")]
    catalog_url: Peer,
    /// Where payments answers.
    #[arg(long, env = "PAYMENTS_URL")]
    payments_url: Peer,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One thread: a component of the shop needs a few percent of a core, and its memory stays in one allocator arena.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed("failed to start the runtime", &error),
    };
    match runtime.block_on(run(cli.component)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed("failed to serve", &error),
    }
}

async fn run(component: Component) -> std::io::Result<()> {
    match component {
        Component::Catalog(start) => {
            let registry = Arc::new(Registry::new("catalog", &start.release));
            let router = catalog::router(&start.release, &registry);
            serve::serve(start.listen, router, registry).await
        }
        Component::Payments(start) => {
            let registry = Arc::new(Registry::new("payments", &start.release));
            let router = payments::router(&start.release, &registry);
            serve::serve(start.listen, router, registry).await
        }
        Component::Checkout(CheckoutStart { start, catalog_url, payments_url }) => {
            let registry = Arc::new(Registry::new("checkout", &start.release));
            let peers = checkout::Peers { catalog: catalog_url, payments: payments_url };
            let (router, background) = checkout::start(&start.release, peers, &registry);
            let served = serve::serve(start.listen, router, registry).await;
            background.stop().await;
            served
        }
    }
}

fn failed(what: &str, error: &std::io::Error) -> ExitCode {
    eprintln!("error: {what}: {error}");
    ExitCode::FAILURE
}
