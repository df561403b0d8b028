//! Lists of alerts and groups, as the API and the pages show them.

use alloc::vec::Vec;
use core::{cmp::Ordering, ops::Range};

use super::{Muting, View};
use crate::{
    alert::Entry,
    group::Group,
    hash::Fingerprint,
    id::{AlertId, GroupId, RouteId},
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

/// Steps of a long look-up after which others get a turn: some tenths of a millisecond each, of
/// alerts that are looked at and of pairs that are compared.
const TURN_ALERTS: u32 = 1024;
const TURN_PAIRS: u32 = 16 * TURN_ALERTS;

/// Gives way now and then.
struct Turns {
    every: u32,
    left: u32,
    give_way: fn(),
}

impl Turns {
    const fn every(steps: u32, give_way: fn()) -> Self {
        Self { every: steps, left: steps, give_way }
    }

    fn step(&mut self) {
        self.left -= 1;
        if self.left == 0 {
            self.left = self.every;
            (self.give_way)();
        }
    }
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

/// An alert and what mutes it.
#[derive(Clone, Debug)]
pub struct Listed<'a> {
    /// The alert.
    pub entry: &'a Entry,
    /// What mutes it.
    pub muting: Muting,
}

/// The alerts of a list, in its order.
///
/// Small, since there may be many and the list is kept until it was read: what is told about an
/// alert stays in the view, and what many alerts have in common is kept once.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    mutings: Vec<Muting>,
    paths: Paths,
}

/// An alert of a list.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Where it stands in the view.
    pub id: AlertId,
    /// The routes it goes through: equal numbers mean the same ones.
    pub path: u32,
    /// One past its place in the list of mutings; 0 if nothing mutes it.
    muting: u32,
}

/// Nothing mutes an alert.
const FREE: &Muting = &Muting { silenced_by: Vec::new(), inhibited_by: None };

impl Rows {
    /// Returns the alerts.
    pub fn as_slice(&self) -> &[Row] {
        &self.rows
    }

    /// Returns what mutes an alert of the list.
    pub fn muting(&self, row: &Row) -> &Muting {
        let at = (row.muting as usize).checked_sub(1);
        at.and_then(|at| self.mutings.get(at)).unwrap_or(FREE)
    }

    /// Returns the routes of an alert of the list, the last one first.
    pub fn routes_backwards(&self, row: &Row) -> impl Iterator<Item = RouteId> {
        self.paths.backwards(row.path)
    }

    fn push(&mut self, id: AlertId, entry: &Entry, muting: Muting) {
        let place = if muting.is_muted() {
            self.mutings.push(muting);
            self.mutings.len() as u32
        } else {
            0
        };
        let (fingerprint, path) = (entry.fingerprint, Paths::EMPTY);
        self.rows.push(Row { fingerprint, id, path, muting: place });
    }
}

/// Lists of routes, each kept once: a list is a shorter one and a route more.
#[derive(Clone, Debug, Default)]
struct Paths {
    /// Of each list but the empty one, the shorter one and the route.
    steps: Vec<(u32, RouteId)>,
    known: Map<(u32, RouteId), u32>,
    /// The last step that was asked for, which is mostly the next one too.
    last: Option<((u32, RouteId), u32)>,
}

impl Paths {
    const EMPTY: u32 = 0;

    /// Returns the list that has a route more.
    fn step(&mut self, path: u32, route: RouteId) -> u32 {
        let step = (path, route);
        if let Some((last, path)) = self.last
            && last == step
        {
            return path;
        }
        let steps = &mut self.steps;
        let path = *self.known.get_or_insert_with(step, || {
            steps.push(step);
            steps.len() as u32
        });
        self.last = Some((step, path));
        path
    }

    fn backwards(&self, mut path: u32) -> impl Iterator<Item = RouteId> {
        core::iter::from_fn(move || {
            let (shorter, route) = *self.steps.get((path as usize).checked_sub(1)?)?;
            path = shorter;
            Some(route)
        })
    }
}

/// The groups of a list and their alerts.
#[derive(Clone, Debug, Default)]
pub struct ListedGroups {
    /// The groups, by their labels and then by receiver.
    pub groups: Vec<ListedGroup>,
    /// The alerts, each once, in no order that means anything; their routes are those of the
    /// listed groups.
    pub rows: Rows,
    members: Vec<u32>,
}

/// A group of a list.
#[derive(Clone, Debug)]
pub struct ListedGroup {
    /// Where it stands in the view.
    pub id: GroupId,
    members: Range<usize>,
}

