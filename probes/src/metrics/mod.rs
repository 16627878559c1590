//! Metrics: reading expositions, own metrics, and the recorder that turns both into raw series.

pub mod catalogue;
pub mod chunk;
mod column;
mod event_log;
pub mod exposition;
pub mod feed;
pub mod native;
mod process;
pub mod recorder;
pub mod registry;
mod scrape;
mod scrape_loop;
pub mod selection;
mod series_name;
pub mod server;
mod store;

pub use feed::{Feed, FeedConfig, FeedQuery};
pub use recorder::{Recorder, RecorderConfig, RecorderError, Recording, Target};
pub use registry::Registry;
pub use store::{Limits, MAX_SERIES, MAX_SIGNAL_SERIES};
