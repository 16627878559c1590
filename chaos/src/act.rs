//! What a backend has to hold for a fault. Backends differ only in how they hold and undo it.

use crate::proxy::EdgeFault;
use crate::road::PacketFault;
use crate::sandbox::{FileFault, NameFault};
use crate::setting::{Format, KeyPath, Scalar};
use crate::thread_choice::ThreadChoice;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is done to a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An entry in the fault table of every edge to the target.
    Edge(EdgeFault),
    /// Signals to the chosen replicas. Nothing is held: who watches the component starts it again.
    Signal(Blow),
    /// Something that a holder process keeps in place, and that ends with it.
    Held(Hold),
}

impl Act {
    /// Whether it acts on the chosen replicas of a component and not on all of it.
    pub fn chooses_replicas(&self) -> bool {
        match self {
            Act::Edge(_) => false,
            Act::Signal(_) => true,
            Act::Held(hold) => match hold {
                Hold::Pause | Hold::Threads(_) | Hold::Fds { .. } => true,
                Hold::Cpu { .. }
                | Hold::Memory { .. }
                | Hold::Io { .. }
                | Hold::Disk { .. }
                | Hold::Inodes { .. }
                | Hold::Connections { .. }
                | Hold::Clock { .. }
                | Hold::File { .. }
                | Hold::Toggle(_)
                | Hold::Files(_)
                | Hold::Names(_)
                | Hold::Packets(_) => false,
            },
        }
    }
}

/// Signals to the main process of each chosen replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL, once.
    Kill,
    /// SIGTERM, once: the component may end in order.
    Stop,
    /// SIGKILL, and again `every` so long while the fault holds.
    KillEvery(Duration),
}

/// What a holder keeps in place. Everything in it is undone by the kernel or by a guard when the holder is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "camelCase")]
pub enum Hold {
    /// All threads of the target's processes stand still (`ptrace`).
    Pause,
    /// Some threads of the target's processes stand still (`ptrace`); the others run on.
    Threads(ThreadChoice),
    /// Threads that burn `cores` processors for a share `load` of the time, where the target may run.
    Cpu {
        /// Threads.
        cores: u32,
        /// Share of the time of each, in (0, 1].
        load: f64,
    },
    /// Touched memory.
    Memory {
        /// How much.
        bytes: u64,
    },
    /// Writes with `fdatasync` to a file without a name in the target's folder.
    Io {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// A file without a name in the target's folder.
    Disk {
        /// Its size.
        fill: Fill,
    },
    /// Empty files without names in the target's folder.
    Inodes {
        /// How many.
        count: u32,
    },
    /// The limit of open files of each process of the target, so low that it can open only `leave` more.
    Fds {
        /// Descriptors that it may still open.
        leave: u32,
    },
    /// Idle connections to the target.
    Connections {
        /// How many.
        count: u32,
    },
    /// Another wall clock of the target.
    Clock {
        /// Milliseconds ahead of the true time; negative behind it.
        offset_ms: i64,
        /// Milliseconds gained in each second; negative for lost.
        gain_ms_per_s: i64,
    },
    /// Another content of a file below the target's folder.
    File {
        /// Path below the folder.
        path: String,
        /// The content.
        content: String,
    },
    /// Another value in a settings file below the target's folder.
    Toggle(Flip),
    /// Operations on files of the target go wrong, in its sandbox.
    Files(FileFault),
    /// Questions of the target for names go wrong, in its sandbox.
    Names(NameFault),
    /// A road on which packets go wrong; edges to the target lead over it.
    Packets(PacketFault),
}

/// A value in a settings file, and what it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flip {
    /// Path below the folder.
    pub path: String,
    /// How the file is written.
    pub format: Format,
    /// Where the value stands.
    pub key: KeyPath,
    /// The new value.
    pub value: Scalar,
}

/// How far a disk is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fill {
    /// By so many bytes.
    Bytes(u64),
    /// Until so many bytes are free.
    AllBut(u64),
}
