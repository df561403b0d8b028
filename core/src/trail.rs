//! What was decided of late, for whoever asks why: a bounded memory of flushes and deliveries.

use alloc::{collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::fmt;

use crate::{limits::TRAIL_RECORDS_MAX, nflog::SkipReason, time::Timestamp};

/// One decision about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// The group's key.
    pub group_key: Arc<str>,
    /// The receiver.
    pub receiver: Arc<str>,
    /// What was decided.
    pub what: What,
}

/// An integration of a receiver; shows as `webhook[0]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// Its kind.
    pub name: &'static str,
    /// Its place among the receiver's integrations of this kind.
    pub index: u32,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.name, self.index)
    }
}

/// The kinds of decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The group flushed: how many alerts it has, and how many were left after muting.
    Flushed {
        /// Alerts in the group.
        alerts: u32,
        /// Those that nothing muted.
        left: u32,
    },
    /// An integration is to be told, and why.
    Told {
        /// Which one.
        integration: Who,
        /// The reason.
        reason: &'static str,
    },
    /// An integration is not to be told, and why.
    Skipped {
        /// Which one.
        integration: Who,
        /// The reason.
        reason: SkipReason,
    },
    /// An attempt failed and is repeated.
    Retried {
        /// Which one.
        integration: Who,
        /// What went wrong, without secrets.
        error: String,
    },
    /// The notification was delivered.
    Delivered {
        /// Which one.
        integration: Who,
        /// How many attempts it took.
        attempts: u32,
    },
    /// The notification was given up.
    Failed {
        /// Which one.
        integration: Who,
        /// What went wrong, without secrets.
        error: String,
    },
}

impl What {
    /// Returns the integration it is about, if it is about one.
    pub const fn integration(&self) -> Option<Who> {
        match self {
            Self::Flushed { .. } => None,
            Self::Told { integration, .. }
            | Self::Skipped { integration, .. }
            | Self::Retried { integration, .. }
            | Self::Delivered { integration, .. }
            | Self::Failed { integration, .. } => Some(*integration),
        }
    }

    /// Returns one word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Flushed { .. } => "flushed",
            Self::Told { .. } => "told",
            Self::Skipped { .. } => "skipped",
            Self::Retried { .. } => "retried",
            Self::Delivered { .. } => "delivered",
            Self::Failed { .. } => "failed",
        }
    }

    /// Returns what there is to say beside the word.
    pub fn detail(&self) -> String {
        match self {
            Self::Flushed { alerts: 1, left: 1 } => "1 alert".into(),
            Self::Flushed { alerts, left } if alerts == left => alloc::format!("{alerts} alerts"),
            Self::Flushed { alerts, left } => {
                alloc::format!("{alerts} alerts, {} of them muted", alerts - left)
            }
            Self::Told { reason, .. } => (*reason).into(),
            Self::Skipped { reason, .. } => alloc::format!("{reason}"),
            Self::Retried { error, .. } | Self::Failed { error, .. } => error.clone(),
            Self::Delivered { attempts: 1, .. } => "at the first attempt".into(),
            Self::Delivered { attempts, .. } => alloc::format!("after {attempts} attempts"),
        }
    }
}

/// The latest decisions, oldest first. A clone shares them until either side writes.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<VecDeque<Record>>);

impl Trail {
    /// Adds a decision; the oldest one gives way.
    pub fn note(&mut self, record: Record) {
        let records = Arc::make_mut(&mut self.0);
        if records.len() >= TRAIL_RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// Returns the latest decisions about groups with one of the keys, newest first, at most `max`.
    pub fn about(&self, keys: &[&str], max: usize) -> Vec<&Record> {
        let asked = self.0.iter().rev().filter(|record| keys.contains(&&*record.group_key));
        asked.take(max).collect()
    }
}
