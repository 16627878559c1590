//! The processes that tests of this crate start: a component and its sandbox, an executor that may be killed, and the
//! holder, sound or broken.

mod broken;
mod executor;
mod experiment;
mod job;
mod landscape;
mod nowhere;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let what = arguments.next().unwrap_or_default();
    let first = || std::env::args().nth(2).unwrap_or_default();
    let ended = match what.to_str() {
        Some("holder") => match broken::Broken::called(&name) {
            Some(broken) if arguments.len() == 0 => return broken.hold(),
            _ => return chaos::holder::main(arguments),
        },
        Some("sandbox") => return chaos::sandbox::main(arguments),
        Some("executor") => executor::run(&first()),
        Some("target") => target::serve(&first(), std::env::args().nth(3).as_deref()),
        Some("inside") => target::inside(std::env::args_os().skip(2)),
        Some("idle") => target::idle(&first()),
        _ => Err(std::io::Error::other(
            "usage: actor holder | sandbox | executor JSON | target PORT [SANDBOX] | inside SANDBOX PROGRAM... | idle [workers]",
        )),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
