//! What came back, and the queries of Hurl on it.

use super::assertion::{Filter, Query, Source};
use serde_json::Value;
use std::time::Duration;

/// A whole response.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl Answer {
    /// The value of a query; `None` where there is none.
    pub(super) fn value(&self, query: &Query) -> Option<Value> {
        let value = self.source(&query.source)?;
        match query.filter {
            None => Some(value),
            Some(Filter::Count) => match value {
                Value::Array(items) => Some(items.len().into()),
                Value::Object(fields) => Some(fields.len().into()),
                Value::String(text) => Some(text.chars().count().into()),
                _ => None,
            },
        }
    }

    fn source(&self, source: &Source) -> Option<Value> {
        match source {
            Source::Status => Some(self.status.into()),
            // Hurl counts milliseconds.
            Source::Duration => Some((self.took.as_secs_f64() * 1000.0).into()),
            Source::Body => Some(self.body.clone().into()),
            Source::Header(name) => {
                let value = self.headers.get(name.as_str())?;
                Some(String::from_utf8_lossy(value.as_bytes()).into())
            }
            Source::Cookie(name) => self.headers.get_all(http::header::SET_COOKIE).iter().find_map(|cookie| {
                let (key, value) = cookie.to_str().ok()?.split(';').next()?.split_once('=')?;
                (key.trim() == name).then(|| value.trim().into())
            }),
            Source::Regex(pattern) => {
                let found = pattern.captures(&self.body)?;
                Some(found.get(1).or_else(|| found.get(0))?.as_str().into())
            }
            Source::JsonPath(path) => {
                let document: Value = serde_json::from_str(&self.body).ok()?;
                let nodes = path.query(&document).all();
                // One node is its value, several are a list, as in Hurl.
                match nodes.as_slice() {
                    [] => None,
                    [one] => Some((*one).clone()),
                    many => Some(many.iter().map(|node| (*node).clone()).collect()),
                }
            }
        }
    }
}
