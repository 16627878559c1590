//! Faults in a sandbox as the component meets them, and how they end.

use crate::component::{Component, is_prepared, until};
use crate::orders::{Holder, order};
use crate::sandbox::{sandbox_of, through};
use chaos::act::Hold;
use chaos::holder::Order;
use chaos::sandbox::{FileEffect, FileError, FileFault, FileOperation, NameEffect, NameError, NameFault, TornEnd};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::process::Command;
use std::time::Duration;

fn files(operations: &[FileOperation], path: Option<&str>, effect: FileEffect) -> Hold {
    let operations = operations.iter().copied().collect();
    Hold::Files(FileFault { operations, path: path.map(str::to_owned), share: 1.0, effect })
}

fn held(component: &Component, hold: Hold) -> Holder {
    let mut holder = Holder::start(&order(component, hold));
    assert_eq!(holder.says(), "in");
    holder
}

#[test]
fn only_what_the_pattern_names_fails_and_only_as_asked() {
    let component = Component::start("sound");
    if sandbox_of(&component).is_none() {
        return;
    }
    let folder = through(&component);
    fs::create_dir(folder.join("data")).unwrap();
    let write = |name: &str| fs::write(folder.join(name), "x").map_err(|error| error.raw_os_error().unwrap());
    write("data/a.db").unwrap();
    let error = FileEffect::Error(FileError::Enospc);
    let holder = held(&component, files(&[FileOperation::Write], Some("data/*.db"), error));
    let full = Err(FileError::Enospc.number());
    assert_eq!((write("data/a.db"), write("data/a.txt"), write("b.db")), (full, Ok(()), Ok(())));
    fs::rename(folder.join("b.db"), folder.join("data/b.db")).unwrap();
    assert_eq!(write("data/b.db"), full, "a file is what it is called now");
    assert_eq!(holder.end(), "out");
    assert_eq!(write("data/a.db"), Ok(()));
    let holder = held(&component, files(&[FileOperation::Create], None, FileEffect::Error(FileError::Erofs)));
    assert_eq!((write("data/a.db"), write("new")), (Ok(()), Err(FileError::Erofs.number())));
    holder.end();
    let holder = held(&component, files(&[FileOperation::Write], None, FileEffect::Tear(TornEnd::Success)));
    fs::write(folder.join("torn"), vec![7; 4_096]).unwrap();
    let stored = fs::read(component.stage.folder.join("torn")).unwrap();
    assert!(stored.len() < 4_096 && stored.iter().all(|byte| *byte == 7), "{} bytes", stored.len());
    holder.end();
}

#[test]
fn what_is_delayed_holds_nothing_else_up_and_goes_on_when_the_fault_ends() {
    let component = Component::start("sound");
    let Some(sandbox) = sandbox_of(&component) else { return };
    let folder = through(&component);
    let delay = FileEffect::Delay { delay: Duration::from_secs(600), jitter: Duration::ZERO };
    for n in 0..40 {
        // Each in a folder of its own: the kernel lets one at a time make a file in a folder.
        fs::create_dir(folder.join(format!("folder-{n}"))).unwrap();
    }
    let holder = held(&component, files(&[FileOperation::Create], Some("**/slow*"), delay));
    let write = |n| {
        let file = folder.join(format!("folder-{n}/slow"));
        std::thread::spawn(move || fs::write(file, "x"))
    };
    let writers: Vec<_> = (0..40).map(write).collect();
    // Each is held back on a thread of its own.
    until("all are held back", || chaos::proc_table::threads(sandbox).len() > 40);
    for _ in 0..40 {
        assert_eq!(fs::read_to_string(folder.join("settings.txt")).unwrap(), crate::component::SETTINGS);
    }
    assert!(writers.iter().all(|writer| !writer.is_finished()));
    assert_eq!(holder.end(), "out");
    for writer in writers {
        writer.join().unwrap().unwrap();
    }
}

#[test]
fn a_fault_ends_with_its_holder_and_with_its_lease() {
    let component = Component::start("sound");
    if sandbox_of(&component).is_none() {
        return;
    }
    let file = through(&component).join("x");
    for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
        let hold = files(&[FileOperation::Create], None, FileEffect::Error(FileError::Eio));
        let order = Order { ttl_ms: 1_000, ..order(&component, hold) };
        let mut holder = Holder::start(&order);
        assert_eq!(holder.says(), "in");
        fs::write(&file, "").unwrap_err();
        let pid = Pid::from_raw(i32::try_from(holder.child.id()).unwrap());
        kill(pid, signal).unwrap();
        until("the fault is out", || fs::write(&file, "").is_ok());
        fs::remove_file(&file).unwrap();
        kill(pid, Signal::SIGKILL).unwrap();
        holder.child.wait().unwrap();
    }
    until("no probe is left", || {
        let mut files = fs::read_dir(&component.stage.folder).unwrap().flatten();
        !files.any(|file| file.file_name().to_string_lossy().contains("mettle-probe"))
    });
}

