//! Named cases of clusters: who sends, who stays quiet, and what a fault changes.

use std::time::Duration;

use campana_sim::{
    Behaviour, Fleet, HostSpec, Notice,
    fleet::{PAGER, config},
};

fn fleet(count: u32) -> Fleet {
    Fleet::new(1, count, &config("5s", "30s", "4h")).expect("it settles")
}

fn told(fleet: &Fleet) -> Vec<(u32, &'static str)> {
    let short = |notice: &Notice| {
        let status = if notice.firing.is_empty() { "resolved" } else { "firing" };
        (notice.from.0, status)
    };
    fleet.notices(PAGER).iter().map(short).collect()
}

#[test]
fn three_nodes_deduplicate() {
    let mut fleet = fleet(3);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(120.0);
    assert_eq!(told(&fleet), [(0, "firing")]);
    fleet.compare().expect("the same log everywhere");
    assert_eq!(fleet.world.errors(), [] as [&str; 0]);
}

#[test]
fn when_the_sender_dies_the_next_one_sends() {
    let mut fleet = fleet(3);
    fleet.world.receivers_mut().behave(PAGER, Behaviour::Hangs);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(6.0);
    assert_eq!(fleet.world.receivers().received(PAGER).len(), 1, "the first one is at it");
    let first = fleet.host(0);
    fleet.world.kill(first);
    fleet.world.receivers_mut().behave(PAGER, Behaviour::answers(200));
    fleet.run(60.0);
    assert_eq!(told(&fleet), [(1, "firing")]);
}

#[test]
fn both_sides_of_a_partition_send_and_agree_afterwards() {
    let mut fleet = fleet(3);
    fleet.cut(&[0]);
    fleet.run(20.0);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(60.0);
    assert_eq!(told(&fleet), [(0, "firing"), (1, "firing")]);
    let silence = fleet.silence(0, "Other", 7200.0).expect("made");
    fleet.run(30.0);
    assert!(!fleet.has_silence(1, &silence));
    fleet.world.network.heal();
    fleet.settle(3, Duration::from_secs(120)).expect("they find each other");
    fleet.run(90.0);
    fleet.compare().expect("the same everywhere");
    assert!(fleet.has_silence(1, &silence));
    assert_eq!(told(&fleet).len(), 2, "nobody repeats");
}

/// Upstream issues 1005 and 4008: a node whose wait ends after the others told the end must not
/// tell the beginning again.
#[test]
fn an_end_between_two_flushes_is_not_contradicted() {
    for after in [0.0, 3.0, 7.0, 14.0, 20.0, 29.0] {
        let mut fleet = fleet(3);
        fleet.post_all("Down", "a", None).expect("posted");
        fleet.run(6.0 + after);
        // The hosts hear of the end one after the other.
        for number in 0..3 {
            fleet.post(number, "Down", "a", Some(0.0)).expect("posted");
            fleet.run(4.0);
        }
        fleet.run(180.0);
        assert_eq!(told(&fleet), [(0, "firing"), (0, "resolved")], "after {after}");
    }
}

/// A node whose wait ends must not take the moment to tell what has changed since the tick.
#[test]
fn an_alert_that_joins_a_group_waits_for_the_next_tick() {
    let mut fleet = fleet(3);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(10.0);
    fleet.post_all("Down", "b", None).expect("posted");
    fleet.run(120.0);
    let notices = fleet.notices(PAGER);
    assert_eq!(told(&fleet), [(0, "firing"), (0, "firing")]);
    let span = notices[1].at.since(notices[0].at);
    assert_eq!(span, Duration::from_secs(30));
}

/// Upstream issue 4108.
#[test]
fn after_an_outage_of_the_receiver_one_node_delivers() {
    for behaviour in [Behaviour::answers(503), Behaviour::Refuses, Behaviour::answers(429)] {
        let mut fleet = fleet(3);
        fleet.world.receivers_mut().behave(PAGER, behaviour.clone());
        fleet.post_all("Down", "a", None).expect("posted");
        fleet.run(65.0);
        fleet.world.receivers_mut().behave(PAGER, Behaviour::answers(200));
        fleet.run(200.0);
        assert_eq!(told(&fleet).len(), 1, "{behaviour:?}: {:?}", told(&fleet));
    }
}

