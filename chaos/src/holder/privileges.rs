//! Gives up every right that the fault does not need.

use crate::act::Hold;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use std::io;

/// What a fault needs, where it is to be had: a plain user has none of it and acts on its own processes.
pub(super) fn needed(hold: &Hold) -> CapabilitySet {
    match hold {
        Hold::Pause | Hold::Threads(_) => CapabilitySet::SYS_PTRACE,
        // Processes of another user are counted and limited with the first two; the guard needs the same.
        Hold::Fds { .. } => CapabilitySet::SYS_RESOURCE | CapabilitySet::SYS_PTRACE,
        // Files of a component that runs as somebody else; its sandbox is looked into as by a tracer.
        Hold::File { .. } | Hold::Toggle(_) => {
            CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER | CapabilitySet::CHOWN | CapabilitySet::SYS_PTRACE
        }
        // Probes in the component's folder; the mark of its sandbox is read as by a tracer.
        Hold::Files(_) => CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER | CapabilitySet::SYS_PTRACE,
        Hold::Names(_) => CapabilitySet::SYS_PTRACE,
        // A namespace and a device in it; given up once they are there.
        Hold::Packets(_) => CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN,
        Hold::Io { .. } | Hold::Disk { .. } | Hold::Inodes { .. } | Hold::Clock { .. } => CapabilitySet::DAC_OVERRIDE,
        // Affinity of processes that hold rights which we have given up; sizes need nothing.
        Hold::Cpu { .. } | Hold::Memory { .. } | Hold::Connections { .. } => CapabilitySet::empty(),
    }
}

/// Keeps `kept` as far as we have it, and nothing else; no program that we start can gain more.
pub(super) fn drop_all_but(kept: CapabilitySet) -> io::Result<()> {
    set_no_new_privs(true)?;
    let now = capabilities(None)?;
    let left = CapabilitySets {
        effective: now.effective & kept,
        permitted: now.permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, left)?)
}
