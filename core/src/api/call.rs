//! What a request asks the node to change, and what the node answers.

use alloc::{boxed::Box, string::String, vec::Vec};

use crate::{alert::AlertBatch, silence};

/// A change that one request asks for, decoded and checked as far as that goes without state.
#[derive(Clone, Debug)]
pub enum Call {
    /// `DELETE /api/v2/silence/{id}`
    ExpireSilence(silence::Id),
    /// `POST /api/v2/alerts`
    PostAlerts(AlertBatch),
    /// `POST /api/v2/silences`
    PutSilence(Box<silence::Draft>),
    /// `POST /-/reload`
    Reload {
        /// Whether to say what would change, and change nothing.
        dry_run: bool,
    },
}

/// The node's answer to a [`Call`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// The alerts without an error are stored; one text for each that is not, in their order.
    AlertsPosted(Vec<String>),
    /// What a reload would change, as JSON, or why there can be none.
    Rehearsed(Result<String, String>),
    /// The change holds, but could not be written to disk; the text says so.
    NotStored(String),
    /// The new configuration is in force, or the old one still is.
    Reloaded(Result<(), String>),
    /// The silence has ended, or there is none of this id.
    SilenceExpired(Result<(), silence::NotFound>),
    /// The id the silence has now, or why it was refused.
    SilencePut(Result<silence::Id, silence::SetError>),
    /// The node is shutting down and takes no more changes.
    Stopping,
}
