//! Whose turn it is: one at a time, and who is in a hurry does not wait for who is not.

use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard, watch};

/// Turns of one thing; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    taken: Arc<Mutex<()>>,
    hurried: Arc<watch::Sender<usize>>,
}

/// The turn of somebody; ends when it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    _taken: MutexGuard<'a, ()>,
    _hurry: Hurry<'a>,
}

#[derive(Debug)]
struct Hurry<'a>(&'a watch::Sender<usize>);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Turns {
    /// The turn of somebody in a hurry: whoever is not gives way.
    pub async fn hurried(&self) -> Turn<'_> {
        self.hurried.send_modify(|count| *count += 1);
        let hurry = Hurry(&self.hurried);
        Turn { _taken: self.taken.lock().await, _hurry: hurry }
    }

    /// Does `work` when it is its turn; `None` as soon as somebody in a hurry comes, and the work is dropped.
    pub async fn unhurried<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut hurried = self.hurried.subscribe();
        let turn = async {
            let _taken = self.taken.lock().await;
            work.await
        };
        tokio::select! {
            biased;
            // Fails only without a sender, and this is one.
            _ = hurried.wait_for(|count| *count > 0) => None,
            done = turn => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn who_is_in_a_hurry_takes_the_turn_of_who_is_not() {
        let turns = Turns::default();
        assert_eq!(turns.unhurried(ready(7)).await, Some(7));
        let other = turns.clone();
        let slow = tokio::spawn(async move { other.unhurried(pending::<()>()).await });
        while turns.taken.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        let turn = turns.hurried().await;
        assert_eq!(slow.await.expect("it does not panic"), None, "it gave way");
        assert_eq!(turns.unhurried(ready(7)).await, None, "and waits while the turn is taken");
        drop(turn);
        assert_eq!(turns.unhurried(ready(7)).await, Some(7));
    }
}
