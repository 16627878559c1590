//! The exact parts to ten digits, against values that were not computed by this crate.
//!
//! Where nothing else is said, values were computed with mpmath 1.4 at 60 digits (incomplete gamma and beta integrals,
//! inverses by bisection) or by sums of fractions, for the very doubles given here, and rounded once.

use scorer::growth::{End, Failures};
use scorer::rates::{Tally, garwood, jeffreys, two_rates, zero_failure_bound};
use scorer::special::normal_quantile;
use scorer::survival::{Recovery, Stratum, kaplan_meier, log_rank, restricted_mean};

/// Ten digits; 0 and 1 exactly.
fn close(what: &str, got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-10 * want.abs(), "{what}: got {got:e}, want {want:e}");
}

/// Events, exposure, tail; lower and upper limit.
#[rustfmt::skip]
const GARWOOD: [[f64; 5]; 11] = [
    [0.0, 1.0, 0.05, 0.0, 2.995732273553991],
    [1.0, 1.0, 0.025, 0.025317807984289876, 5.571643390938899],
    [2.0, 17.5, 0.025, 0.013840530202512281, 0.41283929529851204],
    [3.0, 1.0, 0.005, 0.3378633887277333, 10.977477495329765],
    // Garwood 1936, table: 4.795 and 18.39.
    [10.0, 1.0, 0.025, 4.7953886961324335, 18.39035604201778],
    [10.0, 3.0, 0.0005, 0.8996777020109367, 8.418519793088658],
    [57.0, 400.0, 0.05, 0.11293888918298817, 0.17767270004878308],
    [250.0, 60.0, 0.05, 3.7428896364394086, 4.626923210178247],
    [1000.0, 7.0, 0.001, 129.3029701335681, 157.37527769700435],
    // Divided by a design effect.
    [2.5, 12.0, 0.05, 0.047728176085907056, 0.5861308520558404],
    [0.25, 0.25, 0.01, 2.6998791718233874e-8, 20.622488783482993],
];

/// Events and exposure of one side and of the other; p. Whole events: binomial sums in fractions.
#[rustfmt::skip]
const TWO_RATES: [[f64; 5]; 13] = [
    [3.0, 1.0, 1.0, 1.0, 0.3125],
    [7.0, 2.0, 3.0, 5.0, 0.007910866555249944],
    [40.0, 1.0, 90.0, 5.0, 5.2197124084856514e-5],
    [1.0, 60.0, 0.0, 300.0, 0.16666666666666666],
    [0.0, 1.0, 4.0, 1.0, 1.0],
    [5.0, 1.0, 5.0, 1.0, 0.623046875],
    [12.0, 100.0, 1.0, 300.0, 5.960464477539062e-7],
    [30.0, 10.0, 4.0, 50.0, 1.038253782369639e-19],
    [200.0, 1.0, 800.0, 5.0, 0.0031880755543325684],
    [3.0, 1000.0, 0.0, 4000.0, 0.008],
    [60.0, 1.0, 20.0, 4.0, 5.116191901476984e-26],
    [2.5, 10.0, 1.25, 40.0, 0.06501257718355061],
    [7.75, 1.0, 0.5, 3.0, 6.264489279858157e-5],
];

/// Good, all, tail; lower and upper limit.
#[rustfmt::skip]
const JEFFREYS: [[f64; 5]; 9] = [
    [0.0, 10.0, 0.025, 0.0, 0.21719626750921056],
    [10.0, 10.0, 0.025, 0.7828037324907894, 1.0],
    [98.0, 100.0, 0.005, 0.9190752971752277, 0.9979278346127065],
    [59.0, 60.0, 0.05, 0.9366949053333545, 0.9970599637682532],
    [5.0, 10.0, 0.025, 0.2235286702527052, 0.7764713297472948],
    [1.0, 20.0, 0.025, 0.005449032581426598, 0.2108186362492652],
    [1439.0, 1440.0, 0.05, 0.9972897608178798, 0.9998778173877332],
    [9990.0, 10000.0, 0.001, 0.9976617737361807, 0.9996775649650498],
    [7.5, 8.0, 0.05, 0.6876560219336321, 0.993608849045455],
];

