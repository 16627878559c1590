//! Reads bodies of requests: keys in any case, unknown ones ignored, null as if it were not there.

use super::error::ApiError;
use serde_json::{Map, Value};

/// The first JSON value of a body; what comes after it is not looked at.
///
/// # Errors
/// Nothing there, or no JSON.
pub(super) fn value(bytes: &[u8]) -> Result<Value, ApiError> {
    match serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next() {
        None => Err(ApiError::bad_body("EOF")),
        Some(Err(error)) if error.is_eof() => Err(ApiError::bad_body("unexpected EOF")),
        Some(Err(error)) => Err(ApiError::bad_body(error)),
        Some(Ok(value)) => Ok(value),
    }
}

fn mismatch(key: &str, value: &Value, wanted: &str) -> ApiError {
    ApiError::bad_body(format!("{key} is {value}; write {wanted}"))
}

/// The members of `value` by their keys in lower case.
///
/// # Errors
/// Not an object.
pub(super) fn members(key: &str, value: &Value) -> Result<Map<String, Value>, ApiError> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect()),
        other => Err(mismatch(key, other, "an object")),
    }
}

/// The members of a body that is an object.
///
/// # Errors
/// No JSON, or not an object.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    members("the body", &value(bytes)?)
}

/// The members of the object at `key`; none when it is not there.
///
/// # Errors
/// Something else is at `key`.
pub(super) fn inner(fields: &Map<String, Value>, key: &str) -> Result<Map<String, Value>, ApiError> {
    members(key, fields.get(key).unwrap_or(&Value::Null))
}

fn find<T>(
    fields: &Map<String, Value>,
    key: &str,
    wanted: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| mismatch(key, value, wanted)),
    }
}

/// The text at `key`.
///
/// # Errors
/// Something else is at `key`.
pub(super) fn text(fields: &Map<String, Value>, key: &str) -> Result<Option<String>, ApiError> {
    find(fields, key, "a text", |value| value.as_str().map(str::to_owned))
}

/// The truth value at `key`.
///
/// # Errors
/// Something else is at `key`.
pub(super) fn truth(fields: &Map<String, Value>, key: &str) -> Result<Option<bool>, ApiError> {
    find(fields, key, "true or false", Value::as_bool)
}

/// The whole number at `key`.
///
/// # Errors
/// Something else is at `key`.
pub(super) fn whole(fields: &Map<String, Value>, key: &str) -> Result<Option<i64>, ApiError> {
    find(fields, key, "a whole number", Value::as_i64)
}

/// The number at `key`.
///
/// # Errors
/// Something else is at `key`.
pub(super) fn float(fields: &Map<String, Value>, key: &str) -> Result<Option<f32>, ApiError> {
    find(fields, key, "a number", |value| value.as_f64().map(|number| number as f32))
}
