//! The routing tree: which receivers an alert goes to, and how it is grouped on the way.
//!
//! A [`Draft`] holds the options as configured, where a missing one is inherited. [`Tree::new`]
//! resolves it once per configuration: every [`Route`] of the tree then knows all of its options,
//! and an alert is routed by comparing its labels only.

#[cfg(test)]
mod tests;

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};
use core::{fmt::Write as _, time::Duration};

use crate::{
    id::RouteId,
    label::{Labels, Matcher, Matchers, index::Index},
    map::Map,
};

/// The root's `group_wait` where none is configured.
pub const GROUP_WAIT: Duration = Duration::from_secs(30);
/// The root's `group_interval` where none is configured.
pub const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The root's `repeat_interval` where none is configured.
pub const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// Up to this many children are compared one by one, which is faster than asking an index.
const SCAN_MAX: usize = 8;

/// By which labels alerts are put into groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `['...']`: by all of them, so that only alerts with equal labels share a group.
    All,
    /// By these, sorted. Without names there is one group for the route.
    Names(Vec<Arc<str>>),
}

impl Default for GroupBy {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

/// One node of the tree as configured.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The receiver's name, or the parent's. The configuration refuses a root without one.
    pub receiver: Option<Arc<str>>,
    /// The conditions of `matchers`, `match` and `match_re` together, in any order.
    pub matchers: Vec<Matcher>,
    /// Whether later siblings are tried although this route matched.
    pub continues: bool,
    /// The grouping, or the parent's. An explicit empty list is `Some` without names.
    pub group_by: Option<GroupBy>,
    /// How long a new group waits, or the parent's.
    pub group_wait: Option<Duration>,
    /// The pause between two flushes of a group, or the parent's.
    pub group_interval: Option<Duration>,
    /// The pause before an unchanged notification is repeated, or the parent's.
    pub repeat_interval: Option<Duration>,
    /// Names of the intervals that mute. Not inherited.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// Names of the intervals outside of which the route is mute. Not inherited.
    pub active_time_intervals: Vec<Arc<str>>,
    /// Templates of the route's labels by name, added to the parent's.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// The routes below.
    pub children: Vec<Self>,
}

/// One node of the tree with all of its options.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its place in the tree.
    pub id: RouteId,
    /// The route above; the root has none.
    pub parent: Option<RouteId>,
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// Its own conditions, in canonical order.
    pub matchers: Matchers,
    /// Whether later siblings are tried although this route matched.
    pub continues: bool,
    /// By which labels alerts are put into groups.
    pub group_by: GroupBy,
    /// How long a new group waits before its first flush.
    pub group_wait: Duration,
    /// The pause between two flushes of a group.
    pub group_interval: Duration,
    /// The pause before an unchanged notification is repeated.
    pub repeat_interval: Duration,
    /// Names of the intervals that mute.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// Names of the intervals outside of which the route is mute.
    pub active_time_intervals: Vec<Arc<str>>,
    /// Templates of the route's labels by name.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// The conditions from the root down to here: `{}/{a="b"}`. Routes with equal conditions share
    /// it, and with it their groups' keys.
    pub key: Arc<str>,
    /// As the key, with the place among its siblings after each step: `{}/{a="b"}/0`. Unique.
    pub path: Arc<str>,
    /// The routes below, in the order they are tried.
    pub children: Vec<RouteId>,
}

impl Route {
    /// Returns the labels of the group an alert belongs to in this route.
    pub fn group_labels(&self, alert: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => alert.clone(),
            GroupBy::Names(_) => {
                Labels::from_packed(self.pack_group_labels(alert, &mut Vec::new()))
            }
        }
    }

    /// As [`group_labels`](Self::group_labels), in packed form: the alert's own, or in `buffer`.
    pub(crate) fn pack_group_labels<'a>(
        &self,
        alert: &'a Labels,
        buffer: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match &self.group_by {
            GroupBy::All => alert.as_bytes(),
            GroupBy::Names(names) => {
                alert.pick_into(names, buffer);
                buffer
            }
        }
    }

    /// Returns the key of the group with these labels: `{}/{a="b"}:{c="d"}`.
    ///
    /// It goes to receivers and names entries of the notification log, so its text is fixed. It is
    /// not unique where siblings have equal conditions.
    pub fn group_key(&self, group_labels: &Labels) -> String {
        let mut key = String::with_capacity(self.key.len() + 2 * group_labels.as_bytes().len() + 3);
        write!(key, "{}:{group_labels}", self.key).expect("a String takes every write");
        key
    }
}

/// The routing tree of one configuration.
#[derive(Clone, Debug)]
pub struct Tree {
    /// In depth-first order; the root is the first.
    nodes: Vec<Route>,
    /// The children of each route that has many. Ids ascend among siblings, so the sorted
    /// candidates of an index are in the order the children are tried.
    many: Map<RouteId, Index<RouteId>>,
}

