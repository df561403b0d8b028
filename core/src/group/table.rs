//! The table of groups: who belongs where, which flush is due, what a flush leaves behind.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::hash::Hasher as _;

use rustc_hash::FxHasher;

use super::{Flight, Group, Landed};
use crate::{
    alert::Store,
    cow,
    id::{AlertId, Counter, FlightId, GroupId, RouteId},
    label::Labels,
    map::Map,
    route::{Route, Tree},
    time::{Instant, Now, Timestamp},
    timer::Timers,
};

/// All groups of a node.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    pub(super) table: cow::Slab<Group>,
    /// The groups by a hash of route and labels; those that share one form a chain.
    pub(super) by_labels: Map<u64, GroupId>,
    pub(super) timers: Timers<GroupId>,
    pub(super) flights: Map<FlightId, Flight>,
    next_flight: Counter,
    /// No group flushes before this.
    start_at: Instant,
    delay_until: Instant,
    /// Until when groups wait that alerts from before `began` would flush at once.
    warm_until: Instant,
    began: Timestamp,
    /// The groups that do.
    warming: Vec<GroupId>,
    /// The packed labels of the group that is looked for, kept between look-ups.
    packed: Vec<u8>,
}

/// What placing an alert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It joined a group.
    Joined(GroupId),
    /// It made a group.
    Made(GroupId),
    /// It was there already.
    Stayed(GroupId),
}

impl Groups {
    /// Makes an empty table whose groups do not flush before `start_at`.
    pub fn new(start_at: Instant) -> Self {
        Self { start_at, delay_until: start_at, ..Self::default() }
    }

    /// Lets the groups flush from `at` on, where they had to wait for the cluster; the delay at
    /// start still holds.
    pub fn open(&mut self, at: Instant) {
        self.start_at = at.max(self.delay_until);
    }

    /// Makes every group wait until [`open`](Self::open).
    pub fn close(&mut self) {
        self.start_at = Instant::from_nanos(u64::MAX);
    }

    /// Lets alerts from before `began`, the start of the process, flush no group at once until
    /// `until`: they may not be all that there is, and what mutes them may be still to come.
    pub fn warm_up(&mut self, until: Instant, began: Timestamp) {
        (self.warm_until, self.began) = (until, began);
    }

    /// Ends the warm-up early.
    pub fn end_warm_up(&mut self, now: Instant) {
        for id in core::mem::take(&mut self.warming) {
            let waits = self.table.get(id.0).is_some_and(|it| it.next_flush == self.warm_until);
            if waits && now < self.warm_until {
                self.table.get_mut(id.0).expect("just seen").next_flush = now;
                self.timers.set(id, now);
            }
        }
        self.warm_until = self.warm_until.min(now);
    }

    /// Returns when the warm-up ends, if it has not.
    pub fn warms_until(&self, now: Instant) -> Option<Instant> {
        (now < self.warm_until).then_some(self.warm_until)
    }

    /// Notes that a delivery of a flush was left to a peer.
    pub fn hold(&mut self, id: FlightId) {
        if let Some(flight) = self.flights.get_mut(&id) {
            flight.held = true;
        }
    }

    /// Returns a flush under way.
    pub fn flight(&self, id: FlightId) -> Option<&Flight> {
        self.flights.get(&id)
    }

    /// Puts an alert into the group that one of its routes gives it.
    ///
    /// A new group flushes after `group_wait`, or at once when the alert that makes it is older
    /// than that. An old alert that joins a group moves nothing.
    pub fn place(
        &mut self,
        now: Now,
        route: &Route,
        id: AlertId,
        labels: &Labels,
        starts_at: Timestamp,
    ) -> Placed {
        let packed = route.pack_group_labels(labels, &mut self.packed);
        let known = find(&self.by_labels, &self.table, route.id, packed);
        if let Some(group) = known {
            let members = &self.table.get(group.0).expect("indexed groups exist").members;
            let Err(place) = members.binary_search(&id) else { return Placed::Stayed(group) };
            let members = &mut self.table.get_mut(group.0).expect("seen above").members;
            Arc::make_mut(members).insert(place, id);
            return Placed::Joined(group);
        }
        let is_all = packed.len() == labels.as_bytes().len();
        let group_labels = if is_all { labels.clone() } else { Labels::from_packed(packed) };
        Placed::Made(self.make(now, route, group_labels, alloc::vec![id], starts_at))
    }

