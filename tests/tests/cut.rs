//! Clusters whose network is cut in two, of real processes on loopback: both sides tell what comes,
//! and when the cut heals they are one cluster again and know the same.
#![allow(clippy::print_stderr, reason = "figures are told; a skipped test says so")]

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    cluster::{Member, PEER_TIMEOUT, SETTLING, Setup, free_address, original, wait, wait_ready},
    drivers::built_program,
    relay::Relay,
};
use serde_json::Value;

/// Each group is told once and then rests.
const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 5m}
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
";
/// How much later than it should a member may be.
const MARGIN: Duration = Duration::from_secs(2);
const NAMES: [&str; 3] = ["a", "b", "c"];

/// Members, each behind a relay of its own.
struct Net {
    members: Vec<Member>,
    ways: Vec<Relay>,
}

impl Net {
    fn start(executables: &[&Path]) -> Self {
        let (mut members, mut ways) = (Vec::new(), Vec::<Relay>::new());
        for (executable, name) in executables.iter().zip(NAMES) {
            let gossip = free_address();
            let way = Relay::open(gossip).expect("a free port");
            let mut flags = vec![
                format!("--cluster.advertise-address={}", way.address),
                "--cluster.reconnect-interval=1s".into(),
                "--cluster.settle-timeout=4s".into(),
            ];
            flags.extend(ways.iter().map(|other| format!("--cluster.peer={}", other.address)));
            let flags: Vec<&str> = flags.iter().map(|flag| &**flag).collect();
            let setup = Setup { executable, name, gossip, config: CONFIG, log: "debug" };
            members.push(Member::start_as(setup, &[], &flags));
            ways.push(way);
        }
        let net = Self { members, ways };
        wait_ready(&net.all());
        net
    }

    fn all(&self) -> Vec<&Member> {
        self.members.iter().collect()
    }

    /// Cuts the way between the first `left` members and the others, and waits until they know.
    fn cut(&self, left: usize) {
        let (one, other) = self.members.split_at(left);
        let (one, other): (Vec<&Member>, Vec<&Member>) =
            (one.iter().collect(), other.iter().collect());
        for (n, way) in self.ways.iter().enumerate() {
            way.cut_for(if n < left { &other } else { &one });
        }
        for side in [&one, &other] {
            wait_ready(side);
        }
    }

    fn heal(&self) {
        self.ways.iter().for_each(|way| way.cut_for(&[]));
    }

    /// Lets members have alerts, and demands who told each of them then, since it was made.
    fn tell(&self, alerts: &[(&str, &[&Member], &[&str])]) {
        for (alert, to, _) in alerts {
            to.iter().for_each(|member| member.post(alert, None));
        }
        thread::sleep(PEER_TIMEOUT * (self.members.len() as u32 - 1) + MARGIN);
        for (alert, _, expected) in alerts {
            let firing = format!("firing {alert}");
            wait(&format!("{alert} told by {expected:?}"), &self.all(), SETTLING, || {
                expected.iter().all(|name| told_by(&self.members, &firing).contains(name))
            });
            assert_eq!(told_by(&self.members, &firing), *expected, "{alert}");
        }
    }
}

/// Returns whose receivers were told something, one name for each time.
fn told_by<'a>(members: &'a [Member], text: &str) -> Vec<&'a str> {
    let by = members.iter().flat_map(|member| {
        let told = member.told().into_iter().filter(|told| told == text);
        told.map(|_| &*member.name)
    });
    by.collect()
}

fn silences(member: &Member) -> Vec<Value> {
    let mut known = member.json("/api/v2/silences").as_array().cloned().unwrap_or_default();
    known.sort_by_key(|silence| silence["id"].to_string());
    known
}

/// Cuts the first `left` members off the others. Both sides tell what comes and take silences; once
/// healed all know the same of both, and nothing is told again.
fn cut_and_heal(executables: &[&Path], left: usize) {
    let net = Net::start(executables);
    let all = net.all();
    let (one, other) = all.split_at(left);
    net.tell(&[("Whole", &all, &["a"])]);
    net.cut(left);
    let ids = [one[0].silence("OfOne"), other[0].silence("OfOther")];
    let firsts = [&*one[0].name, &*other[0].name];
    net.tell(&[
        ("Both", &all, &firsts),
        ("One", one, &firsts[..1]),
        ("Other", other, &firsts[1..]),
    ]);
    for (side, foreign) in [(one, &ids[1]), (other, &ids[0])] {
        assert!(side.iter().all(|member| member.state_of(foreign).is_empty()), "it is cut");
    }
    net.heal();
    let healed = Instant::now();
    wait_ready(&all);
    wait("all know both silences", &all, SETTLING, || {
        all.iter().all(|member| {
            let known = silences(member);
            known.len() == ids.len() && known == silences(all[0])
        })
    });
    eprintln!("{executables:?}: equal {:?} after the cut", healed.elapsed());
    // Everybody's turn comes at what one side only was told of, and whose log lacks it tells it.
    net.tell(&[
        ("Healed", &all, &["a"]),
        ("One", &all, &firsts[..1]),
        ("Other", &all, &firsts[1..]),
    ]);
}

#[test]
fn two_campanas_and_one_heal() {
    cut_and_heal(&[built_program("campana").as_path(); 3], 2);
}

#[test]
fn two_small_campanas_and_one_heal() {
    cut_and_heal(&[built_program("campana-std").as_path(); 3], 2);
}

#[test]
fn campanas_that_are_cut_off_heal() {
    cut_and_heal(&[&built_program("campana"), &built_program("campana-std")], 1);
}

#[test]
fn campana_and_alertmanager_that_are_cut_off_heal() {
    let Some(original) = original("campana-std") else { return };
    cut_and_heal(&[&original, &built_program("campana-std")], 1);
}