impl Tree {
    /// Resolves a draft of the root: hands options down and numbers the routes depth-first.
    ///
    /// The draft is taken as valid; what a user may not configure is refused by the configuration.
    pub fn new(root: Draft) -> Self {
        let mut nodes: Vec<Route> = Vec::new();
        // A list instead of recursion: the last entry is the next route in depth-first order.
        let mut open: Vec<(Draft, Option<RouteId>, usize)> = Vec::from([(root, None, 0)]);
        while let Some((mut draft, parent, position)) = open.pop() {
            let id = RouteId(u32::try_from(nodes.len()).expect("a file holds fewer routes"));
            let children = core::mem::take(&mut draft.children);
            let above = parent.map(|parent| &nodes[parent.0 as usize]);
            let route = resolve(draft, id, above, position);
            if let Some(parent) = parent {
                nodes[parent.0 as usize].children.push(id);
            }
            nodes.push(route);
            let below = children.into_iter().enumerate().rev();
            open.extend(below.map(|(position, child)| (child, Some(id), position)));
        }
        let mut many = Map::new();
        for route in nodes.iter().filter(|route| route.children.len() > SCAN_MAX) {
            let mut index = Index::new();
            for &child in &route.children {
                index.insert(child, &nodes[child.0 as usize].matchers);
            }
            many.insert(route.id, index);
        }
        Self { nodes, many }
    }

    /// Returns a route. The id must come from this tree.
    pub fn route(&self, id: RouteId) -> &Route {
        &self.nodes[id.0 as usize]
    }

    /// Returns the route every alert starts from.
    pub fn root(&self) -> &Route {
        &self.nodes[0]
    }

    /// Returns all routes, depth-first.
    pub fn iter(&self) -> core::slice::Iter<'_, Route> {
        self.nodes.iter()
    }

    /// Appends the routes an alert with these labels goes to, in the order they are tried.
    ///
    /// A route is tried only if its own conditions hold. Its children are tried in order, up to
    /// the first that matched and does not continue; where none matched, it is the result itself.
    pub fn matches(&self, labels: &Labels, out: &mut Vec<RouteId>) {
        if self.root().matchers.matches(labels) {
            self.descend(self.root(), labels, out);
        }
    }

    /// Appends the results below a route that matched, or the route. Recursion is as deep as the
    /// tree, which the configuration's limit on nesting bounds.
    fn descend(&self, route: &Route, labels: &Labels, out: &mut Vec<RouteId>) {
        let before = out.len();
        let mut candidates = Vec::new();
        let children = match self.many.get(&route.id) {
            Some(index) => {
                index.candidates(labels, &mut candidates);
                &candidates
            }
            None => &route.children,
        };
        for &child in children {
            let child = self.route(child);
            if child.matchers.matches(labels) {
                self.descend(child, labels, out);
                if !child.continues {
                    break;
                }
            }
        }
        // Every child that matched has left at least itself.
        if out.len() == before {
            out.push(route.id);
        }
    }
}

impl<'a> IntoIterator for &'a Tree {
    type Item = &'a Route;
    type IntoIter = core::slice::Iter<'a, Route>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Completes a draft by what it inherits. `position` is its place among its siblings.
fn resolve(draft: Draft, id: RouteId, above: Option<&Route>, position: usize) -> Route {
    let matchers = Matchers::sorted(draft.matchers);
    let (key, path) = match above {
        None => (format!("{matchers}"), format!("{matchers}")),
        Some(above) => {
            (format!("{}/{matchers}", above.key), format!("{}/{matchers}/{position}", above.path))
        }
    };
    let mut group_by =
        draft.group_by.or_else(|| above.map(|above| above.group_by.clone())).unwrap_or_default();
    if let GroupBy::Names(names) = &mut group_by {
        names.sort();
    }
    let span = |own: Option<Duration>, inherited: fn(&Route) -> Duration, default| {
        own.or(above.map(inherited)).unwrap_or(default)
    };
    let mut labels = above.map(|above| above.labels.clone()).unwrap_or_default();
    labels.extend(draft.labels);
    Route {
        id,
        parent: above.map(|above| above.id),
        receiver: draft
            .receiver
            .or_else(|| above.map(|above| above.receiver.clone()))
            .unwrap_or_default(),
        matchers,
        continues: draft.continues,
        group_by,
        group_wait: span(draft.group_wait, |r| r.group_wait, GROUP_WAIT),
        group_interval: span(draft.group_interval, |r| r.group_interval, GROUP_INTERVAL),
        repeat_interval: span(draft.repeat_interval, |r| r.repeat_interval, REPEAT_INTERVAL),
        mute_time_intervals: draft.mute_time_intervals,
        active_time_intervals: draft.active_time_intervals,
        labels,
        key: Arc::from(key),
        path: Arc::from(path),
        children: Vec::new(),
    }
}
