//! Addresses as clients write them: `host:port`, an empty host or a name included. Names are looked up beforehand, into a
//! [`Book`]: a slow resolver must not keep leases from being renewed.

use super::error::ApiError;
use crate::proxy::Reach;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a name may take to be found: a client waits for it.
const LOOKUP_MAX: Duration = Duration::from_millis(500);

/// Splits off the port and takes the brackets of an IPv6 address away.
fn split(address: &str) -> Result<(&str, &str), String> {
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("address {address}: missing port in address"));
    };
    match host.strip_prefix('[') {
        Some(inner) => match inner.strip_suffix(']') {
            Some(host) => Ok((host, port)),
            None => Err(format!("address {address}: missing ']' in address")),
        },
        None if host.contains(':') => Err(format!("address {address}: too many colons in address")),
        None => Ok((host, port)),
    }
}

async fn look_up(address: &str) -> Result<SocketAddr, String> {
    let (host, port) = split(address)?;
    let Ok(port) = port.parse::<u16>() else {
        return Err(format!("address {address}: invalid port"));
    };
    let found =
        timeout(LOOKUP_MAX, tokio::net::lookup_host((host, port))).await.unwrap_or_else(|late| Err(late.into()));
    let mut all: Vec<SocketAddr> = found.map_err(|error| format!("lookup {host}: {error}"))?.collect();
    // A name with both kinds mostly stands for a server on the older one.
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| format!("lookup {host}: no such host"))
}

/// Addresses that have been looked up.
#[derive(Debug, Default)]
pub(super) struct Book(BTreeMap<String, Result<SocketAddr, String>>);

impl Book {
    /// Those of `addresses` that are not in it.
    pub(super) fn lacks(&self, addresses: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        addresses.into_iter().filter(|address| !self.0.contains_key(address)).collect()
    }

    /// Looks all of `addresses` up at once.
    pub(super) async fn look_up(&mut self, addresses: BTreeSet<String>) {
        let mut lookups: JoinSet<_> = JoinSet::new();
        for address in addresses {
            lookups.spawn(async move {
                let found = look_up(&address).await;
                (address, found)
            });
        }
        self.0.extend(lookups.join_all().await);
    }

    fn get(&self, address: &str) -> Result<SocketAddr, String> {
        self.0.get(address).cloned().unwrap_or_else(|| Err(format!("lookup {address}: nobody looked it up")))
    }
}

fn is_allowed(addr: SocketAddr, reach: Reach) -> bool {
    reach == Reach::Anywhere || addr.ip().to_canonical().is_loopback()
}

/// Where a proxy is to listen. Without a host it is every address there is, or loopback when no other is allowed.
///
/// # Errors
/// Not an address (the text tells why), or not an allowed one.
pub(super) fn listen(address: &str, reach: Reach, book: &Book) -> Result<Result<SocketAddr, String>, ApiError> {
    let (host, port) = if address.is_empty() {
        ("", "0")
    } else {
        match split(address) {
            Ok(parts) => parts,
            Err(why) => return Ok(Err(why)),
        }
    };
    let addr = match (host, port.parse::<u16>()) {
        ("", Ok(port)) if reach == Reach::Anywhere => Ok((Ipv6Addr::UNSPECIFIED, port).into()),
        ("", Ok(port)) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        _ => book.get(address),
    };
    match addr {
        Ok(addr) if !is_allowed(addr, reach) => Err(ApiError::not_loopback("listen", address)),
        other => Ok(other),
    }
}

/// Where an upstream is now; none while its name is unknown, as the connections will show.
///
/// # Errors
/// Not an allowed address.
pub(super) fn upstream(address: &str, reach: Reach, book: &Book) -> Result<Option<SocketAddr>, ApiError> {
    match book.get(address) {
        Ok(addr) if !is_allowed(addr, reach) => Err(ApiError::not_loopback("upstream", address)),
        Ok(addr) => Ok(Some(addr)),
        Err(_) => Ok(None),
    }
}
