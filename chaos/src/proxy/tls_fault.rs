//! Connections that the edge terminates itself, with a certificate that the caller should refuse.

use super::connection::End;
use super::fate::{Close, Fate, Verdict};
use super::table::Entries;
use crate::lease::FaultId;
use crate::tls::{Minted, indifferent};
use bytes::Bytes;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// What an edge presents in place of its target: a chain and its key, in memory alone.
#[derive(Clone)]
pub struct Presented {
    config: Arc<ServerConfig>,
    /// Who signed it; none when nobody knows.
    pub(crate) issuer: Option<CertificateDer<'static>>,
}

impl Presented {
    pub(crate) fn new(minted: Minted) -> Self {
        Self { config: Arc::new(minted.config), issuer: minted.issuer }
    }
}

impl PartialEq for Presented {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented")
    }
}

/// Carries a connection whose two ends speak TLS to the edge each, for as long as the fault `id` lives.
pub(super) async fn terminate(
    fate: &Fate<'_>,
    changes: &mut watch::Receiver<Entries>,
    (client, upstream, early): (&mut TcpStream, &mut TcpStream, Bytes),
    (id, presented): (FaultId, Presented),
) -> End {
    let relayed = relay(client, upstream, &early, presented);
    tokio::pin!(relayed);
    loop {
        if !fate.is_felt(&id) {
            return End::Injected(Close::Orderly);
        }
        if let Verdict::End(close) = fate.judge() {
            return End::Injected(close);
        }
        tokio::select! {
            // A caller that refuses the certificate ends it with an alert.
            _ = &mut relayed => return End::Own(Close::Orderly),
            _ = changes.changed() => (),
        }
    }
}

async fn relay(client: &mut TcpStream, upstream: &mut TcpStream, early: &[u8], presented: Presented) -> io::Result<()> {
    let target = upstream.peer_addr()?.ip();
    let (read, write) = client.split();
    let client = tokio::io::join(early.chain(read), write);
    let mut client = TlsAcceptor::from(presented.config).accept(client).await?;
    let asked = client.get_ref().1.server_name().map(str::to_owned);
    let name = asked.and_then(|name| ServerName::try_from(name).ok()).unwrap_or(ServerName::IpAddress(target.into()));
    let mut target = indifferent().connect(name, upstream).await?;
    tokio::io::copy_bidirectional(&mut client, &mut target).await.map(drop)
}
