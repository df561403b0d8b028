//! What is believed of members: alive, suspect, dead and left, and who wins (reference B.10).
//!
//! Of two messages about a member the higher incarnation counts. At the same incarnation suspect
//! beats alive, and dead beats both; only the member itself raises its incarnation, by refuting.

use alloc::{format, string::ToString as _, vec::Vec};
use core::net::SocketAddr;

use super::{
    Cluster, Effect, Leaving, Peer, Timer,
    formula::confirmations_wanted,
    gossip::encoded,
    member::{MemberId, Name},
    queue::Class,
    suspicion::Suspicion,
};
use crate::{
    event::Event,
    limits::{GOSSIP_MEMBERS_MAX, METRIC_LABEL_VALUES_MAX},
    metrics::Counter,
    time::Instant,
    wire::memberlist::{Alive, Dead, Message, NodeState, PushNode, Suspect, Vsn},
};

impl Cluster {
    pub(super) fn on_alive(&mut self, now: Instant, alive: Alive) {
        if self.leaving != Leaving::No && *alive.node == *self.name {
            return;
        }
        let [least, greatest, ..] = alive.vsn;
        // Zeros also stand for fewer than six versions, which Alertmanager refuses.
        if least == 0 || least > greatest || alive.node.is_empty() {
            return;
        }
        self.count_alive(&alive.node);
        let id = match self.members.id(&alive.node) {
            Some(id) => id,
            None if alive.incarnation == 0 => return,
            None if self.members.len() >= GOSSIP_MEMBERS_MAX => {
                self.stats.limited.increase();
                let limit = GOSSIP_MEMBERS_MAX as u64;
                let event = Event::LimitReached { what: "members of the cluster".into(), limit };
                return self.log_once("members".into(), event);
            }
            None => self.members.insert(now, &mut self.rng, &alive),
        };
        let member = self.members.get(id).expect("found or made above");
        let mut replaces = false;
        if member.addr != alive.addr {
            // The address of a crashed member stays reserved until it is forgotten; only one that
            // left may come back elsewhere at once (DeadNodeReclaimTime is 0).
            if member.state != NodeState::Left {
                let (name, addr) = (member.name.clone(), member.addr);
                return self.tell_conflict(name, addr, alive.addr);
            }
            replaces = true;
        }
        let is_me = id == self.me;
        if is_me {
            let same = alive.meta == member.meta && alive.vsn == member.vsn;
            let known = member.incarnation;
            if alive.incarnation > known || (alive.incarnation == known && !same) {
                self.refute(now, alive.incarnation);
            }
        } else if replaces || alive.incarnation > member.incarnation {
            self.accept_alive(now, id, alive);
        }
    }

    /// Believes an alive message, and passes it on.
    pub(super) fn accept_alive(&mut self, now: Instant, id: MemberId, alive: Alive) {
        self.clear_suspicion(id);
        let bytes = encoded(&Message::Alive(alive.clone()));
        let member = self.members.get_mut(id).expect("the caller saw it");
        let was_live = member.is_live();
        let is_updated = was_live && member.meta != alive.meta;
        let is_new_state = member.state != NodeState::Alive;
        (member.incarnation, member.meta) = (alive.incarnation, alive.meta);
        (member.addr, member.vsn) = (alive.addr, alive.vsn);
        let peer = Peer { name: member.name.clone(), address: member.addr };
        self.news.push(peer.name.clone(), bytes.into(), Class::Own);
        if is_new_state {
            self.members.set_state(now, id, NodeState::Alive);
        }
        if !was_live {
            self.stats.joined.increase();
            self.peers.on_joined(peer.address);
            self.log(Event::PeerJoined {
                peer: peer.name.clone(),
                address: peer.address.to_string(),
            });
            self.effects.push_back(Effect::Joined(peer));
        } else if is_updated {
            self.stats.updated.increase();
            self.effects.push_back(Effect::Updated(peer));
        }
    }

    pub(super) fn on_suspect(&mut self, now: Instant, suspect: &Suspect) {
        let Some(id) = self.members.id(&suspect.node) else { return };
        let known = self.members.len();
        let member = self.members.get_mut(id).expect("it has a name");
        if suspect.incarnation < member.incarnation {
            return;
        }
        let is_newer = suspect.incarnation > member.incarnation;
        let name = member.name.clone();
        match (&mut member.suspicion, member.state) {
            (Some(suspicion), _) if !is_newer => {
                if suspicion.confirm(&suspect.from) {
                    let ends = suspicion.ends();
                    self.timers.set(Timer::Suspicion(id), ends.max(now));
                    self.tell(name, &Message::Suspect(suspect.clone()));
                }
            }
            (_, NodeState::Alive) if id == self.me => self.refute(now, suspect.incarnation),
            (_, NodeState::Alive | NodeState::Suspect) => {
                let interval = self.settings.probe_interval;
                let from = suspect.from.as_str().into();
                let wanted = match self.settings.lifeguard {
                    true => confirmations_wanted(known),
                    false => 0,
                };
                let suspicion = Suspicion::new(now, from, known, wanted, interval);
                self.timers.set(Timer::Suspicion(id), suspicion.ends());
                member.suspicion = Some(suspicion);
                member.incarnation = suspect.incarnation;
                self.stats.suspected.increase();
                self.members.set_state(now, id, NodeState::Suspect);
                self.tell(name, &Message::Suspect(suspect.clone()));
            }
            (_, NodeState::Dead | NodeState::Left) => {}
        }
    }

