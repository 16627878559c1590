//! The body of an error: nobody could look, or the question makes no sense. Never an answer.

use super::API_VERSION;
use crate::decide::Status;
use serde::Serialize;
use utoipa::ToSchema;

/// An error, on both faces the same.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// `mettle/v1`.
    pub api_version: String,
    /// `error`.
    pub status: Status,
    /// Always false.
    pub allow: bool,
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetail {
    /// Stable kind: `bad_request`, `unprocessable`, `unauthenticated`, `not_found`, `method_not_allowed`, `unwell`.
    pub kind: String,
    /// One sentence.
    pub message: String,
    /// What would help.
    pub hints: Vec<String>,
}

impl ErrorBody {
    /// An error of a kind.
    pub fn new(kind: &str, message: String, hints: Vec<String>) -> Self {
        let error = ErrorDetail { kind: kind.to_owned(), message, hints };
        ErrorBody { api_version: API_VERSION.to_owned(), status: Status::Error, allow: false, error }
    }
}
