//! Addresses as clients write them: `host:port`, an empty host or a name included.

use super::error::ApiError;
use crate::proxy::Reach;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

/// How long a name may take to be found: leases are renewed every second, and a slow resolver must not end them.
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

fn is_allowed(addr: SocketAddr, reach: Reach) -> bool {
    reach == Reach::Anywhere || addr.ip().to_canonical().is_loopback()
}

/// Where a proxy is to listen. Without a host it is every address there is, or loopback when no other is allowed.
///
/// # Errors
/// Not an address (the text tells why), or not an allowed one.
pub(super) async fn listen(address: &str, reach: Reach) -> Result<Result<SocketAddr, String>, ApiError> {
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
        _ => look_up(address).await,
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
pub(super) async fn upstream(address: &str, reach: Reach) -> Result<Option<SocketAddr>, ApiError> {
    match look_up(address).await {
        Ok(addr) if !is_allowed(addr, reach) => Err(ApiError::not_loopback("upstream", address)),
        Ok(addr) => Ok(Some(addr)),
        Err(_) => Ok(None),
    }
}