/// Exposure, level; bound.
#[rustfmt::skip]
const ZERO_FAILURES: [[f64; 3]; 4] = [
    [1.0, 0.05, 2.995732273553991],
    [100.0, 0.05, 0.029957322735539908],
    [720.0, 0.1, 0.003198034851380619],
    [2.5, 0.001, 2.763102111592855],
];

#[test]
fn rates_and_shares() {
    for [events, exposure, a, low, high] in GARWOOD {
        let got = garwood(Tally { events, exposure }, a);
        close(&format!("lower limit of {events} in {exposure}"), got.0, low);
        close(&format!("upper limit of {events} in {exposure}"), got.1, high);
    }
    for [x, exposure, y, other, p] in TWO_RATES {
        let (x, y) = (Tally { events: x, exposure }, Tally { events: y, exposure: other });
        close(&format!("{x:?} against {y:?}"), two_rates(x, y), p);
    }
    for [good, total, a, low, high] in JEFFREYS {
        let got = jeffreys(good, total, a);
        close(&format!("lower limit of {good} of {total}"), got.0, low);
        close(&format!("upper limit of {good} of {total}"), got.1, high);
    }
    for [exposure, a, bound] in ZERO_FAILURES {
        close(&format!("no failure in {exposure}"), zero_failure_bound(exposure, a), bound);
        close("Garwood's limit without events", garwood(Tally { events: 0.0, exposure }, a).1, bound);
    }
}

/// Weeks of remission under 6-mercaptopurine, below 0 where censored, and under placebo (Freireich et al. 1963; the data
/// of Gehan 1965 and of most textbooks since).
const DRUG: [f64; 21] = [
    6.0, 6.0, 6.0, -6.0, 7.0, -9.0, 10.0, -10.0, -11.0, 13.0, 16.0, -17.0, -19.0, -20.0, 22.0, 23.0, -25.0, -32.0,
    -32.0, -34.0, -35.0,
];
const PLACEBO: [f64; 21] =
    [1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 5.0, 8.0, 8.0, 8.0, 8.0, 11.0, 11.0, 12.0, 12.0, 15.0, 17.0, 22.0, 23.0];

fn weeks(signed: &[f64]) -> Vec<Recovery> {
    signed.iter().map(|t| Recovery { time: t.abs(), censored: *t < 0.0 }).collect()
}

/// Time, survival, Greenwood's variance; products and sums of fractions. Textbooks: .857, .807, .753, .690, .627, .538,
/// .448.
#[rustfmt::skip]
const SURVIVAL: [[f64; 3]; 7] = [
    [6.0, 0.8571428571428571, 0.0058309037900874635],
    [7.0, 0.8067226890756303, 0.007557743809337872],
    [10.0, 0.7529411764705882, 0.009283255632125976],
    [13.0, 0.6901960784313725, 0.011409381797060743],
    [16.0, 0.6274509803921569, 0.013008284180005464],
    [22.0, 0.5378151260504201, 0.0164438950732707],
    [23.0, 0.4481792717086835, 0.018114860231637737],
];

#[test]
fn survival() {
    let (drug, placebo) = (weeks(&DRUG), weeks(&PLACEBO));
    let steps = kaplan_meier(&drug);
    assert_eq!(steps.len(), SURVIVAL.len());
    for (step, [time, survival, variance]) in steps.iter().zip(SURVIVAL) {
        close("time", step.time, time);
        close("survival", step.survival, survival);
        close("variance", step.variance, variance);
    }
    // Without censoring survival is a plain share, its variance p (1 - p) / n, its end 0.
    for step in kaplan_meier(&placebo) {
        let left = placebo.iter().filter(|r| r.time > step.time).count() as f64 / 21.0;
        assert!((step.survival - left).abs() < 1e-14 && (step.variance - left * (1.0 - left) / 21.0).abs() < 1e-14);
    }
    for (horizon, of_drug, of_placebo) in [
        (10.0, 9.277310924369749, 6.619047619047619),
        (23.0, 17.909243697478992, 8.666666666666666),
        (35.0, 23.287394957983192, 8.666666666666666),
        (50.0, 30.010084033613445, 8.666666666666666),
    ] {
        close("restricted mean of the drug", restricted_mean(&drug, horizon), of_drug);
        close("restricted mean of the placebo", restricted_mean(&placebo, horizon), of_placebo);
    }
}

