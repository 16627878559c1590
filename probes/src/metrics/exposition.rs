//! Reads the Prometheus text format (0.0.4) and OpenMetrics (1.0) without copying.
//!
//! A sample borrows the text of its series, `name{labels}`, from the response. That text is the key under which a
//! recorder remembers a series, so that labels are taken apart once per series and not once per scrape; whoever
//! sees a new text calls [`series_name`]. Timestamps and exemplars are checked and dropped: evidence carries the
//! time of the scrape.

use super::series_name;
pub use super::series_name::SeriesName;

/// Longest response that is read. 100,000 series of 300 bytes fit; more is a leak of labels, not a metric.
pub const MAX_RESPONSE_BYTES: usize = 32 * 1024 * 1024;

/// Most series that one target may expose; beyond it the scrape fails, as with Prometheus' `sample_limit`.
pub const MAX_SERIES_PER_TARGET: usize = 100_000;

/// Longest text of one series with its labels, in bytes; a longer one is a payload that leaked into a label.
pub const MAX_SERIES_BYTES: usize = 16 * 1024;

/// Which of the two formats a response claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Prometheus,
    /// `application/openmetrics-text`: must end with `# EOF`, so that a cut answer is noticed.
    OpenMetrics,
}

impl Format {
    /// The format of a `Content-Type` value; anything that is not OpenMetrics is read as the Prometheus text format.
    pub fn of_content_type(value: &str) -> Self {
        if value.trim_start().starts_with("application/openmetrics-text") {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        }
    }
}

/// Type of a metric family, from its `# TYPE` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyType {
    /// Only rises, except when its process restarts.
    Counter,
    /// Any value.
    Gauge,
    /// Cumulative buckets.
    Histogram,
    /// Quantiles, sum and count.
    Summary,
    /// `untyped`, `unknown`, `info`, `stateset`, `gaugehistogram`.
    Other,
}

/// One sample; borrows from the response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// `name{labels}` exactly as sent.
    pub series: &'a str,
    /// Value; NaN and the infinities are legal.
    pub value: f64,
    /// Line in the response, from 1.
    pub line: u32,
}

/// A response, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition<'a> {
    /// Samples in the order sent.
    pub samples: Vec<Sample<'a>>,
    /// Declared types in the order sent.
    pub types: Vec<(&'a str, FamilyType)>,
}

/// Why a response could not be read; nothing of it is used then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ExpositionError {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// No legal metric name.
    #[error("no metric name in `{0}`")]
    Name(String),
    /// Labels that do not parse.
    #[error("bad labels in `{0}`")]
    Labels(String),
    /// A value that is not a number.
    #[error("`{0}` is not a number")]
    Value(String),
    /// A timestamp that is not a number.
    #[error("`{0}` is not a timestamp")]
    Timestamp(String),
    /// Text after the sample.
    #[error("unexpected `{0}` after the sample")]
    Trailing(String),
    /// Text after `# EOF`.
    #[error("text after `# EOF`")]
    AfterEof,
    /// OpenMetrics without its end mark: the answer was cut.
    #[error("OpenMetrics answer ends without `# EOF`: it was cut")]
    NoEof,
    /// Series text over [`MAX_SERIES_BYTES`].
    #[error("name and labels are {bytes} bytes long, more than {max}")]
    SeriesTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More series than allowed.
    #[error("more than {max} series; drop labels with unbounded values")]
    TooManySeries {
        /// The limit.
        max: usize,
    },
    /// More series that signals ask for than a recorder keeps.
    #[error("the signals ask for more than {max} series; drop labels with unbounded values, or narrow the selectors")]
    TooManySignalSeries {
        /// The limit.
        max: usize,
    },
}

