//! What every kind of integration is: settings, and a conversation with the other side.
//!
//! An integration is a pure function. Asked for its next turn it sees the notification, the files
//! it asked for, and the answers to its requests so far; it returns the next request or the end. So
//! a conversation of several steps needs no state of its own, and every step can be tested alone.

use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::{fmt, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{
    Answer, Cause, HttpConfig, Job, Outcome, Secret,
    data::Data,
    global::Global,
    job::Environment,
    memory::Memory,
    render::Render,
    request::{self, Files, Hidden},
    smtp::Session,
};
use crate::{nflog, schema::Field, time::Timestamp};

/// A kind of integration: its settings as read from `NAME_configs`, and what it says.
pub trait Service: Field + Default + Clone + PartialEq + fmt::Debug {
    /// The word for the kind in metrics and the notification log.
    const NAME: &'static str;

    /// Changes how it talks HTTP, once it has [inherited](Self::inherit).
    fn adjust_http(&self, _http: &mut HttpConfig) {}

    /// Takes over from `global` what it does not say itself, and checks what is left. An
    /// `http_config` that is still missing then is taken over by the caller.
    ///
    /// # Errors
    /// What is missing or contradicts itself.
    fn inherit(&mut self, _global: &Global) -> Result<(), String> {
        Ok(())
    }

    /// Returns the files to read before each attempt: the key in the configuration and the path.
    fn files(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }

    /// Returns the files to read before each attempt if they exist.
    fn optional_files(&self, _environment: &Environment) -> Vec<String> {
        Vec::new()
    }

    /// Tells whether a turn about few alerts takes some microseconds: it renders no template, and
    /// talks of one request only.
    fn is_light(&self) -> bool {
        false
    }

    /// Returns the next request, or the end. Pure: called again with the same answers it returns
    /// the same.
    ///
    /// # Errors
    /// The end, when there is nothing to keep: for the use of `?`.
    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome>;
}

/// What an integration wants next.
#[derive(Debug)]
pub enum Turn {
    /// The attempt is over.
    Done(Outcome, Keep),
    /// Nothing leaves the process: the notification is printed to the log.
    Print(crate::event::Event),
    /// A mail to hand in. The answer is the server's last.
    Mail(Box<Session>),
    /// The next request.
    Send(Box<Request>),
    /// The next request, and what the next attempt is to remember even if there is no answer to it.
    SendKeeping(Box<Request>, Memory),
}

impl From<Outcome> for Turn {
    fn from(outcome: Outcome) -> Self {
        Self::Done(outcome, Keep::default())
    }
}

impl From<Request> for Turn {
    fn from(request: Request) -> Self {
        Self::Send(Box::new(request))
    }
}

/// What an attempt leaves behind. `None` leaves what is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keep {
    /// What the next notification of the same group to the same integration sees in
    /// [`Talk::stored`]; replicated with the notification log.
    pub store: Option<BTreeMap<String, nflog::Value>>,
    /// What the next attempt of the same integration sees in [`Talk::memory`]; lost at a restart.
    pub memory: Option<Memory>,
}

/// A request before `http_config` has its say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The URL.
    pub url: Secret,
    /// `Content-Type`; empty leaves it out.
    pub content_type: &'static str,
    /// `User-Agent` where it is not the usual one.
    pub user_agent: Option<&'static str>,
    /// Header lines of its own. `Authorization` here wins over the configured one.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the body carries that error texts must not show, even if the other side echoes it.
    pub secrets: Vec<Secret>,
    /// The integration's own limit for one attempt.
    pub timeout: Option<Duration>,
    /// What error texts begin with, blank included.
    pub prefix: String,
    /// Whether a broken or refused connection is worth another attempt.
    pub retries_transport: bool,
    /// Whether the body of a 2xx answer matters. If so, one that breaks off counts as a broken
    /// connection; otherwise the status decides alone.
    pub reads_answer: bool,
}

