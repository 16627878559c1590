//! The binary `mettle`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    // The reaper is single-threaded and must be itself before any runtime starts.
    if args.next_if(|arg| arg == pipeline::landscape::reaper::SUBCOMMAND).is_some() {
        return pipeline::landscape::reaper::main(args);
    }
    pipeline::cli::main()
}