/// Who cannot reach the receiver must not keep the others from it.
#[test]
fn one_node_that_reaches_the_receiver_is_enough() {
    for (way, interval) in
        [(Behaviour::Refuses, "5m"), (Behaviour::answers(503), "30s"), (Behaviour::Hangs, "1m")]
    {
        for only in 0..3 {
            let mut fleet = Fleet::new(1, 3, &config("5s", interval, "4h")).expect("it settles");
            for other in (0..3).filter(|other| *other != only) {
                let host = fleet.host(other);
                fleet.world.receivers_mut().behave_to(host, PAGER, Some(way.clone()));
            }
            fleet.post_all("Down", "a", None).expect("posted");
            fleet.run(240.0);
            assert_eq!(told(&fleet), [(only as u32, "firing")], "{way:?}");
        }
    }
}

#[test]
fn a_silence_reaches_everybody_within_two_ticks() {
    let mut fleet = fleet(3);
    for number in 0..3 {
        let silence = fleet.silence(number, "Down", 3600.0).expect("made");
        fleet.run(0.4);
        for other in 0..3 {
            assert!(fleet.has_silence(other, &silence), "from {number} to {other}");
        }
    }
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(120.0);
    assert_eq!(told(&fleet), []);
}

/// What was muted while a node waited for its turn was not told, and must not be logged as told.
#[test]
fn an_end_that_is_muted_during_the_wait_is_not_logged_as_told() {
    let mut fleet = fleet(3);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(20.0);
    let first = fleet.host(0);
    fleet.post_all("Down", "a", Some(0.0)).expect("posted");
    // Just before its tick.
    fleet.run(14.0);
    fleet.world.kill(first);
    fleet.run(8.0);
    fleet.silence(1, "Down", 100.0).expect("made");
    fleet.run(60.0);
    assert_eq!(told(&fleet), [(0, "firing")]);
    let node = fleet.world.node(fleet.host(1)).expect("it runs");
    let (_, entry) = node.nflog().iter().next().expect("an entry");
    assert_eq!(entry.firing.len(), 1, "the log knows what was told last");
}

#[test]
fn a_storm_of_groups_is_told_once() {
    let groups = if cfg!(debug_assertions) { 1000 } else { 5000 };
    let mut fleet = fleet(3);
    for group in 0..groups {
        fleet.post_all(&format!("Down{group}"), "a", None).expect("posted");
    }
    fleet.run(4.5);
    // While the groups fire, silences are made.
    let mut late = Vec::new();
    for round in 0..20 {
        let silence = fleet.silence(round % 3, &format!("Other{round}"), 3600.0).expect("made");
        fleet.run(0.4);
        late.extend((0..3).filter(|&other| !fleet.has_silence(other, &silence)));
    }
    fleet.run(60.0);
    let told = told(&fleet);
    assert_eq!((told.len(), late.len()), (groups, 0), "notifications and late silences");
    assert!(told.iter().all(|(from, _)| *from == 0));
    fleet.compare().expect("the same log everywhere");
}

#[test]
fn a_node_that_starts_again_repeats_nothing() {
    let mut fleet = fleet(3);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(10.0);
    let first = fleet.host(0);
    fleet.world.kill(first);
    fleet.run(20.0);
    fleet.world.start(first).expect("it starts");
    fleet.run(5.0);
    fleet.post_all("Down", "a", None).expect("posted");
    fleet.run(180.0);
    assert_eq!(told(&fleet), [(0, "firing")]);
}

