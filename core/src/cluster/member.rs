//! The members a node knows, in the order it probes them.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use super::suspicion::Suspicion;
use crate::{
    map::Map,
    rng::Rng,
    time::Instant,
    wire::memberlist::{Alive, NodeState, Vsn},
};

/// A name, shared by whatever speaks of the member.
pub(super) type Name = Arc<str>;

/// A member's number in this node; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MemberId(pub(super) u32);

/// What is known of a member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    pub(super) addr: SocketAddr,
    pub(super) meta: Vec<u8>,
    pub(super) vsn: Vsn,
    pub(super) incarnation: u32,
    pub(super) state: NodeState,
    /// When the state last changed.
    pub(super) changed: Instant,
    /// Runs while the state is suspect.
    pub(super) suspicion: Option<Suspicion>,
}

impl Member {
    /// Tells whether it is neither dead nor gone. The suspected count as there.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, NodeState::Alive | NodeState::Suspect)
    }

    /// Returns the greatest protocol version it speaks; 3 has TCP pings, 4 nacks, 5 checksums.
    pub(super) fn protocol(&self) -> u8 {
        self.vsn[1]
    }

    fn is_over(&self, now: Instant, after: Duration) -> bool {
        !self.is_live() && now.since(self.changed) > after
    }
}

/// All members, this node included.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    ids: BTreeMap<Name, MemberId>,
    members: Map<MemberId, Member>,
    order: Vec<MemberId>,
    next_probe: usize,
    last_id: u32,
    live: usize,
}

impl Table {
    /// Returns how many members are known, those dead and not yet forgotten included.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns how many members are there, the suspected included.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Finds a member by name.
    pub(super) fn id(&self, name: &str) -> Option<MemberId> {
        self.ids.get(name).copied()
    }

    /// Returns a member that may have been forgotten.
    pub(super) fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// Returns a member that may have been forgotten, for change of all but its state.
    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.get_mut(&id)
    }

    /// Sets a member's state, and when it changed.
    pub(super) fn set_state(&mut self, now: Instant, id: MemberId, state: NodeState) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let was_live = member.is_live();
        member.state = state;
        member.changed = now;
        match (was_live, member.is_live()) {
            (false, true) => self.live += 1,
            (true, false) => self.live -= 1,
            _ => {}
        }
    }

    /// Adds a member, as dead with incarnation 0 until its first message is taken, at a random
    /// place of the order (reference B.8).
    pub(super) fn insert(&mut self, now: Instant, rng: &mut Rng, alive: &Alive) -> MemberId {
        self.last_id += 1;
        let id = MemberId(self.last_id);
        let name: Name = alive.node.as_str().into();
        self.ids.insert(name.clone(), id);
        let member = Member {
            name,
            addr: alive.addr,
            meta: alive.meta.clone(),
            vsn: alive.vsn,
            incarnation: 0,
            state: NodeState::Dead,
            changed: now,
            suspicion: None,
        };
        self.members.insert(id, member);
        let place = below(rng, self.order.len() + 1);
        self.order.push(id);
        let last = self.order.len() - 1;
        self.order.swap(place, last);
        id
    }

    /// Returns the next member to probe: round-robin over the order, without `me` and the dead. At
    /// the end the dead for longer than `dead_time` are forgotten and the order is shuffled.
    ///
    /// The wrap takes one of as many allowed steps as there are members, so that tiny clusters skip
    /// some ticks, as upstream's do (reference B.8: 0.57 probes a tick for 2 members).
    pub(super) fn next_probe(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        me: MemberId,
        dead_time: Duration,
    ) -> Option<MemberId> {
        let mut steps = 0;
        while steps < self.order.len() {
            if self.next_probe >= self.order.len() {
                self.forget(now, dead_time);
                shuffle(rng, &mut self.order);
                self.next_probe = 0;
                steps += 1;
                continue;
            }
            let id = self.order[self.next_probe];
            self.next_probe += 1;
            if id != me && self.members.get(&id).is_some_and(Member::is_live) {
                return Some(id);
            }
            steps += 1;
        }
        None
    }

    /// Forgets the members that have been dead or gone for longer than `after`.
    fn forget(&mut self, now: Instant, after: Duration) {
        let members = &mut self.members;
        let ids = &mut self.ids;
        self.order.retain(|id| {
            if !members.get(id).is_some_and(|member| member.is_over(now, after)) {
                return true;
            }
            if let Some(member) = members.remove(id) {
                ids.remove(&member.name);
            }
            false
        });
    }

    /// Chooses up to `k` different members that `wanted` accepts.
    ///
    /// In small clusters (fewer than `3 k` members) everyone is looked at; else up to `3 n` random
    /// draws are made (reference B.11, version 0.6).
    pub(super) fn random(
        &self,
        rng: &mut Rng,
        k: usize,
        wanted: impl Fn(MemberId, &Member) -> bool,
    ) -> Vec<MemberId> {
        let n = self.order.len();
        let fits = |id: MemberId| self.members.get(&id).is_some_and(|m| wanted(id, m));
        if n < 3 * k {
            let mut ids: Vec<MemberId> =
                self.order.iter().copied().filter(|&id| fits(id)).collect();
            shuffle(rng, &mut ids);
            ids.truncate(k);
            return ids;
        }
        let mut chosen = Vec::with_capacity(k);
        for _ in 0..3 * n {
            if chosen.len() == k {
                break;
            }
            let id = self.order[below(rng, n)];
            if !chosen.contains(&id) && fits(id) {
                chosen.push(id);
            }
        }
        chosen
    }

    /// Walks the members in the order of their names.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.ids.values().filter_map(|&id| Some((id, self.members.get(&id)?)))
    }

    /// Walks the members in the order of probing.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberId, &Member)> + Clone {
        self.order.iter().filter_map(|&id| Some((id, self.members.get(&id)?)))
    }
}

