//! `config.toggle`: one value in a settings file of a component is another one.

use super::{Declaration, Kind, Needs, Seen};
use crate::act::{Act, Flip, Hold};
use crate::problem::Problem;
use crate::setting::{Format, KeyPath, Scalar};
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::path::{Component, Path};

/// What is kept of a secret. Not a digest, by which one that can be guessed would be found.
const KEPT: &str = "***";

const DECLARATION: Declaration = Declaration {
    kind: "config.toggle",
    summary: "puts another value into a settings file of a component, and measures when the component acts on it",
    parameters: &[
        ("file", "path below the folder of the component ({dir}); it must exist, at most 1MiB"),
        ("format", "json, yaml, toml or env (lines KEY=VALUE) (default: by the name of the file)"),
        ("key", "where the value stands: features.newCheckout, servers[0].on, \"a.b\".c"),
        ("value", "true or false, a number, or text; every other byte of the file stays as it is"),
        ("secret", "true: neither the value nor the text that shows it stands in a plan or a record (default false)"),
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
    pub value: Scalar,
    /// Whether the value must stand nowhere else.
    #[serde(default)]
    pub secret: bool,
    /// How to see that the component acts on it.
    #[serde(default)]
    pub seen: Option<Seen>,
}

/// Whatever is kept or printed of a fault is its serial form: a secret leaves nothing there.
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
            // The text that shows a secret most often holds it.
            let kept = Seen { expect: KEPT.to_owned(), ..seen.clone() };
            fields.serialize_entry("seen", if self.secret { &kept } else { seen })?;
        }
        fields.end()
    }
}

impl ConfigToggle {
    fn format(&self) -> Option<Format> {
        self.format.or_else(|| Format::of(Path::new(&self.file)))
    }

    /// The value as others may see it.
    fn shown(&self) -> Scalar {
        if self.secret { Scalar::Text(KEPT.to_owned()) } else { self.value.clone() }
    }
}

impl Kind for ConfigToggle {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        let format = self.format().unwrap_or(Format::Json);
        Act::Held(Hold::Toggle(Flip {
            path: self.file.clone(),
            format,
            key: self.key.clone(),
            value: self.value.clone(),
        }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let value = self.shown().plain();
        let seen = self.seen.as_ref().map(|seen| ("seen", format!("{} within {}", seen.path, seen.within)));
        [("file", self.file.clone()), ("key", self.key.to_string()), ("value", value)].into_iter().chain(seen).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("value_is_ours", 1.0)]
    }

    fn seen(&self) -> Option<(&Seen, [&'static str; 2])> {
        let is_on = self.value == Scalar::Truth(true);
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
        // Nobody else acts on what a record shows.
        if self.secret && self.value == self.shown() {
            let remedy = "run the experiment itself, not its record";
            problems.push(Problem::new(format!("{key}.value"), KEPT, "is a secret, which no record keeps", remedy));
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
        let with = |word: &str| {
            let seen = json!({"path": "/words", "expect": format!("word: {word}")});
            fault(json!({"value": word, "secret": true, "seen": seen}))
        };
        let secret = with("hunter2");
        let kept = serde_json::to_string(&secret).unwrap();
        for text in [&kept, &format!("{secret:?} {:?} {:?}", secret.act(), secret.requested())] {
            assert!(!text.contains("hunter2") && text.contains("db.word") && text.contains("/words"), "{text}");
        }
        let back: Fault = serde_json::from_str(&kept).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), kept);
        assert_eq!(back.problems("f")[0].message, "is a secret, which no record keeps");
        assert!(secret.problems("f").is_empty());
        // Who guesses it cannot tell by the record that the guess is right.
        assert_eq!(kept, serde_json::to_string(&with("hunter3")).unwrap());
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
