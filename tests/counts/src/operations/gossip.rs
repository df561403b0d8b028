//! What gossip costs: time that passes in a cluster, and packets.

use std::{
    collections::VecDeque,
    hint::black_box,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use campana_core::{
    cluster::{Cluster, Effect, Settings, StreamCommand, StreamEvent},
    rng::{Rng, Seed, Stream},
    time::{Instant, Now},
    wire::memberlist::{Alive, Message, VSN, decode_packet, encode_message, packets},
};

use crate::load::START;

/// Members of the cluster.
const MEMBERS: u16 = 5;

fn address(n: u16) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, 1), 9000 + n).into()
}

fn alive(n: u16) -> Message {
    Message::Alive(Alive {
        incarnation: 1,
        node: format!("01HF0000000000000000{n:06}"),
        addr: address(n),
        meta: Vec::new(),
        vsn: VSN,
    })
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}

/// Members whose packets arrive at once; streams fail.
struct Net {
    members: Vec<Cluster>,
    now: Instant,
}

impl Net {
    fn new() -> Self {
        let now = Instant::from_nanos(0);
        let members = (0..MEMBERS).map(|n| {
            let Message::Alive(own) = alive(n) else { unreachable!("made as such") };
            let rng = Rng::new(Seed::from_number(u64::from(n)), Stream::Cluster);
            Cluster::new(
                Now { instant: now, wall: START },
                Settings::new(own.node, address(n)),
                rng,
            )
        });
        let mut net = Self { members: members.collect(), now };
        let all: Vec<Vec<u8>> = (0..MEMBERS).map(|n| encoded(&alive(n))).collect();
        for packet in packets(b"", &all, false) {
            for member in &mut net.members {
                member.on_datagram(now, address(0), &packet);
            }
        }
        net.deliver();
        net
    }

    fn deliver(&mut self) {
        let mut under_way = VecDeque::new();
        loop {
            for (from, member) in (0..).zip(&mut self.members) {
                while let Some(effect) = member.poll() {
                    match effect {
                        Effect::Datagram { to, bytes } => under_way.push_back((from, to, bytes)),
                        Effect::Stream(id, StreamCommand::Open { .. }) => {
                            let failed = StreamEvent::Failed("refused".into());
                            member.on_stream(self.now, id, failed);
                        }
                        _ => {}
                    }
                }
            }
            let Some((from, to, bytes)) = under_way.pop_front() else { break };
            let to = usize::from(to.port() - address(0).port());
            self.members[to].on_datagram(self.now, address(from), &bytes);
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let deadlines = self.members.iter().filter_map(|member| member.deadline());
            let Some(next) = deadlines.map(|deadline| deadline.at).min() else { break };
            self.now = next.min(end);
            if next > end {
                break;
            }
            for member in &mut self.members {
                member.on_timeout(self.now);
            }
            self.deliver();
        }
    }
}

/// Ten seconds of five members that are all well: probes, their answers, gossip ticks.
pub(super) fn swim() -> Box<dyn FnMut()> {
    let mut net = Net::new();
    net.run(Duration::from_secs(20));
    assert!(net.members.iter().all(|member| member.member_count() == usize::from(MEMBERS)));
    Box::new(move || net.run(Duration::from_secs(10)))
}

/// What a gossip tick sends: news of a member, and records.
fn messages() -> Vec<Message> {
    let record = |n: u8| Message::User((0..150u8).map(|i| i.wrapping_mul(n) ^ n).collect());
    (1..7).map(record).chain([alive(1)]).collect()
}

/// Messages to packets, packing and checksum included.
pub(super) fn encode() -> Box<dyn FnMut()> {
    let messages = messages();
    Box::new(move || {
        for _ in 0..100 {
            let parts: Vec<Vec<u8>> = messages.iter().map(encoded).collect();
            packets(b"", black_box(&parts), true).for_each(|packet| drop(black_box(packet)));
        }
    })
}

/// Packets to messages.
pub(super) fn decode() -> Box<dyn FnMut()> {
    let parts: Vec<Vec<u8>> = messages().iter().map(encoded).collect();
    let all: Vec<Vec<u8>> = packets(b"", &parts, true).collect();
    assert_eq!(all.len(), 1);
    let mut out = Vec::new();
    Box::new(move || {
        for _ in 0..100 {
            out.clear();
            decode_packet(b"", black_box(&all[0]), &mut out).expect("as it was written");
            assert_eq!(black_box(&out).len(), 7);
        }
    })
}
