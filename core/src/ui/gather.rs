//! Which groups and alerts a page shows, of all that there are.
//!
//! Everything that fits is counted, but only what stands on the page is sorted and looked at
//! closely: of tens of thousands of alerts a page shows some dozens.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::cmp::Ordering;

use super::{alert, alerts::Choice, filter::Filters};
use crate::{
    group::Group,
    hash::fnv1a,
    id::AlertId,
    label::Labels,
    notify::data::key,
    time::Timestamp,
    view::{AlertFilter, Glance, Glimpse, View, cmp_listed},
};

/// The classes of alerts, the worst first.
pub(super) const WORST: [&str; 4] = ["critical", "warning", "info", "other"];

/// What there is to show.
#[derive(Default)]
pub(super) struct Gathered<'a> {
    /// The groups that have alerts to show. See [`Self::sort`].
    pub(super) groups: Vec<Shown<'a>>,
    pub(super) tally: Tally,
    /// The alerts that are shown, each once.
    pub(super) alerts: usize,
}

/// How many alerts there are of each state, whether they are shown or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) active: usize,
    pub(super) silenced: usize,
    pub(super) inhibited: usize,
    pub(super) muted: usize,
}

/// One group on the page.
pub(super) struct Shown<'a> {
    /// What its alerts agree on.
    pub(super) labels: Labels,
    /// The server's group; `None` where the reader groups.
    pub(super) group: Option<&'a Group>,
    /// How bad its worst alert is: a place in [`WORST`].
    pub(super) rank: usize,
    /// Its place among groups that are alike.
    place: usize,
    /// The alerts. See [`Self::sort`].
    pub(super) alerts: Vec<AlertId>,
}

/// In which kinds of groups an alert is: bits of a byte for each alert.
const IN_MUTED: u8 = 1;
const IN_FREE: u8 = 2;
const COUNTED: u8 = 4;

/// Gathers what the filters and the switches let through.
pub(super) fn gather<'a>(
    view: &'a View,
    filter: &AlertFilter,
    choice: &Choice,
    filters: &Filters,
    now: Timestamp,
) -> Gathered<'a> {
    let mut ranks = Ranks::default();
    let glance = view.glance(filter, now, |labels| ranks.of(labels));
    match &choice.group {
        None => of_server(view, &glance, &view.chosen_routes(filter), choice, filters, now),
        Some(names) => by_labels(view, &glance, names, choice, filters, now),
    }
}

fn of_server<'a>(
    view: &'a View,
    glance: &Glance,
    routes: &[bool],
    choice: &Choice,
    filters: &Filters,
    now: Timestamp,
) -> Gathered<'a> {
    let mut out = Gathered::default();
    let mut bits = Bits::default();
    for (place, (_, group)) in view.groups.iter().enumerate() {
        if !routes.get(group.route.0 as usize).copied().unwrap_or(false) {
            continue;
        }
        let muted = !group.muted_by.is_empty();
        let (mut alerts, mut rank) = (Vec::new(), WORST.len() - 1);
        for &id in group.members.iter() {
            let Some(seen) = glance.of(id) else { continue };
            if !filters.admits(view, id, seen, muted, now) {
                continue;
            }
            let bits = bits.of(id);
            *bits |= if muted { IN_MUTED } else { IN_FREE };
            if choice.admits(seen, muted) {
                out.alerts += usize::from(*bits & COUNTED == 0);
                *bits |= COUNTED;
                rank = rank.min(usize::from(seen.class));
                alerts.push(id);
            }
        }
        if !alerts.is_empty() {
            let labels = group.labels.clone();
            out.groups.push(Shown { labels, group: Some(group), rank, place, alerts });
        }
    }
    for (id, bits) in (0..).zip(bits.0).filter(|(_, bits)| *bits != 0) {
        if let Some(seen) = glance.of(AlertId(id)) {
            out.tally.note(seen, bits & IN_FREE == 0);
        }
    }
    out
}

fn by_labels<'a>(
    view: &'a View,
    glance: &Glance,
    names: &[String],
    choice: &Choice,
    filters: &Filters,
    now: Timestamp,
) -> Gathered<'a> {
    let mut out = Gathered::default();
    let mut names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(&**name)).collect();
    names.sort_unstable();
    let mut groups: BTreeMap<Labels, (usize, Vec<AlertId>)> = BTreeMap::new();
    let mut bits = Bits::of_groups(view);
    let mut packed = Vec::new();
    for (id, entry) in view.alerts.iter().map(|(id, entry)| (AlertId(id), entry)) {
        let Some(seen) = glance.of(id) else { continue };
        let muted = *bits.of(id) == IN_MUTED;
        if !filters.admits(view, id, seen, muted, now) {
            continue;
        }
        out.tally.note(seen, muted);
        if !choice.admits(seen, muted) {
            continue;
        }
        out.alerts += 1;
        entry.alert.labels.pick_into(&names, &mut packed);
        let rank = usize::from(seen.class);
        if let Some((worst, alerts)) = groups.get_mut(&*packed) {
            *worst = rank.min(*worst);
            alerts.push(id);
        } else {
            groups.insert(Labels::from_packed(&packed), (rank, Vec::from([id])));
        }
    }
    let shown = groups.into_iter().enumerate();
    let shown = shown.map(|(place, (labels, (rank, alerts)))| Shown {
        labels,
        group: None,
        rank,
        place,
        alerts,
    });
    out.groups = shown.collect();
    out
}

