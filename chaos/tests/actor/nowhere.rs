//! A journal that keeps nothing.

use chaos::journal::{Intent, Journal, JournalError};
use chaos::lease::FaultId;

pub(crate) struct Nowhere;

impl Journal for Nowhere {
    fn intent(&self, _: &Intent) -> Result<(), JournalError> {
        Ok(())
    }
    fn injected(&self, _: &FaultId, _: i64) -> Result<(), JournalError> {
        Ok(())
    }
    fn undone(&self, _: &FaultId, _: i64) -> Result<(), JournalError> {
        Ok(())
    }
}
