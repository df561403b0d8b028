//! Checkpoints: what survives a restart, and when it is written.
//!
//! A checkpoint is one file: eight fixed bytes, a format version, the length and the CRC-32 of the
//! body, and the body, a postcard-encoded [`Saved`]. It replaces its predecessor by an atomic
//! rename, so a file that does not check out was damaged from outside and is never silently taken
//! for empty.

mod schedule;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

pub use self::schedule::{Round, Schedule};
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
const VERSION: u32 = 1;
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
}

/// The state to write, shared with the node that goes on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The alert store.
    pub alerts: Snapshot<Entry>,
    /// The silences.
    pub silences: Arc<silence::Table>,
    /// The notification log.
    pub nflog: Vec<(nflog::Key, nflog::Entry)>,
}

impl Checkpoint {
    /// Encodes the file.
    pub fn encode(self) -> Vec<u8> {
        let mut silences: Vec<_> = self.silences.iter().map(|s| (**s).clone()).collect();
        // In an order of its own, so that the same state gives the same bytes.
        silences.sort_by(|a, b| a.id.cmp(&b.id));
        let alerts = self.alerts.iter().map(|(_, entry)| entry.alert.clone()).collect();
        encode(&Saved { alerts, silences, nflog: self.nflog })
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
    if version != u64::from(VERSION) {
        return Err(format!("its format is version {version}, this program reads {VERSION}"));
    }
    if body.len() as u64 != length {
        return Err(format!("it is cut short: {} of {length} bytes are there", body.len()));
    }
    if u64::from(crc32fast::hash(body)) != sum {
        return Err("its checksum is wrong: the file was damaged".into());
    }
    postcard::from_bytes(body).map_err(|e| format!("its body does not decode: {e}"))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        label::Labels,
        time::{Stamp, Timestamp},
    };

    fn saved() -> Saved {
        let alert = |name: &str| Alert {
            labels: Labels::from_pairs([("alertname", name)]),
            annotations: Labels::empty(),
            generator_url: "http://p/g".into(),
            starts_at: Stamp::utc(Timestamp::from_parts(1000, 5)),
            ends_at: Stamp::ZERO,
            updated_at: Timestamp::from_parts(1001, 0),
            timeout: true,
        };
        Saved { alerts: vec![alert("a"), alert("ü")], ..Saved::default() }
    }

    #[test]
    fn what_is_encoded_decodes() {
        assert_eq!(decode(&encode(&saved())), Ok(saved()));
        assert_eq!(decode(&encode(&Saved::default())), Ok(Saved::default()));
    }

    #[test]
    fn damage_is_told_apart() {
        let file = encode(&saved());
        let text = |file: &[u8]| decode(file).expect_err("damaged");
        assert!(text(b"").contains("cut short"));
        assert!(text(&file[..file.len() - 1]).contains("cut short"));
        assert!(text(b"nflog and silences of another").contains("not a checkpoint"));
        let mut newer = file;
        newer[8] = 9;
        assert!(text(&newer).contains("version 9"));
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_found(at in 0usize..200, bit in 0u8..8) {
            let mut file = encode(&saved());
            let at = at % file.len();
            file[at] ^= 1 << bit;
            prop_assert!(decode(&file).is_err());
        }
    }
}
