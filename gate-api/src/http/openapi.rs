//! The contract as an OpenAPI document, generated from the handlers and the wire types.

use axum::Json;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mettle gate",
        description = "May this product tag go on? A 2xx means allow, and allow is exactly 200 with a body; every \
                       other status is no or not yet."
    ),
    paths(
        super::check::by_query,
        super::check::by_body,
        super::health::alive,
        super::health::ready,
        super::meter::metrics,
        super::openapi::openapi
    )
)]
struct Document;

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The document over HTTP.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses(
    (status = 200, description = "This document.", body = serde_json::Value),
))]
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
