use probes::metrics::exposition::{Fault, Format, parse, series_name};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A sample as a target means it, and the blanks, time and exemplar that it may write around it.
#[derive(Clone, Debug)]
struct Meant {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
    blank: &'static str,
    after: &'static str,
}

impl Meant {
    fn line(&self) -> String {
        let escape = |value: &str| value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let labels: Vec<String> = self.labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        format!("{}{labels}{}{}{}\n", self.name, self.blank, self.value, self.after)
    }
}

fn meant() -> impl Strategy<Value = Meant> {
    let label = ("[a-zA-Z_][a-zA-Z0-9_]{0,6}", any::<String>().prop_filter("empty is absent", |v| !v.is_empty()));
    let value = prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(f64::NAN), (0_u32..5000).prop_map(f64::from)];
    let after = prop::sample::select(vec!["", " 1700000000000", " # {trace_id=\"}\"} 1", "\t-5 # {} 2", "  ", "\r"]);
    let blank = prop::sample::select(vec![" ", "\t", "  "]);
    ("[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", prop::collection::btree_map(label.0, label.1, 0..4), value, blank, after)
        .prop_map(|(name, labels, value, blank, after)| Meant { name, labels, value, blank, after })
}

fn written(samples: &[Meant]) -> String {
    let lines: String = samples.iter().map(Meant::line).collect();
    format!("# HELP a \\ \"{{\n# TYPE a counter\n\n{lines}# EOF\n")
}

