use probes::metrics::exposition::{Fault, Format, parse, series_name};
use proptest::prelude::*;

proptest! {
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
