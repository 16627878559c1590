//! `mettle schema` and `mettle validate`: documents without an installation.

use super::Exit;
use super::output::write_line;
use crate::documents::Problems;
use crate::documents::folder::check;
use crate::documents::kind::Kind;
use clap::Args;
use std::path::PathBuf;

/// `mettle schema`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mettle schema product > product.schema.json\n  # first line of a document, for editors with the YAML language server:\n  # yaml-language-server: $schema=product.schema.json"
)]
pub(super) struct Schema {
    /// Kind of document.
    #[arg(value_enum)]
    kind: Kind,
}

/// `mettle validate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mettle validate product.yaml mettle/programme.yaml\n  mettle validate .            the folder of a product, a landscape or an installation\n\nExit: 0 no problems, 2 problems; each with file, line, key, value and remedy."
)]
pub(super) struct Validate {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

pub(super) fn schema(schema: &Schema) -> anyhow::Result<u8> {
    write_line(serde_json::to_string_pretty(&schema.kind.schema())?)?;
    Ok(Exit::Ok as u8)
}

pub(super) fn validate(validate: &Validate) -> anyhow::Result<u8> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for path in &validate.paths {
        let checked = check(path);
        files.extend(checked.files);
        problems.extend(checked.problems);
    }
    Problems(problems).or(())?;
    files.iter().try_for_each(|file| write_line(format!("{}: no problems", file.display())))?;
    Ok(Exit::Ok as u8)
}
