//! The binary `mettle`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    // The reaper, the sandbox and the holder of a fault are single-threaded and must be themselves before any runtime starts.
    if args.next_if(|arg| arg == pipeline::landscape::reaper::SUBCOMMAND).is_some() {
        return pipeline::landscape::reaper::main(args);
    }
    if args.next_if(|arg| arg == chaos::sandbox::SUBCOMMAND).is_some() {
        return chaos::sandbox::main(args);
    }
    if args.next_if(|arg| arg == chaos::holder::SUBCOMMAND).is_some() {
        return chaos::holder::main(args);
    }
    pipeline::cli::main()
}
