//! Writes the documents of a new product: from a Compose file, from flags, or from answers.
//!
//! Pure until [`make`]: [`compose::read`] and [`questions::ask`] give a [`Sketch`], [`texts::files`] gives its files.

pub mod compose;
mod container_address;
pub mod make;
pub mod part;
pub mod questions;
mod scalar;
pub mod sketch;
mod substitute;
pub mod texts;
mod words;

pub use make::{Made, MakeError, make};
pub use part::{Part, Ready, Side};
pub use sketch::{Flags, Sketch};
pub use words::split as words;
