//! Certificates: what a server presents, what is wrong with it, and new ones with a defect.

mod defect;
mod handshake;
mod mint;

pub use defect::TlsDefect;
pub(crate) use defect::{defects, expected};
pub(crate) use handshake::{certificates, indifferent};
pub(crate) use mint::{Issuer, Minted, mint};
