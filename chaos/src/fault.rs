//! The fault catalogue: one file per fault, each declaring its parameters, its undo, and how its dose is read back.

mod config_file;
mod config_toggle;
mod declaration;
mod dns_error;
mod dns_slow;
mod dns_wrong;
mod files;
mod http_abort;
mod http_body;
mod http_delay;
mod http_header;
mod http_slow;
mod io_error;
mod io_latency;
mod io_torn_write;
mod issuer_files;
mod names;
mod net_bandwidth;
mod net_corrupt;
mod net_delay;
mod net_duplicate;
mod net_limit_connections;
mod net_limit_data;
mod net_loss;
mod net_partition;
mod net_reorder;
mod net_reset;
mod net_slice;
mod net_slow_close;
mod process_kill;
mod process_pause;
mod process_pause_thread;
mod process_restart_loop;
mod process_stop;
mod seen;
mod stress_connections;
mod stress_cpu;
mod stress_disk;
mod stress_fds;
mod stress_inodes;
mod stress_io;
mod stress_memory;
mod time_drift;
mod time_offset;
mod tls_expired;
mod tls_unknown_issuer;
mod tls_wrong_host;

pub use config_file::ConfigFile;
pub use config_toggle::ConfigToggle;
pub use declaration::{Declaration, Needs};
pub use dns_error::DnsError;
pub use dns_slow::DnsSlow;
pub use dns_wrong::DnsWrong;
pub use http_abort::HttpAbort;
pub use http_body::{BodyChange, HttpBody};
pub use http_delay::HttpDelay;
pub use http_header::HttpHeader;
pub use http_slow::HttpSlow;
pub use io_error::IoError;
pub use io_latency::IoLatency;
pub use io_torn_write::IoTornWrite;
pub use issuer_files::IssuerFiles;
pub use net_bandwidth::NetBandwidth;
pub use net_corrupt::NetCorrupt;
pub use net_delay::NetDelay;
pub use net_duplicate::NetDuplicate;
pub use net_limit_connections::NetLimitConnections;
pub use net_limit_data::NetLimitData;
pub(crate) use net_loss::MAX_BURST;
pub use net_loss::NetLoss;
pub use net_partition::NetPartition;
pub use net_reorder::NetReorder;
pub use net_reset::NetReset;
pub use net_slice::NetSlice;
pub use net_slow_close::NetSlowClose;
pub use process_kill::ProcessKill;
pub use process_pause::ProcessPause;
pub use process_pause_thread::ProcessPauseThread;
pub use process_restart_loop::ProcessRestartLoop;
pub use process_stop::ProcessStop;
pub use seen::Seen;
pub use stress_connections::StressConnections;
pub use stress_cpu::StressCpu;
pub use stress_disk::StressDisk;
pub use stress_fds::StressFds;
pub use stress_inodes::StressInodes;
pub use stress_io::StressIo;
pub use stress_memory::StressMemory;
pub use time_drift::TimeDrift;
pub use time_offset::TimeOffset;
pub use tls_expired::TlsExpired;
pub use tls_unknown_issuer::TlsUnknownIssuer;
pub use tls_wrong_host::TlsWrongHost;

use crate::act::Act;
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Smallest share that a fault may ask for: below it, verifying takes more probes than a landscape should bear.
pub const MIN_SHARE: f64 = 0.02;

/// What a fault file implements.
pub(crate) trait Kind {
    /// What the catalogue says.
    const DECLARATION: Declaration;

    /// Key in the document's `targets`.
    fn target(&self) -> &str;

    /// The caller whose edge is meant; `None` for every caller, and for faults that act on no edge.
    fn from(&self) -> Option<&str> {
        None
    }

    /// What a backend has to hold.
    fn act(&self) -> Act;

