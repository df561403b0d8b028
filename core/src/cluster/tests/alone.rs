//! One node and what is handed to it.

use alloc::{format, string::String, vec, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use proptest::prelude::*;

use super::super::{Cluster, Effect, Settings, Source, StreamCommand, StreamEvent};
use super::net::{KEY, ms};
use crate::{
    id::StreamId,
    rng::{Rng, Seed, Stream},
    time::{Instant, Now, Timestamp},
    wire::memberlist::{
        Alive, Dead, Message, NodeState, Ping, PushNode, PushPull, StreamMessage, Suspect, VSN,
        decode_packet, encode_stream, packets,
    },
};

fn lone(name: &str) -> Cluster {
    let now =
        Now { instant: Instant::from_nanos(0), wall: Timestamp::from_parts(1_795_000_000, 0) };
    let settings = Settings::new(name, SocketAddr::from(([10, 0, 0, 1], 9094)));
    Cluster::new(now, settings, Rng::new(Seed::from_number(1), Stream::Cluster))
}

fn effects(cluster: &mut Cluster) -> Vec<Effect> {
    core::iter::from_fn(|| cluster.poll()).collect()
}

const FROM: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 7);
const NOW: Instant = Instant::from_nanos(5);

#[test]
fn fresh_names_are_ulids() {
    let name = String::from(&**lone("").name());
    assert_eq!(name.len(), 26);
    // 1,795,000,000,000 ms in Crockford's base 32.
    assert!(name.starts_with("01M7Q5CQG0"), "{name}");
}

#[test]
fn streams_are_answered_in_upstreams_form() {
    let mut cluster = lone("a");
    effects(&mut cluster);
    let id = StreamId::accepted(1);
    let ping = Ping { seq_no: 42, node: "a".into(), source: None, source_node: String::new() };
    let bytes = encode_stream(&[], &StreamMessage::Ping(ping));
    cluster.on_stream(NOW, id, StreamEvent::Accepted { from: FROM });
    let (first, rest) = bytes.split_at(3);
    cluster.on_stream(NOW, id, StreamEvent::Data(first.to_vec()));
    assert_eq!(effects(&mut cluster), []);
    cluster.on_stream(NOW, id, StreamEvent::Data(rest.to_vec()));
    let out = effects(&mut cluster);
    assert!(
        matches!(&out[..], [
            Effect::Stream(a, StreamCommand::Write(_)),
            Effect::Stream(b, StreamCommand::Close)
        ] if *a == id && *b == id),
        "{out:?}"
    );
    // Too much of anything is closed; unknown ids are ignored.
    cluster.on_stream(NOW, id, StreamEvent::Data(bytes));
    assert_eq!(effects(&mut cluster), []);
}

#[test]
fn pings_for_others_are_not_answered() {
    let mut cluster = lone("a");
    effects(&mut cluster);
    for (node, answers) in [("b", 0), ("a", 1), ("", 1)] {
        let ping = Message::Ping(Ping {
            seq_no: 1,
            node: node.into(),
            source: None,
            source_node: String::new(),
        });
        for packet in packets(b"", &[super::super::gossip::encoded(&ping)], false) {
            cluster.on_datagram(NOW, FROM, &packet);
        }
        let sent = effects(&mut cluster);
        let sent = sent.iter().filter(|e| matches!(e, Effect::Datagram { .. })).count();
        assert_eq!(sent, answers, "{node}");
    }
}

#[test]
fn only_merged_records_are_relayed_and_streams_are_not() {
    let mut cluster = lone("a");
    let alive = Message::Alive(Alive {
        incarnation: 1,
        node: "b".into(),
        addr: FROM,
        meta: vec![],
        vsn: VSN,
    });
    for packet in packets(b"", &[super::super::gossip::encoded(&alive)], true) {
        cluster.on_datagram(NOW, FROM, &packet);
    }
    cluster.relay(NOW, KEY, b"1", vec![0; 100], Source::Stream);
    assert_eq!(cluster.queued(), 0);
    cluster.relay(NOW, KEY, b"1", vec![0; 100], Source::Packet);
    cluster.relay(NOW, KEY, b"2", vec![0; 2000], Source::Packet);
    assert_eq!(cluster.queued(), 1);
    cluster.broadcast(NOW, KEY, b"1", vec![0; 100]);
    assert_eq!(cluster.queued(), 1);
}

