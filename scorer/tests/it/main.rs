//! Tests of the scorer through its public interface.

mod assess;
mod changed;
mod exact;
mod exact_values;
mod explained;
mod forming;
mod histograms;
mod hostile;
mod hypothesis;
mod interim;
mod noise;
mod properties;
mod selectors;
mod stories;
mod vectors;
mod worth;
