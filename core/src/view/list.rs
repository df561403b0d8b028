//! Lists of alerts and groups, as the API and the pages show them.

use alloc::{sync::Arc, vec::Vec};
use core::cmp::Ordering;

use super::{Muting, View};
use crate::{
    alert::Entry,
    group::Group,
    id::AlertId,
    inhibit,
    label::{Labels, Matcher, Regex},
    map::Map,
    notify::data::key,
    route::Route,
    silence,
    time::Timestamp,
};

/// Buffers of look-ups, kept between them so that none allocates.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(super) silences: silence::Scratch,
    pub(super) inhibition: inhibit::Scratch,
}

/// Which alerts to list.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// Whether to list alerts that nothing mutes.
    pub active: bool,
    /// Whether to list silenced alerts.
    pub silenced: bool,
    /// Whether to list inhibited alerts.
    pub inhibited: bool,
    /// Whether to list groups that time intervals mute.
    pub muted: bool,
    /// What all of an alert's labels must satisfy.
    pub matchers: Vec<Matcher>,
    /// What the name of one of its receivers must match.
    pub receiver: Option<Regex>,
    /// What all labels of one of its receivers must satisfy.
    pub receiver_matchers: Vec<Matcher>,
}

impl Default for AlertFilter {
    /// Lists everything.
    fn default() -> Self {
        Self {
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            matchers: Vec::new(),
            receiver: None,
            receiver_matchers: Vec::new(),
        }
    }
}

/// An alert of a list.
#[derive(Clone, Debug)]
pub struct Listed<'a> {
    /// The alert.
    pub entry: &'a Entry,
    /// What mutes it.
    pub muting: Muting,
    /// The receivers it goes to; a name repeats where several routes lead there.
    pub receivers: Vec<&'a Arc<str>>,
}

/// The groups of a list and their alerts.
#[derive(Clone, Debug, Default)]
pub struct ListedGroups<'a> {
    /// The groups, by their labels and then by receiver.
    pub groups: Vec<ListedGroup<'a>>,
    /// The alerts, each once; their receivers are those of the listed groups, sorted.
    pub alerts: Vec<Listed<'a>>,
}

/// A group of a list.
#[derive(Clone, Debug)]
pub struct ListedGroup<'a> {
    /// The group.
    pub group: &'a Group,
    /// Its route.
    pub route: &'a Route,
    /// Positions of its alerts in [`ListedGroups::alerts`], in the order of notifications.
    pub alerts: Vec<usize>,
}

impl View {
    /// Tells whether an alert exists and has not ended.
    pub fn is_firing(&self, id: AlertId, now: Timestamp) -> bool {
        self.alerts.get(id.0).is_some_and(|entry| !entry.alert.is_resolved(now))
    }

    /// Returns what mutes an alert at `now`.
    pub fn muting(&self, entry: &Entry, now: Timestamp, scratch: &mut Scratch) -> Muting {
        self.mutings(now, scratch)(entry)
    }