#[test]
fn the_log_rank_test() {
    let stratum = |base: &[f64], cand: &[f64]| Stratum { base: weeks(base), cand: weeks(cand) };
    let every_other = |data: &[f64], from: usize| data.iter().skip(from).step_by(2).copied().collect::<Vec<f64>>();
    // Textbooks: 9 relapses under the drug where 19.25 are expected, chi-squared 16.79.
    let p = log_rank(&[stratum(&PLACEBO, &DRUG)]);
    close("one stratum", p, 2.0844045546672708e-5);
    close("chi-squared", normal_quantile(p).powi(2), 16.792940989216532);
    close("the other way", log_rank(&[stratum(&DRUG, &PLACEBO)]), 0.9999791559544533);
    // The same patients, every other one in a stratum of its own.
    let strata = [0, 1].map(|from| stratum(&every_other(&PLACEBO, from), &every_other(&DRUG, from)));
    close("two strata", log_rank(&strata), 3.055826386106007e-5);
}

/// A worked example of the Crow-AMSAA model, hours: beta .6142 and lambda .4239 where the last failure ends the watch.
const HOURS: [f64; 22] = [
    2.7, 10.3, 12.5, 30.6, 57.0, 61.3, 80.0, 109.5, 125.0, 128.6, 143.8, 167.9, 229.2, 296.7, 320.6, 328.2, 366.2,
    396.7, 421.1, 438.2, 501.2, 620.0,
];

/// Numbers of one history: beta, unbiased beta, lambda, intensity, mtbf, chi-squared, its p (worse, better), Laplace's
/// statistic and p (worse), limits of beta with tails of 5 %.
#[rustfmt::skip]
fn histories() -> [(&'static [f64], End, [f64; 12]); 4] {
    [
        (&HOURS, End::LastFailure, [
            0.6142103999317298, 0.5583730908470271, 0.42394221488057465, 0.02179456257822267, 45.883003910306016,
            71.6366899760907, 0.9970623848603345, 0.0029376151396654985, -2.7831596856069774, 0.9973083848112372,
            0.3928719976603599, 0.8113724643093838,
        ]),
        (&HOURS, End::At(650.0), [
            0.5968868262561546, 0.5697556068808749, 0.46071436621574946, 0.02020232335020831, 49.49925722229809,
            73.71581690951469, 0.9966918078306766, 0.0033081921693234005, -2.61639485795178, 0.9955568136115406,
            0.4040852876584917, 0.820460100938392,
        ]),
        (&[95.0, 180.0, 230.0, 270.0, 300.0], End::At(320.0), [
            2.1236043992390137, 1.698883519391211, 2.393439695721733e-5, 0.03318131873810959, 30.137439921924337,
            4.708974987800677, 0.09024800614226379, 0.9097519938577362, 1.3313380252587996, 0.09153890583143205,
            0.8367636579780121, 3.887690654697113,
        ]),
        (&[4.3], End::At(200.0), [
            0.26043685433118846, 0.0, 0.251609471902774, 0.0013021842716559424, 767.940468769704, 7.67940468769704,
            0.9785, 0.0215, -1.6575726228434156, 0.9512981203425077, 0.013358664238577267, 0.7801990897428208,
        ]),
    ]
}

#[test]
fn reliability_growth() {
    for (times, end, want) in histories() {
        let failures = Failures::new(times, end).expect("good times");
        let (law, chi, laplace) = (failures.power_law(), failures.chi_squared(), failures.laplace());
        let (low, high) = failures.beta_limits(0.05);
        let got = [
            ("beta", law.beta),
            ("unbiased beta", law.beta_unbiased),
            ("lambda", law.lambda),
            ("intensity", law.intensity),
            ("mtbf", law.mtbf),
            ("chi-squared", chi.statistic),
            ("p of chi-squared, worse", chi.p_worse),
            ("p of chi-squared, better", chi.p_better),
            ("Laplace", laplace.statistic),
            ("p of Laplace, worse", laplace.p_worse),
            ("lower limit", low),
            ("upper limit", high),
        ];
        for ((what, got), want) in got.into_iter().zip(want) {
            close(&format!("{what} of {} failures", times.len()), got, want);
        }
    }
}
