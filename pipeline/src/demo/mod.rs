//! The demo: the sample product's repositories, and the story of its five tags.

pub mod repos;
pub mod story;
