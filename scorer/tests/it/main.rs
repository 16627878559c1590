//! Tests of the scorer through its public interface.

mod assess;
mod exact;
mod forming;
mod interim;
mod properties;
mod selectors;
mod vectors;
