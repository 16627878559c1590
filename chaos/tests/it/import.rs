//! Importers on the published examples of the four tools, and on what is made of them by chance.

mod coverage;
mod fixtures;
mod hostile;
mod meaning;
mod reports;
mod traps;
