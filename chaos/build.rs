//! Builds the library that is loaded into components prepared for faults of `time`: see clock/clock.rs.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "clock/clock.rs";
/// Processors whose system calls the library knows.
const KNOWN: [&str; 2] = ["x86_64", "aarch64"];

fn main() {
    println!("cargo::rerun-if-changed=clock");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let out = PathBuf::from(variable("OUT_DIR")).join("libmettle_clock.so");
    if variable("CARGO_CFG_TARGET_OS") != "linux" || !KNOWN.contains(&variable("CARGO_CFG_TARGET_ARCH").as_str()) {
        // No library: `chaos::host` says that this host cannot hold the faults.
        std::fs::write(&out, []).expect("the folder of the build can be written");
        return;
    }
    let mut command = Command::new(variable("RUSTC"));
    command.args(["--crate-name", "mettle_clock", "--crate-type", "cdylib", "--edition", "2024"]);
    command.args(["--target", &variable("TARGET"), "-C", "panic=abort", "-C", "opt-level=3", "-C", "strip=symbols"]);
    // No C library, so that one build serves every one of them.
    command.args(["-C", "link-arg=-nostdlib", "-C", "link-arg=-nostartfiles"]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        command.arg("-C").arg(format!("linker={linker}"));
    }
    let built = command.arg("-o").arg(&out).arg(SOURCE).status().expect("rustc can be run");
    assert!(built.success(), "{SOURCE} does not compile");
}
