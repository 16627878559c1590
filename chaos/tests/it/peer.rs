//! Programs of others that tests run against: found by a variable or below the target folder, installed there if need
//! be, and never anywhere else.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Version of the Toxiproxy server that answers are compared with.
const TOXIPROXY: &str = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0";

/// The client library, and what it needs, pinned.
const PYTHON_CLIENT: [&str; 7] = [
    "toxiproxy-python==0.1.1",
    "future==1.0.0",
    "requests==2.32.5",
    "urllib3==2.5.0",
    "idna==3.10",
    "certifi==2025.8.3",
    "charset-normalizer==3.4.3",
];

/// Says past the harness, which keeps what a passed test prints, that something could not be checked here.
pub(crate) fn unavailable(what: &str) {
    let _ = writeln!(std::io::stdout(), "unavailable: {what}");
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder").join("peers")
}

/// Runs an installer; its last words if it fails.
fn install(command: &mut Command) -> Result<(), String> {
    let out = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let words = String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or("no reason given").to_string();
    if out.status.success() { Ok(()) } else { Err(words) }
}

/// A Python that has the client library of Toxiproxy.
pub(crate) fn python() -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os("METTLE_TOXIPROXY_PYTHON") {
        return Ok(python.into());
    }
    let venv = peers().join("toxiproxy-python");
    let python = venv.join("bin/python");
    let has_it = Command::new(&python).args(["-c", "import toxiproxy"]).output();
    if !has_it.is_ok_and(|out| out.status.success()) {
        install(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--retries", "1"];
        install(Command::new(&python).args(pip).args(PYTHON_CLIENT))?;
    }
    Ok(python)
}

/// The Toxiproxy server itself.
pub(crate) fn toxiproxy() -> Result<PathBuf, String> {
    if let Some(server) = std::env::var_os("METTLE_TOXIPROXY_SERVER") {
        return Ok(server.into());
    }
    let home = peers().join("toxiproxy");
    let server = home.join("bin/server");
    if !server.exists() {
        let mut go = Command::new("go");
        go.args(["install", TOXIPROXY]).env("GOPATH", &home).env("GOCACHE", home.join("cache"));
        install(go.env("GOFLAGS", "-modcacherw").env_remove("GOBIN"))?;
    }
    Ok(server)
}
