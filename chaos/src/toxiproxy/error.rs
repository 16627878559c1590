//! Errors of the API, with the texts and statuses that Toxiproxy's clients know.

use http::StatusCode;
use serde::Serialize;

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ApiError {
    #[serde(rename = "error")]
    pub(super) message: String,
    #[serde(serialize_with = "number")]
    pub(super) status: StatusCode,
}

fn number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl ApiError {
    fn new(message: impl Into<String>, status: StatusCode) -> Self {
        Self { message: message.into(), status }
    }

    /// The body cannot be read as what it should be.
    pub(super) fn bad_body(why: impl std::fmt::Display) -> Self {
        Self::new(format!("bad request body: {why}"), StatusCode::BAD_REQUEST)
    }

    /// A field without which there is no proxy; `place` is its name, and where it is missing.
    pub(super) fn missing(place: impl std::fmt::Display) -> Self {
        Self::new(format!("missing required field: {place}"), StatusCode::BAD_REQUEST)
    }

    pub(super) fn proxy_not_found() -> Self {
        Self::new("proxy not found", StatusCode::NOT_FOUND)
    }

    pub(super) fn proxy_exists() -> Self {
        Self::new("proxy already exists", StatusCode::CONFLICT)
    }

    pub(super) fn bad_stream() -> Self {
        Self::new("stream was invalid, can be either upstream or downstream", StatusCode::BAD_REQUEST)
    }

    pub(super) fn bad_type() -> Self {
        Self::new("invalid toxic type", StatusCode::BAD_REQUEST)
    }

    pub(super) fn toxic_exists() -> Self {
        Self::new("toxic already exists", StatusCode::CONFLICT)
    }

    pub(super) fn toxic_not_found() -> Self {
        Self::new("toxic not found", StatusCode::NOT_FOUND)
    }

    /// An address that is not allowed here, with the way out.
    pub(super) fn not_loopback(what: &str, address: &str) -> Self {
        let remedy = "use a loopback address, or start the server with a reach of anywhere";
        Self::new(format!("{what} {address} is not a loopback address; {remedy}"), StatusCode::BAD_REQUEST)
    }

    /// The system refuses, or an address makes no sense.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::new(why, StatusCode::INTERNAL_SERVER_ERROR)
    }
}
