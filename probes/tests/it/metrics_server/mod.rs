//! Metrics servers: real ones, and hostile ones.

mod hostile;
mod real;
#[path = "../../world/servers.rs"]
mod servers;
mod tls;
