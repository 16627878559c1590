//! Whether a level creeps over successive tags, which no comparison of two of them shows.
//!
//! Mann-Kendall for the direction (Mann 1945, Kendall 1975) and the median of all pairwise slopes for its size (Sen
//! 1968): both rest on order alone, so that one odd soak moves them little. The null distribution is exact without
//! ties, from the number of permutations with so many inversions; with ties it is normal with the tie correction.

use crate::signal::Worse;
use crate::special::normal_cdf;

/// Fewest tags that can say anything at the level of one in a hundred: chance alone puts one in 120 orders of five so.
pub const FEWEST: usize = 5;

/// Most points with an exact distribution; beyond, the normal one is right to four digits.
const EXACT_MAX: usize = 60;

/// What the levels of successive tags do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Change from tag to tag: the median of the slopes of all pairs, in the unit of the levels.
    pub step: f64,
    /// Change from the first to the last: `step` times the tags between.
    pub change: f64,
    /// Probability of an order at least as much towards worse, if the order were chance. For `either` the smaller side,
    /// doubled.
    pub p: f64,
    /// Largest change towards worse from one tag to the next.
    pub largest_step: f64,
}

/// The trend of finite levels, one per tag, oldest first. `None` with fewer than [`FEWEST`], or a level that is not
/// finite.
pub fn trend(levels: &[f64], worse: Worse) -> Option<Trend> {
    if levels.len() < FEWEST || levels.iter().any(|level| !level.is_finite()) {
        return None;
    }
    let mut slopes = Vec::with_capacity(levels.len() * (levels.len() - 1) / 2);
    let mut score = 0_i64;
    for (i, early) in levels.iter().enumerate() {
        for (j, late) in levels.iter().enumerate().skip(i + 1) {
            slopes.push((late - early) / (j - i) as f64);
            score += i64::from(late > early) - i64::from(late < early);
        }
    }
    slopes.sort_by(f64::total_cmp);
    let middle = slopes.len() / 2;
    let step = if slopes.len() % 2 == 1 { slopes[middle] } else { (slopes[middle - 1] + slopes[middle]) / 2.0 };
    let (up, down) = (upper(levels, score), upper(levels, -score));
    let largest = |sign: f64| levels.windows(2).map(|pair| sign * (pair[1] - pair[0])).fold(0.0, f64::max);
    let (p, largest_step) = match worse {
        Worse::Up => (up, largest(1.0)),
        Worse::Down => (down, largest(-1.0)),
        Worse::Either => ((2.0 * up.min(down)).min(1.0), largest(1.0).max(largest(-1.0))),
    };
    Some(Trend { step, change: step * (levels.len() - 1) as f64, p, largest_step })
}

/// P(S >= score) under chance.
fn upper(levels: &[f64], score: i64) -> f64 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: Vec<usize> = sorted.chunk_by(|a, b| a == b).map(<[f64]>::len).collect();
    if ties.iter().all(|tie| *tie == 1) && levels.len() <= EXACT_MAX {
        return exact(levels.len(), score);
    }
    let spread = |n: usize| (n * (n - 1) * (2 * n + 5)) as f64 / 18.0;
    let variance = spread(levels.len()) - ties.iter().map(|tie| spread(*tie)).sum::<f64>();
    if variance <= 0.0 {
        return 1.0;
    }
    // Continuity correction: S moves in steps of two, its middle lies one below.
    normal_cdf(-(score - 1) as f64 / variance.sqrt())
}

/// Without ties S = pairs - 2 x inversions, and the probability of each number of inversions is a product of uniform
/// insertions: the i-th level is put before 0 to i - 1 of the earlier ones.
fn exact(n: usize, score: i64) -> f64 {
    let pairs = n * (n - 1) / 2;
    let mut chance = vec![1.0];
    for i in 2..=n {
        let mut next = vec![0.0; chance.len() + i - 1];
        for (inversions, p) in chance.iter().enumerate() {
            for more in 0..i {
                next[inversions + more] += p / i as f64;
            }
        }
        chance = next;
    }
    // S >= score means at most so many inversions.
    let most = (pairs as i64 - score).div_euclid(2);
    if most < 0 {
        return 0.0;
    }
    chance.iter().take(most as usize + 1).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(levels: &[f64], worse: Worse) -> f64 {
        trend(levels, worse).unwrap().p
    }

    #[test]
    fn probabilities_are_those_of_all_orders() {
        // Of the 120 orders of five levels one has no inversion, four have one, nine have two (Kendall 1975, table 1).
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(p(&[1.0, 2.0, 3.0, 4.0, 5.0], Worse::Up), 1.0 / 120.0);
        close(p(&[1.0, 2.0, 3.0, 5.0, 4.0], Worse::Up), 5.0 / 120.0);
        close(p(&[2.0, 1.0, 3.0, 5.0, 4.0], Worse::Up), 14.0 / 120.0);
        close(p(&[1.0, 2.0, 3.0, 4.0, 5.0], Worse::Down), 1.0);
        close(p(&[5.0, 4.0, 3.0, 2.0, 1.0], Worse::Down), 1.0 / 120.0);
        close(p(&[5.0, 4.0, 3.0, 2.0, 1.0], Worse::Either), 2.0 / 120.0);
        let ten: Vec<f64> = (0..10).map(f64::from).collect();
        close(p(&ten, Worse::Up), 1.0 / 3_628_800.0);
    }

    #[test]
    fn ties_are_corrected_and_flat_levels_say_nothing() {
        assert_eq!(p(&[5.0; 8], Worse::Up), 1.0);
        // S = 13 of 6 levels with two pairs of ties: variance 28.33 - 2, one less for continuity.
        let tied = p(&[1.0, 1.0, 2.0, 3.0, 3.0, 4.0], Worse::Up);
        let wanted = normal_cdf(-12.0 / (28.0_f64 + 1.0 / 3.0 - 2.0).sqrt());
        assert!((tied - wanted).abs() < 1e-12, "{tied} {wanted}");
    }

    #[test]
    fn size_and_steps_are_in_the_unit_of_the_levels() {
        let found = trend(&[10.0, 12.0, 11.0, 13.0, 14.0], Worse::Up).unwrap();
        assert_eq!((found.step, found.change, found.largest_step), (1.0, 4.0, 2.0));
        assert_eq!(trend(&[1.0, 2.0, 3.0, 4.0], Worse::Up), None);
        assert_eq!(trend(&[1.0, 2.0, f64::NAN, 3.0, 4.0], Worse::Up), None);
    }
}
