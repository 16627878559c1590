//! Replicas of one Prometheus: their series differ in a label and are one.
//!
//! All series of a target come from one replica, the one that scraped it most often, because samples of one scrape
//! belong together. Where that replica has a gap, the samples of the next one fill it: both read the same counter of the
//! same process.

use scorer::RawSeries;
use scorer::signal::Labels;
use std::collections::BTreeMap;

/// A gap is longer than so many usual distances between scrapes.
const GAP: f64 = 1.5;

type Key = (String, String);
type Replica = Vec<String>;

/// Joins the series that differ in nothing but the labels `replica`; without such labels nothing is touched.
pub fn merged(series: Vec<RawSeries>, replica: &[String]) -> Vec<RawSeries> {
    if replica.is_empty() {
        return series;
    }
    // By target, then by replica.
    let mut targets: BTreeMap<Key, BTreeMap<Replica, Vec<RawSeries>>> = BTreeMap::new();
    for mut one in series {
        let whose = replica.iter().map(|label| one.labels.remove(label).unwrap_or_default()).collect();
        let label = |name: &str| one.labels.get(name).cloned().unwrap_or_default();
        let target = (label("job"), label("instance"));
        targets.entry(target).or_default().entry(whose).or_default().push(one);
    }
    let mut found: Vec<RawSeries> = targets.into_values().flat_map(of_target).collect();
    found.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    found
}

fn of_target(replicas: BTreeMap<Replica, Vec<RawSeries>>) -> Vec<RawSeries> {
    let mut ordered: Vec<(Vec<i64>, Vec<RawSeries>)> =
        replicas.into_values().map(|series| (scrapes(&series), series)).collect();
    // The most scrapes first; of equals the first by name, so that the same answer gives the same series.
    ordered.sort_by_key(|(scrapes, _)| std::cmp::Reverse(scrapes.len()));
    let mut ordered = ordered.into_iter();
    let Some((mut seen, first)) = ordered.next() else { return Vec::new() };
    let mut series: BTreeMap<(String, Labels), RawSeries> =
        first.into_iter().map(|one| ((one.name.clone(), one.labels.clone()), one)).collect();
    for (times, others) in ordered {
        let inside = gaps(&seen);
        let fills = |time: i64| inside.iter().any(|(from, to)| (*from..*to).contains(&time));
        for other in others {
            let into = series.entry((other.name.clone(), other.labels.clone())).or_insert_with(|| RawSeries {
                name: other.name.clone(),
                labels: other.labels.clone(),
                ..RawSeries::default()
            });
            let taken = other.times_ms.iter().zip(&other.values).filter(|(time, _)| fills(**time));
            let mut samples: Vec<(i64, f64)> = into.times_ms.iter().copied().zip(into.values.iter().copied()).collect();
            samples.extend(taken.map(|(time, value)| (*time, *value)));
            samples.sort_by_key(|(time, _)| *time);
            (into.times_ms, into.values) = samples.into_iter().unzip();
        }
        seen.extend(times.into_iter().filter(|time| fills(*time)));
        seen.sort_unstable();
    }
    series.into_values().filter(|one| !one.values.is_empty()).collect()
}

/// Every time at which the target answered a replica. What the replica says of the scrape itself is there also when it
/// failed.
fn scrapes(series: &[RawSeries]) -> Vec<i64> {
    let of_target = |one: &&RawSeries| one.name != "up" && !one.name.starts_with("scrape_");
    let answered = |one: &RawSeries| {
        let real = one.times_ms.iter().zip(&one.values).filter(|(_, value)| !value.is_nan());
        real.map(|(time, _)| *time).collect::<Vec<_>>()
    };
    let mut times: Vec<i64> = series.iter().filter(of_target).flat_map(answered).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// Spans in which nothing was scraped, open at both ends of the window.
fn gaps(scrapes: &[i64]) -> Vec<(i64, i64)> {
    let (Some(first), Some(last)) = (scrapes.first(), scrapes.last()) else { return vec![(i64::MIN, i64::MAX)] };
    let mut distances: Vec<i64> = scrapes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    let Some(usual) = distances.get(distances.len() / 2).copied() else {
        return vec![(i64::MIN, *first), (first + 1, i64::MAX)];
    };
    // A sample of another replica must keep its distance, or two rhythms would stand in one series.
    let half = usual / 2;
    let within = scrapes.windows(2).filter(|pair| (pair[1] - pair[0]) as f64 > usual as f64 * GAP);
    let within = within.map(|pair| (pair[0] + half, pair[1] - half));
    [(i64::MIN, first - half)].into_iter().chain(within).chain([(last + half, i64::MAX)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, replica: &str, times_ms: &[i64]) -> RawSeries {
        let labels = [("job", "shop"), ("replica", replica)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let values = times_ms.iter().map(|time| *time as f64).collect();
        RawSeries { name: name.to_owned(), labels: Labels::from(labels), times_ms: times_ms.to_vec(), values }
    }

    #[test]
    fn one_replica_is_kept_and_its_gaps_are_filled() {
        let read = vec![
            series("a", "x", &[0, 10, 20, 30, 80, 90, 100]),
            series("b", "x", &[0, 10, 20, 30, 80, 90, 100]),
            series("a", "y", &[3, 13, 43, 53, 63, 73, 83]),
            series("b", "y", &[43, 53]),
            series("c", "y", &[3, 53]),
        ];
        let found = merged(read.clone(), &["replica".to_owned()]);
        let times: Vec<(&str, &[i64])> = found.iter().map(|one| (one.name.as_str(), &one.times_ms[..])).collect();
        let wanted: [(&str, &[i64]); 3] = [
            ("a", &[0, 10, 20, 30, 43, 53, 63, 73, 80, 90, 100]),
            ("b", &[0, 10, 20, 30, 43, 53, 80, 90, 100]),
            ("c", &[53]),
        ];
        assert_eq!(times, wanted);
        assert!(found.iter().all(|one| !one.labels.contains_key("replica")));
        assert_eq!(merged(read.clone(), &[]), read);
    }

    #[test]
    fn a_replica_that_came_late_and_left_early_is_completed() {
        let read = vec![series("a", "x", &[20, 30, 40]), series("a", "y", &[1, 11, 61])];
        let found = merged(read, &["replica".to_owned()]);
        assert_eq!(found[0].times_ms, [1, 11, 20, 30, 40, 61]);
        let lone = merged(vec![series("a", "x", &[20]), series("a", "y", &[])], &["replica".to_owned()]);
        assert_eq!(lone[0].times_ms, [20]);
    }
}