/// Draws a number below `n`, or 0 when `n` is 0.
pub(super) fn below(rng: &mut Rng, n: usize) -> usize {
    // The high half of the product is below n; its bias is below n / 2^64.
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

fn shuffle<T>(rng: &mut Rng, list: &mut [T]) {
    for last in (1..list.len()).rev() {
        list.swap(last, below(rng, last + 1));
    }
}

/// Draws a span below `span`.
pub(super) fn below_span(rng: &mut Rng, span: Duration) -> Duration {
    let nanos = usize::try_from(span.as_nanos()).unwrap_or(usize::MAX);
    Duration::from_nanos(below(rng, nanos) as u64)
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, format, string::String};

    use super::*;
    use crate::{
        rng::{Seed, Stream},
        wire::memberlist::VSN,
    };

    const DEAD_TIME: Duration = Duration::from_secs(30);

    fn table(n: u16, rng: &mut Rng) -> (Table, Vec<MemberId>) {
        let mut table = Table::default();
        let start = Instant::from_nanos(0);
        let ids = (0..n)
            .map(|i| {
                let alive = Alive {
                    incarnation: 1,
                    node: format!("n{i:04}"),
                    addr: SocketAddr::from(([10, 0, 0, 1], i)),
                    meta: Vec::new(),
                    vsn: VSN,
                };
                let id = table.insert(start, rng, &alive);
                table.set_state(start, id, NodeState::Alive);
                id
            })
            .collect();
        (table, ids)
    }

    #[test]
    fn tiny_clusters_skip_probes_as_measured() {
        let mut rng = Rng::new(Seed::from_number(1), Stream::Cluster);
        for (n, rate) in [(2, 0.57), (3, 0.95), (4, 1.0), (10, 1.0)] {
            let (mut table, ids) = table(n, &mut rng);
            let now = Instant::from_nanos(0);
            let ticks = 20_000;
            let probes = (0..ticks)
                .filter_map(|_| table.next_probe(now, &mut rng, ids[0], DEAD_TIME))
                .inspect(|id| assert_ne!(*id, ids[0]))
                .count();
            let measured = probes as f64 / f64::from(ticks);
            assert!((measured - rate).abs() < 0.02, "{n}: {measured}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_two_rounds() {
        let mut rng = Rng::new(Seed::from_number(2), Stream::Cluster);
        let (mut table, ids) = table(20, &mut rng);
        let mut last: BTreeMap<MemberId, usize> = BTreeMap::new();
        for tick in 0..5000 {
            let id = table
                .next_probe(Instant::from_nanos(0), &mut rng, ids[0], DEAD_TIME)
                .expect("every tick of 20 members probes");
            if let Some(before) = last.insert(id, tick) {
                assert!(tick - before < 2 * 20, "SWIM's bound of 2n - 1 periods");
            }
        }
    }

    #[test]
    fn the_dead_are_forgotten_after_their_time() {
        let mut rng = Rng::new(Seed::from_number(3), Stream::Cluster);
        let (mut table, ids) = table(5, &mut rng);
        table.set_state(Instant::from_nanos(0), ids[1], NodeState::Dead);
        assert_eq!((table.len(), table.live()), (5, 4));
        for _ in 0..20 {
            table.next_probe(Instant::from_nanos(30_000_000_000), &mut rng, ids[0], DEAD_TIME);
        }
        assert_eq!(table.len(), 5);
        for _ in 0..20 {
            table.next_probe(Instant::from_nanos(30_000_000_001), &mut rng, ids[0], DEAD_TIME);
        }
        assert_eq!((table.len(), table.id("n0001")), (4, None));
    }

    #[test]
    fn random_choices_are_different_members() {
        let mut rng = Rng::new(Seed::from_number(4), Stream::Cluster);
        for n in [1u16, 2, 3, 8, 9, 50] {
            let (table, ids) = table(n, &mut rng);
            let chosen = table.random(&mut rng, 3, |id, _| id != ids[0]);
            let unique: BTreeSet<_> = chosen.iter().collect();
            assert_eq!(chosen.len(), usize::from(n - 1).min(3));
            assert_eq!(unique.len(), chosen.len());
        }
        let (table, _) = table(12, &mut rng);
        let names: Vec<String> = table.by_name().map(|(_, m)| m.name.as_ref().into()).collect();
        assert!(names.is_sorted());
    }
}
