//! Putting records on top of a checkpoint.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Saved,
    record::{GroupMark, GroupState, Record, Refreshed},
};
use crate::{
    alert::Alert,
    hash::{Fingerprint, xxh64},
    map::Map,
    nflog,
    silence::{self, Silence},
};

/// The state while records are read.
#[derive(Debug)]
pub(super) struct Replay {
    alerts: Vec<Alert>,
    /// Where each alert is; made when the first record needs it.
    by_hash: Option<Places>,
    silences: BTreeMap<silence::Id, Silence>,
    nflog: BTreeMap<nflog::Key, nflog::Entry>,
    groups: BTreeMap<GroupMark, GroupState>,
}

impl Replay {
    pub(super) fn new(saved: Saved) -> Self {
        let mut replay = Self {
            alerts: saved.alerts,
            by_hash: None,
            silences: BTreeMap::new(),
            nflog: saved.nflog.into_iter().collect(),
            groups: saved.groups.into_iter().collect(),
        };
        saved.silences.into_iter().for_each(|silence| replay.put_silence(silence));
        replay
    }

    pub(super) fn apply(&mut self, record: Record<'static>) {
        match record {
            Record::Alert(alert) => self.put_alert(alert.into_owned()),
            Record::Refreshed(refreshed) => self.refresh(refreshed),
            Record::Silence(silence) => self.put_silence(silence.into_owned()),
            Record::Log(key, entry) => {
                let (key, entry) = (key.into_owned(), entry.into_owned());
                let known = self.nflog.get(&key).map(|known| known.timestamp);
                if known.is_none_or(|known| known <= entry.timestamp) {
                    self.nflog.insert(key, entry);
                }
            }
            Record::Group(mark, state) => {
                self.groups.insert(mark, state);
            }
        }
    }

    /// Returns the state. Which files it came from is for the caller to fill in.
    pub(super) fn finish(self) -> Saved {
        Saved {
            alerts: self.alerts,
            silences: self.silences.into_values().collect(),
            nflog: self.nflog.into_iter().collect(),
            groups: self.groups.into_iter().collect(),
            ..Saved::default()
        }
    }

    fn put_alert(&mut self, alert: Alert) {
        let hash = hashes(&alert);
        let by_hash = index(&mut self.by_hash, &self.alerts);
        match by_hash.get(&hash) {
            Some(&index) if self.alerts[index].labels == alert.labels => self.alerts[index] = alert,
            // Two alerts of the same two hashes: both are kept, and the first is found by them.
            Some(_) => self.alerts.push(alert),
            None => {
                by_hash.insert(hash, self.alerts.len());
                self.alerts.push(alert);
            }
        }
    }

    fn refresh(&mut self, refreshed: Refreshed) {
        let by_hash = index(&mut self.by_hash, &self.alerts);
        let Some(&index) = by_hash.get(&refreshed.alert) else { return };
        let alert = &mut self.alerts[index];
        alert.ends_at = refreshed.ends_at;
        alert.updated_at = refreshed.updated_at;
    }

    fn put_silence(&mut self, silence: Silence) {
        let known = self.silences.get(&silence.id);
        if known.is_none_or(|known| silence.cmp_version(known).is_ge()) {
            self.silences.insert(silence.id.clone(), silence);
        }
    }
}

type Places = Map<(Fingerprint, u64), usize>;

/// Returns where each alert is, by its hashes.
fn index<'a>(places: &'a mut Option<Places>, alerts: &[Alert]) -> &'a mut Places {
    places.get_or_insert_with(|| {
        let mut places = Places::new();
        places.reserve(alerts.len());
        for (index, alert) in alerts.iter().enumerate() {
            places.get_or_insert_with(hashes(alert), || index);
        }
        places
    })
}

fn hashes(alert: &Alert) -> (Fingerprint, u64) {
    (alert.labels.fingerprint(), xxh64(alert.labels.as_bytes()))
}
