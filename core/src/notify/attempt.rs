//! One attempt as a step machine: it reads the files it needs, then lets the integration talk with
//! the other side until one of them ends it.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{
    Answer, Exchange, Job, Outcome, Secret, SendError, SendErrorKind,
    http::Auth,
    memory::Memory,
    oauth2::{Asking, Circumstances, Client, Told},
    request::{self, Files, Hidden},
    secret::MASK,
    service::{Keep, Request, Talk, Turn, fail},
    smtp::Session,
};
use crate::{
    limits::{ATTEMPT_REQUESTS_MAX, ERROR_DETAIL_BYTES_MAX, LIGHT_ANSWER_BYTES_MAX},
    time::{Timestamp, duration::format_go_span},
};

/// What a step asks for.
#[derive(Debug)]
pub enum Step {
    /// The attempt is over; what it leaves behind is in [`Attempt::kept`].
    Done(Outcome),
    /// Nothing leaves the process: the runtime prints the notification to the log.
    Print(crate::event::Event),
    /// The content of a file.
    Read(Arc<str>),
    /// A mail to hand in.
    Mail(Box<Session>),
    /// An HTTP exchange.
    Send(Exchange),
}

/// What a step is fed.
#[derive(Clone)]
pub enum Fed {
    /// The file's content, or why it could not be read.
    File(Result<Vec<u8>, String>),
    /// How the exchange went.
    Sent(Result<Answer, SendError>),
    /// The attempt begins.
    Start,
}

impl Fed {
    /// Tells whether it is read in no time.
    pub(crate) fn is_light(&self) -> bool {
        match self {
            Self::Start | Self::Sent(Err(_)) => true,
            Self::Sent(Ok(answer)) => answer.body.len() <= LIGHT_ANSWER_BYTES_MAX,
            // What is in it may be a template.
            Self::File(_) => false,
        }
    }
}

/// Files mostly hold secrets, so their content is not shown.
impl fmt::Debug for Fed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(content) => {
                f.debug_tuple("File").field(&content.as_ref().map(|_| MASK)).finish()
            }
            Self::Sent(result) => f.debug_tuple("Sent").field(result).finish(),
            Self::Start => f.write_str("Start"),
        }
    }
}

/// One attempt of one integration: plain data between two steps.
#[derive(Clone, Debug)]
pub struct Attempt {
    now: Timestamp,
    nonce: u64,
    memory: Arc<Memory>,
    files: Files,
    answers: Vec<Answer>,
    hidden: Hidden,
    /// The request whose answer is awaited.
    request: Option<Box<Request>>,
    /// The whole attempt, where it is not the integration that makes the requests.
    only: Option<Box<Request>>,
    /// The request for a token whose answer is awaited instead.
    asking: Option<Asking>,
    /// Whether the token is one of this attempt.
    is_fresh: bool,
    /// Whether the memory has changed.
    has_learned: bool,
    keep: Keep,
}

impl Attempt {
    /// Begins an attempt at a time of the wall clock, with a number that no other attempt has and
    /// what earlier attempts of the integration remember.
    pub fn new(now: Timestamp, nonce: u64, memory: Arc<Memory>) -> Self {
        Self {
            now,
            nonce,
            memory,
            files: Files::default(),
            answers: Vec::new(),
            hidden: Hidden::default(),
            request: None,
            only: None,
            asking: None,
            is_fresh: false,
            has_learned: false,
            keep: Keep::default(),
        }
    }

    /// Begins an attempt to send one request with an integration's `http_config`, and nothing else
    /// of it.
    pub fn of(now: Timestamp, nonce: u64, memory: Arc<Memory>, request: Request) -> Self {
        Self { only: Some(Box::new(request)), ..Self::new(now, nonce, memory) }
    }

    /// Goes on to the next thing the attempt needs. Pure; meant to run off the owner's thread.
    pub fn step(&mut self, job: &Job, fed: Fed) -> Step {
        let step = self.go_on(job, fed);
        if matches!(step, Step::Done(_)) && self.has_learned && self.keep.memory.is_none() {
            self.keep.memory = Some((*self.memory).clone());
        }
        step
    }

    fn go_on(&mut self, job: &Job, fed: Fed) -> Step {
        let next = match fed {
            Fed::Start if self.only.is_some() => {
                self.files = Files::new([], &job.integration.http);
                Ok(())
            }
            Fed::Start => {
                let integration = &job.integration;
                let optional = integration.kind.optional_files(&job.environment);
                let own = integration.kind.files();
                self.files = Files::new(own, &integration.http).with_optional(optional);
                Ok(())
            }
            Fed::File(content) => self.files.put(content),
            Fed::Sent(Ok(answer)) => match self.answered(job, answer) {
                Some(step) => return step,
                None => Ok(()),
            },
            Fed::Sent(Err(error)) => Err(self.unsent(job, &error)),
        };
        match next {
            Err(outcome) => Step::Done(outcome),
            Ok(()) => match self.files.missing() {
                Some(path) => Step::Read(path),
                None => self.turn(job),
            },
        }
    }

    /// Returns what the attempt leaves behind.
    pub const fn kept(&self) -> &Keep {
        &self.keep
    }

