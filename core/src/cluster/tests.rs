//! Clusters on a virtual network: what each node believes, and when.

mod alone;
mod net;

use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::net::SocketAddr;

use self::net::{KEY, Net, ms, s};
use super::{Settings, Status, exchange::Why};
use crate::{
    event::Event,
    limits::GOSSIP_DIALS_MAX,
    time::Instant,
    wire::memberlist::{Dead, Message, Suspect},
};

#[test]
fn three_nodes_find_each_other_and_settle() {
    let mut net = Net::new(3, 1);
    net.run(ms(500));
    for node in &net.nodes {
        assert_eq!(node.cluster.member_count(), 3);
        assert_eq!(node.cluster.status(), Status::Settling);
        assert_eq!(node.cluster.failed_peers(), 0);
        assert_eq!(node.cluster.stats().joined.0, 3);
    }
    let places: Vec<usize> = net.nodes.iter().map(|node| node.cluster.position()).collect();
    assert_eq!(places, [0, 1, 2]);
    net.run(ms(9400));
    assert!(net.nodes.iter().all(|node| !node.cluster.is_settled()));
    net.run(ms(2300));
    assert!(net.nodes.iter().all(|node| node.cluster.is_settled()));
}

#[test]
fn a_lone_node_settles_after_ten_seconds_and_stays_quiet() {
    let mut net = Net::new(1, 1);
    net.run(ms(9999));
    assert!(!net.nodes[0].cluster.is_settled());
    net.run(ms(2));
    assert!(net.nodes[0].cluster.is_settled());
    assert_eq!(net.packets, 0);
    let steps = net.steps;
    net.run(s(100));
    assert!(net.steps - steps < 150, "only probes and refreshes: {}", net.steps - steps);
}

#[test]
fn a_crash_is_found_within_the_bounds_and_not_before() {
    for seed in 0..20 {
        let mut net = Net::new(3, seed);
        net.run(s(20));
        let crash = net.now();
        net.crash(2);
        net.run(s(12));
        for node in 0..2 {
            let found = net.nodes[node].left_at(2).expect("found").since(crash);
            // The next probe of it (two ticks and a skipped one at most), its interval, and 4 s of
            // suspicion; a stretched interval where health suffered.
            assert!(found >= s(5) && found <= s(10), "seed {seed}: {found:?}");
            assert_eq!(net.nodes[node].cluster.failed_peers(), 1);
            assert_eq!(net.nodes[node].cluster.member_count(), 2);
            assert_eq!(net.nodes[node].left.len(), 1);
        }
    }
}

#[test]
fn loss_alone_kills_nobody() {
    for (n, seed) in [(3, 1), (3, 2), (8, 3), (8, 4)] {
        let mut net = Net::new(n, seed);
        net.run(s(15));
        net.loss = 0.2;
        net.run(s(300));
        for node in &net.nodes {
            assert_eq!(node.left, [], "{n} nodes, seed {seed}");
        }
    }
}

#[test]
fn without_udp_members_stay_by_tcp() {
    let mut net = Net::new(3, 9);
    net.run(s(15));
    net.loss = 1.0;
    net.run(s(60));
    for node in &net.nodes {
        assert_eq!(node.left, []);
        let told = |e: &Event| matches!(e, Event::PeerWithoutUdp { .. });
        assert!(node.log.iter().any(told));
        assert!(node.log.iter().filter(|e| told(e)).count() <= 2, "told once a peer");
    }
}

#[test]
fn a_partition_splits_and_heals() {
    for seed in 0..5 {
        let mut net = Net::new(5, seed);
        net.run(s(15));
        net.cut(&[0, 1], &[2, 3, 4]);
        net.broadcast(0, "left", 1, 50);
        net.broadcast(2, "right", 1, 50);
        // A record's few packets may all have gone to the other side: the exchanges bring it.
        net.run(s(130));
        let counts: Vec<usize> = net.nodes.iter().map(|n| n.cluster.member_count()).collect();
        assert_eq!(counts, [2, 2, 3, 3, 3], "seed {seed}");
        assert_eq!(net.nodes[2].cluster.position(), 0, "both sides have a first sender");
        assert!(net.nodes[1].has("left", 1) && !net.nodes[1].has("right", 1));
        net.heal();
        net.run(s(12));
        for node in &net.nodes {
            assert_eq!(node.cluster.member_count(), 5);
            assert_eq!(node.cluster.failed_peers(), 0);
            assert!(node.has("left", 1) && node.has("right", 1), "seed {seed}");
            assert!(node.cluster.health_score() <= 7);
        }
    }
}

