//! The pass-through file system of a sandbox is a file system like the one below it: for programs, for whatever a
//! program may do, and for sequences of operations that nobody thought of.

use crate::component::{Component, actor};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folder that [`exercise`] works in, and the file that tells what it saw.
const FOLDER: &str = "METTLE_EXERCISE_FOLDER";
const LOG: &str = "METTLE_EXERCISE_LOG";
/// To what `O_DIRECT` aligns.
const PAGE: usize = 4_096;

/// The sandbox of the component, a process beside it; `None` only where this host can hold none.
pub(crate) fn sandbox_of(component: &Component) -> Option<i32> {
    let all = chaos::proc_table::snapshot().unwrap();
    let start = format!(" sandbox {{\"mark\":\"{}", component.stage.mark);
    let is_it = |pid: &i32| chaos::proc_table::command_line(*pid).contains(&start);
    let found = all.into_iter().map(|entry| entry.pid).find(is_it);
    let is_prepared = component.stage.prepared.contains(&chaos::inventory::Preparation::Io);
    assert_eq!(found.is_some(), is_prepared, "the component has a sandbox where it can");
    found
}

/// The folder of the component as the component sees it.
pub(crate) fn through(component: &Component) -> PathBuf {
    let main = component.stage.tree()[0];
    let folder = component.stage.folder.canonicalize().unwrap();
    Path::new("/proc").join(main.to_string()).join("root").join(folder.strip_prefix("/").unwrap())
}

#[test]
fn a_program_meets_the_same_files_inside_and_outside() {
    let component = Component::start("sound");
    let Some(sandbox) = sandbox_of(&component) else { return };
    let elsewhere = component.stage.folder.with_file_name("elsewhere");
    let (inside, outside) = (elsewhere.join("inside.log"), elsewhere.join("outside.log"));
    let mut program = Command::new(actor());
    program.args(["inside", &sandbox.to_string()]).arg(std::env::current_exe().unwrap());
    program.args(["--exact", "sandbox::exercise", "--ignored", "--quiet"]);
    let ran = program.env(FOLDER, &component.stage.folder).env(LOG, &inside).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    let plain = elsewhere.join("plain");
    fs::create_dir(&plain).unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "sandbox::exercise", "--ignored", "--quiet"]);
    let ran = program.env(FOLDER, &plain).env(LOG, &outside).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    let (inside, outside) = (fs::read_to_string(inside).unwrap(), fs::read_to_string(outside).unwrap());
    assert_eq!(inside, outside);
    assert!(inside.lines().count() > 40, "{inside}");
    // What was done inside lies in the folder below.
    assert_eq!(listing(&component.stage.folder.join("work")), listing(&plain.join("work")));
}

#[test]
fn files_are_opened_past_the_memory_of_the_kernel() {
    let component = Component::start("sound");
    let Some(_) = sandbox_of(&component) else { return };
    let mut open = OpenOptions::new();
    open.read(true).write(true).custom_flags(nix::libc::O_DIRECT);
    let path = through(&component).join("direct");
    let mut bytes = vec![7; 3 * PAGE];
    let start = bytes.as_ptr().align_offset(PAGE);
    let page = &mut bytes[start..start + PAGE];
    let made = open.clone().create_new(true).open(&path).unwrap();
    made.write_all_at(page, 0).unwrap();
    let opened = open.open(&path).unwrap();
    opened.write_all_at(page, PAGE as u64).unwrap();
    page.fill(0);
    made.read_exact_at(page, PAGE as u64).unwrap();
    assert!(page.iter().all(|byte| *byte == 7));
    page.fill(0);
    opened.read_exact_at(page, 0).unwrap();
    assert!(page.iter().all(|byte| *byte == 7));
    assert_eq!(fs::read(component.stage.folder.join("direct")).unwrap(), [7; 2 * PAGE]);
}

#[test]
fn git_works_inside() {
    let component = Component::start("sound");
    let Some(sandbox) = sandbox_of(&component) else { return };
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no git here");
        return;
    }
    let git = |arguments: &[&str]| {
        let mut git = Command::new(actor());
        git.args(["inside", &sandbox.to_string(), "git", "-c", "user.name=x", "-c", "user.email=x@localhost"]);
        let ran = git.args(arguments).current_dir(&component.stage.folder).output().unwrap();
        assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    git(&["init", "-q", "."]);
    for n in 0..100 {
        fs::write(component.stage.folder.join(format!("file-{n}")), format!("{n}\n").repeat(n)).unwrap();
    }
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["gc", "-q"]);
    git(&["fsck", "--strict"]);
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["ls-files"]).lines().filter(|line| line.starts_with("file-")).count(), 100);
}

