//! A metrics server that speaks the HTTP API of Prometheus: raw samples for selectors over a window.
//!
//! Invariants: what is handed over is whole, or it is an error: a part of an answer, a warning, a damaged frame are
//! errors. Raw samples keep the server's times and every bit of their values. Memory is bounded by [`ReadLimits`].

mod columns;
mod decode;
mod discovery;
mod error;
mod export;
mod frames;
mod json;
mod queries;
mod read;
mod remote_read;
mod remote_write;
mod replicas;
mod request;
mod secrets;
mod settings;
mod wire;

pub use columns::ReadLimits;
pub use decode::{AnswerKind, decode};
pub use error::SourceError;
pub use frames::{FrameError, Frames};
pub use queries::check_query;
pub use read::Window;
pub use replicas::merged;
pub use request::Server;
pub use settings::{Auth, ReadPath, ServerSettings, SettingsProblem, Tls};
