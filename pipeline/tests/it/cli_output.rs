//! What commands do when nobody takes their answer.

use crate::cli_files::folder;
use crate::cli_support::{Ran, command};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

fn judging<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let args = ["judge", "--candidate", "slow.csv", "--baseline", "b1.csv", "b2.csv", "b3.csv", "b4.csv"];
    [&args[..], &["--policy", "policy.yaml"], more].concat()
}

/// Commands that write data, with the exit code of their answer.
fn writers() -> Vec<(Vec<&'static str>, i32)> {
    let mut all: Vec<(Vec<&str>, i32)> =
        ["text", "json", "yaml", "junit"].map(|format| (judging(&["-o", format]), 10)).to_vec();
    for args in [
        &["power", "--baseline", "b1.csv", "b2.csv", "b3.csv"][..],
        &["schema", "judge-policy"],
        &["completions", "bash"],
        &["man"],
        &["chaos", "new", "net.delay", "--components", "web"],
        &["validate", "policy.yaml"],
        &["judge", "--help"],
        &["--version"],
    ] {
        all.push((args.to_vec(), 0));
    }
    all
}

fn into(folder: &Path, args: &[&str], stdout: Stdio) -> Ran {
    let output = command(folder, args).stdout(stdout).output().unwrap();
    let (code, stderr) = (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap());
    Ran { code, stdout: String::new(), stderr }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let folder = folder();
    for (args, code) in writers() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = into(folder.path(), &args, writer.into());
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{args:?}");
    }
}

#[test]
fn nobody_need_read_what_is_told() {
    let folder = folder();
    let args = ["judge", "--candidate", "gone.csv", "--baseline", "b1.csv"];
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let full = File::options().write(true).open("/dev/full").unwrap();
    for stderr in [Stdio::from(writer), full.into()] {
        let status = command(folder.path(), &args).stderr(stderr).status().unwrap();
        assert_eq!(status.code(), Some(2));
    }
}

#[test]
fn a_full_disk_is_told_with_a_hint() {
    let folder = folder();
    for (args, _) in writers() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = into(folder.path(), &args, full.into());
        let told = "error: failed to write the answer to stdout: No space left on device (os error 28)\n";
        assert!(ran.code == 1 && ran.stderr.starts_with(told), "{args:?}: {ran:?}");
        assert_eq!(ran.stderr.lines().count(), 2, "the line and a hint: {ran:?}");
    }
}
