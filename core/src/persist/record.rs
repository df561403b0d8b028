//! One change, as the journal holds it.
//!
//! Every record is the whole new state of one thing, so that reading it twice, or reading one that
//! a checkpoint already covers, does no harm. The exception is [`Record::Refreshed`], the compact
//! form of the change that happens most: a known alert was posted again and ends later.

use alloc::{borrow::Cow, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    alert::{Alert, Entry},
    hash::Fingerprint,
    nflog, silence,
    time::{Stamp, Timestamp},
};

/// One change. New kinds are added at the end: the order is part of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// An alert as it is now.
    Alert(Cow<'a, Alert>),
    /// A known alert was posted again.
    Refreshed(Refreshed),
    /// A silence as it is now.
    Silence(Cow<'a, silence::Silence>),
    /// What an integration was last told about a group.
    Log(Cow<'a, nflog::Key>, Cow<'a, nflog::Entry>),
    /// When a group flushes next.
    Group(GroupMark, GroupState),
}

/// The new times of an alert whose texts are in an earlier record or in the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// Which alert: both hashes of its labels, so that a client that makes one collide cannot move
    /// another's end.
    pub alert: (Fingerprint, u64),
    /// When it ends now.
    pub ends_at: Stamp,
    /// When it was posted.
    pub updated_at: Timestamp,
}

/// Names a group across restarts: a hash of its route's key, its receiver and its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupMark(pub u64);

/// What a group needs to go on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupState {
    /// When it flushes next, by the wall clock: the monotonic one ends with the process.
    pub next_flush: Timestamp,
    /// How many flushes it has begun.
    pub flushes: u64,
}

impl Refreshed {
    /// Returns the compact record of a stored alert.
    pub fn of(entry: &Entry) -> Self {
        Self {
            alert: (entry.fingerprint, entry.nflog_hash),
            ends_at: entry.alert.ends_at,
            updated_at: entry.alert.updated_at,
        }
    }
}

impl Record<'_> {
    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let buffer = core::mem::take(out);
        *out = postcard::to_extend(self, buffer).expect("plain data encodes");
    }

    /// Reads all records of a block, which stand one after the other.
    ///
    /// # Errors
    /// The bytes are no records.
    pub fn decode_all(mut bytes: &[u8]) -> Result<Vec<Record<'static>>, postcard::Error> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let (record, rest) = postcard::take_from_bytes::<Record<'static>>(bytes)?;
            records.push(record);
            bytes = rest;
        }
        Ok(records)
    }
}