#[test]
fn who_leaves_is_gone_at_once() {
    let mut net = Net::new(4, 5);
    net.run(s(15));
    let now = net.now();
    net.nodes[3].cluster.leave(now, s(10));
    net.drain(3);
    net.run(s(2));
    assert_eq!(net.nodes[3].departed, Some(true));
    for node in 0..3 {
        let left = net.nodes[node].left_at(3).expect("it said so").since(now);
        assert!(left < s(1), "{left:?}");
        assert_eq!(net.nodes[node].cluster.failed_peers(), 1, "as upstream, it is still tried");
    }
    assert_eq!(net.nodes[3].cluster.position(), 3, "not among the members");
}

#[test]
fn who_leaves_still_gives_its_last_records() {
    let mut net = Net::new(3, 22);
    net.run(s(15));
    net.broadcast(0, "small", 1, 100);
    net.broadcast(0, "large", 1, 100_000);
    let now = net.now();
    net.nodes[0].cluster.leave(now, s(10));
    net.drain(0);
    while net.nodes[0].departed.is_none() {
        net.run(ms(10));
    }
    net.crash(0);
    assert_eq!(net.nodes[0].departed, Some(true));
    net.run(ms(300));
    assert!((1..3).all(|node| net.nodes[node].has("small", 1) && net.nodes[node].has("large", 1)));
}

#[test]
fn the_last_two_leave_without_waiting() {
    let mut net = Net::new(2, 5);
    net.run(s(15));
    let now = net.now();
    for node in 0..2 {
        net.nodes[node].cluster.leave(now, s(10));
        net.drain(node);
    }
    net.run(s(3));
    assert_eq!([0, 1].map(|node| net.nodes[node].departed), [Some(true), Some(true)]);
    let mut lone = Net::new(1, 5);
    lone.run(s(1));
    let now = lone.now();
    lone.nodes[0].cluster.leave(now, s(10));
    lone.drain(0);
    assert_eq!(lone.nodes[0].departed, Some(true));
}

#[test]
fn leaving_into_silence_ends_in_time() {
    let mut net = Net::new(2, 5);
    net.run(s(15));
    net.crash(1);
    net.loss = 1.0;
    let now = net.now();
    // Nothing was gossiped for long, so the message needs its four transmissions: they go out
    // whether anybody hears them or not.
    net.nodes[0].cluster.leave(now, ms(300));
    net.drain(0);
    net.run(s(1));
    assert_eq!(net.nodes[0].departed, Some(false));
}

#[test]
fn an_accused_member_refutes() {
    let mut net = Net::new(3, 7);
    net.run(s(15));
    for (accused, message) in [
        (1, Message::Suspect(Suspect { incarnation: 1, node: "n01".into(), from: "x".into() })),
        (2, Message::Dead(Dead { incarnation: 9, node: "n02".into(), from: "x".into() })),
    ] {
        net.inject(0, &message);
        net.run(s(3));
        let addr = net.nodes[accused].addr;
        assert!(net.nodes[0].cluster.members().any(|peer| peer.address == addr));
        assert_eq!(net.nodes[0].cluster.member_count(), 3);
    }
    assert!(net.nodes[0].incarnation_of(2) >= 10);
    assert!(net.nodes[0].incarnation_of(1) >= 2);
    let is_accused = |(name, _): &(String, Instant)| name == "n01";
    assert!(!net.nodes.iter().any(|n| n.left.iter().any(is_accused)), "it spoke up in time");
}

#[test]
fn a_restarted_member_overrides_its_past() {
    let mut net = Net::new(3, 7);
    net.run(s(15));
    net.inject(
        0,
        &Message::Suspect(Suspect { incarnation: 6, node: "n01".into(), from: "x".into() }),
    );
    net.run(s(2));
    net.restart(1);
    net.run(s(3));
    for node in &net.nodes {
        assert_eq!(node.cluster.member_count(), 3);
        assert!(node.incarnation_of(1) > 6);
    }
}

#[test]
fn records_reach_everybody_by_packet_stream_and_exchange() {
    let mut net = Net::new(5, 11);
    net.run(s(15));
    net.broadcast(0, "small", 1, 100);
    net.broadcast(1, "large", 1, 5000);
    net.run(ms(700));
    for node in &net.nodes {
        assert!(node.has("small", 1) && node.has("large", 1));
    }
    // Nobody hears this one but by the full exchanges.
    net.loss = 1.0;
    net.broadcast(2, "late", 1, 100);
    net.run(s(240));
    assert!(net.nodes.iter().all(|node| node.has("late", 1)));
    let sent: u64 = net.nodes.iter().map(|n| n.cluster.stats().full_states_sent.messages.0).sum();
    assert!(sent > 20, "{sent}");
}

