//! Metrics servers: real ones, and hostile ones.

mod discovery;
mod hostile;
mod real;
#[path = "../../world/servers.rs"]
mod servers;
mod tls;