    /// What is asked for, by parameter, with the unit in the value.
    fn requested(&self) -> Vec<(&'static str, String)>;

    /// What is asked for as numbers, by the name of the measured quantity: it must come within 5 % of it, or, as a share
    /// of probes, have it in its interval.
    fn asked(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// The issuer that is to sign what callers see.
    fn issuer(&self) -> Option<&IssuerFiles> {
        None
    }

    /// How to see that the component acts on it, and the names of the times that it takes to, and back.
    fn seen(&self) -> Option<(&Seen, [&'static str; 2])> {
        None
    }

    /// Parameters out of range; `key` is the path of the fault.
    fn problems(&self, _key: &str) -> Vec<Problem> {
        Vec::new()
    }
}

/// Makes the enum of all faults and the catalogue out of one list.
macro_rules! catalogue {
    ($($(#[$doc:meta])* $fault:ident = $kind:literal,)+) => {
        /// A fault with its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum Fault {
            $($(#[$doc])* #[serde(rename = $kind)] $fault($fault),)+
        }

        /// Every fault that this build knows.
        pub const CATALOGUE: &[Declaration] = &[$($fault::DECLARATION),+];

        impl Fault {
            /// What the catalogue says about it.
            pub fn declaration(&self) -> Declaration {
                match self { $(Fault::$fault(_) => $fault::DECLARATION,)+ }
            }

            /// Key in the document's `targets`.
            pub fn target(&self) -> &str {
                match self { $(Fault::$fault(fault) => fault.target(),)+ }
            }

            /// The caller whose edge is meant; `None` for every caller.
            pub fn from(&self) -> Option<&str> {
                match self { $(Fault::$fault(fault) => fault.from(),)+ }
            }

            /// What a backend has to hold.
            pub fn act(&self) -> Act {
                match self { $(Fault::$fault(fault) => fault.act(),)+ }
            }

            /// What is asked for, by parameter, with the unit in the value.
            pub fn requested(&self) -> BTreeMap<String, String> {
                let pairs = match self { $(Fault::$fault(fault) => fault.requested(),)+ };
                pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
            }

            /// What is asked for as numbers, by the name of the measured quantity: it must come within 5 % of it, or, as a share
    /// of probes, have it in its interval.
            pub fn asked(&self) -> Vec<(&'static str, f64)> {
                match self { $(Fault::$fault(fault) => fault.asked(),)+ }
            }

            /// The issuer that is to sign what callers see.
            pub fn issuer(&self) -> Option<&IssuerFiles> {
                match self { $(Fault::$fault(fault) => fault.issuer(),)+ }
            }

            /// How to see that the component acts on it, and the names of the times that it takes to, and back.
            pub fn seen(&self) -> Option<(&Seen, [&'static str; 2])> {
                match self { $(Fault::$fault(fault) => fault.seen(),)+ }
            }

            /// Parameters out of range; `key` is the path of the fault.
            pub fn problems(&self, key: &str) -> Vec<Problem> {
                match self { $(Fault::$fault(fault) => fault.problems(key),)+ }
            }
        }
    };
}

catalogue! {
    /// Kill the processes of a component.
    ProcessKill = "process.kill",
    /// Ask a component to stop.
    ProcessStop = "process.stop",
    /// Freeze a component.
    ProcessPause = "process.pause",
    /// Freeze some threads of a component.
    ProcessPauseThread = "process.pauseThread",
    /// Kill a component again and again.
    ProcessRestartLoop = "process.restartLoop",
    /// Delay the bytes of edges to a component.
    NetDelay = "net.delay",
    /// Reset connections to a component.
    NetReset = "net.reset",
    /// Let the bytes of edges to a component pass at a rate.
    NetBandwidth = "net.bandwidth",
    /// Cut the edges to a component.
    NetPartition = "net.partition",
    /// Pass the ends of streams on late.
    NetSlowClose = "net.slowClose",
    /// Cap the connections to a component.
    NetLimitConnections = "net.limitConnections",
    /// Close connections after so many bytes.
    NetLimitData = "net.limitData",
    /// Cut the bytes of edges to a component into pieces.
    NetSlice = "net.slice",
    /// Flip bits on edges to a component.
    NetCorrupt = "net.corrupt",
    /// Lose packets on edges to a component.
    NetLoss = "net.loss",
    /// Double packets on edges to a component.
    NetDuplicate = "net.duplicate",
    /// Let packets on edges to a component overtake others.
    NetReorder = "net.reorder",
    /// Answer requests to a component with a status.
    HttpAbort = "http.abort",
    /// Hold requests to a component.
    HttpDelay = "http.delay",
    /// Change bodies of a component's responses.
    HttpBody = "http.body",
    /// Change fields of messages of a component.
    HttpHeader = "http.header",
    /// Let bodies of a component's responses drip.
    HttpSlow = "http.slow",
    /// Present a certificate whose time is over.
    TlsExpired = "tls.expired",
    /// Present a certificate for another host.
    TlsWrongHost = "tls.wrongHost",
    /// Present a certificate of an unknown issuer.
    TlsUnknownIssuer = "tls.unknownIssuer",
    /// Burn the processors that a component runs on.
    StressCpu = "stress.cpu",
    /// Take memory of the host.
    StressMemory = "stress.memory",
    /// Write to the disk of a component.
    StressIo = "stress.io",
    /// Fill the disk of a component.
    StressDisk = "stress.disk",
    /// Use up the inodes of the disk of a component.
    StressInodes = "stress.inodes",
    /// Leave a component few file descriptors.
    StressFds = "stress.fds",
    /// Hold idle connections to a component.
    StressConnections = "stress.connections",
    /// Change a file of a component.
    ConfigFile = "config.file",
    /// Change one value in a settings file of a component.
    ConfigToggle = "config.toggle",
    /// Set the wall clock of a component ahead or behind.
    TimeOffset = "time.offset",
    /// Let the wall clock of a component go too fast or too slow.
    TimeDrift = "time.drift",
    /// Let operations on files of a component fail.
    IoError = "io.error",
    /// Let operations on files of a component take longer.
    IoLatency = "io.latency",
    /// Store only the first part of writes.
    IoTornWrite = "io.tornWrite",
    /// Answer questions for names with an error.
    DnsError = "dns.error",
    /// Answer questions for addresses with another one.
    DnsWrong = "dns.wrong",
    /// Pass questions for names on later.
    DnsSlow = "dns.slow",
}

impl Fault {
    /// `net.delay`.
    pub fn kind(&self) -> &'static str {
        self.declaration().kind
    }

    /// Whether something of it must stand in no plan and no record.
    pub fn is_secret(&self) -> bool {
        matches!(self, Fault::ConfigToggle(ConfigToggle { secret: true, .. }))
    }
}

fn share_problem(key: &str, share: f64) -> Option<Problem> {
    range_problem(&format!("{key}.share"), share, (MIN_SHARE, 1.0))
}

/// A problem unless `low <= value <= high`.
fn range_problem<T: PartialOrd + Display + Copy>(key: &str, value: T, (low, high): (T, T)) -> Option<Problem> {
    let legal = low <= value && value <= high;
    (!legal).then(|| Problem::new(key, value, "out of range", format!("write a value from {low} to {high}")))
}

fn everything() -> f64 {
    1.0
}
