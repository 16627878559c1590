//! Reading one document: text, positions, schema, value.

use super::problem::{Complaint, Problem, Problems};
use super::{schema, yaml};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Largest document that is read.
const MAX_BYTES: u64 = 4 << 20;

/// A value and the text it came from.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// The value.
    pub value: T,
    /// File as the person named it.
    pub file: String,
    located: yaml::Located,
}

impl<T> Document<T> {
    /// Gives complaints of the document's own rules their file and line.
    pub fn place(&self, complaints: impl IntoIterator<Item = Complaint>) -> Problems {
        let place = |c: Complaint| Problem {
            file: self.file.clone(),
            line: self.located.line_of_key(&c.key),
            key: c.key,
            value: c.value,
            message: c.message,
            remedy: c.remedy,
        };
        Problems(complaints.into_iter().map(place).collect())
    }

    /// The value as JSON, for digests: keys sorted, comments and layout gone.
    pub fn json(&self) -> &serde_json::Value {
        &self.located.value
    }
}

/// Reads `text`, which came from `file`.
///
/// # Errors
/// Every problem that YAML, the schema or the types find.
pub fn read_text<T: DeserializeOwned + JsonSchema>(file: &str, text: &str) -> Result<Document<T>, Problems> {
    let located = yaml::parse(file, text).map_err(Problems)?;
    let schema = schemars::schema_for!(T).to_value();
    let found = schema::violations(file, &schema, &located);
    if !found.is_empty() {
        return Err(Problems(found));
    }
    let value = serde_json::from_value(located.value.clone()).map_err(|e| {
        Problems(vec![Problem {
            file: file.to_owned(),
            line: 1,
            key: String::new(),
            value: String::new(),
            message: e.to_string(),
            remedy: "compare with `mettle schema`".into(),
        }])
    })?;
    Ok(Document { value, file: file.to_owned(), located })
}

/// Reads the document at `path`.
///
/// # Errors
/// As [`read_text`], and a file that is missing, too large or not UTF-8.
pub fn read_file<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<Document<T>, Problems> {
    let file = path.display().to_string();
    let flaw = |message: String, remedy: &str| {
        Problems(vec![Problem {
            file: file.clone(),
            line: 0,
            key: String::new(),
            value: String::new(),
            message,
            remedy: remedy.into(),
        }])
    };
    let size = std::fs::metadata(path)
        .map_err(|e| flaw(format!("cannot be read: {e}"), "check the path and its permissions"))?
        .len();
    if size > MAX_BYTES {
        return Err(flaw(format!("has {size} bytes, at most {MAX_BYTES} are read"), "split it"));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| flaw(format!("cannot be read as UTF-8 text: {e}"), "save the file as UTF-8"))?;
    read_text(&file, &text)
}
