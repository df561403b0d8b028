//! A glance at very many alerts: what pages count of all is found without building what is shown
//! of few.

use alloc::vec::Vec;

use super::{
    AlertFilter, Scratch, View,
    list::{cmp_listed, is_past, selects},
};
use crate::{alert::Entry, id::AlertId, label::Labels, time::Timestamp};

/// What pages count of the alerts that a filter lets through: a byte for each.
#[derive(Clone, Debug)]
pub struct Glance(Vec<u8>);

/// What pages count of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// Whether silences mute it.
    pub is_silenced: bool,
    /// Whether another alert mutes it.
    pub is_inhibited: bool,
    /// Its class, as the page that asks reckons them.
    pub class: u8,
}

/// The upper bits of the byte; the lower ones hold the class.
const CHOSEN: u8 = 0x80;
const SILENCED: u8 = 0x40;
const INHIBITED: u8 = 0x20;

impl Glance {
    /// Returns what is counted of an alert; `None` for one that the filter does not let through.
    pub fn of(&self, id: AlertId) -> Option<Glimpse> {
        let byte = self.0.get(id.0 as usize).copied().filter(|byte| byte & CHOSEN != 0)?;
        Some(Glimpse {
            is_silenced: byte & SILENCED != 0,
            is_inhibited: byte & INHIBITED != 0,
            class: byte & !(CHOSEN | SILENCED | INHIBITED),
        })
    }
}

impl Glimpse {
    /// Tells whether anything mutes the alert.
    pub const fn is_muted(&self) -> bool {
        self.is_silenced || self.is_inhibited
    }
}

impl View {
    /// Looks once at every alert, in the order in which they lie in memory: at those that have not
    /// ended, whose labels the matchers of the filter select and one of whose routes it selects.
    /// `class` is a number below 32.
    pub fn glance<'a>(
        &'a self,
        filter: &AlertFilter,
        now: Timestamp,
        mut class: impl FnMut(&'a Labels) -> u8,
    ) -> Glance {
        let Scratch { mut silences, mut inhibition } = Scratch::default();
        let is_live = move |id| self.is_firing(id, now);
        let mut inhibited = self.inhibitor.query(is_live, &mut inhibition);
        let routes = self.chosen_routes(filter);
        let is_chosen = |entry: &Entry| {
            let mut chosen = entry.routes.iter().map(|id| routes.get(id.0 as usize));
            chosen.any(|it| it == Some(&true))
        };
        let mut bytes = Vec::with_capacity(self.alerts.len());
        for (id, entry) in self.alerts.iter() {
            let labels = &entry.alert.labels;
            if is_past(entry, now) || !is_chosen(entry) || !selects(&filter.matchers, labels) {
                continue;
            }
            let bit = |is_set, bit| if is_set { bit } else { 0 };
            bytes.resize(id as usize, 0);
            bytes.push(
                CHOSEN
                    | bit(self.silences.silences(labels, now, &mut silences), SILENCED)
                    | bit(inhibited.inhibited_by(labels).is_some(), INHIBITED)
                    | class(labels),
            );
        }
        Glance(bytes)
    }

    /// Tells for each route, by its number, whether the filter asks for its receiver.
    pub fn chosen_routes(&self, filter: &AlertFilter) -> Vec<bool> {
        self.select_routes(filter).iter().map(|it| it.by_name && it.by_labels).collect()
    }

    /// Returns the alert with a fingerprint, in the spelling of the API.
    pub fn alert_by_print(&self, text: &str) -> Option<(AlertId, &Entry)> {
        let wanted = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16)?;
        let found = self.alerts.iter().find(|(_, entry)| entry.fingerprint.0 == wanted)?;
        Some((AlertId(found.0), found.1))
    }

    /// Returns the alerts that have not ended and for whose labels something holds, as the API
    /// orders them.
    pub fn alerts_where(&self, now: Timestamp, holds: impl Fn(&Labels) -> bool) -> Vec<&Entry> {
        let fires = |entry: &&Entry| !is_past(entry, now) && holds(&entry.alert.labels);
        let mut found: Vec<&Entry> = self.alerts.iter().map(|it| it.1).filter(fires).collect();
        found.sort_unstable_by(|a, b| cmp_listed(a, b));
        found
    }
}