/// Returns to whom packets with records went.
fn told(cluster: &mut Cluster) -> Vec<u16> {
    let sent = effects(cluster).into_iter().filter_map(|effect| {
        let Effect::Datagram { to, bytes } = effect else { return None };
        let mut messages = vec![];
        decode_packet(b"", &bytes, &mut messages).expect("our own");
        messages.iter().any(|m| matches!(m, Message::User(_))).then_some(to.port())
    });
    sent.collect()
}

/// What rode along with answers to one member must not be missing for the others.
#[test]
fn a_record_goes_to_everybody_however_often_it_rode_along() {
    let mut cluster = lone("a");
    hand(&mut cluster, NOW, &alive("b", 1, VSN));
    hand(&mut cluster, NOW, &alive("c", 2, VSN));
    effects(&mut cluster);
    cluster.broadcast(NOW, KEY, b"1", vec![0; 100]);
    for _ in 0..5 {
        let source = Some(SocketAddr::from(([10, 0, 0, 2], 1)));
        let ping = Ping { seq_no: 1, node: "a".into(), source, source_node: "b".into() };
        hand(&mut cluster, NOW, &Message::Ping(ping));
    }
    assert_eq!(told(&mut cluster), [1; 5]);
    let tick = cluster.timers.get(super::super::Timer::Gossip).expect("it ticks");
    cluster.on_timeout(tick);
    let mut told = told(&mut cluster);
    told.sort_unstable();
    assert_eq!(told, [1, 2]);
}

/// Who died is told for a while, so that it can refute; that takes nothing from the others.
#[test]
fn the_dead_leave_no_living_member_untold() {
    for seed in 0..20u32 {
        let mut cluster = lone("a");
        for port in 1..6 {
            hand(&mut cluster, NOW, &alive(&format!("m{port}"), port, VSN));
        }
        for port in 2..6 {
            let (node, from) = (format!("m{port}"), format!("m{}", seed % 2 + 7));
            hand(&mut cluster, NOW, &Message::Dead(Dead { incarnation: 1, node, from }));
        }
        effects(&mut cluster);
        cluster.broadcast(NOW, KEY, &seed.to_le_bytes(), vec![0; 100]);
        for _ in 0..seed {
            // Other draws of chance.
            cluster.rng.next_u64();
        }
        let tick = cluster.timers.get(super::super::Timer::Gossip).expect("it ticks");
        cluster.on_timeout(tick);
        assert!(told(&mut cluster).contains(&1), "seed {seed}");
    }
}

fn alive(name: &str, port: u16, vsn: [u8; 6]) -> Message {
    let addr = SocketAddr::from(([10, 0, 0, 2], port));
    Message::Alive(Alive { incarnation: 1, node: name.into(), addr, meta: vec![], vsn })
}

fn hand(cluster: &mut Cluster, now: Instant, message: &Message) {
    for packet in packets(b"", &[super::super::gossip::encoded(message)], true) {
        cluster.on_datagram(now, FROM, &packet);
    }
}

