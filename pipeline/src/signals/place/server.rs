//! A Prometheus-compatible server: what its HTTP API says of families and series.

use super::{PlaceError, body, shown};
use probes::metrics::catalogue::{Catalogue, Metadata};
use scorer::signal::{Labels, Selector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use url::Url;

/// How far back series are listed: what the server saw lately is what a soak will see.
const LATELY_S: i64 = 3600;

/// Every answer of the API.
#[derive(Deserialize)]
struct Answer<T> {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<T>,
}

/// One declaration of a family; a family has several where targets disagree.
#[derive(Deserialize)]
struct Declared {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    help: String,
}

/// `None`: what is at this address is no such server.
pub(super) async fn catalogue(
    client: &reqwest::Client,
    base: &Url,
    selectors: &[Selector],
) -> Result<Option<Catalogue>, PlaceError> {
    let metadata = below(base, "metadata", &[]);
    let asked = client.get(metadata.clone()).send().await;
    let response =
        asked.map_err(|source| PlaceError::Exchange { url: shown(&metadata), source: source.without_url() })?;
    // Not every server that speaks the API keeps types; names say much of what they would.
    let declared: BTreeMap<String, Vec<Declared>> =
        if response.status().is_client_error() { BTreeMap::new() } else { answer(&metadata, response).await? };
    let first = |(name, all): (String, Vec<Declared>)| {
        let Declared { kind, unit, help } = all.into_iter().next()?;
        Some((name, Metadata { kind, unit, help }))
    };
    let declared = declared.into_iter().filter_map(first).collect();
    let start = (chrono::Utc::now().timestamp() - LATELY_S).to_string();
    let mut wanted: Vec<(&str, String)> = vec![("start", start)];
    wanted.extend(selectors.iter().map(|selector| ("match[]", selector.to_string())));
    if selectors.is_empty() {
        wanted.push(("match[]", "{__name__=~\".+\"}".to_owned()));
    }
    let listed = below(base, "series", &wanted);
    let response = client.get(listed.clone()).send().await;
    let response =
        response.map_err(|source| PlaceError::Exchange { url: shown(&listed), source: source.without_url() })?;
    if response.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let series: Vec<Labels> = answer(&listed, response).await?;
    Ok(Some(Catalogue::from_discovery(&declared, series)))
}

/// An address of the API, also of a server behind a path.
fn below(base: &Url, what: &str, query: &[(&str, String)]) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/api/v1/{what}", base.path().trim_end_matches('/')));
    url.set_query(None);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

async fn answer<T: DeserializeOwned>(url: &Url, response: reqwest::Response) -> Result<T, PlaceError> {
    let status = response.status();
    let text = body(url, response).await?;
    let wrong = |reason: String| PlaceError::Answer { url: shown(url), reason };
    let read: Answer<T> = match serde_json::from_slice(&text) {
        Ok(read) => read,
        Err(_) if !status.is_success() => return Err(PlaceError::Status { url: shown(url), status }),
        Err(error) => return Err(wrong(error.to_string())),
    };
    if let Some(warning) = read.warnings.first() {
        return Err(wrong(format!("its answer is partial, and a proposal from a part would look whole: {warning}")));
    }
    match read.data {
        Some(data) if read.status == "success" => Ok(data),
        _ => Err(wrong(format!("{} {}", read.status, read.error).trim().to_owned())),
    }
}
