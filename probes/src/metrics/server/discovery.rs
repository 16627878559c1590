//! What the server offers: families with their types, units and helps, and the series that it saw lately.

use super::error::SourceError;
use super::export::seconds;
use super::json;
use super::request::{Failure, Server, answered, body, one_line};
use crate::clock::wall_ms;
use crate::metrics::catalogue::{Catalogue, FamilyKind, Metadata};
use reqwest::Client;
use scorer::signal::{Labels, Selector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// How far back series are listed: what the server saw lately is what a soak will see.
const LATELY_MS: i64 = 3_600_000;

/// Every series, where nothing narrows them.
const ALL: &str = "{__name__=~\".+\"}";

/// Warnings that are told.
const WARNINGS_MAX: usize = 5;

/// Parameters of a request.
type Asked = [(&'static str, String)];

/// Every answer of this part of the API.
#[derive(Deserialize)]
struct Answer<T> {
    status: String,
    #[serde(default)]
    error: String,
    warnings: Option<Vec<String>>,
    /// VictoriaMetrics says so without a warning.
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

impl Server {
    /// The families of all series that the server saw in the last hour and that one of the selectors means; every one
    /// of them without a selector. Series that differ in nothing but their replica are one. Of a server that keeps no
    /// types, names tell what they can.
    ///
    /// # Errors
    /// Nothing is handed over unless all of it came. The status 404 means that no such API is at this address.
    pub async fn catalogue(&self, selectors: &[Selector]) -> Result<Catalogue, SourceError> {
        let declared: BTreeMap<String, Vec<Declared>> = match self.listed("api/v1/metadata", &[]).await {
            Err(error) if error.is_missing_path() => BTreeMap::new(),
            declared => declared?,
        };
        let declared = declared.into_iter().map(|(name, all)| (name, agreed(all))).collect();
        let mut asked = vec![("start", seconds(wall_ms() - LATELY_MS))];
        asked.extend(selectors.iter().map(|selector| ("match[]", selector.to_string())));
        if selectors.is_empty() {
            asked.push(("match[]", ALL.to_owned()));
        }
        let mut series: Vec<Labels> = self.listed("api/v1/series", &asked).await?;
        for replica in &self.settings().replica_labels {
            series.iter_mut().for_each(|labels| drop(labels.remove(replica)));
        }
        Ok(Catalogue::from_discovery(&declared, series))
    }

    async fn listed<T: DeserializeOwned>(&self, path: &str, asked: &Asked) -> Result<T, SourceError> {
        let answer = self.tried(|client| once(self, client, path, asked)).await?;
        read(self.settings().url.as_str(), &answer)
    }
}

async fn once(server: &Server, client: Client, path: &str, asked: &Asked) -> Result<Vec<u8>, Failure> {
    let url = server.settings().url.to_string();
    // Thanos and VictoriaMetrics: a part that is away is an error and not a shorter answer.
    let whole = [("partial_response", "false"), ("deny_partial_response", "1")];
    let answer = answered(&url, server.get(client, path).query(asked).query(&whole).send().await).await?;
    json::is_json(&url, &answer)?;
    body(&url, answer, server.limits().body_bytes).await
}

fn read<T: DeserializeOwned>(url: &str, text: &[u8]) -> Result<T, SourceError> {
    let url = url.to_owned();
    let read: Answer<T> = match serde_json::from_slice(text) {
        Ok(read) => read,
        Err(error) => return Err(SourceError::Message { url, what: error.to_string() }),
    };
    let mut warnings: Vec<String> = read.warnings.unwrap_or_default().iter().map(|one| one_line(one)).collect();
    warnings.truncate(WARNINGS_MAX);
    warnings.extend(read.is_partial.then(|| "a node of it is away".to_owned()));
    match (read.status == "success", read.data) {
        (false, _) => Err(SourceError::Refused { url, says: one_line(&read.error) }),
        (true, _) if !warnings.is_empty() => Err(SourceError::Partial { url, warnings }),
        (true, Some(data)) => Ok(data),
        (true, None) => Err(SourceError::Message { url, what: "it has no data".to_owned() }),
    }
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
    fn an_answer_is_whole_or_an_error() {
        let read = |text: &str| read::<Vec<Labels>>("there", text.as_bytes());
        let whole = r#"{"status":"success","isPartial":false,"warnings":null,"data":[{"__name__":"up"}]}"#;
        assert_eq!(read(whole).unwrap().len(), 1);
        for end in 0..whole.len() {
            assert!(matches!(read(&whole[..end]), Err(SourceError::Message { .. })), "{end}");
        }
        for (text, told) in [
            (r#"{"status":"success","isPartial":true,"data":[]}"#, "with a part only: a node of it is away"),
            (r#"{"status":"success","warnings":["store x"],"data":[]}"#, "with a part only: store x"),
            (r#"{"status":"error","errorType":"bad_data","error":"no"}"#, "refuses the query: no"),
            (r#"{"status":"success"}"#, "cannot be read: it has no data"),
            (r#"{"status":"success","data":{}}"#, "cannot be read: invalid type"),
            ("null", "cannot be read"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
