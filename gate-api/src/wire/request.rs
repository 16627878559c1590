//! The body of a question. Unknown fields are errors: a misspelt `landscape` must not be a question about another one.

use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A question about a product tag.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CheckRequest {
    /// Product name.
    #[schema(min_length = 1, max_length = 255)]
    pub product: String,
    /// What is asked about.
    pub subject: SubjectRequest,
    /// Landscape name.
    #[schema(min_length = 1, max_length = 255)]
    pub landscape: String,
    /// One cluster; absent: the worst of all clusters of the landscape.
    #[schema(min_length = 1, max_length = 255)]
    pub cluster: Option<String>,
    /// Wave, echoed.
    pub wave: Option<u32>,
    /// Toggle vector that the caller will run with; absent: not compared.
    pub toggles: Option<BTreeMap<String, String>>,
    /// Who asks.
    #[schema(min_length = 1, max_length = 255)]
    pub requester: Option<String>,
    /// A dry run leaves no trace.
    #[serde(default)]
    pub dry_run: bool,
}

/// A product tag.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubjectRequest {
    /// Product tag, `v1.42.0`.
    #[schema(min_length = 1, max_length = 255)]
    pub tag: String,
    /// Commit that the caller believes the tag to be; another one: `deny` `tag_moved`.
    #[schema(min_length = 1, max_length = 255)]
    pub commit: Option<String>,
}