#[test]
#[ignore = "run by the others, inside a sandbox and outside"]
fn exercise() {
    let (folder, log) = (std::env::var(FOLDER).unwrap(), std::env::var(LOG).unwrap());
    let mut told = Told(Vec::new());
    let work = Path::new(&folder).join("work");
    fs::create_dir(&work).unwrap();
    names(&work, &mut told);
    contents(&work, &mut told);
    many(&work, &mut told);
    locks(&work, &mut told);
    attributes(&work, &mut told);
    database(&work, &mut told);
    fs::write(log, told.0.join("\n")).unwrap();
}

/// What was seen, a line each.
struct Told(Vec<String>);

impl Told {
    fn tell(&mut self, what: &str, seen: impl Debug) {
        self.0.push(format!("{what}: {seen:?}"));
    }

    /// Errors by their number: their texts name paths.
    fn ended<T: Debug>(&mut self, what: &str, ended: io::Result<T>) {
        self.tell(what, ended.map_err(|error| error.raw_os_error()));
    }
}

fn names(work: &Path, told: &mut Told) {
    let path = |name: &str| work.join(name);
    fs::write(path("a"), "a").unwrap();
    fs::write(path("b"), "b").unwrap();
    told.ended("rename over", fs::rename(path("a"), path("b")));
    told.tell("renamed", fs::read_to_string(path("b")).unwrap());
    told.ended("gone", fs::metadata(path("a")).map(|m| m.len()));
    told.ended("hard link", fs::hard_link(path("b"), path("c")));
    told.tell("links", fs::metadata(path("c")).unwrap().nlink());
    told.tell("one file", fs::metadata(path("b")).unwrap().ino() == fs::metadata(path("c")).unwrap().ino());
    told.ended("symbolic link", symlink("b", path("d")));
    told.ended("link read", fs::read_link(path("d")));
    told.tell("link followed", fs::read_to_string(path("d")).unwrap());
    told.ended("dangling", symlink("nowhere", path("e")).and_then(|()| fs::read(path("e"))));
    told.ended("made twice", OpenOptions::new().write(true).create_new(true).open(path("b")).map(drop));
    told.ended("folder", fs::create_dir_all(path("f/g/h")));
    told.ended("folder full", fs::remove_dir(path("f/g")));
    told.ended("rename of a folder", fs::rename(path("f/g"), path("i")));
    told.ended("into itself", fs::rename(path("i"), path("i/h/i")));
    told.ended("folder as file", fs::write(path("i"), ""));
    told.ended("long name", fs::write(path(&"x".repeat(256)), ""));
    told.ended("longest name", fs::write(path(&"x".repeat(255)), ""));
    told.ended("no folder", fs::write(path("nowhere/x"), ""));
    told.ended("file as folder", fs::write(path("b/x"), ""));
}

