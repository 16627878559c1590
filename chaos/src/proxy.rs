//! The data plane of every edge of a local landscape: a plain TCP proxy while its fault table is empty.

mod connection;
mod conversation;
mod delay_line;
mod edge;
mod framing;
mod pump;
mod stats;
mod table;

pub use conversation::FAULT_HEADER;
pub use edge::{Edge, EdgeError, EdgeName, MAX_CONNECTIONS};
pub use stats::EdgeStats;
pub use table::{Direction, EdgeFault, EntryStats, EntryView, InjectError, Removal, Renewal, Share, ShareError, draw};
