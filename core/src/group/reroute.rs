//! Moving the groups to another routing tree: what a reload does to them.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use super::Groups;
use crate::{
    alert::Store,
    id::{AlertId, GroupId, RouteId},
    label::Labels,
    map::Map,
    route::Tree,
    time::{Now, Timestamp},
};

/// What makes a group of one tree the same as a group of another: route key, receiver, labels.
type Identity = (Arc<str>, Arc<str>, Labels);

impl Groups {
    /// Makes the groups follow a new tree, after the alerts' routes were recomputed for it.
    ///
    /// A group that both trees have keeps its id, its ticks and its flush under way; only a tick
    /// that lies further away than the new interval allows is moved up. Groups that only the old
    /// tree has are dropped; a delivery under way for one of them still reaches the log.
    pub fn reroute(&mut self, now: Now, old: &Tree, new: &Tree, alerts: &Store) {
        let mut before = self.identities(old);
        self.by_labels = Map::new();
        for ((route, labels), (members, starts_at)) in wanted(new, alerts) {
            let route = new.route(route);
            let identity = (route.key.clone(), route.receiver.clone(), labels.clone());
            let Some(id) = before.get_mut(&identity).and_then(VecDeque::pop_front) else {
                self.make(now, route, labels, members, starts_at);
                continue;
            };
            let group = self.table.get_mut(id.0).expect("listed above");
            group.route = route.id;
            group.key = Arc::from(route.group_key(&labels));
            if *group.members != members {
                group.members = Arc::new(members);
            }
            let latest = now.instant + route.group_interval.max(route.group_wait);
            if group.next_flush > latest {
                group.next_flush = latest;
                self.timers.set(id, latest);
            }
            self.index(route.id, labels, id);
        }
        for id in before.into_values().flatten() {
            self.remove(id);
        }
    }

    fn identities(&self, tree: &Tree) -> BTreeMap<Identity, VecDeque<GroupId>> {
        let mut identities: BTreeMap<Identity, VecDeque<GroupId>> = BTreeMap::new();
        for (id, group) in self.iter() {
            let route = tree.route(group.route);
            let identity = (route.key.clone(), route.receiver.clone(), group.labels.clone());
            identities.entry(identity).or_default().push_back(id);
        }
        identities
    }
}

/// Returns the groups that a tree makes of the alerts that are in groups now, each with its members
/// and the earliest of their starts.
fn wanted(tree: &Tree, alerts: &Store) -> BTreeMap<(RouteId, Labels), (Vec<AlertId>, Timestamp)> {
    let mut groups: BTreeMap<(RouteId, Labels), (Vec<AlertId>, Timestamp)> = BTreeMap::new();
    for (id, entry) in alerts.iter().filter(|(_, entry)| entry.groups > 0) {
        let starts_at = entry.alert.starts_at.at;
        for &route in &*entry.routes {
            let labels = tree.route(route).group_labels(&entry.alert.labels);
            let group = groups.entry((route, labels)).or_insert((Vec::new(), starts_at));
            group.0.push(id);
            group.1 = group.1.min(starts_at);
        }
    }
    groups
}
