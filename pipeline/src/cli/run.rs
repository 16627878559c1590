//! `demo`, `up`, `serve`: the long-running commands.

use super::output::{tell, write_line};
use super::{Dir, Exit};
use crate::demo::story;
use crate::worker::{Installation, Notice, OpenError, View, Worker};
use anyhow::Context as _;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `mettle demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mettle demo --dir demo               five tags, five verdicts (about 17 minutes)\n  mettle demo --dir demo --init-only   only the repositories, as an example to copy from"
)]
pub(super) struct Demo {
    /// Folder for repositories, evidence and store.
    #[arg(long, default_value = "demo")]
    dir: PathBuf,
    /// Stop after the repositories.
    #[arg(long)]
    init_only: bool,
    /// Where the gate listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// `mettle up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  mettle up --dir soak --listen 127.0.0.1:7310\n\nCtrl-C undoes faults, publishes what is known and ends."
)]
pub(super) struct Up {
    #[command(flatten)]
    dir: Dir,
    /// Where the gate listens; the installation's own setting when absent.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// `mettle serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  mettle serve --dir soak\n  curl 'http://127.0.0.1:7310/v1/gates/release/check?product=shop&tag=v1.0.0&landscape=staging'"
)]
pub(super) struct Serve {
    #[command(flatten)]
    dir: Dir,
    /// Where the gate listens; the installation's own setting when absent.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// The first Ctrl-C or TERM asks for the end; the second ends at once.
pub(super) fn on_interrupt() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
            if asked.is_cancelled() {
                tell!("ended at once; processes end with this one, the next start clears the rest");
                std::process::exit(i32::from(Exit::Interrupted as u8));
            }
            tell!("ending: faults are undone, what is known is published; once more ends at once");
            asked.cancel();
        }
    });
    Ok(stop)
}

/// The gate in the background of this process; ends with `stop`.
async fn gate(
    installation: &Installation,
    listen: SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<(SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>)> {
    anyhow::ensure!(
        listen.ip().is_loopback(),
        "{listen} is not a loopback address: without tokens the gate listens on loopback only"
    );
    let listener = TcpListener::bind(listen).await.map_err(|source| OpenError::Listen { address: listen, source })?;
    let address = listener.local_addr()?;
    let served = tokio::spawn(gate_api::http::serve(listener, installation.gate.clone(), stop));
    Ok((address, served))
}

/// This binary, which is also the reaper; programs beside it are found by components that name them.
pub(super) fn myself() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program")
}

pub(super) async fn demo(args: Demo) -> anyhow::Result<u8> {
    story::prepare(&args.dir).await?;
    if args.init_only {
        write_line(args.dir.display())?;
        return Ok(Exit::Ok as u8);
    }
    let installation = Installation::open(&args.dir)?;
    let (stop, view) = (on_interrupt()?, View::new());
    let (address, served) = gate(&installation, args.listen, stop.child_token()).await?;
    view.show(&Notice::Says(format!("the gate answers on http://{address}")));
    let told = story::tell(installation, view, myself()?, stop.clone()).await;
    let interrupted = stop.is_cancelled();
    stop.cancel();
    served.await??;
    if interrupted {
        return Ok(Exit::Interrupted as u8);
    }
    let told = told?;
    told.lines.iter().try_for_each(write_line)?;
    told.astray.iter().for_each(|line| tell!("not as told: {line}"));
    Ok(if told.astray.is_empty() { Exit::Ok as u8 } else { Exit::Unexpected as u8 })
}

pub(super) async fn up(args: Up) -> anyhow::Result<u8> {
    let installation = Installation::open(&args.dir.dir)?;
    let (stop, view) = (on_interrupt()?, View::new());
    let worker = Worker::open(installation.clone(), view.clone(), myself()?).await?;
    let (address, served) =
        gate(&installation, args.listen.unwrap_or(installation.settings.listen), stop.child_token()).await?;
    view.show(&Notice::Says(format!("the gate answers on http://{address}")));
    worker.run(stop.clone()).await?;
    stop.cancel();
    served.await??;
    Ok(Exit::Interrupted as u8)
}

pub(super) async fn serve(args: Serve) -> anyhow::Result<u8> {
    let installation = Installation::open(&args.dir.dir)?;
    let stop = on_interrupt()?;
    let (address, served) =
        gate(&installation, args.listen.unwrap_or(installation.settings.listen), stop.clone()).await?;
    tell!("the gate answers on http://{address}");
    served.await??;
    Ok(Exit::Interrupted as u8)
}