impl Gathered<'_> {
    /// Puts the groups into their order as far as `count`: the worst first.
    pub(super) fn sort(&mut self, view: &View, count: usize) {
        put_first(&mut self.groups, count, |a, b| {
            a.rank.cmp(&b.rank).then_with(|| a.cmp_alike(b, view))
        });
    }
}

impl Shown<'_> {
    /// Returns its address in the page.
    pub(super) fn id(&self, view: &View) -> String {
        let name = match self.group {
            Some(group) => {
                format!("{}|{}", view.config.tree.route(group.route).receiver, group.key)
            }
            None => self.labels.to_string(),
        };
        // Short, for links and for what the browser remembers.
        format!("{:016x}", fnv1a(name.as_bytes()))
    }

    /// Puts the alerts into their order as far as `count`: that of notifications, or that of the
    /// API where the reader groups.
    pub(super) fn sort(&mut self, view: &View, count: usize) {
        let entries = self.alerts.iter().filter_map(|&id| Some((id, view.alerts.get(id.0)?)));
        // The keys are looked up once per alert, not once per comparison.
        if self.group.is_some() {
            let keyed = entries.map(|(id, entry)| (key(&entry.alert.labels), entry, id));
            let mut keyed: Vec<_> = keyed.collect();
            put_first(&mut keyed, count, |(a, one, _), (b, other, _)| {
                a.cmp(b).then_with(|| one.alert.labels.cmp_by_set(&other.alert.labels))
            });
            self.alerts = keyed.into_iter().map(|(.., id)| id).collect();
        } else {
            let mut keyed: Vec<_> = entries.collect();
            put_first(&mut keyed, count, |(_, a), (_, b)| cmp_listed(a, b));
            self.alerts = keyed.into_iter().map(|(id, _)| id).collect();
        }
    }

    /// Orders groups of one rank as the API does, and as the reader's groups come.
    fn cmp_alike(&self, other: &Self, view: &View) -> Ordering {
        let (Some(own), Some(others)) = (self.group, other.group) else {
            return self.place.cmp(&other.place);
        };
        let receiver = |group: &Group| &view.config.tree.route(group.route).receiver;
        self.labels
            .cmp_by_set(&other.labels)
            .then_with(|| receiver(own).cmp(receiver(others)))
            .then_with(|| self.place.cmp(&other.place))
    }
}

impl Tally {
    fn note(&mut self, seen: Glimpse, muted: bool) {
        self.silenced += usize::from(seen.is_silenced);
        self.inhibited += usize::from(seen.is_inhibited);
        self.muted += usize::from(muted);
        self.active += usize::from(!seen.is_muted() && !muted);
    }
}

/// Bits for each alert, by its id.
#[derive(Default)]
struct Bits(Vec<u8>);

impl Bits {
    /// Notes for each alert whether its groups are muted.
    fn of_groups(view: &View) -> Self {
        let mut bits = Self::default();
        if view.groups.iter().all(|(_, group)| group.muted_by.is_empty()) {
            return bits;
        }
        for (_, group) in view.groups.iter() {
            let bit = if group.muted_by.is_empty() { IN_FREE } else { IN_MUTED };
            for &id in group.members.iter() {
                *bits.of(id) |= bit;
            }
        }
        bits
    }

    fn of(&mut self, id: AlertId) -> &mut u8 {
        let at = id.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        &mut self.0[at]
    }
}

/// Finds how bad alerts are: places in [`WORST`]. Neighbours are often as bad as each other, so it
/// remembers one.
#[derive(Default)]
struct Ranks<'a>(Option<(&'a [u8], u8)>);

impl<'a> Ranks<'a> {
    fn of(&mut self, labels: &'a Labels) -> u8 {
        const LAST: u8 = WORST.len() as u8 - 1;
        let value = labels.get_bytes(b"severity").or_else(|| labels.get_bytes(b"priority"));
        let Some(value) = value else { return LAST };
        if let Some((_, rank)) = self.0.filter(|(known, _)| *known == value) {
            return rank;
        }
        let class = alert::class(labels);
        let rank = (0..).zip(WORST).find(|(_, it)| *it == class).map_or(LAST, |(rank, _)| rank);
        self.0 = Some((value, rank));
        rank
    }
}

/// Sorts a list as far as `count`; what comes behind is in no order.
fn put_first<T>(list: &mut [T], count: usize, mut cmp: impl FnMut(&T, &T) -> Ordering) {
    if count < list.len() {
        list.select_nth_unstable_by(count, &mut cmp);
    }
    let end = count.min(list.len());
    list[..end].sort_unstable_by(cmp);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_of_a_list_are_those_of_the_sorted_list(
            list in proptest::collection::vec(0u8..50, 0..60), count in 0usize..70,
        ) {
            let mut ours = list.clone();
            put_first(&mut ours, count, Ord::cmp);
            let mut all = list;
            all.sort_unstable();
            let end = count.min(all.len());
            prop_assert_eq!(&ours[..end], &all[..end]);
            ours.sort_unstable();
            prop_assert_eq!(ours, all);
        }
    }
}
