//! Looks at the store: off the runtime, bounded in number and time.

use super::Api;
use super::refusal::Refusal;
use crate::store::GateStore;
use tokio::time::timeout;

impl Api {
    /// Runs `read` on a thread that may block. 503 when it takes longer than an answer may.
    ///
    /// A look that is given up goes on until the engine's own limit, and keeps its place among the looks until then.
    pub(super) async fn look<T, E>(
        &self,
        read: impl FnOnce(&dyn GateStore) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        E: Into<Refusal> + Send + 'static,
    {
        let (store, looks) = (self.store.clone(), self.looks.clone());
        let looked = async move {
            let place = looks.acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                let _place = place;
                read(store.as_ref())
            })
            .await
        };
        match timeout(self.limits.answer, looked).await {
            Ok(Ok(read)) => read.map_err(Into::into),
            Ok(Err(_)) => Err(Refusal::unwell("the answer was not made", "see the log of the gate")),
            Err(_) => {
                let message = format!("the store did not answer within {} ms", self.limits.answer.as_millis());
                Err(Refusal::unwell(message, "check the disk, and whether another process holds the store"))
            }
        }
    }
}