    /// Returns the look-up of what mutes alerts at one moment, for many of them.
    pub fn mutings<'a>(
        &'a self,
        now: Timestamp,
        scratch: &'a mut Scratch,
    ) -> impl FnMut(&Entry) -> Muting + 'a {
        let silences = &mut scratch.silences;
        let mut inhibited =
            self.inhibitor.query(move |id| self.is_firing(id, now), &mut scratch.inhibition);
        move |entry| {
            let labels = &entry.alert.labels;
            let mut silenced_by = Vec::new();
            self.silences.silenced_by(labels, now, silences, &mut silenced_by);
            let inhibited_by = inhibited.inhibited_by(labels).map(|found| found.source);
            Muting { silenced_by, inhibited_by }
        }
    }

    /// Returns an alert that would inhibit one with these labels, whether there is one or not.
    pub fn inhibiting(
        &self,
        labels: &Labels,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Option<AlertId> {
        let is_live = move |id| self.is_firing(id, now);
        let mut query = self.inhibitor.query(is_live, &mut scratch.inhibition);
        query.inhibited_by(labels).map(|found| found.source)
    }

    /// Returns the alerts that have not ended and that the filter lets through, by fingerprint.
    pub fn list_alerts(&self, filter: &AlertFilter, now: Timestamp) -> Vec<Listed<'_>> {
        let mut scratch = Scratch::default();
        let mut muting = self.mutings(now, &mut scratch);
        let routes = self.select_routes(filter);
        let chosen = |entry: &Entry, choice: fn(&Choice) -> bool| {
            entry.routes.iter().any(|route| routes.get(route.0 as usize).is_some_and(choice))
        };
        let mut list = Vec::new();
        for (_, entry) in self.alerts.iter() {
            if is_past(entry, now)
                || !chosen(entry, |choice| choice.by_name)
                || !chosen(entry, |choice| choice.by_labels)
                || !selects(&filter.matchers, &entry.alert.labels)
            {
                continue;
            }
            let muting = muting(entry);
            if filter.admits(&muting) {
                let routes = entry.routes.iter().filter(|route| (route.0 as usize) < routes.len());
                let receivers = routes.map(|&id| &self.config.tree.route(id).receiver).collect();
                list.push(Listed { entry, muting, receivers });
            }
        }
        list.sort_unstable_by(|a, b| cmp_listed(a.entry, b.entry));
        list
    }

    /// Returns the groups of the routes that the filter lets through, with those of their alerts
    /// that it lets through; groups without any are left out.
    pub fn list_groups(&self, filter: &AlertFilter, now: Timestamp) -> ListedGroups<'_> {
        let mut scratch = Scratch::default();
        let mut muting = self.mutings(now, &mut scratch);
        let routes = self.select_routes(filter);
        let mut known: Map<AlertId, Option<usize>> = Map::new();
        let mut out = ListedGroups::default();
        for (_, group) in self.groups.iter() {
            let choice = routes.get(group.route.0 as usize);
            if !choice.is_some_and(|choice| choice.by_name && choice.by_labels) {
                continue;
            }
            let route = self.config.tree.route(group.route);
            let mut alerts = Vec::new();
            for &id in group.members.iter() {
                let at = known.get_or_insert_with(id, || {
                    let entry = self.alerts.get(id.0).filter(|entry| {
                        !is_past(entry, now) && selects(&filter.matchers, &entry.alert.labels)
                    })?;
                    let muting = Some(muting(entry)).filter(|muting| filter.admits(muting))?;
                    out.alerts.push(Listed { entry, muting, receivers: Vec::new() });
                    Some(out.alerts.len() - 1)
                });
                if let Some(at) = *at {
                    out.alerts[at].receivers.push(&route.receiver);
                    alerts.push(at);
                }
            }
            if !alerts.is_empty() && (filter.muted || group.muted_by.is_empty()) {
                out.groups.push(ListedGroup { group, route, alerts });
            }
        }
        out.alerts.iter_mut().for_each(|alert| alert.receivers.sort_unstable());
        let labels = |at: usize| &out.alerts[at].entry.alert.labels;
        for group in &mut out.groups {
            // The keys are looked up once per alert, not once per comparison.
            let mut keyed: Vec<_> = group.alerts.iter().map(|&at| (key(labels(at)), at)).collect();
            keyed.sort_unstable_by(|(a, at), (b, other)| {
                a.cmp(b).then_with(|| labels(*at).cmp_by_set(labels(*other)))
            });
            group.alerts = keyed.into_iter().map(|(_, at)| at).collect();
        }
        out.groups.sort_by(|a, b| {
            let by_receiver = || a.route.receiver.cmp(&b.route.receiver);
            a.group.labels.cmp_by_set(&b.group.labels).then_with(by_receiver)
        });
        out
    }

    /// Tells for each route whether its receiver is asked for.
    pub(super) fn select_routes(&self, filter: &AlertFilter) -> Vec<Choice> {
        let receivers = &self.config.receivers;
        let choose = |route: &Route| {
            let by_name = filter
                .receiver
                .as_ref()
                .is_none_or(|receiver| receiver.is_match(route.receiver.as_bytes()));
            let by_labels = filter.receiver_matchers.is_empty()
                || receivers
                    .iter()
                    .find(|receiver| receiver.name == route.receiver)
                    .is_some_and(|receiver| selects(&filter.receiver_matchers, &receiver.labels));
            Choice { by_name, by_labels }
        };
        self.config.tree.iter().map(choose).collect()
    }
}

/// Whether a route's receiver fits the two filters.
pub(super) struct Choice {
    pub(super) by_name: bool,
    pub(super) by_labels: bool,
}

impl AlertFilter {
    fn admits(&self, muting: &Muting) -> bool {
        (self.active || muting.is_muted())
            && (self.silenced || muting.silenced_by.is_empty())
            && (self.inhibited || muting.inhibited_by.is_none())
    }
}

/// Orders alerts as the API lists them: by fingerprint.
pub fn cmp_listed(a: &Entry, b: &Entry) -> Ordering {
    // Alerts may share a fingerprint only when a client forges one.
    a.fingerprint.cmp(&b.fingerprint).then_with(|| a.alert.labels.cmp(&b.alert.labels))
}

/// Tells whether an alert ended before `now`.
pub(super) fn is_past(entry: &Entry, now: Timestamp) -> bool {
    let ends_at = entry.alert.ends_at.at;
    !ends_at.is_zero() && ends_at < now
}

/// Tells whether a label set satisfies all filters.
///
/// Filters with an empty value ask whether the label is there, so one that is there with an empty
/// value counts as there.
pub fn selects(filters: &[Matcher], labels: &Labels) -> bool {
    filters.iter().all(|filter| {
        let value = labels.get_bytes(filter.name().as_bytes());
        let asks_presence =
            filter.value().is_empty() && value.is_some() != filter.op().is_positive();
        asks_presence || filter.matches_value(value.unwrap_or_default())
    })
}
