//! Whoever reads an export with DuckDB, Polars or PyArrow, by the lines of docs/evidence.md, gets every bit.

use datasets::EvidenceStore;
use scorer::evidence::{Evidence, RawSeries};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the lines need, pinned.
const PACKAGES: [&str; 4] = ["duckdb==1.3.2", "numpy==2.2.0", "polars==1.33.1", "pyarrow==21.0.0"];

const DOCUMENT: &str = include_str!("../../docs/evidence.md");

/// Prints rows as the test does: name, labels, time, bits.
const SHOW: &str = "
def show(names, labels, times, values):
    bits = numpy.asarray(values, dtype='float64').view('uint64')
    for name, label, time, bit in zip(names, labels, times, bits):
        print(f'{name} {label} {time} {bit:016x}')
";

fn evidence() -> Evidence {
    let bits = [0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0000, 0xfff8_0000_dead_beef, 0x8000_0000_0000_0000, 1];
    let one = |id: u32| RawSeries {
        name: "http_requests_total".into(),
        labels: BTreeMap::from([("job".into(), "checkout \"1\"".into()), ("zone".into(), format!("z\\{id}\nü"))]),
        times_ms: (0..200).map(|at| 1_700_000_000_000 + at * 15_000 + at % 3).collect(),
        values: (0..200).map(|at| if at % 40 < 5 { f64::from_bits(bits[at % 40]) } else { at as f64 * 0.1 }).collect(),
    };
    let other = RawSeries { name: "up".into(), times_ms: vec![5], values: vec![1.0], ..RawSeries::default() };
    Evidence { series: (0..3).map(one).chain([other]).collect(), ..Evidence::default() }
}

/// Lines of the first code block after `title`.
fn block(title: &str) -> String {
    let after = DOCUMENT.split_once(title).expect("docs/evidence.md names it").1;
    let code = after.split_once("```python\n").expect("with code").1;
    code.split_once("```").expect("that ends").0.to_owned()
}

/// A Python with [`PACKAGES`], installed below the target folder if need be.
fn python() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let venv = target.join("peers/evidence-readers");
    let python = venv.join("bin/python");
    let has_them = Command::new(&python).args(["-c", "import duckdb, numpy, polars, pyarrow"]).output();
    if !has_them.is_ok_and(|out| out.status.success()) {
        install(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--retries", "1"];
        install(Command::new(&python).args(pip).args(PACKAGES))?;
    }
    Ok(python)
}

fn install(command: &mut Command) -> Result<(), String> {
    let out = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let words = String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or("no reason given").to_string();
    if out.status.success() { Ok(()) } else { Err(words) }
}

/// What a script prints, run in `folder`.
fn printed(python: &Path, folder: &Path, script: &str) -> String {
    let out = Command::new(python).args(["-c", script]).current_dir(folder).output().expect("a Python");
    assert!(out.status.success(), "{}\n{script}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

#[test]
fn duckdb_polars_and_pyarrow_read_every_bit() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            let _ = writeln!(std::io::stdout(), "unavailable: DuckDB, Polars and PyArrow: {why}");
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&dir.path().join("evidence")).unwrap();
    let (evidence, export) = (evidence(), dir.path().join("export"));
    store.export(&store.put(&evidence).unwrap(), &export).unwrap();
    let mut wanted = String::new();
    for (id, one) in evidence.series.iter().enumerate() {
        let labels = match id {
            3 => "{}".to_owned(),
            id => format!(r#"{{job="checkout \"1\"",zone="z\\{id}\nü"}}"#),
        };
        for (time, value) in one.times_ms.iter().zip(&one.values) {
            writeln!(wanted, "{} {labels} {time} {:016x}", one.name, value.to_bits()).unwrap();
        }
    }
    let columns = ["name", "labels", "time_ms", "value"].map(|name| format!("table['{name}'].to_numpy()")).join(", ");
    let arrow = format!("import numpy\n{SHOW}\n{}\nshow({columns})\n", block("with PyArrow"));
    assert_eq!(printed(&python, &export, &arrow), wanted);
    let polars = format!("import numpy\n{SHOW}\n{}\nshow({columns})\n", block("with Polars"));
    assert_eq!(printed(&python, &export, &polars), wanted);
    let times = "[int(time.astype('datetime64[ms]').astype('int64')) for time in rows['time']]";
    let columns = format!("rows['name'], rows['labels'], {times}, rows['value']");
    let duckdb = format!("import numpy\n{SHOW}\n{}\nshow({columns})\n", block("with DuckDB"));
    let requests: String =
        wanted.lines().filter(|line| line.starts_with("http")).map(|line| format!("{line}\n")).collect();
    assert_eq!(printed(&python, &export, &duckdb), requests);
}
