//! Pages for people: values in, HTML out. No script, no request beyond the style sheet; everything is escaped by `maud`.
//!
//! Order of a tag's page: verdict sentence, gates, reasons by weight, scores, charts, further metrics, faults, evidence,
//! earlier soaks. Colour is never the only carrier: every state has a sign and a word, every shading a label.

mod chart;
mod evidence;
mod faults;
mod frame;
mod gates;
mod history;
mod link;
mod list;
mod mark;
mod metrics;
mod number;
mod progress;
mod reasons;
mod refusal;
mod scores;
mod tag;

pub use frame::STYLE;
pub use link::tag_link;
pub use list::list;
pub use refusal::refusal;
pub use tag::{TagView, tag};
