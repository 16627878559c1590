//! What the ledger holds, read with the `git` program.

use super::World;
use std::collections::BTreeMap;
use std::process::Command;

impl World {
    /// `git` in the product repository.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("git").arg("-C").arg(self.path().join("product.git")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// How many verdict files each soak has in the ledger.
    pub fn ledger(&self) -> BTreeMap<String, usize> {
        let mut entries = BTreeMap::new();
        for path in self.git(&["ls-tree", "-r", "--name-only", "mettle/ledger"]).lines() {
            if let ["tags", _, "verdicts", file] = path.split('/').collect::<Vec<_>>()[..] {
                *entries.entry(file.trim_end_matches(".json").to_owned()).or_default() += 1;
            }
        }
        entries
    }

    /// How many commits of the ledger speak of each soak.
    pub fn ledger_commits(&self) -> BTreeMap<String, usize> {
        let mut commits = BTreeMap::new();
        for line in self.git(&["log", "--format=%B", "mettle/ledger"]).lines() {
            if let Some(soak) = line.strip_prefix("Soak: ") {
                *commits.entry(soak.to_owned()).or_default() += 1;
            }
        }
        commits
    }
}
