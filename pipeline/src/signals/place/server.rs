//! A Prometheus-compatible server: what its HTTP API says of families and series.

use super::{PlaceError, body, shown};
use probes::metrics::catalogue::{Catalogue, FamilyKind, Metadata};
use scorer::signal::{Labels, Selector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
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
    /// VictoriaMetrics says so where a node of it is away.
    #[serde(default, rename = "isPartial")]
    is_partial: bool,
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
    let declared = declared.into_iter().map(|(name, all)| (name, agreed(all))).collect();
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

/// What all declarations of a family say; where two of them contradict each other nothing is declared, and its name has
/// to tell.
fn agreed(all: Vec<Declared>) -> Metadata {
    let known = |kind: &str| FamilyKind::named(kind) != FamilyKind::Unknown;
    let kinds = all.iter().map(|one| one.kind.as_str()).filter(|kind| known(kind)).collect();
    let units = all.iter().map(|one| one.unit.as_str()).filter(|unit| !unit.is_empty()).collect();
    let (kind, unit) = (only(kinds), only(units));
    let help = all.into_iter().map(|one| one.help).find(|help| !help.is_empty()).unwrap_or_default();
    Metadata { kind, unit, help }
}

/// The one value, or nothing.
fn only(values: BTreeSet<&str>) -> String {
    match values.len() {
        1 => values.into_iter().collect(),
        _ => String::new(),
    }
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
    read(url, status, &body(url, response).await?)
}

fn read<T: DeserializeOwned>(url: &Url, status: reqwest::StatusCode, text: &[u8]) -> Result<T, PlaceError> {
    let wrong = |reason: String| PlaceError::Answer { url: shown(url), reason };
    let read: Answer<T> = match serde_json::from_slice(text) {
        Ok(read) => read,
        Err(_) if !status.is_success() => return Err(PlaceError::Status { url: shown(url), status }),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let away = read.is_partial.then_some("a node of it is away");
    if let Some(warning) = read.warnings.first().map(String::as_str).or(away) {
        return Err(wrong(format!("its answer is partial, and a proposal from a part would look whole: {warning}")));
    }
    match read.data {
        Some(data) if read.status == "success" => Ok(data),
        _ => Err(wrong(format!("{} {}", read.status, read.error).trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_that_contradict_each_other_declare_nothing() {
        for (declared, kind, unit) in [
            (&[("counter", "seconds")][..], "counter", "seconds"),
            (&[("counter", ""), ("counter", "seconds")], "counter", "seconds"),
            (&[("unknown", ""), ("gauge", "")], "gauge", ""),
            (&[("counter", ""), ("gauge", "")], "", ""),
            (&[("histogram", "seconds"), ("histogram", "milliseconds")], "histogram", ""),
            (&[], "", ""),
        ] {
            let of = |(kind, unit): &(&str, &str)| Declared {
                kind: (*kind).to_owned(),
                unit: (*unit).to_owned(),
                help: "h".to_owned(),
            };
            let metadata = agreed(declared.iter().map(of).collect());
            assert_eq!((metadata.kind.as_str(), metadata.unit.as_str()), (kind, unit), "{declared:?}");
        }
    }

    #[test]
    fn a_partial_answer_is_refused() {
        let url = Url::parse("http://127.0.0.1:9090/api/v1/series").unwrap();
        for (text, reason) in [
            (r#"{"status":"success","isPartial":false,"data":[]}"#, ""),
            (r#"{"status":"success","isPartial":true,"data":[]}"#, "a node of it is away"),
            (r#"{"status":"success","warnings":["store x"],"data":[]}"#, "store x"),
        ] {
            let told = read::<Vec<Labels>>(&url, reqwest::StatusCode::OK, text.as_bytes());
            let told = told.map(|read| read.len()).map_err(|error| error.to_string());
            match reason {
                "" => assert_eq!(told, Ok(0)),
                reason => assert!(told.as_ref().is_err_and(|error| error.contains(reason)), "{text}: {told:?}"),
            }
        }
    }
}
