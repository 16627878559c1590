//! Tests of the compatibility judges: the cases that the original projects publish, and edges of our own.

mod agreement;
mod edges;
mod kayenta;
mod keptn;
mod runs;
