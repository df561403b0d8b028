//! Claims: "I am at it", told among campana's own peers.
//!
//! A peer whose receiver is slow or down goes on trying for a long time. The peers after it would
//! take over when their wait is over, and after an outage all of them would deliver. So who is at
//! it says so again and again; who hears a fresh claim of a peer before it in line keeps waiting.
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
    id::DeliveryId,
    limits::{CLAIM_LIFE_MAX, CLAIMS_MAX},
    nflog,
    time::{Deadline, Instant, Now, Reason},
    timer::Timers,
};

/// One peer's word that it is at one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    key: nflog::Key,
    /// Who says so.
    peer: String,
    /// How long the word counts after it was heard. A span and no time: clocks may differ.
    life: Duration,
}

impl Claim {
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

/// The claims heard, and the own ones to repeat.
#[derive(Debug, Default)]
pub(super) struct Claims {
    heard: BTreeMap<nflog::Key, (Arc<str>, Instant)>,
    own: Timers<DeliveryId>,
}

impl Claims {
    /// Notes a claim that was heard. Beyond the bound new ones are not noted, which costs at most a
    /// notification sent twice.
    pub(super) fn hear(&mut self, now: Instant, claim: Claim) {
        if self.heard.len() >= CLAIMS_MAX {
            self.heard.retain(|_, (_, until)| *until > now);
        }
        if self.heard.len() < CLAIMS_MAX || self.heard.contains_key(&claim.key) {
            let until = now + claim.life.min(CLAIM_LIFE_MAX);
            self.heard.insert(claim.key, (claim.peer.into(), until));
        }
    }

    /// Forgets the claim to a delivery that the log says was made.
    pub(super) fn remove(&mut self, key: &nflog::Key) {
        self.heard.remove(key);
    }

    /// Returns who is at a delivery, and until when that counts.
    pub(super) fn fresh(&self, now: Instant, key: &nflog::Key) -> Option<(&Arc<str>, Instant)> {
        let (peer, until) = self.heard.get(key)?;
        (*until > now).then_some((peer, *until))
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.own.next_at().map(|at| Deadline { at, reason: Reason::Cluster })
    }
}

impl Node {
    /// Begins to claim a delivery whose first attempt begins now. What is delivered before a third
    /// of the peers' wait has passed is never claimed.
    pub(super) fn watch(&mut self, now: Now, id: DeliveryId) {
        let has_peers = self.cluster.as_ref().is_some_and(|cluster| cluster.member_count() > 1);
        if has_peers {
            self.claims.own.set(id, now.instant + self.claim_every());
        }
    }

    /// Repeats the claims that are due.
    pub(super) fn repeat_claims(&mut self, now: Now) {
        while let Some((_, id)) = self.claims.own.pop_due(now.instant) {
            let Some(plan) = self.deliveries.plan(id) else { continue };
            let Some(cluster) = &self.cluster else { continue };
            let claim = Claim {
                key: plan.log_key.clone(),
                peer: cluster.name().to_string(),
                life: self.options.cluster.peer_timeout,
            };
            let bytes = postcard::to_allocvec(&claim).expect("plain data encodes");
            let name = claim.key.to_string();
            self.claims.own.set(id, now.instant + self.claim_every());
            self.with_cluster(now, |cluster, at| {
                cluster.broadcast(at, CLAIMS, name.as_bytes(), bytes);
            });
        }
    }

    /// Returns until when a delivery is to be left to a peer before this one in line.
    pub(super) fn claimed_until(&self, now: Now, key: &nflog::Key) -> Option<Instant> {
        let cluster = self.cluster.as_ref()?;
        let (peer, until) = self.claims.fresh(now.instant, key)?;
        let is_before = **peer < **cluster.name();
        let is_there = cluster.members().any(|member| member.name == *peer);
        (is_before && is_there).then_some(until)
    }

    fn claim_every(&self) -> Duration {
        self.options.cluster.peer_timeout / 3
    }
}