/// Reads a whole response of at most `max_series` samples.
///
/// # Errors
/// The first line that does not parse, or the first that exceeds a limit.
pub fn parse(body: &[u8], format: Format, max_series: usize) -> Result<Exposition<'_>, ExpositionError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        ExpositionError { line: line_number(lines), fault: Fault::NotUtf8 }
    })?;
    let mut read = Exposition::default();
    let mut eof = false;
    let mut count = 0;
    for (index, line) in text.split_terminator('\n').enumerate() {
        count = index;
        let number = line_number(index);
        let at = |fault| ExpositionError { line: number, fault };
        if eof {
            return Err(at(Fault::AfterEof));
        }
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            eof = comment == " EOF";
            read.types.extend(type_line(comment));
            continue;
        }
        if read.samples.len() == max_series {
            return Err(at(Fault::TooManySeries { max: max_series }));
        }
        let (series, value) = sample_line(line).map_err(at)?;
        read.samples.push(Sample { series, value, line: number });
    }
    match format {
        Format::OpenMetrics if !eof => Err(ExpositionError { line: line_number(count), fault: Fault::NoEof }),
        Format::OpenMetrics | Format::Prometheus => Ok(read),
    }
}

/// Takes the text of a series apart.
///
/// # Errors
/// A name or labels that do not parse.
pub fn series_name(series: &str) -> Result<SeriesName, Fault> {
    series_name::parse(series)
}

fn line_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

fn type_line(comment: &str) -> Option<(&str, FamilyType)> {
    let mut words = comment.split_ascii_whitespace();
    if words.next() != Some("TYPE") {
        return None;
    }
    let name = words.next()?;
    let family = match words.next()? {
        "counter" => FamilyType::Counter,
        "gauge" => FamilyType::Gauge,
        "histogram" => FamilyType::Histogram,
        "summary" => FamilyType::Summary,
        _ => FamilyType::Other,
    };
    Some((name, family))
}

fn sample_line(line: &str) -> Result<(&str, f64), Fault> {
    let end = series_end(line)?;
    let series = &line[..end];
    if end > MAX_SERIES_BYTES {
        return Err(Fault::SeriesTooLong { bytes: end, max: MAX_SERIES_BYTES });
    }
    let rest = line[end..].trim_start_matches([' ', '\t']);
    let (value, rest) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let value = number(value).ok_or_else(|| Fault::Value(excerpt(value)))?;
    let rest = rest.trim_start_matches([' ', '\t']);
    if rest.is_empty() || rest.starts_with('#') {
        return Ok((series, value));
    }
    let (stamp, rest) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    number(stamp).ok_or_else(|| Fault::Timestamp(excerpt(stamp)))?;
    let rest = rest.trim_start_matches([' ', '\t']);
    if rest.is_empty() || rest.starts_with('#') {
        return Ok((series, value));
    }
    Err(Fault::Trailing(excerpt(rest)))
}

/// Where `name{labels}` ends: at the brace that closes outside quotes, or at the first blank.
fn series_end(line: &str) -> Result<usize, Fault> {
    let bytes = line.as_bytes();
    let name = bytes.iter().position(|byte| matches!(byte, b'{' | b' ' | b'\t')).unwrap_or(bytes.len());
    if name == 0 && bytes.first() != Some(&b'{') {
        return Err(Fault::Name(excerpt(line)));
    }
    // The text format allows blanks between the name and its labels.
    let brace = bytes[name..].iter().position(|byte| !matches!(byte, b' ' | b'\t')).map(|blank| name + blank);
    let Some(brace) = brace.filter(|at| bytes[*at] == b'{') else {
        return Ok(name);
    };
    let mut quoted = false;
    let mut at = brace + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Ok(at + 1),
            _ => {}
        }
        at += 1;
    }
    Err(Fault::Labels(excerpt(line)))
}

fn number(text: &str) -> Option<f64> {
    let digits = text.as_bytes();
    // Most values are plain integers; up to 15 digits they are exact in both types.
    if (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) {
        let whole = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return Some(whole as f64);
    }
    text.parse().ok()
}

/// The beginning of a text, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text.to_owned(),
    }
}
