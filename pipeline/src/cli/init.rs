//! `mettle init`: the documents of a product from flags, answers or a Compose file.

use super::Exit;
use super::output::{tell, write_line};
use crate::git::Git;
use crate::init::questions::Talk;
use crate::init::{Flags, Sketch, compose, make};
use anyhow::Context as _;
use chrono::Utc;
use clap::Args;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  mettle init --dir soak                              asks, one question after the other
  mettle init --dir soak --product shop \\
    --component 'web=python3 -m http.server {port} --bind 127.0.0.1' --health web=/
  mettle init --dir soak --compose docker-compose.yml --component 'db=postgres -p {port}'

Then `mettle up --dir soak` soaks the first tag.";

/// `mettle init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Init {
    /// Folder of the new installation.
    #[arg(long)]
    dir: PathBuf,
    /// Compose file whose services become components.
    #[arg(long, value_name = "FILE")]
    compose: Option<PathBuf>,
    /// Name of the product [default: of the Compose file or its folder; otherwise asked].
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Name of the landscape [default: staging].
    #[arg(long, value_name = "NAME")]
    landscape: Option<String>,
    /// A component and its command; {port} is replaced by its port. With --compose: the command of a service. Repeatable.
    #[arg(long = "component", value_name = "NAME=COMMAND")]
    components: Vec<String>,
    /// How one sees that a component is ready: a path that answers 2xx, `tcp` or `alive`. Repeatable.
    #[arg(long, value_name = "NAME=PATH")]
    health: Vec<String>,
    /// Path of a component's metrics for Prometheus. Repeatable.
    #[arg(long, value_name = "NAME=PATH")]
    metrics: Vec<String>,
    /// A component that another one calls, and the variable in which it finds the address. Repeatable.
    #[arg(long, value_name = "NAME=OTHER:VARIABLE")]
    reaches: Vec<String>,
    /// A variable of a component's environment. Repeatable.
    #[arg(long, value_name = "NAME=KEY=VALUE")]
    env: Vec<String>,
    /// A component that users do not reach. Repeatable.
    #[arg(long, value_name = "NAME")]
    internal: Vec<String>,
    /// A service of the Compose file that is left out. Repeatable.
    #[arg(long, value_name = "NAME", requires = "compose")]
    without: Vec<String>,
}

pub(super) async fn run(init: Init) -> anyhow::Result<u8> {
    let flags = Flags {
        product: init.product,
        landscape: init.landscape,
        components: init.components,
        health: init.health,
        metrics: init.metrics,
        reaches: init.reaches,
        env: init.env,
        internal: init.internal,
        without: init.without,
    };
    let sketch = match &init.compose {
        Some(file) => from_compose(file, &flags)?,
        None if flags.describe_nothing() && stdin().is_terminal() => {
            Talk { input: stdin().lock(), out: stderr().lock() }.ask(&flags).context("nothing was written")?.sketch()?
        }
        None => flags.sketch()?,
    };
    let made = make(&Git::default(), &init.dir, &sketch, Utc::now()).await;
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            tell!("error: {:#}", anyhow::Error::from(error));
            return Ok(Exit::Usage as u8);
        }
    };
    made.written.iter().try_for_each(|path| write_line(path.display()))?;
    sketch.notes.iter().for_each(|note| tell!("note: {note}"));
    next(&init.dir, &sketch, &made.tag);
    Ok(Exit::Ok as u8)
}

fn from_compose(file: &Path, flags: &Flags) -> anyhow::Result<Sketch> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the Compose file {}; check the path", file.display()))?;
    // As Compose does: the environment wins over the file `.env` beside the Compose file.
    let beside = std::fs::read_to_string(file.with_file_name(".env")).unwrap_or_default();
    let beside = compose::dot_env(&beside);
    let value = |name: &str| std::env::var(name).ok().or_else(|| beside.get(name).cloned());
    Ok(compose::read(&file.display().to_string(), &text, &value, flags)?)
}

fn next(dir: &Path, sketch: &Sketch, tag: &str) {
    let Sketch { product, landscape, .. } = sketch;
    let dir = dir.display();
    tell!(
        "
{product} {tag} is ready to be soaked. Next:
  mettle up --dir {dir}                            soaks it, and answers the gate
  mettle gate wait release --product {product} --tag {tag} --landscape {landscape} --dir {dir}
Edit {dir}/{product} and {dir}/{landscape}; what is committed counts. A new tag:
  git -C {dir}/{product} tag -a v1.0.1 -m v1.0.1"
    );
}
