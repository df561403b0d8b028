//! Everything that can happen to a node, and everything it can ask for.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use super::{
    gossip::{EncodedState, FullState, Records},
    tracing::Served,
};
use crate::{
    api::{self, Reply},
    cli::Options,
    cluster::{Source, StreamCommand, StreamEvent},
    config::{Config, ConfigError, Needs, TemplateFile},
    delivery::{StepDone, StepWork},
    event::Event,
    id::{AppendId, CallId, ReadId, RecordId, ResolveId, SaveId, SendId, StreamId, WorkId},
    notify::{Answer, Exchange, SendError, grpc::Call, smtp::Session},
    persist::{Append, Checkpoint},
    time::Instant,
};

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The bytes of an [`Output::Append`] are in the file, and on disk where that was asked for; or
    /// why they are not. Then nothing is known about them.
    Appended(AppendId, Result<(), String>),
    /// A request wants something changed. Answered by exactly one [`Output::Reply`].
    Call(CallId, api::Call),
    /// A packet of gossip.
    Datagram {
        /// The sender's address.
        from: SocketAddr,
        /// The whole packet.
        bytes: Vec<u8>,
    },
    /// The operator asks for a reload (SIGHUP). Answered in the log only.
    Hangup,
    /// The files of an [`Output::Glob`], or why they could not be read or TLS not be made.
    Globbed(ReadId, Result<Vec<TemplateFile>, String>),
    /// The file of an [`Output::Read`], or why it could not be read.
    Read(ReadId, Result<Vec<u8>, String>),
    /// The bytes of an [`Output::Record`] are in the file, or why they are not.
    Recorded(RecordId, Result<(), String>),
    /// The addresses of an [`Output::Resolve`], or why there are none.
    Resolved(ResolveId, Result<Vec<IpAddr>, String>),
    /// The file of an [`Output::Save`] is on disk under its name, or why it is not.
    Saved(SaveId, Result<(), String>),
    /// A request of a client was answered. Told only while [`Output::Trace`] asks for it.
    Served(Box<Served>),
    /// How the exchange of an [`Output::Send`], the call of an [`Output::Grpc`], or the session of
    /// an [`Output::Mail`] went.
    Sent(SendId, Result<Answer, SendError>),
    /// The operator asks for an end (SIGTERM). Answered by [`Output::Stopped`].
    Shutdown,
    /// News of a stream of gossip. The streams that peers open are numbered by
    /// [`StreamId::accepted`].
    Stream(StreamId, StreamEvent),
    /// The deadline passed.
    Timeout,
    /// The result of an [`Output::Work`].
    Worked(WorkId, Done),
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Write bytes at a place of a journal file, sync the file where that is asked for, and the
    /// directory where the file is new. At most one is under way.
    Append(Append),
    /// Give up an exchange or a mail; its [`Input::Sent`] will be ignored.
    Cancel(SendId),
    /// Send a packet of gossip. May be dropped when the socket is full.
    Datagram {
        /// The peer's address.
        to: SocketAddr,
        /// The whole packet.
        bytes: Vec<u8>,
    },
    /// See whether everything is there that a configuration needs, and read all files that its
    /// patterns match.
    Glob(ReadId, Box<Needs>),
    /// Make a call: as [`Output::Mail`].
    Grpc(SendId, Box<Call>, Instant),
    /// Write an event to the log.
    Log(Event),
    /// Hand in a mail: hold the [`Dialogue`](crate::notify::dialogue::Dialogue), and give up at the
    /// instant. Answered by [`Input::Sent`] with its result.
    Mail(SendId, Box<Session>, Instant),
    /// Read a whole file.
    Read(ReadId, Arc<str>),
    /// Append bytes to a file outside of the data directory, which is made if it is not there; or
    /// to the standard output. The file is looked up by its name each time: it may have been moved
    /// away.
    Record(RecordId, Option<Arc<str>>, Vec<u8>),
    /// Look up the addresses of a host, or parse them where it is an address.
    Resolve(ResolveId, String),
    /// Answer a call.
    Reply(CallId, Reply),
    /// Remove a file of the data directory. Not answered: one that stays is removed at the next
    /// start.
    Remove(String),
    /// Replace a file of the data directory: write beside it, sync, rename, sync the directory.
    Save(SaveId, &'static str, Vec<u8>),
    /// Deliver a request, and give up at the instant.
    Send(SendId, Box<Exchange>, Instant),
    /// Open, write to or close a stream of gossip. Commands of one stream keep their order.
    Stream(StreamId, StreamCommand),
    /// The last output ever: nothing is pending, and the process may end.
    Stopped,
    /// From now on, tell of each request of a client that was answered, or do not any more.
    Trace(bool),
    /// Run [`Work::run`] on any thread and feed its result back.
    Work(WorkId, Work),
}

/// A pure computation that takes too long for the owner of the node.
#[derive(Debug)]
pub enum Work {
    /// Decode records that a peer sent.
    DecodeRecords {
        /// The key of their state.
        key: String,
        /// The records.
        data: Vec<u8>,
        /// How they came.
        source: Source,
    },
    /// Encode a checkpoint.
    EncodeCheckpoint(Box<Checkpoint>),
    /// Encode the state that a peer asked for.
    EncodeState(Box<FullState>),
    /// Take the files with templates into a configuration.
    CompleteConfig {
        /// The configuration without them.
        config: Box<Config>,
        /// The files.
        files: Vec<TemplateFile>,
    },
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
    Config(Box<Result<Config, ConfigError>>),
    /// The job panicked; the text says where.
    Panicked(String),
    /// The peer's records.
    Records(Box<Records>, Source),
    /// The state for a peer.
    State(EncodedState),
    /// What the step asks for.
    Step(Box<StepDone>),
}

impl Work {
    /// Tells whether the work takes some microseconds only, so that its owner had better do it
    /// itself than hand it to another thread.
    pub fn is_light(&self) -> bool {
        matches!(self, Self::Step(work) if work.is_light())
    }

    /// Does the work.
    pub fn run(self) -> Done {
        match self {
            Self::DecodeRecords { key, data, source } => {
                Done::Records(Box::new(Records::decode(&key, &data)), source)
            }
            Self::EncodeState(state) => Done::State(state.encode()),
            Self::EncodeCheckpoint(checkpoint) => Done::Checkpoint(checkpoint.encode()),
            Self::LoadConfig { text, options } => {
                Done::Config(Box::new(crate::node::load_config(&text, &options)))
            }
            Self::CompleteConfig { config, files } => {
                Done::Config(Box::new(config.complete(&files)))
            }
            Self::Step(work) => Done::Step(Box::new(work.run())),
        }
    }
}