#[test]
fn strangers_that_come_and_go_leave_little_behind() {
    let mut cluster = lone("a");
    let mut now = NOW;
    for i in 0..3000u16 {
        let name = format!("x{i}");
        hand(&mut cluster, now, &alive(&name, i, VSN));
        hand(
            &mut cluster,
            now,
            &Message::Dead(Dead { incarnation: 1, node: name.clone(), from: name }),
        );
        now = now + ms(100);
        cluster.on_timeout(now);
        effects(&mut cluster);
    }
    assert_eq!(cluster.failed_peers(), crate::limits::GOSSIP_FAILED_PEERS_MAX);
    assert!(cluster.members.len() < 700, "{}", cluster.members.len());
    assert!(cluster.told.len() <= crate::limits::GOSSIP_NAMES_TOLD_MAX);
    assert_eq!(cluster.member_count(), 1);
}

/// News of members go first, and thousands of strangers are news for minutes.
#[test]
fn strangers_do_not_keep_records_back() {
    let mut cluster = lone("a");
    hand(&mut cluster, NOW, &alive("b", 1, VSN));
    for i in 2..2000u16 {
        let name = format!("x{i}");
        hand(&mut cluster, NOW, &alive(&name, i, VSN));
        let gone = Dead { incarnation: 1, node: name.clone(), from: name };
        hand(&mut cluster, NOW, &Message::Dead(gone));
    }
    effects(&mut cluster);
    cluster.broadcast(NOW, KEY, b"1", vec![0; 100]);
    let is_sent = |cluster: &mut Cluster| {
        let sent = effects(cluster);
        sent.iter().any(|effect| {
            matches!(effect, Effect::Stream(_, StreamCommand::Open { to })
            if to.port() == 1)
        })
    };
    let mut ticks = 0;
    while !is_sent(&mut cluster) {
        assert!(ticks < 10, "the record still waits");
        let tick = cluster.timers.get(super::super::Timer::Gossip).expect("it ticks");
        cluster.gossip(tick);
        cluster.timers.set(super::super::Timer::Gossip, tick + ms(200));
        ticks += 1;
    }
}

#[test]
fn refused_records_are_counted_and_told_once() {
    let mut cluster = lone("a");
    effects(&mut cluster);
    for _ in 0..5 {
        cluster.refuse_records("no time".into());
    }
    assert_eq!(cluster.stats().refused.0, 5);
    assert!(matches!(effects(&mut cluster)[..], [Effect::Log(_)]));
}

#[test]
fn bad_versions_are_not_believed() {
    let mut cluster = lone("a");
    for vsn in [[0; 6], [0, 5, 2, 0, 0, 0], [6, 5, 2, 0, 0, 0], [1, 0, 2, 0, 0, 0]] {
        hand(&mut cluster, NOW, &alive("b", 1, vsn));
    }
    assert_eq!(cluster.member_count(), 1);
    // One member with strange versions spoils a full exchange, after our side was given.
    effects(&mut cluster);
    let node = |name: &str, vsn| PushNode {
        name: name.into(),
        addr: SocketAddr::from(([10, 0, 0, 2], 1)),
        meta: vec![],
        incarnation: 1,
        state: NodeState::Alive,
        vsn,
    };
    for (i, vsn, members) in [(1, [1, 5, 6, 0, 0, 0], 1), (2, [0; 6], 1), (3, VSN, 2)] {
        let nodes = vec![node("b", vsn)];
        let theirs = PushPull { join: true, nodes, user_state: vec![] };
        let id = StreamId::accepted(i);
        cluster.on_stream(NOW, id, StreamEvent::Accepted { from: FROM });
        let bytes = encode_stream(&[], &StreamMessage::PushPull(theirs));
        cluster.on_stream(NOW, id, StreamEvent::Data(bytes));
        assert_eq!(effects(&mut cluster), [Effect::WantState(id)]);
        cluster.provide_state(NOW, id, &[]);
        let out = effects(&mut cluster);
        assert!(matches!(out[0], Effect::Stream(_, StreamCommand::Write(_))), "{out:?}");
        assert_eq!(cluster.member_count(), members);
    }
}

