//! Groups under another routing tree: which live on, which begin, which end.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use super::Groups;
use crate::{
    id::{AlertId, GroupId, RouteId},
    label::Labels,
    map::Map,
    route::Tree,
    time::{Now, Timestamp},
};

/// What makes a group the same group under another tree: the key of its route, its receiver, and
/// its labels.
type Identity = (Arc<str>, Arc<str>, Labels);

/// What another routing tree makes of the groups.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Groups whose identity is the same.
    pub kept: Vec<Next>,
    /// Groups that tell the same receiver of the same labels by way of another route. They go on as
    /// they are; the notification log knows them by another key from now on.
    pub rekeyed: Vec<Next>,
    /// Groups that begin.
    pub made: Vec<Next>,
    /// Groups that end, because no route wants their alerts so any more.
    pub dropped: Vec<GroupId>,
}

/// A group under the new tree.
#[derive(Clone, Debug)]
pub struct Next {
    /// The group that goes on; `None` for one that begins.
    pub id: Option<GroupId>,
    /// Its route in the new tree.
    pub route: RouteId,
    /// What its alerts agree on.
    pub labels: Labels,
    /// Its alerts, ascending.
    pub members: Vec<AlertId>,
    /// The earliest of their starts.
    pub starts_at: Timestamp,
}

/// An alert that is in groups, with the routes that the new tree gives it.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'a> {
    /// Which one.
    pub id: AlertId,
    /// Its labels.
    pub labels: &'a Labels,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// Its routes.
    pub routes: &'a [RouteId],
}

impl Groups {
    /// Says what another tree would make of the groups; changes nothing.
    pub fn compare<'a>(
        &self,
        old: &Tree,
        new: &Tree,
        alerts: impl Iterator<Item = Routed<'a>>,
    ) -> Change {
        let mut before: BTreeMap<Identity, VecDeque<GroupId>> = BTreeMap::new();
        for (id, group) in self.iter() {
            let route = old.route(group.route);
            let identity = (route.key.clone(), route.receiver.clone(), group.labels.clone());
            before.entry(identity).or_default().push_back(id);
        }
        let mut change = Change::default();
        let mut homeless = Vec::new();
        for mut next in wanted(new, alerts) {
            let route = new.route(next.route);
            let identity = (route.key.clone(), route.receiver.clone(), next.labels.clone());
            next.id = before.get_mut(&identity).and_then(VecDeque::pop_front);
            if next.id.is_some() { change.kept.push(next) } else { homeless.push(next) }
        }
        // What is left of the old groups may go on under another route to the same receiver.
        let mut left: BTreeMap<(Arc<str>, Labels), VecDeque<GroupId>> = BTreeMap::new();
        for ((_, receiver, labels), ids) in before {
            left.entry((receiver, labels)).or_default().extend(ids);
        }
        for mut next in homeless {
            let identity = (new.route(next.route).receiver.clone(), next.labels.clone());
            next.id = left.get_mut(&identity).and_then(VecDeque::pop_front);
            if next.id.is_some() { change.rekeyed.push(next) } else { change.made.push(next) }
        }
        change.dropped = left.into_values().flatten().collect();
        change
    }

    /// Changes over to another tree. Groups that go on keep their tick, at the latest the one a
    /// fresh group would have, and their flush under way.
    pub fn reroute(&mut self, now: Now, new: &Tree, change: Change) {
        self.by_labels = Map::new();
        for next in change.kept.into_iter().chain(change.rekeyed) {
            let route = new.route(next.route);
            let id = next.id.expect("groups that go on have an id");
            let group = self.table.get_mut(id.0).expect("nothing changed since the comparison");
            group.route = route.id;
            group.key = Arc::from(route.group_key(&next.labels));
            if *group.members != next.members {
                group.members = Arc::new(next.members);
            }
            let latest = now.instant + route.group_interval.max(route.group_wait);
            if group.next_flush > latest {
                group.next_flush = latest;
                self.timers.set(id, latest);
            }
            self.index(id);
        }
        for id in change.dropped {
            self.remove(id);
        }
        for next in change.made {
            self.make(now, new.route(next.route), next.labels, next.members, next.starts_at);
        }
    }
}

/// Returns the groups that a tree makes of alerts, ordered by route and labels.
fn wanted<'a>(tree: &Tree, alerts: impl Iterator<Item = Routed<'a>>) -> Vec<Next> {
    let mut groups: BTreeMap<(RouteId, Labels), Next> = BTreeMap::new();
    for alert in alerts {
        for &route in alert.routes {
            let labels = tree.route(route).group_labels(alert.labels);
            let next = groups.entry((route, labels)).or_insert_with_key(|(route, labels)| Next {
                id: None,
                route: *route,
                labels: labels.clone(),
                members: Vec::new(),
                starts_at: alert.starts_at,
            });
            next.members.push(alert.id);
            next.starts_at = next.starts_at.min(alert.starts_at);
        }
    }
    groups.into_values().collect()
}
