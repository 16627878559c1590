//! The real binary, and installations that `mettle init` made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with arguments, in `folder`, without anything of the caller's that would change its answers.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for name in ["METTLE_DIR", "METTLE_URL", "METTLE_LOG", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn mettle(folder: &Path, args: &[&str]) -> Ran {
    let output = command(folder, args).output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=t", "-c", "user.email=t@localhost"]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An installation of one web server, made by `mettle init`.
pub(crate) struct Installed {
    folder: tempfile::TempDir,
}

/// A soak of four seconds: nothing in the tests needs a longer one.
const SHORT: &str = "apiVersion: mettle/v1\nkind: Programme\nmetadata: {name: short}\ninterval: 100ms\nsuites: [journeys]\n\
                     phases: [{name: warmup, samples: 5}, {name: steady, samples: 20}]\nlooks: {first: 20}\n";

impl Installed {
    /// `shop` with the component `web`; its programme is short.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let web = "web=python3 -m http.server {port} --bind 127.0.0.1";
        let args = ["init", "--dir", "i", "--product", "shop", "--component", web, "--health", "web=/"];
        let ran = mettle(folder.path(), &args);
        assert_eq!(ran.code, 0, "{ran:?}");
        let installed = Installed { folder };
        installed.write("shop/mettle/programme.yaml", SHORT);
        installed.commit("shop");
        // A machine under load starts programs slowly; none of these tests is about that.
        let processes = fs::read_to_string(installed.path("staging/processes.yaml")).unwrap();
        installed.write("staging/processes.yaml", &processes.replace("{http: /}", "{http: /, deadline: 60s}"));
        installed.commit("staging");
        // Nobody has seen the tag yet, so it may still move.
        git(&installed.path("shop"), &["tag", "-f", "-a", "v1.0.0", "-m", "v1.0.0"]);
        installed
    }

    /// A path in the installation.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join("i").join(below)
    }

    pub(crate) fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, repository: &str) {
        let path = self.path(repository);
        git(&path, &["add", "-A"]);
        git(&path, &["commit", "-q", "--allow-empty", "-m", "fix: a change"]);
    }

    /// Commits and makes the annotated tag `name`.
    pub(crate) fn tag(&self, name: &str) {
        self.commit("shop");
        git(&self.path("shop"), &["tag", "-a", name, "-m", name]);
    }

    /// Runs the binary beside the installation, which is `i`.
    pub(crate) fn mettle(&self, args: &[&str]) -> Ran {
        mettle(self.folder.path(), args)
    }

    /// A command of the binary that is not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        command(self.folder.path(), args)
    }
}