    /// The suspected member has not spoken up in time: it is dead.
    pub(super) fn end_suspicion(&mut self, now: Instant, id: MemberId) {
        let Some(member) = self.members.get(id) else { return };
        if member.state != NodeState::Suspect {
            return;
        }
        let dead = Dead {
            incarnation: member.incarnation,
            node: member.name.to_string(),
            from: self.name.to_string(),
        };
        self.on_dead(now, &dead);
    }

    pub(super) fn on_dead(&mut self, now: Instant, dead: &Dead) {
        let Some(id) = self.members.id(&dead.node) else { return };
        let member = self.members.get(id).expect("it has a name");
        if dead.incarnation < member.incarnation {
            return;
        }
        let (is_live, name, address) = (member.is_live(), member.name.clone(), member.addr);
        self.clear_suspicion(id);
        if !is_live {
            return;
        }
        if id == self.me && self.leaving == Leaving::No {
            return self.refute(now, dead.incarnation);
        }
        self.tell(name.clone(), &Message::Dead(dead.clone()));
        self.members.get_mut(id).expect("seen above").incarnation = dead.incarnation;
        let state = if dead.from == dead.node { NodeState::Left } else { NodeState::Dead };
        self.members.set_state(now, id, state);
        self.stats.left.increase();
        if id != self.me {
            self.bulk.forget(id);
            self.peers.on_left(now, address);
        }
        self.log(Event::PeerLeft { peer: name.clone(), address: address.to_string() });
        self.effects.push_back(Effect::Left(Peer { name, address }));
    }

    /// Says that this node leaves.
    pub(super) fn announce_leave(&mut self, now: Instant) {
        let name = self.name.to_string();
        let dead = Dead { incarnation: self.incarnation, node: name.clone(), from: name };
        self.on_dead(now, &dead);
    }

    /// Contradicts what was said of this node, above the incarnation it was said of.
    ///
    /// At the greatest incarnation nothing can be contradicted any more; upstream would wrap.
    fn refute(&mut self, _now: Instant, accused: u32) {
        self.incarnation = self.incarnation.max(accused).saturating_add(1);
        self.health.apply(1);
        let member = self.members.get_mut(self.me).expect("this node is never forgotten");
        member.incarnation = self.incarnation;
        let alive = Alive {
            incarnation: self.incarnation,
            node: member.name.to_string(),
            addr: member.addr,
            meta: member.meta.clone(),
            vsn: member.vsn,
        };
        self.tell(self.name.clone(), &Message::Alive(alive));
    }

    /// Takes the members of a full exchange; returns why they are refused.
    ///
    /// Death by hearsay is only a suspicion, so that the member can refute it.
    pub(super) fn merge_nodes(
        &mut self,
        now: Instant,
        nodes: Vec<PushNode>,
    ) -> Result<(), &'static str> {
        self.verify_versions(&nodes)?;
        for node in nodes {
            let PushNode { name, addr, meta, incarnation, state, vsn } = node;
            match state {
                NodeState::Alive => {
                    self.on_alive(now, Alive { incarnation, node: name, addr, meta, vsn });
                }
                NodeState::Left => {
                    self.on_dead(now, &Dead { incarnation, from: name.clone(), node: name });
                }
                NodeState::Dead | NodeState::Suspect => {
                    let from = self.name.to_string();
                    self.on_suspect(now, &Suspect { incarnation, node: name, from });
                }
            }
        }
        Ok(())
    }

    /// Checks that every member, theirs and ours and the dead among them, speaks versions that all
    /// those alive understand (reference B.7).
    fn verify_versions(&self, nodes: &[PushNode]) -> Result<(), &'static str> {
        let theirs = nodes.iter().map(|node| (node.state, &node.vsn));
        let ours = self.members.iter().map(|(_, member)| (member.state, &member.vsn));
        let all = || theirs.clone().chain(ours.clone());
        // Least and greatest of the protocol, then of the delegate, then the current ones.
        let (mut protocol, mut delegate) = ((0, u8::MAX), (0, u8::MAX));
        for (_, vsn) in all().filter(|(state, vsn)| *state == NodeState::Alive && vsn[1] > 0) {
            protocol = (protocol.0.max(vsn[0]), protocol.1.min(vsn[1]));
            delegate = (delegate.0.max(vsn[3]), delegate.1.min(vsn[4]));
        }
        let fits = |vsn: &Vsn| {
            (protocol.0..=protocol.1).contains(&vsn[2])
                && (delegate.0..=delegate.1).contains(&vsn[5])
        };
        if all().all(|(_, vsn)| fits(vsn)) {
            Ok(())
        } else {
            Err("a member speaks versions that the others do not understand")
        }
    }

    /// Queues a message about a member, in place of the one that waits about the same.
    fn tell(&mut self, about: Name, message: &Message) {
        self.news.push(about, encoded(message).into(), Class::Own);
    }

    fn clear_suspicion(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(id)
            && member.suspicion.take().is_some()
        {
            self.timers.clear(Timer::Suspicion(id));
        }
    }

    fn count_alive(&mut self, name: &str) {
        let counters = &mut self.stats.alive_messages;
        if let Some(counter) = counters.get_mut(name) {
            counter.increase();
        } else if counters.len() < METRIC_LABEL_VALUES_MAX {
            counters.insert(name.into(), Counter(1));
        }
    }

    /// Two members under one name: neither can be told apart in what is gossiped, so the known one
    /// stays and the other is not believed. This also holds for one's own name.
    fn tell_conflict(&mut self, peer: Name, known: SocketAddr, other: SocketAddr) {
        self.stats.name_conflicts.increase();
        let topic = format!("conflict {peer} {other}");
        let (address, other) = (known.to_string(), other.to_string());
        self.log_once(topic, Event::PeerNameConflict { peer, address, other });
    }
}