impl ListedGroups {
    /// Returns the alerts of a group, in the order of notifications.
    pub fn alerts(&self, group: &ListedGroup) -> impl ExactSizeIterator<Item = &Row> {
        let members = self.members.get(group.members.clone()).unwrap_or_default();
        members.iter().map(|&at| &self.rows.rows[at as usize])
    }
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
    /// Calls `give_way` at least every few tenths of a millisecond.
    pub fn list_alerts(&self, filter: &AlertFilter, now: Timestamp, give_way: fn()) -> Rows {
        let mut turns = Turns::every(TURN_ALERTS, give_way);
        let mut scratch = Scratch::default();
        let mut muting = self.mutings(now, &mut scratch);
        let routes = self.select_routes(filter);
        let chosen = |entry: &Entry, choice: fn(&Choice) -> bool| {
            entry.routes.iter().any(|route| routes.get(route.0 as usize).is_some_and(choice))
        };
        let mut out = Rows::default();
        out.rows.reserve(if filter.matchers.is_empty() { self.alerts.len() } else { 0 });
        for (id, entry) in self.alerts.iter() {
            turns.step();
            if is_past(entry, now)
                || !chosen(entry, |choice| choice.by_name)
                || !chosen(entry, |choice| choice.by_labels)
                || !selects(&filter.matchers, &entry.alert.labels)
            {
                continue;
            }
            let muting = muting(entry);
            if filter.admits(&muting) {
                out.push(AlertId(id), entry, muting);
                let known = entry.routes.iter().filter(|route| (route.0 as usize) < routes.len());
                let path = known.fold(Paths::EMPTY, |path, &route| out.paths.step(path, route));
                out.rows.last_mut().expect("just pushed").path = path;
            }
        }
        let labels = |row: &Row| self.alerts.get(row.id.0).map(|entry| &entry.alert.labels);
        let mut turns = Turns::every(TURN_PAIRS, give_way);
        out.rows.sort_unstable_by(|a, b| {
            turns.step();
            // Alerts may share a fingerprint only when a client forges one.
            a.fingerprint.cmp(&b.fingerprint).then_with(|| labels(a).cmp(&labels(b)))
        });
        out
    }

    /// Returns the groups of the routes that the filter lets through, with those of their alerts
    /// that it lets through; groups without any are left out. Calls `give_way` like
    /// [`View::list_alerts`].
    pub fn list_groups(
        &self,
        filter: &AlertFilter,
        now: Timestamp,
        give_way: fn(),
    ) -> ListedGroups {
        let mut turns = Turns::every(TURN_ALERTS, give_way);
        let mut scratch = Scratch::default();
        let mut muting = self.mutings(now, &mut scratch);
        let routes = self.select_routes(filter);
        // Of each alert that was met, one past its place among the rows.
        let mut places: Vec<Option<u32>> = Vec::new();
        let mut out = ListedGroups::default();
        for (group_id, group) in self.groups.iter() {
            let choice = routes.get(group.route.0 as usize);
            if !choice.is_some_and(|choice| choice.by_name && choice.by_labels) {
                continue;
            }
            let first = out.members.len();
            for &id in group.members.iter() {
                turns.step();
                let index = id.0 as usize;
                if index >= places.len() {
                    places.resize(index + 1, None);
                }
                let place = *places[index].get_or_insert_with(|| {
                    let entry = self.alerts.get(id.0).filter(|entry| {
                        !is_past(entry, now) && selects(&filter.matchers, &entry.alert.labels)
                    });
                    let Some(entry) = entry else { return 0 };
                    let muting = muting(entry);
                    if !filter.admits(&muting) {
                        return 0;
                    }
                    out.rows.push(id, entry, muting);
                    out.rows.rows.len() as u32
                });
                if let Some(at) = place.checked_sub(1) {
                    let row = &mut out.rows.rows[at as usize];
                    row.path = out.rows.paths.step(row.path, group.route);
                    out.members.push(at);
                }
            }
            if out.members.len() > first && (filter.muted || group.muted_by.is_empty()) {
                let members = first..out.members.len();
                out.groups.push(ListedGroup { id: GroupId(group_id), members });
            }
        }
        self.sort_groups(&mut out, Turns::every(TURN_ALERTS, give_way));
        out
    }

    /// Puts groups, and the alerts of each, into their order.
    fn sort_groups(&self, listed: &mut ListedGroups, mut turns: Turns) {
        let ListedGroups { groups, rows, members } = listed;
        let labels = |at: u32| {
            let entry = self.alerts.get(rows.rows[at as usize].id.0);
            &entry.expect("rows come from this view").alert.labels
        };
        let mut keyed = Vec::new();
        for group in groups.iter().filter(|group| group.members.len() > 1) {
            let members = &mut members[group.members.clone()];
            // The keys are looked up once per alert, not once per comparison.
            keyed.clear();
            keyed.extend(members.iter().map(|&at| {
                turns.step();
                (key(labels(at)), at)
            }));
            keyed.sort_unstable_by(|(a, at), (b, other)| {
                turns.step();
                a.cmp(b).then_with(|| labels(*at).cmp_by_set(labels(*other)))
            });
            members.iter_mut().zip(&keyed).for_each(|(member, (_, at))| *member = *at);
        }
        let of = |group: &ListedGroup| self.groups.get(group.id.0).expect("from this view");
        groups.sort_by(|a, b| {
            turns.step();
            let (a, b) = (of(a), of(b));
            let receiver = |group: &Group| &self.config.tree.route(group.route).receiver;
            a.labels.cmp_by_set(&b.labels).then_with(|| receiver(a).cmp(receiver(b)))
        });
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