#[test]
fn an_answer_at_the_deadline_counts() {
    for answers in [true, false] {
        let mut cluster = lone("a");
        hand(&mut cluster, NOW, &alive("b", 1, VSN));
        let mut seq = 0;
        while cluster.probe.is_none() {
            cluster.on_timeout(cluster.deadline().expect("a probe comes").at);
            seq = 1;
        }
        let ends = cluster.timers.get(super::super::Timer::ProbeEnd).expect("it runs");
        if answers {
            let ack = crate::wire::memberlist::Ack { seq_no: seq, payload: vec![] };
            hand(&mut cluster, ends, &Message::Ack(ack));
        }
        cluster.on_timeout(ends);
        let id = cluster.members.id("b").expect("a member");
        let state = cluster.members.get(id).expect("a member").state;
        assert_eq!(state == NodeState::Alive, answers);
    }
}

fn messages() -> impl Strategy<Value = Message> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c"), Just("")];
    let names = (name.clone(), name, any::<u32>(), 0u8..7, any::<[u8; 6]>(), any::<bool>());
    names.prop_map(|(node, from, number, kind, mut vsn, is_sane)| {
        let (node, from) = (String::from(node), String::from(from));
        if is_sane {
            vsn = VSN;
        }
        let addr = SocketAddr::from(([10, 0, 0, (number % 4) as u8], 9094));
        let incarnation = if number % 3 == 0 { number } else { number % 5 };
        match kind {
            0 => Message::Alive(Alive { incarnation, node, addr, meta: vec![], vsn }),
            1 => Message::Suspect(Suspect { incarnation, node, from }),
            2 => Message::Dead(Dead { incarnation, node, from }),
            3 => {
                Message::Ping(Ping { seq_no: number, node, source: Some(addr), source_node: from })
            }
            4 => Message::Ack(crate::wire::memberlist::Ack { seq_no: number % 9, payload: vec![] }),
            5 => Message::Nack(crate::wire::memberlist::Nack { seq_no: number % 9 }),
            _ => Message::User(vec![number as u8; (number % 50) as usize]),
        }
    })
}

proptest! {
    #[test]
    fn nothing_that_arrives_panics(
        inputs in proptest::collection::vec(
            prop_oneof![
                3 => messages().prop_map(Ok),
                1 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Err),
            ],
            0..60,
        ),
        steps in proptest::collection::vec(0u64..2_000, 60),
    ) {
        let mut cluster = lone("a");
        cluster.join(NOW);
        let mut now = NOW;
        for (i, (input, step)) in inputs.into_iter().zip(steps).enumerate() {
            now = now + Duration::from_millis(step);
            let id = StreamId::accepted(i as u64 % 3);
            match input {
                Ok(message) => {
                    for packet in packets(b"", &[super::super::gossip::encoded(&message)], true) {
                        cluster.on_datagram(now, FROM, &packet);
                    }
                }
                Err(bytes) => {
                    cluster.on_datagram(now, FROM, &bytes);
                    cluster.on_stream(now, id, StreamEvent::Accepted { from: FROM });
                    cluster.on_stream(now, id, StreamEvent::Data(bytes));
                }
            }
            cluster.broadcast(now, KEY, &[i as u8], vec![i as u8; i * 40]);
            cluster.on_timeout(now);
            for effect in effects(&mut cluster) {
                if let Effect::Stream(id, StreamCommand::Open { .. }) = effect {
                    cluster.on_stream(now, id, StreamEvent::Connected);
                }
                if let Effect::WantState(id) = effect {
                    cluster.provide_state(now, id, &[(KEY, vec![1, 2, 3])]);
                }
                if let Effect::Datagram { bytes, .. } = effect {
                    prop_assert!(bytes.len() <= 1405);
                    prop_assert_eq!(decode_packet(b"", &bytes, &mut vec![]), Ok(()));
                }
            }
            prop_assert!(cluster.position() <= cluster.member_count());
            prop_assert!(cluster.health_score() < 8);
            prop_assert!(cluster.deadline().is_none_or(|d| d.at > now));
        }
    }
}
