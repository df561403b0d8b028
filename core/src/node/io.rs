//! Everything that can happen to a node, and everything it can ask for.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use crate::{
    api::{Call, Reply},
    cli::Options,
    config::{Config, ConfigError},
    delivery::{StepDone, StepWork},
    event::Event,
    id::{CallId, ReadId, SaveId, SendId, WorkId},
    notify::{Answer, Exchange, SendError},
    persist::Checkpoint,
    time::Instant,
};

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A request wants something changed. Answered by exactly one [`Output::Reply`].
    Call(CallId, Call),
    /// The operator asks for a reload (SIGHUP). Answered in the log only.
    Hangup,
    /// The file of an [`Output::Read`], or why it could not be read.
    Read(ReadId, Result<Vec<u8>, String>),
    /// The file of an [`Output::Save`] is on disk under its name, or why it is not.
    Saved(SaveId, Result<(), String>),
    /// How the exchange of an [`Output::Send`] went.
    Sent(SendId, Result<Answer, SendError>),
    /// The operator asks for an end (SIGTERM). Answered by [`Output::Stopped`].
    Shutdown,
    /// The deadline passed.
    Timeout,
    /// The result of an [`Output::Work`].
    Worked(WorkId, Done),
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Give up an exchange; its [`Input::Sent`] will be ignored.
    Cancel(SendId),
    /// Write an event to the log.
    Log(Event),
    /// Read a whole file.
    Read(ReadId, Arc<str>),
    /// Answer a call.
    Reply(CallId, Reply),
    /// Replace a file of the data directory: write beside it, sync, rename, sync the directory.
    Save(SaveId, &'static str, Vec<u8>),
    /// Deliver a request, and give up at the instant.
    Send(SendId, Box<Exchange>, Instant),
    /// The last output ever: nothing is pending, and the process may end.
    Stopped,
    /// Run [`Work::run`] on any thread and feed its result back.
    Work(WorkId, Work),
}

/// A pure computation that takes too long for the owner of the node.
#[derive(Debug)]
pub enum Work {
    /// Encode a checkpoint.
    EncodeCheckpoint(Box<Checkpoint>),
    /// Parse and resolve a configuration file.
    LoadConfig {
        /// The file's content.
        text: Vec<u8>,
        /// Modes and paths.
        options: Arc<Options>,
    },
    /// One step of an attempt.
    Step(Box<StepWork>),
}

/// The result of a [`Work`].
#[derive(Debug)]
pub enum Done {
    /// The checkpoint's bytes.
    Checkpoint(Vec<u8>),
    /// The configuration, or what is wrong with it.
    Config(Box<Result<Arc<Config>, ConfigError>>),
    /// The job panicked; the text says where.
    Panicked(String),
    /// What the step asks for.
    Step(Box<StepDone>),
}

impl Work {
    /// Does the work.
    pub fn run(self) -> Done {
        match self {
            Self::EncodeCheckpoint(checkpoint) => Done::Checkpoint(checkpoint.encode()),
            Self::LoadConfig { text, options } => {
                Done::Config(Box::new(crate::node::load_config(&text, &options).map(Arc::new)))
            }
            Self::Step(work) => Done::Step(Box::new(work.run())),
        }
    }
}
