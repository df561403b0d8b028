//! Claims: "it is my turn", told among campana's own peers.
//!
//! Peers whose ticks have drifted apart come due at the same moment; and where a receiver is slow
//! or down, all of them would deliver when it is back. So one at a time has its turn, and says so:
//!
//! * The first in line sends at once, and claims what takes longer than [`CLAIM_DELAY`]. Everybody
//!   else claims first and sends after [`CLAIM_PAUSE`], unless news came meanwhile.
//! * Who hears a fresh claim waits for its end. Who has claimed already yields only to one that
//!   comes before: fewer turns without success, then the name, decide.
//! * A turn lasts for the peer timeout. Who has not succeeded then rests for a moment, so that the
//!   others get a turn: the fault may be on the way from this node to the receiver.
//!
//! A claim dies a moment after its maker falls silent, so a crash or a partition costs no more than
//! that: everybody who hears nothing sends. Alertmanager ignores the key and behaves as ever.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Node, gossip::CLAIMS};
use crate::{
    delivery::{End, Finished},
    id::DeliveryId,
    limits::{CLAIM_DELAY, CLAIM_LIFE_MAX, CLAIM_PAUSE, CLAIMANTS_MAX, CLAIMS_MAX},
    nflog,
    time::{Deadline, Instant, Now, Reason, Timestamp},
    timer::Timers,
};

/// One peer's word that it is its turn at one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    key: nflog::Key,
    /// Who says so.
    peer: String,
    /// How many turns it had without success.
    used: u32,
    /// How long the word counts after it was heard. A span and no time: clocks may differ. Zero
    /// takes an earlier word back.
    life: Duration,
    /// The time of the log's entry that the peer is about to replace. Who has a newer one heard of
    /// the delivery before it heard of the turn.
    replaces: Option<Timestamp>,
}

impl Claim {
    /// Tells whether what is claimed has been done since, as the log says.
    pub(super) fn is_over(&self, log: &nflog::Log) -> bool {
        log.get(&self.key).is_some_and(|entry| Some(entry.timestamp) > self.replaces)
    }

    /// Decodes claims that stand one after the other.
    pub(super) fn decode_all(mut data: &[u8]) -> Result<Vec<Self>, String> {
        let mut claims = Vec::new();
        while !data.is_empty() {
            let (claim, rest) =
                postcard::take_from_bytes::<Self>(data).map_err(|e| e.to_string())?;
            claims.push(claim);
            data = rest;
        }
        Ok(claims)
    }
}

/// A peer's claim, as it was heard.
#[derive(Clone, Debug)]
struct Heard {
    used: u32,
    peer: Arc<str>,
    until: Instant,
}

/// This node's own turns at one delivery.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    /// Those that ended without success.
    used: u32,
    /// When the present one ends.
    ends: Option<Instant>,
    /// Whether the peers were told of it.
    is_told: bool,
}

/// The claims heard, and the own ones to repeat.
#[derive(Debug, Default)]
pub(super) struct Claims {
    heard: BTreeMap<nflog::Key, Vec<Heard>>,
    turns: BTreeMap<nflog::Key, Turns>,
    own: Timers<DeliveryId>,
}

impl Claims {
    /// Notes a claim that was heard. Beyond the bounds new ones are not noted, which costs at most
    /// a notification sent twice.
    pub(super) fn hear(&mut self, now: Instant, claim: Claim) {
        if self.heard.len() >= CLAIMS_MAX {
            self.heard.retain(|_, all| all.iter().any(|heard| heard.until > now));
        }
        if claim.life.is_zero() {
            if let Some(all) = self.heard.get_mut(&claim.key) {
                all.retain(|old| *old.peer != *claim.peer);
            }
            return;
        }
        if self.heard.len() >= CLAIMS_MAX && !self.heard.contains_key(&claim.key) {
            return;
        }
        let until = now + claim.life.min(CLAIM_LIFE_MAX);
        let new = Heard { used: claim.used, peer: claim.peer.into(), until };
        let all = self.heard.entry(claim.key).or_default();
        // A claim that ends soon must not hide the one that comes after it.
        all.retain(|old| old.until > now && old.peer != new.peer);
        if all.len() < CLAIMANTS_MAX {
            all.push(new);
        }
    }

