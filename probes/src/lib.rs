//! Looking at the product: the metrics recorder and the suites business, performance and security.
//!
//! Everything here observes; nothing here judges. What was seen leaves this crate as the vocabulary of
//! [`scorer::evidence`]: raw series at their true scrape times, check results, findings and events.
//!
//! | module | what |
//! |---|---|
//! | [`clock`] | the time of a run: wall clock at the start, monotonic from there |
//! | [`metrics`] | exposition parser, registry of own metrics, recorder |
//! | [`suite`] | the documents `kind: Suite` |
//! | [`business`] | runs journeys |
//! | [`security`] | runs the security checks |
//! | [`load`] | the open-loop load engine |
//! | [`reach`] | availability probes for components without `/metrics` |

pub mod business;
pub mod clock;
pub mod load;
pub mod metrics;
pub mod reach;
pub mod security;
pub mod suite;