impl Request {
    /// Makes a request without a body.
    pub fn new(method: &'static str, url: impl Into<Arc<str>>) -> Self {
        Self {
            method,
            url: Secret::new(url),
            content_type: "application/json",
            user_agent: None,
            headers: Vec::new(),
            body: Vec::new(),
            secrets: Vec::new(),
            timeout: None,
            prefix: String::new(),
            retries_transport: true,
            reads_answer: false,
        }
    }

    /// Makes a `POST` of a JSON text; the line feed at its end, which Go writes, is added.
    pub fn post_json(url: impl Into<Arc<str>>, json: String) -> Self {
        let mut body = json;
        if !body.ends_with('\n') {
            body.push('\n');
        }
        Self { body: body.into_bytes(), ..Self::new("POST", url) }
    }

    /// Adds what error texts must not show.
    #[must_use]
    pub fn secret(mut self, text: impl Into<Arc<str>>) -> Self {
        self.secrets.push(Secret::new(text));
        self
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Arc<str>>) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }
}

/// What an integration sees when it is asked for its next turn.
pub struct Talk<'a> {
    /// The notification and its circumstances.
    pub job: &'a Job,
    /// The wall clock when the attempt began.
    pub now: Timestamp,
    /// A number that no other attempt has.
    pub nonce: u64,
    /// The answers to the requests so far.
    pub answers: &'a [Answer],
    /// What earlier attempts of this integration left behind.
    pub memory: &'a Memory,
    pub(super) files: &'a Files,
    pub(super) hidden: &'a Hidden,
}

impl<'a> Talk<'a> {
    /// Returns what a file holds that [`Service::files`] named, without the blanks around it.
    ///
    /// # Panics
    /// When it was not named.
    pub fn file(&self, path: &str) -> &'a str {
        self.files.content(path)
    }

    /// Returns what a file holds that [`Service::optional_files`] named; empty if there is none.
    pub fn optional_file(&self, path: &str) -> &'a str {
        self.files.find(path).unwrap_or_default()
    }

    /// Returns the inline text if there is one, else what the file holds.
    pub fn inline_or_file(&self, inline: &'a Secret, file: &str) -> &'a str {
        if inline.is_empty() && !file.is_empty() { self.file(file) } else { inline.expose() }
    }

    /// Collects the data of the notification, about at most `max_alerts` alerts (0 means all), and
    /// returns what renders templates with it.
    pub fn render(&self, max_alerts: u64) -> Render<'a> {
        Render::new(Data::new(self.job, max_alerts), &self.job.templates, self.now)
    }

    /// Tells whether any alert of the notification fires.
    pub fn is_firing(&self) -> bool {
        self.job.told().any(|told| !told.resolved)
    }

    /// Returns the hexadecimal hash of the group's key, by which other systems know the group.
    pub fn key_hash(&self) -> String {
        let digest = Sha256::digest(self.job.notification.group_key.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns what the last notification of the group left behind.
    pub fn stored(&self, key: &str) -> Option<&'a nflog::Value> {
        self.job.stored.get(key)
    }

    /// Says what an answer means: 2xx is success, 5xx and `also_retry` are tried again, the rest is
    /// final. `detail` is what the error text shows of the body.
    pub fn judge(&self, answer: &Answer, also_retry: &[u16], detail: &str) -> Outcome {
        request::judge(self.job, answer, self.hidden, also_retry, detail)
    }

    /// As [`judge`](Self::judge), with the whole body as the detail.
    pub fn judge_body(&self, answer: &Answer, also_retry: &[u16]) -> Outcome {
        self.judge(answer, also_retry, &String::from_utf8_lossy(&answer.body))
    }

    /// Returns a text without the secrets of the request, for errors.
    pub fn hide(&self, text: &str) -> String {
        self.hidden.hide(text)
    }
}

/// Makes the final end of an attempt.
pub fn fail(error: impl fmt::Display) -> Outcome {
    Outcome::Fail { error: error.to_string(), cause: Cause::Other }
}

/// Makes the end of an attempt that another one may mend.
pub fn retry(error: impl fmt::Display) -> Outcome {
    Outcome::Retry { error: error.to_string(), cause: Cause::Other, retry_after: None }
}
