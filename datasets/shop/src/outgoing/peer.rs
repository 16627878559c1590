//! Where another component answers.

use hyper::Uri;
use std::str::FromStr;

/// Address of a component, from a URL such as `http://127.0.0.1:8001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why a URL is none that a component could answer at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("`{url}` is not a URL; write http://HOST:PORT")]
    NotAUrl {
        url: String,
        #[source]
        source: hyper::http::uri::InvalidUri,
    },
    #[error("`{url}` has no host or is not http; write http://HOST:PORT")]
    NotHttp { url: String },
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(url: &str) -> Result<Self, PeerError> {
        let uri: Uri = url.parse().map_err(|source| PeerError::NotAUrl { url: url.to_owned(), source })?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(host)) => Ok(Peer { host: host.to_owned(), port: uri.port_u16().unwrap_or(80) }),
            _ => Err(PeerError::NotHttp { url: url.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_are_peers() {
        let peer: Peer = "http://127.0.0.1:8001/".parse().unwrap();
        assert_eq!(peer, Peer { host: "127.0.0.1".to_owned(), port: 8001 });
        for wrong in ["127.0.0.1:8001", "https://shop", "", "http://"] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }
}