#[test]
fn a_storm_does_not_delay_what_comes_after() {
    let mut net = Net::new(3, 12);
    net.run(s(15));
    for i in 0..5000 {
        net.broadcast(0, &format!("group-{i}"), 1, 120);
    }
    net.broadcast(0, "silence", 1, 200);
    let (packets, streams) = (net.packets, net.streams);
    net.run(ms(400));
    for node in &net.nodes {
        assert!(node.has("silence", 1));
        assert_eq!(node.records.len(), 5001);
    }
    assert!(net.packets - packets < 30, "{} packets", net.packets - packets);
    assert!(net.streams - streams <= 4, "{} streams", net.streams - streams);
    assert_eq!(net.nodes[0].cluster.queued(), 0);
}

#[test]
fn several_records_share_a_packet() {
    let mut net = Net::new(2, 13);
    net.run(s(15));
    let packets = net.packets;
    for i in 0..15 {
        net.broadcast(0, &format!("r{i}"), 1, 100);
    }
    net.run(ms(450));
    assert_eq!(net.nodes[1].records.len(), 15);
    assert!(net.packets - packets <= 6, "{}", net.packets - packets);
}

#[test]
fn streams_that_fail_are_repeated() {
    let mut net = Net::new(3, 14);
    net.run(s(15));
    net.broken_streams = true;
    net.broadcast(0, "large", 1, 5000);
    net.broadcast(0, "large", 2, 5000);
    net.run(s(3));
    assert!(!net.nodes[1].has("large", 2));
    net.broken_streams = false;
    net.run(s(2));
    assert!(net.nodes.iter().all(|node| node.has("large", 2)));
    let stats = net.nodes[0].cluster.stats();
    assert!(stats.oversized[KEY].failed.0 >= 2, "{:?}", stats.oversized);
    assert_eq!(net.nodes[0].cluster.queued(), 0);
}

#[test]
fn a_name_used_twice_is_told_and_changes_nothing() {
    let mut net = Net::new(2, 15);
    net.run(s(15));
    let twin = net.add("n00", vec![net.nodes[1].addr]);
    net.run(s(20));
    assert!(net.nodes[1].cluster.stats().name_conflicts.0 > 0);
    let told = |e: &&Event| matches!(e, Event::PeerNameConflict { .. });
    assert_eq!(net.nodes[1].log.iter().filter(told).count(), 1);
    assert_eq!(net.nodes[1].cluster.member_count(), 2);
    assert!(net.nodes[twin].log.iter().any(|e| told(&e)), "the other one hears of it as well");
}

#[test]
fn another_label_is_another_cluster() {
    let mut net = Net::new(2, 16);
    let other = net.nodes[0].addr;
    net.label = "prod".into();
    let labelled = net.add("x", vec![other]);
    let friend = net.add("y", vec![net.nodes[labelled].addr]);
    net.run(s(15));
    assert_eq!(net.nodes[0].cluster.member_count(), 2);
    assert_eq!(net.nodes[labelled].cluster.member_count(), 2);
    assert_eq!(net.nodes[friend].cluster.member_count(), 2);
    assert_eq!(net.nodes[labelled].cluster.failed_peers(), 1);
    assert!(net.nodes[0].cluster.stats().refused.0 > 0);
}

#[test]
fn with_tls_packets_travel_on_streams() {
    let mut net = Net::with_tls(3, 21);
    net.run(s(22));
    assert!(net.nodes.iter().all(|n| n.cluster.member_count() == 3 && n.cluster.is_settled()));
    net.broadcast(0, "small", 1, 100);
    net.broadcast(1, "large", 1, 50_000);
    net.run(s(1));
    assert!(net.nodes.iter().all(|node| node.has("small", 1) && node.has("large", 1)));
    let streams = net.streams;
    net.run(s(30));
    assert!(net.streams - streams < 10, "packets keep their connections");
    net.crash(2);
    net.run(s(12));
    assert!((0..2).all(|node| net.nodes[node].cluster.member_count() == 2));
    net.restart(2);
    net.run(s(12));
    assert!(net.nodes.iter().all(|n| n.cluster.member_count() == 3 && n.has("large", 1)));
    assert_eq!(net.packets, 0);
    let secured = net.nodes[0].cluster.stats().secured.expect("it is counted");
    assert!(secured.packet_bytes_sent.0 > 1_000 && secured.packet_bytes_received.0 > 1_000);
    assert!(secured.streams_sent.0 > 0 && secured.streams_received.0 > 0, "{secured:?}");
}

