//! Generated files live in git; a test guards them. Rewrite with `UPDATE=1`.

use std::fs;
use std::path::Path;

/// Compares `text` with the file at `path` below the root of the workspace, or writes it.
pub(crate) fn check(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "{path} is not what the program generates; run the tests with UPDATE=1");
}