    /// Takes the next group whose tick is due, with the tick's instant, and arms its next tick.
    ///
    /// A group that still flushes is passed over: its tick is kept and comes due when
    /// [`settle`](Self::settle) ends the flush.
    pub fn pop_due(&mut self, now: Instant, tree: &Tree) -> Option<(GroupId, Instant)> {
        if now < self.start_at {
            return None;
        }
        while let Some((tick, id)) = self.timers.pop_due(now) {
            let group = self.table.get_mut(id.0).expect("timers are cleared with their group");
            if let Some(flight) = group.flight {
                self.flights.get_mut(&flight).expect("a group's flight exists").overdue = true;
                continue;
            }
            // Spaced from the tick itself, so that lateness does not add up and a repeat at a
            // multiple of the interval does not come one tick early. Ticks that were missed are not
            // made up.
            let interval = tree.route(group.route).group_interval;
            let next = tick + interval;
            group.next_flush = if next > now { next } else { now + interval };
            group.flushes += 1;
            self.timers.set(id, group.next_flush);
            return Some((id, tick));
        }
        None
    }

    /// Lets the group that a route gives an alert flush at once, or as soon as the flush under way
    /// has ended.
    pub fn hasten(&mut self, now: Instant, route: &Route, labels: &Labels) {
        let packed = route.pack_group_labels(labels, &mut self.packed);
        let known = find(&self.by_labels, &self.table, route.id, packed);
        let Some(id) = known else { return };
        let group = self.table.get(id.0).expect("indexed groups exist");
        if let Some(flight) = group.flight {
            self.flights.get_mut(&flight).expect("a group's flight exists").overdue = true;
        } else if group.next_flush > now {
            self.table.get_mut(id.0).expect("seen above").next_flush = now;
            self.timers.set(id, now);
        }
    }

    /// Notes that a flush is under way until all of its deliveries have ended.
    pub fn take_off(&mut self, flight: Flight) -> FlightId {
        let id = FlightId(self.next_flight.next());
        let group = self.table.get_mut(flight.group.0).expect("the caller flushes this group");
        assert!(group.flight.is_none(), "a group has at most one flush under way");
        group.flight = Some(id);
        self.flights.insert(id, flight);
        id
    }

    /// Notes that one delivery of a flush has ended. After the last one the flush lands: see
    /// [`settle`](Self::settle).
    pub fn delivered(
        &mut self,
        now: Instant,
        id: FlightId,
        error: Option<String>,
        alerts: &Store,
    ) -> Option<Landed> {
        let flight = self.flights.get_mut(&id)?;
        flight.errors.extend(error);
        flight.pending -= 1;
        if flight.pending > 0 {
            return None;
        }
        let flight = self.flights.remove(&id)?;
        if let Some(group) = self.table.get_mut(flight.group.0) {
            group.flight = None;
        }
        Some(self.settle(now, flight, alerts))
    }

    /// Ends a flush. After a success the resolved alerts that nobody posted since leave the group,
    /// and a group without alerts is removed. A tick that fell due meanwhile is due now.
    pub fn settle(&mut self, now: Instant, flight: Flight, alerts: &Store) -> Landed {
        let mut left = Vec::new();
        if flight.errors.is_empty() && !flight.held {
            let unchanged = |&&(alert, updated_at): &&(AlertId, Timestamp)| {
                alerts.get(alert).is_some_and(|entry| entry.alert.updated_at == updated_at)
            };
            left = flight.resolved.iter().filter(unchanged).map(|&(alert, _)| alert).collect();
        }
        let group = self.table.get_mut(flight.group.0).expect("a flight keeps its group");
        if !left.is_empty() {
            // An alert may have left by a reload meanwhile.
            left.retain(|id| group.members.binary_search(id).is_ok());
            Arc::make_mut(&mut group.members).retain(|id| left.binary_search(id).is_err());
        }
        let gone = group.members.is_empty();
        if flight.overdue && !gone {
            self.timers.set(flight.group, now);
        }
        let gone = if gone { Some(self.remove(flight.group)) } else { None };
        Landed { flight, left, gone }
    }

