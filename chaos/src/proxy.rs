//! The data plane of every edge of a local landscape: a plain TCP proxy while its fault table is empty.

mod alarm;
mod body_edit;
mod connection;
mod conversation;
mod corrupt;
mod delay_line;
mod edge;
mod edge_fault;
mod entry;
mod fate;
mod framing;
mod head_edit;
mod http_fault;
mod judge;
mod lane;
mod out;
mod responses;
mod scratch;
mod shaper;
mod share;
mod slicer;
mod stats;
mod table;
mod tap;
mod wire;

pub use conversation::FAULT_HEADER;
pub use edge::{Edge, EdgeError, EdgeName, EdgeOptions, MAX_CONNECTIONS, Protocol, Reach};
pub use edge_fault::{Bottleneck, Direction, EdgeFault, PartitionMode};
pub use entry::EntryStats;
pub use http_fault::{BodyEdit, HeaderEdit, HeaderEditError, Message, Truncation};
pub use share::{Share, ShareError, draw};
pub use stats::EdgeStats;
pub use table::{Change, Dose, EntryView, InjectError, Removal, Renewal};
pub use tap::Tap;
