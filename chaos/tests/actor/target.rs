//! A component: a small HTTP server, with TLS or without, with named threads, a settings file and a child process;
//! `GET /fork` starts another, `GET /toggles` answers with the file, `GET /latch` whether it ever held `false`.

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How old the settings may be that it acts on.
const REREAD_AFTER: Duration = Duration::from_millis(100);
/// Threads that work.
const WORKERS: usize = 3;
/// How often each of them does.
const WORK_EVERY: Duration = Duration::from_millis(20);

/// Serves on a loopback port until it is ended, in a sandbox when one is named.
pub(crate) fn serve(port: &str, sandbox: Option<&str>) -> io::Result<()> {
    if let Some(sandbox) = sandbox {
        chaos::sandbox::join(sandbox.parse().map_err(io::Error::other)?)?;
    }
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let mut child = idler().spawn()?;
    start_workers()?;
    let tls = Arc::new(tls().map_err(io::Error::other)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("ready");
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let tls = tls.clone();
        std::thread::Builder::new().spawn(move || welcome(stream, tls))?;
    }
    child.kill()
}

/// Threads `worker-0` to `worker-2`: each works a little, again and again.
fn start_workers() -> io::Result<()> {
    let work = || loop {
        std::thread::sleep(WORK_EVERY);
    };
    (0..WORKERS).try_for_each(|n| std::thread::Builder::new().name(format!("worker-{n}")).spawn(work).map(drop))
}

/// A certificate of its own making.
fn tls() -> Result<ServerConfig, Box<dyn Error + Send + Sync>> {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    Ok(config.with_single_cert(vec![own.cert.der().clone()], key)?)
}

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

fn welcome(stream: TcpStream, tls: Arc<ServerConfig>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first)? == 1 && first[0] == HANDSHAKE {
        let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
        return answer(StreamOwned::new(connection, stream));
    }
    answer(stream)
}

fn answer(stream: impl Read + Write) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut body) = (String::new(), None);
    while stream.read_line(&mut line)? > 0 {
        if line.starts_with("GET /fork ") {
            // It lives as long as we do.
            drop(idler().spawn()?);
        }
        if line.starts_with("GET /toggles ") {
            body = Some(toggles());
        }
        if line.starts_with("GET /latch ") {
            body = Some(latch().to_owned());
        }
        if line == "\r\n" {
            let date = httpdate::fmt_http_date(SystemTime::now());
            let body = body.take().unwrap_or_else(|| "ok".to_owned());
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.get_mut().write_all(answer.as_bytes())?;
            stream.get_mut().flush()?;
        }
        line.clear();
    }
    Ok(())
}

/// Its settings file as it was read last: at most so long ago.
fn toggles() -> String {
    static LAST: Mutex<Option<(Instant, String)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.as_ref().is_none_or(|(read, _)| read.elapsed() >= REREAD_AFTER) {
        // What cannot be read now is as it was.
        let old = last.take().map(|(_, text)| text);
        let text = std::fs::read_to_string("toggles.yaml").ok().or(old).unwrap_or_default();
        *last = Some((Instant::now(), text));
    }
    last.as_ref().map(|(_, text)| text.clone()).unwrap_or_default()
}

/// As a component that does not go back to what it acted on before.
fn latch() -> &'static str {
    static HELD: AtomicBool = AtomicBool::new(false);
    let holds = toggles().contains("false");
    if HELD.fetch_or(holds, Ordering::AcqRel) || holds { "off" } else { "on" }
}

/// Becomes a program in a sandbox, as a component does. Returns only if that failed.
pub(crate) fn inside(mut arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let sandbox = arguments.next().and_then(|pid| pid.to_str()?.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    chaos::sandbox::join(sandbox)?;
    Err(Command::new(program).args(arguments).exec())
}

/// Names the parent of an idle process to it: one that is killed at once is not there any more to be asked for.
const PARENT: &str = "IDLE_PARENT";

/// A process that does nothing for as long as this one lives.
pub(crate) fn idler() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg("idle").env(PARENT, std::process::id().to_string());
    command
}

/// Does nothing for as long as its parent lives, with threads that work or without.
pub(crate) fn idle(workers: &str) -> io::Result<()> {
    if workers == "workers" {
        start_workers()?;
    }
    let named = std::env::var(PARENT).ok().and_then(|pid| pid.parse().ok());
    let parent = named.map_or_else(nix::unistd::getppid, Pid::from_raw);
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The signal comes only for a parent that dies from now on.
    while nix::unistd::getppid() == parent {
        nix::unistd::pause();
    }
    Ok(())
}
