//! What the node reports to the log: typed events without secrets.

use serde::{Deserialize, Serialize};

/// How much an event matters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Level {
    /// Detail for whoever looks for a fault.
    Debug,
    /// The normal course of things.
    #[default]
    Info,
    /// Something that may need attention.
    Warn,
    /// Something failed that should not.
    Error,
}

impl Level {
    /// Returns the level as log lines show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}