#[test]
fn peers_are_found_by_name() {
    let mut net = Net::new(1, 17);
    let addr = net.nodes[0].addr;
    let mut settings = Settings::new("b", SocketAddr::from(([10, 0, 0, 200], 9094)));
    settings.peers = vec![format!("headless:{}", addr.port()), "nowhere:1".into()];
    let node = net.start(settings);
    net.run(ms(100));
    assert_eq!(net.resolving.len(), 2);
    net.resolve("headless", Ok(vec![]));
    net.resolve("nowhere", Err("no such host".into()));
    net.run(s(3));
    assert_eq!(net.nodes[node].cluster.member_count(), 1);
    assert!(net.nodes[node].log.iter().any(|e| matches!(e, Event::PeerUnresolved { .. })));
    net.resolve("headless", Ok(vec![addr.ip()]));
    net.run(s(1));
    assert_eq!(net.nodes[node].cluster.member_count(), 2);
    // A refresh asks again.
    net.run(s(15));
    assert_eq!(net.resolving.len(), 2);
    net.resolve("nowhere", Err("no such host".into()));
    assert_eq!(net.nodes[node].cluster.stats().refresh_joins_failed.0, 1);
}

#[test]
fn lost_peers_are_forgotten_after_their_time() {
    let mut net = Net::new(2, 18);
    net.run(s(15));
    net.crash(1);
    net.run(s(100));
    assert_eq!(net.nodes[0].cluster.failed_peers(), 1);
    assert!(net.nodes[0].cluster.stats().reconnections_failed.0 > 3);
    net.nodes[0].cluster.settings.reconnect_timeout = s(900);
    net.run(s(900 + 300));
    assert_eq!(net.nodes[0].cluster.failed_peers(), 0);
}

#[test]
fn unreachable_peers_only_delay_settling() {
    let mut net = Net::new(1, 19);
    let node = net.add("b", vec![SocketAddr::from(([10, 9, 9, 9], 1))]);
    net.run(ms(19_900));
    assert!(!net.nodes[node].cluster.is_settled(), "10 s for the dial, 10 s of polls");
    net.run(ms(300));
    assert!(net.nodes[node].cluster.is_settled());
    assert_eq!(net.nodes[node].cluster.failed_peers(), 1);
    assert!(net.nodes[node].log.iter().any(|e| matches!(e, Event::JoinFailed { .. })));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let mut net = Net::new(4, seed);
        net.loss = 0.1;
        net.run(s(40));
        (net.packets, net.streams, net.trace)
    };
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

#[test]
fn fifty_nodes_meet_and_find_a_crash() {
    let mut net = Net::new(50, 20);
    net.run(s(20));
    assert!(net.nodes.iter().all(|node| node.cluster.member_count() == 50));
    net.crash(7);
    net.run(s(60));
    assert!(net.nodes.iter().enumerate().all(|(i, n)| i == 7 || n.cluster.member_count() == 49));
    assert!(net.nodes.iter().all(|node| node.left.len() <= 1 || node.addr == net.nodes[7].addr));
}

#[test]
fn plain_swim_finds_a_crash_in_a_fixed_time() {
    for seed in 0..5 {
        let mut net = Net::new(8, seed);
        for node in &mut net.nodes {
            node.cluster.settings.lifeguard = false;
        }
        net.run(s(20));
        let crash = net.now();
        net.crash(3);
        net.run(s(14));
        let found: Vec<_> =
            (0..8).filter(|&i| i != 3).map(|i| net.nodes[i].left_at(3).expect("found")).collect();
        let first = found.iter().min().expect("there are others").since(crash);
        assert!(first >= s(5) && first <= s(9), "seed {seed}: {first:?}");
        assert!(net.nodes.iter().all(|node| node.left.len() <= 1));
        assert!(net.nodes[0].cluster.stats().suspected.0 >= 1);
    }
}

#[test]
fn who_came_back_meanwhile_is_not_called_again() {
    for is_back in [false, true] {
        let mut net = Net::new(1, 23);
        let now = net.now();
        let cluster = &mut net.nodes[0].cluster;
        let away = |i: usize| SocketAddr::from(([10, 9, 9, i as u8], 1));
        for i in 0..=GOSSIP_DIALS_MAX {
            cluster.peers.on_left(now, away(i));
            cluster.dial(now, away(i), Why::Reconnect);
        }
        if is_back {
            cluster.peers.on_joined(away(GOSSIP_DIALS_MAX));
        }
        net.drain(0);
        assert_eq!(net.streams, GOSSIP_DIALS_MAX as u64);
        // The first calls end unanswered, and there is place for the one that waited.
        net.nodes[0].cluster.settings.reconnect_interval = s(1000);
        let tried = |net: &Net| {
            net.nodes[0].log.iter().any(|event| {
                matches!(event, Event::PeerUnreachable { address, .. }
                    if *address == away(GOSSIP_DIALS_MAX).to_string())
            })
        };
        net.run(s(40));
        assert_eq!(tried(&net), !is_back);
    }
}
