//! Why a copy in a bucket could not be written or read.

use super::said::Said;
use crate::digest::Digest;
use crate::error::{EvidenceError, Hint};
use object_store::Error as Answer;
use std::io;
use std::path::PathBuf;

/// Codes by which a server refuses credentials with a status that means something else elsewhere.
const REFUSALS: [&str; 5] =
    ["ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "SignatureDoesNotMatch"];

/// Codes by which a server says that an upload in parts cannot go on.
const FORGOTTEN: [&str; 3] = ["NoSuchUpload", "InvalidPart", "InvalidPartOrder"];

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
    #[error("failed to {doing} {key} at {place}: the server cannot be reached: {said}")]
    Away {
        /// What was tried, a verb.
        doing: &'static str,
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
        /// Why, in short.
        said: Box<Said>,
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
    #[error("failed to {doing} {key} at {place}: the server says {said}")]
    Answer {
        /// What was tried, a verb.
        doing: &'static str,
        /// Key in the bucket.
        key: String,
        /// Address of the copy.
        place: String,
        /// What it said, in short.
        said: Box<Said>,
    },
}

impl MirrorError {
    /// Sorts an answer by what a person can do about it. Nothing of its text is kept but status and code: servers repeat
    /// the request in it, session tokens included.
    pub(super) fn answer(doing: &'static str, key: &str, place: String, source: &Answer) -> Self {
        let (key, said) = (key.to_owned(), Box::new(Said::of(source)));
        match source {
            Answer::PermissionDenied { .. } | Answer::Unauthenticated { .. } => {
                MirrorError::Refused { doing, key, place }
            }
            _ if said.is_any(&REFUSALS) => MirrorError::Refused { doing, key, place },
            Answer::NotFound { .. } if said.is_any(&["NoSuchBucket"]) => MirrorError::NoBucket { doing, key, place },
            _ if said.passes() => MirrorError::Away { doing, key, place, said },
            _ => MirrorError::Answer { doing, key, place, said },
        }
    }

    /// Whether the server does not know an upload in parts, or one of its parts, any more.
    pub(super) fn forgot_upload(&self) -> bool {
        matches!(self, MirrorError::Answer { said, .. } if said.is_any(&FORGOTTEN))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(answer: &Answer) -> MirrorError {
        MirrorError::answer("put", "k", "p".to_owned(), answer)
    }

    fn said(text: &str) -> Box<dyn std::error::Error + Send + Sync> {
        text.to_owned().into()
    }

    fn generic(text: &str) -> Answer {
        Answer::Generic { store: "S3", source: said(text) }
    }

    fn not_found(code: &str) -> Answer {
        let text = format!("Server returned non-2xx status code: 404 Not Found: <Error><Code>{code}</Code></Error>");
        Answer::NotFound { path: "k".to_owned(), source: said(&text) }
    }

    #[test]
    fn an_answer_is_sorted_by_what_can_be_done() {
        let no_bucket = sorted(&not_found("NoSuchBucket"));
        assert!(matches!(no_bucket, MirrorError::NoBucket { .. }), "{no_bucket:?}");
        let text = said("<StringToSign>text</StringToSign>");
        let refused = sorted(&Answer::PermissionDenied { path: "k".to_owned(), source: text });
        assert!(matches!(refused, MirrorError::Refused { .. }), "{refused:?}");
        assert!(!format!("{refused:?}").contains("text"), "{refused:?}");
        let cut = sorted(&generic("HTTP error: error sending request"));
        assert!(cut.passes(), "{cut:?}");
        for status in ["429 Too Many Requests", "503 Service Unavailable", "504 Gateway Timeout"] {
            let busy =
                sorted(&generic(&format!("Server returned non-2xx status code: {status}: <Code>SlowDown</Code>")));
            assert!(busy.passes() && busy.to_string().ends_with(&format!("{status}, SlowDown")), "{busy}");
        }
        let other = sorted(&generic("Server returned non-2xx status code: 400 Bad Request: "));
        assert!(matches!(other, MirrorError::Answer { .. }) && !other.passes(), "{other:?}");
        for error in [no_bucket, refused, cut] {
            assert_eq!(error.hints().len(), 1, "{error}");
        }
    }

    #[test]
    fn what_a_server_repeats_of_the_request_is_not_kept() {
        let body = |code: &str| {
            let start = "Server returned non-2xx status code: 400 Bad Request: <Error>";
            format!("{start}<Code>{code}</Code><Token-0>a-session-token</Token-0></Error>")
        };
        for code in ["ExpiredToken", "InvalidToken"] {
            let expired = sorted(&generic(&body(code)));
            assert!(matches!(expired, MirrorError::Refused { .. }), "{expired:?}");
        }
        for text in [body("EntityTooLarge"), "Server returned error response: a-session-token".to_owned()] {
            let other = sorted(&generic(&text));
            let whole = format!("{other} {other:?}");
            assert!(matches!(other, MirrorError::Answer { .. }) && !whole.contains("a-session-token"), "{whole}");
        }
        assert!(sorted(&generic(&body("EntityTooLarge"))).to_string().ends_with("400 Bad Request, EntityTooLarge"));
    }

    #[test]
    fn an_upload_is_forgotten_only_where_the_server_says_so() {
        assert!(sorted(&not_found("NoSuchUpload")).forgot_upload());
        let part = "Server returned non-2xx status code: 400 Bad Request: <Code>InvalidPart</Code>";
        assert!(sorted(&generic(part)).forgot_upload());
        let denied = Answer::PermissionDenied { path: "k".to_owned(), source: said("<Code>AccessDenied</Code>") };
        for passing in [&denied, &not_found("NoSuchKey"), &generic("Server returned non-2xx status code: 429 Slow: ")] {
            assert!(!sorted(passing).forgot_upload(), "{passing:?}");
        }
    }
}
