//! The notification log: what each integration was last told about each group.
//!
//! [`log`] keeps one record per group and integration, merges the records of peers and forgets
//! them when they expire; [`dedup`] compares a record with a group and says whether, and why, to
//! notify.

pub mod dedup;
pub mod log;
pub mod wire;

pub use self::{
    dedup::{Decision, Reason, SkipReason, decide},
    log::{Entry, Key, Log, Value},
};
