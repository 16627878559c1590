//! The command line described: completions, manual page, and the reference in docs/cli.md.

use super::output::write_out;
use super::{Cli, Exit};
use clap::builder::StyledStr;
use clap::{Args, ColorChoice, Command, CommandFactory as _};
use clap_complete::Shell;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Width of help texts in the reference.
const WIDTH: usize = 100;

/// `mettle completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mettle completions bash > ~/.local/share/bash-completion/completions/mettle\n  mettle completions zsh > ~/.zfunc/_mettle"
)]
pub(super) struct Completions {
    /// Shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(completions: &Completions) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "mettle", &mut text);
    write_out(&String::from_utf8(text)?)?;
    Ok(Exit::Ok as u8)
}

pub(super) fn man() -> anyhow::Result<u8> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    write_out(&String::from_utf8(text)?)?;
    Ok(Exit::Ok as u8)
}

/// What `--color` says among the arguments, before they are parsed.
pub(super) fn color(args: &[String]) -> ColorChoice {
    let given =
        args.iter().zip(args.iter().skip(1)).find(|(flag, _)| *flag == "--color").map(|(_, value)| value.as_str());
    let given = given.or_else(|| args.iter().find_map(|arg| arg.strip_prefix("--color=")));
    match given {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Whether log lines are coloured.
pub(super) fn log_colors(choice: ColorChoice) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => !no_color && std::io::stderr().is_terminal(),
    }
}

/// The reference of all commands as Markdown.
pub fn reference() -> String {
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    let mut text = String::from(
        "# Command line\n\nGenerated from the program; a test rewrites it with `UPDATE=1`.\n\
         stdout is data, stderr is narrative. `NO_COLOR` and `--color` decide about colours.\n\
         A reader of stdout that goes away, as `head` does, changes no exit code; data that cannot be written for another\n\
         reason is exit 1.\n",
    );
    describe(&root, &mut text);
    text
}

fn describe(command: &Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help: StyledStr = command.clone().term_width(WIDTH).render_long_help();
    let help: Vec<String> = help.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    command.get_subcommands().filter(|c| c.get_name() != "help").for_each(|below| describe(below, text));
}

/// Commands that have no example in their help, for the test that holds them to it.
pub fn without_example() -> Vec<String> {
    let mut root = Cli::command();
    root.build();
    let mut names = Vec::new();
    collect(&root, &mut names);
    names
}

/// Lines of examples and explanations that a terminal of the usual width would break.
pub fn too_wide() -> Vec<String> {
    let wide = |c: &Command| -> Vec<String> {
        let text = c.get_after_help().map(ToString::to_string).unwrap_or_default();
        text.lines().filter(|line| line.chars().count() > WIDTH).map(str::to_owned).collect()
    };
    Cli::command()
        .get_subcommands()
        .flat_map(|c| std::iter::once(c).chain(c.get_subcommands()))
        .flat_map(wide)
        .collect()
}

fn collect(command: &Command, names: &mut Vec<String>) {
    let below: Vec<&Command> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
    let shown = command.get_after_help().is_some_and(|text| text.to_string().contains("mettle "));
    // A command of commands shows its examples below.
    if below.is_empty() && !shown {
        names.push(command.get_bin_name().unwrap_or(command.get_name()).to_owned());
    }
    below.into_iter().for_each(|below| collect(below, names));
}
