//! Alertmanager's files: `silences` and `nflog`, lists of protobuf messages, each with its length.
//!
//! On the first start beside them their content is taken over and the files are left as they are;
//! [`export`] writes them for the way home.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use super::{
    CHECKPOINT_FILE, Saved, encode,
    recover::{Found, Recovery, Step},
};
use crate::{
    event::{Event, Part},
    nflog, silence,
    wire::mesh,
};

/// Alertmanager's file of silences.
const SILENCES: &str = "silences";
/// Alertmanager's file of the notification log.
const NFLOG: &str = "nflog";

/// Tells whether a file is one of Alertmanager's.
pub(super) fn is_foreign(name: &str) -> bool {
    matches!(name, SILENCES | NFLOG)
}

/// Takes over what Alertmanager left in the data directory.
pub(super) fn import(files: &[Found], repair: bool) -> Result<Recovery, String> {
    let mut saved = Saved { journal: 1, oldest: 1, ..Saved::default() };
    let mut events = Vec::new();
    for file in files {
        let (part, entries, error) = match &*file.name {
            SILENCES => {
                let (silences, error) = silences(&file.bytes);
                saved.silences = silences;
                (Part::Silences, saved.silences.len(), error)
            }
            _ => {
                let (entries, error) = entries(&file.bytes);
                saved.nflog = entries;
                (Part::Nflog, saved.nflog.len(), error)
            }
        };
        let name = &file.name;
        if let Some(error) = error {
            if !repair {
                return Err(format!(
                    "{name}: importing Alertmanager's file failed after {entries} records: \
                     {error}. Move the file away, or start once with --storage.repair, which \
                     imports what can be read"
                ));
            }
            let part_read = format!("{name}: {error}");
            events.push(Event::RestoreFailed { part, err: part_read });
        }
        events.push(Event::Imported { part, file: name.clone(), entries: entries as u64 });
    }
    let mut steps = Vec::new();
    if !files.is_empty() {
        // From now on the data directory is campana's, and the files are not read again.
        let bytes = encode(&saved);
        steps.push(Step::Write(Found { name: CHECKPOINT_FILE.into(), bytes }));
    }
    Ok(Recovery { saved, events, steps })
}

/// One of Alertmanager's files: what it holds, its name, how many records, and its content.
pub type Exported = (Part, &'static str, u64, Vec<u8>);

/// Returns the state as Alertmanager's files. Alerts have none there. `retention` is how long an
/// ended silence is to be kept.
pub fn export(saved: &Saved, retention: Duration) -> [Exported; 2] {
    let (mut silences, mut entries) = (Vec::new(), Vec::new());
    for silence in &saved.silences {
        let expires_at = silence.ends_at + retention;
        silence::wire::to_wire(silence, expires_at).encode(&mut silences);
    }
    for (key, entry) in &saved.nflog {
        nflog::wire::to_wire(key, entry).encode(&mut entries);
    }
    [
        (Part::Silences, SILENCES, saved.silences.len() as u64, silences),
        (Part::Nflog, NFLOG, saved.nflog.len() as u64, entries),
    ]
}

fn silences(bytes: &[u8]) -> (Vec<silence::Silence>, Option<String>) {
    collect(mesh::silence_records(bytes).map(|record| {
        let record = record.map_err(|e| e.to_string())?;
        silence::wire::from_wire(&record).map_err(|e| e.to_string())
    }))
}

fn entries(bytes: &[u8]) -> (Vec<(nflog::Key, nflog::Entry)>, Option<String>) {
    collect(mesh::nflog_records(bytes).map(|record| {
        let record = record.map_err(|e| e.to_string())?;
        nflog::wire::from_wire(record).map_err(|e| e.to_string())
    }))
}

/// Collects what is good, and the first error.
fn collect<T>(items: impl Iterator<Item = Result<T, String>>) -> (Vec<T>, Option<String>) {
    let (mut good, mut error) = (Vec::new(), None);
    for item in items {
        match item {
            Ok(item) => good.push(item),
            Err(e) => error = error.or(Some(e)),
        }
    }
    (good, error)
}
