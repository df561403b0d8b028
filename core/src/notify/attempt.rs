//! One attempt as a step machine: integrations ask for files and exchanges one at a time, so that
//! those which need several (a token file, a look-up before a post) look like those which need one.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{Answer, Exchange, Job, Kind, Outcome, SendError, log, secret::MASK, webhook};

/// What a step asks for.
#[derive(Clone, Debug)]
pub enum Step {
    /// The attempt is over.
    Done(Outcome),
    /// Nothing leaves the process: the runtime prints the notification to the log.
    Print(crate::event::Event),
    /// The content of a file.
    Read(Arc<str>),
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
pub enum Attempt {
    /// The `log` integration.
    Log,
    /// The `webhook` integration.
    Webhook(webhook::Attempt),
}

impl Attempt {
    /// Makes the attempt of a job.
    pub fn new(job: &Job) -> Self {
        match &job.integration.kind {
            Kind::Log => Self::Log,
            Kind::Webhook(_) => Self::Webhook(webhook::Attempt::new()),
        }
    }

    /// Goes on to the next thing the attempt needs. Pure; meant to run off the owner's thread.
    pub fn step(&mut self, job: &Job, fed: Fed) -> Step {
        match self {
            Self::Log => log::step(job),
            Self::Webhook(attempt) => attempt.step(job, fed),
        }
    }
}
