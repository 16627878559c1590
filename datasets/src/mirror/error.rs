//! Why a copy in a bucket could not be written or read.

use crate::digest::Digest;
use crate::error::{EvidenceError, Hint};
use object_store::Error as Answer;
use std::io;
use std::path::PathBuf;

/// A failed use of a mirror. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The folder of the store.
    #[error(transparent)]
    Local(#[from] EvidenceError),
    /// There is no key.
    #[error("{place} has no `{name}`")]
    NoCredentials {
        /// The environment, or a file.
        place: String,
        /// What is missing, in small letters.
        name: &'static str,
    },
    /// The file of the key cannot be read.
    #[error("failed to read the credentials in {}", path.display())]
    CredentialsFile {
        /// File.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The settings are no address.
    #[error("{place} is no address of a bucket")]
    NoAddress {
        /// Address.
        place: String,
        /// What the library said.
        #[source]
        source: Box<Answer>,
    },
    /// Nobody answered, or not to the end.
    #[error("failed to {doing} {key} at {place}: the server cannot be reached")]
    Away {
        /// What was tried, a verb.
        doing: &'static str,
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
        /// What the library said.
        #[source]
        source: Box<Answer>,
    },
    /// The server does not let us.
    #[error("failed to {doing} {key} at {place}: the server refuses these credentials")]
    Refused {
        /// What was tried, a verb.
        doing: &'static str,
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
    },
    /// There is no such bucket.
    #[error("failed to {doing} {key}: there is no bucket {place}")]
    NoBucket {
        /// What was tried, a verb.
        doing: &'static str,
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
    },
    /// The bucket does not have it.
    #[error("no evidence {digest} at {place}")]
    NotThere {
        /// Address.
        digest: Digest,
        /// Address of the copy.
        place: String,
    },
    /// The bucket has other bytes than those of the address.
    #[error("{key} at {place} is damaged: {what}")]
    Damaged {
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// Any other answer.
    #[error("failed to {doing} {key} at {place}")]
    Answer {
        /// What was tried, a verb.
        doing: &'static str,
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
        /// What the library said.
        #[source]
        source: Box<Answer>,
    },
}

impl MirrorError {
    /// Sorts an answer by what a person can do about it.
    pub(super) fn answer(doing: &'static str, key: &str, place: String, source: Answer) -> Self {
        let key = key.to_owned();
        match &source {
            // Their texts repeat the request: nobody needs it to see what is wrong.
            Answer::PermissionDenied { .. } | Answer::Unauthenticated { .. } => {
                MirrorError::Refused { doing, key, place }
            }
            Answer::NotFound { source: said, .. } if said.to_string().contains("NoSuchBucket") => {
                MirrorError::NoBucket { doing, key, place }
            }
            Answer::Generic { .. } if was_cut(&source) => {
                MirrorError::Away { doing, key, place, source: Box::new(source) }
            }
            _ => MirrorError::Answer { doing, key, place, source: Box::new(source) },
        }
    }

    /// Whether it may be over by itself: then it is tried again without anybody's doing.
    pub fn passes(&self) -> bool {
        matches!(self, MirrorError::Away { .. })
    }

    /// What can be done.
    pub fn hints(&self) -> Vec<Hint> {
        let text = match self {
            MirrorError::Local(error) => return error.hints(),
            MirrorError::NoCredentials { name, .. } => {
                let name = if self.is_of_environment() { name.to_uppercase() } else { (*name).to_owned() };
                return vec![Hint(format!(
                    "set `{name}` there, or name another place in `evidence.credentials` of mettle.yaml"
                ))];
            }
            MirrorError::CredentialsFile { .. } => {
                "make the file readable for this user, or name another in mettle.yaml"
            }
            MirrorError::NoAddress { .. } => "correct `evidence.endpoint` and `evidence.bucket` in mettle.yaml",
            MirrorError::Away { .. } => {
                "nothing is lost: the folder has everything, and the upload goes on when the server answers; check `evidence.endpoint` in mettle.yaml if it never does"
            }
            MirrorError::Refused { .. } => {
                "check key, secret and `evidence.region`; the key must be allowed to get and put objects of the bucket"
            }
            MirrorError::NoBucket { .. } => "make the bucket, or correct `evidence.bucket` in mettle.yaml",
            MirrorError::NotThere { .. } => {
                "restore the evidence from a backup, or name the bucket that has it in mettle.yaml"
            }
            MirrorError::Damaged { .. } => {
                "nothing was overwritten: find out who changed it, remove the object, and the next upload puts the right bytes there; a folder that still has the evidence is not concerned"
            }
            MirrorError::Answer { .. } => return Vec::new(),
        };
        vec![Hint(text.to_owned())]
    }

    fn is_of_environment(&self) -> bool {
        matches!(self, MirrorError::NoCredentials { place, .. } if place == "the environment")
    }
}

/// Whether no answer came, or a server said that it cannot give one now.
fn was_cut(error: &Answer) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // The library tells these cases apart by texts alone.
        if [
            "error sending request",
            "HTTP error",
            "error decoding response body",
            "connection closed",
            "timed out",
            "503 ",
            "502 ",
            "500 ",
        ]
        .iter()
        .any(|word| text.contains(word))
        {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_sorted_by_what_can_be_done() {
        let said = |text: &str| Box::<dyn std::error::Error + Send + Sync>::from(text.to_owned());
        let sorted = |answer| MirrorError::answer("put", "k", "p".to_owned(), answer);
        let path = || "k".to_owned();
        let no_bucket = sorted(Answer::NotFound { path: path(), source: said("<Code>NoSuchBucket</Code>") });
        assert!(matches!(no_bucket, MirrorError::NoBucket { .. }), "{no_bucket:?}");
        let refused =
            sorted(Answer::PermissionDenied { path: path(), source: said("<StringToSign>text</StringToSign>") });
        assert!(
            matches!(refused, MirrorError::Refused { .. }) && !format!("{refused:?}").contains("text"),
            "{refused:?}"
        );
        let cut = sorted(Answer::Generic { store: "S3", source: said("HTTP error: error sending request") });
        assert!(cut.passes(), "{cut:?}");
        let other = sorted(Answer::Generic { store: "S3", source: said("400 Bad Request") });
        assert!(matches!(other, MirrorError::Answer { .. }) && !other.passes(), "{other:?}");
        for error in [no_bucket, refused, cut] {
            assert_eq!(error.hints().len(), 1, "{error}");
        }
    }
}
