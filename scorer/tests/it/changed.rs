//! Numbers that differ from the vectors of `mettle-1`, each with what it was.
//!
//! One reason for all: the baseline's single samples have a tail like a power (mean log excess of the highest eighth of
//! the blocks at least .2), so the peak p is also bounded by a Pareto prediction (docs/decisions/0006-peaks-of-heavy-
//! tails.md). It only rises; in the tags the peak channel, its replays and its p follow. Nothing else changes.

/// Name of the comparison, number of `mettle-2`; the number of `mettle-1` stands behind.
#[rustfmt::skip]
pub(crate) const CHANGED: &[(&str, f64)] = &[
    // Single metrics.
    ("lognormal/K5/n240/none p_peak", 1.0), // 0.7814566337607867
    ("counter/K5/n240/var p_peak", 0.168133106110828), // 0.06819706692042936
    ("ar.5/K1/n45/either/ramp/by=5.0 p_peak", 0.12758401434303554), // 0.10819479769894784
    ("ar.5/K1/n60/either/ramp/by=0.0 p_peak", 0.7701809011099269), // 0.5483893728373428
    ("ar.5/K1/n240/either/ramp/by=1.0 p_peak", 0.40534570633190337), // 0.3425240124045821
    ("ar.5/K2/n20/either/tail/by=50.0 p_peak", 0.06946531894045889), // 0.04045314012878609
    ("ar.5/K2/n45/either/tail/by=50.0 p_peak", 0.05283056662190132), // 0.008665076573521575
    ("ar.5/K2/n60/either/tail/by=1.0 p_peak", 0.02019168982635515), // 5.810503163562655e-6
    ("ar.5/K3/n45/up/ramp/by=5.0 p_peak", 0.43860064146467803), // 0.37205517630609686
    ("ar.5/K5/n20/either/var/by=1.0 p_peak", 0.08767759895100999), // 0.025484645388488263
    ("ar.5/K3/n120/look=40 p_peak", 1.0), // 0.9018019356625492
    ("season.9/K3/n120/look=20 p_peak", 0.3480978663314924), // 0.1803438273533851
    ("share/K3/0.02->0.06 p_peak", 0.04865607167239855), // 0.00045991249218446006
    ("latency_share/K3/0.02->0.06 p_peak", 0.14053585535298613), // 0.002768145394725195
    ("count/K3/0.02->0.06 p_peak", 0.2481689479283996), // 0.0020396613516718534
    ("share/K5/0.02->0.06 p_peak", 0.07644435571981807), // 0.00144473726717728
    ("latency_share/K5/0.02->0.06 p_peak", 0.044152042662756234), // 0.0004397084211708005
    ("count/K5/0.02->0.06 p_peak", 0.043196879597739324), // 0.001077347707196827
    ("growth/K3/x8 p_peak", 0.01766549806414725), // 0.000011224075322840204
    // Tags.
    ("aa/look=240 m6 p_peak", 0.8437704315355737), // 0.8054677876652772
    ("aa/look=240 m7 p_peak", 0.40484914998759375), // 0.11190750968703243
    ("aa/look=240 channel of gate peak", -4.753424308817087), // -0.4163823954802581
    ("aa/look=240 replay 1 of gate peak", 0.29243408440098934), // 0.5213957760341706
    ("aa/look=240 p of gate peak", 0.9999991350802598), // 0.6802943193317965
    ("aa-run-effect/look=240 m2 p_peak", 0.3167441764879452), // 0.16801430025991637
    ("aa-run-effect/look=240 m6 p_peak", 0.77182991735422), // 0.5968380901228993
    ("aa-run-effect/look=240 replay 1 of gate peak", -4.753424308817087), // -1.2431961882274534
    ("two-bad/look=240 m6 p_peak", 0.4173743146675128), // 0.35585232498219166
    ("two-bad/look=240 replay 3 of gate peak", -2.4673823731805524), // 0.5796147157354212
    ("two-bad/look=240 p of gate peak", 0.21555450712483076), // 0.23289873888710816
    ("two-bad-run-effect/look=240 m2 p_peak", 0.7685637939287662), // 0.6935326717725164
    ("two-bad-run-effect/look=240 m7 p_peak", 0.8728331799807995), // 0.5436278423456151
    ("two-bad-run-effect/look=240 replay 1 of gate peak", -0.24265593174656622), // 1.3974842063761637
    ("two-bad-run-effect/look=240 p of gate peak", 0.19315557880957712), // 0.23374224134829288
    ("demo/look=20 m0 p_peak", 0.05812504332105237), // 0.007427578136693845
    ("demo/look=20 m10 p_peak", 0.13533370243607495), // 0.007443358202754018
    ("demo/look=20 channel of gate peak", 0.38869670534128836), // 1.6999999355483344
    ("demo/look=20 channel of watch peak", -0.8852986632483301), // 1.698994083302359
    ("demo/look=20 replay 1 of watch peak", -0.7700967642444917), // 0.5240019062157091
    ("demo/look=20 p of gate peak", 0.34875025992631425), // 0.044565468820163046
    ("demo/look=20 p of watch peak", 0.8120022146164497), // 0.05042241271681044
    ("demo/look=40 m2 p_peak", 0.7902561545839921), // 0.6962136682780591
    ("demo/look=40 m6 p_peak", 0.9255262192744825), // 0.4740262698065156
    ("demo/look=40 m7 p_peak", 0.7727327815749044), // 0.4276417253280164
    ("demo/look=40 m10 p_peak", 0.30758023735901524), // 0.014484459597708376
    ("demo/look=40 channel of watch peak", -1.4237509612600472), // 1.3600518543909368
    ("demo/look=40 replay 1 of gate peak", -4.753424308817087), // 1.1618756783020787
    ("demo/look=40 replay 1 of watch peak", 0.5455060877190071), // 0.691502692622939
    ("demo/look=40 replay 2 of watch peak", -4.753424308817087), // 0.04164468594268622
    ("demo/look=40 p of gate peak", 0.005201941710147703), // 0.00748692043423463
    ("demo/look=40 p of watch peak", 0.9311436441616752), // 0.10052055437767347
    ("demo/look=60 m6 p_peak", 1.0), // 0.6609817371652801
    ("demo/look=60 m10 p_peak", 0.1042428115435036), // 0.03104244973151378
    ("demo/look=60 channel of watch peak", -0.31984443470696095), // 0.8917827362696177
    ("demo/look=60 replay 1 of gate peak", -4.753424308817087), // 0.4176256907664113
    ("demo/look=60 replay 1 of watch peak", -0.620584393215676), // 0.034479496658742156
    ("demo/look=60 p of gate peak", 0.013303141429762728), // 0.014971514030844868
    ("demo/look=60 p of watch peak", 0.6254568692610216), // 0.18728337155693003
    ("k3-watch/look=120 m2 p_peak", 0.3008355190981986), // 0.17746044787998527
    ("k3-watch/look=120 m7 p_peak", 1.0), // 0.46791544653258155
    ("k3-watch/look=120 channel of gate peak", -4.753424308817087), // -0.552922591661475
    ("k3-watch/look=120 replay 0 of gate peak", -0.40287295997275213), // 0.1874716615454496
    ("k3-watch/look=120 replay 1 of gate peak", -4.753424308817087), // -0.9539494558797188
    ("k3-watch/look=120 replay 2 of watch peak", -4.753424308817087), // -1.5089978433234317
    ("k3-watch/look=120 p of gate peak", 0.999999), // 0.716932445459179
    ("loose-pass/look=120 m2 p_peak", 0.5696191882682624), // 0.4515104674784388
    ("loose-pass/look=120 replay 4 of gate peak", 0.27282488543918754), // 0.785267977300177
];