fn contents(work: &Path, told: &mut Told) {
    let mut open = OpenOptions::new();
    let open = open.read(true).write(true).create(true).truncate(true);
    let mut file = open.open(work.join("open")).unwrap();
    file.write_all(b"0123456789").unwrap();
    told.ended("unlink of an open file", fs::remove_file(work.join("open")));
    file.write_all(b"abc").unwrap();
    file.seek(SeekFrom::Start(8)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    told.tell("read without a name", text);
    told.tell("links without a name", file.metadata().unwrap().nlink());

    let append = || OpenOptions::new().append(true).create(true).open(work.join("append")).unwrap();
    let (mut one, mut two) = (append(), append());
    for n in 0..50 {
        writeln!(one, "one {n}").unwrap();
        writeln!(two, "two {n}").unwrap();
    }
    told.tell("appended", fs::read_to_string(work.join("append")).unwrap());

    let file = open.open(work.join("sparse")).unwrap();
    file.write_all_at(b"end", 10 << 20).unwrap();
    told.tell("length", file.metadata().unwrap().len());
    told.tell("holes take nothing", file.metadata().unwrap().blocks() < 64);
    told.ended("shorter", file.set_len(5));
    told.ended("longer", file.set_len(9));
    let mut bytes = [1; 9];
    told.ended("zeros", file.read_exact_at(&mut bytes, 0).map(|()| bytes));
    told.ended("past the end", file.read_at(&mut bytes, 100));
    let reserve = |mode, at, len| rustix::fs::fallocate(&file, mode, at, len).map_err(io::Error::from);
    told.ended("allocated", reserve(rustix::fs::FallocateFlags::empty(), 0, 1 << 16));
    told.tell("allocated length", file.metadata().unwrap().len());
    told.ended("synced", file.sync_all().and_then(|()| file.sync_data()));
    told.ended("folder synced", File::open(work).and_then(|folder| folder.sync_all()));
    let large: Vec<u8> = (0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(work.join("large"), &large).unwrap();
    told.tell("large", fs::read(work.join("large")).unwrap() == large);
    told.ended("copied", fs::copy(work.join("large"), work.join("copy")));
    told.tell("copy", fs::read(work.join("copy")).unwrap() == large);
    told.ended("truncated by opening", open.open(work.join("copy")).map(|file| file.metadata().unwrap().len()));
}

fn many(work: &Path, told: &mut Told) {
    let folder = work.join("many");
    fs::create_dir(&folder).unwrap();
    for n in 0..3_000 {
        File::create(folder.join(format!("file-{n:05}"))).unwrap();
    }
    let names = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
    told.tell("many", names().len());
    // Removing while listing must miss nothing that was there all the time.
    for (n, entry) in fs::read_dir(&folder).unwrap().enumerate() {
        if n % 2 == 0 {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    told.tell("half", names().len());
    told.ended("all removed", fs::remove_dir_all(&folder));
}

fn locks(work: &Path, told: &mut Told) {
    let path = work.join("lock");
    let (one, two) = (File::create(&path).unwrap(), File::create(&path).unwrap());
    told.ended("locked", one.lock());
    told.tell("locked twice", two.try_lock().is_err());
    one.unlock().unwrap();
    told.tell("unlocked", two.try_lock().is_ok());
}

fn attributes(work: &Path, told: &mut Told) {
    let path = work.join("attributes");
    fs::write(&path, "x").unwrap();
    told.ended("mode", fs::set_permissions(&path, fs::Permissions::from_mode(0o640)));
    told.tell("mode read", format!("{:o}", fs::metadata(&path).unwrap().mode()));
    let then = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    told.ended("times", file.set_modified(then));
    told.tell("time read", fs::metadata(&path).unwrap().modified().unwrap() == then);
    let attribute = "user.colour";
    let set = rustix::fs::setxattr(&path, attribute, b"blue", rustix::fs::XattrFlags::empty());
    told.ended("attribute", set.map_err(io::Error::from));
    let mut value = [0; 16];
    let read = rustix::fs::getxattr(&path, attribute, &mut value[..]).map_err(io::Error::from);
    told.ended("attribute read", read);
    told.ended("attribute missing", rustix::fs::getxattr(&path, "user.none", &mut value[..]).map_err(io::Error::from));
    told.ended("attribute removed", rustix::fs::removexattr(&path, attribute).map_err(io::Error::from));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    told.tell("set-user-id", format!("{:o}", fs::metadata(&path).unwrap().mode()));
    told.tell("owner", (fs::metadata(&path).unwrap().uid(), fs::metadata(&path).unwrap().gid()));
    told.ended(
        "named pipe",
        nix::unistd::mkfifo(&work.join("pipe"), nix::sys::stat::Mode::S_IRWXU).map_err(io::Error::from),
    );
    let listener = std::os::unix::net::UnixListener::bind(work.join("socket")).unwrap();
    told.ended("socket", std::os::unix::net::UnixStream::connect(work.join("socket")).map(drop));
    drop(listener);
    fs::remove_file(work.join("socket")).unwrap();
}

/// A database that shares memory through a file (write-ahead log), with two connections.
fn database(work: &Path, told: &mut Told) {
    let open = || rusqlite::Connection::open(work.join("data.db")).unwrap();
    let (one, two) = (open(), open());
    let mode: String = one.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    told.tell("journal", mode);
    one.execute_batch("PRAGMA mmap_size = 1000000; CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)").unwrap();
    for n in 0..200 {
        let into = if n % 2 == 0 { &one } else { &two };
        into.execute("INSERT INTO t VALUES (?1, ?2)", (n, "x".repeat(n as usize))).unwrap();
    }
    let sum =
        |of: &rusqlite::Connection| of.query_row("SELECT sum(n * length(text)) FROM t", [], |row| row.get::<_, i64>(0));
    told.tell("sums", (sum(&one).unwrap(), sum(&two).unwrap()));
    let check: String = one.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    told.tell("integrity", check);
    one.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Everything below a folder: names, kinds, modes, contents; a database's own files are left out.
fn listing(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let content = match meta.file_type() {
            kind if kind.is_dir() => format!("{:?}", listing(&path)),
            kind if kind.is_symlink() => format!("{:?}", fs::read_link(&path).unwrap()),
            kind if kind.is_file() && !name.starts_with("data.db") => format!("{:?}", fs::read(&path).unwrap()),
            _ => String::new(),
        };
        let len = if meta.is_file() && !name.starts_with("data.db") { meta.len() } else { 0 };
        all.push(format!("{name} {:o} {} {len} {content}", meta.mode(), meta.nlink()));
    }
    all.sort();
    all
}

/// One operation on names `0` to `5` in two folders.
#[derive(Clone, Debug)]
enum Op {
    Write(u8, u16, Vec<u8>),
    Append(u8, Vec<u8>),
    Truncate(u8, u16),
    Read(u8),
    Rename(u8, u8),
    Link(u8, u8),
    Symlink(u8, u8),
    Remove(u8),
    Folder(u8),
    RemoveFolder(u8),
    Mode(u8, u16),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..600);
    let name = || 0u8..12;
    let one = prop_oneof![
        (name(), 0u16..9_000, bytes()).prop_map(|(name, at, bytes)| Op::Write(name, at, bytes)),
        (name(), bytes()).prop_map(|(name, bytes)| Op::Append(name, bytes)),
        (name(), 0u16..9_000).prop_map(|(name, len)| Op::Truncate(name, len)),
        name().prop_map(Op::Read),
        (name(), name()).prop_map(|(from, to)| Op::Rename(from, to)),
        (name(), name()).prop_map(|(from, to)| Op::Link(from, to)),
        (name(), name()).prop_map(|(from, to)| Op::Symlink(from, to)),
        name().prop_map(Op::Remove),
        name().prop_map(Op::Folder),
        name().prop_map(Op::RemoveFolder),
        (name(), 0u16..0o1000).prop_map(|(name, mode)| Op::Mode(name, mode)),
    ];
    prop::collection::vec(one, 1..60)
}

fn perform(root: &Path, op: &Op) -> Result<Vec<u8>, Option<i32>> {
    let path = |name: &u8| root.join(if *name < 6 { format!("{name}") } else { format!("folder/{}", name - 6) });
    let open = |name: &u8| OpenOptions::new().write(true).create(true).truncate(false).open(path(name));
    let done = match op {
        Op::Write(name, at, bytes) => open(name).and_then(|file| file.write_all_at(bytes, u64::from(*at))),
        Op::Append(name, bytes) => {
            OpenOptions::new().append(true).open(path(name)).and_then(|mut f| f.write_all(bytes))
        }
        Op::Truncate(name, len) => {
            OpenOptions::new().write(true).open(path(name)).and_then(|f| f.set_len(u64::from(*len)))
        }
        Op::Read(name) => return fs::read(path(name)).map_err(|error| error.raw_os_error()),
        Op::Rename(from, to) => fs::rename(path(from), path(to)),
        Op::Link(from, to) => fs::hard_link(path(from), path(to)),
        Op::Symlink(from, to) => symlink(format!("{from}"), path(to)),
        Op::Remove(name) => fs::remove_file(path(name)),
        Op::Folder(name) => fs::create_dir(path(name)),
        Op::RemoveFolder(name) => fs::remove_dir(path(name)),
        Op::Mode(name, mode) => fs::set_permissions(path(name), fs::Permissions::from_mode(u32::from(*mode) | 0o700)),
    };
    done.map(|()| Vec::new()).map_err(|error| error.raw_os_error())
}

#[test]
fn random_operations_do_the_same_as_on_a_plain_folder() {
    let component = Component::start("sound");
    if sandbox_of(&component).is_none() {
        return;
    }
    let (below, plain) = (component.stage.folder.join("random"), component.stage.folder.with_file_name("plain"));
    let through = through(&component).join("random");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(60) });
    let ran = runner.run(&ops(), |ops| {
        for folder in [&below, &plain] {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder.join("folder")).unwrap();
        }
        for op in &ops {
            prop_assert_eq!(perform(&through, op), perform(&plain, op), "{:?}", op);
        }
        prop_assert_eq!(listing(&through), listing(&plain));
        prop_assert_eq!(listing(&below), listing(&plain));
        Ok(())
    });
    ran.unwrap();
}
