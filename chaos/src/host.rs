//! What this host can hold, asked of the kernel and not guessed.

use crate::fault::{CATALOGUE, Declaration, Needs};
use crate::road;
use crate::sandbox;
use crate::shifted_clock::LIBRARY;
use serde::Serialize;
use std::io;
use std::path::Path;

/// A fault of the catalogue, and whether this host can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Able {
    /// What the catalogue says.
    #[serde(flatten)]
    pub declaration: Declaration,
    /// Whether this host can hold it now, as this user.
    pub able: bool,
    /// Why not.
    pub lacks: Option<Lack>,
}

/// What stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lack {
    /// What is missing.
    pub why: &'static str,
    /// What would enable it.
    pub remedy: &'static str,
}

/// Every fault of the catalogue with what this host can do.
pub fn abilities() -> Vec<Able> {
    let able = |declaration: &Declaration| {
        let lacks = lack(declaration.needs);
        Able { declaration: *declaration, able: lacks.is_none(), lacks }
    };
    CATALOGUE.iter().map(able).collect()
}

/// What of these needs this host does not meet.
pub fn lack(needs: Needs) -> Option<Lack> {
    match needs {
        Needs::Nothing | Needs::SameUser => None,
        Needs::Clock => LIBRARY.is_empty().then_some(Lack {
            why: "there is no clock library for this processor",
            remedy: "run Mettle on Linux on x86_64 or aarch64",
        }),
        Needs::OwnFiles => mount_lack(sandbox::can_mount()).or_else(|| fuse_lack(sandbox::can_open_fuse())),
        Needs::OwnResolver => mount_lack(sandbox::can_mount()).or_else(|| port_lack(sandbox::can_bind_resolver())),
        Needs::OwnNetwork => network_lack(road::can_have_network()).or_else(|| tun_lack(road::can_open_tun())),
        Needs::Trace => trace_lack(ptrace_scope(), has_capability(CAP_SYS_PTRACE)),
    }
}

/// An error with what the host lacks, in the words of the list of faults.
pub(crate) fn explained(what: &str, error: &io::Error, needs: Needs) -> io::Error {
    let remedy = lack(needs).map(|lack| format!("; {}; {}", lack.why, lack.remedy)).unwrap_or_default();
    io::Error::other(format!("{what} cannot be had: {error}{remedy}"))
}

/// Number of the capability in the kernel's masks.
const CAP_SYS_PTRACE: u32 = 19;

/// How far the Yama module restricts tracing; 0 (not at all) also where the module is not there.
fn ptrace_scope() -> u8 {
    let text = std::fs::read_to_string(Path::new("/proc/sys/kernel/yama/ptrace_scope"));
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn has_capability(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> number & 1 == 1)
}

fn mount_lack(can: bool) -> Option<Lack> {
    (!can).then_some(Lack {
        why: "this user may make no mount namespace: it lacks CAP_SYS_ADMIN, and user namespaces are off or not for it",
        remedy: "run Mettle with CAP_SYS_ADMIN, or allow user namespaces (sysctl user.max_user_namespaces=10000, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0 where they exist)",
    })
}

fn fuse_lack(can: bool) -> Option<Lack> {
    (!can).then_some(Lack {
        why: "/dev/fuse is not there or cannot be opened by this user",
        remedy: "modprobe fuse, and let this user read and write /dev/fuse (in a container: --device /dev/fuse)",
    })
}

fn network_lack(can: bool) -> Option<Lack> {
    (!can).then_some(Lack {
        why: "this user may make no network namespace: it lacks CAP_SYS_ADMIN, and user namespaces are off or not for it",
        remedy: "run Mettle with CAP_SYS_ADMIN and CAP_NET_ADMIN, or allow user namespaces (sysctl user.max_user_namespaces=10000, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0 where they exist)",
    })
}

fn tun_lack(can: bool) -> Option<Lack> {
    (!can).then_some(Lack {
        why: "/dev/net/tun is not there or cannot be opened by this user",
        remedy: "modprobe tun, and let this user read and write /dev/net/tun (in a container: --device /dev/net/tun)",
    })
}

fn port_lack(can: bool) -> Option<Lack> {
    (!can).then_some(Lack {
        why: "this user may not listen at port 53, where every resolver is asked",
        remedy: "run Mettle with CAP_NET_BIND_SERVICE (setcap cap_net_bind_service+ep on the program), or sysctl net.ipv4.ip_unprivileged_port_start=53",
    })
}

fn trace_lack(scope: u8, privileged: bool) -> Option<Lack> {
    match (scope, privileged) {
        (0, _) | (1 | 2, true) => None,
        (1 | 2, false) => Some(Lack {
            why: "this kernel lets nobody but a parent or CAP_SYS_PTRACE trace a process (yama ptrace_scope)",
            remedy: "run Mettle with CAP_SYS_PTRACE (setcap cap_sys_ptrace+ep on the program), or sysctl kernel.yama.ptrace_scope=0",
        }),
        _ => Some(Lack {
            why: "this kernel lets nobody trace (yama ptrace_scope 3)",
            remedy: "boot without kernel.yama.ptrace_scope=3: it cannot be lowered while the kernel runs",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracing_is_told_by_the_kernels_own_rules() {
        assert!(trace_lack(0, false).is_none() && trace_lack(1, true).is_none());
        assert!(trace_lack(1, false).is_some_and(|lack| lack.remedy.contains("cap_sys_ptrace")));
        assert!(trace_lack(3, true).is_some_and(|lack| lack.why.contains("nobody")));
        assert_eq!(abilities().len(), CATALOGUE.len());
    }
}
