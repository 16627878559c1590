//! The smallest part of something that still breaks: delta debugging (Zeller and Hildebrandt, IEEE TSE 28, 2002), with
//! repeats, because what breaks under load does not break every time.

/// Trials of one part; it counts as breaking when most of them break.
const REPEATS: u32 = 3;

/// Runs trials of parts of a whole.
pub trait Trials<T> {
    /// Why no trial could be run.
    type Error;

    /// Whether `part` breaks, in one trial.
    fn breaks(&mut self, part: &[T]) -> impl Future<Output = Result<bool, Self::Error>>;
}

/// Whether a part breaks in most of its trials; no more of them than are needed.
///
/// # Errors
/// A trial could not be run.
pub async fn mostly<T, R: Trials<T>>(trials: &mut R, part: &[T]) -> Result<bool, R::Error> {
    let (mut broke, mut held) = (0, 0);
    while broke <= REPEATS / 2 && held <= REPEATS / 2 {
        if trials.breaks(part).await? {
            broke += 1;
        } else {
            held += 1;
        }
    }
    Ok(broke > held)
}

/// A part of `whole` that still breaks and of which no element can be left out. `whole` itself must break.
///
/// # Errors
/// A trial could not be run.
pub async fn shrink<T: Clone, R: Trials<T>>(whole: Vec<T>, trials: &mut R) -> Result<Vec<T>, R::Error> {
    let (mut rest, mut parts) = (whole, 2);
    while rest.len() > 1 {
        let size = rest.len().div_ceil(parts);
        let mut smaller = None;
        for start in (0..rest.len()).step_by(size) {
            let end = (start + size).min(rest.len());
            let (part, without) = (rest[start..end].to_vec(), [&rest[..start], &rest[end..]].concat());
            // A part alone first: it is the larger step.
            if mostly(trials, &part).await? {
                smaller = Some((part, 2));
                break;
            }
            // Of two parts, the rest without one is the other.
            if parts > 2 && mostly(trials, &without).await? {
                smaller = Some((without, (parts - 1).max(2)));
                break;
            }
        }
        match smaller {
            Some(found) => (rest, parts) = found,
            None if size == 1 => break,
            None => parts = (parts * 2).min(rest.len()),
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::draw;
    use std::collections::BTreeSet;

    /// Breaks when all of `needs` are there, with some noise.
    struct Sometimes {
        needs: BTreeSet<u32>,
        noise: f64,
        seed: u64,
        trials: u64,
    }

    impl Trials<u32> for Sometimes {
        type Error = ();
        async fn breaks(&mut self, part: &[u32]) -> Result<bool, ()> {
            self.trials += 1;
            let there = self.needs.iter().all(|need| part.contains(need));
            Ok(there != (draw(self.seed, self.trials) < self.noise))
        }
    }

    #[tokio::test]
    async fn the_smallest_part_is_found() {
        for needs in [vec![3], vec![0, 11], vec![2, 5, 9], vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]] {
            let needs: BTreeSet<u32> = needs.into_iter().collect();
            let mut trials = Sometimes { needs: needs.clone(), noise: 0.0, seed: 1, trials: 0 };
            let found = shrink((0..12).collect(), &mut trials).await.unwrap();
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), needs);
        }
    }

    #[tokio::test]
    async fn noise_is_outvoted() {
        let mut right = 0;
        for seed in 0..200 {
            let mut trials = Sometimes { needs: [4, 7].into(), noise: 0.02, seed, trials: 0 };
            right += u32::from(shrink((0..10).collect(), &mut trials).await.unwrap() == [4, 7]);
        }
        // Two wrong of three at 2 % noise are one in a thousand votes.
        assert!(right >= 190, "{right} of 200");
    }
}
