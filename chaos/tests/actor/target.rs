//! A component: a small HTTP server with threads and a child process; `GET /fork` starts another one.

use nix::sys::prctl;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Serves on a loopback port until it is ended, in a sandbox when one is named.
pub(crate) fn serve(port: &str, sandbox: Option<&str>) -> io::Result<()> {
    if let Some(sandbox) = sandbox {
        chaos::sandbox::join(sandbox.parse().map_err(io::Error::other)?)?;
    }
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let mut child = Command::new("/proc/self/exe").arg("idle").spawn()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("ready");
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        std::thread::Builder::new().spawn(move || answer(stream))?;
    }
    child.kill()
}

fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut stream = stream;
    while let Some(line) = lines.next().transpose()? {
        if line.starts_with("GET /fork ") {
            // It lives as long as we do.
            drop(Command::new("/proc/self/exe").arg("idle").spawn()?);
        }
        if line.is_empty() {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        }
    }
    Ok(())
}

/// Becomes a program in a sandbox, as a component does. Returns only if that failed.
pub(crate) fn inside(mut arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let sandbox = arguments.next().and_then(|pid| pid.to_str()?.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    chaos::sandbox::join(sandbox)?;
    Err(Command::new(program).args(arguments).exec())
}

/// Does nothing for as long as its parent lives.
pub(crate) fn idle() -> io::Result<()> {
    let parent = nix::unistd::getppid();
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The signal comes only for a parent that dies from now on.
    while nix::unistd::getppid() == parent {
        nix::unistd::pause();
    }
    Ok(())
}