#[test]
fn a_hundred_nodes_find_each_other() {
    let mut fleet =
        Fleet::unsettled(1, 100, |_| HostSpec::new(config("5s", "30s", "4h"))).expect("they start");
    let took = fleet.settle(100, Duration::from_secs(120)).expect("they settle");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let digest = |seed| {
        let mut fleet = Fleet::new(seed, 3, &config("5s", "30s", "4h")).expect("it settles");
        fleet.world.network.link.loss = 0.2;
        fleet.world.network.link.repeat = 0.2;
        fleet.post_all("Down", "a", None).expect("posted");
        fleet.run(300.0);
        fleet.world.trace().digest()
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// What a host with a fast clock logged is from the future for everybody else, and still gives way
/// to what the others decide after it.
#[test]
fn a_fast_clock_freezes_no_entry() {
    for hour_ahead in 0..2u32 {
        let spec = |number| {
            let mut spec = HostSpec::new(config("5s", "30s", "4h"));
            if number == hour_ahead {
                spec.clock.offset_ns = 3_600_000_000_000;
            }
            spec
        };
        let mut fleet = Fleet::unsettled(1, 3, spec).expect("they start");
        fleet.settle(3, Duration::from_secs(120)).expect("they settle");
        let soon = Some(5400.0);
        fleet.post_all("Down", "a", soon).expect("posted");
        fleet.run(20.0);
        let silence = fleet.silence(hour_ahead as usize, "Other", 9000.0).expect("made");
        fleet.run(1.0);
        let fast = fleet.host(hour_ahead as usize);
        fleet.world.kill(fast);
        fleet.run(30.0);
        for (rest, status) in [(Some(-1.0), "resolved"), (soon, "firing"), (Some(-1.0), "resolved")]
        {
            fleet.post_all("Down", "a", rest).expect("posted");
            fleet.run(150.0);
            let last = told(&fleet).last().map(|(_, status)| *status);
            assert_eq!(last, Some(status), "{:?}", told(&fleet));
        }
        assert_eq!(told(&fleet).len(), 4, "each once: {:?}", told(&fleet));
        // Nor does it keep a silence from being ended by another host.
        fleet.expire(2, &silence).expect("ended");
        fleet.run(1.0);
        fleet.world.start(fast).expect("it starts");
        // It remembers the alert as firing, by its own clock; its senders repeat the end.
        fleet.post_all("Down", "a", Some(-1.0)).expect("posted");
        fleet.settle(3, Duration::from_secs(120)).expect("they settle");
        fleet.run(90.0);
        fleet.compare().expect("the same everywhere");
        assert_eq!(told(&fleet).len(), 4, "{:?}", told(&fleet));
    }
}

/// A cluster of three that is cut into one and two: both sides tell, and what each of them learned
/// meanwhile is known to all afterwards.
#[test]
fn a_cluster_cut_two_to_one_tells_twice_and_heals() {
    for alone in 0..3 {
        let mut fleet = fleet(3);
        fleet.post_all("Whole", "a", None).expect("posted");
        fleet.run(20.0);
        assert_eq!(told(&fleet), [(0, "firing")]);
        fleet.cut(&[alone]);
        fleet.run(20.0);
        fleet.post_all("Cut", "a", None).expect("posted");
        fleet.run(60.0);
        let other = u32::from(alone == 0);
        let mut senders: Vec<u32> = told(&fleet)[1..].iter().map(|(from, _)| *from).collect();
        senders.sort_unstable();
        let mut expected = [alone as u32, other];
        expected.sort_unstable();
        assert_eq!(senders, expected);
        let silences = [0, 1, 2].map(|n| fleet.silence(n, &format!("Other{n}"), 7200.0));
        fleet.run(5.0);
        fleet.world.network.heal();
        fleet.settle(3, Duration::from_secs(120)).expect("they find each other");
        fleet.run(90.0);
        fleet.compare().expect("the same everywhere");
        for silence in silences {
            let silence = silence.expect("made");
            assert!((0..3).all(|n| fleet.has_silence(n, &silence)));
        }
        assert_eq!(told(&fleet).len(), 3, "nobody repeats");
        fleet.post_all("Cut", "a", Some(-1.0)).expect("posted");
        fleet.run(90.0);
        assert_eq!(told(&fleet)[3..], [(0, "resolved")], "and the end is told once");
    }
}

/// The first in line dies while the others wait for their turns: the next one tells, once.
#[test]
fn a_sender_killed_mid_wait_loses_nothing() {
    for after in [4.0, 5.5, 8.0, 15.0, 19.0] {
        let mut fleet = fleet(3);
        let first = fleet.host(0);
        fleet.world.receivers_mut().behave_to(first, PAGER, Some(Behaviour::Hangs));
        fleet.post_all("Down", "a", None).expect("posted");
        fleet.run(after);
        fleet.world.kill(first);
        fleet.run(90.0);
        assert_eq!(told(&fleet), [(1, "firing")], "killed after {after}");
        fleet.compare().expect("the same log everywhere");
    }
}
