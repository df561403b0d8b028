//! What survives a restart: checkpoints, the journal of what changed since, and when they are
//! written.
//!
//! A change is [`Record`]ed in the [`Journal`]; at the maintenance interval a [`Checkpoint`] holds
//! everything, and the journal begins a new file. [`recover`] puts the two together again, in this
//! order of events, none of which can lose anything if it is the last:
//!
//! 1. The snapshot is taken; from here on changes go to a new journal file, number n.
//! 2. The checkpoint, which says that only the files from n on add to it, replaces the old one.
//! 3. The journal files before n are removed. One that is left over is removed at the next start.
//!
//! A checkpoint is one file: eight fixed bytes, a format version, the length and the CRC-32 of the
//! body, and the body, a postcard-encoded [`Saved`]. It replaces its predecessor by an atomic
//! rename, so a file that does not check out was damaged from outside and is never silently taken
//! for empty.

mod block;
mod changes;
mod import;
mod journal;
mod record;
mod recover;
mod replay;
mod schedule;
#[cfg(test)]
mod tests;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

pub use self::{
    import::{Exported, export},
    journal::{Append, Journal, Promise, Sync, Urgency},
    record::{GroupMark, GroupState, Record, Refreshed},
    recover::{Found, Recovery, Step, is_state, recover},
    schedule::{Round, Schedule},
};
use crate::{
    alert::{Alert, Entry},
    cow::Snapshot,
    nflog, silence,
};

/// The name of the checkpoint in the data directory.
pub const CHECKPOINT_FILE: &str = "campana.checkpoint";

/// The first bytes of every checkpoint.
const MAGIC: &[u8; 8] = b"campana\n";
/// Raised whenever an older program could not read the body.
const VERSION: u32 = 2;
/// The format before there was a journal.
const VERSION_WITHOUT_JOURNAL: u32 = 1;
/// Bytes before the body: magic, version, body length, CRC-32.
const HEADER: usize = 8 + 4 + 8 + 4;

/// The state that a checkpoint holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Every alert of the store.
    pub alerts: Vec<Alert>,
    /// Every silence.
    pub silences: Vec<silence::Silence>,
    /// The notification log.
    pub nflog: Vec<(nflog::Key, nflog::Entry)>,
    /// When groups flush next.
    pub groups: Vec<(GroupMark, GroupState)>,
    /// The first journal file that adds to this state; at start, the one to begin.
    pub journal: u64,
    /// The journal file before that one, or 0.
    #[serde(skip)]
    pub follows: u64,
    /// The oldest journal file that this state was read from.
    #[serde(skip)]
    pub oldest: u64,
    /// Whether a journal was read, so that a checkpoint is wanted soon.
    #[serde(skip)]
    pub is_replayed: bool,
}

/// What a checkpoint held before there was a journal.
type Old = (Vec<Alert>, Vec<silence::Silence>, Vec<(nflog::Key, nflog::Entry)>);

/// The state to write, shared with the node that goes on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The alert store.
    pub alerts: Snapshot<Entry>,
    /// The silences.
    pub silences: Arc<silence::Table>,
    /// The notification log.
    pub nflog: Vec<(nflog::Key, nflog::Entry)>,
    /// When groups flush next.
    pub groups: Vec<(GroupMark, GroupState)>,
    /// The first journal file that adds to this.
    pub journal: u64,
}

impl Checkpoint {
    /// Encodes the file.
    pub fn encode(self) -> Vec<u8> {
        let mut silences: Vec<_> = self.silences.iter().map(|s| (**s).clone()).collect();
        // In an order of its own, so that the same state gives the same bytes.
        silences.sort_by(|a, b| a.id.cmp(&b.id));
        let alerts = self.alerts.iter().map(|(_, entry)| entry.alert.clone()).collect();
        let Self { nflog, groups, journal, .. } = self;
        encode(&Saved { alerts, silences, nflog, groups, journal, ..Saved::default() })
    }
}

/// Encodes a checkpoint file.
pub fn encode(saved: &Saved) -> Vec<u8> {
    let body = postcard::to_allocvec(saved).expect("plain data encodes");
    let mut file = Vec::with_capacity(HEADER + body.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&(body.len() as u64).to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    file.extend_from_slice(&body);
    file
}

/// Decodes a checkpoint file.
///
/// # Errors
/// What is wrong with the file, in words: not a checkpoint, from a newer version, cut short, or
/// damaged.
pub fn decode(file: &[u8]) -> Result<Saved, String> {
    let Some((header, body)) = file.split_at_checked(HEADER) else {
        return Err(format!(
            "it is cut short: {} bytes, the header alone has {HEADER}",
            file.len()
        ));
    };
    let (magic, rest) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("it is not a checkpoint of campana: the first bytes differ".into());
    }
    let number = |bytes: &[u8]| {
        bytes.iter().rev().fold(0u64, |number, &byte| (number << 8) | u64::from(byte))
    };
    let (version, length, sum) = (number(&rest[..4]), number(&rest[4..12]), number(&rest[12..]));
    if ![VERSION, VERSION_WITHOUT_JOURNAL].map(u64::from).contains(&version) {
        return Err(format!("its format is version {version}, this program reads {VERSION}"));
    }
    if body.len() as u64 != length {
        return Err(format!("it is cut short: {} of {length} bytes are there", body.len()));
    }
    if u64::from(crc32fast::hash(body)) != sum {
        return Err("its checksum is wrong: the file was damaged".into());
    }
    let saved = if version == u64::from(VERSION) {
        postcard::from_bytes(body)
    } else {
        postcard::from_bytes::<Old>(body).map(|(alerts, silences, nflog)| Saved {
            alerts,
            silences,
            nflog,
            ..Saved::default()
        })
    };
    saved.map_err(|e| format!("its body does not decode: {e}"))
}
