//! Checks documents on the disk: single files, and whole folders of a product, a landscape or an installation.

use super::kind::{KINDS, Kind};
use super::settings::Settings;
use super::{Problem, Problems, read_text, yaml};
use crate::worker::Bundle;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What was checked, and everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Files that were read.
    pub files: Vec<PathBuf>,
    /// All problems.
    pub problems: Vec<Problem>,
}

/// Checks a file or a folder.
pub fn check(path: &Path) -> Checked {
    let mut checked = Checked::default();
    if path.is_dir() {
        checked.folder(path)
    } else {
        checked.file(path)
    }
    checked
}

fn problem(path: &Path, message: String, remedy: &str) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: 0,
        key: String::new(),
        value: String::new(),
        message,
        remedy: remedy.to_owned(),
    }
}

impl Checked {
    fn text(&mut self, path: &Path) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                self.files.push(path.to_owned());
                Some(text)
            }
            Err(error) => {
                self.problems.push(problem(
                    path,
                    format!("cannot be read: {error}"),
                    "check the path and its permissions",
                ));
                None
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let Some(text) = self.text(path) else { return };
        let name = path.display().to_string();
        let value = match yaml::parse(&name, &text) {
            Ok(located) => located.value,
            Err(problems) => return self.problems.extend(problems),
        };
        let known = || KINDS.map(Kind::word).join(", ");
        match value.get("kind").and_then(Value::as_str) {
            Some(word) => match Kind::of_word(word) {
                Some(kind) => self.problems.extend(kind.problems(&name, &text).0),
                None => {
                    let remedy = format!("known: {}", known());
                    self.problems.push(problem(path, format!("kind `{word}` is not known"), &remedy));
                }
            },
            None => {
                let remedy = format!("write `kind:` with one of {}", known());
                self.problems.push(problem(path, "does not say what it is".into(), &remedy));
            }
        }
    }

    fn folder(&mut self, path: &Path) {
        let has = |name: &str| path.join(name).is_file();
        let mut known = false;
        if has("product.yaml") {
            known = true;
            self.product(path);
        }
        for (name, others) in [("landscape.yaml", &["processes.yaml"][..]), ("mettle.yaml", &[])] {
            if has(name) {
                known = true;
                self.file(&path.join(name));
                others.iter().filter(|other| has(other)).for_each(|other| self.file(&path.join(other)));
            }
        }
        if has("mettle.yaml") {
            self.repositories(path);
        }
        if !known {
            self.problems.push(problem(
                path,
                "holds no product.yaml, landscape.yaml or mettle.yaml".into(),
                "name a product, a landscape or an installation folder, or single files",
            ));
        }
    }

    /// A product's documents are checked against each other. The programme is where it is by default.
    fn product(&mut self, path: &Path) {
        let mut texts = crate::worker::Texts::new();
        let mut paths = vec!["product.yaml".to_owned()];
        for folder in crate::worker::FOLDERS {
            let entries = std::fs::read_dir(path.join(folder)).into_iter().flatten().flatten();
            let names = entries.filter(|e| e.path().is_file()).map(|e| e.file_name().to_string_lossy().into_owned());
            paths.extend(names.map(|name| format!("{folder}/{name}")));
        }
        paths.sort();
        for name in paths.iter().filter(|name| name.ends_with(".yaml") || name.ends_with(".yml")) {
            if let Some(text) = self.text(&path.join(name)) {
                texts.insert(name.clone(), text);
            }
        }
        let found = Bundle::read(&texts, crate::worker::PROGRAMME).err().unwrap_or_default();
        let placed = |p: Problem| Problem { file: path.join(&p.file).display().to_string(), ..p };
        self.problems.extend(found.0.into_iter().map(placed));
    }

    /// Repositories of an installation that have their files on this disk.
    fn repositories(&mut self, path: &Path) {
        let Ok(text) = std::fs::read_to_string(path.join("mettle.yaml")) else { return };
        let Ok(settings) = read_text::<Settings>("mettle.yaml", &text, |_| vec![]) else { return };
        for repository in [&settings.value.product.repo, &settings.value.landscape.repo] {
            let folder = path.join(repository);
            if folder.join("product.yaml").is_file() || folder.join("landscape.yaml").is_file() {
                self.folder(&folder);
            }
        }
    }
}

impl From<Checked> for Problems {
    fn from(checked: Checked) -> Self {
        Problems(checked.problems)
    }
}
