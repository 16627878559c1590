//! The published examples, as data; `SOURCES.md` beside them names where each comes from.

use chaos::import::{Fit, Imported, Origin, Outcome, import};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

/// Folder below `tests/data/import`, and the tool.
pub const TOOLS: [(&str, Origin); 4] = [
    ("chaos_toolkit", Origin::ChaosToolkit),
    ("chaos_mesh", Origin::ChaosMesh),
    ("litmus", Origin::Litmus),
    ("krkn", Origin::Krkn),
];

type Files = BTreeMap<String, Vec<Value>>;

static FILES: LazyLock<BTreeMap<&str, Files>> =
    LazyLock::new(|| TOOLS.into_iter().map(|(tool, _)| (tool, read(tool))).collect());

/// Documents of each file of a tool, by name of the file.
pub fn of(tool: &str) -> &'static Files {
    &FILES[tool]
}

fn read(tool: &str) -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(tool);
    let entries = std::fs::read_dir(&folder).expect("the folder of fixtures is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a fixture can be read");
        (name, serde_json::from_str(&text).expect("a fixture is a list of documents"))
    };
    json.map(read).collect()
}

/// The documents of one file.
pub fn one(tool: &str, name: &str) -> &'static [Value] {
    of(tool).get(name).unwrap_or_else(|| panic!("no fixture {tool}/{name}.json"))
}

/// `waits` are refused only because this build lacks a fault that they ask for.
#[test]
fn counts() {
    let row =
        |tool: &str, columns: [String; 6]| format!("{tool:14}{}", columns.map(|text| format!("{text:>9}")).concat());
    let titles = ["files", "accepted", "caveat", "waits", "refused", "keys"].map(str::to_string);
    let mut table = vec![row("tool", titles)];
    for (tool, origin) in TOOLS {
        let files = of(tool);
        let (mut counts, mut keys) = ([0; 4], [0; 3]);
        for (name, documents) in files {
            let imported = import(documents).unwrap_or_else(|error| panic!("{tool}/{name}: {error}"));
            assert!(imported.iter().all(|one| one.origin == origin), "{tool}/{name} is taken for another tool");
            // A file counts by its best document: the ones beside it need not be experiments.
            let best = imported.iter().map(Imported::outcome).min().expect("a file has documents");
            let waits = imported.iter().any(|one| !one.missing.is_empty());
            counts[match (best, waits) {
                (Outcome::Accepted, _) => 0,
                (Outcome::WithCaveat, _) => 1,
                (Outcome::Refused, true) => 2,
                (Outcome::Refused, false) => 3,
            }] += 1;
            for line in imported.iter().flat_map(|one| &one.lines) {
                keys[match line.fit {
                    Fit::Exact => 0,
                    Fit::Caveat(_) => 1,
                    Fit::Not { .. } => 2,
                }] += 1;
            }
        }
        let [a, b, c, d] = counts.map(|count| count.to_string());
        table.push(row(
            tool,
            [
                files.len().to_string(),
                a,
                b,
                c,
                d,
                format!("{:>20}", format!("{} / {} / {}", keys[0], keys[1], keys[2])),
            ],
        ));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    tool              files accepted   caveat    waits  refused     keys
    chaos_toolkit       137        0       11        0      126    1021 / 577 / 479
    chaos_mesh           97        0       51        0       46     536 / 341 / 147
    litmus              217        0       94        0      123   2059 / 1249 / 999
    krkn                 76        0       27        0       49      111 / 85 / 147
    ");
}
