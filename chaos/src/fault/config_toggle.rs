//! `config.toggle`: one value in a settings file of a component is another one.

use super::{Declaration, Kind, Needs, Seen};
use crate::act::{Act, Flip, Hold};
use crate::problem::Problem;
use crate::setting::{Format, KeyPath, Scalar};
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::path::{Component, Path};

/// Hex digits of the digest of a secret: enough to tell a change of it, far too few to find it by.
const DIGITS: usize = 8;

const DECLARATION: Declaration = Declaration {
    kind: "config.toggle",
    summary: "puts another value into a settings file of a component, and measures when the component acts on it",
    parameters: &[
        ("file", "path below the folder of the component ({dir}); it must exist, at most 1MiB"),
        ("format", "json, yaml, toml or env (lines KEY=VALUE) (default: by the name of the file)"),
        ("key", "where the value stands: features.newCheckout, servers[0].on, \"a.b\".c"),
        ("value", "true or false, a number, or text; every other byte of the file stays as it is"),
        ("secret", "true: the value stands in no plan and no record (default false)"),
        (
            "seen",
            "{path, expect, within}: GET of the path answers with this text as soon as the component acts on the value; void if it does not within this time, 1s to 10m (default 30s)",
        ),
    ],
    example: ", file: settings.yaml, key: features.newCheckout, value: false",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the holder process and its guard: whichever is left puts the old file back; the next start does so after a reboot",
    undo: "the old file, kept beside, is put back if the content is still ours",
    dose: "the value read through the file system by somebody else: value_is_ours (1); with `seen` time_to_off_ms from the write to the first answer that shows it, and time_to_on_ms after the undo (the other way round for the value true)",
    never_with: &["config.*"],
};

/// Change one value in a settings file of a component.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfigToggle {
    /// Key in `targets`.
    pub target: String,
    /// Path below the folder of the component.
    pub file: String,
    /// How the file is written; by its name without this.
    #[serde(default)]
    pub format: Option<Format>,
    /// Where the value stands.
    pub key: KeyPath,
    /// The new value.
    pub value: NewValue,
    /// Whether the value must stand nowhere else.
    #[serde(default)]
    pub secret: bool,
    /// How to see that the component acts on it.
    #[serde(default)]
    pub seen: Option<Seen>,
}

/// A value as a document gives it, or what a record keeps of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NewValue {
    /// The value.
    Given(Scalar),
    /// A secret: the beginning of its digest.
    #[schemars(skip)]
    Kept {
        /// Hex digits.
        sha256: String,
    },
}

/// Whatever is kept or printed of a fault is its serial form: a secret leaves no more than a digest there.
impl Serialize for ConfigToggle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("target", &self.target)?;
        fields.serialize_entry("file", &self.file)?;
        if let Some(format) = self.format {
            fields.serialize_entry("format", &format)?;
        }
        fields.serialize_entry("key", &self.key)?;
        fields.serialize_entry("value", &self.shown())?;
        if self.secret {
            fields.serialize_entry("secret", &true)?;
        }
        if let Some(seen) = &self.seen {
            fields.serialize_entry("seen", seen)?;
        }
        fields.end()
    }
}

impl ConfigToggle {
    fn format(&self) -> Option<Format> {
        self.format.or_else(|| Format::of(Path::new(&self.file)))
    }

    /// The value as others may see it. The digest is one of the place, too: equal secrets elsewhere look different.
    fn shown(&self) -> NewValue {
        match &self.value {
            NewValue::Given(value) if self.secret => {
                let digest = Sha256::digest(format!("{}\n{}\n{}", self.file, self.key, value.plain()));
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                NewValue::Kept { sha256: hex[..DIGITS].to_owned() }
            }
            shown => shown.clone(),
        }
    }
}

impl Kind for ConfigToggle {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        let value = match &self.value {
            NewValue::Given(value) => value.clone(),
            // Nobody acts on it: it is a problem of the document.
            NewValue::Kept { sha256 } => Scalar::Text(sha256.clone()),
        };
        let format = self.format().unwrap_or(Format::Json);
        Act::Held(Hold::Toggle(Flip { path: self.file.clone(), format, key: self.key.clone(), value }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let value = match self.shown() {
            NewValue::Given(value) => value.plain(),
            NewValue::Kept { sha256 } => format!("*** (sha256 {sha256})"),
        };
        let seen = self.seen.as_ref().map(|seen| ("seen", format!("{} within {}", seen.path, seen.within)));
        [("file", self.file.clone()), ("key", self.key.to_string()), ("value", value)].into_iter().chain(seen).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("value_is_ours", 1.0)]
    }

    fn seen(&self) -> Option<(&Seen, [&'static str; 2])> {
        let is_on = self.value == NewValue::Given(Scalar::Truth(true));
        let names = if is_on { ["time_to_on_ms", "time_to_off_ms"] } else { ["time_to_off_ms", "time_to_on_ms"] };
        self.seen.as_ref().map(|seen| (seen, names))
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let below = Path::new(&self.file).components().all(|part| matches!(part, Component::Normal(_)));
        let file = format!("{key}.file");
        if self.file.is_empty() || !below {
            let remedy = "write a path below the folder of the component, without `..`";
            problems.push(Problem::new(file, &self.file, "leads out of the folder", remedy));
        } else if self.format().is_none() {
            let remedy = "name it .json, .yaml, .toml or .env, or write `format`";
            problems.push(Problem::new(file, &self.file, "its name does not tell the format", remedy));
        }
        if let NewValue::Kept { sha256 } = &self.value {
            let remedy = "run the experiment itself, not its record";
            problems.push(Problem::new(format!("{key}.value"), sha256, "is a secret, which no record keeps", remedy));
        }
        problems.extend(self.seen.iter().flat_map(|seen| seen.problems(&format!("{key}.seen"))));
        problems
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::Fault;
    use serde_json::json;

    fn fault(more: serde_json::Value) -> Fault {
        let mut fault = json!({"kind": "config.toggle", "target": "p", "file": "a.yaml", "key": "db.word"});
        for (name, value) in more.as_object().unwrap() {
            fault[name] = value.clone();
        }
        serde_json::from_value(fault).unwrap()
    }

    #[test]
    fn a_secret_stands_nowhere_and_cannot_be_had_back() {
        let secret = fault(json!({"value": "hunter2", "secret": true}));
        let kept = serde_json::to_string(&secret).unwrap();
        for text in [&kept, &format!("{secret:?} {:?} {:?}", secret.act(), secret.requested())] {
            assert!(!text.contains("hunter2") && text.contains("db.word"), "{text}");
        }
        let back: Fault = serde_json::from_str(&kept).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), kept);
        assert_eq!(back.problems("f")[0].message, "is a secret, which no record keeps");
        assert!(secret.problems("f").is_empty());
        assert_ne!(kept, serde_json::to_string(&fault(json!({"value": "hunter3", "secret": true}))).unwrap());
        let open = fault(json!({"value": false}));
        assert_eq!(serde_json::from_str::<Fault>(&serde_json::to_string(&open).unwrap()).unwrap(), open);
    }

    #[test]
    fn problems_come_all_at_once() {
        let wrong = fault(json!({"file": "a.conf", "value": 1, "seen": {"path": "x", "expect": "", "within": "0s"}}));
        let keys: Vec<_> = wrong.problems("f").into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["f.file", "f.seen.path", "f.seen.expect", "f.seen.within"]);
        assert!(fault(json!({"file": "a.conf", "format": "env", "value": 1})).problems("f").is_empty());
        assert_eq!(fault(json!({"file": "../a.json", "value": 1})).problems("f")[0].message, "leads out of the folder");
    }
}
