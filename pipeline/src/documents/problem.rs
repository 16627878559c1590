//! What is wrong with a document: file, line, key, value and remedy, all at once.

use std::fmt;

/// One problem of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File as the person named it.
    pub file: String,
    /// Line, from 1; 0 when the problem has no place in the text.
    pub line: usize,
    /// Key path, `phases[2].repeat`; empty for the whole document.
    pub key: String,
    /// Value as written, shortened.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

/// What a document's own rules say, before it is known which file and line it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Key path, `phases[2].repeat`.
    pub key: String,
    /// Value as written.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl Complaint {
    /// A complaint about `key`.
    pub fn new(
        key: impl Into<String>,
        value: impl fmt::Display,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Complaint { key: key.into(), value: value.to_string(), message: message.into(), remedy: remedy.into() }
    }

    /// The same as a problem of something that has no lines.
    pub fn within(self, file: &str) -> Problem {
        let Complaint { key, value, message, remedy } = self;
        Problem { file: file.to_owned(), line: 0, key, value, message, remedy }
    }

    /// What other rooms found, as complaints.
    pub fn all<P>(problems: Vec<P>) -> Vec<Complaint>
    where
        Complaint: From<P>,
    {
        problems.into_iter().map(Complaint::from).collect()
    }
}

macro_rules! complaint_from {
    ($($theirs:ty),*) => {$(
        impl From<$theirs> for Complaint {
            fn from(theirs: $theirs) -> Self {
                Complaint { key: theirs.key, value: theirs.value, message: theirs.message, remedy: theirs.remedy }
            }
        }
    )*};
}
// The rooms below have words of their own for what is wrong, without files and lines.
complaint_from!(chaos::problem::Problem, probes::suite::Problem, crate::landscape::problem::Problem);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.line > 0 { format!("{}:{}", self.file, self.line) } else { self.file.clone() };
        write!(f, "{place}  ")?;
        if !self.key.is_empty() {
            write!(f, "{}", self.key)?;
            if !self.value.is_empty() {
                write!(f, " = {}", self.value)?;
            }
            write!(f, "  ")?;
        }
        write!(f, "{}", self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// All problems of one reading, never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `Ok(value)` if there are none.
    ///
    /// # Errors
    /// The problems themselves.
    pub fn or<T>(self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(f, "{n} problem{}", if n == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|p| write!(f, "\n  {p}"))
    }
}

impl std::error::Error for Problems {}
