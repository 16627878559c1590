//! What a server said, in short: its status and its code, and nothing else of the answer.

use object_store::Error as Answer;
use std::error::Error;
use std::fmt;

/// How the library begins the text of an answer with a status; the body follows.
const STATUS: &str = "non-2xx status code: ";

/// How the library tells that no answer came, or not to its end.
const CUT: [&str; 5] =
    ["error sending request", "HTTP error", "error decoding response body", "connection closed", "timed out"];

/// Status and code of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `503 Service Unavailable`.
    status: Option<String>,
    /// `SlowDown`.
    code: Option<String>,
    /// Whether there was no answer, or only a part.
    cut: bool,
}

impl Said {
    /// Of an answer. The library tells these cases apart by texts alone.
    pub(super) fn of(answer: &Answer) -> Self {
        let mut said = Said::default();
        let mut next: Option<&dyn Error> = Some(answer);
        while let Some(error) = next {
            let text = error.to_string();
            said.status = said.status.or_else(|| status(&text));
            said.code = said.code.or_else(|| code(&text));
            said.cut |= CUT.iter().any(|word| text.contains(word));
            next = error.source();
        }
        // A status is an answer, whatever its body holds.
        said.cut &= said.status.is_none();
        said
    }

    /// Whether the code is one of `codes`.
    pub(super) fn is_any(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Whether no answer came, or the server cannot give one now.
    pub(super) fn passes(&self) -> bool {
        let busy = ["429", "500", "502", "503", "504"];
        self.cut || self.status.as_deref().is_some_and(|status| busy.iter().any(|number| status.starts_with(number)))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, "{status}, {code}"),
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) if self.cut => f.write_str("the connection failed"),
            (None, None) => f.write_str("something that is no answer of an S3 server"),
        }
    }
}

fn status(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(STATUS)?;
    let (status, _) = rest.split_once(": ").unwrap_or((rest.trim_end_matches(':'), ""));
    status.as_bytes().first().is_some_and(u8::is_ascii_digit).then(|| status.to_owned())
}

/// The code in the XML of an answer: letters alone, whatever else a body holds.
fn code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    code.chars().all(|c| c.is_ascii_alphanumeric()).then(|| code.to_owned())
}