/// The masks of the rights of a process.
fn rights(pid: i32) -> (u64, String) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    (
        u64::from_str_radix(&line("CapPrm:"), 16).unwrap(),
        format!("{} {} {}", line("CapEff:"), line("NoNewPrivs:"), line("Uid:")),
    )
}

#[test]
fn a_sandbox_has_few_rights_and_takes_none_from_its_component() {
    let component = Component::start("sound");
    let Some(sandbox) = sandbox_of(&component) else { return };
    // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, MKNOD.
    let allowed = 0b1111 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 27;
    assert_eq!(rights(sandbox).0 & !allowed, 0);
    let ours = i32::try_from(std::process::id()).unwrap();
    assert_eq!(rights(component.stage.tree()[0]), rights(ours), "the component has what it would have had");
}

#[test]
fn foreign_sandboxes_are_refused() {
    let component = Component::start("sound");
    if sandbox_of(&component).is_none() {
        return;
    }
    let address = format!("stranger-{}", std::process::id());
    let name = std::os::unix::net::SocketAddr::from_abstract_name(&address).unwrap();
    let _stranger = std::os::unix::net::UnixListener::bind_addr(&name).unwrap();
    let hold = files(&[FileOperation::Write], None, FileEffect::Error(FileError::Eio));
    for (sandbox, why) in [
        (Some(address), "is not the landscape's"),
        (Some("nobody".to_owned()), "has no sandbox"),
        (None, "has no sandbox"),
    ] {
        let mut holder = Holder::start(&Order { sandbox, ..order(&component, hold.clone()) });
        let said = holder.says();
        assert!(said.starts_with("refused ") && said.contains(why), "{said}");
        holder.child.wait().unwrap();
    }
}

/// A question for an address, as a resolver of the C library asks it.
fn question(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|part| std::iter::once(part.len() as u8).chain(part.bytes()));
    [0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0].into_iter().chain(labels).chain([0, 0, 1, 0, 1]).collect()
}

fn by_datagram(server: SocketAddr, name: &str) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send_to(&question(name), server).unwrap();
    let mut answer = [0; 512];
    socket.recv(&mut answer).ok().map(|length| answer[..length].to_vec())
}

fn by_stream(server: SocketAddr, name: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    let question = question(name);
    stream.write_all(&(question.len() as u16).to_be_bytes()).and_then(|()| stream.write_all(&question)).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    answer
}

fn code(answer: &[u8]) -> u8 {
    answer[3] & 15
}

#[test]
fn names_are_asked_of_the_forwarder_and_fail_as_asked() {
    let component = Component::start("sound");
    if !is_prepared(&component.stage, "dns.error") {
        return;
    }
    let main = component.stage.tree()[0];
    let conf = fs::read_to_string(format!("/proc/{main}/root/etc/resolv.conf")).unwrap();
    let server: IpAddr = conf.lines().find_map(|line| line.strip_prefix("nameserver ")).unwrap().parse().unwrap();
    assert!(server.is_loopback() && !fs::read_to_string("/etc/resolv.conf").unwrap().contains(&server.to_string()));
    let server = SocketAddr::from((server, 53));
    let known = [127, 0, 0, 77];
    assert!(by_datagram(server, "shop.example.com").unwrap().ends_with(&known));

    let names = vec!["*.example.com".to_owned()];
    let fault = |names: &[String], effect| Hold::Names(NameFault { names: names.to_vec(), share: 1.0, effect });
    let holder = held(&component, fault(&names, NameEffect::Error(NameError::Refused)));
    assert_eq!(code(&by_datagram(server, "Shop.EXAMPLE.com").unwrap()), 5);
    assert_eq!(code(&by_stream(server, "shop.example.com")), 5);
    assert!(by_datagram(server, "shop.example.org").unwrap().ends_with(&known));
    assert_eq!(holder.end(), "out");
    until("names are sound", || by_datagram(server, "shop.example.com").is_some_and(|answer| answer.ends_with(&known)));

    let holder = held(&component, fault(&[], NameEffect::Address("127.0.0.9".parse().unwrap())));
    let answer = by_stream(server, "shop.example.com");
    assert!(code(&answer) == 0 && answer.windows(4).any(|bytes| bytes == [127, 0, 0, 9]), "{answer:?}");
    if let Ok(found) = getent(&component) {
        assert!(found.starts_with("127.0.0.9"), "{found}");
        holder.end();
        until("the C library finds it", || getent(&component).is_ok_and(|found| found.starts_with("127.0.0.77")));
    } else {
        eprintln!("SKIPPED: there is no getent here");
        holder.end();
    }
}

/// What the C library finds inside.
fn getent(component: &Component) -> std::io::Result<String> {
    let sandbox = sandbox_of(component).expect("it is prepared");
    Command::new("getent").arg("--version").output()?;
    let mut program = Command::new(crate::component::actor());
    let found = program.args(["inside", &sandbox.to_string(), "getent", "ahostsv4", "shop.example.com"]).output()?;
    Ok(String::from_utf8_lossy(&found.stdout).into_owned())
}