    /// Returns the fresh claim that comes first, of peers that `is_there` accepts.
    fn first(
        &self,
        now: Instant,
        key: &nflog::Key,
        is_there: impl Fn(&Arc<str>) -> bool,
    ) -> Option<Heard> {
        let fresh = self.heard.get(key)?.iter().filter(|heard| heard.until > now);
        let there = fresh.filter(|heard| is_there(&heard.peer));
        there.min_by(|a, b| (a.used, &a.peer).cmp(&(b.used, &b.peer))).cloned()
    }

    /// Forgets everything about a delivery that the log says was made.
    pub(super) fn remove(&mut self, key: &nflog::Key) {
        self.heard.remove(key);
        self.turns.remove(key);
    }

    /// Tells whether it is this node's turn at a delivery.
    pub(super) fn has_turn(&self, key: &nflog::Key) -> bool {
        self.turns.get(key).is_some_and(|turns| turns.ends.is_some())
    }

    fn turns(&mut self, key: &nflog::Key) -> &mut Turns {
        // What never succeeds and is gone leaves its count behind.
        if self.turns.len() >= CLAIMS_MAX {
            self.turns.clear();
        }
        self.turns.entry(key.clone()).or_default()
    }

    /// Notes how a delivery ended. Tells whether the peers still believe that it is this node's
    /// turn.
    fn end(&mut self, finished: &Finished) -> bool {
        let key = &finished.plan.log_key;
        self.own.clear(finished.id);
        match finished.end {
            // The next flush goes on with the turn.
            End::Skipped(nflog::SkipReason::ClaimedByPeer) => false,
            End::Delivered(_) | End::Skipped(_) => {
                self.turns.remove(key).is_some_and(|turns| turns.is_told)
            }
            End::Failed { .. } => {
                let Some(turns) = self.turns.get_mut(key) else { return false };
                if turns.ends.take().is_some() {
                    turns.used = turns.used.saturating_add(1);
                }
                core::mem::take(&mut turns.is_told)
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.own.next_at().map(|at| Deadline { at, reason: Reason::Cluster })
    }
}

impl Node {
    /// Returns until when a delivery is to be left to others.
    pub(super) fn claimed_until(&mut self, now: Now, key: &nflog::Key) -> Option<Instant> {
        let cluster = self.cluster.as_ref().filter(|cluster| cluster.member_count() > 1)?;
        let is_there = |peer: &Arc<str>| cluster.members().any(|member| member.name == *peer);
        let heard = self.claims.first(now.instant, key, is_there);
        let me = cluster.name().clone();
        let turns = self.claims.turns(key);
        match turns.ends {
            // Yielding uses no turn up.
            Some(ends) if now.instant < ends => {
                let before = heard.filter(|heard| (heard.used, &heard.peer) < (turns.used, &me))?;
                turns.ends = None;
                Some(before.until)
            }
            Some(_) => {
                turns.used = turns.used.saturating_add(1);
                turns.ends = None;
                Some(heard.map_or(now.instant + CLAIM_PAUSE * 3, |heard| heard.until))
            }
            None => heard.map(|heard| heard.until),
        }
    }

    /// Begins a turn, unless this is one. Tells whether to wait for objections first.
    pub(super) fn begin_turn(&mut self, now: Now, id: DeliveryId) -> bool {
        let Some(cluster) = self.cluster.as_ref().filter(|cluster| cluster.member_count() > 1)
        else {
            return false;
        };
        let is_first = cluster.position() == 0;
        let Some(plan) = self.deliveries.plan(id) else { return false };
        let key = plan.log_key.clone();
        let turns = self.claims.turns(&key);
        if turns.ends.is_some() {
            return false;
        }
        turns.ends = Some(now.instant + self.options.cluster.peer_timeout);
        if is_first && turns.used == 0 {
            self.claims.own.set(id, now.instant + CLAIM_DELAY);
            return false;
        }
        self.claim(now, id);
        self.deliveries.postpone(id, now.instant + CLAIM_PAUSE);
        true
    }

    /// Repeats the claims that are due.
    pub(super) fn repeat_claims(&mut self, now: Now) {
        while let Some((_, id)) = self.claims.own.pop_due(now.instant) {
            self.claim(now, id);
        }
    }

    /// Claims a delivery for what is left of this turn.
    fn claim(&mut self, now: Now, id: DeliveryId) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        let key = plan.log_key.clone();
        let Some(turns) = self.claims.turns.get(&key) else { return };
        let Some(ends) = turns.ends.filter(|ends| *ends > now.instant) else { return };
        // A moment more than the turn, so that nobody begins before this node has stopped.
        let life = ends.since(now.instant) + CLAIM_PAUSE;
        self.claims.turns(&key).is_told = true;
        self.claims.own.set(id, now.instant + self.options.cluster.peer_timeout / 3);
        self.tell_claim(now, key, life);
    }

    /// Ends the turn at a delivery that has ended, and takes back what the peers were told of it:
    /// they would leave their next flush to this node, too.
    pub(super) fn end_turn(&mut self, now: Now, finished: &Finished) {
        if self.claims.end(finished) {
            self.tell_claim(now, finished.plan.log_key.clone(), Duration::ZERO);
        }
    }

    fn tell_claim(&mut self, now: Now, key: nflog::Key, life: Duration) {
        let Some(cluster) = &self.cluster else { return };
        let peer = cluster.name().to_string();
        let replaces = self.nflog.get(&key).map(|entry| entry.timestamp);
        let claim = Claim { used: self.claims.turns(&key).used, key, peer, life, replaces };
        let bytes = postcard::to_allocvec(&claim).expect("plain data encodes");
        let name = claim.key.to_string();
        self.with_cluster(now, |cluster, at| {
            cluster.broadcast(at, CLAIMS, name.as_bytes(), bytes);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_ends_does_not_hide_a_later_one() {
        let key = nflog::Key {
            group_key: "g".into(),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 0,
        };
        let claim = |peer: &str, used, secs| Claim {
            key: key.clone(),
            peer: peer.into(),
            used,
            life: Duration::from_secs(secs),
            replaces: None,
        };
        let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
        let mut claims = Claims::default();
        claims.hear(at(0), claim("a", 0, 5));
        claims.hear(at(1), claim("b", 0, 10));
        claims.hear(at(1), claim("c", 1, 10));
        let first = |secs| claims.first(at(secs), &key, |_| true).map(|heard| heard.peer);
        assert_eq!(first(2).as_deref(), Some("a"));
        assert_eq!(first(6).as_deref(), Some("b"));
        assert_eq!(first(11), None);
        let others = claims.first(at(6), &key, |peer| **peer != *"b").map(|heard| heard.peer);
        assert_eq!(others.as_deref(), Some("c"));
    }
    #[test]
    fn a_word_taken_back_does_not_count() {
        let key = nflog::Key {
            group_key: "g".into(),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 0,
        };
        let claim = |life| Claim {
            key: key.clone(),
            peer: "a".into(),
            used: 0,
            life: Duration::from_secs(life),
            replaces: None,
        };
        let mut claims = Claims::default();
        claims.hear(Instant::from_nanos(0), claim(5));
        claims.hear(Instant::from_nanos(1), claim(0));
        assert!(claims.first(Instant::from_nanos(2), &key, |_| true).is_none());
    }

    #[test]
    fn a_turn_is_over_once_the_log_has_what_it_was_for() {
        let key = nflog::Key {
            group_key: "g".into(),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 0,
        };
        let claim = |replaces: Option<i64>| Claim {
            key: key.clone(),
            peer: "a".into(),
            used: 0,
            life: Duration::from_secs(15),
            replaces: replaces.map(Timestamp::from_nanos),
        };
        let mut log = nflog::Log::default();
        assert!(!claim(None).is_over(&log));
        let hour = Duration::from_secs(3600);
        let now = Timestamp::from_nanos(7);
        let none: Arc<[u64]> = Arc::from([]);
        log.record(now, key.clone(), none.clone(), none, BTreeMap::new(), hour);
        assert!(claim(None).is_over(&log) && claim(Some(6)).is_over(&log));
        assert!(!claim(Some(7)).is_over(&log));
    }
}