/// One thing that goes wrong on the way.
#[derive(Clone, Debug)]
enum Harm {
    Flip(prop::sample::Index, u8),
    Drop(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let bytes = prop::collection::vec(prop::sample::select(b"{}\"\\,= \t\n\r#\xc3\xa9\x00eE+-.".to_vec()), 1..6);
    prop_oneof![
        (any::<prop::sample::Index>(), 1_u8..).prop_map(|(at, mask)| Harm::Flip(at, mask)),
        (any::<prop::sample::Index>(), 1_usize..20).prop_map(|(at, length)| Harm::Drop(at, length)),
        (any::<prop::sample::Index>(), bytes).prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        (any::<prop::sample::Index>(), 1_usize..20).prop_map(|(at, length)| Harm::Repeat(at, length)),
    ]
}

fn hurt(body: &mut Vec<u8>, harm: &Harm) {
    if body.is_empty() {
        return;
    }
    let end = |at: usize, length: usize| (at + length).min(body.len());
    match harm {
        Harm::Flip(at, mask) => {
            let at = at.index(body.len());
            body[at] ^= mask;
        }
        Harm::Drop(at, length) => {
            let at = at.index(body.len());
            drop(body.drain(at..end(at, *length)));
        }
        Harm::Insert(at, bytes) => {
            let at = at.index(body.len());
            body.splice(at..at, bytes.iter().copied());
        }
        Harm::Repeat(at, length) => {
            let at = at.index(body.len());
            let again = body[at..end(at, *length)].to_vec();
            body.splice(at..at, again);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_and_a_cut_answer_is_refused(
        samples in prop::collection::vec(meant(), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = written(&samples);
        let read = parse(text.as_bytes(), Format::OpenMetrics, 12).unwrap();
        prop_assert_eq!(read.samples.len(), samples.len());
        for (read, meant) in read.samples.iter().zip(&samples) {
            let name = series_name(read.series).unwrap();
            prop_assert_eq!((&name.name, &name.labels), (&meant.name, &meant.labels));
            prop_assert!(read.value == meant.value || (read.value.is_nan() && meant.value.is_nan()));
        }
        // Without its last byte alone it is whole: `# EOF` needs no line feed.
        let cut = &text.as_bytes()[..cut.index(text.len() - 1)];
        prop_assert!(parse(cut, Format::OpenMetrics, 12).is_err());
    }

    #[test]
    fn harmed_answers_never_panic_and_invent_no_sample(
        samples in prop::collection::vec(meant(), 0..12),
        harms in prop::collection::vec(harm(), 1..5),
        max in 0_usize..14,
    ) {
        let mut body = written(&samples).into_bytes();
        harms.iter().for_each(|harm| hurt(&mut body, harm));
        for format in [Format::Prometheus, Format::OpenMetrics] {
            match parse(&body, format, max) {
                Ok(read) => {
                    prop_assert!(read.samples.len() <= max);
                    let lines: Vec<&str> = std::str::from_utf8(&body).unwrap().split('\n').collect();
                    for pair in read.samples.windows(2) {
                        prop_assert!(pair[0].line < pair[1].line, "two samples of one line");
                    }
                    for sample in &read.samples {
                        prop_assert!(lines[sample.line as usize - 1].contains(sample.series));
                        let _ = series_name(sample.series);
                    }
                }
                Err(error) => {
                    let lines = body.split(|byte| *byte == b'\n').count();
                    prop_assert!((1..=lines).contains(&(error.line as usize)), "{error} of {lines} lines");
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            for sample in parse(&bytes, format, 100).into_iter().flat_map(|read| read.samples) {
                let _ = series_name(sample.series);
            }
        }
    }

    #[test]
    fn almost_legal_lines_never_panic(text in r#"[a{}"\\=, n\n#é1]{0,40}"#) {
        for sample in parse(text.as_bytes(), Format::Prometheus, 100).into_iter().flat_map(|read| read.samples) {
            let _ = series_name(sample.series);
        }
    }

    #[test]
    fn labels_round_trip(value in any::<String>(), number in any::<f64>()) {
        prop_assume!(!value.is_empty());
        let escaped = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let line = format!("m{{a=\"{escaped}\"}} {number}\n");
        let read = parse(line.as_bytes(), Format::Prometheus, 1).unwrap();
        let name = series_name(read.samples[0].series).unwrap();
        prop_assert_eq!(&name.labels["a"], &value);
        prop_assert!(read.samples[0].value == number || number.is_nan());
    }
}

#[test]
fn openmetrics_is_read_whole_or_not_at_all() {
    let text = "# TYPE r counter\nr_total{p=\"a}b\"} 5 1.5 # {trace_id=\"x\"} 0.5\nz NaN\ny +Inf\nx -Inf 12\n";
    let whole = format!("{text}# EOF\n");
    let read = parse(whole.as_bytes(), Format::OpenMetrics, 10).unwrap();
    let series: Vec<&str> = read.samples.iter().map(|sample| sample.series).collect();
    assert_eq!(series, ["r_total{p=\"a}b\"}", "z", "y", "x"]);
    assert!(read.samples[1].value.is_nan());
    assert_eq!((read.samples[2].value, read.samples[3].value), (f64::INFINITY, f64::NEG_INFINITY));
    assert_eq!(parse(text.as_bytes(), Format::OpenMetrics, 10).unwrap_err().fault, Fault::NoEof);
    let after = parse(format!("{whole}a 1\n").as_bytes(), Format::OpenMetrics, 10).unwrap_err();
    assert_eq!((after.line, after.fault), (7, Fault::AfterEof));
}

#[test]
fn errors_name_the_line() {
    let line = |text: &[u8]| parse(text, Format::Prometheus, 2).unwrap_err().to_string();
    assert_eq!(line(b"a 1\n<html>\n"), "line 2: `` is not a number");
    assert_eq!(line(b"a 1\nb{c=\"d\n"), "line 2: bad labels in `b{c=\"d`");
    assert_eq!(line(b"a 1\nb 1 2 3\n"), "line 2: unexpected `3` after the sample");
    assert_eq!(line(b"a 1\nb 1\nc 1\n"), "line 3: more than 2 series; drop labels with unbounded values");
    assert_eq!(line(b"a 1\n\xff"), "line 2: not UTF-8");
}
