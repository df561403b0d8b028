//! What leaves and what comes back: one HTTP request to a receiver and how it went.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{fmt, time::Duration};

use super::{HttpConfig, Secret, oauth2::Signing, proxy::Proxies};

/// One HTTP request to deliver. Everything that may hold a credential is a [`Secret`].
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The request method.
    pub method: &'static str,
    /// The absolute `http` or `https` URL.
    pub url: Secret,
    /// Header lines in order, without `Host` and `Content-Length`, which the client adds.
    pub headers: Vec<(Arc<str>, Secret)>,
    /// The body.
    pub body: Arc<[u8]>,
    /// The integration's own limit for one attempt; the delivery's deadline holds besides.
    pub timeout: Option<Duration>,
    /// TLS and redirect settings.
    pub http: Arc<HttpConfig>,
    /// Which proxy it goes through.
    pub proxies: Arc<Proxies>,
    /// Whether the body of a good answer matters; otherwise the status decides alone.
    pub reads_answer: bool,
    /// What is to be signed before it goes out; its body is made of it.
    pub signing: Option<Box<Signing>>,
    /// Whether its body is to be compressed before it goes out.
    pub gzip: bool,
}

impl Exchange {
    /// Compresses the body with gzip where that is asked for.
    #[must_use]
    pub fn packed(mut self, gzip: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        if core::mem::take(&mut self.gzip) {
            self.body = gzip(&self.body).into();
            self.headers.push((Arc::from("Content-Encoding"), Secret::new("gzip")));
        }
        self
    }

    /// Says what an answer is worth whose body broke off or did not come in time.
    ///
    /// Where the status alone decides it stands, without the body, which explains nothing by
    /// halves. Only a 2xx that is of no use without its body counts as no answer.
    ///
    /// # Errors
    /// That one; `error` says how it broke.
    pub fn broken_off(&self, answer: Answer, error: SendError) -> Result<Answer, SendError> {
        if self.reads_answer && (200..300).contains(&answer.status) {
            let message = format!("could not read response body: {}", error.message);
            return Err(SendError { kind: error.kind, message });
        }
        Ok(Answer { body: Vec::new(), ..answer })
    }
}

/// An answer of the other side, whatever its status. Shows no header and no body: they may hold
/// tokens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header lines; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, cut at [`crate::limits::ANSWER_BYTES_MAX`].
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Returns the first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// The kind, which decides the `reason` label of metrics.
    pub kind: SendErrorKind,
    /// What happened, in words; never holds the URL or a credential.
    pub message: String,
}

/// The kinds of [`SendError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendErrorKind {
    /// The core asked for an end.
    Canceled,
    /// The connection could not be made or broke.
    Connection,
    /// The request itself is unusable, such as a malformed URL. Trying again cannot help.
    Invalid,
    /// The deadline or the attempt's own timeout passed.
    Timeout,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for SendError {}
