//! What a feed has read: every sample once.

use super::{FeedQuery, QUERY_NAME};
use crate::metrics::server::SourceError;
use scorer::RawSeries;
use scorer::signal::{Labels, MatchOp, Matcher, Selector};
use std::collections::{BTreeMap, BTreeSet};

type Key = (String, Labels);

/// The usual distance of scrapes in milliseconds: the middle one among the series that were scraped often enough to tell.
pub(super) fn usual_ms(series: &[RawSeries]) -> Option<i64> {
    let usual = |one: &RawSeries| {
        let mut distances: Vec<i64> = one.times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
        distances.sort_unstable();
        (distances.len() >= ENOUGH).then(|| distances[distances.len() / 2])
    };
    let mut all: Vec<i64> = series.iter().filter_map(usual).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

/// Distances after which the usual one is known.
const ENOUGH: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Kept {
    series: BTreeMap<Key, RawSeries>,
    samples: usize,
    max: usize,
}

impl Kept {
    pub(super) fn new(known: Vec<RawSeries>, max: usize) -> Self {
        let samples = known.iter().map(|one| one.values.len()).sum();
        let series = known.into_iter().map(|one| ((one.name.clone(), one.labels.clone()), one)).collect();
        Kept { series, samples, max }
    }

    pub(super) fn first_ms(&self) -> i64 {
        self.series.values().filter_map(|one| one.times_ms.first().copied()).min().unwrap_or(i64::MAX)
    }

    pub(super) fn last_ms(&self) -> Option<i64> {
        self.series.values().filter_map(|one| one.times_ms.last().copied()).max()
    }

    /// The first moment at which a query has no value yet.
    pub(super) fn after(&self, query: &FeedQuery, start_ms: i64) -> i64 {
        let own = |one: &&RawSeries| one.name == QUERY_NAME && one.labels.get("signal") == Some(&query.signal);
        let last = self.series.values().filter(own).filter_map(|one| one.times_ms.last().copied()).max();
        let step_ms = i64::try_from(query.step.as_millis()).unwrap_or(i64::MAX);
        last.map_or(start_ms, |last| last.saturating_add(step_ms))
    }

    /// Jobs of everything but the values of queries.
    pub(super) fn jobs(&self) -> BTreeSet<String> {
        let scraped = self.series.values().filter(|one| one.name != QUERY_NAME);
        scraped.filter_map(|one| one.labels.get("job").cloned()).collect()
    }

    pub(super) fn select(&self, chosen: impl Fn(&str, &Labels) -> bool, from_ms: i64) -> Vec<RawSeries> {
        let tail = |one: &RawSeries| {
            let from = one.times_ms.partition_point(|time| *time < from_ms);
            RawSeries {
                name: one.name.clone(),
                labels: one.labels.clone(),
                times_ms: one.times_ms[from..].to_vec(),
                values: one.values[from..].to_vec(),
            }
        };
        let chosen = self.series.values().filter(|one| chosen(&one.name, &one.labels));
        chosen.map(tail).filter(|one| !one.values.is_empty()).collect()
    }

    /// Adds what is new of each series. The selectors of histograms that have a new bucket are returned: their series
    /// must be read from the beginning, because a bucket that nothing was in is not handed over.
    pub(super) fn add(&mut self, read: Vec<RawSeries>, selectors: &[Selector]) -> Result<Vec<Selector>, SourceError> {
        let mut torn: BTreeSet<Key> = BTreeSet::new();
        let is_new = |kept: &Self, one: &RawSeries| !kept.series.contains_key(&(one.name.clone(), one.labels.clone()));
        let new_buckets: Vec<(Key, i64)> = read
            .iter()
            .filter_map(|one| Some((bucket_of(one).filter(|_| is_new(self, one))?, *one.times_ms.first()?)))
            .collect();
        if !new_buckets.is_empty() {
            let firsts = self.first_of_buckets();
            let earlier = |(key, first): &(Key, i64)| firsts.get(key).is_some_and(|known| known < first);
            torn.extend(new_buckets.into_iter().filter(earlier).map(|(key, _)| key));
        }
        let fresh = |one: &RawSeries| {
            let known = self.series.get(&(one.name.clone(), one.labels.clone()));
            let last = known.and_then(|known| known.times_ms.last().copied());
            one.times_ms.len() - last.map_or(0, |last| one.times_ms.partition_point(|time| *time <= last))
        };
        if self.samples + read.iter().map(fresh).sum::<usize>() > self.max {
            let selector = selectors.iter().map(Selector::to_string).collect::<Vec<_>>().join(", ");
            return Err(SourceError::TooManySamples { selector, max: self.max });
        }
        for one in read {
            let key = (one.name.clone(), one.labels.clone());
            let into = self.series.entry(key).or_insert_with(|| RawSeries {
                name: one.name.clone(),
                labels: one.labels.clone(),
                ..RawSeries::default()
            });
            let from = into.times_ms.last().map_or(0, |last| one.times_ms.partition_point(|time| time <= last));
            into.times_ms.extend_from_slice(&one.times_ms[from..]);
            into.values.extend_from_slice(&one.values[from..]);
            self.samples += one.values.len() - from;
        }
        Ok(torn.into_iter().map(selector_of).collect())
    }

    /// As [`Self::add`], for series that were read from the beginning.
    pub(super) fn replace(&mut self, read: Vec<RawSeries>, selectors: &[Selector]) -> Result<(), SourceError> {
        for one in &read {
            if let Some(old) = self.series.remove(&(one.name.clone(), one.labels.clone())) {
                self.samples -= old.values.len();
            }
        }
        self.add(read, selectors).map(drop)
    }

    /// By histogram: its first time.
    fn first_of_buckets(&self) -> BTreeMap<Key, i64> {
        let mut firsts = BTreeMap::new();
        for one in self.series.values() {
            if let (Some(histogram), Some(first)) = (bucket_of(one), one.times_ms.first()) {
                let known = firsts.entry(histogram).or_insert(*first);
                *known = (*known).min(*first);
            }
        }
        firsts
    }
}

/// The histogram that a series is a bucket of: its name, and its labels without the bound.
fn bucket_of(one: &RawSeries) -> Option<Key> {
    if !one.name.ends_with("_bucket") {
        return None;
    }
    let mut labels = one.labels.clone();
    labels.remove("le")?;
    Some((one.name.clone(), labels))
}

fn selector_of((name, labels): Key) -> Selector {
    let equal = |(label, value)| Matcher { label, op: MatchOp::Equal, value };
    Selector { name, matchers: labels.into_iter().map(equal).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, le: Option<&str>, samples: &[(i64, f64)]) -> RawSeries {
        let mut labels = Labels::from([("job".to_owned(), "shop".to_owned())]);
        labels.extend(le.map(|le| ("le".to_owned(), le.to_owned())));
        let (times_ms, values) = samples.iter().copied().unzip();
        RawSeries { name: name.to_owned(), labels, times_ms, values }
    }

    #[test]
    fn a_sample_is_kept_once_however_often_it_was_read() {
        let mut kept = Kept::new(vec![series("a", None, &[(1, 1.0)])], 5);
        for read in [&[(1, 9.0), (2, 2.0)][..], &[(1, 1.0), (2, 2.0), (3, 3.0)], &[]] {
            assert_eq!(kept.add(vec![series("a", None, read)], &[]).unwrap(), []);
        }
        let all = kept.select(|_, _| true, 2);
        assert_eq!((&all[0].times_ms[..], &all[0].values[..]), (&[2, 3][..], &[2.0, 3.0][..]));
        assert_eq!((kept.first_ms(), kept.last_ms(), kept.jobs().len()), (1, Some(3), 1));
        let more: Vec<(i64, f64)> = (4..7).map(|time| (time, 0.0)).collect();
        assert!(matches!(
            kept.add(vec![series("a", None, &more)], &[]),
            Err(SourceError::TooManySamples { max: 5, .. })
        ));
    }

    #[test]
    fn a_histogram_with_a_new_bucket_is_read_from_the_beginning() {
        let mut kept = Kept::new(Vec::new(), 1000);
        let first = vec![series("h_bucket", Some("1"), &[(1, 1.0)]), series("h_bucket", Some("+Inf"), &[(1, 1.0)])];
        assert_eq!(kept.add(first, &[]).unwrap(), []);
        let torn = kept.add(vec![series("h_bucket", Some("2"), &[(2, 3.0)])], &[]).unwrap();
        assert_eq!(torn.iter().map(Selector::to_string).collect::<Vec<_>>(), [r#"h_bucket{job="shop"}"#]);
        kept.replace(vec![series("h_bucket", Some("2"), &[(1, 1.0), (2, 3.0)])], &[]).unwrap();
        assert_eq!(kept.select(|_, labels| labels.get("le").is_some_and(|le| le == "2"), 0)[0].values, [1.0, 3.0]);
    }
}
