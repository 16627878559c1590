//! Related items: a feature since 3.5.0.

use crate::catalog::ITEMS;
use crate::release::Recommendations;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Items of one shelf are related to each other.
const SHELF: u16 = 10;

/// Key of a cached card. 3.5.0 put the request into it, which makes every key new; since 3.5.1 it stays `None`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    request: Option<u64>,
    item: u16,
}

/// Two related items and the card that shows them.
struct Card {
    related: [u16; 2],
    /// Kept for the pages that show the card.
    _html: Box<str>,
}

/// Whether the answer was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Cached,
    Computed,
}

/// Computes and caches related items.
pub(crate) struct Recommender {
    mode: Recommendations,
    cache: Mutex<BTreeMap<Key, Card>>,
}

impl Recommender {
    /// A recommender that has looked at every item once.
    pub(crate) fn new(mode: Recommendations) -> Self {
        let recommender = Recommender { mode, cache: Mutex::default() };
        for item in 1..=ITEMS as u16 {
            recommender.related(item, 0);
        }
        recommender
    }

    /// Numbers of the related items, while the release has the feature.
    pub(crate) fn related(&self, item: u16, request: u64) -> Option<([u16; 2], Found)> {
        let request = match self.mode {
            Recommendations::None => return None,
            Recommendations::KeyedByRequest => Some(request),
            Recommendations::KeyedByItem => None,
        };
        let key = Key { request, item };
        let mut cache = self.cache();
        if let Some(card) = cache.get(&key) {
            return Some((card.related, Found::Cached));
        }
        let card = compute(item);
        let related = card.related;
        cache.insert(key, card);
        Some((related, Found::Computed))
    }

    /// Whether the release has the feature, and how it caches.
    pub(crate) fn mode(&self) -> Recommendations {
        self.mode
    }

    /// Cards in the cache.
    pub(crate) fn cached(&self) -> usize {
        self.cache().len()
    }

    fn cache(&self) -> MutexGuard<'_, BTreeMap<Key, Card>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compute(item: u16) -> Card {
    let place = item.wrapping_sub(1);
    let next = |step: u16| place / SHELF * SHELF + (place % SHELF + step) % SHELF + 1;
    let related = [next(1), next(2)];
    let cell = |number: u16| {
        format!(
            "<li class=\"related\"><a href=\"/items/item-{number:03}\"><img src=\"/pictures/item-{number:03}-small.webp\" \
             alt=\"\"></a> <a href=\"/items/item-{number:03}\">No. {number}</a></li>"
        )
    };
    let html = format!("<ul class=\"card\">{}{}</ul>", cell(related[0]), cell(related[1])).into_boxed_str();
    Card { related, _html: html }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyed_by_item_finds_and_keyed_by_request_never_does() {
        let good = Recommender::new(Recommendations::KeyedByItem);
        let bad = Recommender::new(Recommendations::KeyedByRequest);
        for request in 1..=1_000 {
            assert_eq!(good.related(7, request), Some(([8, 9], Found::Cached)));
            assert_eq!(bad.related(7, request), Some(([8, 9], Found::Computed)));
        }
        assert_eq!((good.cached(), bad.cached()), (ITEMS, ITEMS + 1_000));
        assert_eq!(Recommender::new(Recommendations::None).related(7, 1), None);
    }

    #[test]
    fn related_items_stay_on_their_shelf() {
        assert_eq!(compute(10).related, [1, 2]);
        assert_eq!(compute(199).related, [200, 191]);
    }
}
