//! A bounded store of numbered things that expire.
//!
//! Numbers rise by one, so that a lookup is an index and the oldest things are always in front.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Things by number, each kept for a fixed time, never more than `capacity`.
pub(crate) struct Shelf<T> {
    things: VecDeque<(Instant, T)>,
    /// Number of the thing in front.
    first: u64,
    keep: Duration,
    capacity: usize,
}

impl<T> Shelf<T> {
    /// An empty shelf whose numbers start at 1.
    pub(crate) fn new(keep: Duration, capacity: usize) -> Self {
        Shelf { things: VecDeque::with_capacity(capacity), first: 1, keep, capacity }
    }

    /// Number that the next thing will get.
    pub(crate) fn next_number(&self) -> u64 {
        self.first + self.things.len() as u64
    }

    /// Stores a thing and returns its number; what is too old, or does not fit any more, leaves.
    pub(crate) fn push(&mut self, now: Instant, thing: T) -> u64 {
        while self.things.len() >= self.capacity
            || self.things.front().is_some_and(|(since, _)| now.duration_since(*since) >= self.keep)
        {
            self.things.pop_front();
            self.first += 1;
        }
        let number = self.next_number();
        self.things.push_back((now, thing));
        number
    }

    /// The thing with this number, while it is kept.
    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.things.get(index).map(|(_, thing)| thing)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.things.get_mut(index).map(|(_, thing)| thing)
    }

    /// How many things are kept.
    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_expire_by_age_and_by_number() {
        let start = Instant::now();
        let mut shelf = Shelf::new(Duration::from_secs(10), 3);
        assert_eq!(shelf.push(start, 'a'), 1);
        assert_eq!(shelf.push(start + Duration::from_secs(9), 'b'), 2);
        assert_eq!(shelf.push(start + Duration::from_secs(10), 'c'), 3);
        assert_eq!((shelf.get(1), shelf.get(2), shelf.get(3), shelf.get(0)), (None, Some(&'b'), Some(&'c'), None));
        shelf.push(start + Duration::from_secs(10), 'd');
        shelf.push(start + Duration::from_secs(10), 'e');
        assert_eq!((shelf.len(), shelf.get(2), shelf.get(5)), (3, None, Some(&'e')));
    }
}
