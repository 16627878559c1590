//! Everything that is not an answer, with what would help.

use crate::answer::AnswerError;
use crate::store::StoreError;
use crate::wire::ErrorBody;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An error on its way to the caller.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    kind: &'static str,
    pub(super) message: String,
    pub(super) hints: Vec<String>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, (message, hint): (impl Into<String>, impl Into<String>)) -> Self {
        Refusal { status, kind, message: message.into(), hints: vec![hint.into()] }
    }

    /// The request makes no sense.
    pub(super) fn bad_request(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "bad_request", (message, hint))
    }

    /// The body is JSON, but not a question.
    pub(super) fn unprocessable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", (message, hint))
    }

    /// A token that nobody issued.
    pub(super) fn unauthenticated() -> Self {
        let message = "the request carries a token, and nobody has issued one";
        let hint = "ask without `Authorization`: from this machine the gate is read-only and needs none";
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthenticated", (message, hint))
    }

    /// It is not known.
    pub(super) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal::new(StatusCode::NOT_FOUND, "not_found", (message, hint))
    }

    /// The path exists, the method does not.
    pub(super) fn method_not_allowed() -> Self {
        let parts = ("this path does not know that method", "use GET, or POST for /v1/gates/{gate}/check");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", parts)
    }

    /// Nobody could look.
    pub(super) fn unwell(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unwell", (message, hint))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store cannot be read");
        Refusal { hints: error.hints(), ..Refusal::unwell(error.to_string(), "") }
    }
}

impl From<AnswerError> for Refusal {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotFound { what, hint } => Refusal::not_found(format!("{what} is not known here"), hint),
            AnswerError::Unwell(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody::new(self.kind, self.message, self.hints);
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
