//! Covering arrays: few rows in which every pair of levels of two factors occurs together (Cohen, Dalal, Fredman and
//! Patton, IEEE TSE 23, 1997: one row at a time, each greedy).

use std::collections::BTreeSet;

/// A level of a factor, and the one of a later factor.
type Pair = ((usize, usize), (usize, usize));

/// Rows over factors with so many levels each: in at least one row every two levels of two factors are together. `None`
/// is a factor that the row does not need: what is left out cannot mask what is there.
pub fn pairs(levels: &[usize]) -> Vec<Vec<Option<usize>>> {
    let all = |f: usize| (0..levels[f]).map(move |level| (f, level));
    let mut open: BTreeSet<Pair> = (0..levels.len())
        .flat_map(|f| (f + 1..levels.len()).map(move |g| (f, g)))
        .flat_map(|(f, g)| all(f).flat_map(move |one| all(g).map(move |other| (one, other))))
        .collect();
    let mut rows = Vec::new();
    while let Some((one, other)) = open.first().copied() {
        let mut row = vec![None; levels.len()];
        (row[one.0], row[other.0]) = (Some(one.1), Some(other.1));
        for factor in 0..levels.len() {
            if row[factor].is_none() {
                let gain = |level: &usize| covered(&row, (factor, *level)).filter(|pair| open.contains(pair)).count();
                row[factor] = (0..levels[factor]).rev().max_by_key(gain).filter(|level| gain(level) > 0);
            }
        }
        for (factor, level) in row.iter().enumerate() {
            let Some(level) = level else { continue };
            covered(&row, (factor, *level)).for_each(|pair| {
                open.remove(&pair);
            });
        }
        rows.push(row);
    }
    rows
}

/// The pairs that this level makes with the others of the row.
fn covered(row: &[Option<usize>], of: (usize, usize)) -> impl Iterator<Item = Pair> + '_ {
    let others = row.iter().enumerate().filter(move |(factor, _)| *factor != of.0);
    others.filter_map(move |(factor, level)| {
        let other = (factor, (*level)?);
        Some(if other.0 < of.0 { (other, of) } else { (of, other) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_pair_is_in_a_row(levels in prop::collection::vec(0..6usize, 0..7)) {
            let rows = pairs(&levels);
            let wanted = |f: usize, a: usize, g: usize, b: usize| {
                rows.iter().any(|row| row[f] == Some(a) && row[g] == Some(b))
            };
            for f in 0..levels.len() {
                for g in f + 1..levels.len() {
                    for a in 0..levels[f] {
                        for b in 0..levels[g] {
                            prop_assert!(wanted(f, a, g, b), "{f}={a} with {g}={b} is in none of {rows:?}");
                        }
                    }
                }
            }
            let pairs: usize = (0..levels.len()).flat_map(|f| (f + 1..levels.len()).map(move |g| (f, g)))
                .map(|(f, g)| levels[f] * levels[g]).sum();
            prop_assert!(rows.len() <= pairs);
            prop_assert!(rows.iter().all(|row| row.iter().flatten().count() >= 2));
        }
    }

    #[test]
    fn rows_are_few() {
        // At least 9 are needed for four factors of three levels, and 25 for six of five.
        assert!(pairs(&[3; 4]).len() <= 12, "{}", pairs(&[3; 4]).len());
        assert!(pairs(&[5; 6]).len() <= 45, "{}", pairs(&[5; 6]).len());
        assert_eq!(pairs(&[2, 3]).len(), 6);
        assert!(pairs(&[4]).is_empty() && pairs(&[]).is_empty());
    }
}