    /// Sets when a group flushes next, and how many flushes it has begun, where an earlier run of
    /// the program knew.
    pub fn resume(&mut self, id: GroupId, at: Instant, flushes: u64) {
        if let Some(group) = self.table.get_mut(id.0) {
            group.next_flush = at;
            group.flushes = flushes;
            self.timers.set(id, at);
        }
    }

    /// Returns a group for change.
    pub fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.table.get_mut(id.0)
    }

    /// Returns a group.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.table.get(id.0)
    }

    /// Returns all groups in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.table.iter().map(|(index, group)| (GroupId(index), group))
    }

    /// Returns when the next tick falls due.
    pub fn next_at(&self) -> Option<Instant> {
        let never = Instant::from_nanos(u64::MAX);
        self.timers.next_at().map(|at| at.max(self.start_at)).filter(|&at| at < never)
    }

    /// Returns the number of groups.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Tells whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns the number of flushes under way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Returns the present state for readers.
    pub fn snapshot(&self) -> cow::Snapshot<Group> {
        self.table.snapshot()
    }

    pub(super) fn make(
        &mut self,
        now: Now,
        route: &Route,
        labels: Labels,
        members: Vec<AlertId>,
        starts_at: Timestamp,
    ) -> GroupId {
        let is_old = starts_at + route.group_wait < now.wall;
        let warms = is_old && starts_at < self.began && now.instant < self.warm_until;
        let next_flush = match is_old {
            true if warms => self.warm_until,
            true => now.instant,
            false => now.instant + route.group_wait,
        };
        let group = GroupId(self.table.insert(Group {
            route: route.id,
            key: Arc::from(route.group_key(&labels)),
            labels,
            members: Arc::new(members),
            muted_by: Arc::default(),
            route_labels: Labels::empty(),
            next_flush,
            flushes: 0,
            flight: None,
            next_same: None,
        }));
        self.index(group);
        self.timers.set(group, next_flush);
        if warms {
            self.warming.push(group);
        }
        group
    }

    pub(super) fn remove(&mut self, id: GroupId) -> Group {
        let group = self.table.remove(id.0).expect("the caller saw it");
        self.timers.clear(id);
        if let Some(flight) = group.flight {
            self.flights.remove(&flight);
        }
        let place = place_of(group.route, group.labels.as_bytes());
        let head = self.by_labels.get(&place).copied();
        if head == Some(id) {
            match group.next_same {
                Some(next) => self.by_labels.insert(place, next),
                None => self.by_labels.remove(&place),
            };
            return group;
        }
        // After a change of routes it may be in no chain any more.
        let mut at = head;
        while let Some(previous) = at.and_then(|id| self.table.get(id.0)) {
            let next = previous.next_same;
            if next == Some(id) {
                let previous = at.and_then(|id| self.table.get_mut(id.0)).expect("just seen");
                previous.next_same = group.next_same;
                break;
            }
            at = next;
        }
        group
    }

    /// Lets a group be found by its route and labels.
    pub(super) fn index(&mut self, id: GroupId) {
        let group = self.table.get(id.0).expect("the caller has stored it");
        let place = place_of(group.route, group.labels.as_bytes());
        let next = self.by_labels.insert(place, id);
        if group.next_same != next {
            self.table.get_mut(id.0).expect("just seen").next_same = next;
        }
    }
}

/// Finds the group of a route with these labels, given in packed form.
fn find(
    by_labels: &Map<u64, GroupId>,
    table: &cow::Slab<Group>,
    route: RouteId,
    packed: &[u8],
) -> Option<GroupId> {
    let mut at = by_labels.get(&place_of(route, packed)).copied();
    while let Some(id) = at {
        let group = table.get(id.0).expect("indexed groups exist");
        if group.route == route && group.labels.as_bytes() == packed {
            return Some(id);
        }
        at = group.next_same;
    }
    None
}

fn place_of(route: RouteId, packed: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u32(route.0);
    hasher.write(packed);
    let hash = hasher.finish();
    // Tests are to meet what hardly ever happens.
    if cfg!(test) { hash % 16 } else { hash }
}