    fn turn(&mut self, job: &Job) -> Step {
        if let Some(request) = &self.only {
            let Some(answer) = self.answers.last() else {
                self.request = Some(request.clone());
                return self.send(job, None);
            };
            return Step::Done(match answer.status {
                200..300 => Outcome::Delivered,
                status => fail(format!("{} returned HTTP {status}", job.integration.name)),
            });
        }
        let talk = Talk {
            job,
            now: self.now,
            nonce: self.nonce,
            answers: &self.answers,
            memory: &self.memory,
            files: &self.files,
            hidden: &self.hidden,
        };
        let turn = match job.integration.kind.turn(&talk) {
            Ok(Turn::SendKeeping(request, memory)) => {
                self.keep.memory = Some(memory);
                Ok(Turn::Send(request))
            }
            turn => turn,
        };
        match turn {
            Err(outcome) => Step::Done(outcome),
            Ok(Turn::Done(outcome, keep)) => {
                self.keep = keep;
                Step::Done(outcome)
            }
            Ok(Turn::Print(event)) => Step::Print(event),
            Ok(Turn::Mail(session)) => Step::Mail(session),
            Ok(Turn::Send(_)) if self.answers.len() >= ATTEMPT_REQUESTS_MAX => {
                let text = "internal error: the conversation has more steps than any should have";
                Step::Done(fail(text))
            }
            Ok(Turn::Send(request) | Turn::SendKeeping(request, _)) => {
                self.request = Some(request);
                self.send(job, None)
            }
        }
    }

    /// Sends the request, once there is a token if it needs one.
    fn send(&mut self, job: &Job, token: Option<Secret>) -> Step {
        let Some(request) = &self.request else { return self.turn(job) };
        let token = match &job.integration.http.auth {
            Auth::OAuth2(config) if token.is_none() => {
                let client = Client::new(config, &self.files);
                match client.recall(&self.memory, self.now) {
                    Some(token) => Some(token),
                    None => {
                        let first = client.first(&self.memory, self.now);
                        return self.ask(job, first);
                    }
                }
            }
            _ => token,
        };
        match request::exchange(request, job, &self.files, token.as_ref(), &mut self.hidden) {
            Ok(exchange) => Step::Send(exchange),
            Err(outcome) => Step::Done(outcome),
        }
    }

    /// Asks for a token.
    fn ask(&mut self, job: &Job, asking: Asking) -> Step {
        let (Auth::OAuth2(config), Some(request)) = (&job.integration.http.auth, &self.request)
        else {
            return self.turn(job);
        };
        let of = Circumstances {
            environment: &job.environment,
            user_agent: request.user_agent.unwrap_or(&job.user_agent),
            timeout: request.timeout,
            now: self.now,
            nonce: self.nonce,
        };
        match Client::new(config, &self.files).ask(asking, &of, &mut self.hidden) {
            Ok(exchange) => {
                self.asking = Some(asking);
                Step::Send(exchange)
            }
            Err(why) => Step::Done(fail(format!("{}{why}", self.place()))),
        }
    }

    /// Takes an answer: of the token's server, or of the other side.
    fn answered(&mut self, job: &Job, answer: Answer) -> Option<Step> {
        let Auth::OAuth2(config) = &job.integration.http.auth else {
            self.answers.push(answer);
            return None;
        };
        let client = Client::new(config, &self.files);
        if let Some(asking) = self.asking.take() {
            return Some(match client.read(asking, &answer, &self.memory, self.now) {
                Told::Token(token, memory) => {
                    self.remember(memory);
                    self.is_fresh = true;
                    self.send(job, Some(token))
                }
                Told::Again(asking) => self.ask(job, asking),
                Told::Refused(why) => {
                    let message = request::shorten(why, ERROR_DETAIL_BYTES_MAX);
                    let kind = SendErrorKind::Connection;
                    Step::Done(self.unsent(job, &SendError { kind, message }))
                }
            });
        }
        if answer.status == 401 {
            self.remember(Client::forget(&self.memory));
            if !self.is_fresh {
                // The token was taken back before its time; a new one may do.
                return Some(self.send(job, None));
            }
        }
        self.answers.push(answer);
        None
    }

    fn remember(&mut self, memory: Memory) {
        self.memory = Arc::new(memory);
        self.has_learned = true;
    }

    /// What error texts about a request begin with.
    fn place(&self) -> String {
        let Some(request) = &self.request else { return String::new() };
        format!("{}{} \"<redacted>\": ", request.prefix, request::title(request.method))
    }

    /// Says what an exchange without an answer means.
    fn unsent(&self, job: &Job, error: &SendError) -> Outcome {
        // A mail: its session said what it was doing, and hid what must not be seen.
        let Some(request) = &self.request else {
            return match error.kind {
                SendErrorKind::Invalid => fail(error),
                _ => super::service::retry(error),
            };
        };
        let mut message = self.hidden.hide(&error.message);
        if let Some(timeout) = request.timeout
            && error.kind == SendErrorKind::Timeout
        {
            let (name, limit) = (job.integration.name, format_go_span(timeout));
            message += &format!(": configured {name} timeout reached ({limit})");
        }
        let text = self.place() + &message;
        match error.kind {
            SendErrorKind::Invalid => fail(text),
            _ if !request.retries_transport => fail(text),
            _ => super::service::retry(text),
        }
    }
}
